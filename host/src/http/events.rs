//! Seeing events: a list, one with its deliveries, and its body as it came.

pub(crate) mod looks;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::{CurrentUser, Params};
use super::page::{self, Links};
use super::problem::ProblemBody;
use super::views::{Audience, DeliveryView, EventDetail, EventView};
use super::{ApiState, Problem};
use crate::domain::access::Right;
use crate::domain::event::{Event, EventFilter, EventOrder, EventStatus};
use crate::domain::id::EventId;
use crate::domain::inside::Inside;
use crate::domain::page::PageRequest;
use crate::domain::user::User;
use crate::domain::words::UnknownWord;

/// Where the list lies.
const LIST: &str = "/api/webhooks/list/";

/// A page of events.
#[derive(Serialize, ToSchema)]
pub struct EventPage {
    /// Events that match, on all pages; at most 10,000 are counted, but for `source` and `status`. With `search` or
    /// `pointer`: those on this page.
    pub count: u64,
    /// `false` when there are more than `count`, or may be; not there when it is exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count_exact: Option<bool>,
    /// With `search` or `pointer`: how many bodies were looked into for this page. It ends where they were too many,
    /// also with no event found, and `next` goes on there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<u64>,
    /// How many of those cannot be opened here, and were passed over; not there when it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<usize>,
    /// Address of the next page.
    pub next: Option<String>,
    /// Address of the page before.
    pub previous: Option<String>,
    pub results: Vec<EventView>,
}

/// List events, newest first
///
/// Senders see the events they sent, all others every event. Every given condition must hold.
#[utoipa::path(get, path = "/api/webhooks/list/", tag = "webhooks", security(("bearer" = [])),
    params(
        ("page" = Option<u32>, Query, minimum = 1, description = "1 is the first"),
        ("page_size" = Option<u32>, Query, minimum = 1, maximum = 100, description = "20 when not given"),
        ("status" = Option<String>, Query, description = "`pending`, `processing`, `processed` or `failed`"),
        ("source" = Option<String>, Query, description = "Exactly this source"),
        ("type" = Option<String>, Query, description = "Exactly this type"),
        ("plugin" = Option<String>, Query, description = "With a delivery to this plugin"),
        ("since" = Option<String>, Query, description = "Received at or after this moment (RFC 3339)"),
        ("until" = Option<String>, Query, description = "Received before this moment (RFC 3339)"),
        ("search" = Option<String>, Query,
         description = "With this text in the body, compared exactly. No index knows bodies: a page looks into 2,000 of them, or 32 MiB, at most"),
        ("pointer" = Option<String>, Query,
         description = "With something at this JSON pointer in the payload, such as `/customer/id`. Bounded as `search`"),
        ("value" = Option<String>, Query,
         description = "With `pointer`: what is there, as JSON (`7`, `true`, `\"7\"`) or, for a text, as the text alone"),
        ("after" = Option<String>, Query,
         description = "With `search` or `pointer`: where to go on, in place of `page`; taken from `next`"),
        ("ordering" = Option<String>, Query, description = "`-received_at` (newest first) or `received_at`"),
    ),
    responses(
        (status = 200, description = "One page", body = EventPage),
        (status = 400, description = "A parameter cannot be read; `parameter` names it", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 401, description = "No token, or one that is expired or wrong", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such page", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn list(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    params: Params,
    headers: HeaderMap,
) -> Result<Json<EventPage>, Problem> {
    let page = page::request(&params)?;
    let filter = filter(&params, &user)?;
    if let Some(inside) = looks::inside(&params)? {
        return looked_through(&state, &params, &headers, filter, inside, page).await;
    }
    let found = state.store.events(&filter, ordering(&params)?, page).await?;
    let links = Links::of_listed(
        &state,
        LIST,
        &headers,
        &params,
        page,
        found.total(),
        found.items.len(),
    )?;
    Ok(Json(EventPage {
        count: found.total,
        count_exact: page::count_exact(found.total()),
        looked_at: None,
        unreadable: None,
        next: links.next,
        previous: links.previous,
        results: found
            .items
            .into_iter()
            .map(EventView::of)
            .collect::<Result<_, _>>()?,
    }))
}

/// A page of a list by what is in the bodies.
async fn looked_through(
    state: &ApiState,
    params: &Params,
    headers: &HeaderMap,
    filter: EventFilter,
    inside: Inside,
    page: PageRequest,
) -> Result<Json<EventPage>, Problem> {
    let looked = looks::page(state, params, filter, inside, ordering(params)?, page).await?;
    let is_all = looked.next.is_none() && params.get("after").is_none();
    let links = looks::links(state, LIST, headers, params, looked.next);
    let unreadable = looked.unreadable.len();
    let results = looked.found.into_iter().map(EventView::of);
    let results = results.collect::<Result<Vec<_>, _>>()?;
    Ok(Json(EventPage {
        count: results.len() as u64,
        count_exact: (!is_all).then_some(false),
        looked_at: Some(looked.rows),
        unreadable: (unreadable > 0).then_some(unreadable),
        next: links.next,
        previous: links.previous,
        results,
    }))
}

/// One event with its deliveries
///
/// Attempts show `logs`, `calls`, `output`, `generation` and `digest` to staff only.
#[utoipa::path(get, path = "/api/webhooks/{id}/", tag = "webhooks", security(("bearer" = [])),
    params(("id" = String, Path, description = "The event's id")),
    responses(
        (status = 200, description = "The event", body = EventDetail),
        (status = 401, description = "No token, or one that is expired or wrong", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 404, description = "No such event, or not yours", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn detail(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    Path(id): Path<String>,
) -> Result<Json<EventDetail>, Problem> {
    let event = visible_event(&state, &user, &id).await?;
    let audience = if user.may(Right::Read) {
        Audience::Staff
    } else {
        Audience::Sender
    };
    let deliveries = state.store.deliveries(event.id).await?.into_iter();
    Ok(Json(EventDetail {
        event: EventView::of(event)?,
        deliveries: deliveries
            .map(|history| DeliveryView::of(history, audience, &state.waits))
            .collect::<Result<_, _>>()?,
    }))
}

/// The body of an event, byte for byte as it was received
///
/// Always a download of `application/octet-stream`, so that no browser takes a sender's bytes for a page.
#[utoipa::path(get, path = "/api/webhooks/{id}/raw/", tag = "webhooks", security(("bearer" = [])),
    params(("id" = String, Path, description = "The event's id")),
    responses(
        (status = 200, description = "The body", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 401, description = "No token, or one that is expired or wrong", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 404, description = "No such event, or not yours", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn raw(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    download(visible_event(&state, &user, &id).await?)
}

/// The body of an event, to be kept and not shown.
pub(crate) fn download(event: Event) -> Result<Response, Problem> {
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{}.body\"", event.id))
        .map_err(|error| Problem::internal(error.to_string()))?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (CONTENT_DISPOSITION, disposition),
        (
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; sandbox"),
        ),
    ];
    Ok((headers, event.body).into_response())
}

/// The event, when there is one and the user may see it. Somebody else's event is answered like none.
pub(crate) async fn visible_event(state: &ApiState, user: &User, id: &str) -> Result<Event, Problem> {
    let id = EventId::written(id).ok_or_else(|| Problem::no_such("event"))?;
    let event = state.store.event(id).await?;
    event
        .filter(|event| user.may(Right::Read) || event.owner == Some(user.id))
        .ok_or_else(|| Problem::no_such("event"))
}

/// Which events the query asks for, among those that the user may see.
pub(crate) fn filter(params: &Params, user: &User) -> Result<EventFilter, Problem> {
    let text = |name| params.get(name).map(str::to_owned);
    Ok(EventFilter {
        owner: (!user.may(Right::Read)).then_some(user.id),
        source: text("source"),
        event_type: text("type"),
        status: params.get("status").map(status).transpose()?,
        plugin: text("plugin"),
        since: params.moment("since")?,
        until: params.moment("until")?,
    })
}

fn status(text: &str) -> Result<EventStatus, Problem> {
    text.parse().map_err(|unknown: UnknownWord| {
        Problem::bad_parameter("status", &format!("must be {}", unknown.choices()))
    })
}

/// In which order the query asks for them.
pub(crate) fn ordering(params: &Params) -> Result<EventOrder, Problem> {
    match params.get("ordering") {
        None | Some("-received_at") => Ok(EventOrder::NewestFirst),
        Some("received_at") => Ok(EventOrder::OldestFirst),
        Some(_) => Err(Problem::bad_parameter(
            "ordering",
            "must be received_at or -received_at",
        )),
    }
}
