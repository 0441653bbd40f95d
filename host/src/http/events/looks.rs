//! Lists of events by what is in their bodies. No index knows that, so a page looks through a bounded number of events
//! and says where it stopped; the next one goes on there.

use axum::http::HeaderMap;

use super::super::extract::Params;
use super::super::page::{self, Links};
use super::super::{ApiState, Problem};
use crate::domain::event::{EventFilter, EventOrder};
use crate::domain::inside::Inside;
use crate::domain::page::PageRequest;
use crate::store::{Bounds, Look, Looked, Place};

/// Most events that one page looks into: what opening and reading so many costs is still soon enough for people.
pub(crate) const LOOKED_ROWS: u64 = 2_000;

/// Bytes of bodies after which a page stops looking.
pub(crate) const LOOKED_BYTES: u64 = 32 << 20;

/// What the query asks of the bodies; `None` when that is nothing.
pub(crate) fn inside(params: &Params) -> Result<Option<Inside>, Problem> {
    let text = |name| params.get(name).map(str::to_owned);
    let inside = Inside {
        search: text("search"),
        pointer: text("pointer"),
        value: text("value"),
    };
    inside
        .checked()
        .map_err(|bad| Problem::bad_parameter(bad.name, bad.why))
}

/// Where the query goes on.
pub(crate) fn after(params: &Params) -> Result<Option<Place>, Problem> {
    let why = "must be taken from the address of a next page";
    let place = params.get("after").map(str::parse::<Place>).transpose();
    place.map_err(|_| Problem::bad_parameter("after", why))
}

/// A page of a list by what is in the bodies.
pub(crate) async fn page(
    state: &ApiState,
    params: &Params,
    filter: EventFilter,
    inside: Inside,
    order: EventOrder,
    request: PageRequest,
) -> Result<Looked, Problem> {
    if request.page > 1 {
        let why = "cannot be given with `search` or `pointer`: follow `next`";
        return Err(Problem::bad_parameter("page", why));
    }
    let look = Look {
        filter,
        inside,
        order,
        after: after(params)?,
        bounds: Bounds {
            found: request.size,
            rows: LOOKED_ROWS,
            bytes: LOOKED_BYTES,
        },
    };
    Ok(state.store.look_into_events(&look).await?)
}

/// The query of what comes after a place.
pub(crate) fn query_after(params: &Params, place: Place) -> String {
    params
        .without(&["page", "after"])
        .with("after", &place.to_string())
}

/// The neighbours of such a page: there is no way back but the browser's.
pub(super) fn links(
    state: &ApiState,
    path: &str,
    headers: &HeaderMap,
    params: &Params,
    next: Option<Place>,
) -> Links {
    let address = |place| page::address(state, headers, &format!("{path}?{}", query_after(params, place)));
    Links {
        next: next.map(address),
        previous: None,
    }
}
