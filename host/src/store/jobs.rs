//! Orders that go through many deliveries, batch by batch.
//!
//! A batch is one transaction: it takes the order whose turn it is, does the work and moves the cursor
//! on. So a stop at any moment neither leaves out nor doubles anything, and however many nodes run the
//! steps, each batch is made by one of them and the rate holds over all.

use async_trait::async_trait;
use sqlx::{Database, Postgres, Sqlite};
use trait_gen::trait_gen;

use super::batches::{Batch, Done};
use super::dialect::Dialect as _;
use super::rows::{Columns, RowReader};
use super::sql::{SqlStore, sql};
use super::words::{clean, clean_opt, int};
use super::{StoreError, StoreResult};
use crate::domain::act::By;
use crate::domain::id::ReplayId;
use crate::domain::page::{Page, PageRequest, Total};
use crate::domain::replay::{JobKind, JobState, JobStep, NewJob, Receivers, ReplayJob, ReplayRate};
use crate::domain::time::Timestamp;

/// The columns of a [`ReplayJob`].
const JOB_COLUMNS: &str = "id, kind, filter, to_plugin, note, rate_per_minute, state, total, total_exact, made, \
     skipped, cursor_id, created_at, created_by, finished_at, cancelled_by";

/// Orders that run at the same time, at most: they share the writer.
pub const MAX_RUNNING: i64 = 50;

/// Orders to replay or discard many deliveries.
#[async_trait]
pub trait ReplayStore: Send + Sync {
    /// Stores an order; it runs from now on, and is about deliveries as they are now. `None` when
    /// as many run already as may (`MAX_RUNNING`).
    async fn create_replay_job(&self, job: &NewJob) -> StoreResult<Option<ReplayJob>>;

    /// One order.
    async fn replay_job(&self, id: ReplayId) -> StoreResult<Option<ReplayJob>>;

    /// A page of orders, newest first.
    async fn replay_jobs(&self, page: PageRequest) -> StoreResult<Page<ReplayJob>>;

    /// Ends an order that runs; what it has made stays. The order as it is then.
    async fn cancel_replay_job(&self, id: ReplayId, by: &By) -> StoreResult<Option<ReplayJob>>;

    /// Does the next batch that is due of any order, in the name of who gave it. Replays are made for
    /// `receivers` alone.
    async fn step_replay_jobs(&self, receivers: &Receivers, now: Timestamp) -> StoreResult<JobStep>;

    /// Removes orders that ended before a moment; their replays stay, and no longer name them. Writes to about `limit`
    /// rows; to how many it did. Fewer than `limit` when there is no more to do now.
    async fn purge_replay_jobs(&self, before: Timestamp, limit: u32) -> StoreResult<u64>;
}

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl ReplayStore for SqlStore<Db> {
    async fn create_replay_job(&self, job: &NewJob) -> StoreResult<Option<ReplayJob>> {
        let filter = serde_json::to_string(&job.filter).map_err(|e| StoreError::Unavailable(Box::new(e)))?;
        let mut tx = self.begin().await?;
        let running: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM replays WHERE state = 'running'")
            .fetch_one(&mut *tx)
            .await?;
        if running >= MAX_RUNNING {
            tx.rollback().await?;
            return Ok(None);
        }
        sql::<Db>(
            "INSERT INTO replays (id, kind, filter, to_plugin, note, rate_per_minute, state, total, total_exact, \
             created_by, made, skipped, next_at, created_at) ",
        )
        .push_values([job], |mut row, job| {
            row.push_bind(job.id.to_string())
                .push_bind(job.kind.as_str())
                .push_bind(clean(&filter).into_owned())
                .push_bind(job.to.as_ref().map(ToString::to_string))
                .push_bind(clean_opt(job.note.as_deref()).map(std::borrow::Cow::into_owned))
                .push_bind(i64::from(job.rate.as_per_minute()))
                .push_bind(JobState::Running.as_str())
                .push_bind(int(job.total.count))
                .push_bind(job.total.exact)
                .push_bind(clean(&job.actor).into_owned())
                .push("0")
                .push("0")
                .push(Db::NOW)
                .push(Db::NOW);
        })
        .build()
        .execute(&mut *tx)
        .await?;
        let stored = Self::job(&mut tx, job.id).await?;
        tx.commit().await?;
        Ok(stored)
    }

    async fn replay_job(&self, id: ReplayId) -> StoreResult<Option<ReplayJob>> {
        let mut reader = self.reader.acquire().await?;
        Self::job(&mut reader, id).await
    }

    async fn replay_jobs(&self, page: PageRequest) -> StoreResult<Page<ReplayJob>> {
        self.table_page(("replays", JOB_COLUMNS), "id DESC", page, job_from)
            .await
    }

    async fn cancel_replay_job(&self, id: ReplayId, by: &By) -> StoreResult<Option<ReplayJob>> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "UPDATE replays SET state = 'cancelled', finished_at = $1, cancelled_by = $2 \
             WHERE id = $3 AND state = 'running'",
        )
        .bind(by.at.as_millis())
        .bind(clean(&by.actor).into_owned())
        .bind(id.to_string())
        .execute(&mut *tx)
        .await?;
        let job = Self::job(&mut tx, id).await?;
        tx.commit().await?;
        Ok(job)
    }

    async fn step_replay_jobs(&self, receivers: &Receivers, now: Timestamp) -> StoreResult<JobStep> {
        let keys = self.foreseen_keys(receivers).await?;
        let mut tx = self.begin().await?;
        let Some(job) = Self::job_due(&mut tx, Db::LOCK_ONE_FREE).await? else {
            let wait: Option<i64> = sql::<Db>("SELECT next_at - ")
                .push(Db::NOW)
                .push(" FROM replays WHERE state = 'running' ORDER BY next_at, id LIMIT 1")
                .build_query_scalar()
                .fetch_optional(&mut *tx)
                .await?;
            let wait = wait.map(|wait| std::time::Duration::from_millis(u64::try_from(wait).unwrap_or(0)));
            tx.rollback().await?;
            return Ok(JobStep::Nothing(wait));
        };
        let batch = Batch::of(Self::window(&mut tx, &self.seals, &job).await?, &job, receivers);
        let by = By {
            actor: job.created_by.clone(),
            at: now,
            note: job.note.clone(),
        };
        let done = match job.kind {
            JobKind::Replay => {
                let known = (receivers, &keys);
                Self::replay_batch(&mut tx, &self.seals, &job, &batch, known, &by).await?
            }
            JobKind::Discard => Self::discard_batch(&mut tx, &batch, &by).await?,
        };
        Self::move_on(&mut tx, &job, &batch, &done, &by).await?;
        tx.commit().await?;
        Ok(JobStep::Worked(done.plugins))
    }

    async fn purge_replay_jobs(&self, before: Timestamp, limit: u32) -> StoreResult<u64> {
        let ended: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM replays WHERE state <> 'running' AND finished_at < $1 ORDER BY id LIMIT $2",
        )
        .bind(before.as_millis())
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        if ended.is_empty() {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        // Replays let go of their order first, so many at a time: there may be a million of one, and the end of its row
        // would write to all of them at once. One that somebody is at waits for a later step.
        let mut find = sql::<Db>("SELECT id FROM deliveries WHERE replay_job IS NOT NULL AND replay_job IN ");
        Self::push_ids(&mut find, &ended);
        find.push(" LIMIT ")
            .push_bind(i64::from(limit))
            .push(Db::LOCK_ONE_FREE);
        let replays: Vec<String> = find.build_query_scalar().fetch_all(&mut *tx).await?;
        if !replays.is_empty() {
            let mut let_go = sql::<Db>("UPDATE deliveries SET replay_job = NULL WHERE id IN ");
            Self::push_ids(&mut let_go, &replays);
            let_go.build().execute(&mut *tx).await?;
        }
        let mut remove = sql::<Db>("DELETE FROM replays WHERE id IN ");
        Self::push_ids(&mut remove, &ended);
        remove.push(" AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.replay_job = replays.id)");
        let removed = remove.build().execute(&mut *tx).await?.rows_affected();
        tx.commit().await?;
        Ok(u64::try_from(replays.len()).unwrap_or(u64::MAX) + removed)
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    async fn job(conn: &mut <Db as Database>::Connection, id: ReplayId) -> StoreResult<Option<ReplayJob>> {
        let row = sql::<Db>("SELECT ")
            .push(JOB_COLUMNS)
            .push(" FROM replays WHERE id = ")
            .push_bind(id.to_string())
            .build()
            .fetch_optional(&mut *conn)
            .await?;
        row.as_ref().map(job_from).transpose()
    }

    /// The order whose next batch is due. With [`LOCK_ONE_FREE`](super::dialect::Dialect::LOCK_ONE_FREE) locked, and
    /// passing over one that another node is at.
    pub(super) async fn job_due(
        conn: &mut <Db as Database>::Connection,
        lock: &'static str,
    ) -> StoreResult<Option<ReplayJob>> {
        let row = sql::<Db>("SELECT ")
            .push(JOB_COLUMNS)
            .push(" FROM replays WHERE state = 'running' AND next_at <= ")
            .push(Db::NOW)
            .push(" ORDER BY next_at, id LIMIT 1")
            .push(lock)
            .build()
            .fetch_optional(&mut *conn)
            .await?;
        row.as_ref().map(job_from).transpose()
    }

    async fn move_on(
        conn: &mut <Db as Database>::Connection,
        job: &ReplayJob,
        batch: &Batch,
        done: &Done,
        by: &By,
    ) -> StoreResult<()> {
        let state = if batch.last {
            JobState::Done
        } else {
            JobState::Running
        };
        sql::<Db>("UPDATE replays SET made = made + ")
            .push_bind(int(done.made))
            .push(", skipped = skipped + ")
            .push_bind(int(done.skipped))
            .push(", cursor_id = COALESCE(")
            .push_bind(batch.cursor.map(|id| id.to_string()))
            .push(", cursor_id), state = ")
            .push_bind(state.as_str())
            .push(", finished_at = ")
            .push_bind(batch.last.then_some(by.at.as_millis()))
            .push(", next_at = ")
            .push(Db::NOW)
            .push(" + ")
            .push_bind(batch.wait_ms)
            .push(" WHERE id = ")
            .push_bind(job.id.to_string())
            .build()
            .execute(&mut *conn)
            .await?;
        Ok(())
    }
}

fn job_from(row: &impl Columns) -> StoreResult<ReplayJob> {
    let row = RowReader::new(row, "replays", "id");
    Ok(ReplayJob {
        id: row.parsed("id")?,
        kind: row.parsed("kind")?,
        filter: row.json("filter")?,
        to: row.parsed_opt("to_plugin")?,
        note: row.text_opt("note")?,
        rate: ReplayRate::per_minute(row.number("rate_per_minute")?).unwrap_or_default(),
        state: row.parsed("state")?,
        total: Total {
            count: row.number("total")?,
            exact: row.flag("total_exact")?,
        },
        made: row.number("made")?,
        skipped: row.number("skipped")?,
        cursor: row.parsed_opt("cursor_id")?,
        created_at: row.moment("created_at")?,
        created_by: row.text("created_by")?,
        finished_at: row.moment_opt("finished_at")?,
        cancelled_by: row.text_opt("cancelled_by")?,
    })
}
