//! The pages in a real browser: the scripts of `tests/browser/` against a host and stand-ins of our own.

use std::path::Path;
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

/// What is run, in order.
const SCRIPTS: [&str; 3] = ["smoke.mjs", "admin.mjs", "events.mjs"];

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
    let folder = workspace.path("tests/browser");
    install(&npm, &folder)?;
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
    let pictures = workspace.target_dir().join("browser");
    std::fs::create_dir_all(&pictures).with_context(|| format!("cannot make {}", pictures.display()))?;
    let password = host.make_admin(ADMIN)?;
    for script in SCRIPTS {
        let mut command = Command::new(&node);
        command.arg(folder.join(script)).current_dir(&folder);
        command
            .env("BROWSER", &browser)
            .env("HOST_URL", &host.url)
            .env("ADMIN_USER", ADMIN)
            .env("ADMIN_PASSWORD", &password)
            .env("SLACK_URL", standins.page("slack"))
            .env("GOOGLE_URL", standins.page("google"))
            .env("GITHUB_URL", standins.page("github"))
            .env("PICTURES", &pictures);
        run_to_end(&mut command, &format!("{script} in the browser"))?;
    }
    host.stop()?;
    standins.stop()?;
    Ok(Ended::Done)
}

/// Adds a source with a verifier, for pages that show one and what it refuses. The demo's sender is a person with a token.
fn add_source(data_dir: &Path) -> anyhow::Result<()> {
    let secret = data_dir.join("door-secret");
    std::fs::write(&secret, random_word()).with_context(|| format!("cannot write {}", secret.display()))?;
    let file = data_dir.join("demo-plugins.toml");
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let source = "[sources.door]\nverify = \"github\"\nsecret = \"file:door-secret\"\n";
    std::fs::write(&file, format!("{text}\n{source}"))
        .with_context(|| format!("cannot write {}", file.display()))
}

/// `npm ci`, once per lock file.
///
/// # Errors
/// When npm fails.
pub fn install(npm: &Path, folder: &Path) -> anyhow::Result<()> {
    let lock = std::fs::read(folder.join("package-lock.json"))
        .with_context(|| format!("{} has no lock file", folder.display()))?;
    let mark = folder.join("node_modules/.lock-of-this-install");
    if std::fs::read(&mark).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    let mut command = Command::new(npm);
    command
        .current_dir(folder)
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    run_to_end(&mut command, &format!("npm ci in {}", folder.display()))?;
    std::fs::write(&mark, lock).with_context(|| format!("cannot write {}", mark.display()))
}
