//! The harness: real stores, real components, real listeners.

pub mod postgres;
pub mod stores;
