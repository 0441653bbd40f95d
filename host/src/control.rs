//! Commands from the same machine: to the running server through a socket in the data directory,
//! or done inline, under the directory's lock, when none runs. Both ways end in `execute`.

mod actor;
mod ageing;
mod audit;
mod execute;
mod keys;
mod plugins;
mod processes;
mod rejected;
mod replays;
mod routes;
mod schedules;
mod secrets;
mod server;
mod state;
mod top;
mod users;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use zeroize::Zeroizing;

use crate::app::App;
use crate::config::Settings;
use crate::data_dir::{DataDir, Ownership, control_socket};
use crate::domain::access::Role;
use crate::domain::audit::AuditFilter;
use crate::domain::plugin::DigestPrefix;
use crate::environment::Environment;
use crate::operator::NewSection;
use crate::processes::Draft;

pub use actor::own as actor_here;
pub use ageing::{AgeingCommand, Resume};
pub use keys::KeyCommand;
pub use rejected::RejectedRequestCommand;
pub use replays::{ReplayRequest, Which};
pub use routes::RoutesRequest;
pub use secrets::SecretRequest;
pub use server::listen;
pub use state::StateRequest;
pub use top::{Standing, StandingNode, StandingPlugin};

/// One command.
#[derive(Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Request {
    UserList,
    UserCreate {
        username: String,
        email: String,
        password: String,
        role: Role,
    },
    UserPassword {
        username: String,
        password: String,
    },
    UserSet {
        username: String,
        active: Option<bool>,
        role: Option<Role>,
    },
    /// Ends every session of the user.
    UserSignOut {
        username: String,
    },
    Keys(KeyCommand),
    Ageing(AgeingCommand),
    /// The latest entries of the audit log.
    Audit {
        filter: AuditFilter,
        limit: u32,
    },
    EventList {
        source: Option<String>,
        event_type: Option<String>,
        status: Option<String>,
        plugin: Option<String>,
        limit: u32,
    },
    EventShow {
        id: String,
    },
    /// `body` in Base64.
    EventSend {
        source: String,
        event_type: String,
        body: String,
    },
    NodeList,
    /// How everything stands now.
    Top,
    PluginList,
    PluginEnable {
        name: String,
        enabled: bool,
    },
    PluginAdd {
        section: NewSection,
    },
    PluginReloads {
        name: String,
    },
    /// Back to the earlier build, if a build `from` serves; or (`undo`) to the one in the file.
    PluginRollback {
        name: String,
        undo: bool,
        from: Option<DigestPrefix>,
    },
    PluginRun {
        name: String,
        action: String,
        input: Value,
    },
    Routes(RoutesRequest),
    Secrets(SecretRequest),
    Rejected(RejectedRequestCommand),
    State(StateRequest),
    Replays(Box<ReplayRequest>),
    ScheduleList,
    ScheduleRun {
        name: String,
        plugin: Option<String>,
    },
    ScheduleHistory {
        name: String,
        plugin: Option<String>,
        limit: u32,
    },
    ProcessList {
        search: Option<String>,
        page: u32,
    },
    ProcessShow {
        code: String,
    },
    ProcessVersions {
        code: String,
        page: u32,
    },
    /// A process whose code must be new.
    ProcessAdd {
        process: Draft,
    },
    /// Processes by their codes, new or changed.
    ProcessPut {
        processes: Vec<Draft>,
        /// Only say what would come of it.
        dry_run: bool,
    },
    ProcessRemove {
        code: String,
    },
}

impl Request {
    /// Whether the answer waits for a plugin's run.
    fn runs_a_plugin(&self) -> bool {
        matches!(self, Self::PluginRun { .. } | Self::ScheduleRun { .. })
    }

    /// Whether the command looks at routes or components; the others start faster without.
    fn needs_plugins(&self) -> bool {
        matches!(
            self,
            Self::EventSend { .. }
                | Self::EventShow { .. }
                | Self::Routes(_)
                | Self::PluginList
                | Self::PluginEnable { .. }
                | Self::PluginRollback { .. }
                | Self::PluginRun { .. }
                | Self::ScheduleList
                | Self::ScheduleRun { .. }
                | Self::ScheduleHistory { .. }
        ) || matches!(self, Self::Replays(request) if request.needs_plugins())
            || matches!(self, Self::Rejected(command) if command.needs_plugins())
    }
}

/// What comes back: a value, or what is wrong in words.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Reply {
    Done(Box<RawValue>),
    Failed(String),
}

/// What a command answers: JSON as it was written, since payloads keep every digit.
#[derive(Debug)]
pub struct Answer(Box<RawValue>);

impl Answer {
    /// The answer of something that shows as JSON.
    ///
    /// # Errors
    /// When it does not.
    pub fn of(value: &impl Serialize) -> anyhow::Result<Self> {
        Ok(Self(serde_json::value::to_raw_value(value)?))
    }

    /// The JSON text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.get()
    }

    /// As a tree, for people's eyes; long numbers may lose digits here.
    #[must_use]
    pub fn value(&self) -> Value {
        let tree = |raw: &RawValue| {
            // Nested deeper than serde_json follows: shown as its text.
            serde_json::from_str(raw.get()).unwrap_or_else(|_| Value::from(raw.get()))
        };
        match serde_json::from_str::<BTreeMap<String, &RawValue>>(self.0.get()) {
            Ok(members) => members.into_iter().map(|(key, raw)| (key, tree(raw))).collect(),
            Err(_) => tree(&self.0),
        }
    }
}

/// Largest request or reply line, in bytes: the largest body in Base64, and room around it.
const MAX_LINE: u64 = 100 << 20;

/// How long a command may take that runs no plugin: an import of 500 scripts, at worst.
const REPLY_TIMEOUT: Duration = Duration::from_mins(5);

/// Sends commands where they belong.
pub struct Caller {
    settings: Settings,
    env: Environment,
}

impl Caller {
    /// A caller for the data directory of these settings.
    #[must_use]
    pub fn new(settings: Settings, env: Environment) -> Self {
        Self { settings, env }
    }

    /// Whether a server (or another command) has the data directory.
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub fn is_served(&self) -> anyhow::Result<bool> {
        Ok(matches!(DataDir::own(&self.settings.data_dir)?, Ownership::Taken))
    }

    /// Does the command in the running server, or here.
    ///
    /// # Errors
    /// When it cannot be done; the text is for people.
    pub async fn call(&self, request: Request) -> anyhow::Result<Answer> {
        match DataDir::own(&self.settings.data_dir)? {
            Ownership::Owned(dir) => {
                let app = App::build(self.settings.clone(), self.env.clone(), dir).await?;
                if request.needs_plugins() {
                    app.load_plugins().await;
                }
                let answer = execute::execute(&app, request, &actor::own()).await;
                app.close().await;
                answer
            }
            // The server bounds it, by the plugin's own `timeout`.
            Ownership::Taken if request.runs_a_plugin() => self.remote(request).await,
            Ownership::Taken => tokio::time::timeout(REPLY_TIMEOUT, self.remote(request))
                .await
                .map_err(|_| {
                    anyhow!(
                        "the running server did not answer in {} s",
                        REPLY_TIMEOUT.as_secs()
                    )
                })?,
        }
    }

    async fn remote(&self, request: Request) -> anyhow::Result<Answer> {
        let socket = control_socket(&self.settings.data_dir);
        let stream = UnixStream::connect(&socket).await.with_context(|| {
            format!(
                "another hookyard process owns {} but does not listen at {}; it may be starting or stopping",
                self.settings.data_dir.display(),
                socket.display()
            )
        })?;
        let (read, mut write) = stream.into_split();
        // May hold a secret that is being set.
        let mut command = Zeroizing::new(serde_json::to_string(&request)?);
        command.push('\n');
        write.write_all(command.as_bytes()).await?;
        let mut line = String::new();
        BufReader::new(read.take(MAX_LINE)).read_line(&mut line).await?;
        if line.is_empty() {
            bail!("the running server closed the connection; its log says why");
        }
        match serde_json::from_str(&line)? {
            Reply::Done(value) => Ok(Answer(value)),
            Reply::Failed(text) => bail!(text),
        }
    }
}
