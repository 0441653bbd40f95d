//! The way in for senders that prove themselves in their own way: find the source, judge the request,
//! take its events in. What is refused is kept for people to look at ([`super::rejected`]).

use std::sync::Arc;

use super::arrival::{self, Arrival};
use super::once::IdempotencyKey;
use super::presented::Presented;
use super::rejected::{self, RejectedLog};
use super::trial::Trial;
use super::verify::Terms;
use super::{Intake, IntakeError};
use crate::clock::SharedClock;
use crate::domain::event::Accepted;
use crate::domain::rejected::{Check, Rejection};
use crate::domain::source::{Format, SharedSources, SourceSpec};
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::store::SharedStore;
use crate::vault::SecretReader;

/// What sources work with. Cheap to clone.
#[derive(Clone)]
pub struct Sources {
    pub intake: Intake,
    pub table: SharedSources,
    pub secrets: SecretReader,
    pub log: RejectedLog,
    pub store: SharedStore,
    pub clock: SharedClock,
    pub metrics: Arc<Metrics>,
    /// The address by which senders reach us, where it is known: some sign it.
    pub public_url: Option<String>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Answer with this text.
    Challenge(String),
    /// The event, and whether its key is the sender's `Idempotency-Key`.
    Event(Accepted, bool),
    /// Each event of several, in order.
    Batch(Vec<Accepted>),
}

/// Why a request was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("there is no source of this name")]
    Unknown,
    #[error(transparent)]
    Rejected(#[from] Rejection),
    #[error(transparent)]
    Intake(#[from] IntakeError),
}

impl Sources {
    /// Judges a request and takes its events in. When this returns, they are durable.
    pub async fn receive(
        &self,
        name: &str,
        request: Presented,
        key: Option<&IdempotencyKey>,
    ) -> Result<Taken, SourceError> {
        let spec = self.table.load().get(name).cloned().ok_or(SourceError::Unknown)?;
        match self.judge(&spec, &request, key).await {
            Ok(Arrival::Challenge(text)) => Ok(Taken::Challenge(text)),
            Ok(Arrival::Event(event)) => {
                let by_key = event.once.as_ref().is_some_and(|once| once.digest.is_some());
                Ok(Taken::Event(self.intake.take(*event).await?, by_key))
            }
            Ok(Arrival::Batch(events)) => Ok(Taken::Batch(self.intake.take_all(events).await?)),
            Err(rejection) => {
                tracing::debug!(source = %spec.name, check = %rejection.check, why = %rejection.why, "refused a request");
                self.metrics.request_rejected(&spec.name, rejection.check);
                // What is to be taken out of a body cannot be, or its proof would no longer be one.
                let may_keep = self
                    .intake
                    .retention
                    .load()
                    .of(spec.name.as_str())
                    .redact
                    .is_empty();
                let vault = &self.secrets.vault;
                let record = rejected::record(&spec, &request, rejection.clone(), may_keep, vault);
                self.log.keep(record);
                Err(rejection.into())
            }
        }
    }

    /// Whether a sender of `CloudEvents` at this origin may send to the source; `None` when there is no such
    /// source (HTTP 1.1 Web Hooks for Event Delivery, section 4).
    #[must_use]
    pub fn permits(&self, name: &str, origin: &str) -> Option<bool> {
        let spec = self.table.load().get(name).cloned()?;
        if spec.format != Format::CloudEvents {
            return None;
        }
        let listed = spec.origins.as_ref();
        Some(listed.is_none_or(|origins| origins.contains(&origin.to_ascii_lowercase())))
    }

    /// Whether the request is its source's, and what it brings. The time of its proof is held against the
    /// moment it was received.
    pub(super) async fn judge(
        &self,
        spec: &SourceSpec,
        request: &Presented,
        key: Option<&IdempotencyKey>,
    ) -> Result<Arrival, Rejection> {
        let terms = Terms {
            now: request.received_at,
            tolerance: spec.tolerance,
            public_url: self.public_url.as_deref(),
        };
        let claim = Trial::prepare(&spec.scheme, request, terms, &self.intake.looks).await?;
        let mut proof = None;
        if claim.needs_secrets() {
            let (secrets, missing) = self.secrets(spec).await;
            if secrets.is_empty() {
                let why = format!("no secret of the source can be read: {}", missing.join("; "));
                return Err(Rejection::new(Check::NoSecret, why));
            }
            proof = claim
                .check(&secrets)
                .await
                .map_err(|rejection| with_missing(rejection, &missing))?;
        }
        let rules = self.intake.retention.load();
        let keys = arrival::Keys { given: key, proof };
        arrival::parse(spec, request, keys, &rules, self.clock.now())
    }

    /// The source's secrets, and why some cannot be read.
    async fn secrets(&self, spec: &SourceSpec) -> (Vec<Secret>, Vec<String>) {
        let (mut secrets, mut missing) = (Vec::new(), Vec::new());
        for source in &spec.secrets {
            match self.secrets.get(source).await {
                Ok(secret) => secrets.push(secret),
                Err(why) => missing.push(why),
            }
        }
        (secrets, missing)
    }
}

/// A refusal when some secrets cannot be read. One of them may be the one that proves the request: then it
/// is our fault, and the sender should come again. Where the secrets stand is told to people here alone: what a
/// sender is told of [`Check::NoSecret`] has no reasons.
fn with_missing(rejection: Rejection, missing: &[String]) -> Rejection {
    if missing.is_empty() {
        return rejection;
    }
    let why = format!("{} (not tried: {})", rejection.why, missing.join("; "));
    Rejection::new(Check::NoSecret, why)
}
