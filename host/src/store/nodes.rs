//! The nodes that share this database.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{Postgres, Sqlite};
use trait_gen::trait_gen;

use super::dialect::Dialect as _;
use super::rows::RowReader;
use super::sql::{SqlStore, sql};
use super::words::{clean, int};
use super::{StoreError, StoreResult};
use crate::domain::id::NodeId;
use crate::domain::node::{Node, NodeReport};

const TABLE: &str = "nodes";

/// The nodes that share the database, by its own clock.
#[async_trait]
pub trait NodeStore: Send + Sync {
    /// Notes that this node is there and what it says of itself, and forgets nodes that were not heard
    /// for so long.
    async fn report_node(&self, report: &NodeReport, forget_after: Duration) -> StoreResult<()>;
    /// All that are not forgotten, oldest first.
    async fn nodes(&self) -> StoreResult<Vec<Node>>;
    /// Forgets a node that stops.
    async fn remove_node(&self, node: NodeId) -> StoreResult<()>;
    /// Forgets all but this one.
    async fn remove_other_nodes(&self, node: NodeId) -> StoreResult<()>;
}

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl NodeStore for SqlStore<Db> {
    async fn report_node(&self, report: &NodeReport, forget_after: Duration) -> StoreResult<()> {
        let builds = serde_json::to_string(&report.builds).map_err(|error| StoreError::Corrupt {
            table: TABLE,
            column: "builds",
            row: report.id.to_string(),
            why: error.to_string(),
        })?;
        let mut tx = self.begin().await?;
        sql::<Db>("INSERT INTO nodes (id, host, version, plugins_digest, builds, started_at, seen_at) VALUES (")
            .push_bind(report.id.to_string())
            .push(", ")
            .push_bind(clean(&report.host).as_ref())
            .push(", ")
            .push_bind(report.version.as_str())
            .push(", ")
            .push_bind(report.plugins_digest.as_deref())
            .push(", ")
            .push_bind(builds)
            .push(", ")
            .push(Db::NOW)
            .push(", ")
            .push(Db::NOW)
            .push(
                ") ON CONFLICT (id) DO UPDATE SET host = excluded.host, version = excluded.version, \
                 plugins_digest = excluded.plugins_digest, builds = excluded.builds, seen_at = excluded.seen_at",
            )
            .build()
            .execute(&mut *tx)
            .await?;
        sql::<Db>("DELETE FROM nodes WHERE seen_at < ")
            .push(Db::NOW)
            .push(" - ")
            .push_bind(int(forget_after.as_millis()))
            .build()
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn nodes(&self) -> StoreResult<Vec<Node>> {
        let rows = sql::<Db>("SELECT id, host, version, plugins_digest, builds, started_at, seen_at, ")
            .push(Db::NOW)
            .push(" - seen_at AS unseen FROM nodes ORDER BY started_at, id")
            .build()
            .fetch_all(&self.reader)
            .await?;
        rows.iter().map(Self::node).collect()
    }

    async fn remove_node(&self, node: NodeId) -> StoreResult<()> {
        sqlx::query("DELETE FROM nodes WHERE id = $1")
            .bind(node.to_string())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn remove_other_nodes(&self, node: NodeId) -> StoreResult<()> {
        sqlx::query("DELETE FROM nodes WHERE id <> $1")
            .bind(node.to_string())
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    fn node(row: &<Db as sqlx::Database>::Row) -> StoreResult<Node> {
        let row = RowReader::new(row, TABLE, "id");
        Ok(Node {
            report: NodeReport {
                id: row.parsed("id")?,
                host: row.text("host")?,
                version: row.text("version")?,
                plugins_digest: row.text_opt("plugins_digest")?,
                builds: row.json("builds")?,
            },
            started_at: row.moment("started_at")?,
            seen_at: row.moment("seen_at")?,
            // PostgreSQL's clock may be set back.
            unseen: Duration::from_millis(row.number::<i64>("unseen")?.try_into().unwrap_or(0)),
        })
    }
}
