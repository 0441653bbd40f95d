//! `plugins add`: a component's asks, and its section after a yes.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, ensure};
use clap::Args;
use serde_json::{Map, Value, json};

use super::super::output::Output;
use crate::config::Settings;
use crate::control::Answer;
use crate::domain::plugin::PluginName;
use crate::operator::NewSection;
use crate::wasm::{Inspection, Runtime, asked_patterns};

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
    /// Pin the section to this very build
    #[arg(long)]
    pin: bool,
    /// Write the section without asking
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(settings: &Settings, args: AddArgs, output: Output) -> anyhow::Result<ExitCode> {
    let inspection = Runtime::new()?.inspect(&args.component).await?;
    let path = &settings.plugins_file;
    let section = section(&args, &inspection, path)?;
    if !args.yes {
        println!("{}", asks(&inspection));
        println!("To be added to {}:\n\n{}", path.display(), section.text());
        if !confirmed()? {
            println!("nothing was written");
            return Ok(ExitCode::FAILURE);
        }
    }
    section.add_to(path)?;
    let told = json!({ "plugin": section.name, "file": path, "section": section.text() });
    output.print(&Answer::of(&told)?, |_| {
        println!("added [plugins.{}] to {}", section.name, path.display());
        for (_, source) in &section.secrets {
            println!("set {source} before it is needed");
        }
    });
    Ok(ExitCode::SUCCESS)
}

fn section(args: &AddArgs, inspection: &Inspection, path: &Path) -> anyhow::Result<NewSection> {
    let manifest = &inspection.manifest;
    let config: Map<String, Value> =
        serde_json::from_str(&args.config).context("--config is no JSON object")?;
    let patterns = asked_patterns(manifest, &Value::Object(config.clone()))
        .map_err(|why| anyhow!("{why}; give the configuration with --config"))?;
    let name = match &args.name {
        Some(name) => name.clone(),
        None => manifest.name.parse().context("choose a name with --name")?,
    };
    let variable = |secret: &str| format!("{name}-{secret}").to_ascii_uppercase().replace('-', "_");
    let required = manifest.secrets.iter().filter(|secret| secret.required);
    Ok(NewSection {
        component: relative(&args.component, path)?,
        sha256: args.pin.then(|| inspection.digest.clone()),
        routes: vec![(args.source.clone(), args.event_type.clone())],
        http: patterns.iter().map(ToString::to_string).collect(),
        permissions: manifest.permissions.clone(),
        secrets: required
            .map(|secret| (secret.name.clone(), format!("env:{}", variable(&secret.name))))
            .collect(),
        config,
        name: name.clone(),
    })
}

/// The component as seen from the file's directory, when it lies below; else its whole path.
fn relative(component: &Path, file: &Path) -> anyhow::Result<String> {
    let component = component
        .canonicalize()
        .with_context(|| component.display().to_string())?;
    let file = std::path::absolute(file)?;
    let dir = file.parent().unwrap_or(Path::new("/"));
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let shown = component.strip_prefix(dir).unwrap_or(&component);
    let text = shown
        .to_str()
        .ok_or_else(|| anyhow!("the component's path is not UTF-8"))?;
    Ok(text.to_owned())
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
    let stdin = std::io::stdin();
    ensure!(
        stdin.is_terminal(),
        "there is no terminal to ask at; add --yes to write the section"
    );
    print!("Grant this and add the section? [y/N] ");
    std::io::stdout().flush()?;
    let mut line = String::new();
    stdin.lock().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}
