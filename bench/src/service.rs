//! What each step takes, for the simulation in `sim/`: written to the file that `BENCH_MEASURED` names, where
//! `BENCH_DATABASE_URL` names a PostgreSQL database that is empty.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hookyard::domain::attempt::{AttemptOutcome, FinishedAttempt};
use hookyard::domain::delivery::{Claim, Finish, Take, Verdict};
use hookyard::domain::event::NewEvent;
use hookyard::domain::id::{AttemptId, NodeId};
use hookyard::domain::plugin::{PluginName, PluginSpec};
use hookyard::domain::time::Timestamp;
use hookyard::store::{self, SharedStore};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::yard::{self, Yard};
use crate::{backlog, requests};

/// Items of a large step; and how often each caller does a small and a large one.
const ITEMS: u32 = 64;
const ROUNDS: [usize; 2] = [200, 40];

/// Callers at once: as many as a node has connections.
const CALLERS: usize = 16;

/// Runs of a plugin.
const RUNS: usize = 400;

/// A lease that no step outlives.
const LEASE: Duration = Duration::from_mins(10);

/// The steps, in order.
const STEPS: [&str; 4] = ["accept", "claim", "mark", "finish"];

/// Microseconds of each step.
type Times = [f64; 4];

/// Measures, and writes the file; says why where it cannot.
pub async fn measure() -> anyhow::Result<()> {
    let (Some(url), Some(file)) = (
        std::env::var_os("BENCH_DATABASE_URL"),
        std::env::var_os("BENCH_MEASURED"),
    ) else {
        println!("service times: not measured, since BENCH_DATABASE_URL names no PostgreSQL");
        return Ok(());
    };
    let url = url.into_string().ok().context("BENCH_DATABASE_URL is UTF-8")?;
    let store = store::open(&url).await?;
    // Each pair of one item and many, a plugin for each so that none meets what another left.
    let mut measured: Vec<[Times; 2]> = Vec::new();
    for callers in [1, CALLERS] {
        let mut pair = [[0.0; 4]; 2];
        for (at, items) in [1, ITEMS].into_iter().enumerate() {
            let plugin = format!("bench-{callers}-{items}").parse()?;
            pair[at] = steps(&store, &plugin, items, callers, ROUNDS[at]).await?;
        }
        measured.push(pair);
    }
    store.close().await;
    let [alone, busy] = measured[..] else {
        anyhow::bail!("two ways to call")
    };
    let mut told = json!({
        "on": machine(),
        "database": if url.starts_with("sqlite:") { "SQLite" } else { "PostgreSQL" },
        "items": ITEMS,
        "run_cpu_us": run_cpu().await?,
        "request_cpu_us": requests::cpu_us().await?,
    });
    for (at, name) in STEPS.into_iter().enumerate() {
        let of = |pair: [Times; 2]| [pair[0][at], pair[1][at]];
        told[name] = json!({"alone_us": of(alone), "busy_us": of(busy)});
    }
    std::fs::write(&file, format!("{told:#}\n"))?;
    println!("service times: {}", file.display());
    Ok(())
}

/// Each step by so many callers at once: the median of what one waits, or time over steps when there are several.
async fn steps(
    store: &SharedStore,
    plugin: &PluginName,
    items: u32,
    callers: usize,
    rounds: usize,
) -> anyhow::Result<Times> {
    let events = || -> Vec<NewEvent> { (0..items).map(|_| backlog::event(plugin)).collect() };
    let batches = (0..callers).map(|_| (0..rounds).map(|_| events()).collect());
    let (accept, _) = each(batches.collect(), {
        let store = store.clone();
        move |events: Vec<NewEvent>| {
            let store = store.clone();
            async move {
                store.accept_events(&events).await?;
                Ok(())
            }
        }
    })
    .await?;
    let node = NodeId::generate();
    let (claim, claims) = each(vec![vec![(); rounds]; callers], {
        let (store, plugin) = (store.clone(), plugin.clone());
        move |()| {
            let (store, plugin) = (store.clone(), plugin.clone());
            async move {
                let take = Take::shared(items, 0);
                let claims = store.claim_deliveries(&plugin, take, node, LEASE).await?;
                ensure!(!claims.is_empty(), "nothing was left to claim");
                Ok(claims)
            }
        }
    })
    .await?;
    let (mark, claims) = each(claims, {
        let store = store.clone();
        move |claims: Vec<Claim>| {
            let store = store.clone();
            async move {
                let leases: Vec<_> = claims.iter().map(Claim::lease).collect();
                store.mark_started(&leases).await?;
                Ok(claims)
            }
        }
    })
    .await?;
    let finishes = claims.into_iter().map(|claims| {
        let finishes = |claims: Vec<Claim>| claims.iter().map(finish).collect::<Vec<_>>();
        claims.into_iter().map(finishes).collect()
    });
    let (finish, _) = each(finishes.collect(), {
        let store = store.clone();
        move |finishes: Vec<Finish>| {
            let store = store.clone();
            async move {
                store.finish_deliveries(&finishes).await?;
                Ok(())
            }
        }
    })
    .await?;
    Ok([accept, claim, mark, finish])
}

/// Does something with each input, callers side by side; microseconds of one step, and what came of each.
async fn each<T, R, D, F>(inputs: Vec<Vec<T>>, does: D) -> anyhow::Result<(f64, Vec<Vec<R>>)>
where
    T: Send + 'static,
    R: Send + 'static,
    D: Fn(T) -> F + Clone + Send + 'static,
    F: Future<Output = anyhow::Result<R>> + Send + 'static,
{
    let (callers, begun) = (inputs.len(), Instant::now());
    let mut tasks = JoinSet::new();
    for inputs in inputs {
        let does = does.clone();
        tasks.spawn(async move {
            let (mut times, mut results) = (Vec::new(), Vec::new());
            for input in inputs {
                let begun = Instant::now();
                results.push(does(input).await?);
                times.push(begun.elapsed());
            }
            anyhow::Ok((times, results))
        });
    }
    let (mut times, mut results) = (Vec::new(), Vec::new());
    while let Some(done) = tasks.join_next().await {
        let (took, came) = done??;
        times.extend(took);
        results.push(came);
    }
    let steps = u32::try_from(times.len())?;
    let step = if callers == 1 {
        times.sort_unstable();
        times[times.len() / 2]
    } else {
        begun.elapsed() / steps
    };
    Ok((micros(step), results))
}

fn finish(claim: &Claim) -> Finish {
    Finish {
        delivery: claim.delivery,
        token: claim.token,
        verdict: Verdict::Succeeded,
        attempt: FinishedAttempt {
            id: AttemptId::generate(),
            started_at: Timestamp::from_millis(0),
            duration_ms: 1,
            outcome: AttemptOutcome::Succeeded,
            summary: Some("done".to_owned()),
            output: None,
            error: None,
            logs: Vec::new(),
            calls: Vec::new(),
            generation: Some(1),
            digest: None,
            batch: None,
            mapped: false,
        },
    }
}

/// The median of a run that asks nobody, which is what it takes of a processor.
async fn run_cpu() -> anyhow::Result<f64> {
    let yard = Yard::new().await?;
    let echo = PluginSpec::named("echo".parse()?, yard::fixture("echo")?);
    yard.apply(vec![echo]).await;
    let plugin = yard.plugin("echo")?;
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let job = yard::job("{\"n\":1}");
        let begun = Instant::now();
        plugin.run(&[job]).await;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(micros(times[RUNS / 2]))
}

fn micros(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e7).round() / 10.0
}

/// What it was measured on, for who reads the table.
fn machine() -> Value {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("?", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{cores} processors of {model}, the database on the same machine").into()
}
