//! The HTTP interface: paths, answers and limits.
//!
//! Handlers extract, ask the service below and answer; every failure is a [`problem::Problem`].
//! The OpenAPI document is made from the handlers, so a path that is served is described. What it
//! does not do: TLS and proxy headers. The peer is who holds the connection, and the address by which
//! clients reach us behind a proxy is a setting.

pub mod accounts;
mod acts;
mod addressed;
pub mod audit;
pub mod body;
mod created;
pub mod deliveries;
pub mod docs;
pub(crate) mod doer;
pub mod events;
pub mod extract;
pub mod health;
pub mod keys;
mod limit;
pub mod metrics;
pub mod nodes;
pub mod observe;
pub mod origin;
pub mod page;
pub mod plugins;
pub mod problem;
pub mod processes;
pub mod receive;
pub mod receive_source;
pub mod rejected;
pub mod replays;
pub mod routes;
pub mod schedules;
pub mod sender;
pub mod serve;
pub mod slash;
pub mod users;
pub mod views;
pub(crate) mod whole;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, OriginalUri};
use axum::http::{Method, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::actions::Actions;
use crate::audit::Audit;
use crate::auth::Auth;
use crate::config::{PublicUrl, Setting};
use crate::dispatch::Waits;
use crate::intake::Intake;
use crate::intake::sources::Sources;
use crate::metrics::Metrics;
use crate::nodes::Nodes;
use crate::operator::Operator;
use crate::processes::Processes;
use crate::replays::Replays;
use crate::routing::Routing;
use crate::scheduler::Desk;
use crate::secret::Secret;
use crate::store::SharedStore;

pub use health::Readiness;
pub use problem::Problem;
pub use serve::serve;

/// What the handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    pub store: SharedStore,
    pub auth: Arc<Auth>,
    /// Every handler that changes something notes it here.
    pub audit: Audit,
    pub intake: Intake,
    pub sources: Sources,
    pub processes: Processes,
    pub replays: Replays,
    pub actions: Actions,
    pub waits: Waits,
    pub routing: Routing,
    pub schedules: Desk,
    pub operator: Arc<Operator>,
    pub nodes: Nodes,
    pub metrics: Arc<Metrics>,
    /// Beside users who may read, whoever has this may read `/metrics`.
    pub metrics_token: Option<Secret>,
    /// Set by the application; read by `/readyz`.
    pub readiness: Readiness,
    /// Most bytes of a webhook's body.
    pub max_body: usize,
    /// Base of the links in answers; without one they follow the request's `Host`.
    pub public_url: Option<PublicUrl>,
    /// The settings in effect, for admins to look at.
    pub settings: Arc<[Setting]>,
}

/// The whole HTTP interface as one service, for [`serve()`], with pages for people beside the API.
pub fn router(state: ApiState, pages: Router<ApiState>) -> Router {
    let (routes, mut document) = api().split_for_parts();
    docs::complete(&mut document);
    let routes = routes
        .merge(docs::page())
        .merge(pages)
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(Extension(docs::DocumentText::of(&document)))
        .layer(from_fn_with_state(state.clone(), limit::addresses))
        .with_state(state);
    let observed = observe::layers(routes);
    // Outside the routing, so that the path is changed before it is matched.
    Router::new().fallback_service(slash::with_or_without(observed))
}

/// The routes, with the description that is made from them.
fn api() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(docs::frame())
        .routes(routes!(accounts::register))
        .routes(routes!(accounts::token))
        .routes(routes!(accounts::refresh))
        .routes(routes!(accounts::profile))
        .routes(routes!(accounts::sign_out))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::detail, users::change))
        .routes(routes!(users::sign_out))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::revoke))
        .routes(routes!(audit::list))
        .routes(routes!(events::list))
        .routes(routes!(events::detail))
        .routes(routes!(events::raw))
        .routes(routes!(routes::of_event))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::counts))
        .routes(routes!(deliveries::detail))
        .routes(routes!(deliveries::acts::replay))
        .routes(routes!(deliveries::acts::discard))
        .routes(routes!(deliveries::acts::resolve))
        .routes(routes!(deliveries::acts::replay_event))
        .routes(routes!(replays::list, replays::start))
        .routes(routes!(replays::detail))
        .routes(routes!(replays::cancel))
        .routes(routes!(processes::list, processes::create))
        .routes(routes!(
            processes::detail,
            processes::replace,
            processes::change,
            processes::remove
        ))
        .routes(routes!(processes::versions))
        .routes(routes!(plugins::list))
        .routes(routes!(plugins::run_action))
        .routes(routes!(plugins::manage::enable))
        .routes(routes!(plugins::manage::disable))
        .routes(routes!(plugins::manage::reloads))
        .routes(routes!(plugins::manage::roll_back, plugins::manage::take_back))
        .routes(routes!(nodes::list))
        .routes(routes!(rejected::list))
        .routes(routes!(rejected::detail))
        .routes(routes!(rejected::verify))
        .routes(routes!(rejected::accept))
        .routes(routes!(schedules::list))
        .routes(routes!(schedules::run))
        .routes(routes!(schedules::pause))
        .routes(routes!(schedules::resume))
        .routes(routes!(schedules::runs))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::metrics))
        .routes(routes!(docs::openapi))
        // Of the routes above: an event whose sender has gone is sent again.
        .layer(from_fn(whole::to_the_end))
        .routes(routes!(receive::receive))
        .routes(routes!(receive_source::receive, receive_source::handshake))
}

async fn not_found(OriginalUri(uri): OriginalUri) -> Problem {
    let detail = format!("Nothing is served at {}.", uri.path());
    Problem::new(StatusCode::NOT_FOUND, "not-found", detail)
}

async fn method_not_allowed(method: Method) -> Problem {
    let detail = format!("Method \"{method}\" not allowed.");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
}
