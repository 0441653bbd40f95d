//! Looks at components without letting them serve, for the command line.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::compiler::Grade;
use super::engine::Runtime;
use super::load::{self, LoadError};
use super::manifest::Manifest;
use super::source::{self, Signer, Sources};
use crate::domain::grant::SecretSource;
use crate::domain::plugin::PluginSpec;
use crate::environment::Environment;
use crate::vault;

/// What a component says of itself and needs.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    pub manifest: Manifest,
    /// The interfaces it imports.
    pub imports: Vec<String>,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 in hex.
    pub digest: String,
}

impl Runtime {
    /// Reads and checks a component for people to look at.
    ///
    /// # Errors
    /// When it is no plugin.
    pub async fn inspect(self: &Arc<Self>, path: &Path) -> Result<Inspection, LoadError> {
        let file = source::read(path).await?;
        let size = file.bytes.len() as u64;
        let build = load::build(self, file, Grade::Optimised).await?;
        Ok(Inspection {
            manifest: Manifest::clone(&build.manifest),
            imports: build.imports,
            size,
            digest: build.digest,
        })
    }

    /// Does everything that loading a plugin does, short of letting it serve, and reads its
    /// secrets. Gives what to warn of.
    ///
    /// # Errors
    /// When it would not serve, as text for people.
    pub async fn check(
        self: &Arc<Self>,
        spec: &PluginSpec,
        environment: &Environment,
        data_dir: &Path,
    ) -> Result<Vec<String>, String> {
        let told = |e: LoadError| e.to_string();
        let sources = Sources::new(data_dir, environment);
        let signer = Signer::of(spec).await;
        if spec.component.file().is_none() {
            sources.fetch(spec, &signer).await.map_err(told)?;
        }
        let file = sources.read(spec, &signer).await.map_err(told)?;
        let build = load::build(self, file, Grade::Optimised).await.map_err(told)?;
        let (spec, environment) = (Arc::new(spec.clone()), Arc::new(environment.clone()));
        let settings = load::settings(&spec, &build.manifest, &build.schemas, &environment, None).await;
        let mut warnings = settings.map_err(told)?.warnings;
        for (name, grant) in &spec.grants.secrets {
            // Whether the database has it shows when the server runs.
            if matches!(grant.source, SecretSource::Stored(_)) {
                continue;
            }
            if let Err(why) = vault::of_node(&grant.source, &environment).await {
                warnings.push(format!("the secret `{name}` has no value: {why}"));
            }
        }
        Ok(warnings)
    }
}
