//! Everything that enters by the front door: one binary, one module per theme.

mod manifest;
mod store;
mod support;
