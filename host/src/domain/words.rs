//! Enums whose values are words: one list of names for columns, JSON, settings and messages.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::Visitor;

/// A text that names no value of an enum.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}; use {}", choices(words))]
pub struct UnknownWord {
    text: String,
    what: &'static str,
    words: &'static [&'static str],
}

impl UnknownWord {
    /// `text`, where one of `words` names a `what`.
    #[must_use]
    pub fn new(text: &str, what: &'static str, words: &'static [&'static str]) -> Self {
        Self {
            text: text.to_owned(),
            what,
            words,
        }
    }

    /// The words there are, for people: `a, b or c`.
    #[must_use]
    pub fn choices(&self) -> String {
        choices(self.words)
    }
}

fn choices(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// Reads a word of `T`.
pub(crate) struct WordVisitor<T> {
    words: &'static [&'static str],
    value: PhantomData<T>,
}

impl<T> WordVisitor<T> {
    /// A reader of these words.
    pub(crate) const fn new(words: &'static [&'static str]) -> Self {
        Self {
            words,
            value: PhantomData,
        }
    }
}

impl<T: FromStr> Visitor<'_> for WordVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&choices(self.words))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|_| E::unknown_variant(text, self.words))
    }
}

/// Gives an enum its words: `WORDS`, `as_str`, `Display`, `FromStr` and serde by the same.
macro_rules! words {
    ($name:ident, $what:literal { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $name {
            /// Every value's word, in order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word of this value, everywhere it is stored, sent or shown.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::domain::words::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::domain::words::UnknownWord::new(text, $what, Self::WORDS)),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                // Within the visitor, so that a file's error points at the word.
                deserializer.deserialize_str($crate::domain::words::WordVisitor::new(Self::WORDS))
            }
        }
    };
}
pub(crate) use words;

#[cfg(test)]
mod tests {
    use crate::domain::attempt::{AttemptOutcome, LogLevel};
    use crate::domain::delivery::{DeliveryState, OnUnknown};
    use crate::domain::event::{EventKind, EventStatus};
    use crate::domain::rejected::Check;

    #[test]
    fn words_are_read_back_and_others_refused() {
        for word in DeliveryState::WORDS {
            let state: DeliveryState = word.parse().expect("its own word");
            assert_eq!(&state.as_str(), word);
            assert_eq!(serde_json::to_value(state).expect("JSON"), **word);
            assert_eq!(
                serde_json::from_str::<DeliveryState>(&format!("\"{word}\"")).ok(),
                Some(state)
            );
        }
        let wrong = "Hold".parse::<OnUnknown>().expect_err("no word");
        assert_eq!(
            wrong.to_string(),
            "`Hold` is no policy for unknown outcomes; use retry or hold"
        );
        assert!(serde_json::from_str::<LogLevel>("\"loud\"").is_err());
    }

    #[test]
    fn the_schemas_know_every_check() {
        for schema in [
            include_str!("../../../migrations/sqlite/0006_sources.sql"),
            include_str!("../../../migrations/postgres/0006_sources.sql"),
        ] {
            let dense: String = schema.split_whitespace().collect();
            for words in [Check::WORDS, EventStatus::WORDS] {
                let check = format!("IN('{}')", words.join("','"));
                assert!(dense.contains(&check), "{check}");
            }
        }
    }

    /// The columns' CHECKs hold the same words.
    #[test]
    fn the_schemas_know_every_word() {
        for schema in [
            include_str!("../../../migrations/sqlite/0001_init.sql"),
            include_str!("../../../migrations/postgres/0001_init.sql"),
        ] {
            let dense: String = schema.split_whitespace().collect();
            for words in [
                EventKind::WORDS,
                EventStatus::WORDS,
                DeliveryState::WORDS,
                AttemptOutcome::WORDS,
            ] {
                let check = format!("IN('{}')", words.join("','"));
                assert!(dense.contains(&check), "{check}");
            }
        }
    }
}
