//! What a plugin says about itself, checked.

use serde::Serialize;

use super::schema::{Schema, Schemas};

/// A plugin's manifest. Once its check has passed, its names and schemas are well-formed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Manifest {
    pub name: String,
    pub version: String,
    pub summary: String,
    /// JSON Schema of `[plugins.NAME.config]`, JSON text.
    pub config_schema: String,
    pub secrets: Vec<SecretAsk>,
    /// Patterns as written, with `{config:KEY}` and `{secret:NAME}` not filled in.
    pub http: Vec<String>,
    pub permissions: Vec<String>,
    pub actions: Vec<Action>,
    pub batches: bool,
}

/// A secret the plugin asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SecretAsk {
    pub name: String,
    pub kind: SecretKind,
    pub description: String,
    pub required: bool,
    /// For a service account: the OAuth scopes its token is asked for by default.
    pub scopes: Vec<String>,
}

/// How the host treats a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretKind {
    Plain,
    Url,
    /// A Google service account's key file, traded for access tokens.
    GoogleServiceAccount,
    /// A GitHub App's private key, traded for installation tokens.
    GithubApp,
}

/// Something a person can ask the plugin to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Action {
    pub name: String,
    pub summary: String,
    /// JSON Schema of the arguments, JSON text.
    pub input_schema: String,
}

/// Longest name, version or permission, in bytes.
const MAX_NAME_BYTES: usize = 64;
/// Longest summary, description or HTTP pattern, in bytes.
const MAX_TEXT_BYTES: usize = 2_000;
/// Most secrets, patterns, permissions or actions: a list a person can still read.
const MAX_ITEMS: usize = 100;

impl Manifest {
    /// Checks names and sizes and compiles the schemas; the error says which part is wrong and how.
    /// Takes a while: not for async threads.
    pub(super) fn check(&self) -> Result<Schemas, String> {
        name("name", &self.name)?;
        text("version", &self.version, MAX_NAME_BYTES)?;
        text("summary", &self.summary, MAX_TEXT_BYTES)?;
        let config = Schema::compile("config-schema", &self.config_schema)?;
        count("secrets", self.secrets.len())?;
        count("http", self.http.len())?;
        count("permissions", self.permissions.len())?;
        count("actions", self.actions.len())?;
        for secret in &self.secrets {
            name("secrets", &secret.name)?;
            text("secrets.description", &secret.description, MAX_TEXT_BYTES)?;
            count("secrets.scopes", secret.scopes.len())?;
            for scope in &secret.scopes {
                text("secrets.scopes", scope, MAX_TEXT_BYTES)?;
            }
        }
        unique("secrets", self.secrets.iter().map(|secret| secret.name.as_str()))?;
        for pattern in &self.http {
            text("http", pattern, MAX_TEXT_BYTES)?;
        }
        for permission in &self.permissions {
            name("permissions", permission)?;
        }
        unique("actions", self.actions.iter().map(|action| action.name.as_str()))?;
        let inputs = self.actions.iter().map(|action| {
            name("actions", &action.name)?;
            text("actions.summary", &action.summary, MAX_TEXT_BYTES)?;
            let what = format!("actions.{}.input-schema", action.name);
            Ok((action.name.clone(), Schema::compile(&what, &action.input_schema)?))
        });
        Ok(Schemas {
            config,
            inputs: inputs.collect::<Result<_, String>>()?,
        })
    }

    /// The secret of this name, if the plugin asks for it.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<&SecretAsk> {
        self.secrets.iter().find(|secret| secret.name == name)
    }
}

fn name(what: &str, name: &str) -> Result<(), String> {
    let fits = (1..=MAX_NAME_BYTES).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if fits {
        return Ok(());
    }
    let shown = super::text::tidy(name, MAX_NAME_BYTES + 16);
    Err(format!(
        "`{what}` has the name `{shown}`; a name is 1 to 64 of a-z, 0-9 and -, beginning with a letter"
    ))
}

fn text(what: &str, text: &str, max: usize) -> Result<(), String> {
    if text.len() <= max && !text.contains('\0') {
        return Ok(());
    }
    Err(format!("`{what}` is longer than {max} bytes or has a NUL"))
}

fn count(what: &str, count: usize) -> Result<(), String> {
    if count <= MAX_ITEMS {
        return Ok(());
    }
    Err(format!(
        "`{what}` has {count} entries; at most {MAX_ITEMS} are allowed"
    ))
}

fn unique<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(format!("`{what}` names `{name}` twice"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(schema: &str) -> Manifest {
        Manifest {
            name: "x".to_owned(),
            version: "1".to_owned(),
            summary: String::new(),
            config_schema: schema.to_owned(),
            secrets: Vec::new(),
            http: Vec::new(),
            permissions: Vec::new(),
            actions: Vec::new(),
            batches: false,
        }
    }

    #[test]
    fn malformed_parts_are_named() {
        let mut bad = manifest("{}");
        bad.name = "No Good".to_owned();
        assert!(bad.check().expect_err("bad name").contains("`name`"));
        assert!(
            manifest("[")
                .check()
                .expect_err("bad schema")
                .contains("`config-schema`")
        );
        assert!(manifest(r#"{"type":7}"#).check().is_err());
    }
}
