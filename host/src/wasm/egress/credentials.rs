//! Credentials that a guest writes into a request itself.
//!
//! Toward an origin that one of its secrets is bound to, `Authorization` is the secret's place. A
//! header of the guest's own there is a mistake, or somebody else's account that data is carried
//! off to.

use http::HeaderValue;
use http::header::AUTHORIZATION;
use url::Url;

use super::dial::goes_to;
use super::errors::Refusal;
use super::request::{Outgoing, placeholders};
use crate::domain::grant::{Grants, HttpPattern, Origin, Permission, SecretGrant};
use crate::wasm::host::{Placeholder, RunContext};
use crate::wasm::manifest::SecretKind;
use crate::wasm::rights;

/// Refuses `Authorization` that is not a reference, toward an origin that a secret is bound to, unless
/// `own-authorization` is asked for and granted.
pub(super) fn check(run: &RunContext, outgoing: &Outgoing) -> Result<(), Refusal> {
    let known = placeholders(run);
    let refers = |value: &HeaderValue| known.iter().any(|known| is_reference(value.as_bytes(), known));
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
        .find(|(_, grant)| binds(outgoing.url(), grants, grant));
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
        rights::permission_lines(plugin, grants, permission.as_str())
    } else {
        format!("the manifest of {plugin} does not ask for the permission `{permission}`")
    };
    Err(Refusal::denied(format!(
        "the plugin set `authorization` itself toward {}, which the secret `{secret}` is bound to; it must use \
         the secret's reference, alone or after a scheme and a blank; {mend}",
        outgoing.origin()
    )))
}

/// Whether the value is this reference and nothing else, but for a scheme (RFC 9110, section 11.4: `scheme SP
/// token68`). That goes for `Basic` too: its secret holds the whole encoded pair, because a reference
/// within Base64 is never found. The reference of a URL is none, for nothing is put in its place here.
/// Whether the secret may go where the request goes is asked when it is put in.
fn is_reference(value: &[u8], known: &Placeholder) -> bool {
    let before = value.strip_suffix(known.word.as_bytes());
    known.kind != SecretKind::Url && before.is_some_and(|before| before.is_empty() || is_scheme(before))
}

/// A word (RFC 9110, section 5.6.2: `token`) with a blank behind.
fn is_scheme(text: &[u8]) -> bool {
    let name = text.strip_suffix(b" ").unwrap_or_default();
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !name.is_empty() && name.iter().all(word)
}

/// Whether the grant lets the secret go where `url` goes.
pub(super) fn binds(url: &Url, grants: &Grants, grant: &SecretGrant) -> bool {
    bound(grants, grant).any(|origin| goes_to(url, origin))
}

/// The origins that the grant lets the secret go to.
pub(super) fn bound<'a>(grants: &'a Grants, grant: &'a SecretGrant) -> impl Iterator<Item = &'a Origin> {
    let every = grant.to.is_none();
    let granted = grants.http.iter().filter(move |_| every);
    let listed = grant.to.iter().flatten();
    listed.chain(granted.map(HttpPattern::origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_stands_alone_or_behind_a_scheme() {
        let plain = |kind| Placeholder {
            word: "hookyard-secret-1".to_owned(),
            secret: "token".to_owned(),
            kind,
        };
        let known = plain(SecretKind::Plain);
        for value in [
            "hookyard-secret-1",
            "Bearer hookyard-secret-1",
            "token hookyard-secret-1",
            "Basic hookyard-secret-1",
        ] {
            assert!(is_reference(value.as_bytes(), &known), "{value}");
            assert!(
                !is_reference(value.as_bytes(), &plain(SecretKind::Url)),
                "{value}"
            );
        }
        for value in [
            "",
            "Bearer mine",
            "Bearer mine hookyard-secret-1",
            "Bearer mine, hookyard-secret-1",
            "Bearer  hookyard-secret-1",
            " hookyard-secret-1",
            "Bearer hookyard-secret-1 mine",
            "Bearer hookyard-secret-1,",
            "Bearer minehookyard-secret-1",
            "Bearer: hookyard-secret-1",
            "Digest username=x hookyard-secret-1",
        ] {
            assert!(!is_reference(value.as_bytes(), &known), "{value}");
        }
    }
}
