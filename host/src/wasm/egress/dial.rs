//! Which client a URL is dialled with: the grants of this moment decide how far it may reach.

use std::net::IpAddr;

use url::{Host, Url};

use super::address::{self, DialError, Reach};
use super::errors::{self, Refusal};
use crate::domain::grant::{Grants, Origin, PrivateNetwork};
use crate::wasm::host::RunContext;

/// The client for `url`.
pub(super) fn client(run: &RunContext, grants: &Grants, url: &Url) -> Result<reqwest::Client, Refusal> {
    let reach = reach(grants, url);
    check_literal(url, reach).map_err(|error| {
        let origin = url.origin().ascii_serialization();
        errors::of_dial(&error, run, &origin)
    })?;
    run.standing.clients.get(reach, &run.deps.wire.network())
}

/// Checks the address that a URL names outright, because no resolver is asked for it.
pub(super) fn check_literal(url: &Url, reach: Reach) -> Result<(), DialError> {
    let address: IpAddr = match url.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        _ => return Ok(()),
    };
    address::check(url.host_str().unwrap_or(""), address, reach)
}

/// How far the grant of private addresses lets a request to `url` reach.
pub(super) fn reach(grants: &Grants, url: &Url) -> Reach {
    let private = match &grants.private_network {
        PrivateNetwork::None => false,
        PrivateNetwork::All => true,
        PrivateNetwork::Only(origins) => origins.iter().any(|origin| goes_to(url, origin)),
    };
    if private { Reach::Private } else { Reach::Public }
}

/// Whether a request to `url` goes to this origin.
pub(in crate::wasm) fn goes_to(url: &Url, origin: &Origin) -> bool {
    origin.matches(
        url.scheme(),
        url.host_str().unwrap_or(""),
        url.port_or_known_default().unwrap_or(0),
    )
}
