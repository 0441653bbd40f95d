//! The product on a data directory, beside the vendors' stand-ins: what the demo and the browser look at.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde_json::Value;
use toml_edit::{DocumentMut, value};

use crate::process::Service;
use crate::workspace::Workspace;

/// The first staff user of a developer's data directory.
const STAFF: &str = "admin";
/// Loopback only; never leaves the machine.
const STAFF_EMAIL: &str = "admin@localhost.localdomain";

/// The stand-in of Slack, as it describes itself.
pub struct Slack {
    service: Service,
    described: Value,
}

/// A host that serves.
pub struct Host {
    service: Service,
    /// Where it serves, without a slash at the end.
    pub url: String,
}

/// What a host is started with.
pub struct HostOptions<'a> {
    /// The `hookyard` to run.
    pub binary: &'a Path,
    /// Address to listen on; port 0 takes any free one.
    pub listen: &'a str,
    /// Where it keeps everything.
    pub data_dir: &'a Path,
    /// With a stand-in: the demo's plugins file. Without: the repository's own.
    pub slack: Option<&'a Slack>,
}

impl Slack {
    /// Start the stand-in; its log lies in the data directory.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn start(workspace: &Workspace, data_dir: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(workspace.binary("debug", "standins"));
        command.args(["--slack-listen", "127.0.0.1:0"]);
        let log = data_dir.join("standins.log");
        let (service, described) = Service::start("standins", &command, &log, |line| {
            serde_json::from_str::<Value>(line)
                .ok()
                .filter(|line| line["slack"].is_object())
        })?;
        Ok(Self { service, described })
    }

    /// One of the stand-in's own words about itself, such as `base_url` or `bot_token`.
    pub fn told(&self, key: &str) -> &str {
        self.described["slack"][key].as_str().unwrap_or_default()
    }

    /// An error when it has ended.
    ///
    /// # Errors
    /// Says how it ended.
    pub fn check(&mut self) -> anyhow::Result<()> {
        self.service.check()
    }

    /// End it.
    ///
    /// # Errors
    /// When it does not end well.
    pub fn stop(self) -> anyhow::Result<()> {
        self.service.stop()
    }
}

impl Host {
    /// Migrate, make the first staff user where there is none, and serve.
    ///
    /// # Errors
    /// When one of these fails; with the host's own words.
    pub fn start(workspace: &Workspace, options: &HostOptions) -> anyhow::Result<Self> {
        fs::create_dir_all(options.data_dir)
            .with_context(|| format!("cannot make {}", options.data_dir.display()))?;
        let plugins_file = match options.slack {
            Some(slack) => write_demo_plugins(workspace, options.data_dir, slack)?,
            None => workspace.path("plugins.toml"),
        };
        let command = |args: &[&str]| {
            let mut command = Command::new(options.binary);
            // The root of the repository: a developer's .env lies there.
            command.args(args).current_dir(workspace.path(""));
            command
                .env("HOOKYARD_DATA_DIR", options.data_dir)
                .env("HOOKYARD_LISTEN", options.listen)
                .env("HOOKYARD_PLUGINS_FILE", &plugins_file)
                .env(
                    "DATABASE_URL",
                    format!("sqlite://{}", options.data_dir.join("hookyard.db").display()),
                );
            if let Some(slack) = options.slack {
                command
                    .env("HOOKYARD_REGISTRATION", "open")
                    .env("SLACK_BOT_TOKEN", slack.told("bot_token"))
                    .env("SLACK_WEBHOOK_URL", slack.told("webhook_url"))
                    .env("SLACK_USER_ID", slack.told("user_id"));
            }
            command
        };
        say_output(&mut command(&["migrate"]))?;
        ensure_staff(&command)?;
        let log = options.data_dir.join("hookyard.log");
        let (service, url) = Service::start("hookyard serve", &command(&["serve"]), &log, |line| {
            let (_, url) = line.split_once("listening on ")?;
            Some(url.trim().trim_end_matches('/').to_owned())
        })?;
        Ok(Self { service, url })
    }

    /// The end of its log.
    pub fn tail(&self) -> String {
        self.service.tail()
    }

    /// From now on show what it logs.
    pub fn show(&self) {
        self.service.show();
    }

    /// An error when it has ended.
    ///
    /// # Errors
    /// Says how it ended.
    pub fn check(&mut self) -> anyhow::Result<()> {
        self.service.check()
    }

    /// End it in order.
    ///
    /// # Errors
    /// When it does not end well.
    pub fn stop(self) -> anyhow::Result<()> {
        self.service.stop()
    }
}

/// Make the first staff user, and tell the password this once.
fn ensure_staff(command: &impl Fn(&[&str]) -> Command) -> anyhow::Result<()> {
    let users: Value = serde_json::from_str(&say_output(&mut command(&["user", "list", "--json"]))?)
        .context("`hookyard user list --json` is not JSON")?;
    let present = users
        .as_array()
        .is_some_and(|users| users.iter().any(|user| user["username"] == STAFF));
    if present {
        return Ok(());
    }
    let password = random_word();
    let mut child = command(&[
        "createsuperuser",
        "--username",
        STAFF,
        "--email",
        STAFF_EMAIL,
        "--password-stdin",
    ])
    .stdin(Stdio::piped())
    .stdout(Stdio::null())
    .spawn()
    .context("cannot start hookyard createsuperuser")?;
    if let Some(mut stdin) = child.stdin.take() {
        writeln!(stdin, "{password}").context("hookyard createsuperuser took no password")?;
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("hookyard createsuperuser failed ({status})");
    }
    println!("made the staff user {STAFF} with the password {password}");
    println!("  (told only now; `hookyard user password {STAFF}` sets another)");
    Ok(())
}

/// A word nobody guesses: 128 random bits in hexadecimal.
pub fn random_word() -> String {
    format!("{:032x}", rand::random::<u128>())
}

fn say_output(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", Path::new(command.get_program()).display()))?;
    if !output.status.success() {
        bail!("{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The repository's `plugins.toml`, with the Slack plugins switched on and pointed at the stand-in.
fn write_demo_plugins(workspace: &Workspace, data_dir: &Path, slack: &Slack) -> anyhow::Result<PathBuf> {
    let shipped = workspace.path("plugins.toml");
    let text = fs::read_to_string(&shipped).with_context(|| format!("cannot read {}", shipped.display()))?;
    let text = demo_plugins(
        &text,
        &workspace.path(""),
        slack.told("base_url"),
        slack.told("api_base"),
    )
    .with_context(|| format!("cannot use {}", shipped.display()))?;
    let file = data_dir.join("demo-plugins.toml");
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

fn demo_plugins(shipped: &str, root: &Path, base_url: &str, api_base: &str) -> anyhow::Result<String> {
    let mut file: DocumentMut = shipped.parse().context("it is not TOML")?;
    // The demo's sender is a person with a token, and a source with a verifier takes none.
    file.remove("sources");
    let plugins = file["plugins"].as_table_mut().context("it has no [plugins.…]")?;
    for (name, plugin) in plugins.iter_mut() {
        let plugin = plugin
            .as_table_mut()
            .with_context(|| format!("[plugins.{name}] is not a table"))?;
        // Paths are relative to the file that names them, and this one lies elsewhere.
        if let Some(component) = plugin.get("component").and_then(|component| component.as_str()) {
            plugin["component"] = value(root.join(component).display().to_string());
        }
        if !name.starts_with("slack-") {
            plugin["enabled"] = value(false);
            continue;
        }
        plugin["enabled"] = value(true);
        let grants = &mut plugin["grants"];
        for grant in grants["http"]
            .as_array_mut()
            .into_iter()
            .flat_map(toml_edit::Array::iter_mut)
        {
            let changed = grant.as_str().and_then(|grant| granted_to(grant, base_url));
            *grant = changed
                .with_context(|| format!("a grant of {name} is not `METHOD URL`: {grant}"))?
                .into();
        }
        grants["private-network"] = value(true);
        if name == "slack-sdk" {
            plugin["config"]["api-base"] = value(api_base);
        }
    }
    Ok(format!(
        "# Made by `cargo xtask run` at every start from the repository's plugins.toml.\n\n{file}"
    ))
}

/// `POST https://slack.com/api/*` granted to another origin.
fn granted_to(grant: &str, base_url: &str) -> Option<String> {
    let (method, url) = grant.split_once(' ')?;
    let (_, rest) = url.split_once("://")?;
    let (_, path) = rest.split_once('/')?;
    Some(format!("{method} {}/{path}", base_url.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_speaks_to_the_stand_in_only() {
        let shipped = include_str!("../../plugins.toml");
        let demo = demo_plugins(
            shipped,
            Path::new("/repo"),
            "http://127.0.0.1:9",
            "http://127.0.0.1:9/api",
        )
        .expect("the shipped file");
        let file: DocumentMut = demo.parse().expect("TOML");
        for (name, plugin) in file["plugins"].as_table().expect("plugins") {
            if plugin["enabled"].as_bool() != Some(true) {
                continue;
            }
            for grant in plugin["grants"]["http"].as_array().expect("grants") {
                let grant = grant.as_str().expect("text");
                assert!(grant.contains(" http://127.0.0.1:9/"), "{name}: {grant}");
            }
            assert!(
                plugin["component"]
                    .as_str()
                    .expect("a path")
                    .starts_with("/repo/plugins/dist/")
            );
        }
        assert_eq!(file["plugins"]["slack-sdk"]["enabled"].as_bool(), Some(true));
    }
}
