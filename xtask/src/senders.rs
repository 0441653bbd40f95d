//! Webhooks that the vendors' own libraries sign, of `PyPI` and npm: each must be taken, and refused once altered.
//!
//! What signs here is not ours: it is what a vendor's servers, or its users' tests, sign with. Shopify and GitLab
//! publish nothing that signs.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use crate::browser::install;
use crate::clients;
use crate::process::Interrupt;
use crate::run;
use crate::stage::{Host, HostOptions};
use crate::steps::Ended;
use crate::workspace::{Workspace, on_path, run_to_end};

/// A source, its verifier, and the variable of its secret.
const SOURCES: [(&str, &str, &str); 7] = [
    ("github", "github", "SENDERS_GITHUB"),
    ("stripe", "stripe", "SENDERS_STRIPE"),
    ("slack", "slack", "SENDERS_SLACK"),
    (
        "standard-webhooks",
        "standard-webhooks",
        "SENDERS_STANDARD_WEBHOOKS",
    ),
    ("twilio", "twilio", "SENDERS_TWILIO"),
    ("message", "http-signature", "SENDERS_MESSAGE"),
    ("cloudevents", "cloudevents", "SENDERS_CLOUDEVENTS"),
];

/// The secret that Standard Webhooks' specification has as its example: of the form its libraries ask for.
const STANDARD_WEBHOOKS: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Sign, post, alter, post again.
///
/// # Errors
/// When a request is not answered as it must be.
pub fn run(workspace: &Workspace) -> anyhow::Result<Ended> {
    let (Some(node), Some(npm)) = (on_path("node"), on_path("npm")) else {
        return Ok(Ended::Skipped(
            "no Node.js; apt-get install nodejs npm".to_owned(),
        ));
    };
    let Some(python) = on_path("python3") else {
        return Ok(Ended::Skipped(
            "no Python; apt-get install python3-venv".to_owned(),
        ));
    };
    let folder = workspace.path("tests/senders");
    let python = match clients::environment(workspace, &python, &folder, "senders")? {
        Ok(python) => python,
        Err(why) => return Ok(Ended::Skipped(why)),
    };
    install(&npm, &folder)?;
    let binary = run::build(workspace, false)?;
    let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
    let _interrupt = Interrupt::catch()?;
    let key = ed25519_key(&node, dir.path())?;
    let variables = secrets();
    let plugins_file = dir.path().join("plugins.toml");
    fs::write(&plugins_file, sources_file())
        .with_context(|| format!("cannot write {}", plugins_file.display()))?;
    let options = HostOptions {
        binary: &binary,
        listen: "127.0.0.1:0",
        data_dir: &dir.path().join("data"),
        standins: None,
        plugins_file: Some(&plugins_file),
        variables: &variables,
    };
    let host = Host::start(workspace, &options)?;
    let told = told(&host, &variables, &key);
    let file = dir.path().join("told.json");
    fs::write(&file, told.to_string()).with_context(|| format!("cannot write {}", file.display()))?;
    for (program, script) in [(&python, "send.py"), (&node, "send.mjs")] {
        let mut command = Command::new(program);
        command.arg(folder.join(script)).arg(&file);
        // Loopback: a proxy of the environment is not ours to ask.
        command.env("NO_PROXY", "*");
        run_to_end(&mut command, script)
            .with_context(|| format!("the host's log ends with\n{}\n", host.tail()))?;
    }
    host.stop()?;
    Ok(Ended::Done)
}

/// The secrets, for the host's environment: what each vendor takes for one, made up.
fn secrets() -> Vec<(&'static str, String)> {
    let secret = |(name, _, variable): &(&str, &str, &'static str)| {
        let value = match *name {
            "standard-webhooks" => STANDARD_WEBHOOKS.to_owned(),
            name => format!("made-up-for-{name}"),
        };
        (*variable, value)
    };
    SOURCES.iter().map(secret).collect()
}

fn sources_file() -> String {
    let section = |(name, verifier, variable): &(&str, &str, &str)| {
        format!("[sources.{name}]\nverify = \"{verifier}\"\nsecret = \"env:{variable}\"\n\n")
    };
    let shared: String = SOURCES.iter().map(section).collect();
    format!(
        "{shared}[sources.message-ed25519]\nverify = \"http-signature\"\nalgorithm = \"ed25519\"\n\
         secret = \"file:ed25519.pem\"\ncomponents = [\"@method\", \"@target-uri\"]\n"
    )
}

/// What the scripts are told.
fn told(host: &Host, variables: &[(&str, String)], ed25519_private_key: &str) -> Value {
    let secrets: Map<String, Value> = SOURCES
        .iter()
        .zip(variables)
        .map(|((name, ..), (_, value))| ((*name).to_owned(), json!(value)))
        .collect();
    json!({"url": host.url, "secrets": secrets, "ed25519_private_key": ed25519_private_key})
}

/// Makes a key pair; the public one is beside the plugins file. The private one in PEM.
fn ed25519_key(node: &Path, dir: &Path) -> anyhow::Result<String> {
    let script = "const { generateKeyPairSync } = require('node:crypto');\
        const { writeFileSync } = require('node:fs');\
        const pair = generateKeyPairSync('ed25519');\
        writeFileSync(process.argv[1], pair.publicKey.export({ type: 'spki', format: 'pem' }));\
        console.log(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));";
    let output = Command::new(node)
        .args(["-e", script])
        .arg(dir.join("ed25519.pem"))
        .output()
        .context("cannot run node")?;
    anyhow::ensure!(
        output.status.success(),
        "no key was made: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).context("a key in PEM is text")
}
