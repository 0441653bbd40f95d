//! Plugins and sources: whether they load, what they were granted, and whether their secrets can be read.

use std::sync::Arc;

use anyhow::anyhow;

use super::report::Report;
use crate::clock::SystemClock;
use crate::config::Settings;
use crate::domain::grant::SecretSource;
use crate::environment::Environment;
use crate::manifest::PluginsFile;
use crate::store::Look;
use crate::vault::{self, Vault};
use crate::wasm::{Checked, Runtime};

/// Looks at every plugin that is switched on, and at every source.
pub(super) async fn examine(
    settings: &Settings,
    env: &Environment,
    file: &PluginsFile,
    look: Option<&Look>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let runtime = Runtime::new().map_err(|e| anyhow!("cannot start the WASM runtime: {e:#}"))?;
    let vault = opened(settings, look, report);
    for spec in &file.plugins {
        let what = spec.name.to_string();
        if !spec.enabled {
            report.skip("plugins", &what, "switched off");
            continue;
        }
        match runtime.check(spec, env, &settings.data_dir).await {
            Ok(checked) => loaded(&what, &checked, report),
            Err(why) => {
                let mend = "do as it says, or `hookyard plugins disable` it: its deliveries wait until then";
                report.fail("plugins", &what, &why, mend);
            }
        }
        for (name, grant) in &spec.grants.secrets {
            secret(
                &format!("{what}: {name}"),
                &grant.source,
                env,
                vault.as_ref(),
                report,
            )
            .await;
        }
    }
    for spec in &file.sources {
        for source in &spec.secrets {
            secret(
                &format!("source {}", spec.name),
                source,
                env,
                vault.as_ref(),
                report,
            )
            .await;
        }
    }
    Ok(())
}

/// What opens stored secrets; `None` where there is no database to read them from.
fn opened(settings: &Settings, look: Option<&Look>, report: &mut Report) -> Option<Vault> {
    let look = look?;
    match crate::app::master_keys(settings) {
        Ok(keys) => Some(Vault::new(look.store.clone(), Arc::new(SystemClock), keys)),
        Err(error) => {
            let mend =
                "set HOOKYARD_MASTER_KEY to 64 hexadecimal digits (openssl rand -hex 32), or leave it out";
            report.fail("secrets", "master key", &format!("{error:#}"), mend);
            None
        }
    }
}

fn loaded(what: &str, checked: &Checked, report: &mut Report) {
    if checked.warnings.is_empty() {
        report.ok("plugins", what, "loads");
    }
    for warning in &checked.warnings {
        let mend = "grant it, where the plugin should have it";
        report.warn("plugins", what, &format!("loads; {warning}"), mend);
    }
    if !checked.unneeded.is_empty() {
        let told = format!(
            "is granted what it does not ask for: {}",
            checked.unneeded.join(", ")
        );
        let mend = format!("take it out of [plugins.{what}.grants]: the next build could use it");
        report.warn("plugins", what, &told, &mend);
    }
}

async fn secret(
    what: &str,
    source: &SecretSource,
    env: &Environment,
    vault: Option<&Vault>,
    report: &mut Report,
) {
    let (place, mend) = match source {
        SecretSource::Env(name) => (
            format!("env:{name}"),
            format!("set {name} in the environment of the service or in .env"),
        ),
        SecretSource::File(path) => (
            format!("file:{}", path.display()),
            "put the secret there, readable by the user that Hookyard runs as".to_owned(),
        ),
        SecretSource::Stored(name) => (format!("stored:{name}"), format!("hookyard secrets set {name}")),
    };
    let read = match (source, vault) {
        (SecretSource::Stored(_), None) => {
            report.skip(
                "secrets",
                what,
                &format!("{place}: the database cannot be looked into"),
            );
            return;
        }
        (SecretSource::Stored(_), Some(vault)) => vault::resolve(source, env, vault).await,
        _ => vault::of_node(source, env).await,
    };
    match read {
        Ok(_value) => report.ok("secrets", what, &format!("{place} can be read")),
        Err(why) => report.fail("secrets", what, &why, &mend),
    }
}
