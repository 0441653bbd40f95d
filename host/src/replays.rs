//! What people may do about deliveries, checked: replay, edit, discard, resolve, one by one or by an
//! order that goes through many in the background.
//!
//! The HTTP interface and the command line both come here. Reads go to the store directly. A replay is a
//! delivery of its own, made because a person asked: nothing that recognises repeated events sees it.

mod edit;
mod order;
mod receivers;
mod worker;

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::Notify;

use crate::clock::SharedClock;
use crate::domain::act::{Acted, By, MAX_NOTE_CHARS, MadeReplay, ReplayAsk, Replayed, Resolution};
use crate::domain::delivery::DeliveryState;
use crate::domain::expression::Facts;
use crate::domain::id::{DeliveryId, EventId, ReplayId};
use crate::domain::plugin::{PluginName, SharedSpecs};
use crate::domain::retention::SharedRetention;
use crate::domain::route::SharedRoutes;
use crate::looks::Looks;
use crate::store::{SharedStore, StoreError};
use crate::wake::Wake;

pub use edit::Edit;
pub use order::{DryRun, First, Order};
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
    #[error("where the event goes cannot be worked out")]
    Aside,
    #[error(transparent)]
    Store(#[from] StoreError),
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
    retention: SharedRetention,
    clock: SharedClock,
    looks: Looks,
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
            retention: SharedRetention::default(),
            clock,
            looks: Looks::default(),
            wake,
            bell: Arc::default(),
        }
    }

    /// Takes out of edited payloads what these rules say, as intake does.
    #[must_use]
    pub fn redacting(self, retention: SharedRetention) -> Self {
        Self { retention, ..self }
    }

    /// The same, looking into bodies where others do too.
    #[must_use]
    pub fn looking(self, looks: Looks) -> Self {
        Self { looks, ..self }
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
        let spec = self.switched_on(to.unwrap_or(delivery.plugin.as_str()))?;
        let order_key = match &spec.order_by {
            Some(order_by) => match self.store.event(delivery.event).await? {
                Some(event) => {
                    let (order_by, bytes) = (order_by.clone(), event.body.len());
                    let key = move || order_by.key_for(&Facts::of(&event));
                    self.aside(bytes, key).await?
                }
                None => None,
            },
            None => None,
        };
        let ask = ReplayAsk {
            event: delivery.event,
            plugin: spec.name.clone(),
            of: Some(id),
            order_key,
        };
        let answers = self.store.replay_deliveries(&[ask], &by).await?;
        match answers.into_iter().next() {
            Some(Replayed::Made(made)) => {
                self.wake.ring([&made.plugin]);
                Ok(made)
            }
            Some(Replayed::Open(open) | Replayed::Had(open)) => Err(ReplayError::Open(open)),
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
        let (table, bytes) = (self.routes.load_full(), event.body.len());
        let routing = move || {
            let routed = table.route_again(&event).deliveries;
            (event, routed)
        };
        let (event, routed) = self.aside(bytes, routing).await?;
        let receivers = self.receivers(id, plugins, routed).await?;
        let receiving = move || receivers.deliveries(&Facts::of(&event));
        let deliveries = self.aside(bytes, receiving).await?;
        let asks: Vec<_> = deliveries
            .into_iter()
            .map(|delivery| ReplayAsk {
                event: id,
                plugin: delivery.plugin,
                of: None,
                order_key: delivery.order_key,
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
                Replayed::Open(id) | Replayed::Had(id) => {
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
        settled(id, acted, "discarded")?;
        self.wake_after(id).await
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
        self.wake_after(id).await
    }

    /// Tells the plugin of a settled delivery that something may be due: itself, or who waited for its turn behind it.
    async fn wake_after(&self, id: DeliveryId) -> Result<(), ReplayError> {
        if let Some(delivery) = self.store.delivery(id).await? {
            self.wake.ring([&delivery.plugin]);
        }
        Ok(())
    }

    /// Does this, which looks into a body of so many bytes, away from the threads that serve requests.
    async fn aside<T, W>(&self, bytes: usize, work: W) -> Result<T, ReplayError>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        self.looks.look(bytes, work).await.ok_or(ReplayError::Aside)
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
