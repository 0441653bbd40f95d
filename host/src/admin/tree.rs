//! A JSON text as lines that open and close, for a tree of `<details>`. Every digit, the order of members and members
//! that come twice stay as they were sent: the text is cut up, not read into values. A page shows a bounded part of it,
//! and says where each part that it leaves out begins.

use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::domain::inside;

/// Most lines that are shown at once: a page of 1 MiB of numbers would stop a phone.
pub const MAX_LINES: usize = 2_000;

/// Most members or elements of one object or list that are shown at once, so that what comes after it has lines too.
pub const MAX_PARTS: usize = 200;

/// How deep it is shown at once; what lies deeper stands there as text.
pub const MAX_DEPTH: usize = 24;

/// Most characters of one value that are shown among others.
pub const MAX_VALUE_CHARS: usize = 2_000;

/// The same of a value that is all of what is shown.
pub const MAX_LONE_CHARS: usize = 65_536;

/// How deep a place may lie to have an address: as deep as the parser follows it.
const MAX_STEPS: usize = 100;

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
        /// The query of a page with more of it, when this is not all.
        rest: Option<String>,
    },
    /// Members or elements that are left out, and the query of a page with them.
    More {
        count: usize,
        /// `None` where they lie too deep to have an address.
        rest: Option<String>,
    },
}

/// A JSON text, or a part of it, as lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    pub lines: Vec<Line>,
    /// There is more than is shown.
    pub is_cut: bool,
}

/// A place in the text: a JSON pointer.
#[derive(Clone, Debug)]
struct Spot {
    pointer: String,
    steps: usize,
}

impl Spot {
    fn below(&self, name: &str) -> Self {
        let name = name.replace('~', "~0").replace('/', "~1");
        Self {
            pointer: format!("{}/{name}", self.pointer),
            steps: self.steps + 1,
        }
    }

    /// The query of the page that shows what is here, from this member or element on.
    fn query(&self, from: usize) -> Option<String> {
        (self.steps <= MAX_STEPS).then(|| query(&self.pointer, from))
    }
}

/// The query of the page that shows what is at a pointer, from this member or element on.
#[must_use]
pub fn query(pointer: &str, from: usize) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("at", pointer);
    if from > 0 {
        query.append_pair("from", &from.to_string());
    }
    format!("?{}", query.finish())
}

impl Tree {
    /// The lines of this text.
    #[must_use]
    pub fn of(json: &RawValue) -> Self {
        Self::starting(json, String::new(), 0)
    }

    /// The lines of what is at this pointer, from this member or element on; `None` when nothing is there.
    #[must_use]
    pub fn part(json: &RawValue, pointer: &str, from: usize) -> Option<Self> {
        let part = if pointer.is_empty() {
            json
        } else {
            inside::at(json.get().as_bytes(), pointer)?
        };
        Some(Self::starting(part, pointer.to_owned(), from))
    }

    fn starting(json: &RawValue, pointer: String, from: usize) -> Self {
        let mut tree = Self::default();
        let steps = pointer.matches('/').count();
        tree.push(String::new(), json.get(), 0, &Spot { pointer, steps }, from);
        tree
    }

    fn push(&mut self, label: String, text: &str, depth: usize, spot: &Spot, from: usize) {
        let (brace, closing) = match text.as_bytes().first() {
            Some(b'{') => ('{', '}'),
            Some(b'[') => ('[', ']'),
            _ => return self.push_value(label, text, depth, spot),
        };
        let parts = (depth < MAX_DEPTH).then(|| parts(text, brace, from)).flatten();
        let Some(parts) = parts else {
            return self.push_value(label, text, depth, spot);
        };
        self.lines.push(Line::Open {
            label,
            brace,
            count: parts.count,
            is_open: depth < OPEN_LEVELS,
        });
        let mut next = from.min(parts.count);
        for (name, part) in parts.kept {
            if self.lines.len() >= MAX_LINES {
                break;
            }
            let below = match &name {
                Some(name) => spot.below(name),
                None => spot.below(&next.to_string()),
            };
            let label = name.map_or_else(String::new, |name| format!("{}: ", quoted(&name)));
            self.push(label, part.get(), depth + 1, &below, 0);
            next += 1;
        }
        if next < parts.count {
            self.is_cut = true;
            self.lines.push(Line::More {
                count: parts.count - next,
                rest: spot.query(next),
            });
        }
        self.lines.push(Line::Close { brace: closing });
    }

    fn push_value(&mut self, label: String, text: &str, depth: usize, spot: &Spot) {
        let kind = match text.as_bytes().first() {
            Some(b'"') => "string",
            Some(b't' | b'f') => "boolean",
            Some(b'n') => "null",
            Some(b'{' | b'[') => "json",
            _ => "number",
        };
        let most = if depth == 0 {
            MAX_LONE_CHARS
        } else {
            MAX_VALUE_CHARS
        };
        let mut shown: String = text.chars().take(most).collect();
        let is_cut = shown.len() < text.len();
        if is_cut {
            shown.push('…');
            self.is_cut = true;
        }
        self.lines.push(Line::Value {
            label,
            text: shown,
            kind,
            // A page of its own shows no more of what is alone already.
            rest: (is_cut && depth > 0).then(|| spot.query(0)).flatten(),
        });
    }
}

fn quoted(name: &str) -> String {
    serde_json::Value::from(name).to_string()
}

/// What a value consists of.
struct Parts<'a> {
    /// Members with their names, or elements without, as many as are shown at once.
    kept: Vec<(Option<String>, &'a RawValue)>,
    /// All of them.
    count: usize,
}

/// The parts of an object or a list from one on; `None` when it cannot be read.
fn parts(text: &str, brace: char, from: usize) -> Option<Parts<'_>> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let visitor = PartsVisitor { from };
    let read = if brace == '{' {
        reader.deserialize_map(visitor)
    } else {
        reader.deserialize_seq(visitor)
    };
    read.ok()
}

struct PartsVisitor {
    from: usize,
}

impl PartsVisitor {
    fn keeps(&self, at: usize) -> bool {
        (self.from..self.from.saturating_add(MAX_PARTS)).contains(&at)
    }
}

impl<'de> Visitor<'de> for PartsVisitor {
    type Value = Parts<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut kept, mut count) = (Vec::new(), 0);
        loop {
            if self.keeps(count) {
                let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? else {
                    break;
                };
                kept.push((Some(name), value));
            } else if map.next_entry::<IgnoredAny, IgnoredAny>()?.is_none() {
                break;
            }
            count += 1;
        }
        Ok(Parts { kept, count })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let (mut kept, mut count) = (Vec::new(), 0);
        loop {
            if self.keeps(count) {
                let Some(value) = list.next_element::<&'de RawValue>()? else {
                    break;
                };
                kept.push((None, value));
            } else if list.next_element::<IgnoredAny>()?.is_none() {
                break;
            }
            count += 1;
        }
        Ok(Parts { kept, count })
    }
}

#[cfg(test)]
mod tests;
