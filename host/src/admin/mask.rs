//! What sounds like a secret is not shown, should somebody have written one where a reference belongs.

use serde_json::Value;
use url::Url;

/// What stands for it.
pub const MASK: &str = "***";

/// Parts of names whose values are secrets.
const SECRET_WORDS: [&str; 8] = [
    "secret",
    "token",
    "password",
    "passwd",
    "apikey",
    "privatekey",
    "credential",
    "authorization",
];

/// What a text begins with that only says where a secret is.
const REFERENCES: [&str; 3] = ["env:", "file:", "stored:"];

/// A configuration with what sounds like a secret masked.
#[must_use]
pub fn config(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(name, value)| (name.clone(), member(name, value)));
            Value::Object(members.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(config).collect()),
        other => other.clone(),
    }
}

fn member(name: &str, value: &Value) -> Value {
    match value {
        Value::String(text) if hides(name, text) => Value::from(MASK),
        Value::Array(items) if sounds_secret(name) => {
            let items = items.iter().map(|item| member(name, item));
            Value::Array(items.collect())
        }
        Value::Number(_) if sounds_secret(name) => Value::from(MASK),
        other => config(other),
    }
}

/// A line of `plugins.toml` with the same rule, for every text in it.
#[must_use]
pub fn toml_line(line: &str) -> String {
    let Some((name, value)) = line.split_once('=') else {
        return line.to_owned();
    };
    let (mut name, mut rest) = (name.trim(), value);
    let mut shown = line[..line.len() - value.len()].to_owned();
    while let Some(start) = rest.find(['"', '\'']) {
        let (before, text) = rest.split_at(start);
        let (quote, text) = text.split_at(1);
        let Some(end) = end_of(text, quote) else {
            break;
        };
        // In an inline table the text has a name of its own.
        if let Some((table, _)) = before.rsplit_once('=') {
            name = table.trim_start_matches(['{', ',', '[', ']', ' ']).trim();
        }
        let text = &text[..end];
        let masked = if hides(name, text) { MASK } else { text };
        shown.extend([before, quote, masked, quote]);
        rest = &rest[start + 1 + end + 1..];
    }
    shown + rest
}

/// Where a text in such quotes ends.
fn end_of(text: &str, quote: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let ends = !is_escaped && quote.starts_with(c);
        is_escaped = !is_escaped && c == '\\' && quote == "\"";
        ends.then_some(at)
    })
}

/// Whether a member of this name with this value may not be shown.
fn hides(name: &str, text: &str) -> bool {
    let is_reference = REFERENCES.iter().any(|start| text.starts_with(start));
    // `token-url` names a place.
    let is_place = Url::parse(text).is_ok_and(|url| {
        url.has_host() && url.username().is_empty() && url.password().is_none() && url.query().is_none()
    });
    let names_place = name.to_ascii_lowercase().ends_with("url");
    let is_harmless = text.is_empty() || is_reference || (is_place && names_place);
    sounds_secret(name) && !is_harmless
}

/// Whether what has this name may be a secret.
#[must_use]
pub fn sounds_secret(name: &str) -> bool {
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    SECRET_WORDS.iter().any(|word| plain.contains(word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_sounds_secret_is_masked_and_references_are_not() {
        let written = json!({
            "api-base": "https://a.com", "Api_Key": "k", "token": "env:TOKEN", "token-url": "https://a.com/token",
            "nested": [{ "password": "p", "tokens": ["a", "file:b"] }], "secret": 7, "auth": "app",
        });
        let shown = json!({
            "api-base": "https://a.com", "Api_Key": "***", "token": "env:TOKEN", "token-url": "https://a.com/token",
            "nested": [{ "password": "***", "tokens": ["***", "file:b"] }], "secret": "***", "auth": "app",
        });
        assert_eq!(config(&written), shown);
        assert_eq!(
            config(&json!({ "token-url": "https://a:b@c.com/" })),
            json!({ "token-url": "***" })
        );
    }

    #[test]
    fn lines_follow_the_same_rule() {
        for (line, shown) in [
            ("enabled = true", "enabled = true"),
            ("secret = \"hush\" # mine", "secret = \"***\" # mine"),
            ("  token='hush'", "  token='***'"),
            (
                "secret = [\"env:A\", \"hu\\\"sh\"]",
                "secret = [\"env:A\", \"***\"]",
            ),
            (
                "a = { name = \"b\", token = \"c\" }",
                "a = { name = \"b\", token = \"***\" }",
            ),
            ("secret = \"env:A\"", "secret = \"env:A\""),
            ("secrets = { a = \"env:A\" }", "secrets = { a = \"env:A\" }"),
            ("[plugins.secret]", "[plugins.secret]"),
        ] {
            assert_eq!(toml_line(line), shown);
        }
    }
}
