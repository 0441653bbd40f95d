//! Which plugins an event goes to, and why not to the others.

use axum::Json;
use axum::extract::{Path, State};

use super::events::visible_event;
use super::extract::MayRead;
use super::problem::ProblemBody;
use super::{ApiState, Problem};
use crate::routing::PluginExplained;

/// Which plugins an event goes to by the routes in force, and why not to the others
///
/// For each plugin of `plugins.toml`, and each of its routes: whether source, type and condition match. The
/// event's deliveries were made by the routes of their time.
#[utoipa::path(get, path = "/api/events/{id}/routes/", tag = "webhooks", security(("bearer" = [])),
    params(("id" = String, Path, description = "The event's id")),
    responses(
        (status = 200, description = "The plugins by name", body = Vec<Object>),
        (status = 401, description = "No token, or one that is expired or wrong", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 404, description = "No such event", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 503, description = "It is sealed in the database under a key that this node does not have", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn of_event(
    State(state): State<ApiState>,
    MayRead(user): MayRead,
    Path(id): Path<String>,
) -> Result<Json<Vec<PluginExplained>>, Problem> {
    let event = visible_event(&state, &user, &id).await?;
    let explained = state.routing.explain(event).await;
    explained
        .map(Json)
        .ok_or_else(|| Problem::internal("the routes cannot be explained"))
}
