//! How plugins stand, for people.

use serde::Serialize;

use crate::domain::plugin::PluginName;
use crate::domain::time::Timestamp;
use crate::wasm::{Grade, Manifest};

/// Where a plugin stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginState {
    /// What the file and `plugins.toml` say is in force.
    Ready,
    /// An older build or older settings serve, because the new ones failed; `error` says why.
    LastGood,
    /// Nothing serves yet: the component is being fetched. Deliveries wait. `error` says from where.
    Fetching,
    /// Nothing can serve, or nothing may: the pin asks for another build, the key has not signed it, or
    /// the section takes rights away and does not fit. Deliveries wait. `error` says why.
    Broken,
    /// The operator paused it; deliveries wait.
    Paused,
    /// The operator switched it off.
    Disabled,
}

impl PluginState {
    /// The word for it, in JSON and for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::LastGood => "last-good",
            Self::Fetching => "fetching",
            Self::Broken => "broken",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }
}

/// How one plugin stands.
#[derive(Clone, Debug, Serialize)]
pub struct PluginStatus {
    pub name: PluginName,
    /// The component's file or address.
    pub component: String,
    pub state: PluginState,
    /// The generation that serves, and the SHA-256 of its component; `None` when none does.
    pub generation: Option<u64>,
    pub digest: Option<String>,
    /// Whether it runs on code that was compiled in haste or optimised; `None` when none does.
    pub code: Option<Grade>,
    /// The kept builds that served before, newest first: what a rollback returns to.
    pub earlier_digests: Vec<String>,
    /// Why the newest build or settings are not in force, with the mend.
    pub error: Option<String>,
    /// Rights that are asked for and not granted, with the lines to add.
    pub warnings: Vec<String>,
    /// What the serving generation says about itself.
    pub manifest: Option<Manifest>,
    /// When the serving generation was loaded.
    pub loaded_at: Option<Timestamp>,
}

/// What an `apply` did.
#[derive(Clone, Debug, Default)]
pub struct ApplyReport {
    /// Every plugin of the file, in its order.
    pub statuses: Vec<PluginStatus>,
    /// Plugins that are no longer in the file.
    pub removed: Vec<PluginName>,
}
