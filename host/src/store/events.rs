//! Events: accepting them, and reading them back.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use sqlx::{Database, Postgres, QueryBuilder, Sqlite};
use trait_gen::trait_gen;

use super::dialect::Dialect;
use super::rows::{Columns, RowReader};
use super::seals::Seals;
use super::sql::{SqlStore, sql};
use super::turns::{Place, turn_key};
use super::words::{clean, int};
use super::{EventStore, StoreResult};
use crate::domain::delivery::{DeliveryState, NewDelivery};
use crate::domain::event::{
    Acceptance, Accepted, Event, EventFilter, EventOrder, EventStatus, Header, KnownPast, NewEvent, PastEvent,
};
use crate::domain::id::EventId;
use crate::domain::order::OrderKey;
use crate::domain::page::{COUNT_BOUND, Listed, PageRequest};
use crate::domain::time::Timestamp;
use crate::fault::{self, Point};

/// The columns of an [`Event`], `e` being the table.
pub(super) const EVENT_COLUMNS: &str = "e.id AS event_id, e.kind, e.source, e.event_type, e.headers, \
     e.content_type, e.body, e.payload_start, e.payload_end, e.received_at, e.processed_at, e.status, \
     e.error_message, e.owner_id, e.redacted, e.key_id, e.edited_from";

/// Bind parameters of one event and of one delivery in their INSERTs.
const EVENT_BINDS: usize = 17;
const DELIVERY_BINDS: usize = 7;

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl EventStore for SqlStore<Db> {
    async fn accept_events(&self, events: &[NewEvent]) -> StoreResult<Vec<Accepted>> {
        let mut tx = self.begin().await?;
        let accepted = Self::accept_in(&mut tx, &self.seals, events).await?;
        fault::pass(Point::BeforeCommit);
        tx.commit().await?;
        fault::pass(Point::AfterCommit);
        Ok(accepted)
    }

    async fn import_events(&self, events: &[PastEvent]) -> StoreResult<u64> {
        self.insert_imported(events).await
    }

    async fn take_over_events(&self, events: &[NewEvent]) -> StoreResult<u64> {
        self.insert_taken_over(events).await
    }

    async fn known_events(&self, ids: &[EventId]) -> StoreResult<HashMap<EventId, KnownPast>> {
        self.find_known(ids).await
    }

    async fn event(&self, id: EventId) -> StoreResult<Option<Event>> {
        let row = sql::<Db>("SELECT ")
            .push(EVENT_COLUMNS)
            .push(" FROM events e WHERE e.id = ")
            .push_bind(id.to_string())
            .build()
            .fetch_optional(&self.reader)
            .await?;
        row.map(|row| event_from(&row, &self.seals)).transpose()
    }

    async fn events(
        &self,
        filter: &EventFilter,
        order: EventOrder,
        page: PageRequest,
    ) -> StoreResult<Listed<Event>> {
        let total = if let Some(total) = self.counted_events(filter).await? {
            total
        } else {
            self.count_up_to(COUNT_BOUND, |query| {
                query.push("FROM events e");
                Self::push_filter(query, filter);
            })
            .await?
        };
        let mut list = sql::<Db>("SELECT ");
        list.push(EVENT_COLUMNS).push(" FROM events e");
        Self::push_filter(&mut list, filter);
        list.push(match order {
            EventOrder::NewestFirst => " ORDER BY e.received_at DESC, e.id DESC",
            EventOrder::OldestFirst => " ORDER BY e.received_at, e.id",
        });
        list.push(" LIMIT ").push_bind(i64::from(page.size));
        list.push(" OFFSET ").push_bind(int(page.offset()));
        let rows = list.build().fetch_all(&self.reader).await?;
        let items = rows.iter().map(|row| event_from(row, &self.seals));
        Ok(Listed::new(total, items.collect::<StoreResult<_>>()?))
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// Accepts events within the caller's transaction.
    pub(super) async fn accept_in(
        conn: &mut <Db as Database>::Connection,
        seals: &Seals,
        events: &[NewEvent],
    ) -> StoreResult<Vec<Accepted>> {
        let accepted = Self::take_once(conn, events).await?;
        let new: Vec<_> = events
            .iter()
            .zip(&accepted)
            .filter(|(_, accepted)| accepted.kind == Acceptance::New)
            .map(|(event, _)| event)
            .collect();
        Self::insert_rows(conn, seals, &new).await?;
        Ok(accepted)
    }

    /// The rows of events and their deliveries, within the caller's transaction, whatever their keys are.
    pub(super) async fn insert_accepted(
        conn: &mut <Db as Database>::Connection,
        seals: &Seals,
        events: &[NewEvent],
    ) -> StoreResult<()> {
        Self::insert_rows(conn, seals, &events.iter().collect::<Vec<_>>()).await
    }

    async fn insert_rows(
        conn: &mut <Db as Database>::Connection,
        seals: &Seals,
        events: &[&NewEvent],
    ) -> StoreResult<()> {
        let sources: Vec<_> = events
            .iter()
            .map(|event| (event.source.as_str(), event.received_at))
            .collect();
        Self::note_sources(conn, sources.into_iter()).await?;
        for chunk in events.chunks(Db::MAX_BINDS / EVENT_BINDS) {
            Self::insert_events(conn, seals, chunk).await?;
        }
        let deliveries: Vec<_> = events
            .iter()
            .flat_map(|event| event.deliveries.iter().map(move |delivery| (*event, delivery)))
            .collect();
        let keys: Vec<_> = deliveries
            .iter()
            .map(|(_, delivery)| turn_key(&delivery.plugin, delivery.order_key.as_ref()))
            .collect();
        let places = Self::take_places(conn, &keys).await?;
        let deliveries: Vec<_> = deliveries.into_iter().zip(places).collect();
        for chunk in deliveries.chunks(Db::MAX_BINDS / DELIVERY_BINDS) {
            Self::insert_deliveries(conn, chunk).await?;
        }
        Ok(())
    }

    /// Makes sure that every source has its row. In order of name, so that two transactions with
    /// the same new sources cannot wait for each other in a circle.
    pub(super) async fn note_sources(
        conn: &mut <Db as Database>::Connection,
        seen: impl Iterator<Item = (&str, Timestamp)> + Send,
    ) -> StoreResult<()> {
        let mut first: BTreeMap<_, Timestamp> = BTreeMap::new();
        for (source, at) in seen {
            let known = first.entry(clean(source)).or_insert(at);
            *known = at.min(*known);
        }
        let first: Vec<_> = first.into_iter().collect();
        for chunk in first.chunks(Db::MAX_BINDS / 2) {
            sql::<Db>("INSERT INTO sources (name, first_seen_at) ")
                .push_values(chunk, |mut row, (name, at)| {
                    row.push_bind(name.as_ref()).push_bind(at.as_millis());
                })
                .push(" ON CONFLICT (name) DO NOTHING")
                .build()
                .execute(&mut *conn)
                .await?;
        }
        Ok(())
    }

    async fn insert_events(
        conn: &mut <Db as Database>::Connection,
        seals: &Seals,
        events: &[&NewEvent],
    ) -> StoreResult<()> {
        let mut rows = Vec::with_capacity(events.len());
        for event in events {
            rows.push((*event, seals.event(event.id, &event.headers, &event.body)?));
        }
        sql::<Db>(
            "INSERT INTO events (id, kind, source, event_type, headers, content_type, body, payload_start, \
             payload_end, received_at, processed_at, status, owner_id, redacted, key_id, open_deliveries, \
             failed_deliveries) ",
        )
        .push_values(rows, |mut row, (event, sealed)| {
            let status = first_status(event);
            row.push_bind(event.id.to_string())
                .push_bind(event.kind.as_str())
                .push_bind(clean(&event.source).as_ref())
                .push_bind(clean(&event.event_type).as_ref())
                .push_bind(sealed.headers.into_owned())
                .push_bind(clean(&event.content_type).as_ref())
                .push_bind(&*sealed.body)
                .push_bind(event.payload.as_ref().map(|range| int(range.start)))
                .push_bind(event.payload.as_ref().map(|range| int(range.end)))
                .push_bind(event.received_at.as_millis())
                .push_bind((status == EventStatus::Processed).then(|| event.received_at.as_millis()))
                .push_bind(status.as_str())
                .push_bind(event.owner.map(|owner| owner.to_string()))
                .push_bind(redacted_json(&event.redacted))
                .push_bind(sealed.key_id)
                .push_bind(int(event.deliveries.len()))
                .push_bind(0_i64);
        })
        .build()
        .execute(&mut *conn)
        .await?;
        Ok(())
    }

    async fn insert_deliveries(
        conn: &mut <Db as Database>::Connection,
        deliveries: &[((&NewEvent, &NewDelivery), Option<Place>)],
    ) -> StoreResult<()> {
        let columns =
            "(id, event_id, plugin, state, order_key, order_seq, waits_turn, attempts, due_at, created_at) ";
        sql::<Db>("INSERT INTO deliveries ")
            .push(columns)
            .push_values(deliveries, |mut row, ((event, delivery), place)| {
                row.push_bind(delivery.id.to_string())
                    .push_bind(event.id.to_string())
                    .push_bind(delivery.plugin.as_str())
                    .push_bind(DeliveryState::Pending.as_str())
                    .push_bind(delivery.order_key.as_ref().map(OrderKey::as_str))
                    .push_bind(place.map(|place| place.seq))
                    .push_bind(place.is_some_and(|place| place.waits))
                    .push("0")
                    .push(Db::NOW)
                    // Not the event's: one that was taken over may be years old.
                    .push(Db::NOW);
            })
            .build()
            .execute(&mut *conn)
            .await?;
        Ok(())
    }

    pub(super) fn push_filter(query: &mut QueryBuilder<Db>, filter: &EventFilter) {
        query.push(" WHERE 1 = 1");
        if let Some(owner) = filter.owner {
            query.push(" AND e.owner_id = ").push_bind(owner.to_string());
        }
        if let Some(source) = &filter.source {
            query.push(" AND e.source = ").push_bind(clean(source).as_ref());
        }
        if let Some(event_type) = &filter.event_type {
            query
                .push(" AND e.event_type = ")
                .push_bind(clean(event_type).as_ref());
        }
        if let Some(status) = filter.status {
            query.push(" AND e.status = ").push_bind(status.as_str());
        }
        if let Some(plugin) = &filter.plugin {
            query
                .push(" AND EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = e.id AND d.plugin = ")
                .push_bind(clean(plugin).as_ref())
                .push(")");
        }
        if let Some(since) = filter.since {
            query.push(" AND e.received_at >= ").push_bind(since.as_millis());
        }
        if let Some(until) = filter.until {
            query.push(" AND e.received_at < ").push_bind(until.as_millis());
        }
    }
}

/// How an event starts.
pub(super) fn first_status(event: &NewEvent) -> EventStatus {
    if event.deliveries.is_empty() {
        EventStatus::Processed
    } else {
        EventStatus::Pending
    }
}

/// Headers as JSON text: a list of pairs, in the order they came.
pub(super) fn headers_json(headers: &[Header]) -> String {
    let pairs = headers
        .iter()
        .map(|header| serde_json::json!([clean(&header.name), clean(&header.value)]));
    serde_json::Value::Array(pairs.collect()).to_string()
}

/// What was taken out, as JSON; `None` where it is as it came.
fn redacted_json(redacted: &[String]) -> Option<String> {
    (!redacted.is_empty()).then(|| serde_json::json!(redacted).to_string())
}

/// Reads an event from its [`EVENT_COLUMNS`].
pub(super) fn event_from(row: &impl Columns, seals: &Seals) -> StoreResult<Event> {
    let row = RowReader::new(row, "events", "event_id");
    let start: Option<usize> = row.number_opt("payload_start")?;
    let end: Option<usize> = row.number_opt("payload_end")?;
    let id = row.parsed("event_id")?;
    let key_id = row.text_opt("key_id")?;
    let (headers, body) =
        seals.open_event(id, key_id.as_deref(), row.text("headers")?, row.bytes("body")?)?;
    let headers: Vec<(String, String)> =
        serde_json::from_str(&headers).map_err(|e| row.corrupt("headers", &e))?;
    Ok(Event {
        id,
        kind: row.parsed("kind")?,
        source: row.text("source")?,
        event_type: row.text("event_type")?,
        headers: headers
            .into_iter()
            .map(|(name, value)| Header { name, value })
            .collect(),
        content_type: row.text("content_type")?,
        body,
        payload: start.zip(end).map(|(start, end)| start..end),
        received_at: row.moment("received_at")?,
        processed_at: row.moment_opt("processed_at")?,
        status: row.parsed("status")?,
        error_message: row.text_opt("error_message")?,
        owner: row.parsed_opt("owner_id")?,
        redacted: match row.text_opt("redacted")? {
            None => Vec::new(),
            Some(text) => serde_json::from_str(&text).map_err(|e| row.corrupt("redacted", &e))?,
        },
        edited_from: row.parsed_opt("edited_from")?,
    })
}
