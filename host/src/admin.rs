//! The admin: pages that answer "is anything undelivered, why, and what do I do?"
//!
//! Whoever is signed in with a password asks here, in a browser; programs ask the API. A page reads by the stores and
//! views that the API reads by, and acts through the same services, so that it can neither show nor do what the API
//! would not. What it owns: what a request of a browser must prove (a session, and for acts the session's own form), how
//! things look, and the stream that tells an open page what changed. It fails as the API does, with a
//! [`Problem`](crate::http::Problem), which one layer (`frame.rs`) makes a page of.
//!
//! Every page works without JavaScript: acts are forms that end in a redirect. Templates, styles and scripts are in
//! `host/admin/`, compiled in.

mod acts;
mod assets;
mod audit;
mod bin;
mod cookies;
mod diff;
mod done;
mod event;
mod events;
mod export;
mod first_run;
mod form;
mod frame;
mod guard;
mod keys;
mod layout;
mod live;
mod mask;
mod mend;
mod origin;
mod overview;
mod paging;
mod place;
mod plugins;
mod processes;
mod rejected;
mod replays;
mod routes;
mod say;
mod schedules;
mod schema_form;
mod settings;
mod shell;
mod sign_in;
mod sources;
mod tree;
mod trouble;
mod users;
mod visit;

use axum::Router;
use axum::extract::Extension;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, get, post};
use tokio_util::sync::CancellationToken;

use crate::http::{self, ApiState, whole};

use export::Exports;
use live::Live;

/// The HTTP interface with these pages. Streams end when `stop` does.
pub fn service(state: ApiState, stop: CancellationToken) -> Router {
    let pages = pages(&state, stop);
    http::router(state, pages)
}

/// The pages, below `/admin/`.
fn pages(state: &ApiState, stop: CancellationToken) -> Router<ApiState> {
    Router::new()
        .route("/admin/", get(overview::page))
        .route("/admin/sign-in/", get(sign_in::page).post(sign_in::sign_in))
        .route("/admin/sign-out/", post(sign_in::sign_out))
        .route("/admin/sign-out-everywhere/", post(sign_in::sign_out_everywhere))
        .route("/admin/theme/", post(sign_in::choose_theme))
        .route("/admin/test-event/", post(acts::send_test_event))
        .route("/admin/events/", get(events::page))
        .route("/admin/events/export/", get(export::export))
        .route("/admin/events/{id}/", get(event::page))
        .route("/admin/events/{id}/raw/", get(event::raw))
        .route("/admin/events/{id}/body/", get(event::body::page))
        .route(
            "/admin/events/{id}/edit/",
            get(event::edit::page).post(event::edit::send),
        )
        .route("/admin/events/{id}/replay/", post(acts::replay_event))
        .route("/admin/dead-letters/", get(trouble::page))
        .route("/admin/deliveries/{id}/replay/", post(acts::replay))
        .route("/admin/deliveries/{id}/discard/", post(acts::discard))
        .route("/admin/deliveries/{id}/resolve/", post(acts::resolve))
        .route("/admin/rejected/", get(rejected::page))
        .route("/admin/rejected/{id}/accept/", post(acts::accept))
        .route("/admin/live/", get(live::follow))
        .route("/admin/assets/{name}", get(assets::serve))
        .merge(routes::of_the_operators_pages())
        // So that what is not there is told by a page, too.
        .route("/admin/{*rest}", any(frame::not_found))
        .method_not_allowed_fallback(frame::method_not_allowed)
        .layer(from_fn(whole::to_the_end))
        .layer(from_fn_with_state(state.clone(), frame::around))
        .layer(Extension(Live::new(state, stop)))
        .layer(Extension(Exports::default()))
}
