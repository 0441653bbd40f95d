//! Every operation of the OpenAPI document against a server that runs, by schemathesis: made-up requests, right and
//! wrong, alone and in sequences, each answer held against the document.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use crate::api::Api;
use crate::plugins;
use crate::process::{Interrupt, Service};
use crate::python;
use crate::run;
use crate::stage::random_word;
use crate::steps::Ended;
use crate::workspace::{Workspace, on_path, run_to_end};

/// The requests are the same in every run.
const SEED: &str = "1";

/// Who sends the requests.
const STAFF: &str = "tester";
const STAFF_EMAIL: &str = "tester@example.test";

/// Requests made up for each operation in each phase.
const EXAMPLES: &str = "60";

/// Serve, and let schemathesis at it.
///
/// # Errors
/// When an answer is not as the document says.
pub fn run(workspace: &Workspace) -> anyhow::Result<Ended> {
    let Some(python) = on_path("python3") else {
        return Ok(Ended::Skipped(
            "no Python; apt-get install python3-venv".to_owned(),
        ));
    };
    let folder = workspace.path("tests/badinput");
    let program = match environment(workspace, &python, &folder)? {
        Ok(program) => program,
        Err(why) => return Ok(Ended::Skipped(why)),
    };
    let binary = run::build(workspace, false)?;
    plugins::run(workspace, &plugins::Options { fixtures: true })?;
    let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
    let _interrupt = Interrupt::catch()?;
    let plugins_file = dir.path().join("plugins.toml");
    fs::write(&plugins_file, plugins_text(workspace)?)?;
    let hookyard = || {
        let mut command = Command::new(&binary);
        command
            .current_dir(dir.path())
            .env("HOOKYARD_LISTEN", "127.0.0.1:0")
            .env("HOOKYARD_DATA_DIR", dir.path().join("data"))
            .env("HOOKYARD_PLUGINS_FILE", &plugins_file)
            .env("HOOKYARD_ACCESS_TTL", "1d")
            .env("HOOKYARD_LOG", "warn");
        command
    };
    let password = random_word();
    make_staff(&mut hookyard(), &password)?;
    let mut serve = hookyard();
    serve.arg("serve");
    let log = dir.path().join("hookyard.log");
    let (service, url) = Service::start("hookyard serve", &serve, &log, |line| {
        let (_, url) = line.split_once("listening on ")?;
        Some(url.trim().to_owned())
    })?;
    let tested = test(&program, &folder, &url, &password, dir.path())
        .with_context(|| format!("the host's log ends with\n{}\n", service.tail()));
    service.stop()?;
    tested.map(|()| Ended::Done)
}

/// A staff user who may use every operation.
fn make_staff(hookyard: &mut Command, password: &str) -> anyhow::Result<()> {
    hookyard.args([
        "createsuperuser",
        "--username",
        STAFF,
        "--email",
        STAFF_EMAIL,
        "--password-stdin",
    ]);
    let mut child = hookyard.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        writeln!(stdin, "{password}").context("hookyard createsuperuser took no password")?;
    }
    let status = child.wait()?;
    ensure!(status.success(), "hookyard createsuperuser failed ({status})");
    Ok(())
}

/// A plugin with an action and a schedule, so that there is something to run.
fn plugins_text(workspace: &Workspace) -> anyhow::Result<String> {
    let component = workspace.target_dir().join("fixtures/fixture_echo.wasm");
    let component = component.canonicalize().context("the fixture echo is missing")?;
    Ok(format!(
        "[plugins.echo]\ncomponent = \"{}\"\nroutes = [{{ source = \"*\" }}]\n\n\
         [[plugins.echo.schedules]]\nname = \"nightly\"\ncron = \"0 3 * * *\"\n",
        component.display()
    ))
}

fn test(program: &Path, folder: &Path, url: &str, password: &str, dir: &Path) -> anyhow::Result<()> {
    let token = Api::new(url).sign_in(STAFF, password)?;
    let token = token.context("the staff user cannot sign in")?;
    let mut command = Command::new(program);
    command
        .arg("--config-file")
        .arg(folder.join("schemathesis.toml"))
        .args(["run", "--seed", SEED, "--max-examples", EXAMPLES])
        .arg("--header")
        .arg(format!("Authorization: Bearer {token}"))
        .arg(format!("{url}/api/openapi.json"))
        // It keeps its database of examples where it is started.
        .current_dir(dir)
        // Loopback: a proxy of the environment is not ours to ask.
        .env("NO_PROXY", "*");
    run_to_end(&mut command, "schemathesis")?;
    // Had it lost its rights on the way, everything after that would have been refused, and well answered.
    let still = Api::new(url).with_token(&token).get("/api/users/")?;
    still.success("the list of accounts, after it all,")?;
    Ok(())
}

/// A virtual environment with schemathesis: its program, or why there is none.
fn environment(
    workspace: &Workspace,
    python: &Path,
    folder: &Path,
) -> anyhow::Result<Result<PathBuf, String>> {
    let root = workspace.target_dir().join("tools/badinput");
    let made = python::environment(python, &root, &folder.join("requirements.txt"))?;
    Ok(made.map(|()| root.join("bin/schemathesis")))
}
