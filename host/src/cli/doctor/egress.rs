//! Egress: whether each granted host answers, asked the way a plugin's request would go.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;

use super::report::Report;
use crate::domain::grant::Origin;
use crate::domain::plugin::PluginSpec;
use crate::manifest::PluginsFile;
use crate::wasm::{Network, Unreached, probe};

const AREA: &str = "egress";

/// Hosts that are asked at the same time: each look-up holds a thread.
const PROBES: usize = 8;

/// Asks the hosts that plugins are granted, each once per plugin.
pub(super) async fn examine(file: &PluginsFile, within: Duration, report: &mut Report) {
    let mut asked: Vec<(&PluginSpec, &Origin)> = Vec::new();
    for spec in file.plugins.iter().filter(|spec| spec.enabled) {
        // Grants of several paths lead to one host.
        let origins: BTreeMap<String, &Origin> = spec
            .grants
            .http
            .iter()
            .map(|pattern| (pattern.origin().to_string(), pattern.origin()))
            .collect();
        for (text, origin) in origins {
            if origin.is_one_host() {
                asked.push((spec, origin));
            } else {
                let told = "not asked: it stands for every name below it";
                report.skip(AREA, &format!("{}: {text}", spec.name), told);
            }
        }
    }
    let network = Network::default();
    let probes = asked.into_iter().map(|(spec, origin)| {
        let network = &network;
        async move {
            let answer = probe(&spec.grants, origin, network, within).await;
            (spec, origin, answer)
        }
    });
    let mut answers = futures_util::stream::iter(probes).buffered(PROBES);
    while let Some((spec, origin, answer)) = answers.next().await {
        let what = format!("{}: {origin}", spec.name);
        match answer {
            Ok(status) => report.ok(AREA, &what, &format!("answers (status {status})")),
            Err(Unreached::Refused { why, grantable: true }) => {
                let mend = format!(
                    "if that address is meant, name it: private-network = [\"{origin}\"] in [plugins.{}.grants]",
                    spec.name
                );
                report.fail(AREA, &what, &why, &mend);
            }
            Err(Unreached::Refused {
                why,
                grantable: false,
            }) => {
                let mend =
                    "no grant can help: no plugin may reach such an address; take the host out of the grants";
                report.fail(AREA, &what, &why, mend);
            }
            Err(Unreached::Failed(why)) => {
                let mend = "see that a firewall lets this machine out to it, that its name resolves and that its \
                            certificate is one that this machine believes; --no-egress leaves this out";
                report.fail(AREA, &what, &why, mend);
            }
        }
    }
}
