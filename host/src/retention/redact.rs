//! The redaction of events that are old enough.

use std::time::Instant;

use sha2::{Digest as _, Sha256};

use super::{Keeper, Pass};
use crate::domain::event::{Event, ListedEvent};
use crate::domain::redaction::{self, Redacted};
use crate::domain::retention::{RedactWhat, Scope};
use crate::domain::time::Timestamp;
use crate::store::{Place, RedactedContent, RedactedEvent};

/// Events that one step rewrites: each may have a body of megabytes.
const REDACT_STEP: u32 = 20;

/// Hexadecimal digits of a rule's digest: tells a rule from the one before.
const RULE_DIGITS: usize = 16;

impl Keeper {
    /// Applies a rule to finished events from before a moment, after a place. After which place the next pass begins:
    /// before the first event that is still to be delivered.
    pub(super) async fn redact(
        &self,
        scope: &Scope,
        what: &RedactWhat,
        before: Timestamp,
        from: Option<Place>,
    ) -> Pass<Place> {
        let rule = digest(what);
        let (mut after, mut redacted, mut unreadable) = (from, 0_u64, 0_usize);
        loop {
            let found = self
                .store
                .redactable_events(scope, &rule, before, after, REDACT_STEP);
            let events = found.await?;
            let Some(last) = events.last() else { break };
            after = Some(Place {
                at: last.received_at,
                id: last.id,
            });
            let rows: Vec<_> = events
                .iter()
                .filter(|listed| is_open_to(what, listed))
                .map(|listed| applied(&listed.event, what))
                .collect();
            unreadable += events.len() - rows.len();
            let began = Instant::now();
            let done = self.store.redact_events(&rule, &rows).await?;
            self.metrics.events_redacted(done);
            redacted += done;
            self.pause_after(began).await?;
        }
        if unreadable > 0 {
            tracing::warn!(
                events = unreadable,
                ?scope,
                "cannot redact what cannot be read; it stays as it is"
            );
        }
        if redacted > 0 {
            tracing::info!(events = redacted, ?scope, "redacted old events");
        }
        let open = self.store.first_unredacted(scope, &rule, before, from).await?;
        Ok(Place::before(open.map_or(before, |place| place.at)))
    }
}

/// Whether the rule can be applied: a body that goes as a whole need not be read for it.
fn is_open_to(what: &RedactWhat, listed: &ListedEvent) -> bool {
    listed.unreadable.is_none() || matches!(what, RedactWhat::Body)
}

fn applied(event: &Event, what: &RedactWhat) -> RedactedEvent {
    let (taken, headers) = match what {
        RedactWhat::Body => (Some(redaction::whole()), Vec::new()),
        RedactWhat::Pointers(pointers) => {
            let taken = redaction::redact(&event.body, event.payload.as_ref(), pointers);
            (taken, event.headers.clone())
        }
    };
    let content = taken.map(|Redacted { body, payload, taken }| {
        let mut redacted = event.redacted.clone();
        redacted.extend(taken);
        redacted.sort();
        redacted.dedup();
        RedactedContent {
            headers,
            body,
            payload,
            redacted,
        }
    });
    RedactedEvent {
        id: event.id,
        content,
    }
}

fn digest(what: &RedactWhat) -> String {
    let text = match what {
        RedactWhat::Body => redaction::WHOLE_BODY.to_owned(),
        RedactWhat::Pointers(pointers) => {
            let pointers: Vec<String> = pointers.iter().map(ToString::to_string).collect();
            pointers.join("\n")
        }
    };
    let mut digest = hex::encode(Sha256::digest(text));
    digest.truncate(RULE_DIGITS);
    digest
}
