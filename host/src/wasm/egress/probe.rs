//! Asks a granted origin for its head, for `hookyard doctor`: by the names, addresses and certificates that a
//! plugin's own request would go by, without a secret.

use std::time::Duration;

use url::Url;

use super::address::{DialError, Reach};
use super::client::{Clients, chain};
use super::errors;
use super::{Network, dial};
use crate::domain::grant::{Grants, Origin};

/// Why a granted origin was not reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreached {
    /// The host has an address that plugins may not reach; `grantable` where `private-network` would let it through.
    Refused { why: String, grantable: bool },
    /// The network, the far side or its certificate is in the way.
    Failed(String),
}

impl Unreached {
    fn of_dial(error: &DialError) -> Self {
        match error {
            DialError::Prohibited { grantable, .. } => Self::Refused {
                why: error.to_string(),
                grantable: *grantable,
            },
            DialError::Unresolved { .. } | DialError::LookupTimeout(_) => Self::Failed(error.to_string()),
        }
    }
}

/// Sends `HEAD /` to an origin of one host and gives the status of the answer: any says that it is reached.
///
/// # Errors
/// When no answer comes within this time.
pub async fn probe(
    grants: &Grants,
    origin: &Origin,
    network: &Network,
    within: Duration,
) -> Result<u16, Unreached> {
    let url = Url::parse(&format!("{origin}/")).map_err(|error| Unreached::Failed(error.to_string()))?;
    let reach: Reach = dial::reach(grants, &url);
    dial::check_literal(&url, reach).map_err(|error| Unreached::of_dial(&error))?;
    let client = Clients::default()
        .get(reach, network)
        .map_err(|refusal| Unreached::Failed(refusal.text))?;
    let answer = tokio::time::timeout(within, client.head(url).send())
        .await
        .map_err(|_elapsed| {
            let within = humantime::format_duration(within);
            Unreached::Failed(format!("it did not answer within {within}"))
        })?;
    answer.map(|answer| answer.status().as_u16()).map_err(|error| {
        let error = error.without_url();
        match errors::cause::<DialError>(&error) {
            Some(dial) => Unreached::of_dial(dial),
            None => Unreached::Failed(chain(&error)),
        }
    })
}
