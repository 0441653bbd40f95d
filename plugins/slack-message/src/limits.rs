//! How long Slack lets things be, in characters. A longer text is cut, because a cut message is
//! worth more than none.
//!
//! <https://docs.slack.dev/reference/block-kit/blocks/>,
//! <https://docs.slack.dev/reference/methods/chat.postMessage/> ("truncating content")

/// The text of a message. Slack advises 4,000 and refuses above 40,000.
pub const MAX_TEXT: usize = 40_000;
/// The text of a header block.
pub(crate) const MAX_HEADER: usize = 150;
/// The text of a section block, and any other text without a limit of its own.
pub(crate) const MAX_SECTION: usize = 3000;
/// One of the fields of a section block.
pub(crate) const MAX_FIELD: usize = 2000;
/// The text on a button.
pub(crate) const MAX_BUTTON: usize = 75;
/// Blocks of one message.
pub(crate) const MAX_BLOCKS: usize = 50;
/// Characters of the longest entity that [`crate::escape`] writes, `&amp;`, without its end.
const ENTITY: usize = 4;

/// The first `limit` characters, the last of them `…` when something was cut. Never cuts inside
/// an entity.
#[must_use]
pub fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(limit.saturating_sub(1)).collect();
    if let Some(start) = kept.rfind('&')
        && !kept[start..].contains(';')
        && kept[start..].chars().count() <= ENTITY
    {
        kept.truncate(start);
    }
    kept.push('…');
    kept
}
