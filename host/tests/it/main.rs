//! Everything that enters by the front door: one binary, one module per theme.

mod actions;
mod auth;
mod batches;
mod control;
mod durability;
mod egress;
mod github_backup;
mod gsheets;
mod guests;
mod http_api;
mod import;
mod intake;
mod manifest;
mod minting;
mod pipeline;
mod power_cut;
mod recorder;
mod reload;
mod run_once;
mod sandbox;
mod schedules;
mod slack;
mod store;
mod support;
mod tidy;
mod vault;
