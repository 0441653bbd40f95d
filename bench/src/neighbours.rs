//! How long a well-behaved plugin's run takes while another misbehaves.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use hookyard::domain::plugin::PluginSpec;
use hookyard::wasm::{Ends, Plugin, PluginState, RunEnd};

use crate::Row;
use crate::yard::{self, Yard};

/// Runs that are measured with each neighbour: enough for a median that another try repeats.
const RUNS: usize = 400;
/// Runs of the neighbour at the same time.
const AT_ONCE: usize = 1;

/// What the neighbour does, for the table and for the fixture.
const WAYS: [(&str, &str); 9] = [
    ("a run while another plugin loops", "loop"),
    ("a run while another plugin sleeps", "sleep"),
    ("a run while another plugin takes memory", "alloc"),
    ("a run while another plugin recurses", "stack"),
    ("a run while another plugin logs 16 MiB", "huge-log"),
    ("a run while another plugin answers 1 MiB", "huge-output"),
    ("a run while another plugin panics", "panic"),
    ("a run while another plugin traps", "trap"),
    ("a run while another plugin prints", "stdio"),
];

/// One row per way to misbehave.
pub async fn rows() -> anyhow::Result<Vec<Row>> {
    let yard = Yard::new().await?;
    let echo = load(&yard, "echo", |_| {}).await?;
    let misbehave = load(&yard, "misbehave", |spec| {
        spec.limits.timeout = Duration::from_secs(5);
        spec.limits.cpu = Duration::from_secs(2);
    })
    .await?;
    measure(&echo).await?;
    let mut rows = Vec::new();
    for (what, way) in WAYS {
        // Before and after, so that a machine that slows down does not count.
        let before = measure(&echo).await?;
        let disturbed = beside(&echo, &misbehave, way).await?;
        let after = measure(&echo).await?;
        let alone = (before + after) / 2;
        rows.push(Row {
            what,
            baseline: "the same alone",
            ratio: disturbed.as_secs_f64() / alone.as_secs_f64(),
            detail: format!("median of {RUNS}: {disturbed:.0?} beside it, {alone:.0?} alone"),
        });
    }
    Ok(rows)
}

async fn load(yard: &Yard, fixture: &str, change: fn(&mut PluginSpec)) -> anyhow::Result<Arc<Plugin>> {
    let dir = std::env::var_os("HOOKYARD_TEST_COMPONENTS").context("HOOKYARD_TEST_COMPONENTS")?;
    let file = PathBuf::from(dir).join(format!("fixture_{fixture}.wasm"));
    let mut spec = PluginSpec::named(fixture.parse()?, file);
    change(&mut spec);
    let mut specs = yard.specs();
    specs.push(spec);
    let statuses = yard.apply(specs).await;
    let Some(status) = statuses
        .into_iter()
        .find(|status| status.name.as_str() == fixture)
    else {
        bail!("{fixture} is not there");
    };
    ensure!(
        status.state == PluginState::Ready,
        "{fixture}: {:?}",
        status.error
    );
    yard.plugin(fixture)
}

/// The median time of a run.
async fn measure(echo: &Plugin) -> anyhow::Result<Duration> {
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let job = yard::job(r#"{"a":1}"#);
        let begun = Instant::now();
        let run = echo.run(&[job]).await;
        times.push(begun.elapsed());
        let succeeded =
            matches!(&run.ends, Ends::Each(ends) if matches!(ends[..], [RunEnd::Succeeded { .. }]));
        ensure!(succeeded, "{:?}", run.ends);
        tokio::task::yield_now().await;
    }
    times.sort();
    times.get(RUNS / 2).copied().context("a median")
}

async fn beside(echo: &Arc<Plugin>, misbehave: &Arc<Plugin>, way: &str) -> anyhow::Result<Duration> {
    let over = Arc::new(AtomicBool::new(false));
    let payload = format!(r#"{{"do":"{way}","bytes":1048576}}"#);
    let neighbours: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (plugin, over, payload) = (misbehave.clone(), over.clone(), payload.clone());
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    plugin.run(&[yard::job(&payload)]).await;
                }
            })
        })
        .collect();
    let measured = tokio::spawn({
        let echo = echo.clone();
        async move { measure(&echo).await }
    });
    let median = measured.await??;
    over.store(true, Ordering::Relaxed);
    for neighbour in neighbours {
        neighbour.await?;
    }
    Ok(median)
}
