//! A SQLite database with a long history and a long queue, written by SQL: through the product it would take hours.

use std::path::Path;

use anyhow::{Context as _, ensure};

/// Events of one transaction while it is filled.
const BATCH: u64 = 50_000;

/// 2026-01-01T00:00:00Z, when the first event came; the others follow by a millisecond each.
const FIRST_MS: u64 = 1_767_225_600_000;

/// How many events there are.
#[derive(Clone, Copy, Debug)]
pub struct History {
    /// Dealt with, each with a delivery and an attempt.
    pub stored: u64,
    /// Whose delivery waits for its first attempt.
    pub waiting: u64,
}

impl History {
    /// Writes it into a database that has this version's schema and is not open elsewhere, for the plugin `load`.
    ///
    /// # Errors
    /// When the database does not take it.
    pub fn write(self, file: &Path) -> anyhow::Result<()> {
        let connection = rusqlite::Connection::open(file)?;
        // Nothing here has to outlive a power cut; the last checkpoint is synced by whoever opens it next.
        connection.execute_batch(
            "PRAGMA synchronous = OFF; PRAGMA cache_size = -262144;
             INSERT INTO sources (name, first_seen_at) VALUES ('bench', 0) ON CONFLICT DO NOTHING;",
        )?;
        let kinds: [(u64, u64, &[&str]); 2] = [
            (0, self.stored, &DONE[..]),
            (self.stored, self.waiting, &WAITING[..]),
        ];
        for (first, count, statements) in kinds {
            let mut from = first;
            while from < first + count {
                let to = (from + BATCH).min(first + count) - 1;
                connection.execute_batch("BEGIN IMMEDIATE")?;
                for statement in statements {
                    let sql = format!("{statement} FROM {NUMBERS}");
                    connection
                        .execute(&sql, [i64::try_from(from)?, i64::try_from(to)?])
                        .with_context(|| sql.clone())?;
                }
                connection.execute_batch("COMMIT")?;
                from = to + 1;
            }
        }
        // Statistics as SQLite keeps them are not needed: the host runs without.
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
        let written: i64 =
            connection.query_row("SELECT SUM(count) FROM event_counts", [], |row| row.get(0))?;
        ensure!(
            u64::try_from(written)? >= self.stored + self.waiting,
            "{written} events"
        );
        Ok(())
    }

    /// The id of one of the stored events.
    pub fn an_id(self) -> String {
        let (number, at) = (self.stored / 2, FIRST_MS + self.stored / 2);
        format!("{:08x}-{:04x}-7000-8000-{number:012x}", at >> 16, at & 0xffff)
    }
}

/// The numbers of the events of a transaction, each with its moment, its ids, and whether it failed (one in a thousand): version 7 of RFC 9562, section 5.7.
const NUMBERS: &str = "(WITH RECURSIVE numbers (n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?2) \
     SELECT n, 1767225600000 + n AS at, \
     printf('%08x-%04x-7000-8000-%012x', (1767225600000 + n) >> 16, (1767225600000 + n) & 65535, n) AS id, \
     printf('%08x-%04x-7000-8001-%012x', (1767225600000 + n) >> 16, (1767225600000 + n) & 65535, n) AS delivery, \
     printf('%08x-%04x-7000-8002-%012x', (1767225600000 + n) >> 16, (1767225600000 + n) & 65535, n) AS attempt, \
     n % 1000 = 0 AS dead FROM numbers)";

/// Events that are dealt with, their deliveries, their attempts.
const DONE: [&str; 3] = [
    "INSERT INTO events (id, kind, source, event_type, headers, content_type, body, received_at, processed_at, \
     status, error_message, open_deliveries, failed_deliveries) \
     SELECT id, 'webhook', 'bench', 'push', '[]', 'application/json', CAST('{\"n\":' || n || '}' AS BLOB), at, at + 5, \
     CASE WHEN dead THEN 'failed' ELSE 'processed' END, CASE WHEN dead THEN 'refused' END, 0, dead",
    "INSERT INTO deliveries (id, event_id, plugin, state, attempts, due_at, created_at, finished_at, last_error) \
     SELECT delivery, id, 'load', CASE WHEN dead THEN 'dead' ELSE 'succeeded' END, 1, at, at, at + 5, \
     CASE WHEN dead THEN 'refused' END",
    "INSERT INTO attempts (id, delivery_id, number, started_at, duration_ms, outcome, summary, error, logs, calls, \
     generation, digest) \
     SELECT attempt, delivery, 1, at + 1, 4, CASE WHEN dead THEN 'rejected' ELSE 'succeeded' END, 'done', \
     CASE WHEN dead THEN 'refused' END, '[]', '[]', 1, \
     'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'",
];

/// Events that wait, and their deliveries.
const WAITING: [&str; 2] = [
    "INSERT INTO events (id, kind, source, event_type, headers, content_type, body, received_at, status, \
     open_deliveries, failed_deliveries) \
     SELECT id, 'webhook', 'bench', 'push', '[]', 'application/json', CAST('{\"n\":' || n || '}' AS BLOB), at, \
     'pending', 1, 0",
    "INSERT INTO deliveries (id, event_id, plugin, state, attempts, due_at, created_at) \
     SELECT delivery, id, 'load', 'pending', 0, at, at",
];

#[cfg(test)]
mod tests {
    use hookyard::domain::id::EventId;
    use hookyard::store;

    use super::*;

    #[test]
    fn the_statement_says_what_the_constant_does() {
        assert!(NUMBERS.contains(&FIRST_MS.to_string()));
    }

    #[tokio::test]
    async fn a_history_is_read_back() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("test.db");
        let url = format!("sqlite://{}", file.display());
        store::open(&url).await.expect("a store").close().await;
        let history = History {
            stored: 2_000,
            waiting: 50,
        };
        history.write(&file).expect("a history");
        let store = store::open(&url).await.expect("a store");
        let id: EventId = history.an_id().parse().expect("an id");
        assert!(store.event(id).await.expect("an answer").is_some());
        let counts = store.delivery_counts().await.expect("counts");
        let counts: Vec<_> = counts
            .iter()
            .map(|count| (count.state.as_str(), count.count))
            .collect();
        assert_eq!(counts, [("dead", 2), ("pending", 50), ("succeeded", 1_998)]);
        store.close().await;
    }
}
