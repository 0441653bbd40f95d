//! Which plugins want which events.

use std::sync::Arc;

use arc_swap::ArcSwap;
use globset::{Glob, GlobMatcher};

use super::plugin::{PluginName, PluginSpec};

/// One route of a plugin: events whose source and type both match.
#[derive(Clone, Debug)]
pub struct Route {
    source: GlobMatcher,
    event_type: GlobMatcher,
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
        })
    }

    /// Whether an event goes this way.
    #[must_use]
    pub fn matches(&self, source: &str, event_type: &str) -> bool {
        self.source.is_match(source) && self.event_type.is_match(event_type)
    }
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        self.source.glob() == other.source.glob() && self.event_type.glob() == other.event_type.glob()
    }
}

/// The routes of all enabled plugins, swapped as a whole when `plugins.toml` changes.
#[derive(Clone, Debug, Default)]
pub struct RouteTable(Vec<(PluginName, Vec<Route>)>);

/// The route table in force.
pub type SharedRoutes = Arc<ArcSwap<RouteTable>>;

impl RouteTable {
    /// The table for these plugins; disabled ones take no part.
    #[must_use]
    pub fn new<'a>(specs: impl IntoIterator<Item = &'a PluginSpec>) -> Self {
        Self(
            specs
                .into_iter()
                .filter(|spec| spec.enabled)
                .map(|spec| (spec.name.clone(), spec.routes.clone()))
                .collect(),
        )
    }

    /// The plugins that want such an event, in order of name.
    #[must_use]
    pub fn plugins_for(&self, source: &str, event_type: &str) -> Vec<PluginName> {
        self.0
            .iter()
            .filter(|(_, routes)| routes.iter().any(|route| route.matches(source, event_type)))
            .map(|(name, _)| name.clone())
            .collect()
    }
}
