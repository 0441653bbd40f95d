//! Orders that go through many deliveries or events: what they may ask for, and what they would do.

use super::{ReplayError, Replays};
use crate::domain::delivery::DeliveryState;
use crate::domain::event::ListedEvent;
use crate::domain::id::ReplayId;
use crate::domain::page::{PageRequest, Total};
use crate::domain::replay::{
    Aim, DeliveryFilter, Ended, JobFilter, JobKind, ListedDelivery, MAX_ERROR_BYTES, NewJob, ReplayJob,
    ReplayRate,
};

/// Up to how many deliveries or events are counted for an order: the count goes through them.
const COUNT_BOUND: u32 = 1_000_000;

/// How many of them a dry run shows.
const SHOWN: u32 = 10;

/// What a person asks for.
#[derive(Clone, Debug, Default)]
pub struct Order {
    pub kind: JobKind,
    pub filter: JobFilter,
    /// Where replays go, when not to the plugin of each: names with commas between, or `all`.
    pub to: Option<String>,
    pub rate: Option<ReplayRate>,
    pub note: Option<String>,
}

/// What an order would do.
#[derive(Clone, Debug)]
pub struct DryRun {
    pub total: Total,
    pub first: First,
}

/// The newest of those that an order would be about.
#[derive(Clone, Debug)]
pub enum First {
    Deliveries(Vec<ListedDelivery>),
    Events(Vec<ListedEvent>),
}

/// An order that makes sense.
struct Checked {
    filter: JobFilter,
    to: Option<Aim>,
}

impl Replays {
    /// What an order would do, without doing it.
    ///
    /// # Errors
    /// As [`start`](Self::start)'s.
    pub async fn dry_run(&self, order: &Order, actor: &str) -> Result<DryRun, ReplayError> {
        let checked = self.check(order, actor)?;
        let total = self.count(&checked).await?;
        let first = match &checked.filter {
            JobFilter::Deliveries(filter) => {
                let page = PageRequest { page: 1, size: SHOWN };
                First::Deliveries(self.store.delivery_list(filter, page).await?.items)
            }
            JobFilter::Events(selection) => {
                let to = checked.to.as_ref();
                First::Events(self.store.selected_events(selection, to, SHOWN).await?)
            }
        };
        Ok(DryRun { total, first })
    }

    /// Stores an order; it is done in the background, by whichever node is free.
    ///
    /// # Errors
    /// A filter that makes no sense for the order, an unknown or disabled plugin, a discard without a
    /// reason, too many orders.
    pub async fn start(&self, order: Order, actor: &str) -> Result<ReplayJob, ReplayError> {
        let checked = self.check(&order, actor)?;
        let total = self.count(&checked).await?;
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

    async fn count(&self, checked: &Checked) -> Result<Total, ReplayError> {
        let (store, to) = (&self.store, checked.to.as_ref());
        let total = match &checked.filter {
            JobFilter::Deliveries(filter) => store.count_deliveries(filter, COUNT_BOUND).await,
            JobFilter::Events(selection) => store.count_selected(selection, to, COUNT_BOUND).await,
        };
        Ok(total?)
    }

    /// Ends an order that runs; what it has made stays. The order as it is then, and whether it ran until now.
    ///
    /// # Errors
    /// An unknown order.
    pub async fn cancel(&self, id: ReplayId, actor: &str) -> Result<(ReplayJob, bool), ReplayError> {
        let by = self.by(actor, None)?;
        match self.store.cancel_replay_job(id, &by).await? {
            Ended::Now(job) => Ok((job, true)),
            Ended::Before(job) => Ok((job, false)),
            Ended::Missing => Err(ReplayError::NoOrder(id)),
        }
    }

    fn check(&self, order: &Order, actor: &str) -> Result<Checked, ReplayError> {
        let note = self.by(actor, order.note.clone())?.note;
        if order.kind == JobKind::Discard {
            if order.to.is_some() {
                return invalid("a discard sends nothing: leave `to` out");
            }
            if note.is_none() {
                return invalid("a discard needs a reason");
            }
        }
        let to = order.to.as_deref().map(|text| self.aim(text)).transpose()?;
        match &order.filter {
            JobFilter::Deliveries(filter) => {
                let filter = narrowed(order.kind, filter)?;
                if let (JobKind::Replay, None, Some(own)) = (order.kind, &to, &filter.plugin) {
                    self.switched_on(own.as_str())?;
                }
                Ok(Checked {
                    filter: JobFilter::Deliveries(filter),
                    to,
                })
            }
            JobFilter::Events(_) if order.kind == JobKind::Discard => {
                invalid("deliveries are discarded, not events")
            }
            JobFilter::Events(selection) => Ok(Checked {
                filter: JobFilter::Events(selection.clone()),
                to: Some(to.unwrap_or(Aim::Wanting)),
            }),
        }
    }

    /// Where an order's replays go, when new deliveries may be made for all of those plugins.
    fn aim(&self, text: &str) -> Result<Aim, ReplayError> {
        let aim: Aim = text.parse().map_err(|_| ReplayError::NoPlugin(text.to_owned()))?;
        if let Aim::Named(names) = &aim {
            for name in names {
                self.switched_on(name.as_str())?;
            }
        }
        Ok(aim)
    }
}

/// Which deliveries an order of this kind is about, when that makes sense.
fn narrowed(kind: JobKind, filter: &DeliveryFilter) -> Result<DeliveryFilter, ReplayError> {
    let mut filter = filter.clone();
    let state = *filter.state.get_or_insert(DeliveryState::Dead);
    if filter
        .error
        .as_ref()
        .is_some_and(|text| text.len() > MAX_ERROR_BYTES)
    {
        return invalid("the text in `error` has at most 256 bytes");
    }
    match (kind, state) {
        (JobKind::Replay, state) if state.is_open() => {
            return invalid("only deliveries that are dead, cancelled or succeeded are replayed by an order");
        }
        // What a person has replayed already is not sent once more unless they say so.
        (JobKind::Replay, _) => filter.replayed = filter.replayed.or(Some(false)),
        (
            JobKind::Discard,
            DeliveryState::Pending
            | DeliveryState::Retrying
            | DeliveryState::Deferred
            | DeliveryState::Dead
            | DeliveryState::Unknown,
        ) => {}
        (JobKind::Discard, _) => {
            return invalid(
                "only deliveries that are pending, retrying, deferred, dead or unknown can be discarded",
            );
        }
    }
    Ok(filter)
}

fn invalid<T>(why: &str) -> Result<T, ReplayError> {
    Err(ReplayError::Invalid(why.to_owned()))
}
