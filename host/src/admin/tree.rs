//! A JSON text as lines that open and close, for a tree of `<details>`. Every digit, the order of members and members
//! that come twice stay as they were sent: the text is cut up, not read into values.

use std::fmt;

use serde::de::{Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Most lines that are shown: a page of 1 MiB of numbers would stop a phone. The raw body has all.
pub const MAX_LINES: usize = 2_000;

/// How deep it is shown; what lies deeper stands there as text.
pub const MAX_DEPTH: usize = 24;

/// Most characters of one value that are shown.
pub const MAX_VALUE_CHARS: usize = 2_000;

/// Levels that are open at first.
const OPEN_LEVELS: usize = 2;

/// One line of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// An object or a list begins.
    Open {
        /// `"name": ` or nothing.
        label: String,
        /// `{` or `[`.
        brace: char,
        /// How many members or elements it has.
        count: usize,
        is_open: bool,
    },
    /// It ends, with `}` or `]`.
    Close { brace: char },
    /// Anything else.
    Value {
        label: String,
        text: String,
        /// `string`, `number`, `boolean`, `null` or `json`: how it is coloured.
        kind: &'static str,
    },
}

/// A JSON text as lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    pub lines: Vec<Line>,
    /// There is more than is shown.
    pub is_cut: bool,
}

impl Tree {
    /// The lines of this text.
    #[must_use]
    pub fn of(json: &RawValue) -> Self {
        let mut tree = Self::default();
        tree.push(String::new(), json.get(), 0);
        tree
    }

    fn push(&mut self, label: String, text: &str, depth: usize) {
        if self.lines.len() >= MAX_LINES {
            self.is_cut = true;
            return;
        }
        let text = text.trim();
        let (brace, closing) = match text.as_bytes().first() {
            Some(b'{') => ('{', '}'),
            Some(b'[') => ('[', ']'),
            _ => return self.push_value(label, text),
        };
        let parts = (depth < MAX_DEPTH).then(|| parts(text, brace)).flatten();
        let Some(parts) = parts else {
            return self.push_value(label, text);
        };
        self.lines.push(Line::Open {
            label,
            brace,
            count: parts.len(),
            is_open: depth < OPEN_LEVELS,
        });
        for (name, part) in parts {
            let label = name.map_or_else(String::new, |name| format!("{}: ", quoted(&name)));
            self.push(label, part.get(), depth + 1);
        }
        self.lines.push(Line::Close { brace: closing });
    }

    fn push_value(&mut self, label: String, text: &str) {
        let kind = match text.as_bytes().first() {
            Some(b'"') => "string",
            Some(b't' | b'f') => "boolean",
            Some(b'n') => "null",
            Some(b'{' | b'[') => "json",
            _ => "number",
        };
        let mut shown: String = text.chars().take(MAX_VALUE_CHARS).collect();
        if shown.len() < text.len() {
            shown.push('…');
            self.is_cut = true;
        }
        self.lines.push(Line::Value {
            label,
            text: shown,
            kind,
        });
    }
}

fn quoted(name: &str) -> String {
    serde_json::Value::from(name).to_string()
}

/// What a value consists of: members with their names, or elements without.
type Parts<'a> = Vec<(Option<String>, &'a RawValue)>;

/// The parts of an object or a list; `None` when it cannot be read.
fn parts(text: &str, brace: char) -> Option<Parts<'_>> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = if brace == '{' {
        reader.deserialize_map(PartsVisitor)
    } else {
        reader.deserialize_seq(PartsVisitor)
    };
    read.ok()
}

struct PartsVisitor;

impl<'de> Visitor<'de> for PartsVisitor {
    type Value = Parts<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut parts = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
            parts.push((Some(name), value));
        }
        Ok(parts)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut parts = Vec::new();
        while let Some(value) = list.next_element::<&'de RawValue>()? {
            parts.push((None, value));
        }
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(json: &str) -> Tree {
        Tree::of(serde_json::from_str(json).expect("JSON"))
    }

    #[test]
    fn what_was_sent_is_shown_as_it_was_sent() {
        let tree = tree(r#"{"b": 1.50, "a": [true, null, "<script>"], "b": {}}"#);
        let value = |label: &str, text: &str, kind| Line::Value {
            label: label.to_owned(),
            text: text.to_owned(),
            kind,
        };
        let open = |label: &str, brace, count, is_open| Line::Open {
            label: label.to_owned(),
            brace,
            count,
            is_open,
        };
        assert_eq!(
            tree.lines,
            [
                open("", '{', 3, true),
                value("\"b\": ", "1.50", "number"),
                open("\"a\": ", '[', 3, true),
                value("", "true", "boolean"),
                value("", "null", "null"),
                value("", "\"<script>\"", "string"),
                Line::Close { brace: ']' },
                open("\"b\": ", '{', 0, true),
                Line::Close { brace: '}' },
                Line::Close { brace: '}' },
            ]
        );
        assert!(!tree.is_cut);
    }

    #[test]
    fn large_deep_and_long_values_are_cut_and_stay_well_formed() {
        let many = tree(&format!("[{}1]", "1,".repeat(10 * MAX_LINES)));
        assert!(many.is_cut && many.lines.len() <= MAX_LINES + 1);
        let deep = tree(&format!("{}{}", "[".repeat(100), "]".repeat(100)));
        let opened = |line: &&Line| matches!(line, Line::Open { .. });
        let closed = |line: &&Line| matches!(line, Line::Close { .. });
        for tree in [&many, &deep] {
            assert_eq!(
                tree.lines.iter().filter(opened).count(),
                tree.lines.iter().filter(closed).count()
            );
        }
        assert_eq!(deep.lines.iter().filter(opened).count(), MAX_DEPTH);
        let long = tree(&format!("\"{}\"", "é".repeat(MAX_VALUE_CHARS)));
        assert!(long.is_cut);
    }
}
