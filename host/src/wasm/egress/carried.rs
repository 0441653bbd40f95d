//! What a plugin's requests carried: remembered, so that every answer, every error and every word of an
//! issuer can be searched for it before somebody sees it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use url::Url;

use super::credentials::binds;
use super::dial::goes_to;
use super::mask::{Forms, Mask, forms};
use crate::domain::grant::{Grants, Origin};

/// Values remembered per secret: the one in use, and the one before a rotation or a new token.
const VALUES: usize = 2;
/// Origins remembered per secret: many times what one section grants.
const MAX_ORIGINS: usize = 256;

/// The secrets that were sent, by name.
#[derive(Default)]
pub(in crate::wasm) struct Carried(Mutex<BTreeMap<String, Remembered>>);

#[derive(Default)]
struct Remembered {
    /// The newest first.
    values: Vec<Forms>,
    /// Where it was bound to whenever it was sent.
    bound: Vec<Origin>,
}

impl Carried {
    /// Notes that a request carries this value of a secret, which is bound to these origins.
    pub(super) fn note<'a>(&self, secret: &str, value: &str, bound: impl Iterator<Item = &'a Origin>) {
        let mut all = self.all();
        let remembered = all.entry(secret.to_owned()).or_default();
        let known = |forms: &Forms| forms.first().is_some_and(|raw| **raw == value.as_bytes());
        if !remembered.values.iter().any(known) {
            remembered.values.insert(0, forms(value));
            remembered.values.truncate(VALUES);
        }
        for origin in bound {
            if !remembered.bound.contains(origin) {
                remembered.bound.push(origin.clone());
            }
        }
        let excess = remembered.bound.len().saturating_sub(MAX_ORIGINS);
        remembered.bound.drain(..excess);
    }

    /// What to search the next response for.
    pub(super) fn forms(&self) -> Vec<Forms> {
        let all = self.all();
        all.values().flat_map(|secret| &secret.values).cloned().collect()
    }

    /// A secret that was sent and that is, or was when it was sent, bound to where `url` goes: an answer
    /// from there may hold it.
    pub(super) fn may_come_from(&self, url: &Url, grants: &Grants) -> Option<String> {
        let all = self.all();
        let was = |secret: &Remembered| secret.bound.iter().any(|origin| goes_to(url, origin));
        let is = |name: &str| {
            let grant = grants.secrets.get(name);
            grant.is_some_and(|grant| binds(url, grants, grant))
        };
        all.iter()
            .find(|(name, secret)| was(secret) || is(name))
            .map(|(name, _)| name.clone())
    }

    /// The text without what was carried, nor `also`, which may be empty.
    pub(in crate::wasm) fn masked(&self, text: &str, also: &str) -> String {
        let mut searched = self.forms();
        if !also.is_empty() {
            searched.push(forms(also));
        }
        Mask::of(searched).map_or_else(|| text.to_owned(), |mask| mask.text(text))
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(texts: &[&str]) -> Vec<Origin> {
        let parse = |text: &&str| text.parse().expect("an origin");
        texts.iter().map(parse).collect()
    }

    #[test]
    fn rotation_keeps_the_value_before() {
        let carried = Carried::default();
        for value in ["first-value", "second-value", "third-value", "third-value"] {
            carried.note("token", value, std::iter::empty());
        }
        assert_eq!(carried.forms().len(), VALUES);
        let told = carried.masked("first-value second-value third-value also-this", "also-this");
        assert_eq!(told, "first-value ************ *********** *********");
    }

    #[test]
    fn a_secret_may_come_from_where_it_is_or_was_bound() {
        let carried = Carried::default();
        let from = |text: &str, grants: &Grants| {
            let url = Url::parse(text).expect("a URL");
            carried.may_come_from(&url, grants)
        };
        let grants = Grants {
            http: vec!["* https://now.test/**".parse().expect("a pattern")],
            secrets: [(
                "token".to_owned(),
                crate::domain::grant::SecretGrant::of(crate::domain::grant::SecretSource::Env(
                    "T".to_owned(),
                )),
            )]
            .into(),
            ..Grants::default()
        };
        assert_eq!(from("https://now.test/", &grants), None, "nothing was sent yet");
        carried.note("token", "a-value", origins(&["https://before.test"]).iter());
        for base in ["https://now.test/", "https://before.test/x"] {
            assert_eq!(from(base, &grants).as_deref(), Some("token"), "{base}");
        }
        assert_eq!(from("https://other.test/", &grants), None);
    }
}
