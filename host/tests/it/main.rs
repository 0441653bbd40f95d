//! Everything that enters by the front door: one binary, one module per theme.

mod manifest;
mod pipeline;
mod power_cut;
mod support;
