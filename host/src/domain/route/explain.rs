//! Why an event goes to a plugin, or does not.

use serde::Serialize;

use super::Route;
use crate::domain::expression::{Condition, Facts};

/// One route, part by part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RouteExplained {
    /// The glob, and whether the event's source fits.
    pub source: String,
    pub source_matches: bool,
    #[serde(rename = "type")]
    pub event_type: String,
    pub type_matches: bool,
    /// The condition, when there is one.
    pub when: Option<String>,
    /// Whether it holds; `None` without one, or where it cannot be worked out.
    pub when_holds: Option<bool>,
    /// Why it cannot be worked out.
    pub when_error: Option<String>,
    /// Whether the event goes this way.
    pub matches: bool,
}

/// A plugin's routes in order. Conditions are worked out whether or not source and type match.
#[must_use]
pub fn explain(routes: &[Route], facts: &Facts<'_>) -> Vec<RouteExplained> {
    routes.iter().map(|route| one(route, facts)).collect()
}

fn one(route: &Route, facts: &Facts<'_>) -> RouteExplained {
    let when = route.when.as_ref().map(|condition| condition.holds(facts));
    let source_matches = route.source.is_match(facts.source());
    let type_matches = route.event_type.is_match(facts.event_type());
    let holds = when.as_ref().is_none_or(|held| matches!(held, Ok(true)));
    RouteExplained {
        source: route.source.glob().to_string(),
        source_matches,
        event_type: route.event_type.glob().to_string(),
        type_matches,
        when: route
            .when
            .as_ref()
            .map(|condition| Condition::text(condition).to_owned()),
        when_holds: when.as_ref().and_then(|held| held.as_ref().ok().copied()),
        when_error: when.and_then(Result::err),
        matches: source_matches && type_matches && holds,
    }
}
