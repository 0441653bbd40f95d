//! Looks at components without letting them serve, for the command line.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::engine::Runtime;
use super::load::{self, LoadError};
use super::manifest::Manifest;
use super::plugin::Settings;
use super::secrets;
use crate::domain::plugin::PluginSpec;
use crate::environment::Environment;

/// What a component says of itself and needs.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    #[serde(flatten)]
    pub manifest: Manifest,
    /// The interfaces it imports.
    pub imports: Vec<String>,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 in hex.
    pub digest: String,
}

/// Reads and checks the component at `path`; compiled code is kept in the cache of `data_dir`.
///
/// # Errors
/// When it is no plugin, as text for people.
pub async fn inspect(path: &Path, data_dir: &Path) -> Result<Inspection, String> {
    let runtime = Runtime::new(data_dir).map_err(|e| e.to_string())?;
    let told = |e: LoadError| e.to_string();
    let file = load::read(path).await.map_err(told)?;
    let size = file.bytes.len() as u64;
    let build = load::build(&runtime, file).await.map_err(told)?;
    Ok(Inspection {
        manifest: Manifest::clone(&build.manifest),
        imports: build.imports,
        size,
        digest: build.digest,
    })
}

/// Does everything that loading a plugin does, short of letting it serve, and reads its secrets.
/// Gives what to warn of.
///
/// # Errors
/// When it would not serve, as text for people.
pub async fn check(
    runtime: &Arc<Runtime>,
    spec: &PluginSpec,
    environment: &Environment,
) -> Result<Vec<String>, String> {
    let told = |e: LoadError| e.to_string();
    let file = load::read_pinned(spec).await.map_err(told)?;
    let build = load::build(runtime, file).await.map_err(told)?;
    let mut warnings = Settings::of(spec, &build.manifest)?.warnings;
    for (name, grant) in &spec.grants.secrets {
        if let Err(why) = secrets::resolve(&grant.source, environment).await {
            warnings.push(format!("the secret `{name}` has no value: {why}"));
        }
    }
    Ok(warnings)
}
