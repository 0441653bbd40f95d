//! `plugins add`: a component's asks, and its section after a yes.

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail, ensure};
use clap::Args;
use serde_json::{Map, Value};
use url::Url;

use super::super::output::{Output, cell};
use crate::config::Settings;
use crate::control::{Caller, Request};
use crate::domain::grant::HttpPattern;
use crate::domain::plugin::PluginName;
use crate::environment::Environment;
use crate::operator::NewSection;
use crate::wasm::{Inspection, Runtime, asked_patterns, asked_secret_urls};

#[derive(Args)]
pub struct AddArgs {
    /// The component's .wasm file
    component: PathBuf,
    /// The plugin's name in plugins.toml; without, the one it gives itself
    #[arg(long)]
    name: Option<PluginName>,
    /// Glob of the sources it gets events from
    #[arg(long, default_value = "*", value_name = "GLOB")]
    source: String,
    /// Glob of the types it gets events of
    #[arg(long = "type", default_value = "*", value_name = "GLOB")]
    event_type: String,
    /// The plugin's configuration, as JSON
    #[arg(long, default_value = "{}", value_name = "JSON")]
    config: String,
    #[arg(
        long = "secret",
        value_name = "NAME=SOURCE",
        help = "Where a secret comes from: NAME=env:VARIABLE, NAME=file:PATH or NAME=stored:SECRET; without, a \
                variable named after plugin and secret"
    )]
    secrets: Vec<String>,
    /// Where the URL in a secret leads: NAME=https://HOST; without, where its value leads now
    #[arg(long = "origin", value_name = "NAME=ORIGIN")]
    origins: Vec<String>,
    /// Let it reach loopback and private addresses
    #[arg(long)]
    private_network: bool,
    /// Pin the section to this very build
    #[arg(long)]
    pin: bool,
    /// Write the section without asking
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(
    settings: Settings,
    env: Environment,
    args: AddArgs,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let inspection = Runtime::new()?.inspect(&args.component).await?;
    let path = settings.plugins_file.clone();
    if !args.yes {
        println!("{}", asks(&inspection));
        ensure!(
            std::io::stdin().is_terminal(),
            "there is no terminal to ask at; add --yes to write the section"
        );
    }
    let section = section(&args, &inspection, &env)?;
    if !args.yes {
        println!("To be added to {}:\n\n{}", path.display(), section.text(&path)?);
        if !confirmed()? {
            println!("nothing was written");
            return Ok(ExitCode::FAILURE);
        }
    }
    let sources: Vec<String> = section.secrets.iter().map(|(_, source)| source.clone()).collect();
    let answer = Caller::new(settings, env)
        .call(Request::PluginAdd { section })
        .await?;
    output.print(&answer, |added| {
        let name = cell(&added["plugin"]["name"]);
        println!("added [plugins.{name}] to {}", cell(&added["file"]));
        for source in &sources {
            println!("set {source} before it is needed");
        }
        told(added);
    });
    Ok(ExitCode::SUCCESS)
}

/// How the plugin stands, and what there is to say of it.
fn told(added: &Value) {
    let plugin = &added["plugin"];
    println!("it is {}", cell(&plugin["state"]));
    let warnings = plugin["warnings"].as_array().into_iter().flatten();
    for text in [&plugin["error"], &added["note"]].into_iter().chain(warnings) {
        for line in text.as_str().into_iter().flat_map(str::lines) {
            println!("{}", cell(&line.into()));
        }
    }
}

fn section(args: &AddArgs, inspection: &Inspection, env: &Environment) -> anyhow::Result<NewSection> {
    let manifest = &inspection.manifest;
    let config: Map<String, Value> =
        serde_json::from_str(&args.config).context("--config is no JSON object")?;
    let whole = Value::Object(config.clone());
    let incomplete = |why: String| anyhow!("{why}; give the configuration with --config");
    let mut http = asked_patterns(manifest, &whole).map_err(incomplete)?;
    let name = match &args.name {
        Some(name) => name.clone(),
        None => manifest.name.parse().context("choose a name with --name")?,
    };
    let mut secrets = given(
        &args.secrets,
        "--secret takes NAME=env:VARIABLE, file:PATH or stored:NAME",
    )?;
    for ask in manifest.secrets.iter().filter(|ask| ask.required) {
        let variable = format!("{name}-{}", ask.name)
            .to_ascii_uppercase()
            .replace('-', "_");
        secrets
            .entry(ask.name.clone())
            .or_insert_with(|| format!("env:{variable}"));
    }
    let origins = given(&args.origins, "--origin takes NAME=https://HOST")?;
    for (method, secret) in asked_secret_urls(manifest, &whole).map_err(incomplete)? {
        let Some(source) = secrets.get(&secret) else {
            continue;
        };
        let origin = match origins.get(&secret) {
            Some(origin) => origin.clone(),
            None => match origin_of(source, env) {
                Some(origin) => origin,
                None => asked_origin(&secret, source, !args.yes)?,
            },
        };
        let pattern = format!("{method} {}/**", origin.trim_end_matches('/'));
        http.push(pattern.parse::<HttpPattern>().context("--origin")?);
    }
    Ok(NewSection {
        component: args
            .component
            .canonicalize()
            .with_context(|| args.component.display().to_string())?,
        sha256: args.pin.then(|| inspection.digest.clone()),
        routes: vec![(args.source.clone(), args.event_type.clone())],
        http: http.iter().map(ToString::to_string).collect(),
        permissions: manifest.permissions.clone(),
        secrets: secrets.into_iter().collect(),
        private_network: args.private_network,
        config,
        name,
    })
}

/// What was given as NAME=VALUE. The text is not repeated: it may be a secret itself.
fn given(texts: &[String], form: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let pair = |text: &String| {
        let (name, value) = text.split_once('=').ok_or_else(|| anyhow!("{form}"))?;
        Ok((name.to_owned(), value.to_owned()))
    };
    texts.iter().map(pair).collect()
}

/// Where the URL in a secret leads, when its value is here already.
fn origin_of(source: &str, env: &Environment) -> Option<String> {
    let value = match source.split_once(':')? {
        ("env", variable) => env.get(variable)?.to_owned(),
        ("file", path) => std::fs::read_to_string(path).ok()?,
        _ => return None,
    };
    let url = Url::parse(value.trim()).ok()?;
    Some(url.origin().ascii_serialization())
}

/// Asks for it at the terminal.
fn asked_origin(secret: &str, source: &str, may_ask: bool) -> anyhow::Result<String> {
    if !may_ask {
        bail!(
            "the plugin sends to the URL in the secret `{secret}`, and {source} has none yet: say where it leads with \
             --origin {secret}=https://HOST"
        );
    }
    answer(&format!(
        "Where does the URL in the secret `{secret}` lead? (https://HOST) "
    ))
}

fn asks(inspection: &Inspection) -> String {
    let manifest = &inspection.manifest;
    let mut lines = vec![format!(
        "{} {}: {}",
        manifest.name, manifest.version, manifest.summary
    )];
    lines.extend(manifest.http.iter().map(|ask| format!("  sends    {ask}")));
    for secret in &manifest.secrets {
        let need = if secret.required { "" } else { " (optional)" };
        lines.push(format!(
            "  secret   {}{need}: {}",
            secret.name, secret.description
        ));
    }
    lines.extend(
        manifest
            .permissions
            .iter()
            .map(|word| format!("  may      {word}")),
    );
    if lines.len() == 1 {
        lines.push("  asks for nothing".to_owned());
    }
    lines.join("\n")
}

fn confirmed() -> anyhow::Result<bool> {
    let answer = answer("Grant this and add the section? [y/N] ")?;
    Ok(matches!(answer.as_str(), "y" | "Y" | "yes"))
}

fn answer(question: &str) -> anyhow::Result<String> {
    print!("{question}");
    std::io::stdout().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}
