//! A request to take an event in, before and after its sender is known.

use ::http::HeaderMap;
use bytes::Bytes;

use super::{IntakeError, body, headers, names};
use crate::domain::api_key::SourceScope;
use crate::domain::event::{EventKind, NewEvent};
use crate::domain::id::{EventId, UserId};
use crate::domain::time::Timestamp;
use crate::domain::user::User;

/// What the query of the request says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceQuery {
    pub source: Option<String>,
    pub event_type: Option<String>,
}

/// A request of a sender we do not know yet. Its body is within the cap and has not been looked at.
#[derive(Clone, Debug)]
pub struct Unverified {
    pub headers: HeaderMap,
    pub query: SourceQuery,
    /// Media type of the body, checked by the caller to be JSON.
    pub content_type: String,
    pub body: Bytes,
}

/// A request whose sender is known; only this can be parsed.
#[derive(Clone, Debug)]
pub struct Verified {
    request: Unverified,
    sender: User,
    sources: SourceScope,
}

impl Unverified {
    /// The request as that of `sender`, whose access token or API key it carried and who may name these sources.
    #[must_use]
    pub fn sent_by(self, sender: User, sources: SourceScope) -> Verified {
        Verified {
            request: self,
            sender,
            sources,
        }
    }
}

impl Verified {
    /// Who sent it.
    #[must_use]
    pub const fn sender(&self) -> UserId {
        self.sender.id
    }

    /// Parses the request: the event it brings, without deliveries yet.
    pub fn into_event(self, received_at: Timestamp) -> Result<NewEvent, IntakeError> {
        let request = self.request;
        let parsed = body::parse(&request.body)?;
        let source = names::source(parsed.source.as_deref(), &request.query, &request.headers)?;
        if !self.sources.allows(&source) {
            return Err(IntakeError::Source(source));
        }
        Ok(NewEvent {
            id: EventId::generate(),
            kind: EventKind::Webhook,
            source,
            event_type: names::event_type(&request.query, &request.headers)?,
            headers: headers::kept(&request.headers),
            content_type: request.content_type,
            body: request.body,
            payload: parsed.payload,
            received_at,
            owner: Some(self.sender.id),
            redacted: Vec::new(),
            trace: None,
            deliveries: Vec::new(),
            once: None,
        })
    }
}
