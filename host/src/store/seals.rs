//! Sealing what events, attempts and refused requests hold, and opening it again. Who has the keys is told once, after opening.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;

use super::events::headers_json;
use super::{Sealer, StoreError, StoreResult};
use crate::domain::event::Header;
use crate::domain::id::{AttemptId, EventId, RejectedId};

/// Who seals and opens; nobody until it is set, and then all is in clear.
#[derive(Clone, Default)]
pub struct Seals(Arc<OnceLock<Arc<dyn Sealer>>>);

/// Headers and body of an event or a refused request, as they are stored.
pub struct SealedMessage<'a> {
    pub headers: Cow<'a, str>,
    pub body: Cow<'a, [u8]>,
    /// `None` where they are in clear.
    pub key_id: Option<String>,
}

/// The columns of an attempt that may hold what an event held. As JSON texts.
pub struct AttemptTexts {
    pub output: Option<String>,
    pub logs: String,
    pub calls: String,
}

/// Where a value stands. A sealed one is bound to it, so that it cannot be put into another row or column.
struct Spot {
    table: &'static str,
    row: String,
    column: &'static str,
}

impl Spot {
    fn of(table: &'static str, row: &impl ToString, column: &'static str) -> Self {
        Self {
            table,
            row: row.to_string(),
            column,
        }
    }

    fn bound(&self) -> String {
        format!("{}\0{}\0{}", self.table, self.row, self.column)
    }

    fn failed(&self, why: &(impl ToString + ?Sized)) -> StoreError {
        StoreError::Sealed {
            table: self.table,
            column: self.column,
            row: self.row.clone(),
            why: why.to_string(),
        }
    }
}

impl Seals {
    /// Sets who seals and opens. The first one stays.
    pub fn set(&self, sealer: Arc<dyn Sealer>) {
        let _first = self.0.set(sealer);
    }

    /// The key that rows are to be sealed under; `None` when they are to be in clear.
    pub fn key_id(&self) -> Option<String> {
        self.0.get()?.key_id()
    }

    /// Headers and body of an event as they are to be stored.
    pub fn event<'a>(
        &self,
        id: EventId,
        headers: &[Header],
        body: &'a [u8],
    ) -> StoreResult<SealedMessage<'a>> {
        self.message("events", &id, headers, body)
    }

    /// Headers and body of a refused request as they are to be stored.
    pub fn rejected<'a>(
        &self,
        id: RejectedId,
        headers: &[Header],
        body: &'a [u8],
    ) -> StoreResult<SealedMessage<'a>> {
        self.message(REJECTED, &id, headers, body)
    }

    fn message<'a>(
        &self,
        table: &'static str,
        id: &impl ToString,
        headers: &[Header],
        body: &'a [u8],
    ) -> StoreResult<SealedMessage<'a>> {
        let headers = headers_json(headers);
        let key_id = self.key_id();
        if key_id.is_none() {
            return Ok(SealedMessage {
                headers: Cow::Owned(headers),
                body: Cow::Borrowed(body),
                key_id,
            });
        }
        Ok(SealedMessage {
            headers: Cow::Owned(self.seal_text(&Spot::of(table, id, "headers"), &headers)?),
            body: Cow::Owned(self.seal(&Spot::of(table, id, "body"), body)?),
            key_id,
        })
    }

    /// The headers (JSON) of a refused request as they came, from what is stored.
    pub fn open_rejected_headers(
        &self,
        id: RejectedId,
        key_id: Option<&str>,
        headers: String,
    ) -> StoreResult<String> {
        match key_id {
            None => Ok(headers),
            Some(key_id) => self.open_text(&Spot::of(REJECTED, &id, "headers"), key_id, &headers),
        }
    }

    /// The body of a refused request as it came, from what is stored.
    pub fn open_rejected_body(
        &self,
        id: RejectedId,
        key_id: Option<&str>,
        body: Vec<u8>,
    ) -> StoreResult<Bytes> {
        match key_id {
            None => Ok(Bytes::from(body)),
            Some(key_id) => Ok(Bytes::from(self.open(
                &Spot::of(REJECTED, &id, "body"),
                key_id,
                &body,
            )?)),
        }
    }

    /// Headers (JSON) and body of an event as they came, from what is stored.
    pub fn open_event(
        &self,
        id: EventId,
        key_id: Option<&str>,
        headers: String,
        body: Vec<u8>,
    ) -> StoreResult<(String, Bytes)> {
        let Some(key_id) = key_id else {
            return Ok((headers, Bytes::from(body)));
        };
        let headers = self.open_text(&Spot::of("events", &id, "headers"), key_id, &headers)?;
        let body = self.open(&Spot::of("events", &id, "body"), key_id, &body)?;
        Ok((headers, Bytes::from(body)))
    }

    /// What an attempt holds as it is to be stored, and the key that it is sealed under.
    pub fn attempt(&self, id: AttemptId, clear: AttemptTexts) -> StoreResult<(AttemptTexts, Option<String>)> {
        let key_id = self.key_id();
        if key_id.is_none() {
            return Ok((clear, key_id));
        }
        let seal = |column, text: &str| self.seal_text(&Spot::of("attempts", &id, column), text);
        let sealed = AttemptTexts {
            output: clear.output.map(|text| seal("output", &text)).transpose()?,
            logs: seal("logs", &clear.logs)?,
            calls: seal("calls", &clear.calls)?,
        };
        Ok((sealed, key_id))
    }

    /// What an attempt holds, from what is stored.
    pub fn open_attempt(
        &self,
        id: AttemptId,
        key_id: Option<&str>,
        stored: AttemptTexts,
    ) -> StoreResult<AttemptTexts> {
        let Some(key_id) = key_id else {
            return Ok(stored);
        };
        let open = |column, text: &str| self.open_text(&Spot::of("attempts", &id, column), key_id, text);
        Ok(AttemptTexts {
            output: stored.output.map(|text| open("output", &text)).transpose()?,
            logs: open("logs", &stored.logs)?,
            calls: open("calls", &stored.calls)?,
        })
    }

    fn seal(&self, spot: &Spot, clear: &[u8]) -> StoreResult<Vec<u8>> {
        let keeper = self.0.get().ok_or_else(|| spot.failed(NO_KEYS))?;
        keeper.seal(&spot.bound(), clear).map_err(|why| spot.failed(&why))
    }

    fn open(&self, spot: &Spot, key_id: &str, sealed: &[u8]) -> StoreResult<Vec<u8>> {
        let keeper = self.0.get().ok_or_else(|| spot.failed(NO_KEYS))?;
        keeper
            .open(key_id, &spot.bound(), sealed)
            .map_err(|why| spot.failed(&why))
    }

    /// Into a column of text: Base64.
    fn seal_text(&self, spot: &Spot, clear: &str) -> StoreResult<String> {
        Ok(STANDARD_NO_PAD.encode(self.seal(spot, clear.as_bytes())?))
    }

    fn open_text(&self, spot: &Spot, key_id: &str, sealed: &str) -> StoreResult<String> {
        let sealed = STANDARD_NO_PAD
            .decode(sealed)
            .map_err(|error| spot.failed(&error))?;
        String::from_utf8(self.open(spot, key_id, &sealed)?).map_err(|error| spot.failed(&error))
    }
}

const REJECTED: &str = "rejected_requests";

const NO_KEYS: &str = "this process was given no keys";
