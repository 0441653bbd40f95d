//! Effective rights: what the manifest asks for **and** what the operator grants. Pure.

mod asks;
mod lines;

use std::collections::BTreeMap;

use url::Url;

pub(super) use self::asks::{Ask, asks};
pub use self::asks::{asked_patterns, asked_secret_urls};
pub(super) use self::lines::{
    binding_lines, http_lines, limit_lines, permission_lines, private_lines, secret_lines,
};
use super::manifest::{Manifest, SecretKind};
use crate::domain::grant::{Grants, HttpPattern, Permission, Target};
use crate::domain::plugin::PluginName;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
