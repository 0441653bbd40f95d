//! How the last backup went: the last delivery of each plugin that may read the stored scripts.

use serde_json::Value;
use url::Url;

use super::super::layout::Layout;
use super::super::place;
use super::super::say::When;
use crate::domain::grant::Permission;
use crate::domain::page::PageRequest;
use crate::domain::plugin::PluginName;
use crate::domain::replay::DeliveryFilter;
use crate::domain::time::Timestamp;
use crate::http::{ApiState, Problem};

/// A plugin that reads the scripts, with its last delivery.
pub struct Backup {
    pub plugin: String,
    pub plugin_href: String,
    /// `None` before it was ever asked.
    pub last: Option<LastBackup>,
}

/// A delivery of such a plugin.
pub struct LastBackup {
    pub state: &'static str,
    pub event_href: String,
    pub when: When,
    /// What the plugin said, or why it failed.
    pub text: String,
    /// Where it says that what it wrote can be seen.
    pub href: Option<String>,
}

/// One for each plugin with that permission.
pub async fn gather(state: &ApiState, layout: &Layout, now: Timestamp) -> Result<Vec<Backup>, Problem> {
    let specs = state.waits.specs.load_full();
    let reads = |permissions: &std::collections::BTreeSet<Permission>| {
        permissions.contains(&Permission::ReadProcesses)
    };
    let mut backups = Vec::new();
    for spec in specs.values().filter(|spec| reads(&spec.grants.permissions)) {
        backups.push(Backup {
            plugin: spec.name.to_string(),
            plugin_href: layout.link(&place::plugin(spec.name.as_str())),
            last: last(state, layout, &spec.name, now).await?,
        });
    }
    Ok(backups)
}

async fn last(
    state: &ApiState,
    layout: &Layout,
    plugin: &PluginName,
    now: Timestamp,
) -> Result<Option<LastBackup>, Problem> {
    let filter = DeliveryFilter {
        plugin: Some(plugin.clone()),
        ..DeliveryFilter::default()
    };
    let newest = PageRequest { page: 1, size: 1 };
    let found = state.store.delivery_list(&filter, newest).await?.items;
    let Some(listed) = found.into_iter().next() else {
        return Ok(None);
    };
    let detail = state.store.delivery_detail(listed.delivery.id).await?;
    let attempts = detail.map(|detail| detail.history.attempts);
    let record = attempts
        .and_then(|mut attempts| attempts.pop())
        .map(|attempt| attempt.record);
    let href = record
        .as_ref()
        .and_then(|record| address_in(record.output.as_deref()?));
    let text = record.and_then(|record| record.summary.or(record.error));
    let delivery = listed.delivery;
    Ok(Some(LastBackup {
        state: delivery.state.as_str(),
        event_href: layout.link(&format!(
            "/admin/events/{}/#delivery-{}",
            delivery.event, delivery.id
        )),
        when: When::of(delivery.finished_at.unwrap_or(delivery.created_at), now),
        text: text.or(delivery.last_error).unwrap_or_default(),
        href,
    }))
}

/// The member `url` of an output, where it is an address that a person may follow: a plugin wrote it.
fn address_in(output: &str) -> Option<String> {
    let output: Value = serde_json::from_str(output).ok()?;
    let url = Url::parse(output.get("url")?.as_str()?).ok()?;
    ["http", "https"].contains(&url.scheme()).then(|| url.to_string())
}

#[cfg(test)]
mod tests {
    use super::address_in;

    #[test]
    fn only_addresses_of_pages_are_followed() {
        let of = |url: &str| address_in(&serde_json::json!({ "url": url }).to_string());
        assert_eq!(
            of("https://github.com/a/b").as_deref(),
            Some("https://github.com/a/b")
        );
        for wrong in ["javascript:alert(1)", "data:text/html,x", "", "/a"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        assert_eq!(address_in("[]"), None);
        assert_eq!(address_in("no"), None);
    }
}
