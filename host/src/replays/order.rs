//! Orders that go through many deliveries: what they may ask for, and what they would do.

use super::{ReplayError, Replays};
use crate::domain::delivery::DeliveryState;
use crate::domain::id::ReplayId;
use crate::domain::page::{PageRequest, Total};
use crate::domain::plugin::PluginName;
use crate::domain::replay::{
    DeliveryFilter, JobKind, ListedDelivery, MAX_ERROR_BYTES, NewJob, ReplayJob, ReplayRate,
};
use crate::store::{Bounds, LookedDeliveries};

/// Up to how many deliveries are counted for an order: the count goes through them.
const COUNT_BOUND: u32 = 1_000_000;

/// How many deliveries a dry run shows.
const SHOWN: u32 = 10;

/// How far an order that looks into bodies looks before it is given: the newest so many.
const INSIDE_BOUNDS: Bounds = Bounds {
    found: SHOWN,
    rows: 5_000,
    bytes: 64 << 20,
};

/// What a person asks for.
#[derive(Clone, Debug, Default)]
pub struct Order {
    pub kind: JobKind,
    pub filter: DeliveryFilter,
    /// Where replays go, when not to the plugin of each.
    pub to: Option<String>,
    pub rate: Option<ReplayRate>,
    pub note: Option<String>,
}

/// What an order would do.
#[derive(Clone, Debug)]
pub struct DryRun {
    pub total: Total,
    /// The newest of them.
    pub first: Vec<ListedDelivery>,
}

/// An order that makes sense.
struct Checked {
    filter: DeliveryFilter,
    to: Option<PluginName>,
}

impl Replays {
    /// What an order would do, without doing it.
    ///
    /// # Errors
    /// As [`start`](Self::start)'s.
    pub async fn dry_run(&self, order: &Order, actor: &str) -> Result<DryRun, ReplayError> {
        let checked = self.check(order, actor)?;
        if checked.filter.inside.is_some() {
            let looked = self.store.look_into_deliveries(&checked.filter, INSIDE_BOUNDS);
            let LookedDeliveries { total, first } = looked.await?;
            return Ok(DryRun { total, first });
        }
        let page = PageRequest { page: 1, size: SHOWN };
        let total = self.store.count_deliveries(&checked.filter, COUNT_BOUND).await?;
        let first = self.store.delivery_list(&checked.filter, page).await?.items;
        Ok(DryRun { total, first })
    }

    /// Stores an order; it is done in the background, by whichever node is free.
    ///
    /// # Errors
    /// A filter that makes no sense for the order, an unknown or disabled plugin, a discard without a
    /// reason, too many orders.
    pub async fn start(&self, order: Order, actor: &str) -> Result<ReplayJob, ReplayError> {
        let checked = self.check(&order, actor)?;
        let total = if checked.filter.inside.is_some() {
            let looked = self.store.look_into_deliveries(&checked.filter, INSIDE_BOUNDS);
            looked.await?.total
        } else {
            self.store.count_deliveries(&checked.filter, COUNT_BOUND).await?
        };
        let job = NewJob {
            id: ReplayId::generate(),
            kind: order.kind,
            filter: checked.filter,
            to: checked.to,
            note: self.by(actor, order.note)?.note,
            rate: order.rate.unwrap_or_default(),
            total,
            actor: actor.to_owned(),
        };
        let stored = self
            .store
            .create_replay_job(&job)
            .await?
            .ok_or(ReplayError::TooMany)?;
        self.bell.notify_one();
        Ok(stored)
    }

    /// Ends an order that runs; what it has made stays.
    ///
    /// # Errors
    /// An unknown order.
    pub async fn cancel(&self, id: ReplayId, actor: &str) -> Result<ReplayJob, ReplayError> {
        let by = self.by(actor, None)?;
        let job = self.store.cancel_replay_job(id, &by).await?;
        job.ok_or(ReplayError::NoOrder(id))
    }

    fn check(&self, order: &Order, actor: &str) -> Result<Checked, ReplayError> {
        let invalid = |why: &str| Err(ReplayError::Invalid(why.to_owned()));
        let mut filter = order.filter.clone();
        let inside = filter.inside.take().unwrap_or_default().checked();
        filter.inside = inside.map_err(|bad| ReplayError::Invalid(bad.to_string()))?;
        let state = *filter.state.get_or_insert(DeliveryState::Dead);
        if filter
            .error
            .as_ref()
            .is_some_and(|text| text.len() > MAX_ERROR_BYTES)
        {
            return invalid("the text in `error` has at most 256 bytes");
        }
        let note = self.by(actor, order.note.clone())?.note;
        match order.kind {
            JobKind::Replay if state.is_open() => {
                return invalid(
                    "only deliveries that are dead, cancelled or succeeded are replayed by an order",
                );
            }
            // What a person has replayed already is not sent once more unless they say so.
            JobKind::Replay => filter.replayed = filter.replayed.or(Some(false)),
            JobKind::Discard if order.to.is_some() => {
                return invalid("a discard sends nothing: leave `to` out");
            }
            JobKind::Discard if note.is_none() => return invalid("a discard needs a reason"),
            JobKind::Discard => match state {
                DeliveryState::Pending
                | DeliveryState::Retrying
                | DeliveryState::Deferred
                | DeliveryState::Dead
                | DeliveryState::Unknown => {}
                _ => {
                    return invalid(
                        "only deliveries that are pending, retrying, deferred, dead or unknown can be discarded",
                    );
                }
            },
        }
        let receiver = order
            .to
            .as_deref()
            .or(filter.plugin.as_ref().map(PluginName::as_str));
        if let Some(name) = receiver.filter(|_| order.kind == JobKind::Replay) {
            self.switched_on(name)?;
        }
        let to = order
            .to
            .as_deref()
            .map(|name| self.switched_on(name))
            .transpose()?;
        Ok(Checked {
            filter,
            to: to.map(|spec| spec.name.clone()),
        })
    }
}
