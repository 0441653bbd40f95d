//! What a delivery that was given up lacked a grant for, and the line of `plugins.toml` that grants it.
//!
//! It is worked out from what was recorded of the last attempt and from what is granted now, so that the page says by itself
//! when the file has been mended.

use serde_json::Value;
use url::Url;

use crate::domain::attempt::OutboundCall;
use crate::domain::delivery::{DeliveryHistory, DeliveryState};
use crate::domain::grant::{HttpPattern, Target};
use crate::domain::plugin::PluginSpec;
use crate::http::ApiState;
use crate::wasm::{Manifest, asked_patterns, asked_secret_urls};

/// What to do about it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Mend {
    /// The requests that nothing grants, as patterns; none: all are granted by now.
    pub missing: Vec<String>,
    /// The file.
    pub file: String,
    /// The section's header, and the line to write below it.
    pub section: String,
    pub line: String,
}

impl Mend {
    /// Of a delivery; `None` when it was not given up, or no request of its last attempt went without an answer.
    #[must_use]
    pub fn of(state: &ApiState, history: &DeliveryHistory) -> Option<Self> {
        let delivery = &history.delivery;
        if delivery.state != DeliveryState::Dead {
            return None;
        }
        let specs = state.waits.specs.load();
        let spec = specs.get(&delivery.plugin)?;
        let status = state.waits.registry.status(&delivery.plugin);
        let manifest = status.and_then(|status| status.manifest);
        let calls = &history.attempts.last()?.record.calls;
        Some(Self {
            file: state.operator.path().display().to_string(),
            ..Self::judged(spec, manifest.as_ref(), calls)?
        })
    }

    fn judged(spec: &PluginSpec, manifest: Option<&Manifest>, calls: &[OutboundCall]) -> Option<Self> {
        let mut missing: Vec<String> = Vec::new();
        let mut is_granted = false;
        for call in calls.iter().filter(|call| call.status.is_none()) {
            let Ok(url) = Url::parse(&call.url) else { continue };
            let path = url.path().replace("%7B", "{").replace("%7D", "}");
            let target = target(call, &url, &path);
            if spec.grants.http.iter().any(|grant| grant.matches(&target)) {
                is_granted = true;
            } else if let Some(pattern) = grantable(spec, manifest, &target, &url)
                && !missing.contains(&pattern)
            {
                missing.push(pattern);
            }
        }
        if missing.is_empty() {
            return is_granted.then(Self::default);
        }
        let granted = spec.grants.http.iter().map(ToString::to_string);
        let patterns = granted.chain(missing.iter().cloned());
        // A text in TOML, whose basic strings take what JSON's do.
        let patterns: Vec<_> = patterns.map(|pattern| Value::from(pattern).to_string()).collect();
        Some(Self {
            section: format!("[plugins.{}.grants]", spec.name),
            line: format!("http = [{}]", patterns.join(", ")),
            missing,
            file: String::new(),
        })
    }
}

fn target<'a>(call: &'a OutboundCall, url: &'a Url, path: &'a str) -> Target<'a> {
    Target {
        method: &call.method,
        scheme: url.scheme(),
        host: url.host_str().unwrap_or_default(),
        port: url.port_or_known_default().unwrap_or_default(),
        path,
    }
}

/// The grant that would let the request out; `None` when none would, since the plugin does not ask for it.
fn grantable(
    spec: &PluginSpec,
    manifest: Option<&Manifest>,
    target: &Target<'_>,
    url: &Url,
) -> Option<String> {
    let origin = url.origin().ascii_serialization();
    let exact = format!("{} {origin}{}", target.method, target.path);
    let wide = format!("{} {origin}/**", target.method);
    let covers = |text: &String| {
        let pattern = text.parse::<HttpPattern>();
        pattern.is_ok_and(|pattern| pattern.matches(target))
    };
    let Some(manifest) = manifest else {
        return [exact, wide].into_iter().find(covers);
    };
    // Where the configuration comes from variables, what is asked for is not known here.
    let is_known = !spec.config.to_string().contains("\"env:");
    let asked = asked_patterns(manifest, &spec.config).unwrap_or_default();
    if !is_known || asked.iter().any(|pattern| pattern.matches(target)) {
        return [exact, wide].into_iter().find(covers);
    }
    // The path of a URL that is a secret is one itself.
    let secrets = asked_secret_urls(manifest, &spec.config).unwrap_or_default();
    let is_asked = |method: &str| method == "*" || method == target.method;
    let is_secret = secrets.iter().any(|(method, _)| is_asked(method));
    Some(wide).filter(|text| is_secret && covers(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(url: &str, status: Option<u16>) -> OutboundCall {
        OutboundCall {
            at_ms: 1,
            method: "POST".to_owned(),
            url: url.to_owned(),
            status,
            duration_ms: 1,
            error: None,
        }
    }

    fn spec(grants: &[&str]) -> PluginSpec {
        let name = "notes".parse().expect("a name");
        let mut spec = PluginSpec::named(name, std::path::PathBuf::new());
        let grants = grants.iter().map(|text| text.parse().expect("a grant"));
        spec.grants.http = grants.collect();
        spec
    }

    #[test]
    fn the_line_keeps_what_is_granted_and_adds_what_is_missing() {
        let calls = [
            call("https://a.example/notes?q=1", None),
            call("https://a.example/notes", None),
            call("https://b.example/", Some(200)),
            call("no url", None),
        ];
        let granted = spec(&["GET https://a.example/**"]);
        let mend = Mend::judged(&granted, None, &calls).expect("something");
        assert_eq!(mend.missing, ["POST https://a.example/notes"]);
        assert_eq!(mend.section, "[plugins.notes.grants]");
        assert_eq!(
            mend.line,
            "http = [\"GET https://a.example/**\", \"POST https://a.example/notes\"]"
        );
        let mended = spec(&["GET https://a.example/**", "POST https://a.example/notes"]);
        assert_eq!(Mend::judged(&mended, None, &calls), Some(Mend::default()));
        assert_eq!(Mend::judged(&mended, None, &calls[2..]), None);
    }
}
