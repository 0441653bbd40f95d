//! The harness: real stores, real components, real listeners.

pub mod pipeline;
pub mod plugins;
