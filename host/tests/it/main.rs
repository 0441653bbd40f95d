//! Everything that enters by the front door: one binary, one module per theme.

mod egress;
mod reload;
mod sandbox;
mod support;
