//! Everything that enters by the front door: one binary, one module per theme.

mod actions;
mod auth;
mod durability;
mod egress;
mod http_api;
mod intake;
mod manifest;
mod pipeline;
mod power_cut;
mod reload;
mod sandbox;
mod store;
mod support;
mod tidy;
