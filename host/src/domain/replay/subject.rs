//! What an order is about, and where its replays go.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::DeliveryFilter;
use crate::domain::event::EventStatus;
use crate::domain::plugin::{InvalidPluginName, PluginName};
use crate::domain::time::Timestamp;
use crate::domain::words::words;

/// What an order goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    Deliveries,
    Events,
}

words!(About, "subject of an order" {
    Deliveries = "deliveries",
    Events = "events",
});

/// Which events an order is about; every given condition must hold. Only webhooks: a tick or an action is one plugin's
/// own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventSelection {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<EventStatus>,
    /// Received at or after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Received before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Whether a plugin gets an event once more that it has had, or whose delivery to it a person discarded.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

/// Which deliveries, or which events, an order is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum JobFilter {
    /// Names a state.
    Deliveries(DeliveryFilter),
    Events(EventSelection),
}

impl JobFilter {
    /// What it chooses from.
    #[must_use]
    pub const fn about(&self) -> About {
        match self {
            Self::Deliveries(_) => About::Deliveries,
            Self::Events(_) => About::Events,
        }
    }
}

impl Default for JobFilter {
    fn default() -> Self {
        Self::Deliveries(DeliveryFilter::default())
    }
}

/// Where the replays of an order go, when not each to the plugin of what it repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aim {
    /// To the plugins whose routes want the event now.
    Wanting,
    /// To each of these.
    Named(Vec<PluginName>),
}

/// The word for [`Aim::Wanting`].
pub const ALL: &str = "all";

impl FromStr for Aim {
    type Err = InvalidPluginName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == ALL {
            return Ok(Self::Wanting);
        }
        let names = text.split(',').map(|name| name.trim().parse());
        let mut names = names.collect::<Result<Vec<PluginName>, _>>()?;
        names.sort_unstable();
        names.dedup();
        Ok(Self::Named(names))
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wanting => f.write_str(ALL),
            Self::Named(names) => {
                let names: Vec<_> = names.iter().map(PluginName::as_str).collect();
                f.write_str(&names.join(","))
            }
        }
    }
}

impl From<PluginName> for Aim {
    fn from(name: PluginName) -> Self {
        Self::Named(vec![name])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_goes_through_text() {
        for (text, shown) in [("all", "all"), ("b, a,b", "a,b"), ("slack-sdk", "slack-sdk")] {
            let aim: Aim = text.parse().expect("an aim");
            assert_eq!(aim.to_string(), shown);
            assert_eq!(shown.parse::<Aim>().expect("an aim"), aim);
        }
        for text in ["", ",", "a,,b", "A", "all of them"] {
            assert!(text.parse::<Aim>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_selection_goes_through_json() {
        let json = r#"{"source":"shop","type":"order","status":"processed","again":true}"#;
        let selection: EventSelection = serde_json::from_str(json).expect("read");
        let filter = JobFilter::Events(selection);
        assert_eq!(serde_json::to_string(&filter).expect("JSON"), json);
        assert_eq!(filter.about(), About::Events);
        assert!(serde_json::from_str::<EventSelection>(r#"{"plugin":"a"}"#).is_err());
    }
}
