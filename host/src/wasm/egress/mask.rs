//! Searches texts for secrets and overwrites each find with stars, byte for byte, so that lengths stay
//! true.
//!
//! Found are the value itself and how it looks in JSON, in URLs and in Base64 ([`forms`]). A vendor that
//! changes it in other ways, or a plugin that asks for it in pieces, is not found out: bind a secret only
//! to origins that are trusted with it.

mod forms;

use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};
use memchr::memmem::Finder;

use self::forms::MIN_BYTES;
pub(super) use self::forms::{Forms, forms};

/// What stands in place of each byte of a secret.
const STAR: u8 = b'*';

/// Searches one response, or one text.
pub(super) struct Mask {
    forms: Vec<Forms>,
    /// What has come and may be the beginning of a secret, as it came: stars would hide the beginning of a
    /// secret that overlaps with another.
    held: BytesMut,
    /// The same with stars over what was found.
    told: BytesMut,
}

impl Mask {
    /// A search for these; `None` when there is nothing to search for.
    pub(super) fn of(forms: Vec<Forms>) -> Option<Self> {
        (!forms.is_empty()).then(|| Self {
            forms,
            held: BytesMut::new(),
            told: BytesMut::new(),
        })
    }

    /// Takes the next bytes in and gives those that can be told to be harmless.
    pub(super) fn push(&mut self, next: &[u8]) -> Bytes {
        self.held.extend_from_slice(next);
        self.told.extend_from_slice(next);
        star(&self.forms, &self.held, &mut self.told);
        let harmless = self.held.len() - self.beginning();
        self.held.advance(harmless);
        self.told.split_to(harmless).freeze()
    }

    /// The last bytes.
    pub(super) fn finish(&mut self) -> Bytes {
        self.held.clear();
        self.told.split().freeze()
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
        texts(&self.forms).filter_map(of).max().unwrap_or(0)
    }

    /// Searches the values of a header section.
    pub(super) fn headers(&self, headers: &mut HeaderMap) {
        for value in headers.values_mut() {
            let mut told = value.as_bytes().to_vec();
            if star(&self.forms, value.as_bytes(), &mut told) {
                // Stars are as allowed as what they stand for.
                *value = HeaderValue::from_bytes(&told).unwrap_or_else(|_| HeaderValue::from_static("***"));
            }
        }
    }

    /// A text that is at hand as a whole.
    pub(super) fn text(&self, text: &str) -> String {
        let mut told = text.as_bytes().to_vec();
        star(&self.forms, text.as_bytes(), &mut told);
        String::from_utf8_lossy(&told).into_owned()
    }
}

fn texts(forms: &[Forms]) -> impl Iterator<Item = &[u8]> {
    forms
        .iter()
        .flat_map(|forms| forms.iter())
        .map(|form| form.as_slice())
        .filter(|form| form.len() >= MIN_BYTES)
}

/// Overwrites in `told` what is found in `came`, of which it is a copy; whether something was.
fn star(forms: &[Forms], came: &[u8], told: &mut [u8]) -> bool {
    let mut found = false;
    for form in texts(forms) {
        let finder = Finder::new(form);
        let (mut from, mut done) = (0, 0);
        // Finds may overlap: the next may begin one byte later.
        while let Some(at) = finder.find(&came[from..]) {
            let (start, end) = (from + at, from + at + form.len());
            told[start.max(done)..end].fill(STAR);
            (from, done) = (start + 1, end);
            found = true;
        }
    }
    found
}

/// What comes of `text` when it is searched for these values and arrives in pieces of `piece` bytes. For tests and
/// fuzzing.
pub(in crate::wasm) fn in_pieces(values: &[&str], text: &[u8], piece: usize) -> Vec<u8> {
    let Some(mut mask) = Mask::of(values.iter().map(|value| forms(value)).collect()) else {
        return text.to_vec();
    };
    let mut whole = Vec::new();
    for part in text.chunks(piece.max(1)) {
        whole.extend_from_slice(&mask.push(part));
    }
    whole.extend_from_slice(&mask.finish());
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(values: &[&str], text: &str, piece: usize) -> String {
        String::from_utf8(in_pieces(values, text.as_bytes(), piece)).expect("text")
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
    fn usual_ways_of_writing_it_are_overwritten() {
        for form in ["pa\\/ss\\\"w-rd=", "pa%2Fss%22w-rd%3D", "cGEvc3Midy1yZD0="] {
            let told = masked(&["pa/ss\"w-rd="], &format!("<{form}>"), 3);
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
    fn overlapping_secrets_leave_nothing_over_however_the_body_is_cut() {
        for chunk in 1..16 {
            assert_eq!(
                masked(&["abcdefgh", "efghijkl"], "-abcdefghijkl-", chunk),
                "-************-",
                "{chunk}"
            );
            assert_eq!(
                masked(&["abababab"], "-ababababab-", chunk),
                "-**********-",
                "{chunk}"
            );
        }
    }

    #[test]
    fn short_ones_are_let_be() {
        assert_eq!(masked(&["abcdefgh", "a"], "banana", 2), "banana");
    }
}
