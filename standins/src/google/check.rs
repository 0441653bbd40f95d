//! A request against its schema, as Google's front end checks it: unknown names, wrong types, wrong enum
//! values, two members of a union. What passes is normalised, so that the code behind meets one form only.

use serde_json::{Map, Number, Value, json};

use super::contract::{Contract, Family, Method};
use super::mask::camel;
use super::refusal::{Outcome, Refusal};

/// Violations told at once; Google lists several, and a test needs few.
const VIOLATIONS_MAX: usize = 10;

/// How deep a body may nest: deeper than any of Google's messages, far from the end of the stack.
const DEPTH_MAX: usize = 60;

/// Objects of which exactly one field may be set.
const UNIONS: [&str; 5] = [
    "Request",
    "ExtendedValue",
    "ColorStyle",
    "DataFilter",
    "DeveloperMetadataLocation",
];

struct Checker<'a> {
    contract: &'a Contract,
    family: Family,
    violations: Vec<(String, String)>,
}

/// Checks a body against the method's schema and gives it in normal form.
pub fn body(contract: &Contract, method: &Method, bytes: &[u8]) -> Outcome<Value> {
    let Some(schema) = &method.request else {
        return Ok(Value::Null);
    };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(json!({}));
    }
    let sent: Value = serde_json::from_slice(bytes).map_err(|_| {
        let text = String::from_utf8_lossy(bytes);
        let line: String = text.chars().take(60).collect();
        Refusal::violations(&[(
            String::new(),
            format!("Invalid JSON payload received. Unexpected token.\n{line}\n^"),
        )])
    })?;
    let mut checker = Checker {
        contract,
        family: method.family,
        violations: Vec::new(),
    };
    // Where one field of Google's message is the body, refusals name fields from the message on.
    let at = if schema == "ValueRange" { "data" } else { "" };
    let normal = checker.value(&json!({ "$ref": schema }), sent, at, 0);
    match (checker.violations.is_empty(), normal) {
        (true, Some(normal)) => Ok(normal),
        (true, None) => Ok(json!({})),
        (false, _) => Err(Refusal::violations(&checker.violations)),
    }
}

impl Checker<'_> {
    fn value(&mut self, schema: &Value, sent: Value, at: &str, depth: usize) -> Option<Value> {
        if depth > DEPTH_MAX {
            return self.wrong(at, "", &sent);
        }
        let named = schema["$ref"].as_str().unwrap_or_default();
        let contract = self.contract;
        let schema = match contract.schema(self.family, named) {
            Some(schema) if !named.is_empty() => schema,
            _ => schema,
        };
        match (schema["type"].as_str().unwrap_or("object"), sent) {
            ("any", sent) => Some(sent),
            (_, Value::Null) => None,
            ("object", Value::Object(fields)) => Some(self.object(schema, named, fields, at, depth)),
            ("array", Value::Array(items)) => {
                let mut kept = Vec::with_capacity(items.len());
                for (index, item) in items.into_iter().enumerate() {
                    if item.is_null() && schema["items"]["type"] == "any" {
                        kept.push(Value::Null);
                    } else if let Some(item) =
                        self.value(&schema["items"], item, &format!("{at}[{index}]"), depth + 1)
                    {
                        kept.push(item);
                    }
                    if self.violations.len() >= VIOLATIONS_MAX {
                        return None;
                    }
                }
                Some(Value::Array(kept))
            }
            ("string", Value::String(text)) => self.text(schema, text, at),
            ("string", Value::Number(_)) if schema.get("enum").is_some() => {
                self.wrong(at, "TYPE_ENUM", &sent_back(schema))
            }
            ("boolean", Value::Bool(sent)) => Some(Value::Bool(sent)),
            ("integer", sent) => match whole(&sent) {
                Some(number) => Some(json!(number)),
                None => self.wrong(at, "TYPE_INT32", &sent),
            },
            ("number", sent) => match decimal(&sent) {
                Some(number) => Some(Value::Number(number)),
                None => self.wrong(at, float_type(schema), &sent),
            },
            ("string", sent) => self.wrong(at, "TYPE_STRING", &sent),
            ("boolean", sent) => self.wrong(at, "TYPE_BOOL", &sent),
            ("array", sent) if schema["items"]["type"] == "array" => {
                self.wrong(at, "type.googleapis.com/google.protobuf.ListValue", &sent)
            }
            (_, sent) => {
                let kind = format!(
                    "type.googleapis.com/google.apps.{}",
                    if named.is_empty() { "Message" } else { named }
                );
                self.wrong(at, &kind, &sent)
            }
        }
    }

    fn object(
        &mut self,
        schema: &Value,
        named: &str,
        fields: Map<String, Value>,
        at: &str,
        depth: usize,
    ) -> Value {
        let mut kept = Map::new();
        for (name, sent) in fields {
            let known = camel(&name);
            let inner = path(at, &snake(&known));
            let named_field = schema["properties"].get(&known);
            let Some(field) = named_field.or_else(|| schema.get("additionalProperties")) else {
                self.unknown(&name, at);
                continue;
            };
            if let Some(value) = self.value(field, sent, &inner, depth + 1) {
                kept.insert(known, value);
            }
        }
        if UNIONS.contains(&named) && kept.len() > 1 {
            let second = kept.keys().nth(1).cloned().unwrap_or_default();
            let text =
                format!("Invalid value at '{at}' (oneof), oneof field is already set. Cannot set '{second}'");
            self.violations.push((at.to_owned(), text));
        }
        Value::Object(kept)
    }

    fn text(&mut self, schema: &Value, text: String, at: &str) -> Option<Value> {
        if let Some(allowed) = schema["enum"].as_array()
            && !allowed.iter().any(|value| *value == text)
        {
            let name = at.rsplit('.').next().unwrap_or(at);
            let name = camel(&format!("_{name}"));
            let kind = format!("type.googleapis.com/google.apps.{}", title(&name));
            return self.wrong(at, &kind, &Value::String(text));
        }
        if matches!(schema["format"].as_str(), Some("int64" | "uint64")) && text.parse::<i128>().is_err() {
            return self.wrong(at, "TYPE_INT64", &Value::String(text));
        }
        Some(Value::String(text))
    }

    fn unknown(&mut self, name: &str, at: &str) {
        let place = if at.is_empty() {
            String::new()
        } else {
            format!(" at '{at}'")
        };
        let text =
            format!("Invalid JSON payload received. Unknown name \"{name}\"{place}: Cannot find field.");
        self.violations.push((at.to_owned(), text));
    }

    fn wrong(&mut self, at: &str, kind: &str, sent: &Value) -> Option<Value> {
        let text = format!("Invalid value at '{at}' ({kind}), {sent}");
        self.violations.push((at.to_owned(), text));
        None
    }
}

/// What an enum sent as a number reads as in the refusal: the numbers are not part of the description.
fn sent_back(schema: &Value) -> Value {
    schema["enum"][0].clone()
}

fn float_type(schema: &Value) -> &'static str {
    if schema["format"] == "float" {
        "TYPE_FLOAT"
    } else {
        "TYPE_DOUBLE"
    }
}

fn path(at: &str, name: &str) -> String {
    if at.is_empty() {
        name.to_owned()
    } else {
        format!("{at}.{name}")
    }
}

/// `sheetId` as `sheet_id`, as Google names fields in refusals.
pub fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// A name with a capital first letter.
pub fn title(name: &str) -> String {
    let mut chars = name.chars();
    chars
        .next()
        .map(|first| first.to_ascii_uppercase().to_string() + chars.as_str())
        .unwrap_or_default()
}

/// A 32-bit whole number in any form that JSON of protocol buffers takes: `1`, `1.0`, `"1"`.
fn whole(sent: &Value) -> Option<i64> {
    let number = match sent {
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64()?;
            (float.fract() == 0.0).then(|| format!("{float:.0}").parse().ok())?
        })?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    i32::try_from(number).is_ok().then_some(number)
}

fn decimal(sent: &Value) -> Option<Number> {
    match sent {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => Number::from_f64(text.parse().ok()?),
        _ => None,
    }
}
