//! What comes next for an order: the deliveries or events after its cursor, and which of them it is about.

use sqlx::{Database, Postgres, QueryBuilder, Sqlite};
use trait_gen::trait_gen;

use super::StoreResult;
use super::rows::{Columns, RowReader};
use super::sql::{SqlStore, sql};
use super::words::{clean, int};
use crate::domain::event::{EventFilter, EventKind};
use crate::domain::id::{DeliveryId, EventId};
use crate::domain::plugin::PluginName;
use crate::domain::replay::{
    Aim, Cursor, DeliveryFilter, EventSelection, JobFilter, JobKind, Receivers, ReplayJob,
};

/// Most deliveries or events that one step looks at: bounds a transaction in which few of them match.
pub(super) const SCAN_LIMIT: usize = 500;

/// What an order has come to: a delivery, or an event.
pub(super) struct Met {
    pub place: Cursor,
    pub event: EventId,
    /// The delivery and its plugin, of an order that is about deliveries.
    pub delivery: Option<(DeliveryId, PluginName)>,
    /// Whether the order is about it.
    pub fits: bool,
}

impl Met {
    /// The plugins that replays go to whatever the event holds; none where its routes say so.
    pub fn named<'a>(&'a self, job: &'a ReplayJob) -> &'a [PluginName] {
        match (&job.to, &self.delivery) {
            (Some(Aim::Named(names)), _) => names,
            (Some(Aim::Wanting), _) | (None, None) => &[],
            (None, Some((_, plugin))) => std::slice::from_ref(plugin),
        }
    }

    /// Whether the event's content is looked into, to say where a replay goes and in which order.
    pub fn is_looked_into(&self, job: &ReplayJob, receivers: &Receivers) -> bool {
        let keeps_order = |plugin| receivers.order_by(plugin).is_some();
        job.kind == JobKind::Replay
            && (job.to == Some(Aim::Wanting) || self.named(job).iter().any(keeps_order))
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// The next ones after the order's cursor.
    pub(super) async fn window(
        conn: &mut <Db as Database>::Connection,
        job: &ReplayJob,
    ) -> StoreResult<Vec<Met>> {
        match &job.filter {
            JobFilter::Deliveries(filter) => Self::deliveries_window(conn, job, filter).await,
            JobFilter::Events(selection) => Self::events_window(conn, job, selection).await,
        }
    }

    /// The next deliveries that have the filter's state and plugin, in order. Those fit
    /// that meet the other conditions too, and did so when the order was given. The order's own replays never do:
    /// when they failed is told by the clock of the node that ran them, which may be behind the database's.
    async fn deliveries_window(
        conn: &mut <Db as Database>::Connection,
        job: &ReplayJob,
        filter: &DeliveryFilter,
    ) -> StoreResult<Vec<Met>> {
        let mut query = sql::<Db>(
            "SELECT d.id, d.event_id, d.plugin, CAST(CASE WHEN COALESCE(d.finished_at, d.created_at) <= ",
        );
        query
            .push_bind(job.created_at.as_millis())
            .push(" AND (d.replay_job IS NULL OR d.replay_job <> ")
            .push_bind(job.id.to_string())
            .push(")");
        Self::push_conditions(&mut query, filter);
        query.push(" THEN 1 ELSE 0 END AS BIGINT) AS fits FROM (SELECT w.id FROM deliveries w WHERE 1 = 1");
        Self::push_indexed(&mut query, "w", filter);
        if let Some(cursor) = job.cursor {
            query.push(" AND w.id > ").push_bind(cursor.id.to_string());
        }
        query
            .push(" ORDER BY w.id LIMIT ")
            .push_bind(int(SCAN_LIMIT))
            .push(") AS w JOIN deliveries d ON d.id = w.id JOIN events e ON e.id = d.event_id ORDER BY d.id");
        let rows = query.build().fetch_all(&mut *conn).await?;
        rows.iter().map(delivery_from).collect()
    }

    /// The next events of the selection's source and time, in the order of their coming, that were there when the order
    /// was given.
    async fn events_window(
        conn: &mut <Db as Database>::Connection,
        job: &ReplayJob,
        selection: &EventSelection,
    ) -> StoreResult<Vec<Met>> {
        let mut query = sql::<Db>("SELECT e.id, e.received_at, CAST(CASE WHEN 1 = 1");
        Self::push_selection(&mut query, selection, job.to.as_ref());
        query.push(" THEN 1 ELSE 0 END AS BIGINT) AS fits FROM events e");
        Self::push_filter(&mut query, &indexed(selection));
        // By what the events themselves say: the clocks of nodes and database may differ.
        if let Some(newest) = job.newest {
            query.push(" AND e.received_at <= ").push_bind(newest.as_millis());
        }
        if let Some((id, at)) = job.cursor.and_then(|cursor| Some((cursor.id, cursor.at?))) {
            query
                .push(" AND (e.received_at, e.id) > (")
                .push_bind(at.as_millis())
                .push(", ")
                .push_bind(id.to_string())
                .push(")");
        }
        query
            .push(" ORDER BY e.received_at, e.id LIMIT ")
            .push_bind(int(SCAN_LIMIT));
        let rows = query.build().fetch_all(&mut *conn).await?;
        rows.iter().map(event_met_from).collect()
    }

    /// The selection's conditions on events `e`, but for source and time. Named plugins that have had an event do not
    /// want it, unless the selection says so.
    fn push_selection(query: &mut QueryBuilder<Db>, selection: &EventSelection, to: Option<&Aim>) {
        query
            .push(" AND e.kind = ")
            .push_bind(EventKind::Webhook.as_str());
        if let Some(event_type) = &selection.event_type {
            query
                .push(" AND e.event_type = ")
                .push_bind(clean(event_type).into_owned());
        }
        if let Some(status) = selection.status {
            query.push(" AND e.status = ").push_bind(status.as_str());
        }
        let Some(Aim::Named(names)) = to.filter(|_| !selection.again) else {
            return;
        };
        query.push(" AND (1 = 0");
        for name in names {
            query
                .push(
                    " OR NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = e.id \
                     AND d.state <> 'dead' AND d.plugin = ",
                )
                .push_bind(name.as_str().to_owned())
                .push(")");
        }
        query.push(")");
    }

    /// All that a selection finds, as what follows the columns of a statement.
    pub(super) fn push_selected(query: &mut QueryBuilder<Db>, selection: &EventSelection, to: Option<&Aim>) {
        query.push("FROM events e");
        Self::push_filter(query, &indexed(selection));
        Self::push_selection(query, selection, to);
    }
}

/// What an index of events can look up: source and time.
fn indexed(selection: &EventSelection) -> EventFilter {
    EventFilter {
        source: selection.source.clone(),
        since: selection.since,
        until: selection.until,
        ..EventFilter::default()
    }
}

fn delivery_from(row: &impl Columns) -> StoreResult<Met> {
    let row = RowReader::new(row, "deliveries", "id");
    let id: DeliveryId = row.parsed("id")?;
    Ok(Met {
        place: Cursor {
            id: id.as_uuid(),
            at: None,
        },
        event: row.parsed("event_id")?,
        delivery: Some((id, row.parsed("plugin")?)),
        fits: row.number::<u8>("fits")? == 1,
    })
}

fn event_met_from(row: &impl Columns) -> StoreResult<Met> {
    let row = RowReader::new(row, "events", "id");
    let event: EventId = row.parsed("id")?;
    Ok(Met {
        place: Cursor {
            id: event.as_uuid(),
            at: Some(row.moment("received_at")?),
        },
        event,
        delivery: None,
        fits: row.number::<u8>("fits")? == 1,
    })
}
