//! Which claims share a call.

use crate::domain::delivery::Claim;
use crate::domain::event::EventKind;

/// Most bytes of payload in one shared call: with what a plugin makes of it, a default instance's 64 MiB have
/// room for it.
const BATCH_BYTES: usize = 4 << 20;

/// Puts claims, in their order, into calls of at most `most`. Only webhooks share a call: a person waits for
/// an action, and a schedule's run may need all that a run may use.
pub(super) fn group<T>(claims: Vec<T>, most: u32, claim_of: impl Fn(&T) -> &Claim) -> Vec<Vec<T>> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut calls = Vec::new();
    let mut open: Vec<T> = Vec::new();
    let mut bytes = 0_usize;
    for one in claims {
        let claim = claim_of(&one);
        if most <= 1 || !may_share(claim) {
            calls.push(vec![one]);
            continue;
        }
        let size = claim.event.payload().len();
        if open.len() >= most || (!open.is_empty() && bytes.saturating_add(size) > BATCH_BYTES) {
            calls.push(std::mem::take(&mut open));
            bytes = 0;
        }
        bytes = bytes.saturating_add(size);
        open.push(one);
    }
    if !open.is_empty() {
        calls.push(open);
    }
    calls
}

fn may_share(claim: &Claim) -> bool {
    !claim.alone && claim.event.kind == EventKind::Webhook
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{Event, EventStatus};
    use crate::domain::id::{DeliveryId, EventId, LeaseToken};
    use crate::domain::time::Timestamp;

    fn claim(kind: EventKind, alone: bool) -> Claim {
        Claim {
            delivery: DeliveryId::generate(),
            plugin: "p".parse().expect("a name"),
            attempts: 0,
            token: LeaseToken::generate(),
            created_at: Timestamp::from_millis(0),
            alone,
            event: Event {
                id: EventId::generate(),
                kind,
                source: "s".to_owned(),
                event_type: "t".to_owned(),
                headers: Vec::new(),
                content_type: "application/json".to_owned(),
                body: "{}".into(),
                payload: None,
                received_at: Timestamp::from_millis(0),
                processed_at: None,
                status: EventStatus::Pending,
                error_message: None,
                owner: None,
                redacted: Vec::new(),
                trace: None,
                edited_from: None,
            },
        }
    }

    fn sizes(claims: Vec<Claim>, most: u32) -> Vec<usize> {
        let calls = group(claims, most, |claim| claim);
        calls.iter().map(Vec::len).collect()
    }

    #[test]
    fn only_webhooks_that_failed_with_nobody_share_a_call() {
        let claims = || {
            vec![
                claim(EventKind::Webhook, false),
                claim(EventKind::Action, false),
                claim(EventKind::Schedule, false),
                claim(EventKind::Webhook, true),
                claim(EventKind::Webhook, false),
                claim(EventKind::Webhook, false),
            ]
        };
        assert_eq!(sizes(claims(), 64), [1, 1, 1, 3]);
        assert_eq!(sizes(claims(), 2), [1, 1, 1, 2, 1]);
        assert_eq!(sizes(claims(), 1), [1; 6]);
        assert!(sizes(Vec::new(), 64).is_empty());
    }
}
