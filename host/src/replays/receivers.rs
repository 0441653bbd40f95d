//! Where an event goes that is brought out once more.

use std::sync::Arc;

use super::{ReplayError, Replays};
use crate::domain::delivery::NewDelivery;
use crate::domain::expression::Facts;
use crate::domain::id::{DeliveryId, EventId};
use crate::domain::plugin::{PluginName, PluginSpec};

/// Where an event goes that is brought out once more.
pub(super) enum Receiving {
    /// Its routes lead there.
    Routed(Vec<NewDelivery>),
    /// Somebody named these, or they had it before.
    Chosen(Vec<Arc<PluginSpec>>),
}

impl Receiving {
    /// A delivery for each, with its order key.
    pub fn deliveries(self, facts: &Facts<'_>) -> Vec<NewDelivery> {
        match self {
            Self::Routed(deliveries) => deliveries,
            Self::Chosen(specs) => specs
                .into_iter()
                .map(|spec| NewDelivery {
                    id: DeliveryId::generate(),
                    plugin: spec.name.clone(),
                    order_key: spec.order_by.as_ref().and_then(|by| by.key_for(facts)),
                })
                .collect(),
        }
    }
}

impl Replays {
    /// Where an event goes that is brought out once more: to those named; without any to where it was `routed`, or,
    /// when no route wants it, to those that had the event `of`.
    pub(super) async fn receivers(
        &self,
        of: EventId,
        named: Option<&[String]>,
        routed: Vec<NewDelivery>,
    ) -> Result<Receiving, ReplayError> {
        let Some(named) = named else {
            if !routed.is_empty() {
                return Ok(Receiving::Routed(routed));
            }
            let had = self.store.deliveries(of).await?.into_iter();
            let mut had: Vec<_> = had
                .filter_map(|history| self.switched_on(history.delivery.plugin.as_str()).ok())
                .collect();
            had.dedup_by(|one, other| one.name == other.name);
            return if had.is_empty() {
                Err(ReplayError::NobodyWants(of))
            } else {
                Ok(Receiving::Chosen(had))
            };
        };
        let mut chosen = Vec::with_capacity(named.len());
        for name in named {
            chosen.push(self.switched_on(name)?);
        }
        chosen.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        chosen.dedup_by(|one, other| one.name == other.name);
        if chosen.is_empty() {
            let why = "name at least one plugin, or none at all";
            return Err(ReplayError::Invalid(why.to_owned()));
        }
        Ok(Receiving::Chosen(chosen))
    }

    /// The plugin of this name, when new deliveries may be made for it.
    pub(super) fn switched_on(&self, name: &str) -> Result<Arc<PluginSpec>, ReplayError> {
        let missing = || ReplayError::NoPlugin(name.to_owned());
        let plugin: PluginName = name.parse().map_err(|_| missing())?;
        let specs = self.specs.load();
        let spec = specs.get(&plugin).ok_or_else(missing)?;
        if spec.enabled {
            Ok(Arc::clone(spec))
        } else {
            Err(ReplayError::Disabled(plugin))
        }
    }
}
