//! What a verified request says of itself: its type, and which delivery it is.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::names::UNKNOWN;
use super::pointer;
use super::presented::Presented;
use crate::domain::event::{MAX_NAME_CHARS, MAX_ONCE_KEY_BYTES};
use crate::domain::source::pick::{Pick, Place};
use crate::domain::source::{Dedupe, SourceSpec};

/// The event's type; `unknown` where the request has none.
pub(super) fn event_type(spec: &SourceSpec, request: &Presented) -> String {
    let found = match &spec.event_type {
        Some(pick) => picked(pick, request),
        None => spec
            .facts
            .event_type
            .iter()
            .find_map(|place| placed(*place, request)),
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

/// Which delivery it is; `None` where the request does not say.
pub(super) fn key(spec: &SourceSpec, request: &Presented) -> Option<String> {
    let Dedupe::On { key, .. } = &spec.dedupe else {
        return None;
    };
    let parts = match key {
        Some(pick) => vec![picked(pick, request)?],
        None => spec.facts.key.iter().find_map(|places| {
            let parts = places.iter().map(|place| placed(*place, request));
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

fn picked(pick: &Pick, request: &Presented) -> Option<String> {
    let text = match pick {
        Pick::Header(name) => header(name, request),
        Pick::Pointer(pointer) => pointer::text_at(&request.body, pointer),
    };
    text.filter(|text| !text.is_empty())
}

fn placed(place: Place, request: &Presented) -> Option<String> {
    let text = match place {
        Place::Header(name) => header(name, request),
        Place::Pointer(pointer) => pointer::text_at(&request.body, pointer),
        Place::Field(name) => request.field(name),
        Place::FieldPointer(name, pointer) => pointer::text_at(request.field(name)?.as_bytes(), pointer),
        Place::WordIfField(word, name) => request.field(name).map(|_| word.to_owned()),
    };
    text.filter(|text| !text.is_empty())
}

fn header(name: &str, request: &Presented) -> Option<String> {
    let value = request.headers.get(name)?.to_str().ok()?;
    Some(value.trim().to_owned())
}
