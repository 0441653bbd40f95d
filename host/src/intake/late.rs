//! Refused requests, looked at again: after a secret was put right, a person may accept one.
//!
//! The proof is judged with the secrets and the settings of today, its time against the moment when the
//! request was received. Accepting is done once, in one transaction with the event.

use super::IntakeError;
use super::arrival::Arrival;
use super::once::{IDEMPOTENCY_KEY, IdempotencyKey};
use super::rejected;
use super::sources::Sources;
use crate::domain::event::Accepted;
use crate::domain::id::{EventId, RejectedId};
use crate::domain::rejected::{RejectedRequest, Rejection};
use crate::store::{AcceptedLate, StoreError};

/// What would become of a refused request now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Why it would be refused again; `None` when it would be taken.
    pub rejection: Option<Rejection>,
    pub events: Vec<Foreseen>,
}

/// An event that a refused request would become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreseen {
    pub event_type: String,
    /// The event that is here already, under the same delivery id.
    pub duplicate_of: Option<EventId>,
}

/// What became of a refused request that a person accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Late {
    pub events: Vec<Accepted>,
}

/// Why a refused request was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum LateError {
    #[error("there is no rejected request of this id")]
    NoSuch,
    #[error("plugins.toml has no source `{0}` any more")]
    NoSource(String),
    /// It was too large, or the source's rule takes something out of bodies.
    #[error("its body ({0} bytes) was not kept, so that nothing can be proven: let the sender send it again")]
    NotKept(u64),
    #[error("what it presented cannot be looked at: {0}")]
    NoCredential(String),
    #[error("it was accepted before: it is event {0}")]
    Already(EventId),
    #[error("another request came with its Idempotency-Key and something else: that one is event {0}")]
    OtherBody(EventId),
    #[error("it would be refused again: {0}")]
    Refused(Rejection),
    #[error("it brings no event: it only asked whether the address answers")]
    NoEvent,
    #[error(transparent)]
    Intake(#[from] IntakeError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Sources {
    /// What would become of a refused request now. Nothing is stored.
    ///
    /// # Errors
    /// When there is nothing to judge, or no way to.
    pub async fn verify_again(&self, id: RejectedId) -> Result<Verdict, LateError> {
        let kept = self.kept(id).await?;
        match self.judge_again(&kept).await {
            Ok(arrival) => Ok(Verdict {
                rejection: None,
                events: self.foresee(arrival).await?,
            }),
            Err(LateError::Refused(rejection)) => Ok(Verdict {
                rejection: Some(rejection),
                events: Vec::new(),
            }),
            Err(error) => Err(error),
        }
    }

    /// Takes a refused request in, once, when it proves itself now.
    ///
    /// # Errors
    /// When it does not, or was accepted before.
    pub async fn accept_late(&self, id: RejectedId, by: &str) -> Result<Late, LateError> {
        let kept = self.kept(id).await?;
        if let Some(accepted) = &kept.accepted {
            return Err(LateError::Already(accepted.event));
        }
        let events = self.judge_again(&kept).await?.into_events();
        if events.is_empty() {
            return Err(LateError::NoEvent);
        }
        let events = self.intake.all_routed(events).await?;
        let now = self.clock.now();
        match self.store.accept_rejected(id, &events, now, by).await? {
            AcceptedLate::Now(accepted) => {
                self.intake.ring(&events);
                tracing::info!(rejected = %id, source = %kept.source, %by, "accepted a refused request");
                Ok(Late { events: accepted })
            }
            AcceptedLate::Before(event) => Err(LateError::Already(event)),
            AcceptedLate::OtherBody(event) => Err(LateError::OtherBody(event)),
            AcceptedLate::NoSuch => Err(LateError::NoSuch),
        }
    }

    async fn kept(&self, id: RejectedId) -> Result<RejectedRequest, LateError> {
        self.store.rejected_request(id).await?.ok_or(LateError::NoSuch)
    }

    async fn judge_again(&self, kept: &RejectedRequest) -> Result<Arrival, LateError> {
        let no_source = || LateError::NoSource(kept.source.clone());
        let spec = self
            .table
            .load()
            .get(&kept.source)
            .cloned()
            .ok_or_else(no_source)?;
        let mut request = rejected::presented(kept).ok_or(LateError::NotKept(kept.body_bytes))?;
        if let Some(sealed) = &kept.credential {
            let opened = self.secrets.vault.open_credential(kept.id, sealed);
            request.credential = Some(opened.map_err(LateError::NoCredential)?);
        }
        let key = request.headers.get(IDEMPOTENCY_KEY);
        let key = key.and_then(|value| IdempotencyKey::read(value.as_bytes()).ok());
        let judged = self.judge(&spec, &request, key.as_ref()).await;
        judged.map_err(LateError::Refused)
    }

    /// What an arrival would become.
    pub(super) async fn foresee(&self, arrival: Arrival) -> Result<Vec<Foreseen>, LateError> {
        let mut foreseen = Vec::new();
        for event in arrival.into_events() {
            let holder = match &event.once {
                Some(once) => self.store.once(once, self.clock.now()).await?,
                None => None,
            };
            if let Some(holder) = holder.filter(|holder| !holder.same) {
                return Err(LateError::OtherBody(holder.event));
            }
            foreseen.push(Foreseen {
                event_type: event.event_type,
                duplicate_of: holder.map(|holder| holder.event),
            });
        }
        Ok(foreseen)
    }
}
