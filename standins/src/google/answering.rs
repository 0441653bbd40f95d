//! Sends each request to the part that answers it, lets waiting faults meet it, and records the verdict.

use std::time::Duration;

use hyper::header::{AUTHORIZATION, RETRY_AFTER};
use hyper::{Method, StatusCode};
use serde_json::Value;

use super::contract::Family;
use super::refusal::{Code, Refusal};
use super::{Shared, access, control, page, token};
use crate::fault::FaultKind;
use crate::journal::RequestSeen;
use crate::wall;
use crate::wire::{Cut, Received, Reply, Vendor};

/// The largest request body taken, in bytes: a table of 100,000 cells as `updateCells` has about 20 MiB.
const BODY_MAX_BYTES: usize = 64 * 1024 * 1024;

/// Bytes of a body kept in the journal: a formatted table of 200 rows and 6 columns must be seen whole.
const BODY_KEPT_BYTES: usize = 256 * 1024;

/// An answer and what the journal shall say of it.
#[derive(Debug)]
pub struct Answered {
    /// The answer.
    pub reply: Reply,
    /// Why not, when refused.
    pub error: Option<String>,
    /// What a developer wants to know.
    pub warnings: Vec<String>,
}

impl Answered {
    /// An answer without warnings.
    pub fn of(reply: Reply, error: Option<String>) -> Self {
        Self {
            reply,
            error,
            warnings: Vec::new(),
        }
    }

    /// A refusal in the dialect of its interface.
    pub fn refused(family: Family, refusal: &Refusal) -> Self {
        let body = match family {
            Family::Sheets => refusal.sheets_body(),
            Family::Drive => refusal.drive_body(),
        };
        Self {
            reply: Reply::json(refusal.code.http(), &body),
            error: Some(format!("{}: {}", refusal.code.name(), refusal.message)),
            warnings: refusal.note.iter().map(ToString::to_string).collect(),
        }
    }
}

/// What a request is addressed to.
#[derive(Clone, Debug)]
enum Surface {
    Token,
    Method(Family, String),
    Nowhere(Family),
}

impl Surface {
    fn of(shared: &Shared, received: &Received) -> Option<Self> {
        if received.path == "/token" {
            return Some(Self::Token);
        }
        let family = if received.path.starts_with("/v4/") {
            Family::Sheets
        } else if received.path.starts_with("/drive/v3/") {
            Family::Drive
        } else {
            return None;
        };
        let found = shared.contract.route(received.method.as_str(), &received.path);
        Some(match found {
            Some((method, _)) => Self::Method(family, method.id.clone()),
            None => Self::Nowhere(family),
        })
    }

    fn target(&self) -> &str {
        match self {
            Self::Token => "token",
            Self::Method(_, id) => id,
            Self::Nowhere(_) => "unknown",
        }
    }

    fn answer(&self, shared: &Shared, received: &Received) -> Answered {
        match self {
            Self::Token => token::answer(shared, received),
            Self::Method(..) => access::answer(shared, received),
            Self::Nowhere(family) => {
                let what = format!("{} {}", received.method, received.path);
                Answered::refused(
                    *family,
                    &Refusal::new(Code::NotFound, format!("Not found: {what}")),
                )
            }
        }
    }

    /// A refusal by its name: a canonical code, or the token endpoint's word.
    fn refused(&self, error: &str) -> Answered {
        match self {
            Self::Token => token::refusal(StatusCode::BAD_REQUEST, error, "Injected fault."),
            Self::Method(family, _) | Self::Nowhere(family) => {
                let code = Code::named(error).unwrap_or(Code::Internal);
                Answered::refused(*family, &Refusal::new(code, format!("Injected fault: {error}.")))
            }
        }
    }
}

impl Vendor for Shared {
    async fn answer(&self, received: Received) -> Reply {
        if let Some(surface) = Surface::of(self, &received) {
            return self.vendor(&surface, &received).await;
        }
        if let Some(path) = received.path.strip_prefix("/control/") {
            return control::answer(self, path, &received);
        }
        if received.method == Method::GET
            && let Some(reply) = page::answer(self, &received)
        {
            return reply;
        }
        Reply::text(
            StatusCode::NOT_FOUND,
            "not found; try /, /spreadsheets/d/{id}, /token, /v4/spreadsheets, /drive/v3/files or /control/\n",
        )
    }

    fn body_max_bytes(&self) -> usize {
        BODY_MAX_BYTES
    }
}

impl Shared {
    async fn vendor(&self, surface: &Surface, received: &Received) -> Reply {
        let fault = self.faults.take(surface.target());
        let answered = match &fault {
            None => surface.answer(self, received),
            Some(fault) => self.faulty(surface, received, fault).await,
        };
        self.journal
            .record(seen(surface, received, &answered, fault.as_ref()));
        answered.reply
    }

    async fn faulty(&self, surface: &Surface, received: &Received, fault: &FaultKind) -> Answered {
        match fault {
            FaultKind::RateLimited { retry_after } => {
                let mut answered = surface.refused(Code::ResourceExhausted.name());
                answered.reply.status = StatusCode::TOO_MANY_REQUESTS;
                answered.reply = answered.reply.with(RETRY_AFTER, &retry_after.to_string());
                answered
            }
            FaultKind::Error { error } => surface.refused(error),
            FaultKind::Status { status } => bare(*status),
            FaultKind::Slow { ms } => {
                tokio::time::sleep(Duration::from_millis(*ms)).await;
                surface.answer(self, received)
            }
            FaultKind::Cut { bytes } => cut(surface.answer(self, received), Cut::After(*bytes)),
            FaultKind::CutAfterEffect => cut(surface.answer(self, received), Cut::Silent),
            FaultKind::CutBeforeEffect => cut(bare(503), Cut::Silent),
        }
    }
}

fn seen(
    surface: &Surface,
    received: &Received,
    answered: &Answered,
    fault: Option<&FaultKind>,
) -> RequestSeen {
    let text = |name| received.header(name).map(str::to_owned);
    let body = if matches!(surface, Surface::Token) {
        masked_form(&received.body)
    } else {
        let kept = received.body.get(..BODY_KEPT_BYTES).unwrap_or(&received.body);
        String::from_utf8_lossy(kept).into_owned()
    };
    let reply = &answered.reply;
    RequestSeen {
        number: 0,
        at_micros: wall::now_micros(),
        target: surface.target().to_owned(),
        http_method: received.method.to_string(),
        path: path_seen(received),
        content_type: text("content-type"),
        user_agent: text("user-agent"),
        body,
        status: (reply.cut != Some(Cut::Silent)).then(|| reply.status.as_u16()),
        accepted: answered.error.is_none(),
        error: answered.error.clone(),
        warnings: answered.warnings.clone(),
        fault: fault.and_then(|fault| serde_json::to_string(fault).ok()),
    }
}

/// The path with its query, a token in it masked.
fn path_seen(received: &Received) -> String {
    if received.query.is_empty() {
        return received.path.clone();
    }
    let parts: Vec<String> = received
        .query
        .split('&')
        .map(|part| match part.split_once('=') {
            Some((name @ ("access_token" | "oauth_token" | "key"), _)) => format!("{name}=***"),
            _ => part.to_owned(),
        })
        .collect();
    format!("{}?{}", received.path, parts.join("&"))
}

/// The form of a token request: the claims are shown, the signature is not.
fn masked_form(body: &[u8]) -> String {
    let parts = url::form_urlencoded::parse(body).map(|(name, value)| match name.as_ref() {
        "assertion" => match value.rsplit_once('.') {
            Some((front, _)) => format!("assertion={front}.***"),
            None => "assertion=***".to_owned(),
        },
        _ => format!("{name}={value}"),
    });
    parts.collect::<Vec<_>>().join("&")
}

fn bare(status: u16) -> Answered {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut reply = Reply::text(status, status.canonical_reason().unwrap_or("error"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        reply = reply.with(RETRY_AFTER, "1");
    }
    Answered::of(reply, Some(format!("http_{}", status.as_u16())))
}

fn cut(mut answered: Answered, cut: Cut) -> Answered {
    answered.reply.cut = Some(cut);
    answered
}

/// The token that a request carries, in the header or the query.
pub fn bearer(received: &Received, query: Option<&str>) -> Option<String> {
    let header = received.header(AUTHORIZATION.as_str()).and_then(|value| {
        let (kind, token) = value.split_once(' ')?;
        kind.eq_ignore_ascii_case("bearer")
            .then(|| token.trim().to_owned())
    });
    header.or_else(|| query.map(str::to_owned))
}

/// An answer with a body, or 204.
pub fn accepted(value: &Value) -> Reply {
    if value.is_null() {
        return Reply::text(StatusCode::NO_CONTENT, "");
    }
    Reply::json(StatusCode::OK, value)
}
