//! Credentials that a guest writes into a request itself.
//!
//! Toward an origin that one of its secrets is bound to, `Authorization` is the secret's place. A
//! header of the guest's own there is a mistake, or somebody else's account that data is carried
//! off to.

use http::header::AUTHORIZATION;

use super::dial::goes_to;
use super::errors::Refusal;
use super::request::{Outgoing, placeholders};
use crate::domain::grant::{Grants, Permission, SecretGrant};
use crate::wasm::host::RunContext;
use crate::wasm::rights;

/// Refuses `Authorization` without a reference, toward an origin that a secret is bound to, unless
/// `own-authorization` is asked for and granted.
pub(super) fn check(run: &RunContext, outgoing: &Outgoing) -> Result<(), Refusal> {
    let known = placeholders(run);
    let refers = |value: &http::HeaderValue| known.iter().any(|known| known.is_in(value.as_bytes()));
    let mut own = outgoing.headers().get_all(AUTHORIZATION).iter();
    if own.all(refers) {
        return Ok(());
    }
    let spec = run.standing.spec();
    let grants = &spec.grants;
    let bound = grants
        .secrets
        .iter()
        .filter(|(name, _)| run.manifest.secret(name).is_some())
        .find(|(_, grant)| is_bound(outgoing, grants, grant));
    let Some((secret, _)) = bound else {
        return Ok(());
    };
    let permission = Permission::OwnAuthorization;
    let asked = run
        .manifest
        .permissions
        .iter()
        .any(|word| word == permission.as_str());
    if asked && grants.permissions.contains(&permission) {
        return Ok(());
    }
    let plugin = &run.standing.name;
    let mend = if asked {
        rights::permission_lines(plugin, permission.as_str())
    } else {
        format!("the manifest of {plugin} does not ask for the permission `{permission}`")
    };
    Err(Refusal::denied(format!(
        "the plugin set `authorization` itself toward {}, which the secret `{secret}` is bound to; it must use \
         the secret's reference; {mend}",
        outgoing.origin()
    )))
}

/// Whether the grant lets the secret go where the request goes.
pub(super) fn is_bound(outgoing: &Outgoing, grants: &Grants, grant: &SecretGrant) -> bool {
    match &grant.to {
        Some(origins) => origins.iter().any(|origin| goes_to(outgoing.url(), origin)),
        None => grants
            .http
            .iter()
            .any(|pattern| goes_to(outgoing.url(), pattern.origin())),
    }
}
