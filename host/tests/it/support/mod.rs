//! The harness: real stores, real components, real listeners.
pub mod power_cut;
