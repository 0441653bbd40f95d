//! Commands about routes.

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Answer;
use crate::app::App;
use crate::domain::event::Header;
use crate::domain::id::EventId;
use crate::routing::Imagined;

/// Which event to explain.
#[derive(Serialize, Deserialize)]
#[serde(tag = "routes", rename_all = "kebab-case")]
pub enum RoutesRequest {
    /// A stored one.
    Event { id: String },
    /// One that is not; the text of the file that describes it.
    Imagined { file: String },
}

/// An event as a file describes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Described<'a> {
    #[serde(default = "unknown")]
    source: String,
    #[serde(default = "unknown", rename = "type")]
    event_type: String,
    #[serde(borrow)]
    payload: &'a RawValue,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// Does one command.
pub(super) async fn execute(app: &App, request: RoutesRequest) -> anyhow::Result<Answer> {
    let routing = app.routing();
    let explained = match request {
        RoutesRequest::Event { id } => {
            let id = EventId::written(&id).with_context(|| format!("`{id}` is not an event's id"))?;
            let event = app.store.event(id).await?;
            let event = event.ok_or_else(|| anyhow!("there is no event {id}"))?;
            routing.explain(event).await
        }
        RoutesRequest::Imagined { file } => {
            let event = imagined(&file)?;
            routing.explain_imagined(event).await
        }
    };
    Answer::of(&explained.context("the routes cannot be explained")?)
}

fn imagined(file: &str) -> anyhow::Result<Imagined> {
    let described: Described<'_> = serde_json::from_str(file).context(
        "the file does not describe an event; write {\"source\": \"…\", \"type\": \"…\", \"payload\": …, \
         \"headers\": {\"x-name\": \"…\"}}",
    )?;
    let headers = described.headers.into_iter();
    Ok(Imagined {
        source: described.source,
        event_type: described.event_type,
        headers: headers.map(|(name, value)| Header { name, value }).collect(),
        payload: Bytes::from(described.payload.get().to_owned()),
    })
}
