//! What people changed: who, from where, what, and when.

use serde_json::Value;
use uuid::Uuid;

use super::access::Role;
use super::time::Timestamp;
use super::words::words;

/// Most bytes of a detail's JSON text; a longer one is replaced by its size. Details name what was changed and
/// never repeat a secret or a body.
pub const MAX_DETAIL_BYTES: usize = 4096;
/// Most characters of a target or an actor's name; the rest is cut off.
pub const MAX_TEXT_CHARS: usize = 300;

/// How a change reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The HTTP interface.
    Http,
    /// The command line of the same machine.
    Cli,
}

words!(Via, "way" { Http = "http", Cli = "cli" });

/// Who changes something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The username; `cli:` and the name of the operating system's user for a command.
    pub name: String,
    /// The account's role at that time. A command has none: who holds the data directory may do everything.
    pub role: Option<Role>,
    pub via: Via,
    /// Where the request came from.
    pub address: Option<String>,
    /// The request's id, as in the answer's `X-Request-Id`.
    pub request_id: Option<String>,
}

/// What was done. A new one needs its word here and nothing in the database, which takes any word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    UserRegister,
    UserCreate,
    UserChange,
    UserPassword,
    UserSignOut,
    KeyCreate,
    KeyRevoke,
    PluginAdd,
    PluginEnable,
    PluginDisable,
    PluginRollback,
    PluginTakeBack,
    PluginAction,
    ScheduleRun,
    SchedulePause,
    ScheduleResume,
    ProcessCreate,
    ProcessChange,
    ProcessRemove,
    SecretSet,
    SecretRemove,
    SecretReseal,
    StateDelete,
    StateClear,
    EventSend,
    EventPurge,
    EventReseal,
    EventReplay,
    DeliveryReplay,
    DeliveryDiscard,
    DeliveryResolve,
    /// An order for many deliveries.
    ReplayStart,
    ReplayCancel,
    /// A refused request that was taken in after all.
    RejectedAccept,
    DatabaseVacuum,
    ImportDjango,
}

words!(Action, "action" {
    UserRegister = "user.register",
    UserCreate = "user.create",
    UserChange = "user.change",
    UserPassword = "user.password",
    UserSignOut = "user.sign-out",
    KeyCreate = "key.create",
    KeyRevoke = "key.revoke",
    PluginAdd = "plugin.add",
    PluginEnable = "plugin.enable",
    PluginDisable = "plugin.disable",
    PluginRollback = "plugin.rollback",
    PluginTakeBack = "plugin.take-back",
    PluginAction = "plugin.action",
    ScheduleRun = "schedule.run",
    SchedulePause = "schedule.pause",
    ScheduleResume = "schedule.resume",
    ProcessCreate = "process.create",
    ProcessChange = "process.change",
    ProcessRemove = "process.remove",
    SecretSet = "secret.set",
    SecretRemove = "secret.remove",
    SecretReseal = "secret.reseal",
    StateDelete = "state.delete",
    StateClear = "state.clear",
    EventSend = "event.send",
    EventPurge = "event.purge",
    EventReseal = "event.reseal",
    EventReplay = "event.replay",
    DeliveryReplay = "delivery.replay",
    DeliveryDiscard = "delivery.discard",
    DeliveryResolve = "delivery.resolve",
    ReplayStart = "replay.start",
    ReplayCancel = "replay.cancel",
    RejectedAccept = "rejected.accept",
    DatabaseVacuum = "database.vacuum",
    ImportDjango = "import.django",
});

/// One row of the audit log.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    pub id: Uuid,
    pub at: Timestamp,
    pub actor: Actor,
    /// One of [`Action::WORDS`], or a word of another version.
    pub action: String,
    /// What was changed, by the name people know it by.
    pub target: String,
    /// What else there is to say: an object.
    pub detail: Value,
}

/// Which entries are wanted; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AuditFilter {
    pub actor: Option<String>,
    pub action: Option<String>,
    pub target: Option<String>,
    /// At or after.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}
