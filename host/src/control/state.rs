//! Commands about what plugins keep.

use anyhow::ensure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Answer;
use crate::app::App;
use crate::domain::plugin::PluginName;

/// Keys removed between two looks at the list.
const CLEAR_BATCH: u32 = 500;

/// What can be asked about a plugin's state.
#[derive(Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum StateRequest {
    /// The keys that begin with `prefix`, after `after`.
    List {
        plugin: String,
        prefix: String,
        after: Option<String>,
        limit: u32,
    },
    Get {
        plugin: String,
        key: String,
    },
    Delete {
        plugin: String,
        key: String,
    },
    /// Removes every key that begins with `prefix`.
    Clear {
        plugin: String,
        prefix: String,
    },
}

pub(super) async fn execute(app: &App, request: StateRequest) -> anyhow::Result<Answer> {
    match request {
        StateRequest::List {
            plugin,
            prefix,
            after,
            limit,
        } => list(app, &plugin, &prefix, after.as_deref(), limit).await,
        StateRequest::Get { plugin, key } => get(app, &plugin, &key).await,
        StateRequest::Delete { plugin, key } => delete(app, &plugin, &key).await,
        StateRequest::Clear { plugin, prefix } => clear(app, &plugin, &prefix).await,
    }
}

async fn list(
    app: &App,
    plugin: &str,
    prefix: &str,
    after: Option<&str>,
    limit: u32,
) -> anyhow::Result<Answer> {
    let plugin: PluginName = plugin.parse()?;
    let mut entries = Vec::new();
    for key in app.store.state_keys(&plugin, prefix, after, limit).await? {
        // Between the two looks the plugin may have removed it.
        if let Some(entry) = app.store.state_get(&plugin, &key).await? {
            entries.push(json!({ "key": key, "bytes": entry.value.len(), "version": entry.version }));
        }
    }
    Answer::of(&entries)
}

async fn get(app: &App, plugin: &str, key: &str) -> anyhow::Result<Answer> {
    let plugin: PluginName = plugin.parse()?;
    let entry = app.store.state_get(&plugin, key).await?;
    let entry = entry.ok_or_else(|| anyhow::anyhow!("{plugin} keeps nothing under `{key}`"))?;
    let text = String::from_utf8(entry.value.clone()).ok();
    Answer::of(&json!({
        "key": key,
        "version": entry.version,
        "bytes": entry.value.len(),
        "text": text,
        "base64": STANDARD.encode(&entry.value),
    }))
}

async fn delete(app: &App, plugin: &str, key: &str) -> anyhow::Result<Answer> {
    let plugin: PluginName = plugin.parse()?;
    ensure!(
        app.store.state_delete(&plugin, key).await?,
        "{plugin} keeps nothing under `{key}`"
    );
    Answer::of(&json!({ "removed": 1 }))
}

/// A plugin that is not in `plugins.toml` any more may have left something too.
async fn clear(app: &App, plugin: &str, prefix: &str) -> anyhow::Result<Answer> {
    let plugin: PluginName = plugin.parse()?;
    let mut removed = 0_u64;
    let mut after = None;
    loop {
        let keys = app
            .store
            .state_keys(&plugin, prefix, after.as_deref(), CLEAR_BATCH)
            .await?;
        for key in &keys {
            removed += u64::from(app.store.state_delete(&plugin, key).await?);
        }
        // Onward, so that a plugin that writes meanwhile cannot keep this going.
        match keys.into_iter().last() {
            Some(last) => after = Some(last),
            None => return Answer::of(&json!({ "removed": removed })),
        }
    }
}
