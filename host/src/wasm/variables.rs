//! `env:NAME` in a plugin's configuration: the value of a variable, put in before the schema check.

use serde_json::{Map, Value};

use crate::domain::grant::SecretSource;
use crate::domain::plugin::PluginSpec;
use crate::environment::Environment;

/// The configuration with each text that is `env:NAME` as a whole replaced by that variable.
///
/// # Errors
/// A variable that is not set, or that holds one of the plugin's secrets: a plugin sees its
/// configuration, and never a secret. The text names the key, the variable and the mend.
pub(super) fn filled_in(spec: &PluginSpec, environment: &Environment) -> Result<Map<String, Value>, String> {
    let mut config = spec.config.as_object().cloned().unwrap_or_default();
    for (key, value) in &mut config {
        fill(spec, environment, key, value)?;
    }
    Ok(config)
}

fn fill(spec: &PluginSpec, environment: &Environment, path: &str, value: &mut Value) -> Result<(), String> {
    match value {
        Value::String(text) => {
            if let Some(name) = variable(text) {
                *text = look_up(spec, environment, path, name)?;
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                fill(spec, environment, &format!("{path}.{at}"), item)?;
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                fill(spec, environment, &format!("{path}.{key}"), item)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// The NAME of `env:NAME`, where a name is `[A-Z_][A-Z0-9_]*`.
fn variable(text: &str) -> Option<&str> {
    let name = text.strip_prefix("env:")?;
    let fits = name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && name
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    fits.then_some(name)
}

fn look_up(spec: &PluginSpec, environment: &Environment, path: &str, name: &str) -> Result<String, String> {
    let plugin = &spec.name;
    let source = SecretSource::Env(name.to_owned());
    if spec.grants.secrets.values().any(|grant| grant.source == source) {
        return Err(format!(
            "[plugins.{plugin}.config] `{path}` is \"env:{name}\", which is granted as a secret; a plugin sees its \
             configuration, so name the secret in the grants alone"
        ));
    }
    let value = environment.get(name).ok_or_else(|| {
        format!(
            "[plugins.{plugin}.config] `{path}` is \"env:{name}\", but the variable {name} is not set; set it in the \
             environment or in .env and restart, or write the value itself in plugins.toml"
        )
    })?;
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_text_with_a_variables_name_stands_for_one() {
        assert_eq!(variable("env:SLACK_USER_ID"), Some("SLACK_USER_ID"));
        assert_eq!(variable("env:_A1"), Some("_A1"));
        for other in [
            "env:",
            "env:1A",
            "env:lower",
            "env:A-B",
            "see env:A",
            " env:A",
            "A",
        ] {
            assert_eq!(variable(other), None, "{other}");
        }
    }
}
