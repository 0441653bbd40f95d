//! A request as a person pastes it.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::super::form::Form;
use crate::domain::time::Timestamp;
use crate::intake::media;
use crate::intake::presented::Presented;

/// Most headers that are read: a connection takes no more.
const MAX_HEADERS: usize = 100;

/// How the box's text stands for the body.
const AS_BASE64: &str = "base64";
const AS_CRLF: &str = "crlf";

/// The request, as if it came to this path from whoever pasted it; what of it cannot be read.
pub fn request(form: &Form, path: &str, now: Timestamp) -> Result<Presented, String> {
    let headers = headers(&form.lines("headers"))?;
    let body = body(form)?;
    let content_type = headers.get(CONTENT_TYPE).map_or_else(
        || media::assumed(&body).to_owned(),
        |value| String::from_utf8_lossy(value.as_bytes()).into_owned(),
    );
    let query = form.get("query").map(|query| query.trim_start_matches('?'));
    let received_at = match form.get("at") {
        None => now,
        Some(text) => Timestamp::parse(text).map_err(|_| {
            "`Received at` is no moment with a zone, such as 2026-08-01T12:00:00Z.".to_owned()
        })?,
    };
    Ok(Presented {
        method: Method::POST,
        target: query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")),
        headers,
        content_type,
        body,
        address: "a test".to_owned(),
        received_at,
        credential: None,
    })
}

/// Lines of `Name: value`; a request line before them, as tools print it, is passed over.
fn headers(text: &str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let lines = text.lines().map(str::trim).enumerate();
    for (at, line) in lines.filter(|(_, line)| !line.is_empty()) {
        let wrong = || format!("Line {} of the headers is not `Name: value`.", at + 1);
        if at == 0 && line.contains(" HTTP/") {
            continue;
        }
        if headers.len() >= MAX_HEADERS {
            return Err(format!("There are more than {MAX_HEADERS} headers."));
        }
        let (name, value) = line.split_once(':').ok_or_else(wrong)?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| wrong())?;
        let value = HeaderValue::from_str(value.trim()).map_err(|_| wrong())?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// The body, byte for byte as it was sent: browsers change line ends, so a person says which there were.
fn body(form: &Form) -> Result<Bytes, String> {
    let text = form.lines("body");
    match form.raw("body-as") {
        AS_BASE64 => {
            let dense: String = text.split_whitespace().collect();
            let decoded = STANDARD.decode(dense);
            decoded
                .map(Bytes::from)
                .map_err(|error| format!("The body is no Base64: {error}."))
        }
        AS_CRLF => Ok(Bytes::from(text.replace('\n', "\r\n"))),
        _ => Ok(Bytes::from(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_750_000_000_000);

    #[test]
    fn a_request_is_read_as_tools_print_it() {
        let form = Form::of(&[
            (
                "headers",
                "POST /x HTTP/1.1\r\nX-A: 1\r\nx-a:2\r\n\r\nContent-Type: text/plain\r\n",
            ),
            ("body", "a\r\nb"),
            ("query", "?k=v"),
        ]);
        let read = request(&form, "/p/", NOW).expect("a request");
        assert_eq!(read.headers.get_all("x-a").iter().count(), 2);
        assert_eq!(
            (&read.body[..], &*read.content_type),
            (&b"a\nb"[..], "text/plain")
        );
        assert_eq!((&*read.target, read.received_at), ("/p/?k=v", NOW));
        let crlf = Form::of(&[("body", "a\r\nb"), ("body-as", AS_CRLF)]);
        assert_eq!(&request(&crlf, "/p/", NOW).expect("read").body[..], b"a\r\nb");
        let bytes = Form::of(&[("body", "/wA=\r\n"), ("body-as", AS_BASE64)]);
        assert_eq!(&request(&bytes, "/p/", NOW).expect("read").body[..], b"\xff\0");
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for (field, text, why) in [
            ("headers", "no header", "Line 1"),
            ("headers", "a: b\r\na b: c", "Line 2"),
            ("body-as", AS_BASE64, ""),
            ("at", "yesterday", "no moment"),
        ] {
            let form = Form::of(&[(field, text), ("body", if why.is_empty() { "!" } else { "" })]);
            let error = request(&form, "/p/", NOW).expect_err(field);
            assert!(error.contains(why), "{error}");
        }
        let many = "a: b\n".repeat(MAX_HEADERS + 1);
        assert!(request(&Form::of(&[("headers", &many)]), "/p/", NOW).is_err());
    }
}
