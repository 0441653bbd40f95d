//! The nodes that share the database, for who may read.

use axum::Json;
use axum::extract::State;

use super::extract::MayRead;
use super::problem::ProblemBody;
use super::{ApiState, Problem};
use crate::nodes::NodeView;

/// The nodes that share the database, oldest first: when each was seen last, which `plugins.toml` and which builds it has
///
/// While live nodes have different files, edits of `plugins.toml` are refused. Rollbacks are of one node alone: the
/// builds show where one is still to be made.
#[utoipa::path(get, path = "/api/nodes/", tag = "nodes", security(("bearer" = [])),
    responses(
        (status = 200, description = "The nodes; one that is gone is shown for an hour", body = Vec<Object>),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn list(State(state): State<ApiState>, _: MayRead) -> Result<Json<Vec<NodeView>>, Problem> {
    Ok(Json(state.nodes.list().await?))
}
