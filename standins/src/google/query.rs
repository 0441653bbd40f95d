//! The query of a request against the method's parameters.

use std::collections::BTreeMap;

use serde_json::Value;

use super::check::{snake, title};
use super::contract::{Contract, Family, Method};
use super::mask::{Mask, camel};
use super::refusal::{Outcome, Refusal};

/// The query of a request, checked.
#[derive(Clone, Debug, Default)]
pub struct Query {
    given: BTreeMap<String, Vec<String>>,
}

impl Query {
    /// Reads and checks a query string; `warnings` gets what Drive ignores in silence.
    pub fn read(method: &Method, text: &str, warnings: &mut Vec<String>) -> Outcome<Self> {
        let mut query = Self::default();
        let mut violations = Vec::new();
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            let known = if name.starts_with('$') {
                name.to_string()
            } else {
                camel(&name)
            };
            let found = method
                .parameters
                .get(&known)
                .filter(|found| found["location"] == "query");
            match (found, method.family) {
                (None, Family::Sheets) => violations.push((String::new(), format!(
                    "Invalid JSON payload received. Unknown name \"{name}\": Cannot bind query parameter. Field '{name}' could not be found in request message."
                ))),
                (None, Family::Drive) => warnings.push(format!("Drive ignores the unknown parameter {name}")),
                (Some(schema), _) => {
                    if let Some(text) = wrong_parameter(schema, &known, &value) {
                        violations.push((snake(&known), text));
                    }
                    let values = query.given.entry(known).or_default();
                    if schema["repeated"] != true {
                        values.clear();
                    }
                    values.push(value.into_owned());
                }
            }
        }
        if violations.is_empty() {
            Ok(query)
        } else {
            Err(Refusal::violations(&violations))
        }
    }

    /// The value of a parameter.
    pub fn one(&self, name: &str) -> Option<&str> {
        self.all(name).first().map(String::as_str)
    }

    /// Every value of a repeated parameter.
    pub fn all(&self, name: &str) -> &[String] {
        self.given.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a parameter is true; absent is false.
    pub fn flag(&self, name: &str) -> bool {
        self.one(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }

    /// The mask of the answer, checked against the answer's schema.
    pub fn fields(&self, contract: &Contract, method: &Method) -> Outcome<Option<Mask>> {
        let Some(text) = self.one("fields").filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let refused = |path: &str| match method.family {
            Family::Sheets => Refusal::violations(&[(
                path.to_owned(),
                format!("Error expanding 'fields' parameter. Cannot find matching fields for path '{path}'."),
            )]),
            Family::Drive => Refusal::invalid(format!("Invalid field selection {path}"))
                .reason("invalidParameter")
                .at("parameter", "fields"),
        };
        let mask = Mask::parse(text).ok_or_else(|| refused(text))?;
        let unknown = method
            .response
            .as_deref()
            .and_then(|schema| contract.unknown_in_mask(method.family, schema, &mask));
        match unknown {
            Some(path) => Err(refused(&path)),
            None => Ok(Some(mask)),
        }
    }
}

fn wrong_parameter(schema: &Value, name: &str, value: &str) -> Option<String> {
    let at = snake(name);
    match (schema["type"].as_str(), schema["enum"].as_array()) {
        (_, Some(allowed)) if !allowed.iter().any(|known| *known == value) => Some(format!(
            "Invalid value at '{at}' (type.googleapis.com/google.apps.{}), \"{value}\"",
            title(name)
        )),
        (Some("boolean"), _)
            if !["true", "false", "1", "0"].contains(&value.to_ascii_lowercase().as_str()) =>
        {
            Some(format!("Invalid value at '{at}' (TYPE_BOOL), \"{value}\""))
        }
        (Some("integer"), _) if value.parse::<i32>().is_err() => {
            Some(format!("Invalid value at '{at}' (TYPE_INT32), \"{value}\""))
        }
        _ => None,
    }
}
