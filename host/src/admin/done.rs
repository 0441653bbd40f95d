//! What pages beside those of events say of what was done just before: a word in the address, a sentence on the page.

pub const SWITCHED_ON: &str = "switched-on";
pub const SWITCHED_OFF: &str = "switched-off";
pub const ROLLED_BACK: &str = "rolled-back";
pub const TAKEN_BACK: &str = "taken-back";
pub const ASKED: &str = "asked";
pub const STORED: &str = "stored";
pub const REMOVED: &str = "removed";
pub const STARTED: &str = "started";
pub const PAUSED: &str = "paused";
pub const RESUMED: &str = "resumed";
pub const USER_MADE: &str = "user-made";
pub const USER_CHANGED: &str = "user-changed";
pub const USER_SIGNED_OUT: &str = "user-signed-out";
pub const BIN_ADDED: &str = "bin-added";
pub const KEY_REVOKED: &str = "key-revoked";
pub const EDITED: &str = "edited";
pub const ORDERED: &str = "ordered";
pub const ORDER_CANCELLED: &str = "order-cancelled";
pub const ORDER_OVER: &str = "order-over";

/// Each word with its sentence.
const SENTENCES: [(&str, &str); 19] = [
    (
        SWITCHED_ON,
        "The plugin is switched on in plugins.toml. How it stands shows below.",
    ),
    (
        SWITCHED_OFF,
        "The plugin is switched off in plugins.toml. What waits for it is held.",
    ),
    (
        ROLLED_BACK,
        "The build that served before serves again; the newest is not loaded until that is taken back.",
    ),
    (TAKEN_BACK, "The build in the file serves again."),
    (ASKED, "The plugin is asked. What becomes of it shows below."),
    (STORED, "The process is stored, with a version of what it was."),
    (REMOVED, "The process is removed. Its versions stay."),
    (STARTED, "The schedule runs now. What becomes of it shows below."),
    (
        PAUSED,
        "The schedule is paused: it makes no ticks until somebody resumes it.",
    ),
    (
        RESUMED,
        "The schedule goes on. What it missed is dealt with by its `catch-up`.",
    ),
    (USER_MADE, "The account was made."),
    (USER_CHANGED, "The account was changed."),
    (
        USER_SIGNED_OUT,
        "The account is signed out everywhere. Its API keys go on.",
    ),
    (
        BIN_ADDED,
        "The request bin is in plugins.toml. How it stands shows below.",
    ),
    (KEY_REVOKED, "The key is revoked, for good."),
    (
        EDITED,
        "This event was made with the payload that you gave. The original stays as it is.",
    ),
    (ORDERED, "The order was given. How far it has come shows below."),
    (
        ORDER_CANCELLED,
        "The order has ended. What it made until then stays.",
    ),
    (ORDER_OVER, "The order was over already."),
];

/// The sentence of a word; `None` for any other.
#[must_use]
pub fn said(word: &str) -> Option<&'static str> {
    let found = SENTENCES.iter().find(|(known, _)| *known == word);
    found.map(|(_, sentence)| *sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart() {
        for (at, (word, sentence)) in SENTENCES.iter().enumerate() {
            assert_eq!(said(word), Some(*sentence));
            assert!(
                SENTENCES[at + 1..].iter().all(|(other, _)| other != word),
                "{word}"
            );
        }
        assert_eq!(said("<script>"), None);
    }
}
