//! What Slack's `ok: false` errors mean for a delivery, one by one.
//!
//! The words are those of Slack's description of the methods in use (`contracts/slack/web-api.json`) and of their pages,
//! <https://docs.slack.dev/reference/methods/chat.postMessage/>,
//! <https://docs.slack.dev/reference/methods/chat.update/>,
//! <https://docs.slack.dev/reference/methods/conversations.history/>,
//! <https://docs.slack.dev/reference/methods/conversations.replies/>,
//! <https://docs.slack.dev/reference/methods/conversations.open/>,
//! <https://docs.slack.dev/reference/methods/users.lookupByEmail/> and
//! <https://docs.slack.dev/reference/methods/auth.test/>.

use std::time::Duration;

use hookyard_plugin_sdk::Failure;
use serde_json::Value;

mod table;

use table::{TABLE, Verdict};

/// How much of Slack's explanation goes into a failure, in characters.
const MAX_DETAIL: usize = 500;

/// The failure for an answer with `ok: false`.
///
/// A word that the table has not is rejected, not retried: Slack documents the conditions that
/// pass by themselves and signals them by status as well, so an unknown word most likely names
/// something that a person has to mend, and a person should see it at once. A replay is one click.
pub(crate) fn settle(method: &str, answer: &Value, after: Option<Duration>) -> Failure {
    let word = answer["error"].as_str().unwrap_or("no error named");
    let known = TABLE.iter().find(|(known, ..)| *known == word);
    let (verdict, mend) = known.map_or(
        (Verdict::Reject, "see Slack's page of the method"),
        |(_, verdict, mend)| (*verdict, *mend),
    );
    let text = format!("{method}: Slack answers `{word}`: {mend}{}", detail(answer));
    match (verdict, after) {
        (Verdict::Reject, _) => Failure::reject(text),
        (Verdict::Retry, Some(after)) => Failure::retry_after(text, after),
        (Verdict::Retry, None) => Failure::retry(text),
    }
}

/// What Slack adds to some errors: the scope that is missing, the place in the blocks.
fn detail(answer: &Value) -> String {
    let mut parts = Vec::new();
    if let Some(needed) = answer["needed"].as_str() {
        let provided = answer["provided"].as_str().unwrap_or("none");
        parts.push(format!(" (needed: {needed}; the token has: {provided})"));
    }
    let messages = answer["response_metadata"]["messages"]
        .as_array()
        .into_iter()
        .flatten();
    parts.extend(
        messages
            .filter_map(Value::as_str)
            .map(|message| format!(" {message}")),
    );
    slack_message::cut(&parts.concat(), MAX_DETAIL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_word_stands_once_with_a_mend() {
        let mut words: Vec<_> = TABLE.iter().map(|(word, ..)| word).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), TABLE.len());
        assert!(TABLE.iter().all(|(_, _, mend)| !mend.is_empty()));
    }

    /// Every error that Slack's description lists for a method whose request the manifest declares.
    #[test]
    fn every_listed_error_has_an_entry() {
        let description: Value =
            serde_json::from_str(include_str!("../../../contracts/slack/web-api.json")).expect("JSON");
        let declared = crate::config::manifest();
        let mut methods = 0;
        for request in declared.requests() {
            let method = request.rsplit('/').next().expect("a method");
            let operation = &description["paths"][format!("/{method}")];
            let operation = operation["get"].as_object().or(operation["post"].as_object());
            let errors =
                &operation.expect(method)["responses"]["default"]["schema"]["properties"]["error"]["enum"];
            let errors = errors.as_array().expect(method);
            assert!(errors.len() > 5, "{method}");
            for error in errors {
                let word = error.as_str().expect("a word");
                assert!(TABLE.iter().any(|(known, ..)| *known == word), "{method}: {word}");
            }
            methods += 1;
        }
        assert_eq!(methods, 7);
    }

    #[test]
    fn a_word_is_settled_by_its_entry() {
        let failure = settle(
            "chat.postMessage",
            &json!({"ok": false, "error": "not_in_channel"}),
            None,
        );
        assert!(!failure.is_retryable());
        assert!(failure.reason().contains("/invite"), "{failure:?}");
        let limited = settle(
            "auth.test",
            &json!({"error": "ratelimited"}),
            Some(Duration::from_secs(3)),
        );
        assert!(
            matches!(limited, Failure::Retry(ref failure) if failure.after == Some(3000)),
            "{limited:?}"
        );
        let unknown = settle("auth.test", &json!({"error": "brand_new"}), None);
        assert!(
            !unknown.is_retryable() && unknown.reason().contains("brand_new"),
            "{unknown:?}"
        );
    }

    #[test]
    fn slacks_explanation_is_kept() {
        let scope = json!({"error": "missing_scope", "needed": "chat:write", "provided": "users:read"});
        let text = settle("chat.postMessage", &scope, None).reason().to_owned();
        assert!(
            text.contains("needed: chat:write; the token has: users:read"),
            "{text}"
        );
        let blocks = json!({"error": "invalid_blocks",
            "response_metadata": {"messages": ["[ERROR] no more than 50 items [json-pointer:/blocks]"]}});
        assert!(
            settle("chat.postMessage", &blocks, None)
                .reason()
                .contains("json-pointer")
        );
    }
}
