//! How the headers of a refused request are kept: in clear, sealed, or masked.
//!
//! | the header | is kept |
//! |---|---|
//! | is the token, key or password itself | masked: its digest is kept beside the request |
//! | has the signature, its time or a digest | in clear: it gives no secret away |
//! | has the name of a credential, and the request is judged by it | sealed |
//! | has the name of a credential | masked |
//! | any other | in clear |
//!
//! A request is judged by what its signature covers, and by what its type and its key are read from. Without one of
//! them it would be refused for another reason than the first time, or become a second event.

use ::http::{HeaderMap, HeaderName, HeaderValue};

use super::super::headers;
use super::super::once::IDEMPOTENCY_KEY;
use crate::domain::event::Header;
use crate::domain::id::RejectedId;
use crate::domain::rejected::RejectedRequest;
use crate::domain::source::SourceSpec;
use crate::domain::source::scheme::{Scheme, Stamp, TokenScheme};
use crate::vault::Vault;

/// What stands for the value of a header that holds a credential.
pub const MASK: &str = "***";

/// What stands before a value that is sealed.
const SEALED: &str = "*** ";

/// The headers of a request as they are kept with it. Those that it is judged by come first, so that no others take
/// their room.
pub(super) fn of(id: RejectedId, all: &HeaderMap, spec: &SourceSpec, vault: &Vault) -> Vec<Header> {
    let (first, others): (Vec<_>, Vec<_>) = all
        .iter()
        .partition(|(name, _)| is_needed(name.as_str(), all, spec));
    let keep = |name: &str, value: String| {
        let is_plain = is_proof(name, &spec.scheme) || !headers::is_credential(name);
        if is_secret(name, &spec.scheme) || !(is_plain || is_needed(name, all, spec)) {
            MASK.to_owned()
        } else if is_plain {
            value
        } else {
            sealed(id, name, &value, vault)
        }
    };
    headers::within_bounds(first.into_iter().chain(others))
        .map(|(name, value)| Header {
            value: keep(name, value),
            name: name.to_owned(),
        })
        .collect()
}

/// The headers as they came, but for those that are masked.
///
/// # Errors
/// When one cannot be opened.
pub(super) fn opened(kept: &RejectedRequest, vault: &Vault) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for Header { name, value } in kept.headers.iter().filter(|header| header.value != MASK) {
        let value = match value.strip_prefix(SEALED) {
            Some(sealed) => HeaderValue::from_bytes(&vault.open_header(kept.id, name, sealed)?),
            None => HeaderValue::from_str(value),
        };
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), value) {
            headers.append(name, value);
        }
    }
    Ok(headers)
}

/// A header that is masked and that the request would be judged by now: its source was set otherwise when it came, or
/// nothing could be sealed. `all` are the others.
pub(in crate::intake) fn hidden<'k>(
    kept: &'k RejectedRequest,
    all: &HeaderMap,
    spec: &SourceSpec,
) -> Option<&'k str> {
    let masked = kept.headers.iter().filter(|header| header.value == MASK);
    let mut names = masked.map(|header| header.name.as_str());
    names.find(|name| spec.reads(name) || is_needed(name, all, spec) && !is_secret(name, &spec.scheme))
}

/// A header's value as people see it.
#[must_use]
pub fn shown(value: String) -> String {
    if value.starts_with(SEALED) {
        MASK.to_owned()
    } else {
        value
    }
}

/// The header whose value proves a request, or is the secret: none of an event's plugins should have it,
/// whatever its name is.
pub(in crate::intake) fn proof_header(scheme: &Scheme) -> Option<&str> {
    match scheme {
        Scheme::Signed(scheme) => Some(&scheme.header),
        Scheme::Token(TokenScheme::Header(name)) => Some(name),
        _ => None,
    }
}

/// Whether the header's value is the secret. Names are in lower case, here and below.
fn is_secret(name: &str, scheme: &Scheme) -> bool {
    match scheme {
        Scheme::Token(TokenScheme::Header(header)) => header == name,
        Scheme::Token(TokenScheme::Bearer { .. } | TokenScheme::Basic) => name == "authorization",
        Scheme::Signed(_) | Scheme::Message(_) | Scheme::Open => false,
    }
}

/// Whether the header is a part of a signature.
fn is_proof(name: &str, scheme: &Scheme) -> bool {
    match scheme {
        Scheme::Signed(scheme) => {
            let stamp = matches!(&scheme.timestamp, Some(Stamp::Header(header, _)) if header == name);
            scheme.header == name || stamp
        }
        Scheme::Message(_) => ["signature", "signature-input", "content-digest"].contains(&name),
        Scheme::Token(_) | Scheme::Open => false,
    }
}

/// Whether the request is judged by the header, which may be one of these: by what is signed, with the host, which is
/// part of an address, and by what names the event.
fn is_needed(name: &str, all: &HeaderMap, spec: &SourceSpec) -> bool {
    let is_covered = || {
        let quoted = format!("\"{name}\"");
        let mut inputs = all.get_all("signature-input").iter();
        inputs.any(|input| input.to_str().is_ok_and(|text| text.contains(&quoted)))
    };
    is_proof(name, &spec.scheme)
        || ["host", IDEMPOTENCY_KEY].contains(&name)
        || spec.reads(name)
        || spec.scheme.signs(name)
        || (matches!(spec.scheme, Scheme::Message(_)) && is_covered())
}

fn sealed(id: RejectedId, name: &str, value: &str, vault: &Vault) -> String {
    match vault.seal_header(id, name, value.as_bytes()) {
        Ok(sealed) => format!("{SEALED}{sealed}"),
        Err(why) => {
            tracing::warn!(%why, header = name, "a header of a refused request cannot be kept");
            MASK.to_owned()
        }
    }
}
