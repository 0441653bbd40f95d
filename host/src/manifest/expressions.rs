//! The expressions of the file: `when` of a route, `map` of a plugin. An error points into the text.

use std::str::CharIndices;

use toml::Spanned;

use super::{Place, PluginsFileError};
use crate::domain::expression::{Condition, InvalidExpression, Map};

/// The condition of a route.
pub(super) fn condition(
    raw: Option<&Spanned<String>>,
    place: Place<'_>,
) -> Result<Option<Condition>, PluginsFileError> {
    raw.map(|text| Condition::new(text.get_ref()).map_err(|e| wrong("when", text, &e, place)))
        .transpose()
}

/// What a plugin sees of a payload.
pub(super) fn map(raw: Option<&Spanned<String>>, place: Place<'_>) -> Result<Option<Map>, PluginsFileError> {
    raw.map(|text| {
        let begins = place.wrong(text, String::new());
        let (line, column) = begins.line_column().unwrap_or((1, 1));
        let file = place.path.file_name().unwrap_or(place.path.as_os_str());
        let told = format!("{}:{line}:{column}", file.display());
        Map::new(text.get_ref(), told).map_err(|e| wrong("map", text, &e, place))
    })
    .transpose()
}

fn wrong(key: &str, text: &Spanned<String>, error: &InvalidExpression, place: Place<'_>) -> PluginsFileError {
    let span = text.span();
    let written = place.text.get(span.clone()).unwrap_or_default();
    let at = span.start + written_offset(written, error.at);
    let message = format!("`{key}` cannot be used: {}", error.why);
    PluginsFileError::at(place.path, place.text, at..at, message)
}

/// Where byte `at` of a string's value is in the string as it is written in TOML, quotes and escapes
/// included (<https://toml.io/en/v1.0.0#string>).
fn written_offset(written: &str, at: usize) -> usize {
    let (open, escapes) = match written.as_bytes() {
        [b'\'', b'\'', b'\'', ..] => (3, false),
        [b'"', b'"', b'"', ..] => (3, true),
        [b'\'', ..] => (1, false),
        [b'"', ..] => (1, true),
        _ => return 0,
    };
    // A newline right after three quotes is not part of the value.
    let body = &written[open..];
    let skipped = match body.as_bytes() {
        [b'\n', ..] if open == 3 => 1,
        [b'\r', b'\n', ..] if open == 3 => 2,
        _ => 0,
    };
    let start = open + skipped;
    if !escapes {
        return (start + at).min(written.len());
    }
    let mut chars = written[start..].char_indices();
    let mut value = 0;
    while let Some((offset, c)) = chars.next() {
        if value >= at {
            return start + offset;
        }
        value += if c == '\\' {
            escaped(&mut chars)
        } else {
            c.len_utf8()
        };
    }
    written.len()
}

/// Passes over what follows a backslash; how many bytes of the value it stands for.
fn escaped(chars: &mut CharIndices<'_>) -> usize {
    let digits = match chars.next() {
        Some((_, 'x')) => 2,
        Some((_, 'u')) => 4,
        Some((_, 'U')) => 8,
        // A backslash at the end of a line joins it to the next text.
        Some((_, c)) if c.is_whitespace() => {
            let rest = chars.as_str();
            let blank = rest.len() - rest.trim_start().len();
            let begin = chars.offset();
            while chars.offset() < begin + blank && chars.next().is_some() {}
            return 0;
        }
        _ => return 1,
    };
    let hex: String = chars.by_ref().take(digits).map(|(_, c)| c).collect();
    let scalar = u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32);
    scalar.map_or(1, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The character of the written text that stands for the one at `at` of the value.
    fn found(written: &str, at: usize) -> &str {
        &written[written_offset(written, at)..]
    }

    #[test]
    fn places_are_found_in_every_kind_of_string() {
        assert_eq!(found("'a == !'", 5), "!'");
        assert_eq!(found("'''\na == !'''", 5), "!'''");
        assert_eq!(found(r#""a == !""#, 5), "!\"");
        assert_eq!(found(r#""\"é\u00e9\" == !""#, 10), "!\"");
        assert_eq!(found(r#""\\\t\x41\U0001F600!""#, 7), "!\"");
        assert_eq!(found("\"\"\"\na \\\n   == !\"\"\"", 5), "!\"\"\"");
        assert_eq!(found("'a'", 99), "");
        assert_eq!(found("\"a\"", 99), "");
    }
}
