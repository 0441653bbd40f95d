//! A running application with one of the plugins, and a running Slack.

use std::path::{Path, PathBuf};

use hookyard::environment::Environment;
use serde_json::Value;
use standins::fault::{Fault, FaultKind};
use standins::slack::{Options, Slack};

use crate::support::pipeline::Pipeline;

/// Both.
pub struct Scene {
    pub slack: Slack,
    pub pipeline: Pipeline,
    dir: tempfile::TempDir,
}

fn component(plugin: &str) -> PathBuf {
    let name = plugin.replace('-', "_");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../plugins/dist/{name}.wasm"));
    assert!(
        file.is_file(),
        "{} is missing: build it with `cargo xtask plugins`",
        file.display()
    );
    file.canonicalize().expect("the plugin's path")
}

/// The plugin's section; `{channel}` in its configuration becomes the id of #general.
fn section(slack: &Slack, plugin: &str, config: &str) -> String {
    let (grants, secret, base) = match plugin {
        "slack-sdk" => (
            format!("\"GET {0}/api/*\", \"POST {0}/api/*\"", slack.base_url),
            "bot-token",
            format!("api-base = \"{}\"", slack.api_base),
        ),
        _ => (
            format!("\"POST {}/services/**\"", slack.base_url),
            "webhook-url",
            String::new(),
        ),
    };
    let message = if config.contains("message = ") {
        ""
    } else {
        "message = \"n is {{ body.n }}\""
    };
    let channel = slack.channel_id("general").expect("a channel");
    let config = config.replace("{channel}", &channel);
    format!(
        r#"
[plugins.{plugin}]
component = "{component}"
routes = [{{ source = "shop" }}]
[plugins.{plugin}.grants]
http = [{grants}]
secrets = {{ {secret} = "env:SLACK_SECRET" }}
private-network = true
[plugins.{plugin}.config]
{base}
{message}
{config}
[plugins.{plugin}.retry]
schedule = ["20ms", "20ms", "20ms"]
"#,
        component = component(plugin).display(),
    )
}

impl Scene {
    /// With the usual workspace.
    pub async fn new(plugin: &str, config: &str) -> Self {
        Self::with(Options::default(), plugin, config).await
    }

    /// With a workspace as the options say.
    pub async fn with(options: Options, plugin: &str, config: &str) -> Self {
        let slack = Slack::start(options).await.expect("a stand-in");
        let secret = match plugin {
            "slack-sdk" => slack.bot_token.clone(),
            _ => slack.webhook_url.clone(),
        };
        Self::over(slack, &secret, plugin, config).await
    }

    /// With this Slack, and this token or webhook.
    pub async fn over(slack: Slack, secret: &str, plugin: &str, config: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let environment = Environment::of([("SLACK_SECRET", secret)]);
        let text = section(&slack, plugin, config);
        let pipeline = Pipeline::start_in(dir.path(), &text, environment).await;
        Self { slack, pipeline, dir }
    }

    /// Sends an event; its id.
    pub async fn send(&self, body: &Value) -> String {
        self.pipeline.send("shop", "order", body).await
    }

    /// Sends an event that must end as a dead letter, and gives what a person reads there.
    pub async fn refused(&self, body: &Value) -> String {
        let id = self.send(body).await;
        let event = self.pipeline.wait_status(&id, "failed").await;
        let attempts = event["deliveries"][0]["attempts"].as_array().expect("attempts");
        let error = attempts.last().expect("an attempt")["error"].as_str();
        error.expect("an error").to_owned()
    }

    /// Lets a fault meet the next request of a method.
    pub fn fault(&self, target: &str, kind: FaultKind) {
        let target = target.to_owned();
        let fault = Fault {
            target,
            kind,
            times: 1,
        };
        self.slack.inject(fault).expect("a fault");
    }

    /// Ends all; fails when a part of the application died.
    pub async fn end(self) {
        self.pipeline.stop().await;
        drop(self.dir);
    }
}
