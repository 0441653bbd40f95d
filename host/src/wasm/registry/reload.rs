//! What became of each load of a plugin, for people.

use serde::{Deserialize, Serialize};

use crate::domain::plugin::{DigestPrefix, PluginName};
use crate::domain::time::Timestamp;
use crate::domain::words::words;
use crate::wasm::compiler::Grade;
use crate::wasm::load::LoadError;

/// Why a plugin was loaded, or its settings put in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadCause {
    /// The plugin was not loaded before in this process.
    Start,
    /// The component's file holds another build.
    File,
    /// Its section of `plugins.toml` says something else.
    Section,
    /// A kept build, since the file's cannot serve.
    Fallback,
    /// A person rolled the newest build back.
    Rollback,
    /// The newest build failed every delivery of its trial (`rollback-after`).
    Failures,
    /// A person took a rollback back.
    Undo,
}

words!(ReloadCause, "cause of a reload" {
    Start = "start",
    File = "file",
    Section = "section",
    Fallback = "fallback",
    Rollback = "rollback",
    Failures = "failures",
    Undo = "undo",
});

/// How a load ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadResult {
    /// What was tried serves.
    Loaded,
    /// What served before still does, if anything did.
    Refused,
}

words!(ReloadResult, "result of a reload" {
    Loaded = "loaded",
    Refused = "refused",
});

/// One load in a plugin's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    /// When it ended.
    pub at: Timestamp,
    pub cause: ReloadCause,
    pub result: ReloadResult,
    /// SHA-256 of the build that served before.
    pub old_digest: Option<String>,
    /// SHA-256 of the build that was tried; `None` when its file could not be read.
    pub new_digest: Option<String>,
    /// The generation that came of it.
    pub generation: Option<u64>,
    /// Why it was refused, who rolled a build back or took that back and why, or what keeps the file's
    /// build from serving.
    pub why: Option<String>,
    /// From the first look at the file to its end, in milliseconds.
    pub duration_ms: u64,
    pub phases: Phases,
}

impl Reload {
    /// Whether this tells nothing that `before` has not told: the poll looks at a broken file again
    /// and again.
    pub(super) fn repeats(&self, before: &Self) -> bool {
        self.result == ReloadResult::Refused
            && before.result == ReloadResult::Refused
            && self.new_digest == before.new_digest
            && self.why == before.why
    }
}

/// Where the time of a load went, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Phases {
    /// From when the file came to be where it is, as the file system tells it, to the first look at it;
    /// `None` when that is more than a minute ago, as at a start.
    pub noticed_ms: Option<u64>,
    /// Reading and digesting the file.
    pub read_ms: u64,
    /// Compiling, or taking the compiled code from the cache, and linking.
    pub compile_ms: u64,
    /// Which code that gave; `None` when nothing was compiled.
    pub code: Option<Grade>,
    /// `describe`, and the check of what it said.
    pub describe_ms: u64,
    /// Comparing the operator's section with the manifest.
    pub settings_ms: u64,
    /// From serving to the first run on the new code; `None` while there was none.
    pub first_run_ms: Option<u64>,
}

/// Why no earlier build serves.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    #[error("plugins.toml has no section [plugins.{0}]")]
    Unknown(PluginName),
    #[error("{0} is switched off; `hookyard plugins enable {0}` first")]
    Disabled(PluginName),
    #[error("there is no earlier build of {0} to go back to")]
    NothingEarlier(PluginName),
    #[error(
        "the pin `sha256` of [plugins.{0}] allows no earlier build; write the digest to go back to, or leave \
         the pin out"
    )]
    Pinned(PluginName),
    #[error(
        "the key that `signed-by` of [plugins.{0}] names has signed no earlier build; name the key that has, or \
         leave it out"
    )]
    Unsigned(PluginName),
    #[error("the build in the file of {0} was not rolled back")]
    NotRejected(PluginName),
    #[error("the build {from} does not serve {name}, but {serving}; nothing was rolled back")]
    NotServing {
        name: PluginName,
        from: DigestPrefix,
        serving: String,
    },
    #[error("[plugins.{0}] was changed meanwhile; nothing was rolled back, try again")]
    Overtaken(PluginName),
    /// Whether the build in the file was rolled back cannot be told.
    #[error("the rollback cannot be taken back: {0}")]
    Component(#[source] LoadError),
    /// The earlier build does not load either.
    #[error("the earlier build cannot serve: {0}")]
    Load(#[from] LoadError),
}
