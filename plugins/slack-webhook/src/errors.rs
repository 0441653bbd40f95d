//! What an incoming webhook answers, word by word.
//! <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/#handling-errors>,
//! <https://docs.slack.dev/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks/>

use hookyard_plugin_sdk::Failure;

/// Whether a retry makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Retry,
    Reject,
}

use Verdict::{Reject, Retry};

const RENEW: &str =
    "make a new webhook in the Slack app's settings and put its URL into the secret `webhook-url`";

/// Slack's word, the verdict and what a person can do.
const TABLE: &[(&str, Verdict, &str)] = &[
    (
        "invalid_payload",
        Reject,
        "check `message` and `blocks` in plugins.toml; Slack cannot read the request",
    ),
    (
        "invalid_blocks",
        Reject,
        "check `blocks` in plugins.toml with Slack's Block Kit Builder",
    ),
    (
        "invalid_blocks_format",
        Reject,
        "`blocks` in plugins.toml must be an array of blocks",
    ),
    ("no_text", Reject, "give `message` in plugins.toml a text"),
    (
        "missing_text_or_fallback_or_attachments",
        Reject,
        "give `message` in plugins.toml a text",
    ),
    (
        "too_many_attachments",
        Reject,
        "a message takes at most 100 attachments",
    ),
    (
        "user_not_found",
        Reject,
        "the user this webhook writes to is gone; make a webhook for another",
    ),
    (
        "channel_not_found",
        Reject,
        "the webhook's channel is gone; make a webhook for another channel",
    ),
    (
        "channel_is_archived",
        Reject,
        "unarchive the webhook's channel, or make a webhook for another",
    ),
    (
        "action_prohibited",
        Reject,
        "an admin of the workspace forbids it; ask them to allow posting there",
    ),
    (
        "posting_to_general_channel_denied",
        Reject,
        "only admins may post to the general channel; make a webhook for another",
    ),
    ("no_service", Reject, RENEW),
    ("no_service_id", Reject, RENEW),
    ("no_active_hooks", Reject, RENEW),
    ("no_team", Reject, RENEW),
    (
        "team_disabled",
        Reject,
        "the workspace is disabled; ask its owner",
    ),
    ("invalid_token", Reject, RENEW),
    ("invalid_auth", Reject, RENEW),
    ("rollup_error", Retry, "Slack has a problem of its own"),
    ("internal_error", Retry, "Slack has a problem of its own"),
];

/// The failure for a word that the table has.
pub(crate) fn settle(status: u16, word: &str) -> Option<Failure> {
    let (_, verdict, mend) = TABLE.iter().find(|(known, ..)| *known == word)?;
    let text = format!("Slack answers `{word}` (HTTP {status}): {mend}");
    Some(match verdict {
        Retry => Failure::retry(text),
        Reject => Failure::reject(text),
    })
}

/// The failure for a word nobody knows. Slack names what may pass by its status (429, 5xx), which
/// has been looked at by now; the rest will not get better by itself, so a person should see it.
pub(crate) fn unknown(status: u16, word: &str) -> Failure {
    let word: String = word.chars().take(200).collect();
    Failure::reject(format!(
        "Slack answers HTTP {status} `{word}`; check the URL in the secret `webhook-url`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_stands_twice() {
        let mut words: Vec<_> = TABLE.iter().map(|(word, ..)| word).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), TABLE.len());
    }
}
