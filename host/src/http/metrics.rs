//! `/metrics`, for Prometheus.

use axum::extract::{FromRequestParts, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use sha2::{Digest, Sha256};

use super::extract::{MayRead, bearer};
use super::health::PING_TIMEOUT;
use super::problem::ProblemBody;
use super::{ApiState, Problem};
use crate::intake::Intake;
use crate::metrics::Metrics;
use crate::store::{SharedStore, StoreError};

/// Whoever may read the metrics: a user who may read, or the holder of `HOOKYARD_METRICS_TOKEN`.
pub struct Reader;

impl FromRequestParts<ApiState> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let given = bearer(&parts.headers)?;
        let wanted = state.metrics_token.as_ref();
        // Digests, so that the time it takes tells nothing of the token.
        if wanted.is_some_and(|wanted| Sha256::digest(given) == Sha256::digest(wanted.expose())) {
            return Ok(Self);
        }
        MayRead::from_request_parts(parts, state)
            .await
            .map(|_reader| Self)
    }
}

/// Counters, as Prometheus reads them
///
/// For viewers, operators and admins, and for whoever has the token of `HOOKYARD_METRICS_TOKEN`.
#[utoipa::path(get, path = "/metrics", tag = "health", security(("bearer" = [])), responses(
    (status = 200, description = "OpenMetrics text", body = String,
     content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    (status = 401, description = "No token", body = ProblemBody, content_type = "application/problem+json"),
    (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
))]
pub async fn metrics(State(state): State<ApiState>, _reader: Reader) -> Result<impl IntoResponse, Problem> {
    show_stored(&state.metrics, &state.intake, &state.store).await;
    let text = state
        .metrics
        .text()
        .map_err(|error| Problem::internal(error.to_string()))?;
    let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, media)], text))
}

/// Brings what is counted in the database up to now. A database that does not answer is told, and keeps nobody from
/// the rest.
pub async fn show_stored(metrics: &Metrics, intake: &Intake, store: &SharedStore) {
    metrics.waiting(intake.waiting());
    let stored = async {
        let counts = store.delivery_counts().await?;
        let nodes = store.nodes().await?;
        Ok::<_, StoreError>((counts, nodes.iter().filter(|node| node.is_live()).count()))
    };
    let stored = tokio::time::timeout(PING_TIMEOUT, stored).await;
    metrics.database(matches!(stored, Ok(Ok(_))));
    if let Ok(Ok((counts, nodes))) = stored {
        metrics.stored(&counts, nodes);
    }
}
