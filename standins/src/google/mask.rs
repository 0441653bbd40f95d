//! Field masks: `a,b.c,d(e,f)`, with `/` as another `.` and `*` for every field.
//!
//! Source: <https://developers.google.com/workspace/sheets/api/guides/field-masks>.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// How deep a mask may nest: deeper than any resource of Google's.
const DEPTH_MAX: usize = 20;

/// A tree of field names; a node without children means the field whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mask(pub BTreeMap<String, Mask>);

impl Mask {
    /// Reads a mask; none when it does not parse or is empty.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        let mask = list(&mut rest, 0)?;
        rest.is_empty().then_some(mask)
    }

    /// Whether it names nothing below this field, and so the whole of it.
    pub fn is_whole(&self) -> bool {
        self.0.is_empty() || self.0.contains_key("*")
    }

    /// What it says of a field; none when the field is not named.
    pub fn field(&self, name: &str) -> Option<&Self> {
        self.0.get(name).or_else(|| self.0.get("*"))
    }

    /// What it says of a field of a thing that may itself be taken whole.
    pub fn below(&self, name: &str) -> Option<Self> {
        if self.0.is_empty() {
            return Some(Self::default());
        }
        self.field(name).cloned()
    }

    /// Whether anything of that path is taken.
    pub fn takes(&self, path: &[&str]) -> bool {
        match path.split_first() {
            None => true,
            Some((first, rest)) => self.below(first).is_some_and(|below| below.takes(rest)),
        }
    }

    /// The part of a value that it names.
    pub fn keep(&self, value: &Value) -> Value {
        if self.0.is_empty() {
            return value.clone();
        }
        match value {
            Value::Array(items) => items.iter().map(|item| self.keep(item)).collect(),
            Value::Object(fields) => Value::Object(
                fields
                    .iter()
                    .filter_map(|(name, value)| Some((name.clone(), self.field(name)?.keep(value))))
                    .filter(|(_, value)| value.as_object().is_none_or(|kept| !kept.is_empty()))
                    .collect(),
            ),
            other => other.clone(),
        }
    }

    /// Writes the named fields of `source` into `target`; a field named but absent is cleared.
    pub fn merge(&self, target: &mut Map<String, Value>, source: &Map<String, Value>) {
        if self.is_whole() {
            target.clone_from(source);
            return;
        }
        for (name, below) in &self.0 {
            match (source.get(name), below.is_whole()) {
                (Some(Value::Object(fields)), false) => {
                    let mut inner = object_of(target, name);
                    below.merge(&mut inner, fields);
                    target.insert(name.clone(), Value::Object(inner));
                }
                (Some(value), _) => {
                    target.insert(name.clone(), value.clone());
                }
                (None, true) => {
                    target.remove(name);
                }
                (None, false) => {
                    let mut inner = object_of(target, name);
                    below.merge(&mut inner, &Map::new());
                    target.insert(name.clone(), Value::Object(inner));
                }
            }
            if target
                .get(name)
                .is_some_and(|value| value.as_object().is_some_and(Map::is_empty))
                && !source.contains_key(name)
            {
                target.remove(name);
            }
        }
    }
}

fn object_of(target: &Map<String, Value>, name: &str) -> Map<String, Value> {
    target
        .get(name)
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}

fn list(rest: &mut &str, depth: usize) -> Option<Mask> {
    if depth > DEPTH_MAX {
        return None;
    }
    let mut mask = Mask::default();
    loop {
        item(rest, &mut mask, depth)?;
        *rest = rest.trim_start();
        match rest.strip_prefix(',') {
            Some(more) => *rest = more,
            None => return Some(mask),
        }
    }
}

fn item(rest: &mut &str, into: &mut Mask, depth: usize) -> Option<()> {
    let text = rest.trim_start();
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '*'))
        .unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    if name.is_empty() || depth > DEPTH_MAX {
        return None;
    }
    *rest = after;
    let named_before = into.0.contains_key(name);
    let node = into.0.entry(camel(name)).or_default();
    if let Some(inner) = after.strip_prefix(['.', '/']) {
        *rest = inner;
        if named_before && node.0.is_empty() {
            return item(rest, &mut Mask::default(), depth + 1);
        }
        return item(rest, node, depth + 1);
    }
    if let Some(inner) = after.strip_prefix('(') {
        *rest = inner;
        let below = list(rest, depth + 1)?;
        *rest = rest.trim_start().strip_prefix(')')?;
        if !named_before || !node.0.is_empty() {
            node.0.extend(below.0);
        }
        return Some(());
    }
    node.0.clear();
    Some(())
}

/// `sheet_id` as `sheetId`: both forms name the same field in JSON of protocol buffers.
pub fn camel(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.chars() {
        match c {
            '_' => upper = !out.is_empty(),
            c if upper => {
                out.extend(c.to_uppercase());
                upper = false;
            }
            c => out.push(c),
        }
    }
    out
}
