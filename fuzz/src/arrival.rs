//! What comes after a proof.

use std::sync::OnceLock;
use std::time::Duration;

use hookyard::domain::event::{MAX_NAME_CHARS, MAX_ONCE_KEY_BYTES, NewEvent};
use hookyard::domain::redaction::{self, Pointer};
use hookyard::domain::rejected::Check;
use hookyard::domain::retention::{Retention, RetentionRule};
use hookyard::domain::source::pick::{Pick, check_pointer};
use hookyard::domain::source::{Dedupe, SourceSpec};
use hookyard::intake::presented::Presented;
use hookyard::intake::{fuzzing, media};

use crate::senders::{presented, section, source, words};

/// Most events of a batch, as `docs/sources.md` has it.
const MAX_BATCH: usize = 256;

/// Headers that stand for what an operator may have set: pointers into the body.
const TYPE: &str = "fuzz-type";
const KEY: &str = "fuzz-key";
const REDACT: &str = "fuzz-redact";

/// Each verifier's source by its word, and then each once more for senders of `CloudEvents`.
fn sources() -> &'static [SourceSpec] {
    static SOURCES: OnceLock<Vec<SourceSpec>> = OnceLock::new();
    SOURCES.get_or_init(|| {
        let formats = ["plain", "cloudevents"];
        let all = formats.into_iter().flat_map(|format| {
            let sections = words().into_iter().map(section);
            sections.map(move |section| source(&format!("{section}format = \"{format}\"\n")))
        });
        all.collect()
    })
}

/// A request whose sender has proven itself, as the number of a source and the rest of it: refused for its body, or
/// events whose bodies are what was sent, or that with values taken out, under names and keys that the store takes.
pub fn arrival(input: &[u8]) {
    let Some((number, request)) = input.split_first() else {
        return;
    };
    let sources = sources();
    let request = presented(request);
    let spec = picking(&sources[usize::from(*number) % sources.len()], &request);
    let pointers: Vec<Pointer> = pointers(&request, REDACT).collect();
    let rules = Retention {
        general: RetentionRule {
            redact: pointers.clone(),
            ..RetentionRule::default()
        },
        ..Retention::default()
    };
    match fuzzing::arrival(&spec, &request, [7; 32], &rules) {
        Err(rejection) => {
            assert!(matches!(rejection.check, Check::Body | Check::Malformed));
            assert!(!rejection.why.is_empty());
        }
        Ok(events) => {
            assert!(events.len() <= MAX_BATCH);
            for event in &events {
                is_storable(&spec, event);
                has_its_body(&request, event, &pointers);
            }
        }
    }
}

/// The pointers that a header holds, one each time it comes.
fn pointers<T: std::str::FromStr>(request: &Presented, header: &str) -> impl Iterator<Item = T> {
    let values = request.headers.get_all(header).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts
        .filter_map(|text| text.trim().parse().ok())
        .take(redaction::MAX_POINTERS)
}

/// The source with what this input's operator has set.
fn picking(spec: &SourceSpec, request: &Presented) -> SourceSpec {
    let pick = |header| {
        let mut texts = pointers::<String>(request, header);
        let text = texts.next().filter(|text| check_pointer(text).is_ok());
        text.map(Pick::Pointer)
    };
    SourceSpec {
        event_type: pick(TYPE),
        dedupe: Dedupe::On {
            window: Duration::from_hours(72),
            key: pick(KEY),
        },
        ..spec.clone()
    }
}

fn is_storable(spec: &SourceSpec, event: &NewEvent) {
    assert_eq!(event.source, spec.name.as_str());
    let kind = &event.event_type;
    assert!(!kind.is_empty() && kind.chars().count() <= MAX_NAME_CHARS);
    assert!(!kind.chars().any(char::is_control), "{kind:?}");
    if let Some(once) = &event.once {
        assert!(!once.key.is_empty() && once.key.len() <= MAX_ONCE_KEY_BYTES);
        assert!(once.expires_at > event.received_at);
    }
    let credential = event.headers.iter().find(|header| header.name == "authorization");
    assert!(credential.is_none(), "a credential is kept");
}

fn has_its_body(request: &Presented, event: &NewEvent, pointers: &[Pointer]) {
    if event.redacted.is_empty() {
        // The same bytes in memory: nothing is made anew.
        let (sent, kept) = (request.body.as_ptr_range(), event.body.as_ptr_range());
        assert!(sent.start <= kept.start && kept.end <= sent.end);
    } else {
        let again = redaction::redact(&event.body, event.payload.as_ref(), pointers);
        assert!(
            again.is_none_or(|again| again.body == event.body),
            "something is left to take out"
        );
    }
    if media::is_json(&event.content_type) {
        let parsed = serde_json::from_slice::<&serde_json::value::RawValue>(&event.body);
        assert!(parsed.is_ok(), "what says it is JSON is JSON");
    }
}
