//! The pages at `/` and `/ui/…`.

use hyper::StatusCode;

use super::Shared;
use crate::wire::{Received, Reply};

/// Draws a page.
pub fn answer(_shared: &Shared, _received: &Received) -> Reply {
    Reply::text(StatusCode::NOT_FOUND, "not found\n")
}
