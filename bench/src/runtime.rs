//! Runs beside bare wasmtime (d): time, processor time of a whole delivery, threads and memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hookyard::domain::plugin::PluginSpec;
use hookyard::wasm::{Ends, Plugin, RunEnd};

use crate::bare::{Bare, Calls};
use crate::load::{self, Plan};
use crate::meter;
use crate::options::Options;
use crate::place::{self, LOOK_AGAIN, Place, Section};
use crate::results::Results;
use crate::row::{Row, figure};
use crate::vendor::Vendor;
use crate::yard::{self, Yard};

/// What runs: a Rust component that reads its job and answers with one line.
const COMPONENT: &str = "version-one";

/// Calls of one instance.
const REUSES: u32 = 10_000;

/// Runs that wait on HTTP at the same time.
const SLOW: u64 = 200;

/// Idle plugins whose memory is measured, each a build of its own.
const IDLE: u32 = 20;

/// How long a backlog may take, and runs to begin that wait.
const WITHIN: Duration = Duration::from_mins(10);

/// How long memory settles.
const SETTLES: Duration = Duration::from_secs(3);

/// All of them.
///
/// # Errors
/// When something does not run.
pub async fn measure(options: &Options, results: &mut Results) -> anyhow::Result<()> {
    let body: Arc<[u8]> = place::body(1).into();
    let component = Bare::new(&options.fixture(COMPONENT)?)?;
    let bare = component.calls(&body, options.window()).await?;
    let reused = component.reused(&body, REUSES).await?;
    results.push(Row::aimed("run-call", bare.each_us(), "µs").how(format!(
        "{:.0} calls per second on {} processors",
        bare.per_second(),
        bare.cores
    )));
    results.push(
        Row::new(
            "run-reused",
            "a call of an instance that is used again, bare",
            reused.as_secs_f64() * 1e6,
            "µs",
        )
        .against("(d) bare wasmtime", bare.each_us())
        .how(format!("{REUSES} calls of one instance; not offered to plugins")),
    );
    let hosted = hosted(&body, options.window()).await?;
    results.push(
        Row::new(
            "run-hosted",
            "a run with limits, record and clock, in one process",
            hosted.each_us(),
            "µs",
        )
        .against("(d) bare wasmtime", bare.each_us())
        .how(format!("{:.0} per second", hosted.per_second())),
    );
    delivery(options, results, bare.each_us()).await?;
    slow(options, results).await?;
    idle(options, results)
}

/// The plugin's own way to run, on all processors, without claims and records in a database.
async fn hosted(body: &Arc<[u8]>, window: Duration) -> anyhow::Result<Calls> {
    let yard = Yard::new().await?;
    let name = "version".parse()?;
    yard.apply(vec![PluginSpec::named(name, yard::fixture(COMPONENT)?)])
        .await;
    let plugin = yard.plugin("version")?;
    let text = Arc::new(String::from_utf8(body.to_vec())?);
    run_all(&plugin, &text, window / 4).await?;
    run_all(&plugin, &text, window).await
}

async fn run_all(plugin: &Arc<Plugin>, text: &Arc<String>, window: Duration) -> anyhow::Result<Calls> {
    let (cores, began) = (meter::cores(), Instant::now());
    let runners: Vec<_> = (0..cores)
        .map(|_| {
            let (plugin, text) = (plugin.clone(), text.clone());
            tokio::spawn(async move {
                let mut count = 0_u64;
                while began.elapsed() < window {
                    let run = plugin.run(&[yard::job(&text)]).await;
                    let done = matches!(&run.ends, Ends::Each(ends) if matches!(ends[..], [RunEnd::Succeeded { .. }]));
                    ensure!(done, "{:?}", run.ends);
                    count += 1;
                    tokio::task::yield_now().await;
                }
                anyhow::Ok(count)
            })
        })
        .collect();
    let mut count = 0;
    for runner in runners {
        count += runner.await.context("a runner")??;
    }
    Ok(Calls {
        count,
        wall: began.elapsed(),
        cores,
    })
}

/// A backlog that is let go: what the server's processors spend on each delivery, intake left out.
async fn delivery(options: &Options, results: &mut Results, bare_us: f64) -> anyhow::Result<()> {
    let component = options.fixture(COMPONENT)?;
    let text = |more: &str| {
        format!(
            "[plugins.load]\ncomponent = \"{}\"\nroutes = [{{ source = \"bench\" }}]\n{more}\n\
             limits = {{ concurrency = 64 }}\n",
            component.display()
        )
    };
    let mut place = Place::with_file(options, &text("paused = true"), 1)?;
    let server = place.start_compiled()?;
    let events = options.either(3_000, 50_000);
    let shot = place.webhook(&server, &place::body(1))?;
    let sent = load::run(Plan::count(shot, 64, events)).await?.sound()?;
    let (began, before) = (Instant::now(), meter::usage(server.id())?);
    place.save_plugins(&text(""))?;
    place.wait_for(sent.answered, WITHIN).await?;
    let (seconds, after) = (began.elapsed().as_secs_f64(), meter::usage(server.id())?);
    place::stop(server)?;
    let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64() * 1e6 / figure(sent.answered);
    results.push(
        Row::aimed("run-delivery", cpu, "µs")
            .against("", bare_us)
            .how(format!(
                "a backlog of {} let go: {:.0} deliveries per second, the reload before them included",
                sent.answered,
                figure(sent.answered) / seconds
            )),
    );
    Ok(())
}

/// Runs that wait on a vendor that takes its time: threads and memory that they cost.
async fn slow(options: &Options, results: &mut Results) -> anyhow::Result<()> {
    let vendor = Vendor::start().await?;
    let (effect, quick) = (options.fixture("effect")?, options.fixture(COMPONENT)?);
    let more = format!(
        "config = {{ base = \"{0}\" }}\ngrants = {{ http = [\"POST {0}/effects\"], private-network = true }}\n\
         limits = {{ concurrency = {SLOW} }}",
        vendor.url
    );
    let sections = [
        Section {
            name: "slow",
            component: &effect,
            source: "bench",
            more: &more,
        },
        Section {
            name: "quick",
            component: &quick,
            source: "quick",
            more: "",
        },
    ];
    let mut place = Place::new(options, &sections)?;
    let server = place.start_compiled()?;
    let shot = place.webhook(&server, &place::body(1))?;
    // What a first burst leaves warm is not what a run costs.
    load::run(Plan::count(shot.clone(), 16, SLOW)).await?.sound()?;
    place.wait_for(SLOW, WITHIN).await?;
    tokio::time::sleep(SETTLES).await;
    let rest = meter::usage(server.id())?;
    vendor.delay(Duration::from_secs(15));
    let sent = load::run(Plan::count(shot, 16, SLOW)).await?.sound()?;
    let began = Instant::now();
    while vendor.waiting() < SLOW {
        ensure!(
            began.elapsed() < Duration::from_secs(14),
            "only {} runs wait",
            vendor.waiting()
        );
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let busy = meter::usage(server.id())?;
    // Whoever does not wait is served meanwhile.
    let path = "/api/webhooks/receive/?source=quick&type=push";
    let beside = load::Shot::post(server.url(), path, &place.token, b"{}")?;
    let began = Instant::now();
    load::run(Plan::count(beside, 1, 10)).await?.sound()?;
    place.wait_for(SLOW + 10, Duration::from_secs(10)).await?;
    let beside = began.elapsed();
    place.wait_for(SLOW + sent.answered + 10, WITHIN).await?;
    place::stop(server)?;
    let threads = figure(busy.threads) - figure(rest.threads);
    results.push(Row::aimed("run-slow-threads", threads, "").how(format!(
        "{} threads at rest after a burst, {} with {SLOW} runs that wait; ten other events went through in {beside:.0?}",
        rest.threads, busy.threads
    )));
    let memory = meter::mib(busy.resident_kib.saturating_sub(rest.resident_kib)) / figure(SLOW);
    results.push(Row::aimed("run-instance-memory", memory, "MiB").how(format!(
        "{} KiB at rest, {} KiB with {SLOW} runs that wait; pages of guests that were touched are in it",
        rest.resident_kib, busy.resident_kib
    )));
    Ok(())
}

/// The same server with one plugin, and with twenty more builds of it.
fn idle(options: &Options, results: &mut Results) -> anyhow::Result<()> {
    let component = std::fs::read(options.fixture(COMPONENT)?)?;
    let folder = tempfile::tempdir()?;
    let mut files = Vec::new();
    for number in 0..=IDLE {
        let file = folder.path().join(format!("build-{number}.wasm"));
        std::fs::write(&file, place::build(&component, number))?;
        files.push((format!("idle-{number}"), file));
    }
    let mut resident = Vec::new();
    for count in [1, files.len()] {
        let sections: Vec<_> = files
            .iter()
            .take(count)
            .map(|(name, file)| Section {
                name: name.as_str(),
                component: file.as_path(),
                source: "",
                more: "",
            })
            .collect();
        let mut place = Place::new(options, &sections)?;
        place::stop(place.start_compiled()?)?;
        // Again from the cache: a compiler leaves memory behind.
        let server = place.start()?;
        std::thread::sleep(SETTLES);
        resident.push(meter::usage(server.id())?.resident_kib);
        place::stop(server)?;
    }
    let [one, many] = resident[..] else {
        anyhow::bail!("two figures");
    };
    let each = meter::mib(many.saturating_sub(one)) / f64::from(IDLE);
    results.push(Row::aimed("run-plugin-memory", each, "MiB").how(format!(
        "{one} KiB with one, {many} KiB with {IDLE} more, each a build of its own, from the cache"
    )));
    Ok(())
}
