//! Doors for the fuzz targets (`fuzz/`) to parts that nobody else may enter.

use super::arrival::{self, Arrival, Keys};
use super::once::{IDEMPOTENCY_KEY, IdempotencyKey};
use super::presented::{Digest, Presented};
use crate::domain::event::NewEvent;
use crate::domain::rejected::Rejection;
use crate::domain::retention::Retention;
use crate::domain::source::SourceSpec;

/// What a request brings whose sender has proven itself, by a proof of this name.
///
/// # Errors
/// What is wrong with it.
pub fn arrival(
    spec: &SourceSpec,
    request: &Presented,
    proof: Digest,
    rules: &Retention,
) -> Result<Vec<NewEvent>, Rejection> {
    let given = request.headers.get(IDEMPOTENCY_KEY);
    let given = given.and_then(|value| IdempotencyKey::read(value.as_bytes()).ok());
    let keys = Keys {
        given: given.as_ref(),
        proof: Some(proof),
    };
    let brought = arrival::parse(spec, request, keys, rules, request.received_at);
    brought.map(Arrival::into_events)
}
