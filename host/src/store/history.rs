//! Reads deliveries and attempts, and writes attempts.

use std::borrow::Cow;
use std::collections::HashMap;

use sqlx::{Database, Postgres, Sqlite};
use trait_gen::trait_gen;

use super::dialect::Dialect as _;
use super::rows::{Columns, RowReader};
use super::seals::{AttemptTexts, Seals};
use super::sql::{SqlStore, sql};
use super::words::{clean, clean_opt, int};
use super::{StoreError, StoreResult};
use crate::domain::attempt::{Attempt, Batch, FinishedAttempt, LogLine, OutboundCall};
use crate::domain::delivery::Delivery;
use crate::domain::id::DeliveryId;

/// The columns of a [`Delivery`].
pub(super) const DELIVERY_COLUMNS: &str = "id, event_id, plugin, replay_of, state, attempts, due_at, created_at, finished_at, last_error, waits_turn";

/// Bind parameters of one attempt.
const ATTEMPT_BINDS: usize = 17;

/// Reads a delivery from its [`DELIVERY_COLUMNS`].
pub(super) fn delivery_from(row: &impl Columns) -> StoreResult<Delivery> {
    let row = RowReader::new(row, "deliveries", "id");
    Ok(Delivery {
        id: row.parsed("id")?,
        event: row.parsed("event_id")?,
        plugin: row.parsed("plugin")?,
        replay_of: row.parsed_opt("replay_of")?,
        state: row.parsed("state")?,
        attempts: row.number("attempts")?,
        due_at: row.moment("due_at")?,
        created_at: row.moment("created_at")?,
        finished_at: row.moment_opt("finished_at")?,
        last_error: row.text_opt("last_error")?,
        waits_turn: row.flag("waits_turn")?,
    })
}

/// Reads attempts, each delivery's in the order of the rows.
pub(super) fn attempts_by_delivery<R: Columns>(
    rows: &[R],
    seals: &Seals,
) -> StoreResult<HashMap<DeliveryId, Vec<Attempt>>> {
    let mut attempts: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        let attempt = attempt_from(row, seals)?;
        attempts.entry(attempt.delivery).or_default().push(attempt);
    }
    Ok(attempts)
}

/// Reads an attempt from all its columns.
pub(super) fn attempt_from(row: &impl Columns, seals: &Seals) -> StoreResult<Attempt> {
    let row = RowReader::new(row, "attempts", "id");
    let id = row.parsed("id")?;
    let texts = seals.open_attempt(id, row.text_opt("key_id")?.as_deref(), texts_from(&row)?)?;
    Ok(Attempt {
        delivery: row.parsed("delivery_id")?,
        number: row.number("number")?,
        record: FinishedAttempt {
            id,
            started_at: row.moment("started_at")?,
            duration_ms: row.number("duration_ms")?,
            outcome: row.parsed("outcome")?,
            summary: row.text_opt("summary")?,
            output: texts.output,
            error: row.text_opt("error")?,
            logs: serde_json::from_str(&texts.logs).map_err(|e| row.corrupt("logs", &e))?,
            calls: serde_json::from_str(&texts.calls).map_err(|e| row.corrupt("calls", &e))?,
            generation: row.number_opt("generation")?,
            digest: row.text_opt("digest")?,
            batch: match (row.parsed_opt("batch_id")?, row.number_opt("batch_size")?) {
                (Some(id), Some(size)) => Some(Batch { id, size }),
                _ => None,
            },
            mapped: row.flag("mapped")?,
        },
    })
}

/// The columns of an attempt that may be sealed.
pub(super) fn texts_from<R: Columns>(row: &RowReader<'_, R>) -> StoreResult<AttemptTexts> {
    Ok(AttemptTexts {
        output: row.text_opt("output")?,
        logs: row.text("logs")?,
        calls: row.text("calls")?,
    })
}

/// An attempt about to be stored.
pub(super) struct NewAttempt<'a> {
    pub delivery: DeliveryId,
    pub number: u32,
    pub record: &'a FinishedAttempt,
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    pub(super) async fn insert_attempts(
        conn: &mut <Db as Database>::Connection,
        seals: &Seals,
        attempts: &[NewAttempt<'_>],
    ) -> StoreResult<()> {
        for chunk in attempts.chunks(Db::MAX_BINDS / ATTEMPT_BINDS) {
            let mut texts = Vec::with_capacity(chunk.len());
            for attempt in chunk {
                let record = attempt.record;
                let clear = AttemptTexts {
                    output: clean_opt(record.output.as_deref()).map(Cow::into_owned),
                    logs: logs_json(&record.logs)?,
                    calls: calls_json(&record.calls)?,
                };
                texts.push((attempt, seals.attempt(record.id, clear)?));
            }
            sql::<Db>(
                "INSERT INTO attempts (id, delivery_id, number, started_at, duration_ms, outcome, summary, \
                 output, error, logs, calls, key_id, generation, digest, batch_id, batch_size, mapped) ",
            )
            .push_values(texts, |mut row, (attempt, (texts, key_id))| {
                let record = attempt.record;
                row.push_bind(record.id.to_string())
                    .push_bind(attempt.delivery.to_string())
                    .push_bind(i64::from(attempt.number))
                    .push_bind(record.started_at.as_millis())
                    .push_bind(int(record.duration_ms))
                    .push_bind(record.outcome.as_str())
                    .push_bind(clean_opt(record.summary.as_deref()))
                    .push_bind(texts.output)
                    .push_bind(clean_opt(record.error.as_deref()))
                    .push_bind(texts.logs)
                    .push_bind(texts.calls)
                    .push_bind(key_id)
                    .push_bind(record.generation.map(int))
                    .push_bind(record.digest.as_deref())
                    .push_bind(record.batch.map(|batch| batch.id.to_string()))
                    .push_bind(record.batch.map(|batch| i64::from(batch.size)))
                    .push_bind(record.mapped);
            })
            .build()
            .execute(&mut *conn)
            .await?;
        }
        Ok(())
    }
}

fn logs_json(logs: &[LogLine]) -> StoreResult<String> {
    let cleaned: Vec<_> = logs
        .iter()
        .map(|line| LogLine {
            message: clean(&line.message).into_owned(),
            ..line.clone()
        })
        .collect();
    json_text(&cleaned)
}

fn calls_json(calls: &[OutboundCall]) -> StoreResult<String> {
    let cleaned: Vec<_> = calls
        .iter()
        .map(|call| OutboundCall {
            method: clean(&call.method).into_owned(),
            url: clean(&call.url).into_owned(),
            error: clean_opt(call.error.as_deref()).map(Cow::into_owned),
            ..call.clone()
        })
        .collect();
    json_text(&cleaned)
}

fn json_text(value: &impl serde::Serialize) -> StoreResult<String> {
    serde_json::to_string(value).map_err(|e| StoreError::Unavailable(Box::new(e)))
}
