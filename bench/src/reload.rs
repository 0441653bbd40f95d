//! What a thousand reloads leave behind.

use anyhow::Context as _;
use hookyard::domain::plugin::PluginSpec;

use crate::meter;
use crate::options::Options;
use crate::results::Results;
use crate::row::Row;
use crate::yard::{self, Yard};

/// Reloads between the two looks at the memory, after as many as a tenth of it to warm up.
const RELOADS: usize = 1_000;

/// The process's memory after a thousand reloads, every third of a broken build, against before.
///
/// # Errors
/// When a build cannot be loaded.
pub async fn measure(options: &Options, results: &mut Results) -> anyhow::Result<()> {
    let reloads = options.either(RELOADS / 10, RELOADS);
    let builds = [
        std::fs::read(yard::fixture("version-one")?)?,
        std::fs::read(yard::fixture("version-two")?)?,
        b"broken".to_vec(),
    ];
    let yard = Yard::new().await?;
    let file = yard.path().join("plugin.wasm");
    std::fs::write(&file, &builds[0])?;
    let spec = PluginSpec::named("version".parse()?, file.clone());
    yard.apply(vec![spec.clone()]).await;
    let mut before = 0;
    for number in 0..reloads + reloads / 10 {
        std::fs::write(&file, &builds[number % 3])?;
        yard.registry().refresh(&spec.name).await.context("a plugin")?;
        yard.plugin("version")?.run(&[yard::job("{}")]).await;
        if number == reloads / 10 {
            before = meter::usage(std::process::id())?.resident_kib;
        }
    }
    let after = meter::usage(std::process::id())?.resident_kib;
    results.push(
        Row::new(
            "reload-memory",
            "memory after a thousand reloads",
            meter::mib(after),
            "MiB",
        )
        .against("memory before them", meter::mib(before))
        .how(format!(
            "{reloads} reloads, {before} KiB before, {after} KiB after"
        )),
    );
    Ok(())
}
