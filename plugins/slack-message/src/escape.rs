//! Slack's three control characters.
//! <https://docs.slack.dev/messaging/formatting-message-text/#escaping>

/// Makes a value's text harmless in mrkdwn: `&`, `<` and `>` become entities, so that a value can
/// neither break the message nor make a link or a mention (`<!channel>`).
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            other => escaped.push(other),
        }
    }
    escaped
}
