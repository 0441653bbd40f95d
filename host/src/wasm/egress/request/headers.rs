//! The header section of a request on its way out.

use http::{HeaderMap, HeaderName, header};
use wasmtime_wasi_http::Error;

use super::Refusal;
use crate::wasm::egress::answer::section_bytes;

/// Headers that belong to one connection, or that the host alone sets. wasmtime forbids most of
/// them already; this is the list we answer for.
const STRIPPED: [HeaderName; 11] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Headers by which common frameworks and proxies take another method (Rails, Symfony, Google's APIs) or
/// another path (IIS, Zend) than the request has, which is the one that was checked.
const OVERRIDES: [&str; 5] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
];

/// Bytes of the section with secrets in it: as much as a guest may write before they are put in.
const MAX_SECTION_BYTES: u32 = 64 << 10;

/// What of the guest's headers may leave.
pub(super) fn admitted(headers: &HeaderMap) -> Result<HeaderMap, Refusal> {
    let mut kept = headers.clone();
    for name in connection_headers(headers).into_iter().chain(STRIPPED) {
        kept.remove(name);
    }
    match kept.keys().find(|name| overrides(name)) {
        None => Ok(kept),
        Some(name) => Err(Refusal::denied(format!(
            "the header `{name}` makes some servers take another method or path than the one that was checked, so \
             no grant lets it out; send the request with that method and path itself"
        ))),
    }
}

/// CGI and its heirs make no difference between `-` and `_` (RFC 3875, section 4.1.18).
fn overrides(name: &HeaderName) -> bool {
    OVERRIDES.contains(&name.as_str().replace('_', "-").as_str())
}

/// Looks at the size with secrets in it.
pub(super) fn check_size(headers: &HeaderMap) -> Result<(), Refusal> {
    if section_bytes(headers) <= u64::from(MAX_SECTION_BYTES) {
        return Ok(());
    }
    Err(Refusal {
        code: Error::HttpRequestHeaderSectionSize(Some(MAX_SECTION_BYTES)),
        text:
            "the headers are together larger than 64 KiB with the secrets in them; the plugin must send less"
                .to_owned(),
    })
}

/// The headers that `Connection` names, which are the connection's too.
fn connection_headers(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(names: &[&'static str]) -> HeaderMap {
        let pair = |name: &&'static str| (HeaderName::from_static(name), HeaderValue::from_static("x-a"));
        names.iter().map(pair).collect()
    }

    #[test]
    fn what_belongs_to_the_connection_stays_behind() {
        let kept = admitted(&headers(&["x-a", "x-b", "connection", "te", "host"])).ok();
        assert_eq!(kept.expect("admitted"), headers(&["x-b"]));
    }

    #[test]
    fn what_names_another_method_or_path_is_refused() {
        for name in OVERRIDES.into_iter().chain(["x_http_method_override"]) {
            let refused = admitted(&headers(&["x-b", name])).expect_err("refused");
            assert!(refused.text.contains(&format!("`{name}`")), "{}", refused.text);
        }
    }
}
