//! A body against its schema, in the words of GitHub's validator.

use serde_json::{Map, Value};

/// How deep schemas refer to each other before it must be a mistake: GitHub's bodies have three levels.
const DEPTH_MAX: usize = 16;

/// What is wrong with a body, one sentence each; nothing when it is as described.
#[must_use]
pub fn check(schema: &Value, components: &Value, body: &Value) -> Vec<String> {
    let mut checker = Checker {
        components,
        wrong: Vec::new(),
    };
    checker.value(schema, body, "", 0);
    checker.wrong
}

/// The members of a body that its schema does not name; GitHub ignores them.
#[must_use]
pub fn unknown(schema: &Value, body: &Map<String, Value>) -> Vec<String> {
    let Some(properties) = schema["properties"].as_object() else {
        return Vec::new();
    };
    body.keys()
        .filter(|name| !properties.contains_key(*name))
        .map(|name| format!("unknown member {name:?}, ignored"))
        .collect()
}

struct Checker<'a> {
    components: &'a Value,
    wrong: Vec<String>,
}

impl<'a> Checker<'a> {
    fn value(&mut self, schema: &'a Value, value: &Value, at: &str, depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }
        let schema = self.resolved(schema);
        if value.is_null() && schema["nullable"] == true {
            return;
        }
        if let Some(options) = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
            return self.any(options, value, at, depth);
        }
        if let Some(kind) = schema["type"].as_str()
            && !is(kind, value)
        {
            self.wrong
                .push(format!("{}{} is not {}.", place(at), shown(value), article(kind)));
            return;
        }
        if let Some(allowed) = schema["enum"].as_array()
            && !allowed.contains(value)
        {
            let allowed: Vec<String> = allowed.iter().map(shown).collect();
            self.wrong.push(format!(
                "{}{} is not a member of [{}].",
                place(at),
                shown(value),
                allowed.join(", ")
            ));
        }
        match value {
            Value::Object(members) => self.object(schema, members, at, depth),
            Value::Array(items) if schema["items"].is_object() => {
                for item in items {
                    self.value(&schema["items"], item, &format!("{at}/items"), depth + 1);
                }
            }
            _ => {}
        }
    }

    fn object(&mut self, schema: &'a Value, members: &Map<String, Value>, at: &str, depth: usize) {
        let mut missing: Vec<String> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .filter(|name| !members.contains_key(*name))
            .map(|name| format!("{name:?}"))
            .collect();
        missing.sort();
        match missing.len() {
            0 => {}
            1 => self
                .wrong
                .push(format!("{} wasn't supplied.", missing.join(", "))),
            _ => self
                .wrong
                .push(format!("{} weren't supplied.", missing.join(", "))),
        }
        for (name, value) in members {
            let schema = &schema["properties"][name];
            if schema.is_object() {
                self.value(schema, value, &format!("{at}/properties/{name}"), depth + 1);
            }
        }
    }

    fn any(&mut self, options: &'a [Value], value: &Value, at: &str, depth: usize) {
        let fits = options.iter().any(|option| {
            let mut inner = Checker {
                components: self.components,
                wrong: Vec::new(),
            };
            inner.value(option, value, at, depth + 1);
            inner.wrong.is_empty()
        });
        if !fits {
            self.wrong.push("No subschema in \"anyOf\" matched.".to_owned());
        }
    }

    fn resolved(&self, schema: &'a Value) -> &'a Value {
        schema["$ref"]
            .as_str()
            .and_then(|reference| reference.strip_prefix("#/components"))
            .and_then(|pointer| self.components.pointer(pointer))
            .unwrap_or(schema)
    }
}

fn place(at: &str) -> String {
    match at.strip_prefix('/') {
        Some(at) => format!("For '{at}', "),
        None => String::new(),
    }
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

fn article(kind: &str) -> String {
    match kind.chars().next() {
        Some('a' | 'i' | 'o') => format!("an {kind}"),
        _ => format!("a {kind}"),
    }
}

/// A value as the validator shows it, which is written in Ruby.
fn shown(value: &Value) -> String {
    if value.is_null() {
        "nil".to_owned()
    } else {
        value.to_string()
    }
}
