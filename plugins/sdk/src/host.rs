//! The one place that knows whether there is a host: in a component the calls below are the
//! world's imports, natively they go to [`crate::testing::Host`].

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::calls::*;
#[cfg(target_arch = "wasm32")]
pub(crate) use component::*;

#[cfg(target_arch = "wasm32")]
mod component {
    use std::time::{Duration, SystemTime};

    pub(crate) use crate::bindings::hookyard::plugin::config::get as config;
    pub(crate) use crate::bindings::hookyard::plugin::log::write as log;
    pub(crate) use crate::bindings::hookyard::plugin::processes::page as processes;
    pub(crate) use crate::bindings::hookyard::plugin::secrets::reference as secret;
    pub(crate) use crate::bindings::hookyard::plugin::state::{
        compare_and_swap as state_cas, delete as state_delete, get as state_get, list_keys as state_list,
        set as state_set,
    };
    pub(crate) use crate::http::wire::send;

    #[expect(
        clippy::disallowed_methods,
        reason = "in a component this is the host's clock"
    )]
    pub(crate) fn now() -> SystemTime {
        SystemTime::now()
    }

    pub(crate) fn sleep(time: Duration) {
        std::thread::sleep(time);
    }
}
