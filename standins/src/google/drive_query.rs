//! The search terms of `files.list`: `name = 'x' and 'ID' in parents and not trashed = true`.
//!
//! Source: <https://developers.google.com/workspace/drive/api/guides/ref-search-terms>.

use super::files::{File, Role};
use super::state::Token;

/// How deep a query may nest.
const DEPTH_MAX: usize = 20;

/// A query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Terms {
    /// Takes every file.
    Everything,
    /// All of them.
    And(Vec<Terms>),
    /// Any of them.
    Or(Vec<Terms>),
    /// Not that.
    Not(Box<Terms>),
    /// A field compared with a text.
    Text(String, String, String),
    /// A field that is true or false.
    Flag(String, bool),
    /// A value in a collection.
    In(String, String),
}

impl Terms {
    /// Whether it takes the file, for the caller.
    pub fn takes(&self, file: &File, caller: &Token) -> bool {
        match self {
            Self::Everything => true,
            Self::And(terms) => terms.iter().all(|term| term.takes(file, caller)),
            Self::Or(terms) => terms.iter().any(|term| term.takes(file, caller)),
            Self::Not(term) => !term.takes(file, caller),
            Self::Flag(name, wanted) => {
                let is = match name.as_str() {
                    "trashed" => file.trashed,
                    _ => !owned(file, &caller.email) && file.drive.is_none(),
                };
                is == *wanted
            }
            Self::Text(field, operator, value) => {
                let is = if field == "name" { &file.name } else { &file.mime };
                match operator.as_str() {
                    "=" => is == value,
                    "!=" => is != value,
                    _ => contains(field, is, value),
                }
            }
            Self::In(value, collection) => match collection.as_str() {
                "parents" if value == "root" => file.parents.is_empty() && owned(file, &caller.email),
                "parents" => file.parents.contains(value),
                "owners" => owned(file, value),
                "writers" => has(file, value, Role::Writer),
                _ => has(file, value, Role::Reader),
            },
        }
    }
}

fn owned(file: &File, email: &str) -> bool {
    has(file, email, Role::Owner)
}

fn has(file: &File, email: &str, role: Role) -> bool {
    file.permissions
        .iter()
        .any(|known| known.who.eq_ignore_ascii_case(email) && known.role >= role)
}

/// A name contains a text where one of its words begins; a type, where it begins itself.
fn contains(field: &str, is: &str, value: &str) -> bool {
    let (is, value) = (is.to_lowercase(), value.to_lowercase());
    if field != "name" {
        return is.starts_with(&value);
    }
    is.match_indices(&value).any(|(at, _)| {
        let before = is.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|c| !c.is_alphanumeric())
    })
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Name(String),
    Text(String),
    Sign(String),
}

/// Reads a query; none when it does not parse or asks what is not served.
pub fn parse(text: &str) -> Option<Terms> {
    let words = words(text)?;
    if words.is_empty() {
        return Some(Terms::Everything);
    }
    let mut rest = words.as_slice();
    let terms = any(&mut rest, 0)?;
    rest.is_empty().then_some(terms)
}

fn words(text: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => {}
            // The page shows single quotes; gspread lives by double ones.
            quote @ ('\'' | '"') => {
                let mut text = String::new();
                loop {
                    match chars.next()? {
                        '\\' => text.push(chars.next()?),
                        c if c == quote => break,
                        c => text.push(c),
                    }
                }
                words.push(Word::Text(text));
            }
            '(' | ')' | '=' => words.push(Word::Sign(c.to_string())),
            '!' if chars.next_if_eq(&'=').is_some() => words.push(Word::Sign("!=".to_owned())),
            c if c.is_ascii_alphanumeric() => {
                let mut name = String::from(c);
                while let Some(c) = chars.next_if(char::is_ascii_alphanumeric) {
                    name.push(c);
                }
                words.push(Word::Name(name));
            }
            _ => return None,
        }
    }
    Some(words)
}

fn taken(rest: &mut &[Word], name: &str) -> bool {
    match rest.split_first() {
        Some((Word::Name(word), more)) if word.eq_ignore_ascii_case(name) => {
            *rest = more;
            true
        }
        _ => false,
    }
}

fn any(rest: &mut &[Word], depth: usize) -> Option<Terms> {
    let mut terms = vec![all(rest, depth)?];
    while taken(rest, "or") {
        terms.push(all(rest, depth)?);
    }
    Some(Terms::Or(terms))
}

fn all(rest: &mut &[Word], depth: usize) -> Option<Terms> {
    let mut terms = vec![one(rest, depth)?];
    while taken(rest, "and") {
        terms.push(one(rest, depth)?);
    }
    Some(Terms::And(terms))
}

fn one(rest: &mut &[Word], depth: usize) -> Option<Terms> {
    if depth > DEPTH_MAX {
        return None;
    }
    if taken(rest, "not") {
        return Some(Terms::Not(Box::new(one(rest, depth + 1)?)));
    }
    match *rest {
        [Word::Sign(open), more @ ..] if open == "(" => {
            *rest = more;
            let terms = any(rest, depth + 1)?;
            let [Word::Sign(close), more @ ..] = *rest else {
                return None;
            };
            *rest = more;
            (close == ")").then_some(terms)
        }
        [
            Word::Text(value),
            Word::Name(word),
            Word::Name(collection),
            more @ ..,
        ] => {
            *rest = more;
            let known = ["parents", "owners", "writers", "readers"].contains(&collection.as_str());
            (word == "in" && known).then(|| Terms::In(value.clone(), collection.clone()))
        }
        [
            Word::Name(field),
            Word::Sign(operator) | Word::Name(operator),
            value,
            more @ ..,
        ] => {
            *rest = more;
            comparison(field, operator, value)
        }
        [Word::Name(field), more @ ..] if field == "sharedWithMe" => {
            *rest = more;
            Some(Terms::Flag(field.clone(), true))
        }
        _ => None,
    }
}

fn comparison(field: &str, operator: &str, value: &Word) -> Option<Terms> {
    match (field, operator, value) {
        ("name" | "mimeType", "=" | "!=" | "contains", Word::Text(text)) => {
            Some(Terms::Text(field.to_owned(), operator.to_owned(), text.clone()))
        }
        ("trashed" | "sharedWithMe", "=" | "!=", Word::Name(flag)) => {
            let flag = match flag.as_str() {
                "true" => true,
                "false" => false,
                _ => return None,
            };
            Some(Terms::Flag(field.to_owned(), flag == (operator == "=")))
        }
        _ => None,
    }
}
