//! Key-value entries of plugins. Keys are stored as bytes: any text fits (PostgreSQL's TEXT takes
//! no NUL), and both databases list them in byte order.

use async_trait::async_trait;
use sqlx::{Database, Postgres, Sqlite};
use trait_gen::trait_gen;

use super::dialect::Dialect as _;
use super::rows::RowReader;
use super::sql::{SqlStore, sql};
use super::words::int;
use super::{StoreError, StoreResult};
use crate::domain::plugin::PluginName;

/// A plugin's key-value entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateEntry {
    pub value: Vec<u8>,
    /// 1 for the first write of the key.
    pub version: u64,
}

/// How much one plugin may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateQuota {
    pub keys: u64,
    /// Bytes of keys and values together.
    pub bytes: u64,
}

/// What came of a write of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateWrite {
    /// The new version.
    Written(u64),
    /// The quota would be passed; nothing was written.
    Full,
    /// The key did not have the expected version.
    Conflict,
}

/// When a write of state may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateExpect {
    Any,
    Absent,
    Version(u64),
}

/// Key-value entries of plugins.
#[async_trait]
pub trait StateStore: Send + Sync {
    async fn state_get(&self, plugin: &PluginName, key: &str) -> StoreResult<Option<StateEntry>>;
    async fn state_put(
        &self,
        plugin: &PluginName,
        key: &str,
        value: &[u8],
        expect: StateExpect,
        quota: StateQuota,
    ) -> StoreResult<StateWrite>;
    /// Whether the key was there.
    async fn state_delete(&self, plugin: &PluginName, key: &str) -> StoreResult<bool>;
    /// Keys with `prefix` after `after`, in byte order.
    async fn state_keys(
        &self,
        plugin: &PluginName,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> StoreResult<Vec<String>>;
}

/// What one plugin keeps.
#[derive(Clone, Copy, Default)]
struct Usage {
    keys: u64,
    bytes: u64,
}

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl StateStore for SqlStore<Db> {
    async fn state_get(&self, plugin: &PluginName, key: &str) -> StoreResult<Option<StateEntry>> {
        let row =
            sqlx::query("SELECT plugin, value, version FROM plugin_state WHERE plugin = $1 AND key = $2")
                .bind(plugin.as_str())
                .bind(key.as_bytes())
                .fetch_optional(&self.reader)
                .await?;
        let Some(row) = row else { return Ok(None) };
        let row = RowReader::new(&row, "plugin_state", "plugin");
        Ok(Some(StateEntry {
            value: row.bytes("value")?,
            version: row.number("version")?,
        }))
    }

    async fn state_put(
        &self,
        plugin: &PluginName,
        key: &str,
        value: &[u8],
        expect: StateExpect,
        quota: StateQuota,
    ) -> StoreResult<StateWrite> {
        let mut tx = self.begin().await?;
        if let Some(lock) = Db::LOCK_STATE {
            sqlx::query(lock).bind(plugin.as_str()).execute(&mut *tx).await?;
        }
        let old = Self::entry_size(&mut tx, plugin, key).await?;
        let version = old.map(|(version, _)| version);
        let fits = match expect {
            StateExpect::Any => true,
            StateExpect::Absent => version.is_none(),
            StateExpect::Version(wanted) => version == Some(wanted),
        };
        if !fits {
            return Ok(StateWrite::Conflict);
        }
        let used = Self::usage(&mut tx, plugin).await?;
        let size = u64::try_from(key.len() + value.len()).unwrap_or(u64::MAX);
        if passes(used, old.map(|(_, size)| size), size, quota) {
            return Ok(StateWrite::Full);
        }
        let next = version.unwrap_or(0).saturating_add(1);
        sqlx::query(
            "INSERT INTO plugin_state (plugin, key, value, version) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (plugin, key) DO UPDATE SET value = excluded.value, version = excluded.version",
        )
        .bind(plugin.as_str())
        .bind(key.as_bytes())
        .bind(value)
        .bind(int(next))
        .execute(&mut *tx)
        .await?;
        let now = used.with(old.map(|(_, size)| size), Some(size));
        Self::note_usage(&mut tx, plugin, now).await?;
        tx.commit().await?;
        Ok(StateWrite::Written(next))
    }

    async fn state_delete(&self, plugin: &PluginName, key: &str) -> StoreResult<bool> {
        let mut tx = self.begin().await?;
        if let Some(lock) = Db::LOCK_STATE {
            sqlx::query(lock).bind(plugin.as_str()).execute(&mut *tx).await?;
        }
        let Some((_, size)) = Self::entry_size(&mut tx, plugin, key).await? else {
            return Ok(false);
        };
        sqlx::query("DELETE FROM plugin_state WHERE plugin = $1 AND key = $2")
            .bind(plugin.as_str())
            .bind(key.as_bytes())
            .execute(&mut *tx)
            .await?;
        let now = Self::usage(&mut tx, plugin).await?.with(Some(size), None);
        Self::note_usage(&mut tx, plugin, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn state_keys(
        &self,
        plugin: &PluginName,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> StoreResult<Vec<String>> {
        let mut query = sql::<Db>("SELECT plugin, key FROM plugin_state WHERE plugin = ");
        query
            .push_bind(plugin.as_str())
            .push(" AND key >= ")
            .push_bind(prefix.as_bytes());
        if let Some(end) = after_prefix(prefix.as_bytes()) {
            query.push(" AND key < ").push_bind(end);
        }
        if let Some(after) = after {
            query.push(" AND key > ").push_bind(after.as_bytes());
        }
        query.push(" ORDER BY key LIMIT ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&self.reader).await?;
        rows.iter()
            .map(|row| {
                let key = RowReader::new(row, "plugin_state", "plugin").bytes("key")?;
                String::from_utf8(key).map_err(|e| StoreError::Corrupt {
                    table: "plugin_state",
                    column: "key",
                    row: plugin.to_string(),
                    why: e.to_string(),
                })
            })
            .collect()
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// Version of an entry, and bytes of its key and value.
    async fn entry_size(
        conn: &mut <Db as Database>::Connection,
        plugin: &PluginName,
        key: &str,
    ) -> StoreResult<Option<(u64, u64)>> {
        let row = sqlx::query(
            "SELECT plugin, version, CAST(length(key) + length(value) AS BIGINT) AS bytes \
             FROM plugin_state WHERE plugin = $1 AND key = $2",
        )
        .bind(plugin.as_str())
        .bind(key.as_bytes())
        .fetch_optional(&mut *conn)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let row = RowReader::new(&row, "plugin_state", "plugin");
        Ok(Some((row.number("version")?, row.number("bytes")?)))
    }

    /// What the plugin keeps, from a row of its own: to count its entries would take longer the more there are.
    async fn usage(conn: &mut <Db as Database>::Connection, plugin: &PluginName) -> StoreResult<Usage> {
        let row = sqlx::query("SELECT plugin, keys, bytes FROM plugin_state_usage WHERE plugin = $1")
            .bind(plugin.as_str())
            .fetch_optional(&mut *conn)
            .await?;
        let Some(row) = row else {
            return Ok(Usage::default());
        };
        let row = RowReader::new(&row, "plugin_state_usage", "plugin");
        Ok(Usage {
            keys: row.number("keys")?,
            bytes: row.number("bytes")?,
        })
    }

    async fn note_usage(
        conn: &mut <Db as Database>::Connection,
        plugin: &PluginName,
        usage: Usage,
    ) -> StoreResult<()> {
        sqlx::query(
            "INSERT INTO plugin_state_usage (plugin, keys, bytes) VALUES ($1, $2, $3) \
             ON CONFLICT (plugin) DO UPDATE SET keys = excluded.keys, bytes = excluded.bytes",
        )
        .bind(plugin.as_str())
        .bind(int(usage.keys))
        .bind(int(usage.bytes))
        .execute(&mut *conn)
        .await?;
        Ok(())
    }
}

impl Usage {
    /// The same with an entry of `old` bytes gone and one of `new` bytes there.
    fn with(self, old: Option<u64>, new: Option<u64>) -> Self {
        let count = |entry: Option<u64>| u64::from(entry.is_some());
        Self {
            keys: (self.keys + count(new)).saturating_sub(count(old)),
            bytes: (self.bytes.saturating_add(new.unwrap_or(0))).saturating_sub(old.unwrap_or(0)),
        }
    }
}

/// Whether a write of `size` bytes over an entry of `old` bytes passes the quota. What makes the
/// whole smaller is always let through, or a lowered quota would forbid shrinking.
fn passes(used: Usage, old: Option<u64>, size: u64, quota: StateQuota) -> bool {
    let keys = if old.is_some() { used.keys } else { used.keys + 1 };
    let bytes = (used.bytes - old.unwrap_or(0).min(used.bytes)).saturating_add(size);
    (old.is_none() && keys > quota.keys) || (bytes > quota.bytes && bytes > used.bytes)
}

/// The first byte string after all that begin with `prefix`; `None` when there is none.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix.get(..=last)?.to_vec();
    *end.last_mut()? += 1;
    Some(end)
}
