//! Webhooks that the vendors' own libraries sign, of `PyPI` and npm: each must be taken, and refused once altered.
//!
//! What signs here is not ours: it is what a vendor's servers, or its users' tests, sign with. Shopify and GitLab
//! publish nothing that signs; `docs/sources.md` says which library signs what.

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

/// A source whose sender shares a secret with it, its verifier, and the variable of the secret.
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

/// The section of HTTP Message Signatures, but for the algorithm.
const MESSAGE: &str = "verify = \"http-signature\"\ncomponents = [\"@method\", \"@target-uri\"]";

/// A source that knows its sender's public key, its algorithm (Standard Webhooks has one only), and the kind of the key.
const KEYED: [(&str, &str, &str); 6] = [
    ("message-ed25519", "algorithm = \"ed25519\"", "ed25519"),
    ("message-p256", "algorithm = \"ecdsa-p256-sha256\"", "P-256"),
    ("message-p384", "algorithm = \"ecdsa-p384-sha384\"", "P-384"),
    ("message-pss", "algorithm = \"rsa-pss-sha512\"", "rsa"),
    ("message-v1_5", "algorithm = \"rsa-v1_5-sha256\"", "rsa"),
    ("standard-webhooks-ed25519", "", "ed25519"),
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
    let private_keys = make_keys(&node, &folder, dir.path())?;
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
    let told = told(&host, &variables, private_keys);
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
    let shared = SOURCES.iter().map(|(name, verifier, variable)| {
        format!("[sources.{name}]\nverify = \"{verifier}\"\nsecret = \"env:{variable}\"\n\n")
    });
    let keyed = KEYED.iter().map(|(name, algorithm, _)| {
        let section = match *algorithm {
            "" => "verify = \"standard-webhooks\"".to_owned(),
            algorithm => format!("{MESSAGE}\n{algorithm}"),
        };
        format!("[sources.{name}]\n{section}\nsecret = \"file:{name}.key\"\n\n")
    });
    shared.chain(keyed).collect()
}

/// What the scripts are told.
fn told(host: &Host, variables: &[(&str, String)], private_keys: Map<String, Value>) -> Value {
    let shared = SOURCES
        .iter()
        .zip(variables)
        .map(|((name, ..), (_, value))| ((*name).to_owned(), json!(value)));
    let secrets: Map<String, Value> = shared.chain(private_keys).collect();
    json!({"url": host.url, "secrets": secrets})
}

/// Makes the key pairs; what each source is told of its own is beside the plugins file. The private ones by source.
fn make_keys(node: &Path, folder: &Path, dir: &Path) -> anyhow::Result<Map<String, Value>> {
    let asked = KEYED.iter().flat_map(|(source, _, kind)| [*source, *kind]);
    let output = Command::new(node)
        .arg(folder.join("keys.mjs"))
        .arg(dir)
        .args(asked)
        .output()
        .context("cannot run node")?;
    anyhow::ensure!(
        output.status.success(),
        "no keys were made: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("keys.mjs printed no JSON")
}
