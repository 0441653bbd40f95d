//! What people may do about deliveries, checked: replay, edit, discard, resolve, one by one or by an
//! order that goes through many in the background.
//!
//! The HTTP interface and the command line both come here. Reads go to the store directly. A replay is a
//! delivery of its own, made because a person asked: nothing that recognises repeated events sees it.

mod order;
mod worker;

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::Notify;

use crate::clock::SharedClock;
use crate::domain::act::{Acted, By, MAX_NOTE_CHARS, MadeReplay, ReplayAsk, Replayed, Resolution};
use crate::domain::delivery::{DeliveryState, NewDelivery};
use crate::domain::event::{Event, EventKind, Header, NewEvent};
use crate::domain::id::{DeliveryId, EventId, ReplayId};
use crate::domain::plugin::{PluginName, SharedSpecs};
use crate::domain::route::SharedRoutes;
use crate::intake::{body, headers};
use crate::store::{SharedStore, StoreError};
use crate::wake::Wake;

pub use order::{DryRun, Order};
pub use worker::run;

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("there is no delivery {0}")]
    NoDelivery(DeliveryId),
    #[error("there is no event {0}")]
    NoEvent(EventId),
    #[error("there is no order {0}")]
    NoOrder(ReplayId),
    #[error("there is no plugin `{0}` in plugins.toml")]
    NoPlugin(String),
    #[error("plugin {0} is disabled, and a delivery to it would wait for good; enable it first")]
    Disabled(PluginName),
    #[error("no plugin wants event {0} now, and none had it; name the plugins it is to go to")]
    NobodyWants(EventId),
    #[error(
        "delivery {0} of this event is still open, so nothing was made: wait for it, discard it or resolve it"
    )]
    Open(DeliveryId),
    #[error("delivery {id} is {state}, so it cannot be {what}: {why}")]
    Wrong {
        id: DeliveryId,
        state: DeliveryState,
        what: &'static str,
        why: &'static str,
    },
    /// What was asked for makes no sense; the text says what is wrong.
    #[error("{0}")]
    Invalid(String),
    #[error("too many orders run already; wait until one is done, or cancel one")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A payload, and perhaps headers, in place of an event's own.
#[derive(Clone, Debug)]
pub struct Edit {
    /// A JSON text.
    pub payload: Bytes,
    /// `None` keeps the event's.
    pub headers: Option<Vec<Header>>,
}

/// What came of the replay of an event.
#[derive(Clone, Debug, Serialize)]
pub struct ReplayedEvent {
    /// The event; a new one when it was edited.
    pub event: EventId,
    pub edited_from: Option<EventId>,
    pub deliveries: Vec<MadeReplay>,
    /// Plugins that it is still on its way to; nothing was made for them.
    pub still_open: Vec<PluginName>,
}

/// Does what people ask for. Cheap to clone.
#[derive(Clone)]
pub struct Replays {
    store: SharedStore,
    specs: SharedSpecs,
    routes: SharedRoutes,
    clock: SharedClock,
    wake: Arc<Wake>,
    /// Rings when there is a new order.
    bell: Arc<Notify>,
}

impl Replays {
    /// Over these parts.
    #[must_use]
    pub fn new(
        store: SharedStore,
        specs: SharedSpecs,
        routes: SharedRoutes,
        clock: SharedClock,
        wake: Arc<Wake>,
    ) -> Self {
        Self {
            store,
            specs,
            routes,
            clock,
            wake,
            bell: Arc::default(),
        }
    }

    /// Makes a new delivery of the same event, to its plugin or to another.
    ///
    /// # Errors
    /// An unknown delivery or plugin, a disabled plugin, one that the event is still on its way to.
    pub async fn replay(
        &self,
        id: DeliveryId,
        to: Option<&str>,
        note: Option<String>,
        actor: &str,
    ) -> Result<MadeReplay, ReplayError> {
        let by = self.by(actor, note)?;
        let delivery = self
            .store
            .delivery(id)
            .await?
            .ok_or(ReplayError::NoDelivery(id))?;
        let plugin = match to {
            Some(name) => self.switched_on(name)?,
            None => self.switched_on(delivery.plugin.as_str())?,
        };
        let ask = ReplayAsk {
            event: delivery.event,
            plugin,
            of: Some(id),
        };
        let answers = self.store.replay_deliveries(&[ask], &by).await?;
        match answers.into_iter().next() {
            Some(Replayed::Made(made)) => {
                self.wake.ring([&made.plugin]);
                Ok(made)
            }
            Some(Replayed::Open(open)) => Err(ReplayError::Open(open)),
            Some(Replayed::Missing) | None => Err(ReplayError::NoDelivery(id)),
        }
    }

    /// Brings an event once more to these plugins; without any to those whose routes want it now, or,
    /// when no route does, to those that had it.
    ///
    /// # Errors
    /// An unknown event or plugin, nobody who wants it, or all of them still have it open.
    pub async fn replay_event(
        &self,
        id: EventId,
        plugins: Option<&[String]>,
        note: Option<String>,
        actor: &str,
    ) -> Result<ReplayedEvent, ReplayError> {
        let by = self.by(actor, note)?;
        let event = self.store.event(id).await?.ok_or(ReplayError::NoEvent(id))?;
        let asks: Vec<_> = self
            .receivers(&event, plugins)
            .await?
            .into_iter()
            .map(|plugin| ReplayAsk {
                event: id,
                plugin,
                of: None,
            })
            .collect();
        let answers = self.store.replay_deliveries(&asks, &by).await?;
        let mut done = ReplayedEvent {
            event: id,
            edited_from: None,
            deliveries: Vec::new(),
            still_open: Vec::new(),
        };
        let mut open = None;
        for (ask, answer) in asks.into_iter().zip(answers) {
            match answer {
                Replayed::Made(made) => done.deliveries.push(made),
                Replayed::Open(id) => {
                    open = Some(id);
                    done.still_open.push(ask.plugin);
                }
                Replayed::Missing => return Err(ReplayError::NoEvent(id)),
            }
        }
        match open {
            Some(open) if done.deliveries.is_empty() => Err(ReplayError::Open(open)),
            _ => {
                self.wake.ring(done.deliveries.iter().map(|made| &made.plugin));
                Ok(done)
            }
        }
    }

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
        let receivers = self.receivers(&original, plugins).await?;
        let event = edited(original, edit, &receivers, &by)?;
        let stored = self.store.store_edited_event(&event, id, &by).await?;
        let accepted = stored.ok_or(ReplayError::NoEvent(id))?;
        self.wake.ring(&receivers);
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

    /// Gives a delivery up for good.
    ///
    /// # Errors
    /// No reason, an unknown delivery, one that runs or is over.
    pub async fn discard(&self, id: DeliveryId, reason: &str, actor: &str) -> Result<(), ReplayError> {
        let by = self.by(actor, Some(reason.to_owned()))?;
        if by.note.is_none() {
            return Err(ReplayError::Invalid("a discard needs a reason".to_owned()));
        }
        let answers = self.store.discard_deliveries(&[id], &by).await?;
        let acted = answers.into_iter().next().unwrap_or(Acted::Missing);
        settled(id, acted, "discarded")
    }

    /// Settles a delivery whose outcome nobody knew.
    ///
    /// # Errors
    /// An unknown delivery, or one whose outcome is known or still to come.
    pub async fn resolve(
        &self,
        id: DeliveryId,
        to: Resolution,
        note: Option<String>,
        actor: &str,
    ) -> Result<(), ReplayError> {
        let by = self.by(actor, note)?;
        settled(id, self.store.resolve_delivery(id, to, &by).await?, "resolved")?;
        if to == Resolution::Retry
            && let Some(delivery) = self.store.delivery(id).await?
        {
            self.wake.ring([&delivery.plugin]);
        }
        Ok(())
    }

    /// Where an event goes that is brought out once more.
    async fn receivers(
        &self,
        event: &Event,
        named: Option<&[String]>,
    ) -> Result<Vec<PluginName>, ReplayError> {
        if let Some(named) = named {
            let mut plugins = Vec::with_capacity(named.len());
            for name in named {
                plugins.push(self.switched_on(name)?);
            }
            plugins.sort_unstable();
            plugins.dedup();
            return if plugins.is_empty() {
                Err(ReplayError::Invalid(
                    "name at least one plugin, or none at all".to_owned(),
                ))
            } else {
                Ok(plugins)
            };
        }
        let wanted = match event.kind {
            EventKind::Webhook => self.routes.load().plugins_for(&event.source, &event.event_type),
            // A tick or an action is one plugin's own; no route leads there.
            EventKind::Schedule | EventKind::Action => Vec::new(),
        };
        if !wanted.is_empty() {
            return Ok(wanted);
        }
        let had = self.store.deliveries(event.id).await?;
        let mut had: Vec<_> = had.into_iter().map(|history| history.delivery.plugin).collect();
        had.dedup();
        had.retain(|plugin| self.switched_on(plugin.as_str()).is_ok());
        if had.is_empty() {
            return Err(ReplayError::NobodyWants(event.id));
        }
        Ok(had)
    }

    /// The plugin of this name, when new deliveries may be made for it.
    fn switched_on(&self, name: &str) -> Result<PluginName, ReplayError> {
        let missing = || ReplayError::NoPlugin(name.to_owned());
        let plugin: PluginName = name.parse().map_err(|_| missing())?;
        let specs = self.specs.load();
        let spec = specs.get(&plugin).ok_or_else(missing)?;
        if spec.enabled {
            Ok(plugin)
        } else {
            Err(ReplayError::Disabled(plugin))
        }
    }

    /// Who does it, now. A blank note is none.
    fn by(&self, actor: &str, note: Option<String>) -> Result<By, ReplayError> {
        let note = note
            .map(|note| note.trim().to_owned())
            .filter(|note| !note.is_empty());
        if note
            .as_ref()
            .is_some_and(|note| note.chars().count() > MAX_NOTE_CHARS)
        {
            let why = format!("a note or reason has at most {MAX_NOTE_CHARS} characters");
            return Err(ReplayError::Invalid(why));
        }
        Ok(By {
            actor: actor.to_owned(),
            at: self.clock.now(),
            note,
        })
    }
}

/// The event that an edit makes.
fn edited(original: Event, edit: Edit, receivers: &[PluginName], by: &By) -> Result<NewEvent, ReplayError> {
    let headers = match edit.headers {
        Some(given) => kept(&given)?,
        None => original.headers,
    };
    let deliveries = receivers.iter().map(|plugin| NewDelivery {
        id: DeliveryId::generate(),
        plugin: plugin.clone(),
    });
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
        deliveries: deliveries.collect(),
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

/// The error of an act that was not done.
fn settled(id: DeliveryId, acted: Acted, what: &'static str) -> Result<(), ReplayError> {
    let state = match acted {
        Acted::Done => return Ok(()),
        Acted::Missing => return Err(ReplayError::NoDelivery(id)),
        Acted::Wrong(state) => state,
    };
    let why = match (state, what) {
        (DeliveryState::Claimed | DeliveryState::Running, "discarded") => {
            "it is being run; ask again when this attempt is over"
        }
        (_, "resolved") => "only an unknown outcome is resolved by a person",
        _ => "nothing more comes of it anyway",
    };
    Err(ReplayError::Wrong { id, state, what, why })
}
