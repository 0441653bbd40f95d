//! How long a saved component takes until it serves.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use hookyard::domain::plugin::PluginSpec;
use hookyard::wasm::PluginState;

use crate::Row;
use crate::yard::Yard;

/// The shipped components, the largest first.
const SHIPPED: [&str; 4] = ["github_backup", "gsheets", "slack_sdk", "slack_webhook"];

/// One row per shipped component: compiled anew against the second that is allowed.
pub async fn rows() -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for name in SHIPPED {
        let yard = Yard::new().await?;
        let shipped = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins/dist"))
            .join(format!("{name}.wasm"));
        let file = yard.path().join("plugin.wasm");
        std::fs::write(&file, b"not yet")?;
        let plugin = name.replace('_', "-").parse()?;
        let mut spec = PluginSpec::named(plugin, file.clone());
        // What it needs to load is not what is measured.
        spec.config = serde_json::json!({});
        yard.apply(vec![spec.clone()]).await;
        std::fs::copy(&shipped, &file).with_context(|| format!("{} is missing", shipped.display()))?;
        let begun = Instant::now();
        let status = yard.registry().refresh(&spec.name).await.context("a plugin")?;
        let took = begun.elapsed();
        let history = yard.registry().reloads(&spec.name).context("a history")?;
        let last = history.first().context("a load")?;
        // A section that does not fit is found out last, after all that takes time.
        ensure!(
            status.state == PluginState::Ready || last.phases.describe_ms > 0 || last.phases.compile_ms > 0,
            "{name}: {:?}",
            status.error
        );
        rows.push(Row {
            what: "a saved component, compiled anew, until it serves",
            baseline: "1 s, less 0.2 s of quiet time",
            ratio: took.as_secs_f64() / 0.8,
            detail: format!("{name}: {took:.0?}, {:?}", last.phases),
        });
    }
    Ok(rows)
}
