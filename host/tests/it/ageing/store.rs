//! Purging and redacting in both databases, and on what they look.

use std::time::Duration;

use bytes::Bytes;
use hookyard::domain::act::{Acted, ReplayAsk, Replayed};
use hookyard::domain::attempt::AttemptOutcome;
use hookyard::domain::delivery::Verdict;
use hookyard::domain::event::{EventFilter, NewEvent};
use hookyard::domain::id::{DeliveryId, EventId};
use hookyard::domain::retention::Scope;
use hookyard::domain::time::Timestamp;
use hookyard::store::{Place, Purge, RedactedContent, RedactedEvent, SharedStore};

use crate::store::acts::replay;
use crate::store::{BASE, LONG, by, claim, end_all, event, finish, on_both, set_headers};
use crate::support::stores::Fixture;

on_both!(
    the_scope_and_the_bounds_say_what_goes,
    what_is_open_stays_and_what_failed_goes_apart,
    the_newest_beyond_a_number_is_found,
    a_replay_and_a_purge_at_once_lose_nothing,
    a_discard_and_a_purge_at_once_block_nobody,
    a_redaction_is_done_once_per_rule_and_not_while_it_is_open,
    what_cannot_be_read_holds_no_redaction_up,
    old_entries_of_logs_go_in_steps,
    events_come_in_the_order_of_their_coming,
    free_pages_are_given_back_in_steps,
    the_database_is_written_anew,
);

fn at(seconds: u64) -> Timestamp {
    BASE.plus(Duration::from_secs(seconds))
}

/// Stores an event of a source that came at this second, with deliveries to these plugins.
async fn stored(store: &SharedStore, source: &str, second: u64, plugins: &[&str]) -> EventId {
    let event = NewEvent {
        source: source.to_owned(),
        received_at: at(second),
        ..event(plugins)
    };
    store
        .accept_events(std::slice::from_ref(&event))
        .await
        .expect("accepted");
    event.id
}

fn purge(scope: Scope, processed: Option<u64>, failed: Option<u64>) -> Purge {
    let before = |second| Place::before(at(second));
    Purge {
        scope,
        processed: processed.map(before),
        failed: failed.map(before),
    }
}

async fn ids(store: &SharedStore, purge: &Purge) -> Vec<EventId> {
    let places = store.purgeable_events(purge, None, 10).await.expect("readable");
    let count = store.count_purgeable(purge).await.expect("readable");
    assert_eq!(count, places.len() as u64);
    places.into_iter().map(|place| place.id).collect()
}

fn all() -> Scope {
    Scope::Others(Vec::new())
}

async fn the_scope_and_the_bounds_say_what_goes(fixture: &Fixture) {
    let store = &fixture.store;
    let a = stored(store, "a", 1, &[]).await;
    let b = stored(store, "b", 2, &[]).await;
    let c = stored(store, "c", 3, &[]).await;
    assert_eq!(ids(store, &purge(all(), Some(3), None)).await, [a, b]);
    assert_eq!(
        ids(store, &purge(Scope::Source("b".to_owned()), Some(9), None)).await,
        [b]
    );
    let others = Scope::Others(vec!["a".to_owned(), "c".to_owned()]);
    assert_eq!(ids(store, &purge(others, Some(9), None)).await, [b]);
    assert_eq!(ids(store, &purge(all(), None, None)).await, []);
    let wish = purge(all(), Some(9), None);
    let first = store.purgeable_events(&wish, None, 1).await.expect("readable");
    let rest = store
        .purgeable_events(&wish, first.first().copied(), 9)
        .await
        .expect("readable");
    assert_eq!(rest.iter().map(|place| place.id).collect::<Vec<_>>(), [b, c]);
    // What is no longer to go is not taken.
    assert_eq!(
        store
            .purge_events(&purge(all(), Some(3), None), &[a, b, c])
            .await
            .expect("purged"),
        2
    );
    assert!(store.event(a).await.expect("readable").is_none());
    assert!(store.event(c).await.expect("readable").is_some());
}

async fn what_is_open_stays_and_what_failed_goes_apart(fixture: &Fixture) {
    let store = &fixture.store;
    let waiting = stored(store, "a", 1, &["waits"]).await;
    let failed = stored(store, "a", 2, &["dies"]).await;
    let done = stored(store, "a", 3, &["works"]).await;
    for (plugin, verdict) in [("dies", Verdict::Dead), ("works", Verdict::Succeeded)] {
        let claims = claim(store, plugin, LONG).await;
        let held: Vec<_> = claims.iter().map(|claim| (claim.delivery, claim.token)).collect();
        store.mark_started(&held).await.expect("started");
        store
            .finish_deliveries(&[finish(&claims[0], verdict)])
            .await
            .expect("finished");
    }
    let history = store.deliveries(done).await.expect("readable");
    assert_eq!(history[0].attempts[0].record.outcome, AttemptOutcome::Succeeded);
    assert_eq!(ids(store, &purge(all(), Some(9), None)).await, [done]);
    assert_eq!(ids(store, &purge(all(), None, Some(9))).await, [failed]);
    let both = purge(all(), Some(9), Some(9));
    assert_eq!(ids(store, &both).await, [failed, done]);
    let all_ids = [waiting, failed, done];
    assert_eq!(store.purge_events(&both, &all_ids).await.expect("purged"), 2);
    assert!(store.deliveries(done).await.expect("readable").is_empty());
    assert_eq!(claim(store, "waits", LONG).await.len(), 1);
}

/// A purge of everything that has come to its end, well or not.
fn everything() -> Purge {
    purge(all(), Some(9), Some(9))
}

/// An event with a dead letter for `a`, and that one's id.
async fn dead_letter(store: &SharedStore) -> (EventId, DeliveryId) {
    let event = stored(store, "a", 1, &["a"]).await;
    let dead = end_all(store, "a", &Verdict::Dead).await;
    (event, dead[0])
}

async fn a_replay_and_a_purge_at_once_lose_nothing(fixture: &Fixture) {
    let store = &fixture.store;
    for _ in 0..20 {
        let (event, dead) = dead_letter(store).await;
        let ask = ReplayAsk {
            event,
            plugin: "a".parse().expect("a name"),
            of: Some(dead),
            order_key: None,
        };
        let replaying = tokio::spawn({
            let store = store.clone();
            async move { replay(&store, ask).await }
        });
        let purged = store.purge_events(&everything(), &[event]).await.expect("purged");
        let answer = replaying.await.expect("no panic");
        let made = usize::from(matches!(answer, Replayed::Made(_)));
        assert_eq!(
            (1 - purged, store.event(event).await.expect("readable").is_some()),
            (made as u64, made == 1),
            "{answer:?}"
        );
        assert_eq!(end_all(store, "a", &Verdict::Succeeded).await.len(), made);
    }
}

async fn a_discard_and_a_purge_at_once_block_nobody(fixture: &Fixture) {
    let store = &fixture.store;
    for _ in 0..20 {
        let (event, dead) = dead_letter(store).await;
        let discarding = tokio::spawn({
            let store = store.clone();
            async move { store.discard_deliveries(&[dead], &by("ada", Some("old"))).await }
        });
        let purged = store.purge_events(&everything(), &[event]).await;
        assert_eq!(purged.expect("purged"), 1);
        let answer = discarding.await.expect("no panic").expect("answered");
        assert!(matches!(answer[..], [Acted::Done | Acted::Missing]), "{answer:?}");
    }
}

async fn the_newest_beyond_a_number_is_found(fixture: &Fixture) {
    let store = &fixture.store;
    let first = stored(store, "a", 1, &[]).await;
    stored(store, "b", 2, &[]).await;
    let third = stored(store, "a", 3, &[]).await;
    let scope = Scope::Source("a".to_owned());
    let beyond = |keep| store.event_beyond(&scope, keep);
    assert_eq!(
        beyond(0).await.expect("readable").map(|place| place.id),
        Some(third)
    );
    assert_eq!(
        beyond(1).await.expect("readable"),
        Some(Place { at: at(1), id: first })
    );
    assert_eq!(beyond(2).await.expect("readable"), None);
}

async fn a_redaction_is_done_once_per_rule_and_not_while_it_is_open(fixture: &Fixture) {
    let store = &fixture.store;
    let open = stored(store, "a", 1, &["waits"]).await;
    let closed = stored(store, "a", 2, &[]).await;
    let found = |rule: &'static str| async move {
        let events = store
            .redactable_events(&all(), rule, at(9), None, 9)
            .await
            .expect("readable");
        events.into_iter().map(|event| event.id).collect::<Vec<_>>()
    };
    assert_eq!(found("one").await, [closed]);
    let first = store
        .first_unredacted(&all(), "one", at(9), None)
        .await
        .expect("readable");
    assert_eq!(first.map(|place| place.id), Some(open));
    let content = RedactedContent {
        headers: Vec::new(),
        body: Bytes::from_static(b"{\"a\":0}"),
        payload: Some(5..6),
        redacted: vec!["/a".to_owned()],
    };
    let row = |id, content| RedactedEvent { id, content };
    let rows = [row(open, Some(content.clone())), row(closed, Some(content))];
    assert_eq!(store.redact_events("one", &rows).await.expect("written"), 1);
    let event = store.event(closed).await.expect("readable").expect("there");
    assert_eq!(
        (&event.payload()[..], event.redacted),
        (&b"0"[..], vec!["/a".to_owned()])
    );
    let untouched = store.event(open).await.expect("readable").expect("there");
    assert_eq!((&untouched.body[..], untouched.redacted.len()), (&b"{}"[..], 0));
    assert_eq!(found("one").await, []);
    assert_eq!(found("two").await, [closed]);
    assert_eq!(
        store
            .redact_events("two", &[row(closed, None)])
            .await
            .expect("written"),
        1
    );
    assert_eq!(found("two").await, []);
}

async fn what_cannot_be_read_holds_no_redaction_up(fixture: &Fixture) {
    let store = &fixture.store;
    let damaged = stored(store, "a", 1, &[]).await;
    let whole = stored(store, "a", 2, &[]).await;
    set_headers(fixture, damaged, "nonsense").await;
    let found = store.redactable_events(&all(), "one", at(9), None, 9).await;
    let found: Vec<_> = found
        .expect("listed")
        .iter()
        .map(|listed| (listed.id, listed.unreadable.is_some()))
        .collect();
    assert_eq!(found, [(damaged, true), (whole, false)]);
}

async fn old_entries_of_logs_go_in_steps(fixture: &Fixture) {
    let store = &fixture.store;
    let entry = |second| hookyard::domain::audit::AuditEntry {
        id: uuid::Uuid::now_v7(),
        at: at(second),
        actor: hookyard::domain::audit::Actor {
            name: "ada".to_owned(),
            role: None,
            via: hookyard::domain::audit::Via::Cli,
            address: None,
            request_id: None,
        },
        action: "x".to_owned(),
        target: "x".to_owned(),
        detail: serde_json::json!({}),
    };
    store
        .note_audit(&[entry(1), entry(2), entry(3), entry(4)])
        .await
        .expect("noted");
    assert_eq!(store.purge_audit(at(4), 2).await.expect("purged"), 2);
    assert_eq!(store.purge_audit(at(4), 2).await.expect("purged"), 1);
    assert_eq!(store.purge_audit(at(4), 2).await.expect("purged"), 0);
    assert_eq!(store.purge_schedule_runs(at(4), 2).await.expect("purged"), 0);
}

async fn events_come_in_the_order_of_their_coming(fixture: &Fixture) {
    let store = &fixture.store;
    let mut wanted = Vec::new();
    for second in [3, 1, 2] {
        wanted.push((second, stored(store, "a", second, &[]).await));
    }
    stored(store, "b", 1, &[]).await;
    wanted.sort_unstable();
    let filter = EventFilter {
        source: Some("a".to_owned()),
        ..EventFilter::default()
    };
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let part = store.events_after(&filter, after, 2).await.expect("readable");
        let Some(last) = part.last() else { break };
        after = Some(Place {
            at: last.received_at,
            id: last.id,
        });
        found.extend(part.iter().map(|event| event.id));
    }
    assert_eq!(found, wanted.into_iter().map(|(_, id)| id).collect::<Vec<_>>());
}

async fn free_pages_are_given_back_in_steps(fixture: &Fixture) {
    let store = &fixture.store;
    // Far more than a page each.
    let large = NewEvent {
        body: vec![b'7'; 200_000].into(),
        ..event(&[])
    };
    store
        .accept_events(std::slice::from_ref(&large))
        .await
        .expect("accepted");
    let purged = store.purge_events(&everything(), &[large.id]).await;
    assert_eq!(purged.expect("purged"), 1);
    let first = store.reclaim(10).await.expect("reclaimed");
    let mut given_back = first;
    loop {
        match store.reclaim(10).await.expect("reclaimed") {
            0 => break,
            pages => given_back += pages,
        }
    }
    if fixture.url.starts_with("sqlite") {
        assert!(
            first > 0 && first < given_back && given_back >= 48,
            "{first} of {given_back} pages"
        );
    } else {
        assert_eq!(given_back, 0, "it does so by itself");
    }
}

async fn the_database_is_written_anew(fixture: &Fixture) {
    let store = &fixture.store;
    let kept = stored(store, "a", 1, &[]).await;
    store.vacuum().await.expect("vacuumed");
    assert!(store.event(kept).await.expect("readable").is_some());
    stored(store, "a", 2, &[]).await;
}
