//! The harness: real stores, real components, real listeners.

pub mod api;
pub mod collector;
pub mod command;
pub mod flaky;
pub mod pipeline;
pub mod plugins;
pub mod postgres;
pub mod stores;
pub mod tls;
