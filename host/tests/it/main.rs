//! Everything that enters by the front door: one binary, one module per theme.

mod auth;
mod http_api;
mod intake;
mod support;
