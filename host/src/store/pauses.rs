//! Schedules that people have paused.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::{Database, Postgres, Sqlite};
use trait_gen::trait_gen;

use super::StoreResult;
use super::rows::{Columns, RowReader};
use super::sql::SqlStore;
use super::words::clean;
use crate::domain::schedule::{ScheduleKey, SchedulePause};

/// Pauses of schedules. They hold whatever `plugins.toml` says, until somebody ends them.
#[async_trait]
pub trait PauseStore: Send + Sync {
    /// Pauses a schedule; one that is paused stays so since when and by whom it was. Whether it was not paused before.
    async fn pause_schedule(&self, key: &ScheduleKey, pause: &SchedulePause) -> StoreResult<bool>;

    /// Lets a schedule go on; whether it was paused.
    async fn resume_schedule(&self, key: &ScheduleKey) -> StoreResult<bool>;

    /// All schedules that are paused.
    async fn schedule_pauses(&self) -> StoreResult<BTreeMap<ScheduleKey, SchedulePause>>;
}

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl PauseStore for SqlStore<Db> {
    async fn pause_schedule(&self, key: &ScheduleKey, pause: &SchedulePause) -> StoreResult<bool> {
        let done = sqlx::query(
            "INSERT INTO schedule_pauses (plugin, schedule, paused_at, paused_by) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (plugin, schedule) DO NOTHING",
        )
        .bind(key.plugin.as_str())
        .bind(clean(key.schedule.as_str()).into_owned())
        .bind(pause.at.as_millis())
        .bind(clean(&pause.by).into_owned())
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    async fn resume_schedule(&self, key: &ScheduleKey) -> StoreResult<bool> {
        let done = sqlx::query("DELETE FROM schedule_pauses WHERE plugin = $1 AND schedule = $2")
            .bind(key.plugin.as_str())
            .bind(clean(key.schedule.as_str()).into_owned())
            .execute(&self.writer)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    async fn schedule_pauses(&self) -> StoreResult<BTreeMap<ScheduleKey, SchedulePause>> {
        let rows = sqlx::query("SELECT plugin, schedule, paused_at, paused_by FROM schedule_pauses")
            .fetch_all(&self.reader)
            .await?;
        rows.iter().map(pause_from).collect()
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// Whether a schedule is paused, as the transaction sees it.
    pub(super) async fn is_paused(
        conn: &mut <Db as Database>::Connection,
        key: &ScheduleKey,
    ) -> StoreResult<bool> {
        let found: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM schedule_pauses WHERE plugin = $1 AND schedule = $2")
                .bind(key.plugin.as_str())
                .bind(clean(key.schedule.as_str()).into_owned())
                .fetch_one(&mut *conn)
                .await?;
        Ok(found > 0)
    }
}

fn pause_from(row: &impl Columns) -> StoreResult<(ScheduleKey, SchedulePause)> {
    let row = RowReader::new(row, "schedule_pauses", "schedule");
    let key = ScheduleKey {
        plugin: row.parsed("plugin")?,
        schedule: row.parsed("schedule")?,
    };
    let pause = SchedulePause {
        at: row.moment("paused_at")?,
        by: row.text("paused_by")?,
    };
    Ok((key, pause))
}
