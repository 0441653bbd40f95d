//! The nodes that share the database, for staff.

use axum::Json;
use axum::extract::State;

use super::extract::StaffUser;
use super::problem::ProblemBody;
use super::{ApiState, Problem};
use crate::nodes::NodeView;

/// The nodes that share the database, oldest first: when each was seen last, which `plugins.toml` and which builds it has
///
/// While live nodes have different files, edits of `plugins.toml` are refused. Rollbacks are of one node alone: the
/// builds show where one is still to be made.
#[utoipa::path(get, path = "/api/nodes/", tag = "plugins", security(("bearer" = [])),
    responses(
        (status = 200, description = "The nodes; one that is gone is shown for an hour", body = Vec<Object>),
        (status = 403, description = "Not staff", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn list(State(state): State<ApiState>, _staff: StaffUser) -> Result<Json<Vec<NodeView>>, Problem> {
    Ok(Json(state.nodes.list().await?))
}
