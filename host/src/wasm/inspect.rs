//! Looks at components without letting them serve, for the command line.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::compiler::Grade;
use super::engine::Runtime;
use super::load::{self, LoadError};
use super::manifest::Manifest;
use super::source::{self, Signer, Sources};
use super::unneeded;
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

/// What a check of a plugin that would load has to tell, for people.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// What the plugin asks for and may do without.
    pub warnings: Vec<String>,
    /// Granted secrets that have no value, as far as this node knows without the database.
    pub secrets: Vec<String>,
    /// What is granted and the plugin does not ask for.
    pub unneeded: Vec<String>,
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
    /// secrets.
    ///
    /// # Errors
    /// When it would not serve, as text for people.
    pub async fn check(
        self: &Arc<Self>,
        spec: &PluginSpec,
        environment: &Environment,
        data_dir: &Path,
    ) -> Result<Checked, String> {
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
        let settings = settings.map_err(told)?;
        let unneeded = unneeded::unneeded(&build.manifest, &settings.asks, &spec.grants);
        let mut secrets = Vec::new();
        for (name, grant) in &spec.grants.secrets {
            // Whether the database has it shows when the server runs.
            if matches!(grant.source, SecretSource::Stored(_)) {
                continue;
            }
            if let Err(why) = vault::of_node(&grant.source, &environment).await {
                secrets.push(format!("the secret `{name}` has no value: {why}"));
            }
        }
        Ok(Checked {
            warnings: settings.warnings,
            secrets,
            unneeded,
        })
    }
}
