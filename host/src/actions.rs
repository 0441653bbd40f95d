//! Actions: what a person asks a plugin to do. Each is stored as an event with one delivery, and
//! goes the way of every other event.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::clock::SharedClock;
use crate::domain::delivery::{DeliveryHistory, DeliveryState, NewDelivery};
use crate::domain::event::{EventKind, NewEvent};
use crate::domain::id::{DeliveryId, EventId, UserId};
use crate::domain::plugin::{PluginName, SharedSpecs};
use crate::lifecycle::Lifecycle;
use crate::store::{SharedStore, StoreError};
use crate::telemetry;
use crate::wake::Wake;
use crate::wasm::Registry;

/// The source of the events that actions become.
pub const SOURCE: &str = "action";

/// How often the store is asked whether the attempt is there.
const POLL: Duration = Duration::from_millis(50);

/// Why an action was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    #[error("there is no plugin `{0}` in plugins.toml")]
    NoPlugin(String),
    /// The action or its arguments; the text says what is wrong.
    #[error("{0}")]
    Wrong(String),
    /// Disabled, paused or not loaded.
    #[error("plugin {plugin} is {why}; `hookyard plugins list` says more")]
    NotRunning { plugin: PluginName, why: &'static str },
    #[error("the arguments are not JSON that can be written: {0}")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An action that is stored.
#[derive(Clone, Debug)]
pub struct Submitted {
    pub event: EventId,
    pub delivery: DeliveryId,
    pub plugin: PluginName,
    /// The longest its run may take.
    pub timeout: Duration,
}

/// Takes actions.
#[derive(Clone)]
pub struct Actions {
    pub store: SharedStore,
    pub registry: Arc<Registry>,
    pub specs: SharedSpecs,
    pub clock: SharedClock,
    pub wake: Arc<Wake>,
    pub lifecycle: Lifecycle,
}

impl Actions {
    /// Checks the arguments against the action's schema and stores it. Once this returns it is
    /// durable.
    ///
    /// # Errors
    /// An unknown plugin or action, arguments that do not fit, a plugin that does not run now.
    pub async fn submit(
        &self,
        plugin: &str,
        action: &str,
        input: &Value,
        owner: Option<UserId>,
    ) -> Result<Submitted, ActionError> {
        let missing = || ActionError::NoPlugin(plugin.to_owned());
        let name: PluginName = plugin.parse().map_err(|_| missing())?;
        let spec = self.specs.load().get(&name).cloned().ok_or_else(missing)?;
        let not_running = |why| ActionError::NotRunning {
            plugin: name.clone(),
            why,
        };
        if !spec.enabled {
            return Err(not_running("disabled"));
        }
        let loaded = self.registry.plugin(&name).ok_or_else(|| not_running("broken"))?;
        loaded.check_action(action, input).map_err(ActionError::Wrong)?;
        if spec.paused {
            return Err(not_running("paused"));
        }
        let submitted = Submitted {
            event: EventId::generate(),
            delivery: DeliveryId::generate(),
            plugin: name.clone(),
            timeout: spec.limits.timeout,
        };
        let event = self.event(&submitted, action, serde_json::to_vec(input)?, owner);
        self.store.accept_events(&[event]).await?;
        self.wake.ring([&name]);
        Ok(submitted)
    }

    fn event(&self, of: &Submitted, action: &str, input: Vec<u8>, owner: Option<UserId>) -> NewEvent {
        NewEvent {
            id: of.event,
            kind: EventKind::Action,
            source: SOURCE.to_owned(),
            event_type: action.to_owned(),
            headers: Vec::new(),
            content_type: "application/json".to_owned(),
            body: Bytes::from(input),
            payload: None,
            received_at: self.clock.now(),
            owner,
            redacted: Vec::new(),
            trace: telemetry::current(),
            once: None,
            deliveries: vec![NewDelivery {
                id: of.delivery,
                plugin: of.plugin.clone(),
                order_key: None,
            }],
        }
    }

    /// Waits until the first attempt of a delivery is recorded, at most for `limit`; `None` when it
    /// takes longer, or when the process stops before the attempt begins.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn first_attempt(
        &self,
        event: EventId,
        delivery: DeliveryId,
        limit: Duration,
    ) -> Result<Option<DeliveryHistory>, StoreError> {
        let waiting = async {
            loop {
                let histories = self.store.deliveries(event).await?;
                let found = histories.into_iter().find(|one| one.delivery.id == delivery);
                match found {
                    Some(history) if tried(&history) => return Ok(Some(history)),
                    Some(history) if self.stops_before(history.delivery.state) => return Ok(None),
                    _ => {}
                }
                tokio::time::sleep(POLL).await;
            }
        };
        match tokio::time::timeout(limit, waiting).await {
            Ok(found) => found,
            Err(_elapsed) => Ok(None),
        }
    }

    /// Whether nothing will run the delivery any more before the next start.
    fn stops_before(&self, state: DeliveryState) -> bool {
        self.lifecycle.soft.is_cancelled()
            && !matches!(state, DeliveryState::Claimed | DeliveryState::Running)
    }
}

fn tried(history: &DeliveryHistory) -> bool {
    !history.attempts.is_empty() || history.delivery.state == DeliveryState::Cancelled
}
