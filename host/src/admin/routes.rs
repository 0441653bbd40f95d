//! The paths of the pages by which one operates: what runs, what it runs by, and who may.

use axum::Router;
use axum::routing::{get, post};

use super::{
    audit, bin, first_run, keys, plugins, processes, rejected, replays, schedules, settings, sources, users,
};
use crate::http::ApiState;

/// The pages beside those of events and deliveries.
pub fn of_the_operators_pages() -> Router<ApiState> {
    Router::new()
        .merge(of_a_first_run())
        .merge(of_plugins())
        .merge(of_schedules())
        .merge(of_processes())
        .merge(of_sources())
        .merge(of_refused_requests())
        .merge(of_orders())
        .merge(of_admins())
}

fn of_a_first_run() -> Router<ApiState> {
    Router::new()
        .route(first_run::PAGE, get(first_run::page).post(first_run::make_key))
        .route(bin::PAGE, get(bin::page))
        .route("/admin/bin/add/", post(bin::add))
}

fn of_plugins() -> Router<ApiState> {
    Router::new()
        .route("/admin/plugins/", get(plugins::list))
        .route("/admin/plugins/{name}/", get(plugins::detail))
        .route(
            "/admin/plugins/{name}/switch/",
            get(plugins::confirm_switch).post(plugins::switch),
        )
        .route("/admin/plugins/{name}/roll-back/", post(plugins::roll_back))
        .route("/admin/plugins/{name}/take-back/", post(plugins::take_back))
        .route("/admin/plugins/{name}/explain/", post(plugins::explain))
        .route(
            "/admin/plugins/{name}/actions/{action}/",
            get(plugins::action).post(plugins::run_action),
        )
}

fn of_schedules() -> Router<ApiState> {
    Router::new()
        .route("/admin/schedules/", get(schedules::list))
        .route("/admin/schedules/{plugin}/{name}/", get(schedules::history))
        .route("/admin/schedules/{plugin}/{name}/run/", post(schedules::run))
        .route("/admin/schedules/{plugin}/{name}/pause/", post(schedules::pause))
        .route(
            "/admin/schedules/{plugin}/{name}/resume/",
            post(schedules::resume),
        )
}

fn of_sources() -> Router<ApiState> {
    Router::new().route("/admin/sources/", get(sources::list)).route(
        "/admin/sources/{name}/",
        get(sources::detail).post(sources::rehearse),
    )
}

fn of_refused_requests() -> Router<ApiState> {
    Router::new()
        .route("/admin/rejected/{id}/", get(rejected::detail))
        .route("/admin/rejected/{id}/verify/", post(rejected::verify))
}

fn of_orders() -> Router<ApiState> {
    Router::new()
        .route("/admin/new-replay/", get(replays::preview))
        .route("/admin/replays/", get(replays::list).post(replays::start))
        .route("/admin/replays/{id}/", get(replays::detail))
        .route("/admin/replays/{id}/cancel/", post(replays::cancel))
}

fn of_admins() -> Router<ApiState> {
    Router::new()
        .route("/admin/users/", get(users::list).post(users::create))
        .route("/admin/users/{id}/", get(users::detail).post(users::change))
        .route("/admin/users/{id}/sign-out/", post(users::sign_out))
        .route("/admin/keys/", get(keys::list).post(keys::create))
        .route("/admin/keys/{id}/revoke/", post(keys::revoke))
        .route("/admin/audit/", get(audit::page))
        .route("/admin/settings/", get(settings::page))
}

fn of_processes() -> Router<ApiState> {
    Router::new()
        .route("/admin/processes/", get(processes::list))
        .route("/admin/new-process/", get(processes::new).post(processes::create))
        .route(
            "/admin/processes/{code}/",
            get(processes::detail).post(processes::store),
        )
        .route("/admin/processes/{code}/remove/", post(processes::remove))
        .route("/admin/processes/{code}/versions/{at}/", get(processes::version))
}
