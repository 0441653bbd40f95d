//! Sources, and requests to them.

use std::path::Path;

use bytes::Bytes;
use hookyard::domain::source::{SourceSpec, Verifier};
use hookyard::domain::time::Timestamp;
use hookyard::intake::media;
use hookyard::intake::presented::Presented;
use hookyard::manifest::PluginsFile;

/// Every verifier's word, in alphabetical order: seeds name them by number.
pub fn words() -> Vec<&'static str> {
    let mut words = Verifier::WORDS.to_vec();
    words.sort_unstable();
    words
}

/// A section of `[sources.s]` for a verifier, without more than it needs.
pub fn section(word: &str) -> String {
    let more = match word {
        "hmac" => {
            "header = \"x-proof\"\nsigned = \"{timestamp}.{url}.{body}\"\ntimestamp-header = \"x-at\"\n"
        }
        "api-key" => "header = \"x-key\"\n",
        _ => "",
    };
    let secret = if word == "none" {
        ""
    } else {
        "secret = \"env:S\"\n"
    };
    format!("verify = \"{word}\"\n{secret}{more}")
}

/// The source of a section.
pub fn source(section: &str) -> SourceSpec {
    let file = PluginsFile::parse(&format!("[sources.s]\n{section}"), Path::new("/plugins.toml"));
    let sources = file.expect("a right section").sources;
    sources.into_iter().next().expect("one source")
}

/// A request as lines of headers, an empty line, and a body.
pub fn presented(request: &[u8]) -> Presented {
    let (head, body) = split_once(request, b"\n\n");
    let mut headers = http::HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n') {
        let (name, value) = split_once(line, b":");
        let name = http::HeaderName::from_bytes(name);
        if let (Ok(name), Ok(value)) = (name, http::HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    let content_type = headers.get("content-type").and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_else(|| media::assumed(body)).trim();
    Presented {
        method: http::Method::POST,
        target: "/api/webhooks/receive/s/?a=1&bodySHA256=".to_owned(),
        content_type: content_type.to_owned(),
        headers,
        body: Bytes::copy_from_slice(body),
        address: String::new(),
        received_at: Timestamp::from_millis(1_700_000_000_000),
        credential: None,
    }
}

fn split_once<'a>(bytes: &'a [u8], mark: &[u8]) -> (&'a [u8], &'a [u8]) {
    let at = bytes.windows(mark.len()).position(|window| window == mark);
    at.map_or((bytes, &[]), |at| (&bytes[..at], &bytes[at + mark.len()..]))
}
