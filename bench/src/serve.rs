//! The baselines that serve, as processes of their own: (b) parses JSON and answers; (c) also makes the body durable,
//! by a group commit and nothing else.

mod commit;

use std::sync::Arc;

use anyhow::{Context as _, bail};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::serve::ListenerExt as _;
use tokio::sync::{mpsc, oneshot};

pub use commit::MOST;

/// The variables that say which baseline it is, and where its database is.
pub const WHICH: &str = "BENCH_SERVE";
pub const DATABASE: &str = "BENCH_SERVE_DATABASE";

/// A body that waits to be durable.
pub struct Waiting {
    pub id: String,
    pub body: Bytes,
    pub done: oneshot::Sender<()>,
}

/// Where bodies go; none of them where nothing is stored.
type Sink = Option<mpsc::Sender<Waiting>>;

/// Serves until it is ended.
///
/// # Errors
/// When it is not told what to serve, or cannot.
pub async fn run() -> anyhow::Result<()> {
    let told = |name: &str| std::env::var_os(name).and_then(|value| value.into_string().ok());
    let which = told(WHICH).context("no baseline is named")?;
    let database = told(DATABASE).unwrap_or_default();
    let (sink, waiting) = mpsc::channel(MOST);
    let sink: Sink = match which.as_str() {
        "raw" => None,
        "sqlite" => {
            let commits = commit::Sqlite::open(&database)?;
            std::thread::spawn(move || commits.run(waiting));
            Some(sink)
        }
        "postgres" => {
            tokio::spawn(commit::Postgres::open(&database).await?.run(waiting));
            Some(sink)
        }
        other => bail!("there is no baseline {other}"),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let listener = listener.tap_io(|stream| {
        // Answers are small; a connection without it is only slower.
        let _slower = stream.set_nodelay(true);
    });
    let service = Router::new().route("/", post(receive)).with_state(Arc::new(sink));
    axum::serve(listener, service).await?;
    Ok(())
}

/// Parses the body, makes it durable where there is a sink, and answers as the product does.
async fn receive(State(sink): State<Arc<Sink>>, body: Bytes) -> Response {
    // Walked over and not built into values: the ceiling, not a sparring partner.
    if serde_json::from_slice::<&serde_json::value::RawValue>(&body).is_err() {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let id = uuid::Uuid::now_v7().to_string();
    if let Some(sink) = &*sink {
        let (done, durable) = oneshot::channel();
        let waiting = Waiting {
            id: id.clone(),
            body,
            done,
        };
        if sink.send(waiting).await.is_err() || durable.await.is_err() {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    }
    let answer = format!("{{\"id\":\"{id}\",\"status\":\"pending\",\"message\":\"Webhook received.\"}}");
    ([(CONTENT_TYPE, "application/json")], answer).into_response()
}
