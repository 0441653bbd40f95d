//! Group commit: events that wait at the same time become durable together.

use std::sync::Arc;

use async_trait::async_trait;

use super::{QUEUE_EVENTS, QUEUE_KIB};
use crate::batch::{Bounds, Work};
use crate::domain::event::{Accepted, NewEvent};
use crate::store::{EventStore, StoreError};
use crate::wake::Wake;

/// Most events of one commit: keeps its statements within the databases' limits on parameters.
pub const BATCH_EVENTS: usize = 256;

/// Most bytes of bodies of one commit (one larger event goes alone): about a tenth of a second of
/// writing to a slow disk.
pub const BATCH_BYTES: usize = 8 << 20;

/// What may wait, and what goes into one commit.
pub(super) const BOUNDS: Bounds = Bounds {
    waiting: QUEUE_EVENTS,
    waiting_weight: QUEUE_KIB << 10,
    items: BATCH_EVENTS,
    weight: BATCH_BYTES,
};

/// Stores events, and tells who delivers them.
pub(super) struct Committer {
    pub store: Arc<dyn EventStore>,
    pub wake: Arc<Wake>,
}

#[async_trait]
impl Work for Committer {
    type Item = NewEvent;
    type Answer = Accepted;
    type Error = StoreError;

    fn weight(&self, event: &NewEvent) -> usize {
        event.body.len()
    }

    async fn run(&self, events: &[NewEvent]) -> Result<Vec<Accepted>, StoreError> {
        let accepted = self.store.accept_events(events).await?;
        let deliveries = events.iter().flat_map(|event| &event.deliveries);
        self.wake.ring(deliveries.map(|delivery| &delivery.plugin));
        Ok(accepted)
    }
}
