//! The harness: real stores, real components, real listeners.
