//! Finishing deliveries: the attempt, the delivery's next state, and what follows for its event.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use sqlx::{Database, Postgres, Sqlite};
use trait_gen::trait_gen;

use super::StoreResult;
use super::dialect::Dialect as _;
use super::history::NewAttempt;
use super::leases::{Held, HeldBatch};
use super::seals::Seals;
use super::sql::{SqlStore, sql};
use super::words::{clean, clean_opt, int};
use crate::domain::attempt::FinishedAttempt;
use crate::domain::delivery::{DeliveryState, Finish, Leased, Verdict};
use crate::domain::id::{DeliveryId, EventId};
use crate::domain::time::Timestamp;

/// Bind parameters of one row in the UPDATEs of deliveries and of events.
const DELIVERY_BINDS: usize = 7;
const EVENT_BINDS: usize = 5;

/// What becomes of one delivery.
pub(super) struct Step<'a> {
    pub id: DeliveryId,
    pub event: EventId,
    /// Others may wait for it to be finished.
    pub ordered: bool,
    /// The attempt to be recorded, and its number.
    pub number: u32,
    pub attempt: &'a FinishedAttempt,
    pub state: DeliveryState,
    /// Attempts that counted.
    pub attempts: u32,
    /// Until it is due again; zero when it never is.
    pub delay_ms: u64,
    /// When it was over, by the clock of the node that ran it.
    pub finished_at: Option<Timestamp>,
    /// From now on it shares no call with others.
    pub alone: bool,
}

impl<'a> Step<'a> {
    fn new(held: Held, finish: &'a Finish) -> Self {
        let counted = held.attempts.saturating_add(1);
        let (state, attempts, delay_ms) = match finish.verdict {
            Verdict::Succeeded => (DeliveryState::Succeeded, counted, 0),
            Verdict::Dead => (DeliveryState::Dead, counted, 0),
            Verdict::Retry { delay_ms } => (DeliveryState::Retrying, counted, delay_ms),
            Verdict::Defer { delay_ms } => (DeliveryState::Deferred, held.attempts, delay_ms),
            Verdict::Alone => (DeliveryState::Retrying, counted, 0),
        };
        let over = matches!(finish.verdict, Verdict::Succeeded | Verdict::Dead);
        let attempt = &finish.attempt;
        let ended_at = attempt
            .started_at
            .plus(Duration::from_millis(attempt.duration_ms));
        Self {
            id: held.id,
            event: held.event,
            ordered: held.ordered,
            number: counted,
            attempt,
            state,
            attempts,
            delay_ms,
            finished_at: over.then_some(ended_at),
            alone: finish.verdict == Verdict::Alone,
        }
    }
}

/// What all steps of a batch do to one event.
#[derive(Default)]
struct EventStep<'a> {
    /// Deliveries that are over now, and those of them that did not succeed.
    closed: i64,
    failed: i64,
    /// The error of a delivery that died.
    error: Option<Cow<'a, str>>,
    /// When the last of them was over.
    finished_at: Option<Timestamp>,
}

impl<'a> EventStep<'a> {
    fn add(&mut self, step: &Step<'a>) {
        let Some(finished_at) = step.finished_at else {
            return;
        };
        self.closed += 1;
        self.finished_at = self.finished_at.max(Some(finished_at));
        if step.state == DeliveryState::Dead {
            self.failed += 1;
            let error = clean_opt(step.attempt.error.as_deref());
            self.error = error.or(self.error.take());
        }
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// Writes the items that were answered [`Leased::Done`].
    pub(super) async fn finish(
        conn: &mut <Db as Database>::Connection,
        seals: &Seals,
        finishes: &[Finish],
        held: &HeldBatch,
        answers: &[Leased],
    ) -> StoreResult<()> {
        let steps: Vec<_> = finishes
            .iter()
            .zip(held.iter(answers))
            .filter_map(|(finish, held)| Some(Step::new(held?, finish)))
            .collect();
        Self::take_steps(conn, seals, &steps).await
    }

    /// Records the attempts, moves the deliveries and then their events.
    pub(super) async fn take_steps(
        conn: &mut <Db as Database>::Connection,
        seals: &Seals,
        steps: &[Step<'_>],
    ) -> StoreResult<()> {
        let attempts: Vec<_> = steps
            .iter()
            .map(|step| NewAttempt {
                delivery: step.id,
                number: step.number,
                record: step.attempt,
            })
            .collect();
        Self::insert_attempts(conn, seals, &attempts).await?;
        Self::move_deliveries(conn, steps).await?;
        let passed: Vec<_> = steps
            .iter()
            .filter(|step| step.ordered && step.finished_at.is_some())
            .map(|step| step.id)
            .collect();
        Self::pass_turns(conn, &passed).await?;
        let mut events: HashMap<EventId, EventStep<'_>> = HashMap::new();
        for step in steps {
            events.entry(step.event).or_default().add(step);
        }
        let order = Self::lock_events(conn, events.keys().copied()).await?;
        let events: Vec<_> = order
            .into_iter()
            .filter_map(|id| Some((id, events.remove(&id)?)))
            .collect();
        Self::move_events(conn, &events).await
    }

    async fn move_deliveries(conn: &mut <Db as Database>::Connection, steps: &[Step<'_>]) -> StoreResult<()> {
        for chunk in steps.chunks(Db::MAX_BINDS / DELIVERY_BINDS) {
            sql::<Db>("WITH v (id, state, attempts, delay, finished_at, error, alone) AS (")
                .push_values(chunk, |mut row, step| {
                    row.push_bind(step.id.to_string())
                        .push_bind(step.state.as_str())
                        .push_bind(i64::from(step.attempts))
                        .push_bind(int(step.delay_ms).min(MAX_DELAY_MS))
                        .push_bind(step.finished_at.map(Timestamp::as_millis))
                        .push_bind(step.attempt.error.as_deref().map(clean))
                        .push_bind(step.alone);
                })
                .push(
                    ") UPDATE deliveries SET state = v.state, attempts = v.attempts, \
                     finished_at = v.finished_at, last_error = COALESCE(v.error, deliveries.last_error), \
                     alone = deliveries.alone OR v.alone, started_at = NULL, lease_token = NULL, lease_until = NULL, lease_node = NULL, due_at = ",
                )
                .push(Db::NOW)
                .push(" + v.delay FROM v WHERE deliveries.id = v.id")
                .build()
                .execute(&mut *conn)
                .await?;
        }
        Ok(())
    }

    async fn move_events(
        conn: &mut <Db as Database>::Connection,
        events: &[(EventId, EventStep<'_>)],
    ) -> StoreResult<()> {
        for chunk in events.chunks(Db::MAX_BINDS / EVENT_BINDS) {
            sql::<Db>("WITH v (id, closed, failed, error, finished_at) AS (")
                .push_values(chunk, |mut row, (id, step)| {
                    row.push_bind(id.to_string())
                        .push_bind(step.closed)
                        .push_bind(step.failed)
                        .push_bind(step.error.as_deref())
                        .push_bind(step.finished_at.map(Timestamp::as_millis));
                })
                .push(
                    ") UPDATE events SET \
                     open_deliveries = open_deliveries - v.closed, \
                     failed_deliveries = failed_deliveries + v.failed, \
                     error_message = COALESCE(v.error, error_message), \
                     processed_at = CASE WHEN open_deliveries > v.closed THEN NULL ELSE v.finished_at END, \
                     status = CASE WHEN open_deliveries > v.closed THEN 'processing' \
                     WHEN failed_deliveries + v.failed > 0 THEN 'failed' ELSE 'processed' END \
                     FROM v WHERE events.id = v.id",
                )
                .build()
                .execute(&mut *conn)
                .await?;
        }
        Ok(())
    }
}

/// Longest wait that is stored: 100 years, far from where the database's integers end.
const MAX_DELAY_MS: i64 = 100 * 365 * 86_400_000;
