//! What the plugin remembers between runs, changed by compare-and-swap, with a mark that one run
//! alone is at work on something. A mark ends by itself, so that a run that died blocks nobody.

use std::time::{Duration, SystemTime};

use hookyard_plugin_sdk::{Failure, Settle, clock, state, warn};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How long a mark lasts: longer than a run may take by the `timeout` of the shipped
/// `plugins.toml`, so that it does not end under a run that is still at work.
const MARK: Duration = Duration::from_mins(4);

/// How long a job waits that met a mark: the other run needs a few requests.
const ASIDE: Duration = Duration::from_secs(3);

/// A value as it was read, and the version that tells whether it still is.
#[derive(Debug)]
pub(crate) struct Stored<T> {
    key: String,
    version: Option<u64>,
    pub(crate) value: T,
    /// Milliseconds since 1970; zero when nobody is at work.
    busy_until: u64,
}

#[derive(Deserialize, Serialize)]
struct Kept<T> {
    value: T,
    #[serde(default)]
    busy_until: u64,
}

impl<T: Clone + Default + DeserializeOwned + Serialize> Stored<T> {
    /// What is remembered under this name. A value that cannot be read counts as none.
    pub(crate) fn load(kind: &str, name: &str) -> Result<Self, Failure> {
        let key = format!("{kind}/{:016x}", state::hash(name));
        let entry = state::get(&key)?;
        let version = entry.as_ref().map(|entry| entry.version);
        let kept: Option<Kept<T>> = entry.and_then(|entry| serde_json::from_slice(&entry.value).ok());
        let (value, busy_until) = kept.map_or_else(Default::default, |kept| (kept.value, kept.busy_until));
        Ok(Self {
            key,
            version,
            value,
            busy_until,
        })
    }

    /// Begins work that one run alone may do, or defers the job: somebody is at it, or was since
    /// [`Stored::load`], so that what this run has read may be old.
    pub(crate) fn begin(&mut self, doing: &str) -> Result<(), Failure> {
        let now = millis(clock::now());
        let aside = || Failure::defer(format!("another run is {doing}"), ASIDE);
        if self.busy_until > now {
            return Err(aside());
        }
        let until = now.saturating_add(u64::try_from(MARK.as_millis()).unwrap_or(u64::MAX));
        if self.swap(until)? { Ok(()) } else { Err(aside()) }
    }

    /// Writes the value and keeps the mark. False when the mark was lost.
    pub(crate) fn keep(&mut self, value: T) -> Result<bool, Failure> {
        self.value = value;
        self.swap(self.busy_until)
    }

    /// Ends the work. When that fails the mark ends by itself.
    pub(crate) fn end(&mut self) {
        if !matches!(self.swap(0), Ok(true)) {
            warn!("a mark in the state was not removed; it ends by itself");
        }
    }

    /// Writes a value outside of any work, unless somebody was first.
    pub(crate) fn replace(&mut self, value: T) -> Result<bool, Failure> {
        self.value = value;
        self.swap(0)
    }

    fn swap(&mut self, busy_until: u64) -> Result<bool, Failure> {
        let kept = Kept {
            value: self.value.clone(),
            busy_until,
        };
        let bytes = serde_json::to_vec(&kept).or_reject("the state does not go into JSON")?;
        let Some(version) = state::compare_and_swap(&self.key, self.version, &bytes)? else {
            return Ok(false);
        };
        self.version = Some(version);
        self.busy_until = busy_until;
        Ok(true)
    }
}

/// Milliseconds since 1970.
pub(crate) fn millis(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookyard_plugin_sdk::testing::Host;

    fn load() -> Stored<String> {
        Stored::load("t", "a name").unwrap()
    }

    #[test]
    fn one_run_at_a_time_and_a_mark_ends_by_itself() {
        let host = Host::new();
        let (mut first, mut second) = (load(), load());
        first.begin("at work").unwrap();
        assert!(
            matches!(second.begin("at work"), Err(Failure::Defer(_))),
            "read before the mark"
        );
        assert!(
            matches!(load().begin("at work"), Err(Failure::Defer(_))),
            "read under the mark"
        );
        assert!(first.keep("x".to_owned()).unwrap());
        first.end();
        let mut third = load();
        assert_eq!(third.value, "x");
        third.begin("at work").unwrap();
        host.advance(MARK);
        load().begin("at work").unwrap();
        assert!(!third.keep("late".to_owned()).unwrap());
        assert_eq!(load().value, "x");
    }

    #[test]
    fn a_value_that_cannot_be_read_counts_as_none() {
        let _host = Host::new();
        let key = load().key;
        state::set(&key, b"\xff").unwrap();
        assert_eq!(load().value, "");
        load().begin("at work").unwrap();
    }
}
