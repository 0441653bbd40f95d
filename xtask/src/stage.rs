//! The product on a data directory, beside the vendors' stand-ins: what the demo and the browser look at.

mod plugins_file;

pub use plugins_file::{REPOSITORY, SPREADSHEET};

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::process::Service;
use crate::standins::Standins;
use crate::workspace::Workspace;

/// The first staff user of a developer's data directory.
const STAFF: &str = "admin";
/// Loopback only; never leaves the machine.
const STAFF_EMAIL: &str = "admin@localhost.localdomain";

/// A host that serves.
pub struct Host {
    service: Service,
    hookyard: Hookyard,
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
    /// With stand-ins: the demo's plugins file. Without: the repository's own.
    pub standins: Option<&'a Standins>,
    /// Another plugins file, in the place of either.
    pub plugins_file: Option<&'a Path>,
    /// Variables of the environment, beside its own.
    pub variables: &'a [(&'static str, String)],
}

/// The command line of one data directory.
struct Hookyard {
    binary: PathBuf,
    /// The root of the repository: a developer's .env lies there.
    root: PathBuf,
    environment: Vec<(&'static str, OsString)>,
}

impl Host {
    /// Migrate, make the first staff user where there is none, and serve.
    ///
    /// # Errors
    /// When one of these fails; with the host's own words.
    pub fn start(workspace: &Workspace, options: &HostOptions) -> anyhow::Result<Self> {
        fs::create_dir_all(options.data_dir)
            .with_context(|| format!("cannot make {}", options.data_dir.display()))?;
        let hookyard = Hookyard {
            binary: options.binary.to_owned(),
            root: workspace.path(""),
            environment: environment(workspace, options)?,
        };
        hookyard.output(&["migrate"])?;
        hookyard.ensure_staff()?;
        let log = options.data_dir.join("hookyard.log");
        let command = hookyard.command(&["serve"]);
        let (service, url) = Service::start("hookyard serve", &command, &log, |line| {
            let (_, url) = line.split_once("listening on ")?;
            Some(url.trim().trim_end_matches('/').to_owned())
        })?;
        Ok(Self {
            service,
            hookyard,
            url,
        })
    }

    /// What a command of `hookyard` prints, run beside the host that serves.
    ///
    /// # Errors
    /// When it fails; with its own words.
    pub fn hookyard(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.hookyard.output(arguments)
    }

    /// Make an admin of this name; its password, which is told nowhere else.
    ///
    /// # Errors
    /// When the command fails.
    pub fn make_admin(&self, username: &str) -> anyhow::Result<String> {
        let password = random_word();
        self.hookyard.make_admin(username, &password)?;
        Ok(password)
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

/// The variables of a host on the data directory, with the vendors' tokens where there are stand-ins.
fn environment(
    workspace: &Workspace,
    options: &HostOptions,
) -> anyhow::Result<Vec<(&'static str, OsString)>> {
    let database = format!("sqlite://{}", options.data_dir.join("hookyard.db").display());
    let plugins_file = match (options.plugins_file, options.standins) {
        (Some(file), _) => file.to_owned(),
        (None, Some(standins)) => plugins_file::write(workspace, options.data_dir, standins)?,
        (None, None) => workspace.path("plugins.toml"),
    };
    let mut variables = vec![
        ("HOOKYARD_DATA_DIR", options.data_dir.into()),
        ("HOOKYARD_LISTEN", options.listen.into()),
        ("HOOKYARD_PLUGINS_FILE", plugins_file.into()),
        ("DATABASE_URL", database.into()),
    ];
    let given = options.variables.iter();
    variables.extend(given.map(|(name, value)| (*name, value.into())));
    if let Some(standins) = options.standins {
        variables.extend([
            ("HOOKYARD_REGISTRATION", "open".into()),
            ("SLACK_BOT_TOKEN", standins.told("slack", "bot_token").into()),
            ("SLACK_WEBHOOK_URL", standins.told("slack", "webhook_url").into()),
            ("SLACK_USER_ID", standins.told("slack", "user_id").into()),
            ("GITHUB_TOKEN", standins.told("github", "token").into()),
            ("GITHUB_OWNER", standins.told("github", "owner").into()),
            ("GITHUB_REPO", plugins_file::REPOSITORY.into()),
        ]);
    }
    Ok(variables)
}

impl Hookyard {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .current_dir(&self.root)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn output(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = self.command(arguments);
        let output = command
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot start {}", self.binary.display()))?;
        if !output.status.success() {
            bail!(
                "`hookyard {}` failed:\n{}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Make the first staff user, and tell the password this once.
    fn ensure_staff(&self) -> anyhow::Result<()> {
        let users: Value = serde_json::from_str(&self.output(&["user", "list", "--json"])?)
            .context("`hookyard user list --json` is not JSON")?;
        let present = users
            .as_array()
            .is_some_and(|users| users.iter().any(|user| user["username"] == STAFF));
        if present {
            return Ok(());
        }
        let password = random_word();
        self.make_admin(STAFF, &password)?;
        println!("made the staff user {STAFF} with the password {password}");
        println!("  (told only now; `hookyard user password {STAFF}` sets another)");
        Ok(())
    }

    fn make_admin(&self, username: &str, password: &str) -> anyhow::Result<()> {
        let mut child = self
            .command(&[
                "createsuperuser",
                "--username",
                username,
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
        Ok(())
    }
}

/// A word nobody guesses: 128 random bits in hexadecimal.
pub fn random_word() -> String {
    format!("{:032x}", rand::random::<u128>())
}
