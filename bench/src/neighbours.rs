//! How long a well-behaved plugin's run takes while another misbehaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use hookyard::domain::grant::PrivateNetwork;
use hookyard::domain::plugin::PluginSpec;
use hookyard::wasm::{Ends, Plugin, PluginState, RunEnd};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::options::Options;
use crate::results::Results;
use crate::row::Row;
use crate::yard::{self, Yard};

/// Runs that are measured with each neighbour: enough for a median that another try repeats.
const RUNS: usize = 400;
/// What the neighbour does: for the table, the fixture, and its payload (`{authority}` is a server that has
/// 1 MiB for everybody).
const WAYS: [(&str, &str, &str); 18] = [
    ("loops", "misbehave", r#"{"do":"loop"}"#),
    ("sleeps", "misbehave", r#"{"do":"sleep"}"#),
    ("takes memory", "misbehave", r#"{"do":"alloc"}"#),
    ("recurses", "misbehave", r#"{"do":"stack"}"#),
    ("logs 16 MiB", "misbehave", r#"{"do":"huge-log"}"#),
    ("answers 16 MiB", "misbehave", r#"{"do":"huge-output"}"#),
    ("panics", "misbehave", r#"{"do":"panic"}"#),
    ("traps", "misbehave", r#"{"do":"trap"}"#),
    ("prints", "misbehave", r#"{"do":"stdio"}"#),
    (
        "opens sockets",
        "escape",
        r#"{"do":"connect","at":"127.0.0.1:9"}"#,
    ),
    ("reads files", "escape", r#"{"do":"read","at":"/etc/passwd"}"#),
    ("reads the environment", "escape", r#"{"do":"environment"}"#),
    ("asks for 1 GiB of randomness", "escape", r#"{"do":"randomness"}"#),
    ("takes 100,000 handles", "escape", r#"{"do":"many-handles"}"#),
    (
        "asks 10,000 times for what is not granted",
        "escape",
        r#"{"do":"send","authority":"elsewhere.test","path":"/","times":10000}"#,
    ),
    (
        "sends 10,000 requests",
        "escape",
        r#"{"do":"send","authority":"{authority}","path":"/","times":10000}"#,
    ),
    (
        "reads 1 MiB byte by byte",
        "escape",
        r#"{"do":"send","authority":"{authority}","path":"/","step":1}"#,
    ),
    (DESCRIBES, "describe-loop", ""),
];

/// The one that never gets to a run: it is loaded again and again.
const DESCRIBES: &str = "spins in `describe`";

/// One row per way to misbehave.
///
/// # Errors
/// When a fixture cannot be loaded.
pub async fn measure(_: &Options, results: &mut Results) -> anyhow::Result<()> {
    let yard = Arc::new(Yard::new().await?);
    let authority = mebibytes().await?;
    let echo = load(&yard, "echo", |_| {}).await?;
    load(&yard, "misbehave", |spec| {
        spec.limits.timeout = Duration::from_secs(5);
        spec.limits.cpu = Duration::from_secs(2);
    })
    .await?;
    let base = format!("http://{authority}");
    let grant = format!("* {base}/**").parse()?;
    load(&yard, "escape", |spec| {
        spec.config = serde_json::json!({"base": base, "other": base});
        spec.grants.http = vec![grant];
        spec.grants.private_network = PrivateNetwork::All;
        spec.limits.timeout = Duration::from_secs(5);
    })
    .await?;
    measure(&echo).await?;
    for (number, (what, fixture, payload)) in WAYS.into_iter().enumerate() {
        let payload = payload.replace("{authority}", &authority);
        // Before and after, so that a machine that slows down does not count.
        let before = measure(&echo).await?;
        let disturbed = beside(&yard, &echo, fixture, &payload).await?;
        let after = measure(&echo).await?;
        let alone = (before + after) / 2;
        let name = format!("neighbours-{}", number + 1);
        let what = format!("a run while another plugin {what}");
        results.push(
            Row::times(name, what, disturbed, "the same alone", alone).how(format!(
                "median of {RUNS}: {disturbed:.0?} beside it, {alone:.0?} alone"
            )),
        );
    }
    Ok(())
}

async fn load(
    yard: &Yard,
    fixture: &str,
    change: impl FnOnce(&mut PluginSpec),
) -> anyhow::Result<Arc<Plugin>> {
    let file = yard::fixture(fixture)?;
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

async fn beside(
    yard: &Arc<Yard>,
    echo: &Arc<Plugin>,
    fixture: &str,
    payload: &str,
) -> anyhow::Result<Duration> {
    let over = Arc::new(AtomicBool::new(false));
    let neighbour = {
        let (yard, over) = (yard.clone(), over.clone());
        let (fixture, payload) = (fixture.to_owned(), payload.to_owned());
        tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                misbehave(&yard, &fixture, &payload).await?;
            }
            anyhow::Ok(())
        })
    };
    let measured = tokio::spawn({
        let echo = echo.clone();
        async move { measure(&echo).await }
    });
    let median = measured.await?;
    over.store(true, Ordering::Relaxed);
    neighbour.await??;
    median
}

async fn misbehave(yard: &Yard, fixture: &str, payload: &str) -> anyhow::Result<()> {
    if payload.is_empty() {
        let mut specs = yard.specs();
        specs.push(PluginSpec::named(fixture.parse()?, yard::fixture(fixture)?));
        yard.try_beside(specs).await;
        return Ok(());
    }
    yard.plugin(fixture)?.run(&[yard::job(payload)]).await;
    Ok(())
}

/// A server on loopback that answers every request with 1 MiB; its host and port.
async fn mebibytes() -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let authority = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = [0; 4096];
                let body = vec![b'x'; 1 << 20];
                // A client that goes away is its own affair.
                while stream.read(&mut head).await.is_ok_and(|read| read > 0) {
                    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                    if stream.write_all(answer.as_bytes()).await.is_err()
                        || stream.write_all(&body).await.is_err()
                    {
                        return;
                    }
                }
            });
        }
    });
    Ok(authority)
}
