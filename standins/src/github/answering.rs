//! Sends each request to the part that answers it, lets waiting faults meet it, and records the verdict.

use std::time::Duration;

use hyper::header::RETRY_AFTER;
use hyper::{Method, StatusCode};

use super::api::{self, Answered};
use super::contract::{Operation, Params};
use super::refusal::Refusal;
use super::{Shared, clone, control, ui};
use crate::fault::FaultKind;
use crate::journal::{BODY_KEPT_BYTES, RequestSeen};
use crate::wall;
use crate::wire::{Cut, Received, Reply, Vendor};

/// The largest request taken, in bytes: a blob of 100 MiB in base64, and a little more.
const BODY_MAX_BYTES: usize = 141 * 1024 * 1024;

/// An operation and the parameters of its path.
type Found<'a> = Option<(&'a Operation, Params)>;

impl Vendor for Shared {
    async fn answer(&self, received: Received) -> Reply {
        if let Some(path) = received.path.strip_prefix("/control/") {
            return control::answer(self, path, &received);
        }
        if received.method == Method::GET && (received.path == "/" || received.path.starts_with("/ui/")) {
            return ui::answer(self, &received);
        }
        if let Some((repository, below)) = received.path.split_once(".git/")
            && !received.path.starts_with("/repos/")
        {
            return clone::answer(self, repository, below, &received);
        }
        self.api(&received).await
    }

    fn body_max_bytes(&self) -> usize {
        BODY_MAX_BYTES
    }
}

impl Shared {
    async fn api(&self, received: &Received) -> Reply {
        let found = self.contract.find(received.method.as_str(), &received.path);
        let target = found
            .as_ref()
            .map_or_else(|| "unknown".to_owned(), |(operation, _)| operation.target());
        let concrete = format!("{} {}", received.method, received.path);
        let fault = self.faults.take(&concrete).or_else(|| self.faults.take(&target));
        let answered = match &fault {
            None => api::answer(self, received, found, None),
            Some(fault) => self.faulty(received, found, fault).await,
        };
        self.journal
            .record(self.seen(received, target, &answered, fault.as_ref()));
        answered.reply
    }

    async fn faulty(&self, received: &Received, found: Found<'_>, fault: &FaultKind) -> Answered {
        let refused = |found, refusal| api::answer(self, received, found, Some(refusal));
        match fault {
            FaultKind::RateLimited { retry_after } => {
                let status = self.state().limits.secondary_status();
                refused(found, Refusal::secondary_limit(status, *retry_after))
            }
            FaultKind::Error { error } => {
                let named = Refusal::named(error);
                let unknown = || Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.clone());
                refused(found, named.unwrap_or_else(unknown))
            }
            FaultKind::Status { status } => bare(*status),
            FaultKind::Slow { ms } => {
                tokio::time::sleep(Duration::from_millis(*ms)).await;
                api::answer(self, received, found, None)
            }
            FaultKind::Cut { bytes } => cut(api::answer(self, received, found, None), Cut::After(*bytes)),
            FaultKind::CutAfterEffect => cut(api::answer(self, received, found, None), Cut::Silent),
            FaultKind::CutBeforeEffect => cut(bare(502), Cut::Silent),
        }
    }

    fn seen(
        &self,
        received: &Received,
        target: String,
        answered: &Answered,
        fault: Option<&FaultKind>,
    ) -> RequestSeen {
        let text = |name| received.header(name).map(str::to_owned);
        let query = match received.query.as_str() {
            "" => String::new(),
            query => format!("?{query}"),
        };
        let kept = received.body.len().min(BODY_KEPT_BYTES);
        let body = String::from_utf8_lossy(&received.body[..kept]);
        let reply = &answered.reply;
        RequestSeen {
            number: 0,
            at_micros: wall::now_micros(),
            target,
            http_method: received.method.to_string(),
            path: self.masked(&format!("{}{query}", received.path)),
            content_type: text("content-type"),
            user_agent: text("user-agent"),
            body: self.masked(&body),
            status: (reply.cut != Some(Cut::Silent)).then(|| reply.status.as_u16()),
            accepted: answered.error.is_none(),
            error: answered.error.clone(),
            warnings: answered.warnings.clone(),
            fault: fault.and_then(|fault| serde_json::to_string(fault).ok()),
        }
    }

    /// Text with every token shown as `***`.
    fn masked(&self, text: &str) -> String {
        self.state()
            .tokens
            .keys()
            .fold(text.to_owned(), |text, token| text.replace(token.expose(), "***"))
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
