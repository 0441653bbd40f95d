//! What becomes of events with age: purged, redacted, exported, sealed.

mod commands;
mod rules;
mod sealed;
mod section;
mod store;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookyard::clock::{FakeClock, SharedClock};
use hookyard::domain::time::Timestamp;
use hookyard::environment::Environment;
use serde_json::Value;

use crate::support::pipeline::{JsonValue as _, PATIENCE, Pipeline};

const DAY: Duration = Duration::from_hours(24);

/// When the clocks of these tests begin.
fn start_of_time() -> Timestamp {
    Timestamp::parse("2026-08-01T12:00:00Z").expect("a moment")
}

/// An application by a clock that the test moves.
async fn start(dir: &Path, plugins: &str, env: Environment) -> (Pipeline, Arc<FakeClock>) {
    let clock = Arc::new(FakeClock::new(start_of_time()));
    let shared: SharedClock = clock.clone();
    (Pipeline::start_by(shared, dir, plugins, env).await, clock)
}

async fn get(pipeline: &Pipeline, path: &str) -> (u16, Value) {
    let request = pipeline.client.get(format!("http://{}{path}", pipeline.address));
    let response = request
        .bearer_auth(&pipeline.token)
        .send()
        .await
        .expect("an answer");
    (response.status().as_u16(), response.json_value().await)
}

/// The sources of all events, newest first.
async fn sources(pipeline: &Pipeline) -> Vec<String> {
    let (_, list) = get(pipeline, "/api/webhooks/list/?page_size=100").await;
    let events = list["results"].as_array().expect("a list").iter();
    events
        .map(|event| event["source"].as_str().expect("text").to_owned())
        .collect()
}

/// Waits until the sources are these.
async fn wait_sources(pipeline: &Pipeline, wanted: &[&str]) {
    let began = Instant::now();
    loop {
        let sources = sources(pipeline).await;
        if sources == wanted {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{sources:?} never became {wanted:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
