//! The regular expressions of `matches`: literals, compiled once, when the file is read.

use std::collections::HashMap;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

/// Largest compiled pattern, in bytes: what people write takes a hundredth.
const MAX_COMPILED: usize = 1 << 20;

/// Those of one expression, by their text. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Patterns(Arc<HashMap<String, Regex>>);

impl Patterns {
    /// Adds a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn add(&mut self, pattern: &str) -> Result<(), String> {
        let built = RegexBuilder::new(pattern).size_limit(MAX_COMPILED).build();
        let told = |error: regex::Error| error.to_string().lines().last().unwrap_or_default().to_owned();
        let regex = built.map_err(told)?;
        Arc::make_mut(&mut self.0).insert(pattern.to_owned(), regex);
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the pattern occurs in the text; `None` for one that was not added.
    pub(super) fn matches(&self, text: &str, pattern: &str) -> Option<bool> {
        Some(self.0.get(pattern)?.is_match(text))
    }
}
