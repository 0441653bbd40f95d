//! The harness: real stores, real components, real listeners.

pub mod api;
pub mod flaky;
