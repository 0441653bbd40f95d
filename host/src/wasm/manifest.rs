//! What a plugin says about itself, checked.

use serde::Serialize;
use serde_json::{Map, Value};

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
/// Largest schema, in bytes.
const MAX_SCHEMA_BYTES: usize = 64 << 10;
/// Most secrets, patterns, permissions or actions: a list a person can still read.
const MAX_ITEMS: usize = 100;

impl Manifest {
    /// Checks names, sizes and schemas; the error says which part is wrong and how.
    pub(super) fn check(&self) -> Result<(), String> {
        name("name", &self.name)?;
        text("version", &self.version, MAX_NAME_BYTES)?;
        text("summary", &self.summary, MAX_TEXT_BYTES)?;
        schema("config-schema", &self.config_schema)?;
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
        for action in &self.actions {
            name("actions", &action.name)?;
            text("actions.summary", &action.summary, MAX_TEXT_BYTES)?;
            schema(
                &format!("actions.{}.input-schema", action.name),
                &action.input_schema,
            )?;
        }
        unique("actions", self.actions.iter().map(|action| action.name.as_str()))
    }

    /// The secret of this name, if the plugin asks for it.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<&SecretAsk> {
        self.secrets.iter().find(|secret| secret.name == name)
    }

    /// Checks the arguments of an action. The error says what is wrong, for the person who sent
    /// them; an unknown action names those there are.
    pub fn check_input(&self, action: &str, input: &Value) -> Result<(), String> {
        let Some(found) = self.actions.iter().find(|offered| offered.name == action) else {
            let offered: Vec<_> = self.actions.iter().map(|action| action.name.as_str()).collect();
            return Err(format!(
                "there is no action `{action}`; the plugin offers: {}",
                if offered.is_empty() {
                    "none".to_owned()
                } else {
                    offered.join(", ")
                }
            ));
        };
        let schema = parse_schema("input-schema", &found.input_schema)?;
        violations(&schema, input, "input").map_or(Ok(()), Err)
    }

    /// The configuration with the schema's top-level defaults filled in, checked against the
    /// schema. The error names each wrong key within `[plugins.NAME.config]`.
    pub(super) fn complete_config(&self, plugin: &str, config: &Value) -> Result<Map<String, Value>, String> {
        let schema = parse_schema("config-schema", &self.config_schema)?;
        let mut config = config.as_object().cloned().unwrap_or_default();
        if let Some(Value::Object(properties)) = schema.get("properties") {
            for (key, property) in properties {
                if let (None, Some(default)) = (config.get(key), property.get("default")) {
                    config.insert(key.clone(), default.clone());
                }
            }
        }
        let whole = Value::Object(config);
        if let Some(wrong) = violations(&schema, &whole, "") {
            return Err(format!(
                "[plugins.{plugin}.config] does not fit the plugin: {wrong}"
            ));
        }
        match whole {
            Value::Object(config) => Ok(config),
            _ => Ok(Map::new()),
        }
    }
}

/// Most violations told at once.
const MAX_VIOLATIONS: usize = 5;

fn violations(schema: &Value, instance: &Value, root: &str) -> Option<String> {
    let validator = match validator(schema) {
        Ok(validator) => validator,
        Err(why) => return Some(why),
    };
    let told: Vec<String> = validator
        .iter_errors(instance)
        .take(MAX_VIOLATIONS)
        .map(|error| {
            let path = error.instance_path().to_string().replace('/', ".");
            let path = format!("{root}{path}");
            match path.trim_start_matches('.') {
                "" => error.to_string(),
                path => format!("`{path}`: {error}"),
            }
        })
        .collect();
    (!told.is_empty()).then(|| super::text::tidy(&told.join("; "), MAX_TEXT_BYTES))
}

fn validator(schema: &Value) -> Result<jsonschema::Validator, String> {
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .build(schema)
        .map_err(|e| format!("the schema is not a JSON Schema: {e}"))
}

fn parse_schema(what: &str, schema: &str) -> Result<Value, String> {
    serde_json::from_str(schema).map_err(|e| format!("`{what}` is not JSON: {e}"))
}

fn schema(what: &str, schema: &str) -> Result<(), String> {
    if schema.len() > MAX_SCHEMA_BYTES {
        return Err(format!("`{what}` is larger than {MAX_SCHEMA_BYTES} bytes"));
    }
    let value = parse_schema(what, schema)?;
    if !value.is_object() {
        return Err(format!("`{what}` must be a JSON object"));
    }
    validator(&value)
        .map(drop)
        .map_err(|why| format!("`{what}`: {why}"))
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

    const SCHEMA: &str = r#"{"type":"object","additionalProperties":false,"required":["channel"],
        "properties":{"channel":{"type":"string"},"api-base":{"type":"string","default":"https://a.com"}}}"#;

    #[test]
    fn defaults_are_filled_in_and_given_values_win() {
        let manifest = manifest(SCHEMA);
        manifest.check().expect("well-formed");
        let config = manifest
            .complete_config("x", &serde_json::json!({"channel": "#c"}))
            .expect("fits");
        assert_eq!(config["api-base"], "https://a.com");
    }

    #[test]
    fn a_wrong_key_is_named_with_its_section() {
        let manifest = manifest(SCHEMA);
        let wrong = manifest
            .complete_config("x", &serde_json::json!({"channel": 7, "chanel": "#c"}))
            .expect_err("does not fit");
        assert!(wrong.contains("[plugins.x.config]"), "{wrong}");
        assert!(wrong.contains("`channel`") && wrong.contains("chanel"), "{wrong}");
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
