//! What of a schema a form can ask for.

use serde_json::{Map, Value};

/// What makes a schema more than a list of properties.
const COMPOSED: [&str; 8] = [
    "$ref",
    "$dynamicRef",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "patternProperties",
];

/// What a schema takes, as far as a form can ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Password,
    Number,
    Choice,
    Lines,
    Group,
    Json,
}

/// A property of an object.
pub struct Property<'a> {
    pub name: &'a str,
    pub schema: &'a Value,
    pub is_required: bool,
}

/// The properties of an object, those that it needs first; `None` where a list of them is not all there is to it.
#[must_use]
pub fn properties(schema: &Value) -> Option<Vec<Property<'_>>> {
    let schema = schema.as_object()?;
    if COMPOSED.iter().any(|word| schema.contains_key(*word)) || type_of(schema) != Some("object") {
        return None;
    }
    let needed = schema.get("required").and_then(Value::as_array);
    let needs = |name: &str| needed.is_some_and(|needed| needed.iter().any(|word| word == name));
    let listed = schema.get("properties").and_then(Value::as_object);
    let listed = listed.into_iter().flatten();
    let mut properties: Vec<_> = listed
        .map(|(name, schema)| Property {
            name,
            schema,
            is_required: needs(name),
        })
        .collect();
    // With nothing listed and anything allowed only JSON can say it.
    if properties.is_empty() && schema.get("additionalProperties") != Some(&Value::Bool(false)) {
        return None;
    }
    properties.sort_by_key(|property| !property.is_required);
    Some(properties)
}

/// The one type beside null.
fn type_of(schema: &Map<String, Value>) -> Option<&str> {
    match schema.get("type")? {
        Value::String(word) => Some(word),
        Value::Array(words) => {
            let mut others = words
                .iter()
                .filter_map(Value::as_str)
                .filter(|word| *word != "null");
            others.next().filter(|_| others.next().is_none())
        }
        _ => None,
    }
}

impl Property<'_> {
    /// What it takes, so deep in the arguments.
    #[must_use]
    pub fn kind(&self, depth: usize) -> Kind {
        let Some(schema) = self.schema.as_object() else {
            return Kind::Json;
        };
        if COMPOSED.iter().any(|word| schema.contains_key(*word)) {
            return Kind::Json;
        }
        let is_plain = |value: &Value| !value.is_object() && !value.is_array();
        if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
            return if choices.iter().all(is_plain) {
                Kind::Choice
            } else {
                Kind::Json
            };
        }
        let is_hidden = schema.get("writeOnly") == Some(&Value::Bool(true))
            || schema.get("format").is_some_and(|format| format == "password");
        match type_of(schema) {
            Some("string") if is_hidden => Kind::Password,
            Some("string") => Kind::Text,
            Some("integer" | "number") => Kind::Number,
            Some("boolean") => Kind::Choice,
            Some("array") if takes_texts(schema) => Kind::Lines,
            Some("object") if depth == 0 && properties(self.schema).is_some_and(|own| !own.is_empty()) => {
                Kind::Group
            }
            _ => Kind::Json,
        }
    }

    /// What may be chosen: what `enum` lists, or yes and no.
    #[must_use]
    pub fn choices(&self) -> Vec<Value> {
        let listed = self.schema.get("enum").and_then(Value::as_array).cloned();
        listed.unwrap_or_else(|| vec![Value::Bool(true), Value::Bool(false)])
    }

    /// A text that the schema says of it; empty when it does not.
    #[must_use]
    pub fn text(&self, word: &str) -> String {
        let text = self.schema.get(word).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    }

    /// Its default as the form has it.
    #[must_use]
    pub fn default(&self, kind: Kind) -> String {
        let Some(default) = self.schema.get("default") else {
            return String::new();
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        match kind {
            Kind::Text => text(default).unwrap_or_default(),
            // What is hidden when it is entered is not shown before.
            Kind::Password => String::new(),
            Kind::Lines => {
                let lines = default.as_array().into_iter().flatten();
                lines.filter_map(text).collect::<Vec<_>>().join("\n")
            }
            Kind::Number | Kind::Choice | Kind::Group | Kind::Json => default.to_string(),
        }
    }
}

/// Whether a list takes nothing but texts, of no kind that one line could not be.
fn takes_texts(schema: &Map<String, Value>) -> bool {
    let items = schema.get("items").and_then(Value::as_object);
    items.is_some_and(|items| type_of(items) == Some("string") && !items.contains_key("enum"))
}
