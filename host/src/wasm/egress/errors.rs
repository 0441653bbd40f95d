//! Why a request got no answer: a code the guest can act on, and words for the attempt's record.

use wasmtime_wasi_http::Error;

use super::address::DialError;
use super::answer;
use super::client::chain;
use crate::metrics::RefusedBecause;
use crate::wasm::host::RunContext;
use crate::wasm::rights;

/// A request that was refused or failed. What the far side had to say is in the text as it came: it is shown
/// by way of [`Refusal::masked`] only.
pub(super) struct Refusal {
    pub(super) code: Error,
    pub(super) text: String,
}

impl Refusal {
    /// Not allowed.
    pub(super) fn denied(text: String) -> Self {
        Self {
            code: Error::HttpRequestDenied,
            text,
        }
    }

    /// Without the secrets that were sent, nor `also`: a vendor may send one back in its words about the
    /// connection (RFC 9113, section 6.8: `Additional Debug Data`).
    pub(super) fn masked(self, run: &RunContext, also: &str) -> Self {
        let masked = |text: &str| run.standing.carried.masked(text, also);
        Self {
            text: masked(&self.text),
            code: match self.code {
                Error::InternalError(Some(text)) => Error::InternalError(Some(masked(&text))),
                code => code,
            },
        }
    }

    /// What kind of rule was in the way; `None` when the request failed for another reason.
    pub(super) const fn reason(&self) -> Option<RefusedBecause> {
        match self.code {
            Error::HttpRequestDenied => Some(RefusedBecause::Right),
            Error::DestinationIpProhibited => Some(RefusedBecause::Address),
            Error::ConnectionLimitReached
            | Error::HttpRequestBodySize(_)
            | Error::HttpResponseHeaderSectionSize(_)
            | Error::HttpResponseBodySize(_) => Some(RefusedBecause::Limit),
            Error::HttpRequestUriInvalid
            | Error::HttpRequestUriTooLong
            | Error::HttpRequestHeaderSectionSize(_)
            | Error::HttpRequestMethodInvalid => Some(RefusedBecause::Malformed),
            Error::HttpResponseContentCoding(_) | Error::HttpResponseTransferCoding(_) => {
                Some(RefusedBecause::Unsearchable)
            }
            _ => None,
        }
    }
}

/// Finds a cause of type `E`.
pub(super) fn cause<'a, E: std::error::Error + 'static>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        // An io::Error hides what it wraps from `source`, and shows it here.
        if let Some(io) = error.downcast_ref::<std::io::Error>()
            && let Some(inner) = io.get_ref()
            && let Some(found) = cause::<E>(inner)
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The code and words for a failed exchange with `origin`. The URL, which may hold a secret, is taken out.
pub(super) fn of_reqwest(error: reqwest::Error, run: &RunContext, origin: &str) -> Refusal {
    let timeout = error.is_timeout();
    let connect = error.is_connect();
    let error = error.without_url();
    if let Some(dial) = cause::<DialError>(&error) {
        return of_dial(dial, run, origin);
    }
    if cause::<hyper::Error>(&error).is_some_and(hyper::Error::is_parse_too_large) {
        return answer::section_too_large();
    }
    let code = if timeout && connect {
        Error::ConnectionTimeout
    } else if timeout {
        Error::HttpResponseTimeout
    } else if let Some(tls) = cause::<rustls::Error>(&error) {
        of_tls(tls)
    } else if let Some(io) = cause::<std::io::Error>(&error) {
        of_io(io)
    } else if cause::<hyper::Error>(&error).is_some_and(hyper::Error::is_incomplete_message) {
        Error::HttpResponseIncomplete
    } else {
        Error::HttpProtocolError
    };
    Refusal {
        code,
        text: chain(&error),
    }
}

/// A host that may not be dialled or has no address.
pub(super) fn of_dial(error: &DialError, run: &RunContext, origin: &str) -> Refusal {
    let code = match error {
        DialError::Prohibited { .. } => Error::DestinationIpProhibited,
        DialError::LookupTimeout(_) => Error::DnsTimeout,
        DialError::Unresolved { .. } => Error::DnsError {
            rcode: None,
            info_code: None,
        },
    };
    let text = match error {
        DialError::Prohibited { grantable: true, .. } => format!(
            "{error}, which this plugin may not reach; {}",
            rights::private_lines(&run.standing.name, &run.standing.spec().grants, origin)
        ),
        DialError::Prohibited { grantable: false, .. } => {
            format!("{error}, which no plugin may reach: no grant can help")
        }
        _ => error.to_string(),
    };
    Refusal { code, text }
}

fn of_tls(error: &rustls::Error) -> Error {
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            Error::TlsCertificateError
        }
        rustls::Error::AlertReceived(alert) => Error::TlsAlertReceived {
            alert_id: Some(u8::from(*alert)),
            alert_message: Some(format!("{alert:?}")),
        },
        _ => Error::TlsProtocolError,
    }
}

fn of_io(error: &std::io::Error) -> Error {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        ErrorKind::TimedOut => Error::ConnectionTimeout,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Error::DestinationIpUnroutable,
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => Error::ConnectionTerminated,
        _ => Error::HttpProtocolError,
    }
}
