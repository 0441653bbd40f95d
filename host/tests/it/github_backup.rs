//! The shipped plugin `github-backup`: the real component in the real host, against GitHub's stand-in.

use std::sync::Arc;
use std::time::Duration;

use hookyard::clock::{SharedClock, SystemClock};
use hookyard::domain::id::ProcessId;
use hookyard::domain::process::{ProcessPut, PutMode};
use hookyard::domain::time::Timestamp;
use hookyard::environment::Environment;
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};
use standins::github::{GitHub, Grant, Level, Options, RepositoryView};
use tempfile::TempDir;

use crate::support::pipeline::Pipeline;

mod app;
mod commands;
mod commits;
mod faults;
mod limits;
mod modes;
mod section;

use self::section::Section;

/// Processes written at once.
const PORTION: usize = 1_000;

/// A running application with the plugin, and the vendor it talks to.
struct Scene {
    github: GitHub,
    pipeline: Pipeline,
    _dir: TempDir,
}

/// How an action ended, once it is settled or waits.
struct Ended {
    delivery: Value,
}

impl Scene {
    /// Starts with these lines more in the plugin's configuration.
    async fn start(config: &str) -> Self {
        let github = GitHub::start(Options::default()).await.expect("a stand-in");
        let section = Section::of(&github, config);
        Self::start_with(github, &section, Arc::new(SystemClock)).await
    }

    /// Starts with this section, by this clock.
    async fn start_with(github: GitHub, section: &Section, clock: SharedClock) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let env = Environment::of([("GITHUB_TOKEN", github.token().to_owned())]);
        let pipeline = Pipeline::start_by(clock, dir.path(), &section.text(), env).await;
        pipeline.wait_plugin("github-backup", "ready").await;
        Self {
            github,
            pipeline,
            _dir: dir,
        }
    }

    /// Puts these lines in the place of those that the plugin's configuration had more.
    async fn configure(&self, config: &str) {
        let mut section = Section::of(&self.github, config);
        // Paused and ready again tells that it is in force.
        for (paused, state) in [(true, "paused"), (false, "ready")] {
            section.pause(paused);
            self.pipeline.write_plugins(&section.text());
            self.pipeline.wait_plugin("github-backup", state).await;
        }
    }

    /// Lets the time pass for which deliveries wait.
    async fn due_now(&self) {
        let file = self.pipeline.dir.join("data/hookyard.db").display().to_string();
        let mut database = SqliteConnection::connect(&file).await.expect("opened");
        let update = sqlx::query("UPDATE deliveries SET due_at = 0 WHERE lease_token IS NULL");
        update.execute(&mut database).await.expect("updated");
    }

    /// Stores processes.
    async fn put(&self, processes: &[(String, String)]) {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let processes: Vec<ProcessPut> = processes
            .iter()
            .map(|(code, script)| ProcessPut {
                id: ProcessId::generate(),
                code: code.clone(),
                name: None,
                script: script.clone(),
                at: now,
            })
            .collect();
        for portion in processes.chunks(PORTION) {
            let store = &self.pipeline.store;
            let written = store.put_processes(portion, PutMode::Keep, "a test").await;
            assert_eq!(written.expect("stored").len(), portion.len());
        }
    }

    /// Asks for an action and waits for its first attempt.
    async fn act(&self, action: &str, input: &Value) -> Ended {
        let path = format!("/api/plugins/github-backup/actions/{action}/?wait=25");
        let (_, answer) = self.pipeline.post(&path, input).await;
        let id = answer["id"].as_str().unwrap_or_else(|| panic!("no id: {answer}"));
        let tried = |event: &Value| {
            !event["deliveries"][0]["attempts"]
                .as_array()
                .is_none_or(Vec::is_empty)
        };
        let event = self.pipeline.wait_event(id, tried).await;
        Ended {
            delivery: event["deliveries"][0].clone(),
        }
    }

    /// Asks for an action and waits until it is settled, over all attempts.
    async fn settle(&self, action: &str, input: &Value) -> Ended {
        let path = format!("/api/plugins/github-backup/actions/{action}/");
        let (_, answer) = self.pipeline.post(&path, input).await;
        let id = answer["id"].as_str().unwrap_or_else(|| panic!("no id: {answer}"));
        self.settled(id).await
    }

    /// Waits until it is over, however many attempts that takes.
    async fn settled(&self, id: &str) -> Ended {
        let settled = |event: &Value| matches!(event["status"].as_str(), Some("processed" | "failed"));
        let event = self.pipeline.wait_event(id, settled).await;
        Ended {
            delivery: event["deliveries"][0].clone(),
        }
    }

    /// A backup that must succeed at once; its output.
    async fn backup(&self) -> Value {
        self.act("backup", &json!({})).await.output()
    }

    /// The repository as it is.
    fn repo(&self) -> RepositoryView {
        self.github.repo("ada", "backup").expect("the repository")
    }

    /// Requests so far.
    fn requests(&self) -> usize {
        self.github.requests().len()
    }

    async fn stop(self) {
        self.pipeline.stop().await;
    }
}

impl Ended {
    /// The last attempt.
    fn last(&self) -> &Value {
        let attempts = self.delivery["attempts"].as_array().expect("attempts");
        attempts.last().expect("an attempt")
    }

    /// How the last attempt ended.
    fn outcome(&self) -> &str {
        self.last()["outcome"].as_str().expect("an outcome")
    }

    /// What the last attempt failed with.
    fn error(&self) -> &str {
        self.last()["error"].as_str().unwrap_or_default()
    }

    /// The output of a success.
    fn output(&self) -> Value {
        assert_eq!(self.outcome(), "succeeded", "{:#}", self.delivery);
        self.last()["output"].clone()
    }

    /// How long after the last attempt's end it is tried next.
    fn wait(&self) -> Duration {
        let moment = |value: &Value| {
            Timestamp::parse(value.as_str().expect("a moment"))
                .expect("a moment")
                .as_millis()
        };
        let ended =
            moment(&self.last()["started_at"]) + self.last()["duration_ms"].as_i64().expect("a number");
        let wait = moment(&self.delivery["due_at"]) - ended;
        Duration::from_millis(u64::try_from(wait).unwrap_or_default())
    }
}

/// Processes with these codes, each with a script of its own.
fn many(count: usize) -> Vec<(String, String)> {
    (0..count)
        .map(|n| {
            (
                format!("process-{n:05}"),
                format!("# {n}\ndef run():\n    return {n}\n"),
            )
        })
        .collect()
}

/// What a fine-grained token may do that was made without write access.
fn read_only() -> Grant {
    let permissions = ["contents", "metadata"].map(|name| (name.to_owned(), Level::Read));
    Grant::FineGrained {
        permissions: permissions.into(),
        repositories: None,
    }
}

fn one(code: &str, script: &str) -> Vec<(String, String)> {
    vec![(code.to_owned(), script.to_owned())]
}
