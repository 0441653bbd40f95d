//! Where the token of one secret is kept, and where its runs take turns.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{MARGIN, MintError, Minted, Ticket};
use crate::domain::time::Timestamp;
use crate::secret::Secret;

/// A token that may be put in a request.
#[derive(Clone, Debug)]
pub(in crate::wasm) struct Token {
    value: Secret,
    /// Counts the tokens of its place.
    serial: u64,
}

impl Token {
    /// The token itself.
    pub(in crate::wasm) const fn value(&self) -> &Secret {
        &self.value
    }
}

/// The last token of one secret. Only the last: a changed key, scope or endpoint ends the use of
/// the token before.
#[derive(Default)]
pub(super) struct Place {
    held: Mutex<Held>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Held {
    serial: u64,
    kept: Option<Kept>,
    failure: Option<Failure>,
}

struct Kept {
    ticket: Ticket,
    token: Token,
    ends: Timestamp,
}

struct Failure {
    ticket: Ticket,
    error: MintError,
    at: Instant,
}

impl Place {
    /// Waits for the one exchange at a time.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// The token for this order, while it has more than [`MARGIN`] to live.
    pub(super) fn token(&self, ticket: Ticket, now: Timestamp) -> Option<Token> {
        let held = self.held();
        let kept = held.kept.as_ref()?;
        (kept.ticket == ticket && now < kept.ends.minus(MARGIN)).then(|| kept.token.clone())
    }

    /// The failure of an exchange that was under way when somebody asked at `asked`.
    pub(super) fn failure_since(&self, ticket: Ticket, asked: Instant) -> Option<MintError> {
        let held = self.held();
        let failure = held.failure.as_ref()?;
        (failure.ticket == ticket && failure.at >= asked).then(|| failure.error.clone())
    }

    /// Keeps a new token in place of the last.
    pub(super) fn keep(&self, ticket: Ticket, minted: Minted) -> Token {
        let mut held = self.held();
        held.serial += 1;
        let token = Token {
            value: minted.token,
            serial: held.serial,
        };
        held.kept = Some(Kept {
            ticket,
            token: token.clone(),
            ends: minted.ends,
        });
        held.failure = None;
        token
    }

    /// Notes that an exchange failed, for those that wait for it.
    pub(super) fn fail(&self, ticket: Ticket, error: MintError) {
        self.held().failure = Some(Failure {
            ticket,
            error,
            at: Instant::now(),
        });
    }

    /// Drops this token, unless another has taken its place.
    pub(super) fn forget(&self, token: &Token) {
        let mut held = self.held();
        if held
            .kept
            .as_ref()
            .is_some_and(|kept| kept.token.serial == token.serial)
        {
            held.kept = None;
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const FIRST: Ticket = Ticket([1; 32]);
    const SECOND: Ticket = Ticket([2; 32]);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn minted(ends: i64) -> Minted {
        Minted {
            token: Secret::new("t".to_owned()),
            ends: at(ends),
        }
    }

    #[test]
    fn a_token_serves_until_a_minute_before_its_end_and_its_own_order_only() {
        let place = Place::default();
        place.keep(FIRST, minted(3_600));
        assert!(place.token(FIRST, at(3_539)).is_some());
        assert!(place.token(FIRST, at(3_540)).is_none());
        assert!(place.token(SECOND, at(0)).is_none());
        place.keep(SECOND, minted(3_600));
        assert!(place.token(FIRST, at(0)).is_none());
    }

    #[test]
    fn only_the_token_that_was_refused_is_forgotten() {
        let place = Place::default();
        let old = place.keep(FIRST, minted(3_600));
        let new = place.keep(FIRST, minted(3_600));
        place.forget(&old);
        assert!(place.token(FIRST, at(0)).is_some());
        place.forget(&new);
        assert!(place.token(FIRST, at(0)).is_none());
    }

    #[test]
    fn a_failure_is_told_to_those_that_waited_for_it() {
        let place = Place::default();
        let before = Instant::now();
        place.fail(FIRST, MintError::Refused("no".to_owned()));
        assert!(place.failure_since(FIRST, before).is_some());
        assert!(place.failure_since(SECOND, before).is_none());
        let later = Instant::now() + Duration::from_secs(1);
        assert!(place.failure_since(FIRST, later).is_none());
    }
}
