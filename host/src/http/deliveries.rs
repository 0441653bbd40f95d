//! Deliveries: which there are, how many, and one with all that was done about it. Viewers look, operators act.

pub mod acts;
mod views;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;

use super::extract::{MayRead, Params};
use super::page::{self, Links};
use super::problem::ProblemBody;
use super::{ApiState, Problem};
use crate::domain::delivery::DeliveryState;
use crate::domain::id::DeliveryId;
use crate::domain::plugin::PluginName;
use crate::domain::replay::{DeliveryFilter, MAX_ERROR_BYTES};
use crate::domain::words::UnknownWord;

pub use views::{
    ActView, DeliveryCountView, DeliveryDetailView, DeliveryPage, ListedDeliveryView, ReplayedDeliveryView,
};

/// List deliveries, newest first
///
/// Every given condition must hold. Dead letters are `?state=dead`; those that nobody has dealt with are
/// `?state=dead&replayed=false`. What waits for a person is `?state=unknown`.
#[utoipa::path(get, path = "/api/deliveries/", tag = "deliveries", security(("bearer" = [])),
    params(
        ("page" = Option<u32>, Query, minimum = 1, description = "1 is the first"),
        ("page_size" = Option<u32>, Query, minimum = 1, maximum = 100, description = "20 when not given"),
        ("state" = Option<String>, Query, description = "`pending`, `claimed`, `running`, `succeeded`, \
            `retrying`, `deferred`, `dead`, `cancelled` or `unknown`"),
        ("plugin" = Option<String>, Query, description = "To this plugin"),
        ("source" = Option<String>, Query, description = "Of events of exactly this source"),
        ("type" = Option<String>, Query, description = "Of events of exactly this type"),
        ("since" = Option<String>, Query, description = "Made at or after this moment (RFC 3339)"),
        ("until" = Option<String>, Query, description = "Made before this moment (RFC 3339)"),
        ("error" = Option<String>, Query, description = "With this text in the last error, without regard to case"),
        ("replayed" = Option<bool>, Query, description = "Whether a replay stands for it: its own, or any later delivery of its event to the same plugin"),
    ),
    responses(
        (status = 200, description = "One page", body = DeliveryPage),
        (status = 400, description = "A parameter cannot be read; `parameter` names it", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such page", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn list(
    State(state): State<ApiState>,
    _: MayRead,
    params: Params,
    headers: HeaderMap,
) -> Result<Json<DeliveryPage>, Problem> {
    let page = page::request(&params)?;
    let found = state.store.delivery_list(&filter(&params)?, page).await?;
    let links = Links::of_listed(
        &state,
        "/api/deliveries/",
        &headers,
        &params,
        page,
        found.total(),
        found.items.len(),
    )?;
    Ok(Json(DeliveryPage {
        count: found.total,
        count_exact: page::count_exact(found.total()),
        next: links.next,
        previous: links.previous,
        results: found.items.into_iter().map(ListedDeliveryView::from).collect(),
    }))
}

/// How many deliveries each plugin has in each state, exactly
#[utoipa::path(get, path = "/api/deliveries/counts/", tag = "deliveries", security(("bearer" = [])),
    responses(
        (status = 200, description = "By plugin and state; what there is none of is left out",
         body = Vec<DeliveryCountView>),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn counts(
    State(state): State<ApiState>,
    _: MayRead,
) -> Result<Json<Vec<DeliveryCountView>>, Problem> {
    let counts = state.store.delivery_counts().await?;
    Ok(Json(counts.into_iter().map(DeliveryCountView::from).collect()))
}

/// One delivery with its attempts, what people did to it, and its replays
#[utoipa::path(get, path = "/api/deliveries/{id}/", tag = "deliveries", security(("bearer" = [])),
    params(("id" = String, Path, description = "The delivery's id")),
    responses(
        (status = 200, description = "The delivery", body = DeliveryDetailView),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such delivery", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn detail(
    State(state): State<ApiState>,
    _: MayRead,
    Path(id): Path<String>,
) -> Result<Json<DeliveryDetailView>, Problem> {
    shown(&state, named(&id)?).await
}

/// The id in a path. A text that is none names no delivery.
pub(crate) fn named(id: &str) -> Result<DeliveryId, Problem> {
    id.parse().map_err(|_| Problem::no_such("delivery"))
}

async fn shown(state: &ApiState, id: DeliveryId) -> Result<Json<DeliveryDetailView>, Problem> {
    let found = state.store.delivery_detail(id).await?;
    let found = found.ok_or_else(|| Problem::no_such("delivery"))?;
    DeliveryDetailView::of(found, &state.waits).map(Json)
}

/// Which deliveries the query asks for.
pub(crate) fn filter(params: &Params) -> Result<DeliveryFilter, Problem> {
    let text = |name| params.get(name).map(str::to_owned);
    let error = text("error");
    if error.as_ref().is_some_and(|text| text.len() > MAX_ERROR_BYTES) {
        return Err(Problem::bad_parameter("error", "must have at most 256 bytes"));
    }
    let state = params.get("state").map(str::parse::<DeliveryState>).transpose();
    let plugin = params.get("plugin").map(str::parse::<PluginName>).transpose();
    Ok(DeliveryFilter {
        plugin: plugin.map_err(|_| Problem::bad_parameter("plugin", "must be the name of a plugin"))?,
        state: state.map_err(|unknown: UnknownWord| {
            Problem::bad_parameter("state", &format!("must be {}", unknown.choices()))
        })?,
        source: text("source"),
        event_type: text("type"),
        since: params.moment("since")?,
        until: params.moment("until")?,
        error,
        replayed: match params.get("replayed") {
            None => None,
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(_) => return Err(Problem::bad_parameter("replayed", "must be true or false")),
        },
        inside: None,
    })
}
