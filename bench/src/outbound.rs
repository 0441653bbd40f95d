//! Connections and TLS handshakes of bursts to one host.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use hookyard::domain::grant::PrivateNetwork;
use hookyard::domain::plugin::PluginSpec;
use hookyard::wasm::{Ends, Plugin, RunEnd, Wire};

use crate::load::{self, Plan};
use crate::options::Options;
use crate::place::{self, Place, Section};
use crate::results::Results;
use crate::row::{Row, figure};
use crate::vendor::{TlsVendor, Vendor};
use crate::yard::{self, Yard};

/// Runs of a burst.
const BURST: u64 = 1_000;

/// Runs at the same time.
const CONCURRENCY: u64 = 16;

/// How long a burst may take.
const WITHIN: Duration = Duration::from_mins(2);

/// Both.
///
/// # Errors
/// When something does not run.
pub async fn measure(options: &Options, results: &mut Results) -> anyhow::Result<()> {
    let vendor = Vendor::start().await?;
    let effect = options.fixture("effect")?;
    let more = format!(
        "config = {{ base = \"{0}\" }}\ngrants = {{ http = [\"POST {0}/effects\"], private-network = true }}\n\
         limits = {{ concurrency = {CONCURRENCY} }}",
        vendor.url
    );
    let section = Section {
        name: "effect",
        component: &effect,
        source: "bench",
        more: &more,
    };
    let mut place = Place::new(options, &[section])?;
    let server = place.start_compiled()?;
    let shot = place.webhook(&server, &place::body(1))?;
    let sent = load::run(Plan::count(shot, 64, BURST)).await?.sound()?;
    place.wait_for(sent.answered, WITHIN).await?;
    place::stop(server)?;
    results.push(
        Row::aimed("outbound-connections", figure(vendor.connections()), "")
            .against("", figure(CONCURRENCY))
            .how(format!(
                "{} deliveries, a request each, to one host",
                sent.answered
            )),
    );
    handshakes(results).await
}

/// In this process, since the vendor's certificate has to be believed.
async fn handshakes(results: &mut Results) -> anyhow::Result<()> {
    let vendor = TlsVendor::start().await?;
    let yard = Yard::on(Wire::Network(vendor.network())).await?;
    let mut spec = PluginSpec::named("effect".parse()?, yard::fixture("effect")?);
    spec.config = serde_json::json!({"base": vendor.url});
    spec.grants.http = vec![format!("POST {}/effects", vendor.url).parse()?];
    spec.grants.private_network = PrivateNetwork::All;
    let statuses = yard.apply(vec![spec]).await;
    let plugin = yard.plugin("effect").with_context(|| format!("{statuses:?}"))?;
    let runners: Vec<_> = (0..CONCURRENCY)
        .map(|_| tokio::spawn(runs(plugin.clone(), BURST / CONCURRENCY)))
        .collect();
    for runner in runners {
        runner.await.context("a runner")??;
    }
    results.push(
        Row::aimed("outbound-handshakes", figure(vendor.handshakes()), "")
            .against("", figure(CONCURRENCY))
            .how(format!(
                "{BURST} runs, a request each, to one host over TLS and HTTP/1.1"
            )),
    );
    Ok(())
}

async fn runs(plugin: Arc<Plugin>, count: u64) -> anyhow::Result<()> {
    for _ in 0..count {
        let run = plugin.run(&[yard::job("{}")]).await;
        let done = matches!(&run.ends, Ends::Each(ends) if matches!(ends[..], [RunEnd::Succeeded { .. }]));
        ensure!(done, "{:?}", run.ends);
    }
    Ok(())
}
