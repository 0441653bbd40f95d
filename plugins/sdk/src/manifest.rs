//! Builds what a plugin says about itself.

use serde_json::Value;

use crate::bindings::hookyard::plugin::manifest as wit;
pub use wit::SecretKind;

/// Who a plugin is, what it asks for and what it offers. Must be a constant: the host asks for it
/// when a build is loaded, with every import refused.
#[derive(Clone, Debug)]
pub struct Manifest(wit::Manifest);

impl Manifest {
    /// A plugin that asks for nothing and takes no configuration.
    ///
    /// `name` is the plugin's own; the operator may run it under another. `summary` is one line
    /// for people. For `version`, `env!("CARGO_PKG_VERSION")` keeps it true.
    #[must_use]
    pub fn new(name: &str, version: &str, summary: &str) -> Self {
        Self(wit::Manifest {
            name: name.to_owned(),
            version: version.to_owned(),
            summary: summary.to_owned(),
            config_schema: r#"{"type":"object","additionalProperties":false}"#.to_owned(),
            secrets: Vec::new(),
            http: Vec::new(),
            permissions: Vec::new(),
            actions: Vec::new(),
            batches: false,
        })
    }

    /// The JSON Schema (2020-12) of the configuration, an object schema. Say
    /// `"additionalProperties": false`, so that a misspelt key is refused when the plugin loads.
    /// The host fills in top-level `default`s.
    #[must_use]
    pub fn config(mut self, schema: &Value) -> Self {
        self.0.config_schema = schema.to_string();
        self
    }

    /// Asks for a secret that goes into header values.
    #[must_use]
    pub fn secret(self, name: &str, description: &str) -> Self {
        self.ask(name, SecretKind::Plain, description)
    }

    /// Asks for a secret that is a whole URL, such as an incoming webhook.
    #[must_use]
    pub fn url_secret(self, name: &str, description: &str) -> Self {
        self.ask(name, SecretKind::Url, description)
    }

    fn ask(mut self, name: &str, kind: SecretKind, description: &str) -> Self {
        self.0.secrets.push(wit::SecretAsk {
            name: name.to_owned(),
            kind,
            description: description.to_owned(),
            required: true,
            scopes: Vec::new(),
        });
        self
    }

    /// Asks for a Google service account with these OAuth scopes. Its reference goes where an
    /// access token would: `Authorization: Bearer …`.
    #[must_use]
    pub fn google_service_account(self, name: &str, scopes: &[&str], description: &str) -> Self {
        let mut asked = self.ask(name, SecretKind::GoogleServiceAccount, description);
        if let Some(secret) = asked.0.secrets.last_mut() {
            secret.scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        }
        asked
    }

    /// Asks for the private key of a GitHub App. Its reference goes where an installation access
    /// token would.
    #[must_use]
    pub fn github_app(self, name: &str, description: &str) -> Self {
        self.ask(name, SecretKind::GithubApp, description)
    }

    /// Says that the plugin can do something without the secret asked for last.
    #[must_use]
    pub fn optional(mut self) -> Self {
        if let Some(secret) = self.0.secrets.last_mut() {
            secret.required = false;
        }
        self
    }

    /// Asks for requests of this pattern: `METHOD scheme://host[:port]/path`, where `*` stands for
    /// one segment, `**` at the end for any rest, `{config:KEY}` for a string of the configuration
    /// and `{secret:NAME}` for the URL of a secret.
    #[must_use]
    pub fn http(mut self, pattern: &str) -> Self {
        self.0.http.push(pattern.to_owned());
        self
    }

    /// Asks for the permission `read-processes`.
    #[must_use]
    pub fn reads_processes(mut self) -> Self {
        self.0.permissions.push("read-processes".to_owned());
        self
    }

    /// Asks for the permission `own-authorization`: to set the header `Authorization` without a
    /// reference toward an origin that a secret is bound to.
    #[must_use]
    pub fn sets_own_authorization(mut self) -> Self {
        self.0.permissions.push("own-authorization".to_owned());
        self
    }

    /// Offers an action. `input` is the JSON Schema (2020-12) of its arguments.
    #[must_use]
    pub fn action(mut self, name: &str, summary: &str, input: &Value) -> Self {
        self.0.actions.push(wit::Action {
            name: name.to_owned(),
            summary: summary.to_owned(),
            input_schema: input.to_string(),
        });
        self
    }

    /// Says that several jobs may come in one call. Implement [`crate::Plugin::jobs`] then.
    #[must_use]
    pub fn batches(mut self) -> Self {
        self.0.batches = true;
        self
    }

    /// The name given to [`Manifest::new`].
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The requests asked for, each `METHOD scheme://host/path`.
    #[must_use]
    pub fn requests(&self) -> &[String] {
        &self.0.http
    }

    /// What the host receives.
    #[must_use]
    pub fn into_wit(self) -> wit::Manifest {
        self.0
    }
}
