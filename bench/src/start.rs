//! Start-up, memory at rest and after a burst, and sizes, with the four shipped plugins.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::live;
use crate::load::{self, Plan};
use crate::meter;
use crate::options::Options;
use crate::place::{self, Place};
use crate::results::Results;
use crate::row::{Row, figure, median};

/// The shipped plugins.
const SHIPPED: [&str; 4] = ["gsheets", "slack-sdk", "slack-webhook", "github-backup"];

/// Starts that are measured; the middle one counts.
const STARTS: usize = 9;

/// How long memory settles.
const SETTLES: Duration = Duration::from_secs(5);

/// How long the deliveries of the burst may take.
const WITHIN: Duration = Duration::from_mins(5);

/// All of them.
///
/// # Errors
/// When the server does not start.
pub async fn measure(options: &Options, results: &mut Results) -> anyhow::Result<()> {
    sizes(options, results)?;
    let mut place = shipped(options)?;
    let began = Instant::now();
    let server = place.start()?;
    results.push(Row::new(
        "start-first",
        "the first start ever: nothing compiled, a new database, an account made",
        began.elapsed().as_secs_f64() * 1e3,
        "ms",
    ));
    place::stop(server)?;
    place::stop(place.start_compiled()?)?;
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let began = Instant::now();
        let server = place.start()?;
        times.push(began.elapsed());
        place::stop(server)?;
    }
    let all = format!("{times:.0?}");
    results.push(
        Row::aimed("start-ready", median(times).as_secs_f64() * 1e3, "ms")
            .how(format!("median of {STARTS}, exec included: {all}")),
    );
    memory(options, results, &mut place).await
}

/// The shipped file with all plugins on and a fifth that takes the burst.
fn shipped(options: &Options) -> anyhow::Result<Place> {
    let file = options.root.join("plugins.toml");
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut text = text
        .replace("enabled = false", "enabled = true")
        // The burst is not theirs.
        .replace("source = \"*\"\n", "source = \"nobody\"\n");
    for name in SHIPPED {
        let relative = format!("plugins/dist/{}.wasm", name.replace('-', "_"));
        text = text.replace(
            &format!("\"{relative}\""),
            &format!("\"{}\"", options.shipped(name)?.display()),
        );
    }
    let echo = options.fixture("echo")?;
    let burst = format!(
        "{text}\n[plugins.burst]\ncomponent = \"{}\"\nroutes = [{{ source = \"bench\" }}]\n",
        echo.display()
    );
    let mut place = Place::with_file(options, &burst, SHIPPED.len() + 1)?;
    std::fs::write(place.folder().join("google-service-account.json"), "{}")?;
    for (name, value) in live::variables() {
        place = place.told(name, value);
    }
    Ok(place)
}

/// At rest, and after a thousand deliveries.
async fn memory(options: &Options, results: &mut Results, place: &mut Place) -> anyhow::Result<()> {
    let server = place.start()?;
    tokio::time::sleep(SETTLES).await;
    let rest = meter::usage(server.id())?;
    let shot = place.webhook(&server, &place::body(1))?;
    let burst = options.either(1_000, 20_000);
    let sent = load::run(Plan::count(shot, 64, burst)).await?.sound()?;
    place.wait_for(sent.answered, WITHIN).await?;
    tokio::time::sleep(SETTLES).await;
    let after = meter::usage(server.id())?;
    place::stop(server)?;
    let how = format!(
        "{} threads, {} descriptors; a fifth plugin is loaded",
        rest.threads, rest.descriptors
    );
    results.push(Row::aimed("start-idle", meter::mib(rest.resident_kib), "MiB").how(how));
    let how = format!("{} s after {} deliveries", SETTLES.as_secs(), sent.answered);
    results.push(Row::aimed("start-after", meter::mib(after.resident_kib), "MiB").how(how));
    Ok(())
}

fn sizes(options: &Options, results: &mut Results) -> anyhow::Result<()> {
    let mib = |bytes: u64| figure(bytes) / figure(1 << 20);
    results.push(
        Row::aimed("start-binary", mib(meter::bytes(&options.binary)), "MiB")
            .how("the release profile strips it"),
    );
    for name in SHIPPED {
        let size = meter::bytes(&options.shipped(name)?);
        results.push(Row::aimed(&format!("start-{name}"), mib(size), "MiB"));
    }
    Ok(())
}
