//! A manifest's schemas, compiled once for each build.

use std::collections::BTreeMap;

use jsonschema::Validator;
use serde_json::{Map, Value};

/// Largest schema, in bytes.
const MAX_SCHEMA_BYTES: usize = 64 << 10;
/// Most violations told at once.
const MAX_VIOLATIONS: usize = 5;
/// Longest text about violations, in bytes.
const MAX_TOLD_BYTES: usize = 2_000;

/// The schemas of one manifest.
#[derive(Debug)]
pub(super) struct Schemas {
    pub(super) config: Schema,
    /// By action.
    pub(super) inputs: BTreeMap<String, Schema>,
}

/// One schema, ready to use.
#[derive(Debug)]
pub(super) struct Schema {
    /// What is filled in where a top-level key is not given.
    defaults: Map<String, Value>,
    validator: Validator,
}

impl Schema {
    /// Compiles a schema; the error begins with `what`. Takes a while: not for async threads.
    pub(super) fn compile(what: &str, text: &str) -> Result<Self, String> {
        if text.len() > MAX_SCHEMA_BYTES {
            return Err(format!("`{what}` is larger than {MAX_SCHEMA_BYTES} bytes"));
        }
        let schema: Value = serde_json::from_str(text).map_err(|e| format!("`{what}` is not JSON: {e}"))?;
        if !schema.is_object() {
            return Err(format!("`{what}` must be a JSON object"));
        }
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .build(&schema)
            .map_err(|e| format!("`{what}`: the schema is not a JSON Schema: {e}"))?;
        let properties = schema.get("properties").and_then(Value::as_object);
        let defaults = properties
            .into_iter()
            .flatten()
            .filter_map(|(key, property)| Some((key.clone(), property.get("default")?.clone())))
            .collect();
        Ok(Self { defaults, validator })
    }

    /// Fills in the defaults of top-level keys that are not there.
    fn complete(&self, config: &mut Map<String, Value>) {
        for (key, default) in &self.defaults {
            config.entry(key).or_insert_with(|| default.clone());
        }
    }

    /// What of `instance` does not fit, each with its path below `root`.
    fn violations(&self, instance: &Value, root: &str) -> Option<String> {
        let told: Vec<String> = self
            .validator
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
        (!told.is_empty()).then(|| super::text::tidy(&told.join("; "), MAX_TOLD_BYTES))
    }
}

impl Schemas {
    /// Checks the arguments of an action. The error says what is wrong, for the person who sent
    /// them; an unknown action names those there are.
    pub(super) fn check_input(&self, action: &str, input: &Value) -> Result<(), String> {
        let Some(schema) = self.inputs.get(action) else {
            let offered: Vec<_> = self.inputs.keys().map(String::as_str).collect();
            let offered = if offered.is_empty() {
                "none".to_owned()
            } else {
                offered.join(", ")
            };
            return Err(format!(
                "there is no action `{action}`; the plugin offers: {offered}"
            ));
        };
        schema.violations(input, "input").map_or(Ok(()), Err)
    }

    /// The configuration with the schema's top-level defaults filled in, checked against the
    /// schema. The error names each wrong key within `[plugins.NAME.config]`.
    pub(super) fn complete_config(
        &self,
        plugin: &str,
        mut config: Map<String, Value>,
    ) -> Result<Map<String, Value>, String> {
        self.config.complete(&mut config);
        let whole = Value::Object(config);
        if let Some(wrong) = self.config.violations(&whole, "") {
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

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{"type":"object","additionalProperties":false,"required":["channel"],
        "properties":{"channel":{"type":"string"},"api-base":{"type":"string","default":"https://a.com"}}}"#;

    fn complete(config: &Value) -> Result<Map<String, Value>, String> {
        let schemas = Schemas {
            config: Schema::compile("config-schema", SCHEMA).expect("well-formed"),
            inputs: BTreeMap::new(),
        };
        schemas.complete_config("x", config.as_object().cloned().unwrap_or_default())
    }

    #[test]
    fn defaults_are_filled_in_and_given_values_win() {
        let config = complete(&serde_json::json!({"channel": "#c"})).expect("fits");
        assert_eq!(config["api-base"], "https://a.com");
        let given = serde_json::json!({"channel": "#c", "api-base": "https://b.com"});
        assert_eq!(complete(&given).expect("fits")["api-base"], "https://b.com");
    }

    #[test]
    fn a_wrong_key_is_named_with_its_section() {
        let wrong = complete(&serde_json::json!({"channel": 7, "chanel": "#c"})).expect_err("does not fit");
        assert!(wrong.contains("[plugins.x.config]"), "{wrong}");
        assert!(wrong.contains("`channel`") && wrong.contains("chanel"), "{wrong}");
    }
}
