//! Schedules in force, and the record of their moments.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::{Database, Postgres, QueryBuilder, Sqlite};
use trait_gen::trait_gen;

use super::StoreResult;
use super::dialect::Dialect as _;
use super::rows::{Columns, RowReader};
use super::sql::{SqlStore, sql};
use super::words::{clean, int};
use crate::domain::delivery::DeliveryState;
use crate::domain::event::NewEvent;
use crate::domain::page::{Page, PageRequest};
use crate::domain::schedule::{
    NewTick, Overlap, RunOutcome, ScheduleInForce, ScheduleKey, ScheduleRun, TickAction, Ticked,
};
use crate::domain::time::Timestamp;

/// How many of a schedule's latest events are looked at for one that is not finished. With
/// `overlap = "skip"` all but the latest are; a person's runs and an earlier `"queue"` may leave more.
const OVERLAP_LOOK_BACK: i64 = 100;

/// Bind parameters of one schedule in force.
const SCHEDULE_BINDS: usize = 4;

/// The deliveries that keep the next tick from running. One whose outcome is unknown waits for a
/// person, not for an end.
const OPEN: [DeliveryState; 5] = [
    DeliveryState::Pending,
    DeliveryState::Claimed,
    DeliveryState::Running,
    DeliveryState::Retrying,
    DeliveryState::Deferred,
];

const RUN_COLUMNS: &str = "r.schedule, r.planned_at, r.recorded_at, r.outcome, r.event_id, e.status, \
     e.error_message FROM schedule_runs r LEFT JOIN events e ON e.id = r.event_id";

/// Schedules and their ticks.
#[async_trait]
pub trait ScheduleStore: Send + Sync {
    /// Makes these the schedules in force. One that is new or has another rule begins at `now`; one
    /// that is not among them is forgotten, its runs are not. Answers, per item, up to when its
    /// moments have been dealt with.
    async fn keep_schedules(
        &self,
        schedules: &[ScheduleInForce],
        now: Timestamp,
    ) -> StoreResult<Vec<Timestamp>>;

    /// Records one moment of a schedule: the unique row, the event with its delivery, and how far
    /// the schedule has come, all in one transaction. However many nodes see a moment, one records it. Of a schedule
    /// that is paused nothing is recorded but what a person asks for.
    async fn record_tick(&self, tick: &NewTick) -> StoreResult<Ticked>;

    /// The recorded moments of a schedule, latest first, and how many there are.
    async fn schedule_runs(&self, key: &ScheduleKey, page: PageRequest) -> StoreResult<Page<ScheduleRun>>;

    /// The latest recorded moment of each schedule that has one, in the order asked for.
    async fn last_schedule_runs(&self, keys: &[ScheduleKey]) -> StoreResult<Vec<Option<ScheduleRun>>>;
}

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl ScheduleStore for SqlStore<Db> {
    async fn keep_schedules(
        &self,
        schedules: &[ScheduleInForce],
        now: Timestamp,
    ) -> StoreResult<Vec<Timestamp>> {
        // In order of their keys, so that two nodes cannot wait for each other in a circle.
        let wanted: BTreeMap<_, _> = schedules.iter().map(|item| (&item.key, item)).collect();
        let mut tx = self.begin().await?;
        for chunk in wanted
            .values()
            .collect::<Vec<_>>()
            .chunks(Db::MAX_BINDS / SCHEDULE_BINDS)
        {
            Self::put_schedules(&mut tx, chunk, now).await?;
        }
        let rows = sql::<Db>("SELECT plugin, schedule, since FROM schedules ORDER BY plugin, schedule")
            .push(Db::LOCK)
            .build()
            .fetch_all(&mut *tx)
            .await?;
        let mut kept = BTreeMap::new();
        for row in &rows {
            let (key, since) = in_force_from(row)?;
            if wanted.contains_key(&key) {
                kept.insert(key, since);
            } else {
                let mut gone = sql::<Db>("DELETE FROM schedules WHERE ");
                Self::push_key(&mut gone, "", &key);
                gone.build().execute(&mut *tx).await?;
            }
        }
        tx.commit().await?;
        let since = |item: &ScheduleInForce| kept.get(&item.key).copied().unwrap_or(now);
        Ok(schedules.iter().map(since).collect())
    }

    async fn record_tick(&self, tick: &NewTick) -> StoreResult<Ticked> {
        let mut tx = self.begin().await?;
        let (mut outcome, mut event) = match &tick.action {
            TickAction::Make(event, _) => (RunOutcome::Made, Some(event.as_ref())),
            TickAction::MakeForPerson(event) => (RunOutcome::Manual, Some(event.as_ref())),
            TickAction::Miss => (RunOutcome::Missed, None),
        };
        if outcome != RunOutcome::Manual && Self::is_paused(&mut tx, &tick.schedule.key).await? {
            return Ok(Ticked::Paused);
        }
        // The row first: who else records this moment waits here and then finds it.
        if !Self::insert_run(&mut tx, tick, outcome).await? {
            return Ok(Ticked::Already);
        }
        if let TickAction::Make(_, Overlap::Skip) = tick.action
            && Self::unfinished(&mut tx, &tick.schedule.key).await?
        {
            (outcome, event) = (RunOutcome::Skipped, None);
        }
        if let Some(event) = event {
            Self::insert_accepted(&mut tx, &self.seals, std::slice::from_ref(event)).await?;
        }
        Self::conclude_run(&mut tx, tick, outcome, event).await?;
        if outcome != RunOutcome::Manual {
            Self::set_since(&mut tx, tick).await?;
        }
        tx.commit().await?;
        Ok(Ticked::Recorded(outcome))
    }

    async fn schedule_runs(&self, key: &ScheduleKey, page: PageRequest) -> StoreResult<Page<ScheduleRun>> {
        let mut count = sql::<Db>("SELECT COUNT(*) FROM schedule_runs r WHERE ");
        Self::push_key(&mut count, "r.", key);
        let total: i64 = count.build_query_scalar().fetch_one(&self.reader).await?;
        Ok(Page {
            total: u64::try_from(total).unwrap_or(0),
            items: self.latest_runs(key, page).await?,
        })
    }

    async fn last_schedule_runs(&self, keys: &[ScheduleKey]) -> StoreResult<Vec<Option<ScheduleRun>>> {
        let mut last = Vec::with_capacity(keys.len());
        for key in keys {
            let one = PageRequest { page: 1, size: 1 };
            last.push(self.latest_runs(key, one).await?.pop());
        }
        Ok(last)
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    fn push_key(query: &mut QueryBuilder<Db>, table: &str, key: &ScheduleKey) {
        query
            .push(table)
            .push("plugin = ")
            .push_bind(key.plugin.as_str())
            .push(" AND ")
            .push(table)
            .push("schedule = ")
            .push_bind(clean(key.schedule.as_str()).as_ref());
    }

    async fn put_schedules(
        conn: &mut <Db as Database>::Connection,
        schedules: &[&&ScheduleInForce],
        now: Timestamp,
    ) -> StoreResult<()> {
        sql::<Db>("INSERT INTO schedules (plugin, schedule, rule, since) ")
            .push_values(schedules, |mut row, item| {
                row.push_bind(item.key.plugin.as_str())
                    .push_bind(clean(item.key.schedule.as_str()).as_ref())
                    .push_bind(item.rule.as_str())
                    .push_bind(now.as_millis());
            })
            .push(
                " ON CONFLICT (plugin, schedule) DO UPDATE SET rule = excluded.rule, since = excluded.since \
                 WHERE schedules.rule <> excluded.rule",
            )
            .build()
            .execute(&mut *conn)
            .await?;
        Ok(())
    }

    async fn insert_run(
        conn: &mut <Db as Database>::Connection,
        tick: &NewTick,
        outcome: RunOutcome,
    ) -> StoreResult<bool> {
        let done =
            sql::<Db>("INSERT INTO schedule_runs (plugin, schedule, planned_at, recorded_at, outcome) ")
                .push_values([tick], |mut row, tick| {
                    row.push_bind(tick.schedule.key.plugin.as_str())
                        .push_bind(clean(tick.schedule.key.schedule.as_str()).as_ref())
                        .push_bind(tick.planned_at.as_millis())
                        .push_bind(tick.recorded_at.as_millis())
                        .push_bind(outcome.as_str());
                })
                .push(" ON CONFLICT (plugin, schedule, planned_at) DO NOTHING")
                .build()
                .execute(&mut *conn)
                .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Whether a delivery of one of the schedule's latest events may still run.
    async fn unfinished(conn: &mut <Db as Database>::Connection, key: &ScheduleKey) -> StoreResult<bool> {
        let mut query = sql::<Db>(
            "SELECT COUNT(*) FROM deliveries d WHERE d.event_id IN (SELECT r.event_id FROM schedule_runs r WHERE ",
        );
        Self::push_key(&mut query, "r.", key);
        query
            .push(" AND r.event_id IS NOT NULL ORDER BY r.planned_at DESC LIMIT ")
            .push_bind(OVERLAP_LOOK_BACK)
            .push(") AND d.state IN (");
        let mut states = query.separated(", ");
        for state in OPEN {
            states.push_bind(state.as_str());
        }
        query.push(")");
        let open: i64 = query.build_query_scalar().fetch_one(&mut *conn).await?;
        Ok(open > 0)
    }

    async fn conclude_run(
        conn: &mut <Db as Database>::Connection,
        tick: &NewTick,
        outcome: RunOutcome,
        event: Option<&NewEvent>,
    ) -> StoreResult<()> {
        let mut update = sql::<Db>("UPDATE schedule_runs SET outcome = ");
        update
            .push_bind(outcome.as_str())
            .push(", event_id = ")
            .push_bind(event.map(|event| event.id.to_string()))
            .push(" WHERE ");
        Self::push_key(&mut update, "", &tick.schedule.key);
        update
            .push(" AND planned_at = ")
            .push_bind(tick.planned_at.as_millis())
            .build()
            .execute(&mut *conn)
            .await?;
        Ok(())
    }

    /// Notes how far the schedule has come, unless it is in force with another rule. A node whose `plugins.toml` did
    /// not have it yet may have taken its row away: then it is made anew.
    async fn set_since(conn: &mut <Db as Database>::Connection, tick: &NewTick) -> StoreResult<()> {
        sql::<Db>("INSERT INTO schedules (plugin, schedule, rule, since) ")
            .push_values([tick], |mut row, tick| {
                row.push_bind(tick.schedule.key.plugin.as_str())
                    .push_bind(clean(tick.schedule.key.schedule.as_str()).as_ref())
                    .push_bind(tick.schedule.rule.as_str())
                    .push_bind(tick.planned_at.as_millis());
            })
            .push(
                " ON CONFLICT (plugin, schedule) DO UPDATE SET since = excluded.since \
                 WHERE schedules.rule = excluded.rule",
            )
            .build()
            .execute(&mut *conn)
            .await?;
        Ok(())
    }

    async fn latest_runs(&self, key: &ScheduleKey, page: PageRequest) -> StoreResult<Vec<ScheduleRun>> {
        let mut list = sql::<Db>("SELECT ");
        list.push(RUN_COLUMNS).push(" WHERE ");
        Self::push_key(&mut list, "r.", key);
        list.push(" ORDER BY r.planned_at DESC LIMIT ")
            .push_bind(i64::from(page.size))
            .push(" OFFSET ")
            .push_bind(int(page.offset()));
        let rows = list.build().fetch_all(&self.reader).await?;
        rows.iter().map(run_from).collect()
    }
}

fn in_force_from(row: &impl Columns) -> StoreResult<(ScheduleKey, Timestamp)> {
    let row = RowReader::new(row, "schedules", "schedule");
    let key = ScheduleKey {
        plugin: row.parsed("plugin")?,
        schedule: row.parsed("schedule")?,
    };
    Ok((key, row.moment("since")?))
}

/// Reads a run from its [`RUN_COLUMNS`].
fn run_from(row: &impl Columns) -> StoreResult<ScheduleRun> {
    let row = RowReader::new(row, "schedule_runs", "schedule");
    let event = row.parsed_opt("event_id")?;
    Ok(ScheduleRun {
        planned_at: row.moment("planned_at")?,
        recorded_at: row.moment("recorded_at")?,
        outcome: row.parsed("outcome")?,
        event,
        status: event.map(|_| row.parsed("status")).transpose()?,
        error_message: row.text_opt("error_message")?,
    })
}
