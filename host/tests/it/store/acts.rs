//! What people do to deliveries, and how the events follow.

use bytes::Bytes;
use hookyard::domain::act::{ActKind, Acted, ReplayAsk, Replayed, Resolution};
use hookyard::domain::attempt::AttemptOutcome;
use hookyard::domain::delivery::{DeliveryState, UnknownVerdict, Verdict};
use hookyard::domain::event::{EventStatus, NewEvent};
use hookyard::domain::id::{DeliveryId, EventId};
use hookyard::domain::replay::DeliveryDetail;
use hookyard::store::SharedStore;

use super::{
    ACTED, LONG, accept, by, claim, end_all, event, finish, held, hold_all, on_both, plugin, states,
};
use crate::support::stores::Fixture;

on_both!(
    a_replay_is_a_delivery_of_its_own_and_its_success_settles_the_event,
    a_replay_that_dies_fails_the_event_again,
    the_latest_replay_to_a_plugin_stands_for_those_before,
    what_is_on_its_way_is_not_sent_once_more,
    many_who_press_at_once_make_one_replay,
    an_event_goes_to_a_plugin_that_never_had_it,
    an_edit_keeps_the_original,
    a_discard_ends_what_waits_or_is_dead,
    a_discard_and_a_claim_exclude_each_other,
    a_discard_and_a_replay_at_once_block_nobody,
    an_unknown_outcome_is_settled_each_way,
    an_attempt_of_unknown_outcome_says_what_comes_next,
);

async fn detail(store: &SharedStore, id: DeliveryId) -> DeliveryDetail {
    store.delivery_detail(id).await.expect("readable").expect("there")
}

async fn state(store: &SharedStore, id: DeliveryId) -> DeliveryState {
    detail(store, id).await.history.delivery.state
}

async fn status(store: &SharedStore, id: EventId) -> (EventStatus, bool, Option<String>) {
    let event = store.event(id).await.expect("readable").expect("there");
    (event.status, event.processed_at.is_some(), event.error_message)
}

fn ask(event: EventId, name: &str, of: Option<DeliveryId>) -> ReplayAsk {
    ReplayAsk {
        event,
        plugin: plugin(name),
        of,
        order_key: None,
    }
}

pub async fn replay(store: &SharedStore, ask: ReplayAsk) -> Replayed {
    let answers = store.replay_deliveries(&[ask], &by("ada", Some("again"))).await;
    answers.expect("answered").remove(0)
}

pub fn made(answer: Replayed) -> DeliveryId {
    match answer {
        Replayed::Made(made) => made.id,
        other => panic!("not made: {other:?}"),
    }
}

/// An event with a dead letter for `a`.
async fn dead(store: &SharedStore) -> (EventId, DeliveryId) {
    let sent = accept(store, &["a"]).await;
    end_all(store, "a", &Verdict::Dead).await;
    (sent.id, sent.deliveries[0].id)
}

async fn a_replay_is_a_delivery_of_its_own_and_its_success_settles_the_event(fixture: &Fixture) {
    let store = &fixture.store;
    let (event, first) = dead(store).await;
    assert_eq!(status(store, event).await.0, EventStatus::Failed);
    let again = made(replay(store, ask(event, "a", Some(first))).await);
    assert_eq!(status(store, event).await, (EventStatus::Processing, false, None));
    let shown = detail(store, again).await;
    assert_eq!(shown.history.delivery.replay_of, Some(first));
    assert_eq!(
        (shown.history.delivery.state, shown.history.delivery.attempts),
        (DeliveryState::Pending, 0)
    );
    assert_eq!(
        (shown.source.as_str(), shown.event_type.as_str()),
        ("github", "push")
    );
    assert_eq!(shown.acts.len(), 1);
    assert_eq!(
        (shown.acts[0].kind, &shown.acts[0].by),
        (ActKind::Replayed, &by("ada", Some("again")))
    );
    let original = detail(store, first).await;
    assert_eq!(original.history.delivery.state, DeliveryState::Dead);
    assert_eq!(original.history.attempts.len(), 1);
    assert_eq!(
        original.replays.iter().map(|one| one.id).collect::<Vec<_>>(),
        [again]
    );

    assert_eq!(end_all(store, "a", &Verdict::Succeeded).await, [again]);
    assert_eq!(status(store, event).await, (EventStatus::Processed, true, None));
    // What has succeeded may be sent once more too.
    let third = made(replay(store, ask(event, "a", Some(again))).await);
    assert_eq!(status(store, event).await.0, EventStatus::Processing);
    assert_eq!(end_all(store, "a", &Verdict::Succeeded).await, [third]);
    assert_eq!(status(store, event).await.0, EventStatus::Processed);
}

async fn a_replay_that_dies_fails_the_event_again(fixture: &Fixture) {
    let store = &fixture.store;
    let sent = accept(store, &["a", "b"]).await;
    end_all(store, "a", &Verdict::Dead).await;
    end_all(store, "b", &Verdict::Dead).await;
    let replay_a = made(replay(store, ask(sent.id, "a", Some(sent.deliveries[0].id))).await);
    end_all(store, "a", &Verdict::Succeeded).await;
    // The other one is still a dead letter.
    assert_eq!(status(store, sent.id).await.0, EventStatus::Failed);
    let replay_b = made(replay(store, ask(sent.id, "b", None)).await);
    assert_eq!(
        detail(store, replay_b).await.history.delivery.replay_of,
        Some(sent.deliveries[1].id)
    );
    end_all(store, "b", &Verdict::Dead).await;
    let (now, over, error) = status(store, sent.id).await;
    assert_eq!(
        (now, over, error.as_deref()),
        (EventStatus::Failed, true, Some("b never"))
    );
    // A replay of the replay, to another plugin.
    let elsewhere = made(replay(store, ask(sent.id, "c", Some(replay_b))).await);
    end_all(store, "c", &Verdict::Succeeded).await;
    assert_eq!(state(store, elsewhere).await, DeliveryState::Succeeded);
    assert_eq!(state(store, replay_a).await, DeliveryState::Succeeded);
    assert_eq!(status(store, sent.id).await.0, EventStatus::Processed);
}

async fn the_latest_replay_to_a_plugin_stands_for_those_before(fixture: &Fixture) {
    let store = &fixture.store;
    let (event, first) = dead(store).await;
    // Each of the original, and not of the one before.
    for (verdict, then) in [
        (Verdict::Dead, EventStatus::Failed),
        (Verdict::Dead, EventStatus::Failed),
        (Verdict::Succeeded, EventStatus::Processed),
        (Verdict::Dead, EventStatus::Failed),
    ] {
        made(replay(store, ask(event, "a", Some(first))).await);
        assert_eq!(end_all(store, "a", &verdict).await.len(), 1);
        assert_eq!(status(store, event).await.0, then, "{verdict:?}");
    }
    // What another plugin did not take is not made good by this one.
    made(replay(store, ask(event, "b", Some(first))).await);
    end_all(store, "b", &Verdict::Dead).await;
    made(replay(store, ask(event, "a", Some(first))).await);
    end_all(store, "a", &Verdict::Succeeded).await;
    assert_eq!(status(store, event).await.0, EventStatus::Failed);
}

async fn what_is_on_its_way_is_not_sent_once_more(fixture: &Fixture) {
    let store = &fixture.store;
    let (event, first) = dead(store).await;
    let again = made(replay(store, ask(event, "a", Some(first))).await);
    for of in [Some(first), Some(again), None] {
        assert_eq!(
            replay(store, ask(event, "a", of)).await,
            Replayed::Open(again),
            "{of:?}"
        );
    }
    // To another plugin what is over may go; what is not may not.
    assert_eq!(
        replay(store, ask(event, "b", Some(again))).await,
        Replayed::Open(again)
    );
    made(replay(store, ask(event, "b", Some(first))).await);
    let missing = [
        ask(EventId::generate(), "a", None),
        ask(event, "a", Some(DeliveryId::generate())),
    ];
    let answers = store
        .replay_deliveries(&missing, &by("ada", None))
        .await
        .expect("answered");
    assert_eq!(answers, [Replayed::Missing, Replayed::Missing]);
    // Within one call, too.
    let (event, first) = dead(store).await;
    let twice = [ask(event, "c", Some(first)), ask(event, "c", None)];
    let answers = store
        .replay_deliveries(&twice, &by("ada", None))
        .await
        .expect("answered");
    assert!(matches!(&answers[..], [Replayed::Made(made), Replayed::Open(open)] if made.id == *open));
}

async fn many_who_press_at_once_make_one_replay(fixture: &Fixture) {
    let store = &fixture.store;
    let (event, first) = dead(store).await;
    let presses: Vec<_> = (0..12)
        .map(|n| {
            let store = store.clone();
            // Some press on the delivery, some on the event.
            let ask = ask(event, "a", (n % 2 == 0).then_some(first));
            tokio::spawn(async move { replay(&store, ask).await })
        })
        .collect();
    let mut answers = Vec::new();
    for press in presses {
        answers.push(press.await.expect("no panic"));
    }
    let one = answers
        .iter()
        .filter(|answer| matches!(answer, Replayed::Made(_)))
        .count();
    assert_eq!(one, 1, "{answers:?}");
    assert_eq!(detail(store, first).await.replays.len(), 1);
    assert_eq!(claim(store, "a", LONG).await.len(), 1);
}

async fn an_event_goes_to_a_plugin_that_never_had_it(fixture: &Fixture) {
    let store = &fixture.store;
    let sent = accept(store, &[]).await;
    assert_eq!(status(store, sent.id).await.0, EventStatus::Processed);
    let answer = replay(store, ask(sent.id, "a", None)).await;
    let Replayed::Made(late) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(late.replay_of, None);
    assert_eq!(status(store, sent.id).await.0, EventStatus::Processing);
    end_all(store, "a", &Verdict::Succeeded).await;
    let again = made(replay(store, ask(sent.id, "a", None)).await);
    assert_eq!(
        detail(store, again).await.history.delivery.replay_of,
        Some(late.id)
    );
}

async fn an_edit_keeps_the_original(fixture: &Fixture) {
    let store = &fixture.store;
    let (original, first) = dead(store).await;
    let changed = NewEvent {
        body: Bytes::from_static(b"{\"n\": 2}"),
        ..event(&["a"])
    };
    let stored = store
        .store_edited_event(&changed, original, &by("ada", Some("a typo")))
        .await;
    let stored = stored.expect("stored").expect("the original is there");
    assert_eq!((stored.id, stored.status), (changed.id, EventStatus::Pending));
    let new = store.event(changed.id).await.expect("readable").expect("there");
    assert_eq!((new.edited_from, &new.body), (Some(original), &changed.body));
    let acts = detail(store, changed.deliveries[0].id).await.acts;
    assert_eq!((acts.len(), acts[0].kind), (1, ActKind::Edited));
    let old = store.event(original).await.expect("readable").expect("there");
    assert_eq!(
        (old.edited_from, old.status, &old.body[..]),
        (None, EventStatus::Failed, &b"{}"[..])
    );
    assert!(detail(store, first).await.replays.is_empty());
    let nobody = EventId::generate();
    let nowhere = store
        .store_edited_event(&event(&["a"]), nobody, &by("ada", None))
        .await;
    assert_eq!(nowhere.expect("answered"), None);
    // The new one outlives the original.
    super::schema::run(
        &fixture.url,
        &format!("DELETE FROM events WHERE id = '{original}'"),
    )
    .await;
    let new = store.event(changed.id).await.expect("readable").expect("there");
    assert_eq!(new.edited_from, None);
}

async fn a_discard_ends_what_waits_or_is_dead(fixture: &Fixture) {
    let store = &fixture.store;
    let waits = accept(store, &["b"]).await;
    let (dead_event, dead) = dead(store).await;
    let done = accept(store, &["a"]).await.deliveries[0].id;
    end_all(store, "a", &Verdict::Succeeded).await;
    let waiting = waits.deliveries[0].id;
    let ids = [waiting, dead, done, DeliveryId::generate(), dead];
    let answers = store
        .discard_deliveries(&ids, &by("ada", Some("test data")))
        .await;
    assert_eq!(
        answers.expect("answered"),
        [
            Acted::Done,
            Acted::Done,
            Acted::Wrong(DeliveryState::Succeeded),
            Acted::Missing,
            Acted::Done
        ]
    );
    let shown = detail(store, waiting).await;
    assert_eq!(shown.history.delivery.state, DeliveryState::Cancelled);
    assert_eq!(shown.history.delivery.finished_at, Some(ACTED));
    assert_eq!(shown.acts.len(), 1);
    assert_eq!(
        (shown.acts[0].kind, &shown.acts[0].by),
        (ActKind::Discarded, &by("ada", Some("test data")))
    );
    assert_eq!(
        status(store, waits.id).await,
        (
            EventStatus::Failed,
            true,
            Some("discarded by a person".to_owned())
        )
    );
    // What the dead letter died of is still told.
    assert_eq!(
        status(store, dead_event).await,
        (EventStatus::Failed, true, Some("a never".to_owned()))
    );
    assert_eq!(detail(store, dead).await.acts.len(), 1, "given twice, done once");
    assert!(claim(store, "b", LONG).await.is_empty());
    let again = store
        .discard_deliveries(&[dead], &by("bob", None))
        .await
        .expect("answered");
    assert_eq!(again, [Acted::Wrong(DeliveryState::Cancelled)]);
    // It can be taken up again.
    made(replay(store, ask(dead_event, "a", Some(dead))).await);
    end_all(store, "a", &Verdict::Succeeded).await;
    assert_eq!(status(store, dead_event).await.0, EventStatus::Processed);
}

async fn a_discard_and_a_claim_exclude_each_other(fixture: &Fixture) {
    let store = &fixture.store;
    for _ in 0..20 {
        let sent = accept(store, &["a"]).await;
        let id = sent.deliveries[0].id;
        let claiming = tokio::spawn({
            let store = store.clone();
            async move { claim(&store, "a", LONG).await }
        });
        let discarded = store
            .discard_deliveries(&[id], &by("ada", None))
            .await
            .expect("answered");
        let claims = claiming.await.expect("no panic");
        match discarded[0] {
            Acted::Done => assert!(claims.is_empty()),
            Acted::Wrong(DeliveryState::Claimed) => {
                let done = finish(&claims[0], Verdict::Succeeded);
                store.finish_deliveries(&[done]).await.expect("finished");
            }
            other => panic!("{other:?}"),
        }
        assert!(!state(store, id).await.is_open());
    }
    // While it runs, a person has to wait.
    let id = accept(store, &["a"]).await.deliveries[0].id;
    let claims = held(&claim(store, "a", LONG).await);
    store.mark_started(&claims).await.expect("marked");
    let discarded = store
        .discard_deliveries(&[id], &by("ada", None))
        .await
        .expect("answered");
    assert_eq!(discarded, [Acted::Wrong(DeliveryState::Running)]);
}

async fn a_discard_and_a_replay_at_once_block_nobody(fixture: &Fixture) {
    let store = &fixture.store;
    for _ in 0..20 {
        let (event, first) = dead(store).await;
        let replaying = tokio::spawn({
            let store = store.clone();
            async move { replay(&store, ask(event, "b", Some(first))).await }
        });
        let discarded = store
            .discard_deliveries(&[first], &by("ada", None))
            .await
            .expect("answered");
        assert_eq!(discarded, [Acted::Done]);
        made(replaying.await.expect("no panic"));
        assert_eq!(status(store, event).await.0, EventStatus::Processing);
        end_all(store, "b", &Verdict::Succeeded).await;
        assert_eq!(status(store, event).await.0, EventStatus::Processed);
    }
}

async fn an_unknown_outcome_is_settled_each_way(fixture: &Fixture) {
    let store = &fixture.store;
    for (to, act, after, now) in [
        (
            Resolution::Succeeded,
            ActKind::Succeeded,
            DeliveryState::Succeeded,
            EventStatus::Processed,
        ),
        (
            Resolution::Retry,
            ActKind::Retried,
            DeliveryState::Retrying,
            EventStatus::Processing,
        ),
        (
            Resolution::Dead,
            ActKind::GivenUp,
            DeliveryState::Dead,
            EventStatus::Failed,
        ),
    ] {
        let sent = accept(store, &["a"]).await;
        let id = sent.deliveries[0].id;
        let early = store
            .resolve_delivery(id, to, &by("ada", None))
            .await
            .expect("answered");
        assert_eq!(early, Acted::Wrong(DeliveryState::Pending));
        assert_eq!(hold_all(store, "a").await, [id]);
        assert_eq!(states(store, sent.id).await["a"], "Unknown");
        // Nobody knows, so it is neither over nor to be repeated.
        assert_eq!(
            replay(store, ask(sent.id, "a", Some(id))).await,
            Replayed::Open(id)
        );
        let settled = store
            .resolve_delivery(id, to, &by("ada", Some("asked them")))
            .await;
        assert_eq!(settled.expect("answered"), Acted::Done);
        let shown = detail(store, id).await;
        let delivery = &shown.history.delivery;
        assert_eq!(
            (delivery.state, delivery.finished_at.is_some()),
            (after, to != Resolution::Retry)
        );
        assert_eq!(
            (shown.acts[0].kind, &shown.acts[0].by),
            (act, &by("ada", Some("asked them")))
        );
        assert_eq!(status(store, sent.id).await.0, now, "{to}");
        let twice = store
            .resolve_delivery(id, to, &by("ada", None))
            .await
            .expect("answered");
        assert_eq!(twice, Acted::Wrong(after));
        // The attempt still says that nobody knew.
        let error = shown.history.attempts[0]
            .record
            .error
            .as_deref()
            .unwrap_or_default();
        assert!(error.contains("nobody knows"), "{error}");
        assert_eq!(
            claim(store, "a", LONG).await.len(),
            usize::from(to == Resolution::Retry)
        );
    }
    let nobody = DeliveryId::generate();
    let none = store
        .resolve_delivery(nobody, Resolution::Dead, &by("ada", None))
        .await;
    assert_eq!(none.expect("answered"), Acted::Missing);
}

async fn an_attempt_of_unknown_outcome_says_what_comes_next(fixture: &Fixture) {
    let store = &fixture.store;
    for (verdict, says) in [
        (
            UnknownVerdict::Retry { delay_ms: 0 },
            "it is tried again, as on-unknown = \"retry\" says",
        ),
        (
            UnknownVerdict::Hold,
            "it is held until a person resolves it, as on-unknown = \"hold\" says",
        ),
        (UnknownVerdict::Dead, "given up after attempt 2"),
    ] {
        let id = accept(store, &["a"]).await.deliveries[0].id;
        if verdict == UnknownVerdict::Dead {
            end_all(store, "a", &Verdict::Retry { delay_ms: 0 }).await;
        }
        let claims = held(&claim(store, "a", LONG).await);
        store.mark_started(&claims).await.expect("marked");
        store.renew_leases(&claims, super::SHORT).await.expect("renewed");
        super::lease_ended(store, "a").await;
        store
            .sweep_leases(&plugin("a"), &|_| verdict, 9)
            .await
            .expect("swept");
        let attempt = detail(store, id)
            .await
            .history
            .attempts
            .pop()
            .expect("an attempt");
        assert_eq!(attempt.record.outcome, AttemptOutcome::Unknown);
        let error = attempt.record.error.unwrap_or_default();
        assert!(error.contains("nobody knows") && error.contains(says), "{error}");
        store
            .discard_deliveries(&[id], &by("ada", None))
            .await
            .expect("cleared");
    }
}
