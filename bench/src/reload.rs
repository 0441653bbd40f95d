//! What a thousand reloads leave behind.

use anyhow::Context as _;
use hookyard::domain::plugin::PluginSpec;

use crate::Row;
use crate::yard::{self, Yard};

/// Reloads between the two looks at the memory, after as many as a tenth of it to warm up.
const RELOADS: usize = 1_000;

/// The process's memory after a thousand reloads, every third of a broken build, against before.
pub async fn memory() -> anyhow::Result<Row> {
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
    for number in 0..RELOADS + RELOADS / 10 {
        std::fs::write(&file, &builds[number % 3])?;
        yard.registry().refresh(&spec.name).await.context("a plugin")?;
        yard.plugin("version")?.run(&[yard::job("{}")]).await;
        if number == RELOADS / 10 {
            before = resident()?;
        }
    }
    let after = resident()?;
    Ok(Row {
        what: "memory after 1,000 reloads".to_owned(),
        baseline: "memory before them",
        ratio: kib(after) / kib(before),
        detail: format!("{before} KiB before, {after} KiB after"),
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "memory in KiB has far fewer than 52 bits"
)]
fn kib(count: u64) -> f64 {
    count as f64
}

/// Resident memory of this process, in KiB.
fn resident() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("needs Linux's /proc")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line
        .and_then(|line| line.split_whitespace().next())
        .context("no VmRSS")?;
    Ok(number.parse()?)
}
