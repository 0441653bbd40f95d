//! Which plugins an event goes to by the routes in force, and why not to the others. For people: intake
//! asks [`crate::domain::route::RouteTable`].

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use crate::clock::SharedClock;
use crate::domain::event::{Event, EventKind, EventStatus, Header};
use crate::domain::expression::Facts;
use crate::domain::id::EventId;
use crate::domain::plugin::{PluginName, SharedSpecs};
use crate::domain::route::{RouteExplained, explain};
use crate::looks::Looks;
use crate::wasm::{PluginState, Registry};

/// Explains routes. Cheap to clone.
#[derive(Clone)]
pub struct Routing {
    pub specs: SharedSpecs,
    pub registry: Arc<Registry>,
    pub clock: SharedClock,
    pub looks: Looks,
}

/// What one plugin would do with an event.
#[derive(Clone, Debug, Serialize)]
pub struct PluginExplained {
    pub plugin: PluginName,
    /// Whether a delivery to it would be made.
    pub wants: bool,
    /// `None` while it is being loaded for the first time.
    pub state: Option<PluginState>,
    /// The same in words.
    pub why: String,
    pub routes: Vec<RouteExplained>,
}

/// An event as somebody imagines it.
#[derive(Clone, Debug)]
pub struct Imagined {
    pub source: String,
    pub event_type: String,
    /// Names in any case.
    pub headers: Vec<Header>,
    pub payload: Bytes,
}

impl Routing {
    /// Every plugin of the file, by name. `None` when the runtime ends.
    pub async fn explain(&self, event: Event) -> Option<Vec<PluginExplained>> {
        let (routing, bytes) = (self.clone(), event.body.len());
        self.looks.look(bytes, move || routing.explained(&event)).await
    }

    fn explained(&self, event: &Event) -> Vec<PluginExplained> {
        let facts = Facts::of(event);
        let specs = self.specs.load();
        let told = specs.values().map(|spec| {
            let routes = explain(&spec.routes, &facts);
            let state = self.registry.status(&spec.name).map(|status| status.state);
            let matches = routes.iter().any(|route| route.matches);
            PluginExplained {
                plugin: spec.name.clone(),
                wants: matches && spec.enabled && event.kind == EventKind::Webhook,
                why: why(event.kind, &routes, matches, state),
                state,
                routes,
            }
        });
        told.collect()
    }

    /// The same for an event that is not stored.
    pub async fn explain_imagined(&self, imagined: Imagined) -> Option<Vec<PluginExplained>> {
        let mut headers = imagined.headers;
        for header in &mut headers {
            header.name.make_ascii_lowercase();
        }
        self.explain(Event {
            id: EventId::generate(),
            kind: EventKind::Webhook,
            source: imagined.source,
            event_type: imagined.event_type,
            headers,
            content_type: "application/json".to_owned(),
            body: imagined.payload,
            payload: None,
            received_at: self.clock.now(),
            processed_at: None,
            status: EventStatus::Pending,
            error_message: None,
            owner: None,
            redacted: Vec::new(),
            edited_from: None,
        })
        .await
    }
}

fn why(kind: EventKind, routes: &[RouteExplained], matches: bool, state: Option<PluginState>) -> String {
    if kind != EventKind::Webhook {
        return format!("an event of kind {kind} goes to the plugin it was made for; routes take no part");
    }
    if !matches {
        return match routes {
            [] => "it has no routes".to_owned(),
            _ => no_match(routes),
        };
    }
    match state {
        Some(PluginState::Disabled) => "a route matches, but the plugin is disabled: no delivery is made",
        Some(PluginState::Paused) => "a route matches; the plugin is paused, so the delivery waits",
        Some(PluginState::Fetching) => {
            "a route matches; the component is being fetched, so the delivery waits"
        }
        Some(PluginState::Broken) | None => "a route matches; the plugin is broken, so the delivery waits",
        Some(PluginState::Ready | PluginState::LastGood) => "a route matches",
    }
    .to_owned()
}

/// The nearest miss: what stands between the event and the route that fits it best.
fn no_match(routes: &[RouteExplained]) -> String {
    let fits = |route: &&RouteExplained| u8::from(route.source_matches) + u8::from(route.type_matches);
    let Some(best) = routes.iter().max_by_key(fits) else {
        return String::new();
    };
    let mut misses = Vec::new();
    if !best.source_matches {
        misses.push(format!("the source is not `{}`", best.source));
    }
    if !best.type_matches {
        misses.push(format!("the type is not `{}`", best.event_type));
    }
    match (&best.when, &best.when_error) {
        (Some(when), Some(error)) => misses.push(format!("`{when}` cannot be worked out: {error}")),
        (Some(when), None) if best.when_holds == Some(false) => {
            misses.push(format!("`{when}` does not hold"));
        }
        _ => {}
    }
    format!("no route matches: {}", misses.join(", and "))
}
