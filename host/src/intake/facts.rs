//! What a verified request says of itself: its type, and which delivery it is.

use std::fmt::Write as _;

use ::http::HeaderMap;
use sha2::{Digest as _, Sha256};

use super::names::UNKNOWN;
use super::{media, pointer};
use crate::domain::event::{MAX_NAME_CHARS, MAX_ONCE_KEY_BYTES};
use crate::domain::source::pick::{Pick, Place};
use crate::domain::source::{Dedupe, SourceSpec};

/// Where an event's facts stand: in the headers of its request, and in its own body.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    pub headers: &'a HeaderMap,
    pub content_type: &'a str,
    pub body: &'a [u8],
}

/// The event's type; `unknown` where nothing says it.
pub(super) fn event_type(spec: &SourceSpec, told: Told<'_>) -> String {
    let found = match &spec.event_type {
        Some(pick) => picked(pick, told),
        None => spec
            .facts
            .event_type
            .iter()
            .find_map(|place| placed(*place, told)),
    };
    name(found.as_deref().unwrap_or(UNKNOWN))
}

/// A sender's word as the name of a type. A provider's delivery is not lost over an odd one: it is
/// brought into shape.
pub(super) fn name(word: &str) -> String {
    let plain: String = word
        .trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_NAME_CHARS)
        .collect();
    let plain = plain.trim();
    if plain.is_empty() { UNKNOWN } else { plain }.to_owned()
}

/// Which delivery it is; `None` where nothing says it.
pub(super) fn key(spec: &SourceSpec, told: Told<'_>) -> Option<String> {
    let Dedupe::On { key, .. } = &spec.dedupe else {
        return None;
    };
    let parts = match key {
        Some(Pick::Pointer(pointer)) => {
            let value = pointer::value_at(told.body, pointer);
            vec![value.filter(|text| !text.is_empty())?]
        }
        Some(pick) => vec![picked(pick, told)?],
        None => spec.facts.key.iter().find_map(|places| {
            let parts = places.iter().map(|place| placed(*place, told));
            parts.collect::<Option<Vec<_>>>()
        })?,
    };
    Some(bounded(&joined(&parts)))
}

/// The parts as one text that no other parts make.
pub(super) fn joined(parts: &[String]) -> String {
    match parts {
        [only] => only.clone(),
        parts => parts.iter().fold(String::new(), |mut text, part| {
            write!(text, "{}:{part};", part.len()).expect("a string takes everything");
            text
        }),
    }
}

/// The key, or its digest when it is too long to be kept.
pub(super) fn bounded(key: &str) -> String {
    if key.len() <= MAX_ONCE_KEY_BYTES {
        key.to_owned()
    } else {
        format!("sha256:{}", hex::encode(Sha256::digest(key)))
    }
}

fn picked(pick: &Pick, told: Told<'_>) -> Option<String> {
    let text = match pick {
        Pick::Header(name) => told.header(name),
        Pick::Pointer(pointer) => pointer::text_at(told.body, pointer),
    };
    text.filter(|text| !text.is_empty())
}

fn placed(place: Place, told: Told<'_>) -> Option<String> {
    let text = match place {
        Place::Header(name) => told.header(name),
        Place::Pointer(pointer) => pointer::text_at(told.body, pointer),
        Place::Field(name) => told.field(name),
        Place::FieldPointer(name, pointer) => pointer::text_at(told.field(name)?.as_bytes(), pointer),
        Place::WordIfField(word, name) => told.field(name).map(|_| word.to_owned()),
    };
    text.filter(|text| !text.is_empty())
}

impl Told<'_> {
    fn header(self, name: &str) -> Option<String> {
        let value = self.headers.get(name)?.to_str().ok()?;
        Some(value.trim().to_owned())
    }

    /// The first value of a field of a form.
    fn field(self, name: &str) -> Option<String> {
        let body: &[u8] = if media::is_form(self.content_type) {
            self.body
        } else {
            &[]
        };
        let mut fields = url::form_urlencoded::parse(body);
        fields
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}
