//! Bare group commits: whatever waits, up to [`MOST`], in one transaction that is on disk before anybody is answered.

use anyhow::Context as _;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::mpsc::Receiver;

use super::Waiting;

/// Most bodies of one commit: as many as one of the host's.
pub const MOST: usize = 256;

/// What waits, at least one; `None` when nobody will come any more.
fn batch(first: Waiting, waiting: &mut Receiver<Waiting>) -> Vec<Waiting> {
    let mut batch = vec![first];
    while batch.len() < MOST
        && let Ok(more) = waiting.try_recv()
    {
        batch.push(more);
    }
    batch
}

fn answer(batch: Vec<Waiting>) {
    for one in batch {
        // A sender that has gone needs no answer.
        let _gone = one.done.send(());
    }
}

/// SQLite with a thread of its own.
pub struct Sqlite(rusqlite::Connection);

impl Sqlite {
    /// A new database with the host's settings.
    pub fn open(file: &str) -> anyhow::Result<Self> {
        let connection = rusqlite::Connection::open(file).with_context(|| format!("cannot open {file}"))?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864;
             CREATE TABLE events (id TEXT PRIMARY KEY NOT NULL, body BLOB NOT NULL);",
        )?;
        Ok(Self(connection))
    }

    /// Commits until nobody sends any more. A commit that fails ends it: its senders are told 503.
    pub fn run(mut self, mut waiting: Receiver<Waiting>) {
        while let Some(first) = waiting.blocking_recv() {
            let batch = batch(first, &mut waiting);
            if let Err(error) = self.commit(&batch) {
                eprintln!("error: {error:#}");
                return;
            }
            answer(batch);
        }
    }

    fn commit(&mut self, batch: &[Waiting]) -> anyhow::Result<()> {
        let transaction = self
            .0
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO events (id, body) VALUES (?1, ?2)")?;
            for one in batch {
                insert.execute(rusqlite::params![one.id, &one.body[..]])?;
            }
        }
        Ok(transaction.commit()?)
    }
}

/// PostgreSQL over one connection.
pub struct Postgres(PgConnection);

impl Postgres {
    /// A new table in this database.
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        let mut connection = PgConnection::connect(url).await?;
        sqlx::query("DROP TABLE IF EXISTS bench_events")
            .execute(&mut connection)
            .await?;
        sqlx::query("CREATE TABLE bench_events (id TEXT PRIMARY KEY, body BYTEA NOT NULL)")
            .execute(&mut connection)
            .await?;
        Ok(Self(connection))
    }

    /// As [`Sqlite::run`]. One statement is one transaction.
    pub async fn run(mut self, mut waiting: Receiver<Waiting>) {
        while let Some(first) = waiting.recv().await {
            let batch = batch(first, &mut waiting);
            let ids: Vec<&str> = batch.iter().map(|one| one.id.as_str()).collect();
            let bodies: Vec<&[u8]> = batch.iter().map(|one| &one.body[..]).collect();
            let insert = sqlx::query(
                "INSERT INTO bench_events (id, body) SELECT * FROM UNNEST($1::text[], $2::bytea[])",
            )
            .bind(ids)
            .bind(bodies)
            .execute(&mut self.0);
            if let Err(error) = insert.await {
                eprintln!("error: {error:#}");
                return;
            }
            answer(batch);
        }
    }
}
