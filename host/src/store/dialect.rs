//! What really differs between the two databases. Everything else is one SQL text.

use sqlx::{Database, Postgres, Sqlite};

/// One database's way of saying what the other says differently.
pub trait Dialect: Database {
    /// Begins a transaction that will write.
    const BEGIN_WRITE: &'static str;
    /// Begins a transaction whose reads all see one moment.
    const BEGIN_SNAPSHOT: &'static str;
    /// The database's clock in whole milliseconds; stands still within one statement.
    const NOW: &'static str;
    /// Ends a `SELECT` of rows that this transaction will write.
    const LOCK: &'static str;
    /// The same for the deliveries `d` of a claim: passes over rows another transaction holds.
    const LOCK_FREE: &'static str;
    /// Whether one process at a time uses the database.
    const ONE_PROCESS: bool;
    /// Most bind parameters of one statement that we use.
    const MAX_BINDS: usize;
    /// Makes writers of one plugin's state wait for each other, `$1` being the plugin; `None` where
    /// writers wait for each other anyway.
    const LOCK_STATE: Option<&'static str>;
    /// Gives free pages back to the file system, with how many in brackets after it; `None` where the database does
    /// it by itself.
    const RECLAIM: Option<&'static str>;
    /// Writes the whole database anew, without what is free. Nothing else is written meanwhile.
    const VACUUM: &'static [&'static str];
    /// Per table of counters: how many rows folding would save, zero while it is not worth it, and the
    /// fold of at most `$1` rows. Empty where counters are changed in place.
    const FOLD_COUNTS: &'static [(&'static str, &'static str)];
    /// Ends a `SELECT` of one table's rows that this transaction will write: passes over those that another holds.
    const LOCK_ONE_FREE: &'static str;
    /// As [`LOCK`](Self::LOCK), of rows whose keys stay: others may go on referring to them meanwhile.
    const LOCK_KEEPING_KEYS: &'static str;
}

impl Dialect for Sqlite {
    // IMMEDIATE takes the write lock at once: a transaction that reads first and then cannot
    // upgrade would fail without waiting for the busy timeout.
    const BEGIN_WRITE: &'static str = "BEGIN IMMEDIATE";
    const BEGIN_SNAPSHOT: &'static str = "BEGIN";
    // unixepoch('subsec') is whole milliseconds divided by 1000.0: only rounding gives them back.
    const NOW: &'static str = "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)";
    const LOCK: &'static str = "";
    const LOCK_FREE: &'static str = "";
    // Its file is locked: see `lock.rs`.
    const ONE_PROCESS: bool = true;
    // SQLITE_MAX_VARIABLE_NUMBER is 32,766.
    const MAX_BINDS: usize = 32_000;
    const LOCK_STATE: Option<&'static str> = None;
    const RECLAIM: Option<&'static str> = Some("PRAGMA incremental_vacuum");
    // A database made by an earlier version gets the setting here: it takes effect when all is written anew.
    const VACUUM: &'static [&'static str] = &[
        "PRAGMA auto_vacuum = INCREMENTAL",
        "VACUUM",
        "PRAGMA wal_checkpoint(TRUNCATE)",
    ];
    const FOLD_COUNTS: &'static [(&'static str, &'static str)] = &[];
    const LOCK_ONE_FREE: &'static str = "";
    const LOCK_KEEPING_KEYS: &'static str = "";
}

impl Dialect for Postgres {
    const BEGIN_WRITE: &'static str = "BEGIN";
    const BEGIN_SNAPSHOT: &'static str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    // Not clock_timestamp(): that is volatile, so a comparison with it cannot use an index.
    const NOW: &'static str = "CAST(floor(extract(epoch FROM statement_timestamp()) * 1000) AS BIGINT)";
    const LOCK: &'static str = " FOR UPDATE";
    const LOCK_FREE: &'static str = " FOR UPDATE OF d SKIP LOCKED";
    const ONE_PROCESS: bool = false;
    // The protocol counts parameters in 16 bits: 65,535.
    const MAX_BINDS: usize = 65_000;
    // Its own autovacuum makes room for new rows.
    const RECLAIM: Option<&'static str> = None;
    const VACUUM: &'static [&'static str] = &["VACUUM (ANALYZE)"];
    const LOCK_STATE: Option<&'static str> = Some("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))");
    // Below 100 rows a sum costs less than a fold.
    const FOLD_COUNTS: &'static [(&'static str, &'static str)] = &[
        (
            "SELECT CASE WHEN COUNT(*) - COUNT(DISTINCT (plugin, state)) < 100 THEN 0 \
             ELSE COUNT(*) - COUNT(DISTINCT (plugin, state)) END FROM delivery_counts",
            "WITH gone AS (DELETE FROM delivery_counts WHERE ctid = ANY (ARRAY( \
                 SELECT ctid FROM delivery_counts LIMIT $1 FOR UPDATE SKIP LOCKED)) \
                 RETURNING plugin, state, count) \
             INSERT INTO delivery_counts (plugin, state, count) SELECT plugin, state, SUM(count) FROM gone \
             GROUP BY plugin, state HAVING SUM(count) <> 0",
        ),
        (
            "SELECT CASE WHEN COUNT(*) - COUNT(DISTINCT (source, status)) < 100 THEN 0 \
             ELSE COUNT(*) - COUNT(DISTINCT (source, status)) END FROM event_counts",
            "WITH gone AS (DELETE FROM event_counts WHERE ctid = ANY (ARRAY( \
                 SELECT ctid FROM event_counts LIMIT $1 FOR UPDATE SKIP LOCKED)) \
                 RETURNING source, status, count) \
             INSERT INTO event_counts (source, status, count) SELECT source, status, SUM(count) FROM gone \
             GROUP BY source, status HAVING SUM(count) <> 0",
        ),
        // Of the last hour alone: what is older gets no more changes, and days of it are kept.
        (
            "SELECT CASE WHEN COUNT(*) - COUNT(DISTINCT (bucket, plugin, what)) < 100 THEN 0 \
             ELSE COUNT(*) - COUNT(DISTINCT (bucket, plugin, what)) END FROM tallies \
             WHERE bucket >= CAST(floor(extract(epoch FROM statement_timestamp()) * 1000) AS BIGINT) - 3600000",
            "WITH gone AS (DELETE FROM tallies WHERE ctid = ANY (ARRAY( \
                 SELECT ctid FROM tallies \
                 WHERE bucket >= CAST(floor(extract(epoch FROM statement_timestamp()) * 1000) AS BIGINT) - 3600000 \
                 LIMIT $1 FOR UPDATE SKIP LOCKED)) \
                 RETURNING bucket, plugin, what, count) \
             INSERT INTO tallies (bucket, plugin, what, count) SELECT bucket, plugin, what, SUM(count) FROM gone \
             GROUP BY bucket, plugin, what",
        ),
    ];
    const LOCK_ONE_FREE: &'static str = " FOR UPDATE SKIP LOCKED";
    const LOCK_KEEPING_KEYS: &'static str = " FOR NO KEY UPDATE";
}
