//! The pages in a real browser: the scripts of `tests/browser/` against a host and stand-ins of our own, and against a host
//! that has nothing yet.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::demo;
use crate::process::Interrupt;
use crate::stage::{Host, HostOptions, random_word};
use crate::standins::Standins;
use crate::steps::Ended;
use crate::workspace::{Workspace, on_path, run_to_end};

/// As Debian and others name it.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// What is run after the demo, which leaves events behind, in order.
const AFTER_THE_DEMO: [&str; 3] = ["smoke.mjs", "admin.mjs", "events.mjs"];

/// What is run where nothing was received yet, in order: each takes what the one before leaves.
const FROM_NOTHING: [&str; 3] = ["first-run.mjs", "ten-clicks.mjs", "evil.mjs"];

/// Who signs in to the admin's pages.
const ADMIN: &str = "browser";

/// Start all, post, look at the pages.
///
/// # Errors
/// When a page is not as it must be; the screenshots are in target/browser/.
pub fn run(workspace: &Workspace) -> anyhow::Result<Ended> {
    let Some(browser) = BROWSERS.iter().find_map(|name| on_path(name)) else {
        return Ok(Ended::Skipped("no Chromium; apt-get install chromium".to_owned()));
    };
    let (Some(node), Some(npm)) = (on_path("node"), on_path("npm")) else {
        return Ok(Ended::Skipped(
            "no Node.js; apt-get install nodejs npm".to_owned(),
        ));
    };
    let tools = Tools {
        browser,
        node,
        folder: workspace.path("tests/browser"),
        pictures: workspace.target_dir().join("browser"),
    };
    install(&npm, &tools.folder)?;
    fs::create_dir_all(&tools.pictures)
        .with_context(|| format!("cannot make {}", tools.pictures.display()))?;
    after_the_demo(workspace, &tools)?;
    from_nothing(workspace, &tools)?;
    Ok(Ended::Done)
}

/// What the scripts are run with.
struct Tools {
    browser: PathBuf,
    node: PathBuf,
    folder: PathBuf,
    /// Where the pictures go.
    pictures: PathBuf,
}

impl Tools {
    /// Runs these scripts against this host, as an admin of its own.
    fn run(&self, host: &Host, scripts: &[&str], variables: &[(&str, &OsStr)]) -> anyhow::Result<()> {
        let password = host.make_admin(ADMIN)?;
        for script in scripts {
            let mut command = Command::new(&self.node);
            command.arg(self.folder.join(script)).current_dir(&self.folder);
            command
                .env("BROWSER", &self.browser)
                .env("HOST_URL", &host.url)
                .env("ADMIN_USER", ADMIN)
                .env("ADMIN_PASSWORD", &password)
                .env("PICTURES", &self.pictures)
                .envs(variables.iter().copied());
            run_to_end(&mut command, &format!("{script} in the browser"))?;
        }
        Ok(())
    }
}

fn after_the_demo(workspace: &Workspace, tools: &Tools) -> anyhow::Result<()> {
    let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
    let interrupt = Interrupt::catch()?;
    let standins = Standins::start(workspace, dir.path())?;
    let options = HostOptions {
        plugins_file: None,
        variables: &[],
        binary: &workspace.binary("debug", "hookyard"),
        listen: "127.0.0.1:0",
        data_dir: dir.path(),
        standins: Some(&standins),
    };
    let host = Host::start(workspace, &options)?;
    demo::run(workspace, &host, &standins, dir.path(), &interrupt)?;
    add_source(dir.path())?;
    let vendors = [
        ("SLACK_URL", OsStr::new(standins.page("slack"))),
        ("GOOGLE_URL", OsStr::new(standins.page("google"))),
        ("GITHUB_URL", OsStr::new(standins.page("github"))),
    ];
    tools.run(&host, &AFTER_THE_DEMO, &vendors)?;
    host.stop()?;
    standins.stop()
}

/// A host with an empty `plugins.toml`, which the scripts edit as an operator does, and the request bin's component beside
/// it.
fn from_nothing(workspace: &Workspace, tools: &Tools) -> anyhow::Result<()> {
    let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
    let file = dir.path().join("plugins.toml");
    fs::write(&file, "# What runs here.\n").with_context(|| format!("cannot write {}", file.display()))?;
    let dist = dir.path().join("plugins/dist");
    fs::create_dir_all(&dist).with_context(|| format!("cannot make {}", dist.display()))?;
    let component = workspace.path("plugins/dist/request_bin.wasm");
    fs::copy(&component, dist.join("request_bin.wasm"))
        .with_context(|| format!("cannot copy {}", component.display()))?;
    let options = HostOptions {
        plugins_file: Some(&file),
        variables: &[],
        binary: &workspace.binary("debug", "hookyard"),
        listen: "127.0.0.1:0",
        data_dir: &dir.path().join("data"),
        standins: None,
    };
    let host = Host::start(workspace, &options)?;
    let fixtures = workspace.target_dir().join("fixtures");
    let variables = [
        ("PLUGINS_FILE", file.as_os_str()),
        ("FIXTURES", fixtures.as_os_str()),
    ];
    tools.run(&host, &FROM_NOTHING, &variables)?;
    host.stop()
}

/// Adds a source with a verifier, for pages that show one and what it refuses. The demo's sender is a person with a token.
fn add_source(data_dir: &Path) -> anyhow::Result<()> {
    let secret = data_dir.join("door-secret");
    fs::write(&secret, random_word()).with_context(|| format!("cannot write {}", secret.display()))?;
    let file = data_dir.join("demo-plugins.toml");
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let source = "[sources.door]\nverify = \"github\"\nsecret = \"file:door-secret\"\n";
    fs::write(&file, format!("{text}\n{source}")).with_context(|| format!("cannot write {}", file.display()))
}

/// `npm ci`, once per lock file.
///
/// # Errors
/// When npm fails.
pub fn install(npm: &Path, folder: &Path) -> anyhow::Result<()> {
    let lock = fs::read(folder.join("package-lock.json"))
        .with_context(|| format!("{} has no lock file", folder.display()))?;
    let mark = folder.join("node_modules/.lock-of-this-install");
    if fs::read(&mark).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    let mut command = Command::new(npm);
    command
        .current_dir(folder)
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    run_to_end(&mut command, &format!("npm ci in {}", folder.display()))?;
    fs::write(&mark, lock).with_context(|| format!("cannot write {}", mark.display()))
}
