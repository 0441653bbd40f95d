//! Replays with another payload: a new event, made by a person from one that stays as it is.

use bytes::Bytes;

use super::{ReplayError, ReplayedEvent, Replays};
use crate::domain::act::{By, MadeReplay};
use crate::domain::event::{Event, EventKind, Header, NewEvent};
use crate::domain::expression::Facts;
use crate::domain::id::EventId;
use crate::intake::{self, body, headers};

/// A payload, and perhaps headers, in place of an event's own.
#[derive(Clone, Debug)]
pub struct Edit {
    /// A JSON text.
    pub payload: Bytes,
    /// `None` keeps the event's.
    pub headers: Option<Vec<Header>>,
}

impl Replays {
    /// Makes a new event with another payload, and brings it to these plugins (see
    /// [`replay_event`](Self::replay_event)). The original keeps what it has.
    ///
    /// # Errors
    /// As of a replay; a payload that is no JSON; headers that cannot be some.
    pub async fn edit(
        &self,
        id: EventId,
        edit: Edit,
        plugins: Option<&[String]>,
        note: Option<String>,
        actor: &str,
    ) -> Result<ReplayedEvent, ReplayError> {
        let by = self.by(actor, note)?;
        body::check(&edit.payload).map_err(|bad| ReplayError::Invalid(bad.to_string()))?;
        let original = self.store.event(id).await?.ok_or(ReplayError::NoEvent(id))?;
        let mut event = edited(original, edit, &by)?;
        let bytes = event.body.len();
        let (retention, table) = (self.retention.load_full(), self.routes.load_full());
        let routing = move || {
            // In this order, as at intake: routes and order keys follow from what is stored.
            intake::redact(&mut event, &retention);
            let routed = match event.kind {
                EventKind::Webhook => table.route(&event).deliveries,
                // One plugin's own: no route leads there.
                EventKind::Schedule | EventKind::Action => Vec::new(),
            };
            (event, routed)
        };
        let (mut event, routed) = self.aside(bytes, routing).await?;
        let receivers = self.receivers(id, plugins, routed).await?;
        let receiving = move || {
            let deliveries = receivers.deliveries(&Facts::of_new(&event));
            event.deliveries = deliveries;
            event
        };
        let event = self.aside(bytes, receiving).await?;
        let stored = self.store.store_edited_event(&event, id, &by).await?;
        let accepted = stored.ok_or(ReplayError::NoEvent(id))?;
        self.wake
            .ring(event.deliveries.iter().map(|delivery| &delivery.plugin));
        let made = event.deliveries.into_iter().map(|delivery| MadeReplay {
            id: delivery.id,
            event: accepted.id,
            plugin: delivery.plugin,
            replay_of: None,
        });
        Ok(ReplayedEvent {
            event: accepted.id,
            edited_from: Some(id),
            deliveries: made.collect(),
            still_open: Vec::new(),
        })
    }
}

/// The event that an edit makes, without deliveries yet.
fn edited(original: Event, edit: Edit, by: &By) -> Result<NewEvent, ReplayError> {
    let headers = match edit.headers {
        Some(given) => kept(&given)?,
        None => original.headers,
    };
    Ok(NewEvent {
        id: EventId::generate(),
        kind: original.kind,
        source: original.source,
        event_type: original.event_type,
        headers,
        content_type: "application/json".to_owned(),
        body: edit.payload,
        payload: None,
        received_at: by.at,
        owner: original.owner,
        redacted: Vec::new(),
        once: None,
        deliveries: Vec::new(),
    })
}

/// Headers as intake keeps them.
fn kept(given: &[Header]) -> Result<Vec<Header>, ReplayError> {
    let wrong = |header: &Header| ReplayError::Invalid(format!("`{}` cannot be a header", header.name));
    let mut map = ::http::HeaderMap::new();
    for header in given {
        let name: ::http::HeaderName = header.name.parse().map_err(|_| wrong(header))?;
        let value: ::http::HeaderValue = header.value.parse().map_err(|_| wrong(header))?;
        map.append(name, value);
    }
    Ok(headers::kept(&map))
}
