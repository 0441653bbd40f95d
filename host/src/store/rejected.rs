//! Refused requests.

use async_trait::async_trait;
use sqlx::{Database, Postgres, Sqlite};
use trait_gen::trait_gen;

use super::StoreResult;
use super::dialect::Dialect as _;
use super::rows::{Columns, RowReader};
use super::seals::{SealedMessage, Seals};
use super::sql::{SqlStore, sql};
use super::words::{clean, int};
use crate::domain::event::{Acceptance, Accepted, Header, NewEvent};
use crate::domain::id::{EventId, RejectedId};
use crate::domain::page::{Page, PageRequest};
use crate::domain::rejected::{AcceptedLater, ListedRejected, RejectedBounds, RejectedRequest, Rejection};
use crate::domain::time::Timestamp;

/// What became of a refused request that is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AcceptedLate {
    /// Its events, in order.
    Now(Vec<Accepted>),
    /// Somebody accepted it before: this event.
    Before(EventId),
    /// Nothing was stored: this event has its `Idempotency-Key`, and was sent with something else.
    OtherBody(EventId),
    NoSuch,
}

/// Refused requests.
#[async_trait]
pub trait RejectedStore: Send + Sync {
    /// Keeps refused requests, and removes the oldest past the bounds.
    async fn record_rejected(&self, requests: &[RejectedRequest], bounds: RejectedBounds) -> StoreResult<()>;
    /// A page of refused requests without their bodies, newest first.
    async fn rejected_requests(
        &self,
        source: Option<&str>,
        page: PageRequest,
    ) -> StoreResult<Page<ListedRejected>>;
    /// One refused request, whole.
    async fn rejected_request(&self, id: RejectedId) -> StoreResult<Option<RejectedRequest>>;
    /// Makes a refused request these events, once, all in one transaction.
    async fn accept_rejected(
        &self,
        id: RejectedId,
        events: &[NewEvent],
        at: Timestamp,
        by: &str,
    ) -> StoreResult<AcceptedLate>;
}

/// The columns of a [`RejectedRequest`] but its body.
pub(super) const REJECTED_COLUMNS: &str = "id, received_at, source, remote_address, check_failed, \
     reason, http_status, method, target, headers, content_type, credential, body_bytes, accepted_event_id, \
     accepted_at, accepted_by, key_id";

/// Bind parameters of one request in its INSERT.
const BINDS: usize = 16;

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl RejectedStore for SqlStore<Db> {
    async fn record_rejected(&self, requests: &[RejectedRequest], bounds: RejectedBounds) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        for chunk in requests.chunks(Db::MAX_BINDS / BINDS) {
            Self::insert_rejected(&mut tx, &self.seals, chunk).await?;
        }
        // The newest of each source that are within all bounds stay.
        sqlx::query(
            "DELETE FROM rejected_requests WHERE id IN (SELECT id FROM (SELECT id, own, \
             ROW_NUMBER() OVER (ORDER BY own, received_at DESC, id DESC) AS place, \
             SUM(kept_bytes) OVER (ORDER BY own, received_at DESC, id DESC) AS total \
             FROM (SELECT id, received_at, kept_bytes, \
             ROW_NUMBER() OVER (PARTITION BY source ORDER BY received_at DESC, id DESC) AS own \
             FROM rejected_requests) numbered) ranked WHERE place > $1 OR total > $2 OR own > $3)",
        )
        .bind(int(bounds.requests))
        .bind(int(bounds.bytes))
        .bind(int(bounds.of_source))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn rejected_requests(
        &self,
        source: Option<&str>,
        page: PageRequest,
    ) -> StoreResult<Page<ListedRejected>> {
        let mut count = sql::<Db>("SELECT COUNT(*) FROM rejected_requests");
        let mut list = sql::<Db>("SELECT ");
        list.push(REJECTED_COLUMNS).push(" FROM rejected_requests");
        if let Some(source) = source {
            for query in [&mut count, &mut list] {
                query
                    .push(" WHERE source = ")
                    .push_bind(clean(source).into_owned());
            }
        }
        list.push(" ORDER BY received_at DESC, id DESC LIMIT ")
            .push_bind(i64::from(page.size))
            .push(" OFFSET ")
            .push_bind(int(page.offset()));
        let total: i64 = count.build_query_scalar().fetch_one(&self.reader).await?;
        let rows = list.build().fetch_all(&self.reader).await?;
        Ok(Page {
            total: u64::try_from(total).unwrap_or(0),
            items: rows
                .iter()
                .map(|row| listed_from(row, &self.seals))
                .collect::<StoreResult<_>>()?,
        })
    }

    async fn rejected_request(&self, id: RejectedId) -> StoreResult<Option<RejectedRequest>> {
        let row = sql::<Db>("SELECT body, ")
            .push(REJECTED_COLUMNS)
            .push(" FROM rejected_requests WHERE id = ")
            .push_bind(id.to_string())
            .build()
            .fetch_optional(&self.reader)
            .await?;
        row.map(|row| whole_from(&row, &self.seals)).transpose()
    }

    async fn accept_rejected(
        &self,
        id: RejectedId,
        events: &[NewEvent],
        at: Timestamp,
        by: &str,
    ) -> StoreResult<AcceptedLate> {
        let mut tx = self.begin().await?;
        let row = sql::<Db>("SELECT id, accepted_event_id FROM rejected_requests WHERE id = ")
            .push_bind(id.to_string())
            .push(Db::LOCK)
            .build()
            .fetch_optional(&mut *tx)
            .await?;
        let Some(row) = row else {
            tx.rollback().await?;
            return Ok(AcceptedLate::NoSuch);
        };
        let before: Option<EventId> =
            RowReader::new(&row, "rejected_requests", "id").parsed_opt("accepted_event_id")?;
        if let Some(event) = before {
            tx.rollback().await?;
            return Ok(AcceptedLate::Before(event));
        }
        let accepted = Self::accept_in(&mut tx, &self.seals, events).await?;
        let other = accepted.iter().find(|one| one.kind == Acceptance::OtherBody);
        if let Some(other) = other {
            let event = other.id;
            tx.rollback().await?;
            return Ok(AcceptedLate::OtherBody(event));
        }
        sqlx::query(
            "UPDATE rejected_requests SET accepted_event_id = $1, accepted_at = $2, accepted_by = $3 \
             WHERE id = $4",
        )
        .bind(accepted.first().map(|accepted| accepted.id.to_string()))
        .bind(at.as_millis())
        .bind(clean(by).as_ref())
        .bind(id.to_string())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(AcceptedLate::Now(accepted))
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    async fn insert_rejected(
        conn: &mut <Db as Database>::Connection,
        seals: &Seals,
        requests: &[RejectedRequest],
    ) -> StoreResult<()> {
        let mut rows = Vec::with_capacity(requests.len());
        for request in requests {
            let body = request.body.as_deref().unwrap_or_default();
            let sealed = seals.rejected(request.id, &request.headers, body)?;
            rows.push((request, kept_bytes(request, &sealed), sealed));
        }
        sql::<Db>(
            "INSERT INTO rejected_requests (id, received_at, source, remote_address, check_failed, reason, \
             http_status, method, target, headers, content_type, credential, body_bytes, body, kept_bytes, \
             key_id) ",
        )
        .push_values(rows, |mut row, (request, bytes, sealed)| {
            row.push_bind(request.id.to_string())
                .push_bind(request.received_at.as_millis())
                .push_bind(clean(&request.source).as_ref())
                .push_bind(clean(&request.address).as_ref())
                .push_bind(request.rejection.check.as_str())
                .push_bind(clean(&request.rejection.why).as_ref())
                .push_bind(i64::from(request.status))
                .push_bind(clean(&request.method).as_ref())
                .push_bind(clean(&request.target).as_ref())
                .push_bind(sealed.headers.into_owned())
                .push_bind(clean(&request.content_type).as_ref())
                .push_bind(request.credential.as_deref())
                .push_bind(int(request.body_bytes))
                .push_bind(request.body.as_ref().map(|_| &*sealed.body))
                .push_bind(int(bytes))
                .push_bind(sealed.key_id);
        })
        .build()
        .execute(&mut *conn)
        .await?;
        Ok(())
    }
}

/// Bytes of a refused request as it is stored, but for what is of one size.
fn kept_bytes(request: &RejectedRequest, sealed: &SealedMessage<'_>) -> usize {
    let texts = [
        &request.source,
        &request.address,
        &request.rejection.why,
        &request.method,
        &request.target,
        &request.content_type,
    ];
    let texts: usize = texts.iter().map(|text| text.len()).sum();
    let credential = request.credential.as_ref().map_or(0, String::len);
    texts + credential + sealed.headers.len() + sealed.body.len()
}

/// Reads a refused request from its [`REJECTED_COLUMNS`] and `body`.
pub(super) fn whole_from(row: &impl Columns, seals: &Seals) -> StoreResult<RejectedRequest> {
    let mut request = rejected_from(row, seals)?;
    let row = RowReader::new(row, "rejected_requests", "id");
    if let Some(body) = row.bytes_opt("body")? {
        let key_id = row.text_opt("key_id")?;
        request.body = Some(seals.open_rejected_body(request.id, key_id.as_deref(), body)?);
    }
    Ok(request)
}

fn rejected_from(row: &impl Columns, seals: &Seals) -> StoreResult<RejectedRequest> {
    let row = RowReader::new(row, "rejected_requests", "id");
    let headers = headers_from(&row, seals)?;
    with_headers(&row, headers)
}

/// The same for a list: one row that cannot be read must not hide the others.
fn listed_from(row: &impl Columns, seals: &Seals) -> StoreResult<ListedRejected> {
    let row = RowReader::new(row, "rejected_requests", "id");
    let (headers, unreadable) = match headers_from(&row, seals) {
        Err(error) if error.is_about_a_row() => (Vec::new(), Some(error.to_string())),
        headers => (headers?, None),
    };
    Ok(ListedRejected {
        request: with_headers(&row, headers)?,
        unreadable,
    })
}

fn headers_from<R: Columns>(row: &RowReader<'_, R>, seals: &Seals) -> StoreResult<Vec<Header>> {
    let id = row.parsed("id")?;
    let key_id = row.text_opt("key_id")?;
    let headers = seals.open_rejected_headers(id, key_id.as_deref(), row.text("headers")?)?;
    let headers: Vec<(String, String)> =
        serde_json::from_str(&headers).map_err(|e| row.corrupt("headers", &e))?;
    let headers = headers.into_iter();
    Ok(headers.map(|(name, value)| Header { name, value }).collect())
}

fn with_headers<R: Columns>(row: &RowReader<'_, R>, headers: Vec<Header>) -> StoreResult<RejectedRequest> {
    let event: Option<EventId> = row.parsed_opt("accepted_event_id")?;
    let accepted = match event {
        None => None,
        Some(event) => Some(AcceptedLater {
            event,
            at: row.moment("accepted_at")?,
            by: row.text("accepted_by")?,
        }),
    };
    Ok(RejectedRequest {
        id: row.parsed("id")?,
        received_at: row.moment("received_at")?,
        source: row.text("source")?,
        address: row.text("remote_address")?,
        rejection: Rejection {
            check: row.parsed("check_failed")?,
            why: row.text("reason")?,
        },
        status: row.number("http_status")?,
        method: row.text("method")?,
        target: row.text("target")?,
        headers,
        content_type: row.text("content_type")?,
        credential: row.text_opt("credential")?,
        body_bytes: row.number("body_bytes")?,
        body: None,
        accepted,
    })
}
