//! Switching plugins on and off, their loads, and going back to an earlier build.

use axum::Json;
use axum::extract::{Path, State};

use super::super::doer::Doer;
use super::super::extract::{MayOperate, MayRead, Params};
use super::super::origin::Origin;
use super::super::problem::ProblemBody;
use super::super::{ApiState, Problem};
use super::named;
use crate::domain::plugin::DigestPrefix;
use crate::operator::Switch;
use crate::wasm::{PluginStatus, Reload};

/// Switch a plugin on, in `plugins.toml` itself
///
/// The file keeps its comments and order. The answer tells how the plugin stands then: a component that
/// does not load shows there, and one that is still to be fetched is `fetching`.
#[utoipa::path(post, path = "/api/plugins/{name}/enable/", tag = "plugins", security(("bearer" = [])),
    params(("name" = String, Path, description = "The plugin's name in plugins.toml")),
    responses(
        (status = 200, description = "How the plugin stands", body = Object),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such plugin", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "plugins.toml is wrong, cannot be written, or other nodes have another: it was not edited", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn enable(
    State(state): State<ApiState>,
    MayOperate(user): MayOperate,
    origin: Origin,
    Path(name): Path<String>,
) -> Result<Json<PluginStatus>, Problem> {
    set_enabled(&state, Doer { user, origin }, &name, true).await
}

/// Switch a plugin off, in `plugins.toml` itself
///
/// What waits for it is held, and goes out once it is switched on again.
#[utoipa::path(post, path = "/api/plugins/{name}/disable/", tag = "plugins", security(("bearer" = [])),
    params(("name" = String, Path, description = "The plugin's name in plugins.toml")),
    responses(
        (status = 200, description = "How the plugin stands", body = Object),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such plugin", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "plugins.toml is wrong, cannot be written, or other nodes have another: it was not edited", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn disable(
    State(state): State<ApiState>,
    MayOperate(user): MayOperate,
    origin: Origin,
    Path(name): Path<String>,
) -> Result<Json<PluginStatus>, Problem> {
    set_enabled(&state, Doer { user, origin }, &name, false).await
}

async fn set_enabled(
    state: &ApiState,
    doer: Doer,
    name: &str,
    enabled: bool,
) -> Result<Json<PluginStatus>, Problem> {
    let switch = Switch { enabled, seen: None };
    doer.switch(state, &named(name)?, switch).await.map(Json)
}

/// The loads of a plugin, newest first: when, which build in place of which, how it ended, how long it took
#[utoipa::path(get, path = "/api/plugins/{name}/reloads/", tag = "plugins", security(("bearer" = [])),
    params(("name" = String, Path, description = "The plugin's name in plugins.toml")),
    responses(
        (status = 200, description = "At most the last 100", body = Vec<Object>),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such plugin", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn reloads(
    State(state): State<ApiState>,
    _: MayRead,
    Path(name): Path<String>,
) -> Result<Json<Vec<Reload>>, Problem> {
    let found = state.actions.registry.reloads(&named(&name)?);
    found.map(Json).ok_or_else(|| super::missing(&name))
}

/// Go back to the build that served before
///
/// The newest is not loaded again, by a poll or after a restart, until it is taken back or pinned;
/// another build in its file is. Once begun it is done, although the client goes away. It is of this node
/// alone. Without `from`, asking twice goes back two builds.
#[utoipa::path(post, path = "/api/plugins/{name}/rollback/", tag = "plugins", security(("bearer" = [])),
    params(
        ("name" = String, Path, description = "The plugin's name in plugins.toml"),
        ("from" = Option<String>, Query,
         description = "The digest of the build to roll back, or its first 12 digits or more: when it was rolled \
                        back already nothing changes, and when another serves neither"),
    ),
    responses(
        (status = 200, description = "How the plugin stands; `warnings` tells when the rollback could not be \
                                      written down, so that a restart would not know of it", body = Object),
        (status = 400, description = "`from` is no digest", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such plugin", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "There is no earlier build that may serve, or another than `from` serves",
         body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn roll_back(
    State(state): State<ApiState>,
    MayOperate(user): MayOperate,
    origin: Origin,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<PluginStatus>, Problem> {
    let name = named(&name)?;
    let from = params.get("from").map(str::parse::<DigestPrefix>).transpose();
    let from = from.map_err(|_| {
        let why = "must be a SHA-256 in lower-case hexadecimal, or its first 12 digits or more";
        Problem::bad_parameter("from", why)
    })?;
    let doer = Doer { user, origin };
    doer.roll_back(&state, &name, from).await.map(Json)
}

/// Take a rollback back: load the build in the file
#[utoipa::path(delete, path = "/api/plugins/{name}/rollback/", tag = "plugins", security(("bearer" = [])),
    params(("name" = String, Path, description = "The plugin's name in plugins.toml")),
    responses(
        (status = 200, description = "How the plugin stands", body = Object),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such plugin", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "The build in the file was not rolled back, or the plugin is switched off",
         body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn take_back(
    State(state): State<ApiState>,
    MayOperate(user): MayOperate,
    origin: Origin,
    Path(name): Path<String>,
) -> Result<Json<PluginStatus>, Problem> {
    let doer = Doer { user, origin };
    doer.take_back(&state, &named(&name)?).await.map(Json)
}
