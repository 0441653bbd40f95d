//! Whatever the JSON, it is kept as it is.

use hookyard::domain::event::NewEvent;
use hookyard::domain::id::UserId;
use hookyard::domain::time::Timestamp;
use hookyard::domain::user::User;
use hookyard::intake::{BadName, IntakeError, SourceQuery, Unverified};
use proptest::prelude::*;
use serde_json::json;

/// Any JSON text, with the whitespace, escapes and numbers that values would lose.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,5})?",
        any::<String>().prop_map(|text| json!(text).to_string()),
        "\"(\\\\u[0-9a-fA-F]{4}|\\\\[bfnrt/\\\\\"]|[a-z ])*\"",
    ];
    let gap = "[ \t\r\n]{0,2}";
    (
        gap,
        leaf.prop_recursive(5, 64, 6, move |inner| {
            let member = ("[a-z]{0,3}|source|payload", gap, inner.clone());
            prop_oneof![
                prop::collection::vec((gap, inner, gap), 0..6).prop_map(|items| {
                    let items: Vec<String> = items
                        .into_iter()
                        .map(|(a, item, b)| format!("{a}{item}{b}"))
                        .collect();
                    format!("[{}]", items.join(","))
                }),
                prop::collection::vec(member, 0..6).prop_map(|members| {
                    let members: Vec<String> = members
                        .into_iter()
                        .map(|(key, gap, value)| format!("\"{key}\"{gap}:{value}"))
                        .collect();
                    format!("{{{}}}", members.join(","))
                }),
            ]
        }),
        gap,
    )
        .prop_map(|(before, text, after)| format!("{before}{text}{after}"))
}

proptest! {
    /// Whatever the JSON, the body is kept byte for byte, and an envelope's payload is the very text
    /// that was put into it.
    #[test]
    fn any_json_survives(text in json_text()) {
        // It may happen to be an envelope whose source cannot be one, which is rightly refused.
        if let Ok(stored) = named(parse(text.clone().into()))? {
            prop_assert_eq!(&stored.body[..], text.as_bytes());
        }
        let enveloped = format!("{{\"payload\":{text},\"source\":\"s\"}}");
        let stored = parsed(&enveloped);
        let payload = stored.payload.clone().expect("a payload");
        prop_assert_eq!(&stored.body[payload], text.trim().as_bytes());
        prop_assert_eq!(stored.source, "s");
    }

    /// And no bytes whatever make the parser fall over.
    #[test]
    fn no_bytes_break_the_parser(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let valid = serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok() && std::str::from_utf8(&bytes).is_ok();
        prop_assert_eq!(parse(bytes.into()).is_ok(), valid);
    }
}

/// Fails unless the text was taken for JSON.
fn named(outcome: Result<NewEvent, IntakeError>) -> Result<Result<NewEvent, BadName>, TestCaseError> {
    match outcome {
        Ok(event) => Ok(Ok(event)),
        Err(IntakeError::Name(bad)) => Ok(Err(bad)),
        Err(other) => Err(TestCaseError::fail(other.to_string())),
    }
}

fn parsed(text: &str) -> NewEvent {
    parse(bytes::Bytes::copy_from_slice(text.as_bytes())).expect("valid JSON")
}

fn parse(body: bytes::Bytes) -> Result<NewEvent, IntakeError> {
    let sender = User {
        id: UserId::generate(),
        username: "ada".to_owned(),
        email: String::new(),
        first_name: String::new(),
        last_name: String::new(),
        role: hookyard::domain::access::Role::Sender,
        signed_out_at: None,
        is_active: true,
        date_joined: Timestamp::from_millis(0),
        last_login: None,
    };
    let request = Unverified {
        headers: http::HeaderMap::new(),
        query: SourceQuery::default(),
        content_type: "application/json".to_owned(),
        body,
    };
    request
        .sent_by(sender, hookyard::domain::api_key::SourceScope::default())
        .into_event(Timestamp::from_millis(0))
}
