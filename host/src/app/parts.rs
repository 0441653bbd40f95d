//! What the parts of the service work with, handed out by the composition root.

use super::App;
use crate::actions::Actions;
use crate::dispatch::{self, Waits};
use crate::nodes::Nodes;
use crate::processes::Processes;
use crate::retention::Keeper;
use crate::routing::Routing;
use crate::scheduler;

impl App {
    /// What the dispatcher works with.
    #[must_use]
    pub fn dispatch_parts(&self) -> dispatch::Parts {
        dispatch::Parts {
            store: self.store.clone(),
            registry: self.registry.clone(),
            specs: self.specs.clone(),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            looks: self.looks.clone(),
            lanes: self.lanes.clone(),
            wake: self.wake.clone(),
            node: self.node,
            lifecycle: self.lifecycle.clone(),
        }
    }

    /// What tells why deliveries wait.
    #[must_use]
    pub fn waits(&self) -> Waits {
        Waits {
            specs: self.specs.clone(),
            registry: self.registry.clone(),
            lanes: self.lanes.clone(),
            clock: self.clock.clone(),
            // A file that is wrong at the start of a command leaves nothing in force.
            file_read: self.operator.rejected().is_none() || self.dispatching(),
        }
    }

    /// What explains routes.
    #[must_use]
    pub fn routing(&self) -> Routing {
        Routing {
            specs: self.specs.clone(),
            registry: self.registry.clone(),
            clock: self.clock.clone(),
            looks: self.looks.clone(),
        }
    }

    /// What the scheduler works with.
    #[must_use]
    pub fn scheduler_parts(&self) -> scheduler::Parts {
        scheduler::Parts {
            store: self.store.clone(),
            specs: self.specs.clone(),
            clock: self.clock.clone(),
            wake: self.wake.clone(),
            lifecycle: self.lifecycle.clone(),
        }
    }

    /// This node among the others.
    #[must_use]
    pub fn nodes(&self) -> Nodes {
        Nodes {
            store: self.store.clone(),
            registry: self.registry.clone(),
            operator: self.operator.clone(),
            node: self.node,
        }
    }

    /// What keeps the rules of retention.
    pub(super) fn keeper(&self) -> Keeper {
        Keeper {
            store: self.store.clone(),
            clock: self.clock.clone(),
            rules: self.retention.clone(),
            metrics: self.metrics.clone(),
            lifecycle: self.lifecycle.clone(),
        }
    }

    /// What changes stored scripts.
    #[must_use]
    pub fn processes(&self) -> Processes {
        Processes::new(self.store.clone(), self.clock.clone())
    }

    /// What takes actions.
    #[must_use]
    pub fn actions(&self) -> Actions {
        Actions {
            store: self.store.clone(),
            registry: self.registry.clone(),
            specs: self.specs.clone(),
            clock: self.clock.clone(),
            wake: self.wake.clone(),
            lifecycle: self.lifecycle.clone(),
        }
    }
}
