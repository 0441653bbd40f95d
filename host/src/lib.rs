//! Hookyard: webhooks in, made durable, delivered to sandboxed WebAssembly components.
//!
//! The pipeline, in the order of the modules below: [`intake`] verifies and parses a request,
//! [`store`] makes it durable, [`dispatch`] claims its deliveries, [`wasm`] runs the plugin;
//! [`scheduler`] makes the events of schedules.
//! [`domain`] holds the words they share. `docs/architecture.md` has the map.

pub mod actions;
pub mod admin;
pub mod app;
pub mod audit;
pub mod auth;
pub mod batch;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod counts;
pub mod data_dir;
pub mod dispatch;
pub mod domain;
pub mod environment;
pub mod fault;
pub mod http;
pub mod import;
pub mod intake;
pub mod lifecycle;
pub mod looks;
pub mod manifest;
pub mod metrics;
pub mod nodes;
pub mod operator;
pub mod processes;
pub mod rehearsal;
pub mod replays;
pub mod retention;
pub mod routing;
pub mod scheduler;
pub mod secret;
pub mod store;
pub mod telemetry;
pub mod vault;
pub mod wake;
pub mod wasm;
pub mod watcher;
