//! Hours at 70 % load with reloads and retries: nothing may grow.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use faults::server::Server;

use crate::load::{self, Plan, Shot};
use crate::meter::{self, Usage};
use crate::options::Options;
use crate::place::{self, Place, Section};
use crate::results::Results;
use crate::row::{Row, figure};
use crate::vendor::Vendor;

/// Of what the machine can do.
const SHARE: f64 = 0.7;

/// Between two samples; each has a load of its own.
const SLICE: Duration = Duration::from_secs(10);

/// Every so many samples the plugin is reloaded.
const RELOAD_EVERY: u32 = 3;

/// Of so many requests the vendor refuses one, which is tried again.
const REFUSED_ONE_IN: u32 = 50;

/// Connections of the load.
const CONNECTIONS: usize = 64;

/// Events by which the load is chosen, and how long they may take.
const TRIED: u64 = 5_000;
const WITHIN: Duration = Duration::from_mins(10);

/// Samples that show nothing yet: caches fill, and the first purge comes.
const SETTLING: usize = 3;

/// What a sample says, by the name of its series.
const SERIES: [&str; 6] = [
    "soak-memory-mib",
    "soak-descriptors",
    "soak-wal-mib",
    "soak-p50-ms",
    "soak-p99-ms",
    "soak-waiting",
];

/// One sample, in the order of [`SERIES`].
type Sample = [f64; 6];

/// Runs for as long as it was told to.
///
/// # Errors
/// When the server ends, or refuses.
pub async fn measure(options: &Options, results: &mut Results) -> anyhow::Result<()> {
    let vendor = Vendor::start().await?;
    let build = std::fs::read(options.fixture("effect")?)?;
    let folder = tempfile::tempdir()?;
    let component = folder.path().canonicalize()?.join("effect.wasm");
    std::fs::write(&component, &build)?;
    let mut place = site(options, &component, &vendor.url)?;
    let server = place.start_compiled()?;
    let shot = place.webhook(&server, &place::body(1))?;
    let began = Instant::now();
    let tried = load::run(Plan::count(shot.clone(), CONNECTIONS, TRIED))
        .await?
        .sound()?;
    place.wait_for(tried.answered, WITHIN).await?;
    let pace = figure(tried.answered) / began.elapsed().as_secs_f64() * SHARE;
    vendor.refuse_one_in(REFUSED_ONE_IN);
    let (mut samples, began) = (Vec::new(), Instant::now());
    let mut number = 0_u32;
    while began.elapsed() < options.soak() {
        number += 1;
        if number.is_multiple_of(RELOAD_EVERY) {
            place::replace(&component, &place::build(&build, number))?;
        }
        let sample = sample(&place, &server, &shot, pace).await?;
        let at = began.elapsed().as_secs_f64();
        for (name, value) in SERIES.iter().zip(sample) {
            results
                .series
                .entry((*name).to_owned())
                .or_default()
                .push((at, value));
        }
        samples.push(sample);
    }
    place::stop(server)?;
    let how = format!(
        "{} min at {pace:.0} events per second, a reload every {} s, one request in {REFUSED_ONE_IN} refused",
        began.elapsed().as_secs() / 60,
        SLICE.as_secs() * u64::from(RELOAD_EVERY)
    );
    rows(results, &samples, &how)
}

/// The binary with one plugin that tells the vendor of each event, and a rule that keeps the database small: an hour
/// makes millions.
fn site(options: &Options, component: &Path, vendor: &str) -> anyhow::Result<Place> {
    let more = format!(
        "config = {{ base = \"{vendor}\" }}\n\
         grants = {{ http = [\"POST {vendor}/effects\"], private-network = true }}\n\
         limits = {{ concurrency = 64 }}\nbreaker = \"off\"\n\
         retry = {{ base = \"1s\", max = \"5s\", attempts = 20 }}\n\
         [retention]\nmax-events = 200000"
    );
    let section = Section {
        name: "effect",
        component,
        source: "bench",
        more: &more,
    };
    Place::new(options, &[section])
}

/// A slice of the load, and what the server holds after it.
async fn sample(place: &Place, server: &Server, shot: &Shot, pace: f64) -> anyhow::Result<Sample> {
    let outcome = load::run(Plan::open(shot.clone(), CONNECTIONS, pace, SLICE))
        .await?
        .sound()?;
    let Usage {
        resident_kib,
        descriptors,
        ..
    } = meter::usage(server.id())?;
    let wal = meter::bytes(&place.file().with_extension("db-wal"));
    let waiting = place.counted("'pending', 'retrying', 'deferred'").await?;
    let millis = |share| outcome.quantile(share).as_secs_f64() * 1e3;
    Ok([
        meter::mib(resident_kib),
        figure(descriptors),
        meter::mib(wal / 1024),
        millis(0.5),
        millis(0.99),
        figure(waiting),
    ])
}

/// The last third against the first.
fn rows(results: &mut Results, samples: &[Sample], how: &str) -> anyhow::Result<()> {
    let settled = samples.get(SETTLING..).unwrap_or_default();
    ensure!(settled.len() >= 3, "too short: {} samples", samples.len());
    let third = settled.len() / 3;
    let (first, last) = (&settled[..third], &settled[settled.len() - third..]);
    for (name, column, unit) in [
        ("soak-memory", 0, "MiB"),
        ("soak-descriptors", 1, ""),
        ("soak-p99", 4, "ms"),
    ] {
        let (before, after) = (middle(first, column), middle(last, column));
        results.push(Row::aimed(name, after, unit).against("", before).how(how));
    }
    let largest = samples.iter().map(|sample| sample[2]).fold(0.0, f64::max);
    results.push(Row::aimed("soak-wal", largest, "MiB").how(how));
    Ok(())
}

/// The median of a column.
fn middle(samples: &[Sample], column: usize) -> f64 {
    let mut values: Vec<_> = samples.iter().map(|sample| sample[column]).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_column_is_found() {
        let samples: Vec<Sample> = [3.0, 1.0, 2.0]
            .map(|value| [0.0, value, 0.0, 0.0, 0.0, 0.0])
            .to_vec();
        assert!((middle(&samples, 1) - 2.0).abs() < f64::EPSILON);
    }
}
