//! The limit of requests per address, looked at before anything else of a request.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::{ApiState, Problem};

/// The paths that count: probes and metrics are the operator's own.
pub(super) const COUNTED: &str = "/api/";

/// Refuses an address that asks too often.
pub(super) async fn addresses(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let counted = request.uri().path().starts_with(COUNTED);
    if let Some(ConnectInfo(address)) = peer.filter(|_| counted)
        && let Err(limit) = state.auth.rates.address(address.ip())
    {
        return Problem::from(limit).into_response();
    }
    next.run(request).await
}
