//! The trait an author implements, and the way from the host's call to it.

use serde::de::DeserializeOwned;

use crate::{Call, Delivery, Event, Failure, Job, Manifest, Outcome, Tick, Trigger, config};

/// What every job has beside its trigger.
#[derive(Clone, Debug)]
pub struct Context<C> {
    /// The operator's settings.
    pub config: C,
    /// The errand: its id is the same over every attempt, so it can make an effect idempotent.
    pub delivery: Delivery,
}

/// A Hookyard plugin. Implement what it is for; the rest refuses the job with a clear text.
///
/// The host makes a fresh instance for every call, so nothing in memory lives from one delivery to
/// the next: use [`crate::state`].
pub trait Plugin {
    /// The operator's settings, `[plugins.NAME.config]`. Take `Value` of `serde_json`, or
    /// [`crate::NoConfig`] when there are none.
    type Config: DeserializeOwned;

    /// Who the plugin is and what it asks for. A constant: no import works while it runs.
    fn manifest() -> Manifest;

    /// A webhook arrived that a route sends here.
    fn webhook(_ctx: &Context<Self::Config>, event: &Event) -> Result<Outcome, Failure> {
        Err(Failure::reject(format!(
            "{} does nothing with webhooks (this is {} from {}); remove its route in plugins.toml",
            Self::manifest().name(),
            event.event_type,
            event.source,
        )))
    }

    /// A moment of a schedule has come.
    fn schedule(_ctx: &Context<Self::Config>, tick: &Tick) -> Result<Outcome, Failure> {
        Err(Failure::reject(format!(
            "{} does nothing on a schedule; remove `{}` from plugins.toml",
            Self::manifest().name(),
            tick.cron,
        )))
    }

    /// A person asked for one of the manifest's actions.
    fn action(_ctx: &Context<Self::Config>, call: &Call) -> Result<Outcome, Failure> {
        Err(Failure::reject(format!(
            "{} has no action `{}`",
            Self::manifest().name(),
            call.action
        )))
    }

    /// Does one job: gives the trigger to the method for its kind.
    fn job(ctx: &Context<Self::Config>, trigger: &Trigger) -> Result<Outcome, Failure> {
        match trigger {
            Trigger::Webhook(event) => Self::webhook(ctx, event),
            Trigger::Schedule(tick) => Self::schedule(ctx, tick),
            Trigger::Action(call) => Self::action(ctx, call),
        }
    }

    /// Does all the jobs of one call, one result each in the same order. Only a plugin that takes
    /// batches has a reason to replace this.
    fn jobs(config: Self::Config, jobs: Vec<Job>) -> Vec<Result<Outcome, Failure>> {
        let mut config = Some(config);
        let mut results = Vec::with_capacity(jobs.len());
        for job in jobs {
            let Some(own) = config.take() else { break };
            let ctx = Context {
                config: own,
                delivery: job.delivery,
            };
            results.push(Self::job(&ctx, &job.trigger));
            config = Some(ctx.config);
        }
        results
    }
}

/// What `handle` of the world does: reads the configuration, then [`Plugin::jobs`]. A
/// configuration that does not fit rejects every job with the key and the reason.
#[must_use]
pub fn run<P: Plugin>(jobs: Vec<Job>) -> Vec<Result<Outcome, Failure>> {
    match config::read::<P::Config>() {
        Ok(config) => P::jobs(config, jobs),
        Err(failure) => jobs.iter().map(|_| Err(failure.clone())).collect(),
    }
}

/// Makes a type that implements [`Plugin`] the plugin of this component. Once per crate, whose
/// `crate-type` is `cdylib`. Natively nothing is exported: make the type `pub`, so that its code
/// does not count as unused there.
#[macro_export]
macro_rules! register {
    ($plugin:ty) => {
        const _: () = {
            struct Component;

            impl $crate::bindings::Guest for Component {
                fn describe() -> $crate::wit::Manifest {
                    <$plugin as $crate::Plugin>::manifest().into_wit()
                }

                fn handle(
                    jobs: ::std::vec::Vec<$crate::Job>,
                ) -> ::std::vec::Vec<::std::result::Result<$crate::Outcome, $crate::Failure>> {
                    $crate::run::<$plugin>(jobs)
                }
            }

            #[cfg(target_arch = "wasm32")]
    $crate::bindings::export!(Component with_types_in $crate::bindings);
        };
    };
}
