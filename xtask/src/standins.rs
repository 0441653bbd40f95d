//! The vendors' stand-ins, running beside us.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::Value;

use crate::api::Api;
use crate::process::Service;
use crate::workspace::Workspace;

/// The stand-ins of Slack, Google and GitHub, as they describe themselves.
pub struct Standins {
    service: Service,
    described: Value,
    /// The key file of Google's service account.
    pub google_key: PathBuf,
}

impl Standins {
    /// Start them; their log and the key file lie in the data directory.
    ///
    /// # Errors
    /// When they do not become ready.
    pub fn start(workspace: &Workspace, data_dir: &Path) -> anyhow::Result<Self> {
        let google_key = data_dir.join("google-service-account.json");
        let mut command = Command::new(workspace.binary("debug", "standins"));
        command.arg("--google-key-file").arg(&google_key);
        let log = data_dir.join("standins.log");
        let (service, described) = Service::start("standins", &command, &log, |line| {
            serde_json::from_str::<Value>(line)
                .ok()
                .filter(|line| line["slack"].is_object())
        })?;
        Ok(Self {
            service,
            described,
            google_key,
        })
    }

    /// One of a vendor's own words about itself, such as `slack`'s `base_url` or `bot_token`.
    pub fn told(&self, vendor: &str, key: &str) -> &str {
        self.described[vendor][key].as_str().unwrap_or_default()
    }

    /// All their own words, by vendor.
    pub fn described(&self) -> &Value {
        &self.described
    }

    /// Where a vendor's page is, without a slash at the end.
    pub fn page(&self, vendor: &str) -> &str {
        self.told(vendor, "base_url").trim_end_matches('/')
    }

    /// The messages that arrived in Slack, oldest first.
    ///
    /// # Errors
    /// When the stand-in does not tell.
    pub fn messages(&self) -> anyhow::Result<Vec<Value>> {
        let shown = Api::new(self.page("slack"))
            .get("/control/messages")?
            .success("GET /control/messages")?;
        shown
            .as_array()
            .cloned()
            .context("/control/messages is not a list")
    }

    /// An error when they have ended.
    ///
    /// # Errors
    /// Says how they ended.
    pub fn check(&mut self) -> anyhow::Result<()> {
        self.service.check()
    }

    /// End them.
    ///
    /// # Errors
    /// When they do not end well.
    pub fn stop(self) -> anyhow::Result<()> {
        self.service.stop()
    }
}
