//! Answers, before anybody sees them: how large their header sections may be, and whether they can be
//! searched for the secrets that may be in them.

use http::header::{CONTENT_ENCODING, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, Response};
use http_body::Body as _;
use wasmtime_wasi_http::Error;

use super::body;
use super::errors::Refusal;
use crate::wasm::host::RunContext;

/// Bytes of an answer's header section, names and values together: as much as a request may have, and
/// several times what vendors send.
const MAX_SECTION_BYTES: u32 = 64 << 10;
/// Fields of a header section. GitHub sends 30.
pub(super) const MAX_FIELDS: usize = 100;
/// What HTTP/2 takes in before it gives up. It counts 32 bytes more for each field (RFC 9113, section
/// 6.5.2), and what is little too much is better refused by us, in words.
pub(super) const MAX_H2_SECTION_BYTES: u32 = 2 * MAX_SECTION_BYTES;

/// Bytes of the names and values of a header section, or of trailers.
pub(super) fn section_bytes(headers: &HeaderMap) -> u64 {
    let field = |(name, value): (&HeaderName, &http::HeaderValue)| (name.as_str().len() + value.len()) as u64;
    headers.iter().map(field).sum()
}

/// A header section past the bounds.
pub(super) fn section_too_large() -> Refusal {
    Refusal {
        code: Error::HttpResponseHeaderSectionSize(Some(MAX_SECTION_BYTES)),
        text: format!(
            "the request was answered, but the answer's header section is larger than 64 KiB or has more than \
             {MAX_FIELDS} fields; no setting raises that"
        ),
    }
}

/// Lets an answer through whose header section is within bounds and counts it against the run; one that
/// may hold this secret must be searchable, too.
pub(super) fn admit(
    run: &RunContext,
    answer: Response<reqwest::Body>,
    secret: Option<&str>,
) -> Result<Response<reqwest::Body>, Refusal> {
    let bytes = section_bytes(answer.headers());
    if bytes > u64::from(MAX_SECTION_BYTES) || answer.headers().len() > MAX_FIELDS {
        return Err(section_too_large());
    }
    body::charge_answer(run, bytes)?;
    match secret.and_then(|secret| Some((secret, coding(&answer)?))) {
        None => Ok(answer),
        Some((secret, (name, coding, code))) => Err(Refusal {
            code,
            text: format!(
                "the request was sent and answered with {}, but `{name}: {coding}` although a plain answer was asked \
                 for: it cannot be searched for the secret `{secret}`, so the plugin does not get it",
                answer.status().as_u16()
            ),
        }),
    }
}

/// How the body is coded, when it is not what it stands for (RFC 9110, section 8.4; RFC 9112, section 7).
fn coding(answer: &Response<reqwest::Body>) -> Option<(HeaderName, String, Error)> {
    if answer.body().is_end_stream() {
        return None;
    }
    let other_than = |name: HeaderName, plain: [&str; 2]| {
        let values = answer.headers().get_all(name).iter();
        let mut codings = values.flat_map(|value| {
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            text.split(',')
                .map(|coding| coding.trim().to_owned())
                .collect::<Vec<_>>()
        });
        codings.find(|coding| !plain.iter().any(|plain| plain.eq_ignore_ascii_case(coding)))
    };
    if let Some(coding) = other_than(CONTENT_ENCODING, ["", "identity"]) {
        let code = Error::HttpResponseContentCoding(Some(coding.clone()));
        return Some((CONTENT_ENCODING, coding, code));
    }
    let coding = other_than(TRANSFER_ENCODING, ["", "chunked"])?;
    let code = Error::HttpResponseTransferCoding(Some(coding.clone()));
    Some((TRANSFER_ENCODING, coding, code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coded(name: &str, value: &str) -> Option<String> {
        let answer = Response::builder().header(name, value).body("text".into());
        coding(&answer.expect("an answer")).map(|(_, coding, _)| coding)
    }

    #[test]
    fn a_body_that_is_what_it_stands_for_is_told_from_others() {
        for (name, value) in [
            ("content-encoding", "identity"),
            ("content-encoding", ""),
            ("transfer-encoding", "Chunked"),
            ("x-other", "gzip"),
        ] {
            assert_eq!(coded(name, value), None, "{name}: {value}");
        }
        for (name, value, coding) in [
            ("content-encoding", "gzip", "gzip"),
            ("content-encoding", "identity, br", "br"),
            ("transfer-encoding", "gzip, chunked", "gzip"),
            ("transfer-encoding", "chunked, deflate", "deflate"),
        ] {
            assert_eq!(coded(name, value).as_deref(), Some(coding), "{name}: {value}");
        }
        let empty = Response::builder()
            .header("content-encoding", "gzip")
            .body("".into());
        assert!(coding(&empty.expect("an answer")).is_none());
    }
}
