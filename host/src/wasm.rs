//! Runs plugins: engine, limits, the registry of loaded generations, one call per delivery.

mod abi;
mod cache;
mod call;
mod code;
mod compiler;
pub mod egress;
mod engine;
#[doc(hidden)]
pub mod fuzzing;
mod host;
mod inspect;
mod limits;
mod load;
mod manifest;
mod mint;
mod plugin;
mod precompiled;
mod record;
mod registry;
mod rights;
mod schema;
mod secrets;
mod source;
mod standing;
mod sweep;
mod tape;
mod text;
mod variables;
mod world;

use std::time::Duration;

pub use self::compiler::Grade;
pub use self::egress::Network;
pub use self::engine::{Pool, Runtime, RuntimeError};
pub use self::inspect::Inspection;
pub use self::load::LoadError;
pub use self::manifest::{Action, Manifest, SecretAsk, SecretKind};
pub use self::plugin::Plugin;
pub use self::registry::{
    ApplyReport, Fetch, Phases, PluginState, PluginStatus, Registry, RegistryDeps, Reload, ReloadCause,
    ReloadResult, RollbackError,
};
pub use self::rights::{asked_patterns, asked_secret_urls};
pub use self::tape::{Tape, TapeError, Wire};

use crate::domain::attempt::{LogLine, OutboundCall};
use crate::domain::event::Event;
use crate::domain::id::DeliveryId;

/// One delivery of one event, for one call of a plugin.
#[derive(Clone, Debug)]
pub struct Job {
    pub delivery: DeliveryId,
    /// Which try this is; the first is 1.
    pub attempt: u32,
    pub event: Event,
}

/// All that was seen of one call.
#[derive(Clone, Debug)]
pub struct Run {
    pub ends: Ends,
    pub duration: Duration,
    /// Time it kept a processor busy.
    pub cpu: Duration,
    /// The most linear memory its instance had, in bytes.
    pub memory_peak: u64,
    pub logs: Vec<LogLine>,
    pub calls: Vec<OutboundCall>,
    /// Whether a request had no answer, or one by which the destination says that the fault is its own (RFC 9110,
    /// 15.6). What we refuse ourselves, for a right or a limit, says nothing of the destination.
    pub request_failed: bool,
}

/// How a call's jobs ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ends {
    /// The plugin said it of each job, in their order.
    Each(Vec<RunEnd>),
    /// The call ended before the plugin could: what is said holds for all its jobs, and of none is known how far
    /// it came.
    Whole(RunEnd),
}

/// How a job ended. Texts are for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunEnd {
    Succeeded {
        summary: String,
        output: Option<String>,
    },
    /// The plugin asks to be tried again, not before `after` when it is given.
    Retry {
        reason: String,
        after: Option<Duration>,
    },
    /// The plugin asks to wait; costs no attempt.
    Defer {
        reason: String,
        after: Duration,
    },
    /// The plugin says it can never work.
    Rejected(String),
    /// The plugin trapped or panicked; the text has the trap's whole reason and the panic's words.
    Trapped(String),
    /// Memory, CPU time or wall time ran out; the text says which and how much was allowed.
    Limit(String),
    /// The host could not run it.
    Host(String),
}

impl RunEnd {
    /// What failed, in words; `None` for a success and for a wait.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        match self {
            Self::Succeeded { .. } | Self::Defer { .. } => None,
            Self::Retry { reason: text, .. }
            | Self::Rejected(text)
            | Self::Trapped(text)
            | Self::Limit(text)
            | Self::Host(text) => Some(text),
        }
    }
}
