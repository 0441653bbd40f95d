//! What a plugin asks for, what it was given, and what of it it used lately.

use url::Url;

use super::super::say;
use crate::domain::attempt::OutboundCall;
use crate::domain::grant::{Grants, PrivateNetwork, SecretGrant, Target};
use crate::wasm::Manifest;

/// Rights, side by side.
pub struct Rights {
    /// What the manifest asks to send, as it says so.
    pub asked: Vec<String>,
    pub requests: Vec<RequestRight>,
    /// Requests of late that no grant covers by now; empty when there was none.
    pub uncovered: String,
    pub secrets: Vec<SecretRight>,
    pub permissions: Vec<PermissionRight>,
    pub private_network: String,
}

/// A grant to send requests.
pub struct RequestRight {
    pub pattern: String,
    /// How many requests of late it covers.
    pub used: String,
}

/// A secret that is asked for, given, or both.
pub struct SecretRight {
    pub name: String,
    /// Its kind, and whether the plugin can do without; empty when it is not asked for.
    pub asked: String,
    pub description: String,
    /// Where its value comes from, never the value; empty when it is not given.
    pub given: String,
}

/// The same of a permission.
pub struct PermissionRight {
    pub name: String,
    pub is_asked: bool,
    pub is_given: bool,
}

impl Rights {
    /// Of a plugin with this manifest, if it is loaded, and these grants; `calls` are its requests of late.
    #[must_use]
    pub fn of(manifest: Option<&Manifest>, grants: &Grants, calls: &[OutboundCall]) -> Self {
        let uncovered = calls.iter().filter(|call| !is_covered(grants, call)).count();
        let requests = grants.http.iter().map(|pattern| RequestRight {
            used: say::count(calls.iter().filter(|call| covers(pattern, call)).count() as u64),
            pattern: pattern.to_string(),
        });
        Self {
            asked: manifest.map_or_else(Vec::new, |said| said.http.clone()),
            requests: requests.collect(),
            uncovered: if uncovered == 0 {
                String::new()
            } else {
                say::count(uncovered as u64)
            },
            secrets: secrets(manifest, grants),
            permissions: permissions(manifest, grants),
            private_network: match &grants.private_network {
                PrivateNetwork::None => "no".to_owned(),
                PrivateNetwork::All => "all origins granted above".to_owned(),
                PrivateNetwork::Only(origins) => {
                    let origins: Vec<_> = origins.iter().map(ToString::to_string).collect();
                    origins.join(", ")
                }
            },
        }
    }
}

fn is_covered(grants: &Grants, call: &OutboundCall) -> bool {
    grants.http.iter().any(|pattern| covers(pattern, call))
}

fn covers(pattern: &crate::domain::grant::HttpPattern, call: &OutboundCall) -> bool {
    let Ok(url) = Url::parse(&call.url) else {
        return false;
    };
    pattern.matches(&Target {
        method: &call.method,
        scheme: url.scheme(),
        host: url.host_str().unwrap_or_default(),
        port: url.port_or_known_default().unwrap_or_default(),
        path: url.path(),
    })
}

fn secrets(manifest: Option<&Manifest>, grants: &Grants) -> Vec<SecretRight> {
    let asks = manifest.map_or(&[][..], |said| said.secrets.as_slice());
    let asked = asks.iter().map(|ask| SecretRight {
        asked: format!(
            "{}, {}",
            ask.kind,
            if ask.required { "needed" } else { "optional" }
        ),
        description: ask.description.clone(),
        given: grants.secrets.get(&ask.name).map_or_else(String::new, given),
        name: ask.name.clone(),
    });
    let others = grants.secrets.iter();
    let others = others.filter(|(name, _)| !asks.iter().any(|ask| ask.name == **name));
    let others = others.map(|(name, grant)| SecretRight {
        name: name.clone(),
        asked: String::new(),
        description: String::new(),
        given: given(grant),
    });
    asked.chain(others).collect()
}

fn given(grant: &SecretGrant) -> String {
    match &grant.to {
        None => grant.source.to_string(),
        Some(origins) => {
            let origins: Vec<_> = origins.iter().map(ToString::to_string).collect();
            format!("{}, only to {}", grant.source, origins.join(", "))
        }
    }
}

fn permissions(manifest: Option<&Manifest>, grants: &Grants) -> Vec<PermissionRight> {
    let asked = manifest.map_or(&[][..], |said| said.permissions.as_slice());
    let given = grants.permissions.iter().map(|permission| permission.as_str());
    let mut names: Vec<&str> = asked.iter().map(String::as_str).chain(given.clone()).collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .map(|name| PermissionRight {
            name: name.to_owned(),
            is_asked: asked.iter().any(|word| word == name),
            is_given: given.clone().any(|word| word == name),
        })
        .collect()
}
