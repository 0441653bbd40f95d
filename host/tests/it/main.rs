//! Everything that enters by the front door: one binary, one module per theme.

mod egress;
mod manifest;
mod pipeline;
mod reload;
mod sandbox;
mod support;
