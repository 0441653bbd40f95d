//! What the operator grants and the manifest does not ask for. It has no effect (rights are what both say), but would
//! have one for the next build that asks. Pure.

use super::manifest::Manifest;
use super::rights::Ask;
use crate::domain::grant::{Grants, Origin};

/// Each needless grant, as it is written in `plugins.toml`.
pub(super) fn unneeded(manifest: &Manifest, asks: &[Ask], grants: &Grants) -> Vec<String> {
    let mut unneeded = Vec::new();
    let asked = |origin: &Origin| {
        asks.iter().any(|ask| match ask {
            Ask::Pattern(pattern) => pattern.origin().overlaps(origin),
            // The URL in a secret may lead anywhere.
            Ask::SecretUrl { .. } => true,
        })
    };
    for pattern in grants.http.iter().filter(|pattern| !asked(pattern.origin())) {
        unneeded.push(format!("http = [\"{pattern}\"]"));
    }
    for name in grants.secrets.keys() {
        if manifest.secret(name).is_none() {
            unneeded.push(format!("secrets.{name}"));
        }
    }
    for permission in &grants.permissions {
        let word = permission.as_str();
        if !manifest.permissions.iter().any(|asked| asked == word) {
            unneeded.push(format!("permissions = [\"{word}\"]"));
        }
    }
    unneeded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::grant::{HttpPattern, Permission};

    fn manifest() -> Manifest {
        Manifest {
            name: "echo".to_owned(),
            version: "1".to_owned(),
            summary: String::new(),
            config_schema: "{}".to_owned(),
            secrets: Vec::new(),
            http: Vec::new(),
            permissions: Vec::new(),
            actions: Vec::new(),
            batches: false,
        }
    }

    #[test]
    fn what_is_not_asked_for_is_named_as_it_is_written() {
        let pattern = |text: &str| text.parse::<HttpPattern>().expect("a pattern");
        let grants = Grants {
            http: vec![pattern("GET https://a.com/**"), pattern("GET https://b.com/**")],
            permissions: [Permission::ReadProcesses].into(),
            ..Grants::default()
        };
        let asks = [Ask::Pattern(pattern("GET https://a.com/x"))];
        assert_eq!(
            unneeded(&manifest(), &asks, &grants),
            [
                "http = [\"GET https://b.com/**\"]",
                "permissions = [\"read-processes\"]"
            ]
        );
        let anywhere = [Ask::SecretUrl {
            method: None,
            secret: "url".to_owned(),
        }];
        assert_eq!(unneeded(&manifest(), &anywhere, &grants).len(), 1);
    }
}
