//! Effective rights: what the manifest asks for **and** what the operator grants. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use url::Url;

use super::manifest::{Manifest, SecretKind};
use crate::domain::grant::{Grants, HttpPattern, Origin, Permission, PrivateNetwork, SecretGrant, Target};
use crate::domain::plugin::PluginName;

/// Something the manifest asks to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Pattern(HttpPattern),
    /// Requests with this method (`None`: any) to the URL that the secret holds.
    SecretUrl {
        method: Option<String>,
        secret: String,
    },
}

impl Ask {
    /// Whether this pattern has this mark of a secret in its path.
    pub(super) fn names(&self, mark: &str) -> bool {
        matches!(self, Self::Pattern(pattern) if pattern.to_string().contains(mark))
    }

    /// Whether this covers a request whose URL came from `secret_url`, if it did.
    pub(super) fn covers(&self, target: &Target<'_>, secret_url: Option<&str>) -> bool {
        match self {
            Self::Pattern(pattern) => pattern.matches(target),
            Self::SecretUrl { method, secret } => {
                secret_url == Some(secret) && method.as_deref().is_none_or(|method| method == target.method)
            }
        }
    }
}

/// The manifest's patterns with `{config:KEY}` filled in.
pub(super) fn asks(manifest: &Manifest, config: &Map<String, Value>) -> Result<Vec<Ask>, String> {
    manifest
        .http
        .iter()
        .map(|text| ask(manifest, config, text))
        .collect()
}

/// The patterns that a manifest asks for under this configuration, short of secret URLs.
///
/// # Errors
/// When the configuration lacks what a pattern needs.
pub fn asked_patterns(manifest: &Manifest, config: &Value) -> Result<Vec<HttpPattern>, String> {
    let asks = completed_asks(manifest, config)?.into_iter();
    Ok(asks
        .filter_map(|ask| match ask {
            Ask::Pattern(pattern) => Some(pattern),
            Ask::SecretUrl { .. } => None,
        })
        .collect())
}

/// The methods (`*`: any) of requests that a manifest asks to send to URLs in secrets, with the secrets'
/// names. Only who knows the URL can say which grant that takes.
///
/// # Errors
/// As [`asked_patterns`]'s.
pub fn asked_secret_urls(manifest: &Manifest, config: &Value) -> Result<Vec<(String, String)>, String> {
    let asks = completed_asks(manifest, config)?.into_iter();
    Ok(asks
        .filter_map(|ask| match ask {
            Ask::Pattern(_) => None,
            Ask::SecretUrl { method, secret } => Some((method.unwrap_or_else(|| "*".to_owned()), secret)),
        })
        .collect())
}

fn completed_asks(manifest: &Manifest, config: &Value) -> Result<Vec<Ask>, String> {
    let config = config.as_object().cloned().unwrap_or_default();
    let config = manifest.check()?.complete_config(&manifest.name, config)?;
    asks(manifest, &config)
}

fn ask(manifest: &Manifest, config: &Map<String, Value>, text: &str) -> Result<Ask, String> {
    if let Some((method, url)) = text.split_once(' ')
        && let Some(name) = url
            .trim()
            .strip_prefix("{secret:")
            .and_then(|rest| rest.strip_suffix('}'))
    {
        if manifest
            .secret(name)
            .is_none_or(|secret| secret.kind != SecretKind::Url)
        {
            return Err(format!(
                "`http` has `{text}`, but the manifest asks for no secret `{name}` of kind url"
            ));
        }
        return Ok(Ask::SecretUrl {
            method: (method != "*").then(|| method.to_owned()),
            secret: name.to_owned(),
        });
    }
    check_secrets_in_path(manifest, text)?;
    fill_config(config, text)?
        .parse()
        .map(Ask::Pattern)
        .map_err(|e| format!("`http` has a malformed pattern: {e}"))
}

/// A secret in a path must be one that has a text to put there.
fn check_secrets_in_path(manifest: &Manifest, text: &str) -> Result<(), String> {
    for rest in text.split("{secret:").skip(1) {
        let name = rest.split('}').next().unwrap_or_default();
        let asked = manifest.secret(name);
        if asked.is_none_or(|secret| secret.kind == SecretKind::Url) {
            return Err(format!(
                "`http` has `{text}`, but the manifest asks for no secret `{name}` that can stand in a path"
            ));
        }
    }
    Ok(())
}

fn fill_config(config: &Map<String, Value>, text: &str) -> Result<String, String> {
    const OPEN: &str = "{config:";
    let mut filled = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(OPEN) {
        filled.push_str(&rest[..at]);
        let after = &rest[at + OPEN.len()..];
        let end = after
            .find('}')
            .ok_or_else(|| format!("`http` has `{text}`, where a }} is missing"))?;
        let key = &after[..end];
        let value = config.get(key).and_then(Value::as_str).ok_or_else(|| {
            format!("`http` has `{text}`, but the configuration has no text `{key}` and the schema no default for it")
        })?;
        filled.push_str(value.trim_end_matches('/'));
        rest = &after[end + 1..];
    }
    filled.push_str(rest);
    Ok(filled)
}

/// What the manifest asks for and the operator has not granted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Missing {
    /// Without these the plugin can do nothing.
    pub(super) required: Vec<String>,
    /// Things to tell; the plugin may do without.
    pub(super) warnings: Vec<String>,
}

/// Compares asks with grants; each text ends with the lines to add. `urls` has what is known of the URLs in
/// secrets.
pub(super) fn missing(
    plugin: &PluginName,
    manifest: &Manifest,
    asks: &[Ask],
    grants: &Grants,
    urls: &BTreeMap<String, Url>,
) -> Missing {
    let mut missing = Missing::default();
    for secret in &manifest.secrets {
        // The description of an optional one says when it is needed.
        if !secret.required || grants.secrets.contains_key(&secret.name) {
            continue;
        }
        missing.required.push(format!(
            "the secret `{}` ({}) is not granted; {}",
            secret.name,
            secret.description,
            secret_lines(plugin, &secret.name)
        ));
    }
    for ask in asks {
        match ask {
            Ask::Pattern(pattern) if covered(pattern, grants) => {}
            Ask::Pattern(pattern) => {
                let lines = http_lines(plugin, grants, &pattern.to_string());
                missing
                    .warnings
                    .push(format!("`{pattern}` is asked for and not granted; {lines}"));
            }
            Ask::SecretUrl { method, secret } => {
                let method = method.as_deref().unwrap_or("*");
                let url = urls.get(secret);
                if grants.secrets.contains_key(secret) && !leads_to_a_grant(method, url, grants) {
                    missing
                        .warnings
                        .push(secret_url_warning(plugin, method, secret, url, grants));
                }
            }
        }
    }
    for permission in &manifest.permissions {
        match permission_of(permission) {
            Some(known) if grants.permissions.contains(&known) => {}
            Some(_) => missing.warnings.push(format!(
                "the permission `{permission}` is asked for and not granted; {}",
                permission_lines(plugin, grants, permission)
            )),
            None => missing.warnings.push(format!(
                "the permission `{permission}` is asked for, which this version of Hookyard does not know"
            )),
        }
    }
    missing
}

/// Secrets that the operator takes for something else than the manifest does.
pub(super) fn misunderstood(plugin: &PluginName, manifest: &Manifest, grants: &Grants) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, grant) in &grants.secrets {
        let Some(asked) = manifest.secret(name).map(|ask| ask.kind) else {
            continue;
        };
        let at = format!("[plugins.{plugin}.grants.secrets.{name}]");
        if let Some(kind) = grant.kind.filter(|kind| *kind != asked) {
            wrong.push(format!(
                "{at} says `kind = \"{kind}\"`, but the plugin asks for a secret of kind {asked}; write `kind = \
                 \"{asked}\"` or leave it out, and name a value of that kind"
            ));
        }
        if grant.scopes.is_some() && asked != SecretKind::GoogleServiceAccount {
            wrong.push(format!(
                "{at} has `scopes`, which only a secret of kind {} takes, and the plugin asks for kind {asked}; \
                 leave it out",
                SecretKind::GoogleServiceAccount
            ));
        }
    }
    wrong
}

/// The permission of this name.
pub(super) fn permission_of(name: &str) -> Option<Permission> {
    name.parse().ok()
}

/// Whether some grant covers what `ask` stands for, judged by one sample request: stars become
/// sample segments, which only a grant as wide as the ask covers.
fn covered(ask: &HttpPattern, grants: &Grants) -> bool {
    let text = ask.to_string();
    let Some((method, url)) = text.split_once(' ') else {
        return false;
    };
    let method = if method == "*" { "ANY" } else { method };
    let url = url.replace("**", "a/b").replace("*.", "a.").replace('*', "a");
    let Ok(url) = url::Url::parse(&url) else {
        return false;
    };
    let target = Target {
        method,
        scheme: url.scheme(),
        host: url.host_str().unwrap_or(""),
        port: url.port_or_known_default().unwrap_or(0),
        path: &url.path().replace("%7B", "{").replace("%7D", "}"),
    };
    grants.http.iter().any(|grant| grant.matches(&target))
}

/// Whether some grant is for the URL in a secret. While its value is not known, every grant of the method
/// may be.
fn leads_to_a_grant(method: &str, url: Option<&Url>, grants: &Grants) -> bool {
    let Some(url) = url else {
        let granted = grants.http.iter().map(ToString::to_string);
        return granted
            .filter_map(|grant| Some(grant.split_once(' ')?.0.to_owned()))
            .any(|granted| granted == "*" || granted == method);
    };
    let target = Target {
        method: if method == "*" { "ANY" } else { method },
        scheme: url.scheme(),
        host: url.host_str().unwrap_or(""),
        port: url.port_or_known_default().unwrap_or(0),
        path: url.path(),
    };
    grants.http.iter().any(|grant| grant.matches(&target))
}

/// Tells no more of the URL than its origin, which is what a grant names.
fn secret_url_warning(
    plugin: &PluginName,
    method: &str,
    secret: &str,
    url: Option<&Url>,
    grants: &Grants,
) -> String {
    let origin = url.map_or_else(
        || "https://HOST".to_owned(),
        |url| url.origin().ascii_serialization(),
    );
    let pattern = format!("{method} {origin}/**");
    let lines = http_lines(plugin, grants, &pattern);
    format!(
        "the URL in the secret `{secret}` leads where nothing is granted, so that every request to it is refused; {lines}"
    )
}

/// The lines that grant one more HTTP pattern.
pub(super) fn http_lines(plugin: &PluginName, grants: &Grants, pattern: &str) -> String {
    let patterns = list(&grants.http, pattern);
    format!("to grant it write in plugins.toml:\n[plugins.{plugin}.grants]\nhttp = {patterns}")
}

/// The lines that grant a secret.
pub(super) fn secret_lines(plugin: &PluginName, secret: &str) -> String {
    let variable = secret.to_ascii_uppercase().replace('-', "_");
    format!(
        "to grant it write in plugins.toml:\n[plugins.{plugin}.grants.secrets]\n{secret} = \"env:{variable}\""
    )
}

/// The lines that let a secret, whose grant lists origins, go to one more.
pub(super) fn binding_lines(plugin: &PluginName, secret: &str, grant: &SecretGrant, origin: &str) -> String {
    let mut fields = vec![format!("from = {}", quoted(&grant.source.to_string()))];
    if let Some(kind) = grant.kind {
        fields.push(format!("kind = {}", quoted(kind.as_str())));
    }
    if let Some(scopes) = &grant.scopes {
        let scopes: Vec<String> = scopes.iter().map(|scope| quoted(scope)).collect();
        fields.push(format!("scopes = [{}]", scopes.join(", ")));
    }
    let origins = grant.to.as_deref().unwrap_or_default();
    fields.push(format!("to = {}", list(origins, origin)));
    format!(
        "to allow it write in plugins.toml:\n[plugins.{plugin}.grants.secrets]\n{secret} = {{ {} }}",
        fields.join(", ")
    )
}

/// The lines that grant a permission.
pub(super) fn permission_lines(plugin: &PluginName, grants: &Grants, permission: &str) -> String {
    let permissions = list(&grants.permissions, permission);
    format!("to grant it write in plugins.toml:\n[plugins.{plugin}.grants]\npermissions = {permissions}")
}

/// The lines that raise a limit to `value`, which is TOML.
pub(super) fn limit_lines(plugin: &PluginName, limit: &str, value: &str) -> String {
    format!("to allow more write in plugins.toml:\n[plugins.{plugin}.limits]\n{limit} = {value}")
}

/// The lines that let a plugin reach private addresses at one more origin.
pub(super) fn private_lines(plugin: &PluginName, grants: &Grants, origin: &str) -> String {
    let origins = match &grants.private_network {
        PrivateNetwork::Only(origins) => list(origins, origin),
        // `true` stays: it covers the origin.
        PrivateNetwork::All => "true".to_owned(),
        PrivateNetwork::None => list::<Origin>(&[], origin),
    };
    format!("to allow it write in plugins.toml:\n[plugins.{plugin}.grants]\nprivate-network = {origins}")
}

/// A list of what is there and one more, in TOML.
fn list<'a, T: ToString + 'a>(there: impl IntoIterator<Item = &'a T>, more: &str) -> String {
    let items = there
        .into_iter()
        .map(ToString::to_string)
        .chain([more.to_owned()]);
    let items: Vec<String> = items.map(|item| quoted(&item)).collect();
    format!("[{}]", items.join(", "))
}

/// A text in TOML, whose basic strings take what JSON's do.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::grant::SecretSource;

    fn plugin() -> PluginName {
        "slack".parse().expect("a name")
    }

    fn grants(http: &[&str]) -> Grants {
        Grants {
            http: http.iter().map(|text| text.parse().expect("a pattern")).collect(),
            ..Grants::default()
        }
    }

    fn pattern(text: &str) -> HttpPattern {
        text.parse().expect("a pattern")
    }

    #[test]
    fn only_a_grant_as_wide_as_the_ask_covers_it() {
        let ask = pattern("POST https://slack.com/api/*");
        assert!(covered(&ask, &grants(&["POST https://slack.com/api/*"])));
        assert!(covered(&ask, &grants(&["* https://slack.com/**"])));
        assert!(!covered(
            &ask,
            &grants(&["POST https://slack.com/api/chat.postMessage"])
        ));
        assert!(!covered(
            &pattern("* https://*.a.com/**"),
            &grants(&["POST https://*.a.com/**"])
        ));
    }

    #[test]
    fn a_url_in_a_secret_needs_a_grant_where_it_leads() {
        let url: Url = "https://hooks.example.com/services/x".parse().expect("a URL");
        let granted = grants(&["POST https://hooks.example.com/services/**"]);
        assert!(leads_to_a_grant("POST", Some(&url), &granted));
        assert!(!leads_to_a_grant("*", Some(&url), &granted));
        assert!(!leads_to_a_grant(
            "POST",
            Some(&url),
            &grants(&["POST https://example.com/**"])
        ));
        assert!(leads_to_a_grant("POST", None, &granted));
        assert!(!leads_to_a_grant("GET", None, &granted) && !leads_to_a_grant("POST", None, &grants(&[])));
        let told = secret_url_warning(&plugin(), "POST", "hook", Some(&url), &grants(&[]));
        assert!(
            told.ends_with("http = [\"POST https://hooks.example.com/**\"]") && !told.contains("services"),
            "{told}"
        );
    }

    #[test]
    fn the_lines_to_add_keep_what_is_granted() {
        let lines = http_lines(
            &plugin(),
            &grants(&["GET https://a.com/"]),
            "POST https://b.com/x",
        );
        assert!(
            lines.ends_with(
                "[plugins.slack.grants]\nhttp = [\"GET https://a.com/\", \"POST https://b.com/x\"]"
            ),
            "{lines}"
        );
    }

    #[test]
    fn no_line_to_add_takes_away_what_is_there() {
        let origin = |text: &str| text.parse::<Origin>().expect("an origin");
        let mut grants = Grants {
            permissions: [Permission::ReadProcesses].into(),
            private_network: PrivateNetwork::Only(vec![origin("http://a.test:81")]),
            ..Grants::default()
        };
        let lines = permission_lines(&plugin(), &grants, "own-authorization");
        assert!(
            lines.ends_with("permissions = [\"read-processes\", \"own-authorization\"]"),
            "{lines}"
        );
        let lines = private_lines(&plugin(), &grants, "http://b.test");
        assert!(
            lines.ends_with("private-network = [\"http://a.test:81\", \"http://b.test\"]"),
            "{lines}"
        );
        grants.private_network = PrivateNetwork::All;
        let lines = private_lines(&plugin(), &grants, "http://b.test");
        assert!(lines.ends_with("private-network = true"), "{lines}");
        let secret = SecretGrant {
            to: Some(vec![origin("https://a.test")]),
            kind: Some(SecretKind::GoogleServiceAccount),
            scopes: Some(vec!["s".to_owned()]),
            ..SecretGrant::of(SecretSource::File("/run/key \"1\".json".into()))
        };
        let lines = binding_lines(&plugin(), "key", &secret, "https://b.test");
        let (_, toml) = lines.split_once(":\n").expect("lines");
        let toml: toml::Table = toml.parse().expect("TOML");
        let key = &toml["plugins"]["slack"]["grants"]["secrets"]["key"];
        assert_eq!(key["from"].as_str(), Some("file:/run/key \"1\".json"));
        assert_eq!(key["kind"].as_str(), Some("google-service-account"));
        assert_eq!(key["to"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn config_keys_are_filled_in() {
        let config = serde_json::json!({"base": "http://127.0.0.1:8/api/"});
        let config = config.as_object().expect("an object");
        assert_eq!(
            fill_config(config, "POST {config:base}/x").expect("filled"),
            "POST http://127.0.0.1:8/api/x"
        );
        assert!(
            fill_config(config, "POST {config:none}/x")
                .expect_err("no key")
                .contains("`none`")
        );
    }
}
