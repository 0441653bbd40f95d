//! Secrets that a vendor sends back: every response is searched for what the plugin's requests carried,
//! and each find is overwritten with stars, byte for byte, so that lengths stay true.
//!
//! Found are the value itself and how it looks in JSON, in URLs and in Base64. A vendor that changes it
//! in other ways, or a plugin that asks for it in pieces, is not found out: bind a secret only to
//! origins that are trusted with it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};
use memchr::memmem::Finder;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

/// Shorter texts are not searched for: they would be found everywhere.
const MIN_BYTES: usize = 6;
/// Values remembered per secret: the one in use, and the one before a rotation or a new token.
const VALUES: usize = 2;
/// What stands in place of each byte of a secret.
const STAR: u8 = b'*';

/// One way in which a secret may come back.
type Form = Zeroizing<Vec<u8>>;

/// What a plugin's requests carried, by the secret's name; the newest value first.
#[derive(Default)]
pub(in crate::wasm) struct Carried(Mutex<BTreeMap<String, Vec<Arc<Vec<Form>>>>>);

impl Carried {
    /// Notes that a request carries this value.
    pub(in crate::wasm) fn note(&self, secret: &str, value: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let values = all.entry(secret.to_owned()).or_default();
        let known = |forms: &Arc<Vec<Form>>| forms.first().is_some_and(|raw| **raw == value.as_bytes());
        if !values.iter().any(known) {
            values.insert(0, Arc::new(forms(value)));
            values.truncate(VALUES);
        }
    }

    /// A whole text, searched in pieces of `piece` bytes.
    pub(in crate::wasm) fn masked(&self, text: &[u8], piece: usize) -> Vec<u8> {
        let Some(mut mask) = Mask::of(self.forms()) else {
            return text.to_vec();
        };
        let mut whole = Vec::new();
        for part in text.chunks(piece.max(1)) {
            whole.extend_from_slice(&mask.push(part));
        }
        whole.extend_from_slice(&mask.finish());
        whole
    }

    /// What to search the next response for.
    pub(super) fn forms(&self) -> Vec<Arc<Vec<Form>>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().flatten().cloned().collect()
    }
}

fn forms(value: &str) -> Vec<Form> {
    let json = serde_json::Value::from(value).to_string();
    let json = json.trim_matches('"').replace('/', "\\/");
    let mut forms = vec![Zeroizing::new(value.as_bytes().to_vec())];
    // Of a URL the part behind the host is the secret.
    let path = url::Url::parse(value).ok().map(|url| url.path().to_owned());
    let others = [
        serde_json::Value::from(value)
            .to_string()
            .trim_matches('"')
            .to_owned(),
        json,
        utf8_percent_encode(value, NON_ALPHANUMERIC).to_string(),
        STANDARD.encode(value),
        URL_SAFE_NO_PAD.encode(value),
    ];
    for form in others.into_iter().chain(path) {
        let form = Zeroizing::new(form.into_bytes());
        if form.len() >= MIN_BYTES && !forms.contains(&form) {
            forms.push(form);
        }
    }
    forms
}

/// Searches one response.
pub(super) struct Mask {
    forms: Vec<Arc<Vec<Form>>>,
    /// What has come and may be the beginning of a secret.
    held: BytesMut,
}

impl Mask {
    /// A search for these; `None` when there is nothing to search for.
    pub(super) fn of(forms: Vec<Arc<Vec<Form>>>) -> Option<Self> {
        (!forms.is_empty()).then(|| Self {
            forms,
            held: BytesMut::new(),
        })
    }

    fn texts(&self) -> impl Iterator<Item = &[u8]> {
        let all = self.forms.iter().flat_map(|forms| forms.iter());
        all.map(|form| form.as_slice())
            .filter(|form| form.len() >= MIN_BYTES)
    }

    fn finds(&self, text: &[u8]) -> Vec<Range<usize>> {
        let find = |form: &[u8]| {
            let finder = Finder::new(form);
            let starts: Vec<usize> = finder.find_iter(text).collect();
            starts
                .into_iter()
                .map(|at| at..at + form.len())
                .collect::<Vec<_>>()
        };
        self.texts().flat_map(find).collect()
    }

    /// Takes the next bytes in and gives those that can be told to be harmless.
    pub(super) fn push(&mut self, next: &[u8]) -> Bytes {
        self.held.extend_from_slice(next);
        let keep = self.beginning();
        let finds = self.finds(&self.held);
        for find in finds {
            self.held[find].fill(STAR);
        }
        let harmless = self.held.len() - keep;
        self.held.split_to(harmless).freeze()
    }

    /// The last bytes.
    pub(super) fn finish(&mut self) -> Bytes {
        self.held.split().freeze()
    }

    /// Whether bytes are held back.
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// How many bytes at the end may be the beginning of a secret.
    fn beginning(&self) -> usize {
        let of = |form: &[u8]| {
            let most = (form.len() - 1).min(self.held.len());
            (1..=most).rev().find(|len| self.held.ends_with(&form[..*len]))
        };
        self.texts().filter_map(of).max().unwrap_or(0)
    }

    /// Searches the values of a header section.
    pub(super) fn headers(&self, headers: &mut HeaderMap) {
        for value in headers.values_mut() {
            let finds = self.finds(value.as_bytes());
            if finds.is_empty() {
                continue;
            }
            let mut bytes = value.as_bytes().to_vec();
            for find in finds {
                bytes[find].fill(STAR);
            }
            // Stars are as allowed as what they stand for.
            *value = HeaderValue::from_bytes(&bytes).unwrap_or_else(|_| HeaderValue::from_static("***"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(values: &[&str], text: &str, piece: usize) -> String {
        let carried = Carried::default();
        for (at, value) in values.iter().enumerate() {
            carried.note(&at.to_string(), value);
        }
        String::from_utf8(carried.masked(text.as_bytes(), piece)).expect("text")
    }

    #[test]
    fn a_secret_is_found_however_the_body_is_cut() {
        let text = "a secret-value, secret-secret-value and secret-valu";
        for chunk in 1..text.len() {
            assert_eq!(
                masked(&["secret-value"], text, chunk),
                "a ************, secret-************ and secret-valu",
                "{chunk}"
            );
        }
    }

    #[test]
    fn usual_ways_of_writing_it_are_found() {
        let value = "pa/ss\"w+rd=";
        let json = serde_json::to_string(value).expect("JSON");
        let base64 = STANDARD.encode(value);
        let percent = utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
        for form in [json.trim_matches('"'), &base64, &percent] {
            let told = masked(&[value], &format!("<{form}>"), 3);
            assert_eq!(told, format!("<{}>", "*".repeat(form.len())));
        }
        let told = masked(
            &["https://hooks.test/services/T0/B0/xyz"],
            "see /services/T0/B0/xyz",
            5,
        );
        assert_eq!(told, "see *******************");
    }

    #[test]
    fn overlapping_secrets_leave_nothing_over_and_short_ones_are_let_be() {
        assert_eq!(
            masked(&["abcdefgh", "efghijkl"], "-abcdefghijkl-", 99),
            "-************-"
        );
        assert_eq!(masked(&["abcdefgh", "a"], "banana", 2), "banana");
    }

    #[test]
    fn rotation_keeps_the_value_before() {
        let carried = Carried::default();
        for value in ["first-value", "second-value", "third-value", "third-value"] {
            carried.note("token", value);
        }
        assert_eq!(carried.forms().len(), VALUES);
    }
}
