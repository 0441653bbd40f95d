//! The events that a list's conditions leave, as a file: one JSON object a line, oldest first, as `hookyard events export`
//! writes them. It is read and sent piece by piece, as fast as the browser takes it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::guard::MayLook;
use crate::domain::event::{EventFilter, EventOrder};
use crate::http::events::looks;
use crate::http::extract::Params;
use crate::http::views::ExportedEvent;
use crate::http::{ApiState, Problem, events};
use crate::store::{Bounds, Look, Looked};

/// Exports of one node at the same time: each may hold a connection for as long as its reader is slow.
const MAX_EXPORTS: usize = 4;

/// What to wait before trying again when all are taken.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// What is read, and held, at a time.
const PIECE: Bounds = Bounds {
    found: 64,
    rows: 512,
    bytes: 4 << 20,
};

/// What moments are told apart by.
const TICK: Duration = Duration::from_millis(1);

/// The exports of a node.
#[derive(Clone)]
pub struct Exports(Arc<Semaphore>);

impl Default for Exports {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_EXPORTS)))
    }
}

/// An export that is being sent.
struct Writing {
    state: ApiState,
    look: Look,
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

impl Writing {
    /// The next lines; `None` at the end. An error breaks the answer off, so that nobody takes it for whole.
    async fn next(mut self) -> Option<(Result<Bytes, Problem>, Self)> {
        if self.is_over {
            return None;
        }
        let looked = self.state.store.look_into_events(&self.look).await;
        let lines = looked.map_err(Problem::from).and_then(|looked| {
            self.look.after = looked.next;
            self.is_over = looked.next.is_none();
            lines(looked)
        });
        if let Err(problem) = &lines {
            tracing::warn!(%problem, "an export of events breaks off");
            self.is_over = true;
        }
        Some((lines, self))
    }
}

/// Sends them.
pub async fn export(
    State(state): State<ApiState>,
    Extension(exports): Extension<Exports>,
    by: MayLook,
    params: Params,
) -> Result<Response, Problem> {
    let filter = events::filter(&params, by.user())?;
    // What comes from now on is none of it: otherwise it might never end.
    let end = state.waits.clock.now().plus(TICK);
    let until = filter.until.map_or(end, |until| until.min(end));
    let look = Look {
        filter: EventFilter {
            until: Some(until),
            ..filter
        },
        inside: looks::inside(&params)?.unwrap_or_default(),
        order: EventOrder::OldestFirst,
        after: None,
        bounds: PIECE,
    };
    let place = exports.0.try_acquire_owned().map_err(|_| {
        let detail = "Too many exports run: try again when one is done.";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-exports", detail).retry_after(RETRY_AFTER)
    })?;
    let writing = Writing {
        state,
        look,
        is_over: false,
        _place: place,
    };
    let body = Body::from_stream(stream::unfold(writing, Writing::next));
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson")),
        (
            CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"events.jsonl\""),
        ),
    ];
    Ok((headers, body).into_response())
}

/// A line for each event, also for one that cannot be opened here.
fn lines(looked: Looked) -> Result<Bytes, Problem> {
    let mut lines = Vec::new();
    let broken = |error: serde_json::Error| Problem::internal(error.to_string());
    for id in looked.unreadable {
        let line = json!({ "id": id.to_string(), "unreadable": true });
        serde_json::to_writer(&mut lines, &line).map_err(broken)?;
        lines.push(b'\n');
    }
    for event in looked.found {
        serde_json::to_writer(&mut lines, &ExportedEvent::of(event)?).map_err(broken)?;
        lines.push(b'\n');
    }
    Ok(Bytes::from(lines))
}
