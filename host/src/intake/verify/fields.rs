//! Dictionaries of Structured Fields (RFC 8941), as far as signatures need them: members that are inner
//! lists of texts, or byte sequences. Anything else is refused in words.

use super::keys;

/// Most members of a dictionary, items of a list, and parameters of either: far more than signers use.
const MAX_ENTRIES: usize = 64;

/// A member of a dictionary.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member<'a> {
    pub key: &'a str,
    pub value: Value<'a>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    List(List<'a>),
    Bytes(Vec<u8>),
    Other,
}

/// An inner list with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct List<'a> {
    /// As it was written, parameters and all.
    pub raw: &'a str,
    pub items: Vec<Item<'a>>,
    pub parameters: Vec<(&'a str, Bare<'a>)>,
}

/// A text in a list.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item<'a> {
    /// As it was written, parameters and all.
    pub raw: &'a str,
    pub text: String,
    pub parameters: Vec<(&'a str, Bare<'a>)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bare<'a> {
    Integer(i64),
    Text(String),
    Token(&'a str),
    Bytes(Vec<u8>),
    Flag(bool),
}

impl List<'_> {
    pub fn integer(&self, name: &str) -> Option<i64> {
        match last(&self.parameters, name)? {
            Bare::Integer(number) => Some(*number),
            _ => None,
        }
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        match last(&self.parameters, name)? {
            Bare::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl Item<'_> {
    pub fn parameter(&self, name: &str) -> Option<&Bare<'_>> {
        last(&self.parameters, name)
    }
}

fn last<'p, 'a>(parameters: &'p [(&'a str, Bare<'a>)], name: &str) -> Option<&'p Bare<'a>> {
    parameters
        .iter()
        .rev()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// Reads a dictionary.
pub(super) fn dictionary(text: &str) -> Result<Vec<Member<'_>>, String> {
    let mut cursor = Cursor { text, at: 0 };
    let mut members = Vec::new();
    cursor.skip_spaces();
    while !cursor.is_done() {
        if members.len() == MAX_ENTRIES {
            return Err(format!("more than {MAX_ENTRIES} members"));
        }
        let key = cursor.key()?;
        let value = if cursor.take('=') {
            cursor.value()?
        } else {
            cursor.parameters()?;
            Value::Other
        };
        members.push(Member { key, value });
        cursor.skip_spaces();
        if cursor.is_done() {
            break;
        }
        if !cursor.take(',') {
            return Err(cursor.unexpected());
        }
        cursor.skip_spaces();
    }
    Ok(members)
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn is_done(&self) -> bool {
        self.rest().is_empty()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn skip_spaces(&mut self) {
        while self.take(' ') || self.take('\t') {}
    }

    fn unexpected(&self) -> String {
        match self.peek() {
            Some(c) => format!("`{}` at character {}", c.escape_default(), self.at + 1),
            None => "it ends too early".to_owned(),
        }
    }

    /// As many characters as fit, at least one.
    fn run(&mut self, fits: impl Fn(char) -> bool) -> Result<&'a str, String> {
        let rest = self.rest();
        let end = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.unexpected());
        }
        self.at += end;
        Ok(&rest[..end])
    }

    fn key(&mut self) -> Result<&'a str, String> {
        if !self.peek().is_some_and(|c| c.is_ascii_lowercase() || c == '*') {
            return Err(self.unexpected());
        }
        self.run(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.*".contains(c))
    }

    fn value(&mut self) -> Result<Value<'a>, String> {
        let start = self.at;
        if self.take('(') {
            let items = self.items()?;
            let parameters = self.parameters()?;
            let raw = &self.text[start..self.at];
            return Ok(Value::List(List {
                raw,
                items,
                parameters,
            }));
        }
        let bare = self.bare()?;
        self.parameters()?;
        Ok(match bare {
            Bare::Bytes(bytes) => Value::Bytes(bytes),
            _ => Value::Other,
        })
    }

    fn items(&mut self) -> Result<Vec<Item<'a>>, String> {
        let mut items = Vec::new();
        loop {
            self.skip_spaces();
            if self.take(')') {
                return Ok(items);
            }
            if items.len() == MAX_ENTRIES {
                return Err(format!("more than {MAX_ENTRIES} components"));
            }
            let start = self.at;
            let Bare::Text(text) = self.bare()? else {
                return Err("a component that is no text in quotes".to_owned());
            };
            let parameters = self.parameters()?;
            items.push(Item {
                raw: &self.text[start..self.at],
                text,
                parameters,
            });
        }
    }

    fn parameters(&mut self) -> Result<Vec<(&'a str, Bare<'a>)>, String> {
        let mut parameters = Vec::new();
        while self.take(';') {
            if parameters.len() == MAX_ENTRIES {
                return Err(format!("more than {MAX_ENTRIES} parameters"));
            }
            self.skip_spaces();
            let key = self.key()?;
            let value = if self.take('=') {
                self.bare()?
            } else {
                Bare::Flag(true)
            };
            parameters.push((key, value));
        }
        Ok(parameters)
    }

    fn bare(&mut self) -> Result<Bare<'a>, String> {
        match self.peek() {
            Some('"') => self.quoted().map(Bare::Text),
            Some(':') => self.bytes().map(Bare::Bytes),
            Some('?') => {
                self.at += 1;
                match self.run(|c| c == '0' || c == '1')? {
                    "0" => Ok(Bare::Flag(false)),
                    "1" => Ok(Bare::Flag(true)),
                    _ => Err("a truth value that is neither ?0 nor ?1".to_owned()),
                }
            }
            Some(c) if c == '-' || c.is_ascii_digit() => {
                let digits = self.run(|c| c == '-' || c.is_ascii_digit() || c == '.')?;
                let number = digits.parse().ok().filter(|_| digits.len() <= 16);
                number
                    .map(Bare::Integer)
                    .ok_or_else(|| format!("`{digits}` is no whole number"))
            }
            Some(c) if c == '*' || c.is_ascii_alphabetic() => self
                .run(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~:/".contains(c))
                .map(Bare::Token),
            _ => Err(self.unexpected()),
        }
    }

    fn quoted(&mut self) -> Result<String, String> {
        self.take('"');
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(text),
                '\\' if self.take('"') => text.push('"'),
                '\\' if self.take('\\') => text.push('\\'),
                c if c != '\\' && (' '..='~').contains(&c) => text.push(c),
                _ => return Err("a text with a character that may not stand there".to_owned()),
            }
        }
        Err("a text without its closing quote".to_owned())
    }

    fn bytes(&mut self) -> Result<Vec<u8>, String> {
        self.take(':');
        let rest = self.rest();
        let end = rest.find(':').ok_or("bytes without their closing colon")?;
        self.at += end + 1;
        keys::base64(&rest[..end]).ok_or_else(|| "bytes that are no Base64".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_signature_input_is_read_as_written() {
        let text = "sig1=(\"@method\" \"@query-param\";name=\"a b\"  \"date\");created=1618884473;keyid=\"k\\\"1\", b=:AQI=:, c";
        let members = dictionary(text).expect("a dictionary");
        let Value::List(list) = &members[0].value else {
            panic!("a list: {members:?}");
        };
        assert_eq!(
            (list.integer("created"), list.text("keyid")),
            (Some(1_618_884_473), Some("k\"1"))
        );
        assert_eq!(list.items[1].raw, "\"@query-param\";name=\"a b\"");
        assert_eq!(
            list.items[1].parameter("name"),
            Some(&Bare::Text("a b".to_owned()))
        );
        assert_eq!(members[1].value, Value::Bytes(vec![1, 2]));
        assert_eq!(members[2].value, Value::Other);
        assert!(text.contains(list.raw) && list.raw.ends_with("keyid=\"k\\\"1\""));
    }

    #[test]
    fn what_is_malformed_is_told() {
        for (text, why) in [
            ("sig1=(\"@method\"", "ends too early"),
            ("sig1=(\"@method", "closing quote"),
            ("sig1=(method)", "no text in quotes"),
            ("sig1=:a", "closing colon"),
            ("sig1=:!:", "no Base64"),
            ("Sig1=()", "`S` at character 1"),
            ("a=() b=()", "`b` at character 6"),
            ("a=();x=1.5", "no whole number"),
        ] {
            let error = dictionary(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z0-9=;:,()\" ?*\\\\é-]{0,64}") {
            let _either = dictionary(&text);
        }
    }
}
