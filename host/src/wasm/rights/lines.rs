//! The lines of `plugins.toml` that grant what is missing: texts for whoever reads an error.

use serde_json::Value;

use crate::domain::grant::{Grants, Origin, PrivateNetwork, SecretGrant};
use crate::domain::plugin::PluginName;

/// The lines that grant one more HTTP pattern.
pub(in crate::wasm) fn http_lines(plugin: &PluginName, grants: &Grants, pattern: &str) -> String {
    let patterns = list(&grants.http, pattern);
    format!("to grant it write in plugins.toml:\n[plugins.{plugin}.grants]\nhttp = {patterns}")
}

/// The lines that grant a secret.
pub(in crate::wasm) fn secret_lines(plugin: &PluginName, secret: &str) -> String {
    let variable = secret.to_ascii_uppercase().replace('-', "_");
    format!(
        "to grant it write in plugins.toml:\n[plugins.{plugin}.grants.secrets]\n{secret} = \"env:{variable}\""
    )
}

/// The lines that let a secret, whose grant lists origins, go to one more.
pub(in crate::wasm) fn binding_lines(
    plugin: &PluginName,
    secret: &str,
    grant: &SecretGrant,
    origin: &str,
) -> String {
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
pub(in crate::wasm) fn permission_lines(plugin: &PluginName, grants: &Grants, permission: &str) -> String {
    let permissions = list(&grants.permissions, permission);
    format!("to grant it write in plugins.toml:\n[plugins.{plugin}.grants]\npermissions = {permissions}")
}

/// The lines that raise a limit to `value`, which is TOML.
pub(in crate::wasm) fn limit_lines(plugin: &PluginName, limit: &str, value: &str) -> String {
    format!("to allow more write in plugins.toml:\n[plugins.{plugin}.limits]\n{limit} = {value}")
}

/// The lines that let a plugin reach private addresses at one more origin.
pub(in crate::wasm) fn private_lines(plugin: &PluginName, grants: &Grants, origin: &str) -> String {
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
    use crate::domain::grant::{Permission, SecretKind, SecretSource};

    fn plugin() -> PluginName {
        "slack".parse().expect("a name")
    }

    #[test]
    fn the_lines_to_add_keep_what_is_granted() {
        let lines = http_lines(
            &plugin(),
            &Grants {
                http: vec!["GET https://a.com/".parse().expect("a pattern")],
                ..Grants::default()
            },
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
}
