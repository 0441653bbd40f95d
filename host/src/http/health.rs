//! Whether the process is up and whether it can do its work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use super::problem::ProblemBody;
use super::{ApiState, Problem};
use crate::store::SharedStore;

/// How long the database may take to answer before the node is not ready.
pub const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// How long one answer of the database serves everybody who asks: anybody may ask as often as they like.
const PING_REUSE: Duration = Duration::from_secs(1);

const STARTING: u8 = 0;
const READY: u8 = 1;
const STOPPING: u8 = 2;

/// Whether this node should get requests; the application sets it.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    phase: AtomicU8,
    pinged: Mutex<Option<(Instant, bool)>>,
}

impl Readiness {
    /// Everything runs.
    pub fn ready(&self) {
        self.0.phase.store(READY, Ordering::SeqCst);
    }

    /// About to end: balancers should look elsewhere.
    pub fn stopping(&self) {
        self.0.phase.store(STOPPING, Ordering::SeqCst);
    }

    /// Whether the database answers. Those who ask at the same time share one question.
    async fn database_answers(&self, store: &SharedStore) -> bool {
        let mut pinged = self.0.pinged.lock().await;
        if let Some((at, answered)) = *pinged
            && at.elapsed() < PING_REUSE
        {
            return answered;
        }
        let answered = match tokio::time::timeout(PING_TIMEOUT, store.ping()).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the database does not answer");
                false
            }
            Err(_) => {
                tracing::warn!(
                    timeout_s = PING_TIMEOUT.as_secs(),
                    "the database does not answer in time"
                );
                false
            }
        };
        *pinged = Some((Instant::now(), answered));
        answered
    }
}

/// One word.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `ok`, or `ready`.
    pub status: &'static str,
}

/// Whether the process is up
///
/// Says nothing of the database: restarting the process would not mend that.
#[utoipa::path(get, path = "/healthz", tag = "health", responses(
    (status = 200, description = "The process is up", body = Health),
))]
pub async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether this node can take requests
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
    (status = 200, description = "Everything runs and the database answers", body = Health),
    (status = 503, description = "Starting, stopping, or the database does not answer", body = ProblemBody,
     content_type = "application/problem+json"),
))]
pub async fn readyz(State(state): State<ApiState>) -> Result<Json<Health>, Problem> {
    let why = match state.readiness.0.phase.load(Ordering::SeqCst) {
        STARTING => "The service is starting.",
        STOPPING => "The service is stopping.",
        _ if state.readiness.database_answers(&state.store).await => {
            return Ok(Json(Health { status: "ready" }));
        }
        _ => "The database does not answer.",
    };
    Err(Problem::unavailable(why))
}
