//! The request bin: a plugin that takes whatever it is given, added to `plugins.toml` after a look at the change, and the
//! page that shows what it was given last.

use std::path::PathBuf;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::acts::{TEST_SOURCE, said};
use super::diff::Diff;
use super::guard::{MayAct, MayLook};
use super::layout::{self, Layout, Section};
use super::say::When;
use super::visit::done_at;
use super::{done, first_run, mask, place};
use crate::domain::page::PageRequest;
use crate::domain::replay::{DeliveryFilter, ListedDelivery};
use crate::domain::time::Timestamp;
use crate::http::doer::Doer;
use crate::http::extract::Params;
use crate::http::origin::Origin;
use crate::http::plugins::named;
use crate::http::views::{EventView, HeaderView};
use crate::http::{ApiState, Problem};
use crate::operator::NewSection;

/// Its name in `plugins.toml`.
pub const NAME: &str = "request-bin";

/// Where the page lies.
pub const PAGE: &str = "/admin/bin/";

/// Where its component lies, relative to `plugins.toml`: with those of the other plugins.
const COMPONENT: &str = "plugins/dist/request_bin.wasm";

/// Requests that are shown: each is read whole.
const SHOWN: u32 = 10;

/// Most characters of a body that are shown; the event's page has all.
const MAX_BODY_CHARS: usize = 4_096;

#[derive(Template)]
#[template(path = "bin.html")]
struct BinPage {
    layout: Layout,
    done: Option<&'static str>,
    standing: Option<BinStanding>,
    /// While `plugins.toml` has it not: how it gets there, and what changes of the file.
    offer: Option<Offer>,
    diff: Diff,
    requests: Vec<Taken>,
}

/// How the bin stands.
pub struct BinStanding {
    pub href: String,
    /// The word of its state, and the class that colours it.
    pub state: &'static str,
    /// Why it is so; may be empty.
    pub error: String,
}

/// What adding it to `plugins.toml` takes.
struct Offer {
    file: String,
    component: String,
    /// The component is there.
    is_there: bool,
    /// Why the file cannot be changed; empty when it can.
    error: String,
    /// The digest of the file that this is about.
    seen: String,
}

/// A request that it was given.
struct Taken {
    href: String,
    source: String,
    event_type: String,
    content_type: String,
    state: &'static str,
    when: When,
    headers: Vec<HeaderView>,
    body: String,
    is_cut: bool,
}

impl BinStanding {
    /// Of the plugin in force; `None` while `plugins.toml` has it not.
    pub fn of(state: &ApiState, layout: &Layout) -> Result<Option<Self>, Problem> {
        let status = state.waits.registry.status(&named(NAME)?);
        Ok(status.map(|status| Self {
            href: layout.link(&place::plugin(NAME)),
            state: status.state.as_str(),
            error: status.error.unwrap_or_default(),
        }))
    }
}

/// Shows what it was given; while it is not there, how it gets there.
pub async fn page(State(state): State<ApiState>, by: MayLook, params: Params) -> Result<Response, Problem> {
    let layout = Layout::of(&by, Section::Plugins, "Request bin");
    let standing = BinStanding::of(&state, &layout)?;
    let (offer, diff) = if standing.is_none() {
        let (offer, diff) = Offer::of(&state).await?;
        (Some(offer), diff)
    } else {
        (None, Diff::default())
    };
    layout::render(&BinPage {
        done: said(params.get("done")),
        standing,
        offer,
        diff,
        requests: taken(&state, &layout).await?,
        layout,
    })
}

impl Offer {
    /// How it gets into the file as it is now, and what that changes.
    async fn of(state: &ApiState) -> Result<(Self, Diff), Problem> {
        let section = section(state)?;
        let component = section.component.clone();
        let mut offer = Self {
            file: state.operator.path().display().to_string(),
            component: component.display().to_string(),
            is_there: is_there(component).await?,
            error: String::new(),
            seen: String::new(),
        };
        let preview = match state.operator.preview_add(section).await {
            Ok(preview) => preview,
            Err(error) => {
                offer.error = error.to_string();
                return Ok((offer, Diff::default()));
            }
        };
        offer.seen = preview.digest;
        let (before, after) = (preview.before, preview.after);
        let diff = tokio::task::spawn_blocking(move || Diff::of(&before, &after)).await;
        let mut diff = diff.map_err(|error| Problem::internal(error.to_string()))?;
        for line in &mut diff.lines {
            line.text = mask::toml_line(&line.text);
        }
        Ok((offer, diff))
    }
}

async fn is_there(file: PathBuf) -> Result<bool, Problem> {
    let looked = tokio::task::spawn_blocking(move || file.is_file()).await;
    looked.map_err(|error| Problem::internal(error.to_string()))
}

/// Its section: events of a first run and those that are sent from here, and no rights.
fn section(state: &ApiState) -> Result<NewSection, Problem> {
    let component = state.operator.beside(COMPONENT);
    let route = |source: &str| (source.to_owned(), "*".to_owned());
    Ok(NewSection {
        name: named(NAME)?,
        component: component.map_err(|error| Problem::internal(error.to_string()))?,
        sha256: None,
        routes: vec![route(first_run::SOURCE), route(TEST_SOURCE)],
        http: Vec::new(),
        permissions: Vec::new(),
        secrets: Vec::new(),
        private_network: false,
        config: serde_json::Map::new(),
    })
}

/// Adds it to the file that was seen.
pub async fn add(
    State(state): State<ApiState>,
    origin: Origin,
    MayAct { by, form }: MayAct,
) -> Result<Response, Problem> {
    let doer = Doer {
        user: by.user().clone(),
        origin,
    };
    let seen = form.raw("seen").to_owned();
    doer.add_plugin(&state, section(&state)?, seen).await?;
    by.visit.redirect(&done_at(PAGE, done::BIN_ADDED))
}

/// What it was given, newest first.
async fn taken(state: &ApiState, layout: &Layout) -> Result<Vec<Taken>, Problem> {
    let filter = DeliveryFilter {
        plugin: Some(named(NAME)?),
        ..DeliveryFilter::default()
    };
    let newest = PageRequest { page: 1, size: SHOWN };
    let now = state.waits.clock.now();
    let mut taken = Vec::new();
    for listed in state.store.delivery_list(&filter, newest).await?.items {
        taken.extend(request(state, layout, &listed, now).await?);
    }
    Ok(taken)
}

/// One request; `None` when its event has been removed just now.
async fn request(
    state: &ApiState,
    layout: &Layout,
    listed: &ListedDelivery,
    now: Timestamp,
) -> Result<Option<Taken>, Problem> {
    let Some(event) = state.store.event(listed.delivery.event).await? else {
        return Ok(None);
    };
    let when = When::of(listed.delivery.created_at, now);
    let event = EventView::of(event)?;
    let payload = event.payload.get();
    let body: String = payload.chars().take(MAX_BODY_CHARS).collect();
    Ok(Some(Taken {
        href: layout.link(&format!("/admin/events/{}/", event.id)),
        is_cut: body.len() < payload.len(),
        body,
        state: listed.delivery.state.as_str(),
        when,
        source: event.source,
        event_type: event.event_type,
        content_type: event.content_type,
        headers: event.headers,
    }))
}
