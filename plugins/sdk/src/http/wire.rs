//! A request over `wasi:http`.

use crate::bindings::wasi::http::outgoing_handler;
use crate::bindings::wasi::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions,
    Scheme, http_error_code,
};
use crate::bindings::wasi::io::streams::StreamError;

use super::{Error, Request, Response};

/// Bytes that `blocking-write-and-flush` takes at once, by its contract.
const WRITE_CHUNK: usize = 4096;
/// Bytes asked for at once.
const READ_CHUNK: u64 = 64 * 1024;

pub(crate) fn send(request: &Request) -> Result<Response, Error> {
    let outgoing = build(request)?;
    let body = outgoing
        .body()
        .map_err(|()| malformed("it has no body to write"))?;
    let pending = outgoing_handler::handle(outgoing, Some(options(request))).map_err(|code| said(&code))?;
    // A refusal ends the stream early; the answer below says why, so it goes first.
    let written = write_body(body, &request.body);
    pending.subscribe().block();
    let response = match pending.get() {
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(code))) => return Err(said(&code)),
        Some(Err(())) | None => return Err(Error::Transport("the host gave no answer".to_owned())),
    };
    // A server may answer before it has read everything; then the answer counts.
    if let Err(error) = written
        && response.status() < 400
    {
        return Err(error);
    }
    read(&response, request.max_body)
}

fn build(request: &Request) -> Result<OutgoingRequest, Error> {
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
        .collect();
    let fields = Fields::from_list(&headers)
        .map_err(|error| malformed(&format!("a header is refused ({error:?})")))?;
    if !request.body.is_empty() {
        let length = request.body.len().to_string().into_bytes();
        // A host that computes it itself refuses the header; both are fine.
        let _ = fields.set("content-length", &[length]);
    }
    let (scheme, rest) = request
        .url
        .split_once("://")
        .ok_or_else(|| malformed("the URL has no scheme"))?;
    let scheme = match scheme {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        other => return Err(malformed(&format!("the scheme {other} is not http or https"))),
    };
    let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
    let split = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(split);
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    let outgoing = OutgoingRequest::new(fields);
    let refused = |what: &str| malformed(&format!("the {what} is refused"));
    outgoing
        .set_method(&method(&request.method))
        .map_err(|()| refused("method"))?;
    outgoing
        .set_scheme(Some(&scheme))
        .map_err(|()| refused("scheme"))?;
    outgoing
        .set_authority(Some(authority))
        .map_err(|()| refused("host"))?;
    outgoing
        .set_path_with_query(Some(&path))
        .map_err(|()| refused("path"))?;
    Ok(outgoing)
}

fn options(request: &Request) -> RequestOptions {
    let options = RequestOptions::new();
    let nanos = u64::try_from(request.timeout.as_nanos()).unwrap_or(u64::MAX);
    // A host without one of these keeps its own bound.
    let _ = options.set_connect_timeout(Some(nanos));
    let _ = options.set_first_byte_timeout(Some(nanos));
    let _ = options.set_between_bytes_timeout(Some(nanos));
    options
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "PATCH" => Method::Patch,
        "OPTIONS" => Method::Options,
        other => Method::Other(other.to_owned()),
    }
}

fn write_body(body: OutgoingBody, bytes: &[u8]) -> Result<(), Error> {
    if !bytes.is_empty() {
        let stream = body
            .write()
            .map_err(|()| malformed("its body cannot be written"))?;
        for chunk in bytes.chunks(WRITE_CHUNK) {
            stream
                .blocking_write_and_flush(chunk)
                .map_err(|error| broke(&error))?;
        }
    }
    OutgoingBody::finish(body, None).map_err(|code| match code {
        ErrorCode::HttpRequestBodySize(_) => malformed("the body is not as long as it says"),
        other => said(&other),
    })
}

fn read(response: &IncomingResponse, max_body: usize) -> Result<Response, Error> {
    let headers = response.headers().entries();
    let headers = headers
        .into_iter()
        .map(|(name, value)| {
            (
                name.to_ascii_lowercase(),
                String::from_utf8_lossy(&value).into_owned(),
            )
        })
        .collect();
    let incoming = response
        .consume()
        .map_err(|()| Error::CutOff("the body is gone".to_owned()))?;
    let body = read_body(&incoming, max_body)?;
    Ok(Response {
        status: response.status(),
        headers,
        body,
    })
}

fn read_body(incoming: &IncomingBody, max_body: usize) -> Result<Vec<u8>, Error> {
    let stream = incoming
        .stream()
        .map_err(|()| Error::CutOff("the body is gone".to_owned()))?;
    let mut body = Vec::new();
    loop {
        match stream.blocking_read(READ_CHUNK) {
            Ok(chunk) if body.len() + chunk.len() > max_body => return Err(Error::TooLarge(max_body)),
            Ok(chunk) => body.extend_from_slice(&chunk),
            Err(StreamError::Closed) => return Ok(body),
            Err(error) => return Err(broke(&error)),
        }
    }
}

fn broke(error: &StreamError) -> Error {
    match error {
        StreamError::Closed => Error::CutOff("the connection was closed".to_owned()),
        StreamError::LastOperationFailed(cause) => match http_error_code(cause) {
            Some(code) => match said(&code) {
                Error::Transport(text) => Error::CutOff(text),
                other => other,
            },
            None => Error::CutOff(cause.to_debug_string()),
        },
    }
}

fn malformed(text: &str) -> Error {
    Error::Malformed(text.to_owned())
}

/// The standard's error codes in words.
fn said(code: &ErrorCode) -> Error {
    let text = match code {
        ErrorCode::HttpRequestDenied => {
            return Error::Denied(
                "it is not allowed; the attempt's record says why, and what to add to plugins.toml where that \
                 helps"
                    .to_owned(),
            );
        }
        ErrorCode::HttpResponseContentCoding(coding) | ErrorCode::HttpResponseTransferCoding(coding) => {
            return Error::Withheld(format!(
                "it is coded as {} and cannot be searched for a secret; ask the vendor for plain answers",
                coding.as_deref().unwrap_or("something else than text")
            ));
        }
        ErrorCode::HttpResponseHeaderSectionSize(_) => {
            return Error::Withheld("its header section is too large".to_owned());
        }
        ErrorCode::HttpRequestMethodInvalid => return malformed("the method is refused"),
        ErrorCode::HttpRequestUriInvalid => return malformed("the URL is refused"),
        ErrorCode::HttpRequestUriTooLong => return malformed("the URL is too long"),
        // Limits of the run, as the operator's file calls them.
        ErrorCode::ConnectionLimitReached => {
            return Error::RunLimit(
                "the run has made as many requests as it may; raise `requests` of [plugins.NAME.limits] in \
                 plugins.toml"
                    .to_owned(),
            );
        }
        ErrorCode::HttpRequestBodySize(limit) => {
            return Error::RunLimit(format!(
                "the request bodies of the run are together larger than {} bytes; raise `request-bytes` of \
                 [plugins.NAME.limits] in plugins.toml",
                limit.unwrap_or_default()
            ));
        }
        ErrorCode::HttpResponseBodySize(limit) => {
            let limit = limit.and_then(|limit| usize::try_from(limit).ok());
            return Error::TooLarge(limit.unwrap_or(usize::MAX));
        }
        ErrorCode::HttpRequestHeaderSize(_) | ErrorCode::HttpRequestHeaderSectionSize(_) => {
            return malformed("a header is too long");
        }
        ErrorCode::DnsTimeout => "the name did not resolve in time".to_owned(),
        ErrorCode::DnsError(why) => {
            format!(
                "the name does not resolve ({})",
                why.rcode.as_deref().unwrap_or("no reason given")
            )
        }
        ErrorCode::DestinationNotFound | ErrorCode::DestinationUnavailable => {
            "the host is unreachable".to_owned()
        }
        ErrorCode::DestinationIpProhibited => {
            return Error::Denied(
                "its address is none that the plugin may reach; the attempt's record says whether \
                 `private-network` in plugins.toml would help"
                    .to_owned(),
            );
        }
        ErrorCode::ConnectionRefused => "the connection was refused".to_owned(),
        ErrorCode::ConnectionTerminated => "the connection was closed".to_owned(),
        ErrorCode::ConnectionTimeout => "the connection timed out".to_owned(),
        ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout => {
            "no answer came in time".to_owned()
        }
        ErrorCode::TlsCertificateError => "the server's certificate is not trusted".to_owned(),
        ErrorCode::HttpResponseIncomplete => return Error::CutOff("the connection was closed".to_owned()),
        ErrorCode::InternalError(Some(text)) => text.clone(),
        other => format!("{other:?}"),
    };
    Error::Transport(text)
}
