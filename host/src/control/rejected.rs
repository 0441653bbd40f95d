//! Commands about refused requests.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::Answer;
use crate::app::App;
use crate::domain::audit::Actor;
use crate::domain::id::RejectedId;
use crate::domain::page::PageRequest;
use crate::http::receive::Received;
use crate::http::rejected::{AcceptedView, RejectedDetail, RejectedView, VerdictView};

/// What can be asked about refused requests.
#[derive(Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum RejectedRequestCommand {
    /// The newest.
    List {
        source: Option<String>,
        limit: u32,
    },
    Show {
        id: String,
    },
    /// Says what would become of it now.
    Verify {
        id: String,
    },
    /// Takes it in, once.
    Accept {
        id: String,
    },
}

impl RejectedRequestCommand {
    /// Whether sources and routes are looked at.
    pub(super) const fn needs_plugins(&self) -> bool {
        matches!(self, Self::Verify { .. } | Self::Accept { .. })
    }
}

pub(super) async fn execute(
    app: &App,
    command: RejectedRequestCommand,
    by: &Actor,
) -> anyhow::Result<Answer> {
    match command {
        RejectedRequestCommand::List { source, limit } => list(app, source.as_deref(), limit).await,
        RejectedRequestCommand::Show { id } => show(app, &id).await,
        RejectedRequestCommand::Verify { id } => verify(app, &id).await,
        RejectedRequestCommand::Accept { id } => accept(app, &id, by).await,
    }
}

async fn list(app: &App, source: Option<&str>, limit: u32) -> anyhow::Result<Answer> {
    let page = PageRequest { page: 1, size: limit };
    let found = app.store.rejected_requests(source, page).await?;
    let shown: Vec<_> = found.items.into_iter().map(RejectedView::listed).collect();
    Answer::of(&shown)
}

async fn show(app: &App, id: &str) -> anyhow::Result<Answer> {
    let found = app.store.rejected_request(parsed(id)?).await?;
    let request = found.with_context(|| format!("there is no rejected request {id}"))?;
    Answer::of(&RejectedDetail::of(request)?)
}

async fn verify(app: &App, id: &str) -> anyhow::Result<Answer> {
    super::execute::routed(app)?;
    let verdict = app.sources.verify_again(parsed(id)?).await?;
    Answer::of(&VerdictView::from(verdict))
}

async fn accept(app: &App, id: &str, by: &Actor) -> anyhow::Result<Answer> {
    super::execute::routed(app)?;
    let late = app.sources.accept_late(parsed(id)?, &by.name).await?;
    let events = late.events.into_iter().map(|event| Received::of(event, false));
    Answer::of(&AcceptedView {
        events: events.collect(),
    })
}

fn parsed(id: &str) -> anyhow::Result<RejectedId> {
    id.parse().with_context(|| {
        format!("`{id}` is not the id of a rejected request; `hookyard rejected list` shows them")
    })
}
