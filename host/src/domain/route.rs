//! Which plugins want which events.

mod explain;

use std::sync::Arc;

use arc_swap::ArcSwap;
use globset::{Glob, GlobMatcher};

use super::delivery::NewDelivery;
use super::event::{Event, EventKind, NewEvent};
use super::expression::{Condition, Depth, Facts};
use super::id::DeliveryId;
use super::order::OrderBy;
use super::plugin::{PluginName, PluginSpec};

pub use explain::{RouteExplained, explain};

/// One route of a plugin: events whose source and type both match, and for which its condition holds.
#[derive(Clone, Debug)]
pub struct Route {
    source: GlobMatcher,
    event_type: GlobMatcher,
    when: Option<Condition>,
}

impl Route {
    /// A route from two globs (`*` any text, `?` one character, `{a,b}` either, `[a-z]` a class).
    ///
    /// # Errors
    /// When a glob is malformed.
    pub fn new(source: &str, event_type: &str) -> Result<Self, globset::Error> {
        Ok(Self {
            source: Glob::new(source)?.compile_matcher(),
            event_type: Glob::new(event_type)?.compile_matcher(),
            when: None,
        })
    }

    /// The same under a condition.
    #[must_use]
    pub fn when(self, when: Option<Condition>) -> Self {
        Self { when, ..self }
    }

    /// The glob of its sources, as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        self.source.glob().glob()
    }

    /// The glob of its types.
    #[must_use]
    pub fn event_type(&self) -> &str {
        self.event_type.glob().glob()
    }

    /// Its condition, when it has one.
    #[must_use]
    pub const fn condition(&self) -> Option<&Condition> {
        self.when.as_ref()
    }

    /// Whether source and type match; the condition is not looked at.
    #[must_use]
    pub fn matches(&self, source: &str, event_type: &str) -> bool {
        self.source.is_match(source) && self.event_type.is_match(event_type)
    }
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        self.source.glob() == other.source.glob()
            && self.event_type.glob() == other.event_type.glob()
            && self.when == other.when
    }
}

/// What one plugin says of the events it wants.
#[derive(Clone, Debug)]
struct Wants {
    plugin: PluginName,
    routes: Vec<Route>,
    order_by: Option<OrderBy>,
}

/// The routes of all enabled plugins, swapped as a whole when `plugins.toml` changes.
#[derive(Clone, Debug, Default)]
pub struct RouteTable(Vec<Wants>);

/// The route table in force.
pub type SharedRoutes = Arc<ArcSwap<RouteTable>>;

/// Where an event goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routed {
    /// One for each plugin that wants it, in order of name.
    pub deliveries: Vec<NewDelivery>,
    /// Plugins with a condition that could not be worked out, and no other route that matched.
    pub failed: Vec<PluginName>,
}

impl RouteTable {
    /// The table for these plugins; disabled ones take no part.
    #[must_use]
    pub fn new<'a>(specs: impl IntoIterator<Item = &'a PluginSpec>) -> Self {
        Self(
            specs
                .into_iter()
                .filter(|spec| spec.enabled)
                .map(|spec| Wants {
                    plugin: spec.name.clone(),
                    routes: spec.routes.clone(),
                    order_by: spec.order_by.clone(),
                })
                .collect(),
        )
    }

    /// How far somebody has to look into the payload to say where such an event goes.
    #[must_use]
    pub fn depth(&self, source: &str, event_type: &str) -> Depth {
        let depths = self.0.iter().flat_map(|wants| {
            let for_key = match wants.order_by {
                Some(_) => Depth::Inside,
                None => Depth::Outside,
            };
            let routes = wants
                .routes
                .iter()
                .filter(|route| route.matches(source, event_type));
            routes.map(move |route| for_key.max(route.when.as_ref().map_or(Depth::Outside, Condition::depth)))
        });
        depths.max().unwrap_or_default()
    }

    /// Where the event goes. A condition that cannot be worked out does not hold.
    #[must_use]
    pub fn route(&self, event: &NewEvent) -> Routed {
        self.lead(&Facts::of_new(event))
    }

    /// Where a stored event would go if it came now. A tick or an action is one plugin's own: no route leads there.
    #[must_use]
    pub fn route_again(&self, event: &Event) -> Routed {
        match event.kind {
            EventKind::Webhook => self.lead(&Facts::of(event)),
            EventKind::Schedule | EventKind::Action => Routed::default(),
        }
    }

    fn lead(&self, facts: &Facts<'_>) -> Routed {
        let mut routed = Routed::default();
        for wants in &self.0 {
            match wants.it(facts) {
                Ok(false) => {}
                Ok(true) => routed.deliveries.push(NewDelivery {
                    id: DeliveryId::generate(),
                    plugin: wants.plugin.clone(),
                    order_key: wants.order_by.as_ref().and_then(|by| by.key_for(facts)),
                }),
                Err(_) => routed.failed.push(wants.plugin.clone()),
            }
        }
        routed
    }
}

impl Wants {
    fn it(&self, facts: &Facts<'_>) -> Result<bool, String> {
        let matching = || {
            let routes = self.routes.iter();
            routes.filter(move |route| route.matches(facts.source(), facts.event_type()))
        };
        if matching().any(|route| route.when.is_none()) {
            return Ok(true);
        }
        let mut failed = None;
        for condition in matching().filter_map(|route| route.when.as_ref()) {
            match condition.holds(facts) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(false), Err)
    }
}
