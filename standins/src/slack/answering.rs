//! Sends each request to the part that answers it, lets waiting faults meet it, and records the verdict.

use std::time::Duration;

use hyper::header::RETRY_AFTER;
use hyper::{Method, StatusCode};

use super::api::{self, Answered};
use super::outcome::Refusal;
use super::{Shared, control, page, webhook};
use crate::fault::FaultKind;
use crate::journal::{BODY_KEPT_BYTES, RequestSeen};
use crate::wall;
use crate::wire::{Cut, Received, Reply, Vendor};

impl Vendor for Shared {
    async fn answer(&self, received: Received) -> Reply {
        if let Some(name) = received.path.strip_prefix("/api/") {
            return self.vendor(Surface::Method(name), &received).await;
        }
        if let Some(path) = received.path.strip_prefix("/services/") {
            return self.vendor(Surface::Webhook(path), &received).await;
        }
        if let Some(path) = received.path.strip_prefix("/control/") {
            return control::answer(self, path, &received);
        }
        if received.path == "/" && received.method == Method::GET {
            return page::answer(self, &received);
        }
        Reply::text(
            StatusCode::NOT_FOUND,
            "not found; try /, /api/{method}, /services/... or /control/\n",
        )
    }
}

#[derive(Clone, Copy)]
enum Surface<'a> {
    Method(&'a str),
    Webhook(&'a str),
}

impl Surface<'_> {
    fn target(&self) -> &str {
        match self {
            Self::Method(name) => name,
            Self::Webhook(_) => "webhook",
        }
    }

    fn answer(self, shared: &Shared, received: &Received) -> Answered {
        match self {
            Self::Method(name) => api::answer(shared, name, received),
            Self::Webhook(path) => webhook::answer(shared, path, received),
        }
    }

    fn refused(self, refusal: &Refusal) -> Answered {
        match self {
            Self::Method(_) => Answered::refused(refusal),
            Self::Webhook(_) => webhook::refused(refusal),
        }
    }
}

impl Shared {
    async fn vendor(&self, surface: Surface<'_>, received: &Received) -> Reply {
        let fault = self.faults.take(surface.target());
        let answered = match &fault {
            None => surface.answer(self, received),
            Some(fault) => self.faulty(surface, received, fault).await,
        };
        self.journal
            .record(self.seen(surface, received, &answered, fault.as_ref()));
        answered.reply
    }

    async fn faulty(&self, surface: Surface<'_>, received: &Received, fault: &FaultKind) -> Answered {
        match fault {
            FaultKind::RateLimited { retry_after } => match surface {
                Surface::Method(_) => Answered::refused(&Refusal::rate_limited(*retry_after)),
                Surface::Webhook(_) => webhook::refused(&Refusal {
                    error: "rate_limited".to_owned(),
                    ..Refusal::rate_limited(*retry_after)
                }),
            },
            FaultKind::Error { error } => surface.refused(&Refusal::new(error.clone())),
            FaultKind::Status { status } => bare(*status),
            FaultKind::Slow { ms } => {
                tokio::time::sleep(Duration::from_millis(*ms)).await;
                surface.answer(self, received)
            }
            FaultKind::Cut { bytes } => cut(surface.answer(self, received), Cut::After(*bytes)),
            FaultKind::CutAfterEffect => cut(surface.answer(self, received), Cut::Silent),
            FaultKind::CutBeforeEffect => cut(bare(502), Cut::Silent),
        }
    }

    fn seen(
        &self,
        surface: Surface<'_>,
        received: &Received,
        answered: &Answered,
        fault: Option<&FaultKind>,
    ) -> RequestSeen {
        let text = |name| received.header(name).map(str::to_owned);
        let path = match surface {
            Surface::Method(_) => received.path.clone(),
            Surface::Webhook(path) => match path.rsplit_once('/') {
                Some((front, _)) => format!("/services/{front}/***"),
                None => "/services/***".to_owned(),
            },
        };
        let mut body = String::from_utf8_lossy(&received.body).into_owned();
        for token in self.state().tokens.keys() {
            body = body.replace(token, "***");
        }
        body.truncate(body.floor_char_boundary(BODY_KEPT_BYTES));
        let reply = &answered.reply;
        RequestSeen {
            number: 0,
            at_micros: wall::now_micros(),
            target: surface.target().to_owned(),
            http_method: received.method.to_string(),
            path,
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
}

fn bare(status: u16) -> Answered {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let text = status.canonical_reason().unwrap_or("error");
    let mut reply = Reply::text(status, text);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        reply = reply.with(RETRY_AFTER, "1");
    }
    Answered {
        reply,
        error: Some(format!("http_{}", status.as_u16())),
        warnings: Vec::new(),
    }
}

fn cut(mut answered: Answered, cut: Cut) -> Answered {
    answered.reply.cut = Some(cut);
    answered
}
