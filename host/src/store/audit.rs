//! The audit log: rows are added and read, and go only with age.

use async_trait::async_trait;
use sqlx::{Postgres, QueryBuilder, Sqlite};
use trait_gen::trait_gen;

use super::dialect::Dialect as _;
use super::rows::{Columns, RowReader};
use super::sql::{SqlStore, sql};
use super::words::{clean, clean_opt, int};
use super::{AuditStore, StoreResult};
use crate::domain::access::Role;
use crate::domain::audit::{Actor, AuditEntry, AuditFilter};
use crate::domain::page::{Page, PageRequest};

const AUDIT_COLUMNS: &str = "id, at, actor, role, via, address, action, target, detail, request_id";

/// Bind parameters of one entry in its INSERT.
const ENTRY_BINDS: usize = 10;

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl AuditStore for SqlStore<Db> {
    async fn note_audit(&self, entries: &[AuditEntry]) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        for chunk in entries.chunks(Db::MAX_BINDS / ENTRY_BINDS) {
            sql::<Db>("INSERT INTO audit_log (")
                .push(AUDIT_COLUMNS)
                .push(") ")
                .push_values(chunk, |mut row, entry| {
                    let actor = &entry.actor;
                    row.push_bind(entry.id.to_string())
                        .push_bind(entry.at.as_millis())
                        .push_bind(clean(&actor.name).into_owned())
                        .push_bind(actor.role.map(Role::as_str))
                        .push_bind(actor.via.as_str())
                        .push_bind(actor.address.as_deref())
                        .push_bind(entry.action.as_str())
                        .push_bind(clean(&entry.target).into_owned())
                        .push_bind(entry.detail.to_string())
                        .push_bind(clean_opt(actor.request_id.as_deref()).map(std::borrow::Cow::into_owned));
                })
                .build()
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    async fn audit_page(&self, filter: &AuditFilter, page: PageRequest) -> StoreResult<Page<AuditEntry>> {
        let mut count = sql::<Db>("SELECT COUNT(*) FROM audit_log");
        Self::push_audit_filter(&mut count, filter);
        let total: i64 = count.build_query_scalar().fetch_one(&self.reader).await?;
        let mut list = sql::<Db>("SELECT ");
        list.push(AUDIT_COLUMNS).push(" FROM audit_log");
        Self::push_audit_filter(&mut list, filter);
        list.push(" ORDER BY at DESC, id DESC LIMIT ")
            .push_bind(i64::from(page.size))
            .push(" OFFSET ")
            .push_bind(int(page.offset()));
        let rows = list.build().fetch_all(&self.reader).await?;
        Ok(Page {
            total: u64::try_from(total).unwrap_or(0),
            items: rows.iter().map(entry_from).collect::<StoreResult<_>>()?,
        })
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    fn push_audit_filter(query: &mut QueryBuilder<Db>, filter: &AuditFilter) {
        query.push(" WHERE 1 = 1");
        for (column, wanted) in [
            (" AND actor = ", &filter.actor),
            (" AND action = ", &filter.action),
            (" AND target = ", &filter.target),
        ] {
            if let Some(wanted) = wanted {
                query.push(column).push_bind(clean(wanted).into_owned());
            }
        }
        if let Some(since) = filter.since {
            query.push(" AND at >= ").push_bind(since.as_millis());
        }
        if let Some(until) = filter.until {
            query.push(" AND at < ").push_bind(until.as_millis());
        }
    }
}

fn entry_from(row: &impl Columns) -> StoreResult<AuditEntry> {
    let row = RowReader::new(row, "audit_log", "id");
    Ok(AuditEntry {
        id: row.parsed("id")?,
        at: row.moment("at")?,
        actor: Actor {
            name: row.text("actor")?,
            role: row.parsed_opt("role")?,
            via: row.parsed("via")?,
            address: row.text_opt("address")?,
            request_id: row.text_opt("request_id")?,
        },
        action: row.text("action")?,
        target: row.text("target")?,
        detail: row.json("detail")?,
    })
}
