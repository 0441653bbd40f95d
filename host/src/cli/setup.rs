//! `check` and `migrate`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use serde_json::json;

use super::output::Output;
use crate::auth::Keyring;
use crate::config::{JwtSettings, Settings};
use crate::control::Answer;
use crate::data_dir::{DataDir, Ownership};
use crate::domain::grant::SecretSource;
use crate::environment::Environment;
use crate::intake::verify;
use crate::manifest::PluginsFile;
use crate::store;
use crate::vault;
use crate::wasm::Runtime;

pub async fn migrate(settings: Settings, output: Output) -> anyhow::Result<ExitCode> {
    let sqlite = settings.database_url.expose().starts_with("sqlite:");
    let owned = DataDir::own(&settings.data_dir)?;
    if sqlite && matches!(owned, Ownership::Taken) {
        bail!(
            "a server runs on {}; it has migrated its database when it started",
            settings.data_dir.display()
        );
    }
    let store = store::open(settings.database_url.expose()).await?;
    store.close().await;
    output.print(&Answer::of(&json!({"migrated": true}))?, |_| {
        println!("the database has the schema of this version");
    });
    Ok(ExitCode::SUCCESS)
}

/// Adds a kept key; the older ones go on verifying until they are pushed out.
pub fn rotate_key(settings: &Settings, output: Output) -> anyhow::Result<ExitCode> {
    if !matches!(settings.jwt, JwtSettings::Kept) {
        bail!(
            "the keys are given by HOOKYARD_JWT_SECRET or HOOKYARD_JWT_KEY_FILE: put the new one in front there"
        );
    }
    let ring = Keyring::rotate(&settings.data_dir.join("keys"))?;
    let keys = ring.ids().count();
    output.print(&Answer::of(&json!({"keys": keys}))?, |_| {
        println!("made a new key ({keys} kept); restart the server to sign with it");
    });
    Ok(ExitCode::SUCCESS)
}

/// One thing that was looked at.
struct Finding {
    what: String,
    result: Result<String, String>,
}

/// Looks at everything `serve` would need, changes nothing, and says all that is wrong.
pub async fn check(settings: Settings, env: Environment, output: Output) -> anyhow::Result<ExitCode> {
    let mut findings = vec![Finding {
        what: "settings".into(),
        result: Ok("read".into()),
    }];
    let path = settings.plugins_file.display().to_string();
    match PluginsFile::read(&settings.plugins_file) {
        Err(error) => findings.push(Finding {
            what: path,
            result: Err(error.to_string()),
        }),
        Ok(file) => {
            let enabled = file.plugins.iter().filter(|spec| spec.enabled).count();
            let told = format!("{} plugins, {enabled} enabled", file.plugins.len());
            findings.push(Finding {
                what: path,
                result: Ok(told),
            });
            findings.extend(check_components(&env, &file, &settings.data_dir).await?);
            findings.extend(check_sources(&env, &file).await);
        }
    }
    findings.push(Finding {
        what: "token keys".into(),
        result: crate::app::check_keys(&settings).map_err(|e| e.to_string()),
    });
    findings.push(Finding {
        what: "log filter".into(),
        result: crate::telemetry::filter(&settings)
            .map(|_| settings.log.clone())
            .map_err(|e| format!("{e:#}")),
    });
    findings.push(Finding {
        what: "database".into(),
        result: check_database(&settings).await,
    });
    let wrong = findings.iter().any(|finding| finding.result.is_err());
    let value: Vec<_> = findings
        .iter()
        .map(|Finding { what, result }| match result {
            Ok(told) => json!({"what": what, "ok": true, "told": told}),
            Err(error) => json!({"what": what, "ok": false, "told": error}),
        })
        .collect();
    output.print(&Answer::of(&value)?, |_| {
        for Finding { what, result } in &findings {
            match result {
                Ok(told) => println!("ok     {what}: {told}"),
                Err(error) => println!("WRONG  {what}: {error}"),
            }
        }
    });
    Ok(if wrong {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

async fn check_components(
    env: &Environment,
    file: &PluginsFile,
    data_dir: &Path,
) -> anyhow::Result<Vec<Finding>> {
    let runtime = Runtime::new().map_err(|e| anyhow!("cannot start the WASM runtime: {e:#}"))?;
    let mut findings = Vec::new();
    for spec in file.plugins.iter().filter(|spec| spec.enabled) {
        let result = runtime.check(spec, env, data_dir).await.map(|warnings| {
            if warnings.is_empty() {
                "loads".to_owned()
            } else {
                format!("loads; {}", warnings.join("; "))
            }
        });
        findings.push(Finding {
            what: format!("plugin {}", spec.name),
            result,
        });
    }
    Ok(findings)
}

/// Whether each source has a secret that can be read and used. Whether the database has it shows when the server
/// runs.
async fn check_sources(env: &Environment, file: &PluginsFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for spec in &file.sources {
        let (mut missing, mut unusable) = (Vec::new(), Vec::new());
        for (at, source) in spec.secrets.iter().enumerate() {
            if matches!(source, SecretSource::Stored(_)) {
                continue;
            }
            match vault::of_node(source, env).await {
                Ok(secret) => {
                    let tried = verify::try_key(&spec.scheme, &secret);
                    unusable.extend(tried.err().map(|why| format!("secret {}: {why}", at + 1)));
                }
                Err(why) => missing.push(why),
            }
        }
        let told = format!("verify = {}", spec.verifier);
        let result = if !unusable.is_empty() {
            Err(format!("{told}; {}", unusable.join("; ")))
        } else if missing.is_empty() {
            Ok(told)
        } else if missing.len() < spec.secrets.len() {
            Ok(format!("{told}; {}", missing.join("; ")))
        } else {
            Err(format!("no secret can be read: {}", missing.join("; ")))
        };
        findings.push(Finding {
            what: format!("source {}", spec.name),
            result,
        });
    }
    findings
}

async fn check_database(settings: &Settings) -> Result<String, String> {
    store::inspect(settings.database_url.expose())
        .await
        .map_err(|e| e.to_string())
}
