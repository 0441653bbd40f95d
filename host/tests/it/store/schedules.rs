//! Schedules in force, and each moment recorded once.

use std::time::Duration;

use hookyard::domain::delivery::Verdict;
use hookyard::domain::event::{EventFilter, EventOrder, EventStatus, NewEvent};
use hookyard::domain::page::PageRequest;
use hookyard::domain::schedule::{
    NewTick, Overlap, RunOutcome, ScheduleInForce, ScheduleKey, SchedulePause, ScheduleRun, TickAction,
    Ticked,
};
use hookyard::domain::time::Timestamp;
use hookyard::store::SharedStore;

use super::{BASE, LONG, claim, event, finish, held, on_both, plugin};
use crate::support::stores::Fixture;

on_both!(
    a_schedule_begins_when_it_is_new_or_changed,
    a_node_with_an_older_file_makes_no_other_forget,
    a_moment_is_recorded_once,
    many_writers_of_a_moment_make_one_event,
    a_tick_skips_while_an_earlier_one_is_unfinished,
    a_tick_that_cannot_be_stored_changes_nothing,
    the_history_comes_latest_first,
    a_paused_schedule_records_nothing_but_what_a_person_asks_for,
);

fn schedule(name: &str, rule: &str) -> ScheduleInForce {
    ScheduleInForce {
        key: ScheduleKey {
            plugin: plugin("a"),
            schedule: name.parse().expect("a name"),
        },
        rule: rule.to_owned(),
    }
}

/// A minute of the tests' day.
fn minute(number: u64) -> Timestamp {
    BASE.plus(Duration::from_secs(60 * number))
}

fn tick(at: u64, action: TickAction) -> NewTick {
    NewTick {
        schedule: schedule("s", "@hourly UTC"),
        planned_at: minute(at),
        recorded_at: minute(at),
        action,
    }
}

fn make(overlap: Overlap) -> (NewEvent, TickAction) {
    let event = event(&["a"]);
    (event.clone(), TickAction::Make(Box::new(event), overlap))
}

async fn record(store: &SharedStore, at: u64, overlap: Overlap) -> Ticked {
    let tick = tick(at, make(overlap).1);
    store.record_tick(&tick).await.expect("recorded")
}

async fn events(store: &SharedStore) -> u64 {
    let page = PageRequest { page: 1, size: 1 };
    let all = EventFilter::default();
    let events = store.events(&all, EventOrder::NewestFirst, page);
    events.await.expect("listed").total
}

async fn runs(store: &SharedStore, page: PageRequest) -> Vec<ScheduleRun> {
    let key = schedule("s", "").key;
    let runs = store.schedule_runs(&key, page);
    runs.await.expect("listed").items
}

const FIRST: PageRequest = PageRequest { page: 1, size: 50 };

async fn a_schedule_begins_when_it_is_new_or_changed(fixture: &Fixture) {
    let store = &fixture.store;
    let keep = |items: Vec<ScheduleInForce>, at| async move {
        store.keep_schedules(&items, minute(at)).await.expect("kept")
    };
    let (s, t) = (schedule("s", "@hourly UTC"), schedule("t", "@daily UTC"));
    assert_eq!(keep(vec![s.clone()], 0).await, [minute(0)]);
    // In the order asked for; what is known keeps its beginning.
    assert_eq!(keep(vec![t.clone(), s.clone()], 1).await, [minute(1), minute(0)]);
    record(store, 3, Overlap::Queue).await;
    assert_eq!(keep(vec![s.clone(), t.clone()], 4).await, [minute(3), minute(1)]);
    // A run that a person asks for does not move it.
    let asked = tick(6, TickAction::MakeForPerson(Box::new(event(&["a"]))));
    let asked = store.record_tick(&asked).await.expect("recorded");
    assert_eq!(asked, Ticked::Recorded(RunOutcome::Manual));
    assert_eq!(keep(vec![s.clone(), t.clone()], 7).await, [minute(3), minute(1)]);
    // Another rule begins anew; an old rule's tick does not move the new one.
    let changed = schedule("s", "@hourly Europe/Paris");
    assert_eq!(
        keep(vec![changed.clone(), t.clone()], 8).await,
        [minute(8), minute(1)]
    );
    record(store, 9, Overlap::Queue).await;
    assert_eq!(keep(vec![changed], 10).await, [minute(8)]);
    // What was not in force is forgotten.
    assert_eq!(keep(vec![t], 11).await, [minute(11)]);
    assert_eq!(keep(Vec::new(), 12).await, []);
    assert_eq!(keep(vec![s], 13).await, [minute(13)]);
}

async fn a_moment_is_recorded_once(fixture: &Fixture) {
    let store = &fixture.store;
    let (new, action) = make(Overlap::Skip);
    let first = store.record_tick(&tick(1, action)).await.expect("recorded");
    assert_eq!(first, Ticked::Recorded(RunOutcome::Made));
    assert_eq!(record(store, 1, Overlap::Queue).await, Ticked::Already);
    let missed = store
        .record_tick(&tick(1, TickAction::Miss))
        .await
        .expect("recorded");
    assert_eq!(missed, Ticked::Already);
    assert_eq!(events(store).await, 1);
    let want = ScheduleRun {
        planned_at: minute(1),
        recorded_at: minute(1),
        outcome: RunOutcome::Made,
        event: Some(new.id),
        status: Some(EventStatus::Pending),
        error_message: None,
    };
    assert_eq!(runs(store, FIRST).await, [want]);
    let claims = claim(store, "a", LONG).await;
    assert_eq!(claims.len(), 1);
    assert_eq!(
        (claims[0].event.id, claims[0].delivery),
        (new.id, new.deliveries[0].id)
    );
}

async fn many_writers_of_a_moment_make_one_event(fixture: &Fixture) {
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let store = fixture.store.clone();
            tokio::spawn(async move { record(&store, 1, Overlap::Skip).await })
        })
        .collect();
    let mut made = 0;
    for writer in writers {
        made += usize::from(writer.await.expect("ends") == Ticked::Recorded(RunOutcome::Made));
    }
    assert_eq!(made, 1);
    assert_eq!(events(&fixture.store).await, 1);
}

async fn a_tick_skips_while_an_earlier_one_is_unfinished(fixture: &Fixture) {
    let store = &fixture.store;
    let skipped = Ticked::Recorded(RunOutcome::Skipped);
    let made = Ticked::Recorded(RunOutcome::Made);
    assert_eq!(record(store, 1, Overlap::Skip).await, made);
    assert_eq!(record(store, 2, Overlap::Skip).await, skipped);
    let claims = claim(store, "a", LONG).await;
    assert_eq!(record(store, 3, Overlap::Skip).await, skipped);
    store.mark_started(&held(&claims)).await.expect("marked");
    assert_eq!(record(store, 4, Overlap::Skip).await, skipped);
    let end = finish(&claims[0], Verdict::Retry { delay_ms: 0 });
    store.finish_deliveries(&[end]).await.expect("finished");
    assert_eq!(record(store, 5, Overlap::Skip).await, skipped);
    assert_eq!(record(store, 6, Overlap::Queue).await, made);
    let claims = claim(store, "a", LONG).await;
    assert_eq!(claims.len(), 2);
    store.mark_started(&held(&claims)).await.expect("marked");
    let ends: Vec<_> = claims.iter().map(|claim| finish(claim, Verdict::Dead)).collect();
    store.finish_deliveries(&ends[..1]).await.expect("finished");
    assert_eq!(record(store, 7, Overlap::Skip).await, skipped);
    store.finish_deliveries(&ends[1..]).await.expect("finished");
    assert_eq!(record(store, 8, Overlap::Skip).await, made);
    assert_eq!(events(store).await, 3);
    let failed: Vec<_> = runs(store, FIRST).await.iter().map(|run| run.status).collect();
    assert_eq!(failed[0], Some(EventStatus::Pending));
    assert_eq!(failed[2], Some(EventStatus::Failed));
}

async fn a_node_with_an_older_file_makes_no_other_forget(fixture: &Fixture) {
    let store = &fixture.store;
    let s = [schedule("s", "@hourly UTC")];
    store.keep_schedules(&s, minute(0)).await.expect("kept");
    store.keep_schedules(&[], minute(1)).await.expect("kept");
    record(store, 3, Overlap::Queue).await;
    let since = store.keep_schedules(&s, minute(9)).await.expect("kept");
    assert_eq!(since, [minute(3)], "what was missed since is caught up");
}

async fn a_tick_that_cannot_be_stored_changes_nothing(fixture: &Fixture) {
    let store = &fixture.store;
    let s = [schedule("s", "@hourly UTC")];
    store.keep_schedules(&s, minute(0)).await.expect("kept");
    let (new, action) = make(Overlap::Skip);
    store
        .record_tick(&tick(1, action.clone()))
        .await
        .expect("recorded");
    // The same event's id a second time: the last statement but two of the transaction fails.
    let clash = TickAction::MakeForPerson(Box::new(new));
    assert!(store.record_tick(&tick(2, clash)).await.is_err());
    assert_eq!(runs(store, FIRST).await.len(), 1);
    assert_eq!(
        store.keep_schedules(&s, minute(9)).await.expect("kept"),
        [minute(1)]
    );
}

async fn the_history_comes_latest_first(fixture: &Fixture) {
    let store = &fixture.store;
    for at in [2, 1, 3] {
        record(store, at, Overlap::Queue).await;
    }
    let missed = store
        .record_tick(&tick(4, TickAction::Miss))
        .await
        .expect("recorded");
    assert_eq!(missed, Ticked::Recorded(RunOutcome::Missed));
    let key = schedule("s", "").key;
    let page = store
        .schedule_runs(&key, PageRequest { page: 2, size: 3 })
        .await
        .expect("listed");
    assert_eq!((page.total, page.items.len()), (4, 1));
    assert_eq!(page.items[0].planned_at, minute(1));
    let latest: Vec<_> = runs(store, FIRST)
        .await
        .iter()
        .map(|run| run.planned_at)
        .collect();
    assert_eq!(latest, [4, 3, 2, 1].map(minute));
    let none = schedule("elsewhere", "").key;
    let last = store.last_schedule_runs(&[none, key]).await.expect("listed");
    assert_eq!(last[0], None);
    let last = last[1].as_ref().expect("a run");
    assert_eq!(
        (last.outcome, last.event, last.status),
        (RunOutcome::Missed, None, None)
    );
}

async fn a_paused_schedule_records_nothing_but_what_a_person_asks_for(fixture: &Fixture) {
    let store = &fixture.store;
    let pause = |at, by: &str| SchedulePause {
        at: minute(at),
        by: by.to_owned(),
    };
    let key = schedule("s", "").key;
    let s = [schedule("s", "@hourly UTC")];
    store.keep_schedules(&s, minute(0)).await.expect("kept");
    assert!(
        store
            .pause_schedule(&key, &pause(1, "ada"))
            .await
            .expect("paused")
    );
    assert!(
        !store
            .pause_schedule(&key, &pause(2, "bob"))
            .await
            .expect("looked")
    );
    let pauses = store.schedule_pauses().await.expect("readable");
    assert_eq!(
        pauses.into_iter().collect::<Vec<_>>(),
        [(key.clone(), pause(1, "ada"))]
    );
    assert_eq!(record(store, 3, Overlap::Queue).await, Ticked::Paused);
    let missed = store
        .record_tick(&tick(3, TickAction::Miss))
        .await
        .expect("looked");
    assert_eq!(missed, Ticked::Paused);
    let asked = tick(4, TickAction::MakeForPerson(Box::new(event(&["a"]))));
    let asked = store.record_tick(&asked).await.expect("recorded");
    assert_eq!(asked, Ticked::Recorded(RunOutcome::Manual));
    assert_eq!(events(store).await, 1);
    // Out of the file and in it again, it is paused still, and nothing counts as dealt with.
    store.keep_schedules(&[], minute(5)).await.expect("kept");
    store.keep_schedules(&s, minute(6)).await.expect("kept");
    assert_eq!(record(store, 7, Overlap::Queue).await, Ticked::Paused);
    let since = store.keep_schedules(&s, minute(9)).await.expect("kept");
    assert_eq!(since, [minute(6)]);
    assert!(store.resume_schedule(&key).await.expect("resumed"));
    assert!(!store.resume_schedule(&key).await.expect("looked"));
    assert!(store.schedule_pauses().await.expect("readable").is_empty());
    let made = record(store, 7, Overlap::Queue).await;
    assert_eq!(made, Ticked::Recorded(RunOutcome::Made));
}
