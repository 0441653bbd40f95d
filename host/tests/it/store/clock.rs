//! The clock by which deliveries are due, and that it may go back.

use std::time::Duration;

use hookyard::domain::delivery::Verdict;
use hookyard::domain::id::ReplayId;
use hookyard::domain::page::Total;
use hookyard::domain::replay::{JobFilter, JobKind, JobStep, NewJob, Receivers};
use hookyard::store::StepBack;
use sqlx::{AssertSqlSafe, Connection as _};

use super::{ACTED, LONG, SHORT, accept, claim, finish, lease_ended, on_both, plugin};
use crate::support::stores::Fixture;

on_both!(
    the_clock_goes_forward,
    what_waits_for_its_first_attempt_is_due_again,
    a_wait_that_was_asked_for_is_kept,
    a_wait_that_began_after_the_step_is_kept,
    leases_end_in_time,
    orders_go_on,
);

/// How far the clock goes back.
const BACK: Duration = Duration::from_hours(2);

/// That it did so a moment ago.
const STEP: StepBack = StepBack {
    by: BACK,
    ago: Duration::from_secs(10),
};

async fn the_clock_goes_forward(fixture: &Fixture) {
    let first = fixture.store.clock().await.expect("a clock");
    let second = fixture.store.clock().await.expect("a clock");
    assert!(second >= first && first.as_millis() > super::BASE.as_millis());
}

/// What it is like when the clock has gone back: what was due at once is due in two hours.
async fn put_off(fixture: &Fixture) {
    change(
        fixture,
        &format!("UPDATE deliveries SET due_at = due_at + {}", BACK.as_millis()),
    )
    .await;
}

async fn change(fixture: &Fixture, text: &str) {
    let query = || sqlx::raw_sql(AssertSqlSafe(text.to_owned()));
    if fixture.url.starts_with("sqlite:") {
        let mut db = sqlx::SqliteConnection::connect(&fixture.url)
            .await
            .expect("a connection");
        query().execute(&mut db).await.expect("changed");
    } else {
        let mut db = sqlx::PgConnection::connect(&fixture.url)
            .await
            .expect("a connection");
        query().execute(&mut db).await.expect("changed");
    }
}

async fn what_waits_for_its_first_attempt_is_due_again(fixture: &Fixture) {
    let store = &fixture.store;
    accept(store, &["a"]).await;
    put_off(fixture).await;
    assert!(claim(store, "a", LONG).await.is_empty());
    assert_eq!(store.clock_went_back(STEP, LONG).await.expect("moved"), 1);
    assert_eq!(store.clock_went_back(STEP, LONG).await.expect("moved"), 0);
    assert_eq!(claim(store, "a", LONG).await.len(), 1);
}

/// Where one process has the database, what is to be tried again is due as much earlier as the clock went back. Where
/// many have, each sees the step, and a wait that a vendor asked for must not be cut short by the second.
async fn a_wait_that_was_asked_for_is_kept(fixture: &Fixture) {
    let store = &fixture.store;
    accept(store, &["a"]).await;
    let claims = claim(store, "a", LONG).await;
    let minute = Duration::from_mins(1);
    let again = Verdict::Retry { delay_ms: 60_000 };
    store
        .finish_deliveries(&[finish(&claims[0], again)])
        .await
        .expect("finished");
    put_off(fixture).await;
    store.clock_went_back(STEP, LONG).await.expect("moved");
    let due = store
        .next_due(&plugin("a"))
        .await
        .expect("readable")
        .expect("it waits");
    if fixture.url.starts_with("sqlite:") {
        assert!(due <= minute && due > minute / 2, "{due:?}");
    } else {
        assert!(due > minute, "{due:?}");
    }
}

/// A minute that a vendor asked for after the step, whether the attempt began before it or after it.
async fn a_wait_that_began_after_the_step_is_kept(fixture: &Fixture) {
    let store = &fixture.store;
    let now = store.clock().await.expect("a clock");
    for (name, started_at) in [("after", now), ("before", now.plus(BACK))] {
        accept(store, &[name]).await;
        let claims = claim(store, name, LONG).await;
        let mut again = finish(&claims[0], Verdict::Retry { delay_ms: 60_000 });
        again.attempt.started_at = started_at;
        store.finish_deliveries(&[again]).await.expect("finished");
        assert_eq!(store.clock_went_back(STEP, LONG).await.expect("moved"), 0);
        let due = store.next_due(&plugin(name)).await.expect("readable");
        let due = due.expect("it waits");
        assert!(due > Duration::from_secs(20), "{name}: {due:?}");
    }
}

/// Nobody renews the leases of a node that is gone.
async fn leases_end_in_time(fixture: &Fixture) {
    let store = &fixture.store;
    accept(store, &["a"]).await;
    assert_eq!(claim(store, "a", BACK).await.len(), 1);
    store.clock_went_back(STEP, LONG).await.expect("told");
    let ended = store.plugins_with_ended_leases().await.expect("readable");
    assert!(ended.is_empty(), "it may be renewed");
    store.clock_went_back(STEP, SHORT).await.expect("told");
    lease_ended(store, "a").await;
}

/// Of several nodes each sees the step; an order's rate holds all the same.
async fn orders_go_on(fixture: &Fixture) {
    let store = &fixture.store;
    let order = NewJob {
        id: ReplayId::generate(),
        kind: JobKind::Replay,
        filter: JobFilter::default(),
        to: None,
        note: None,
        rate: "30/min".parse().expect("a rate"),
        total: Total::exactly(0),
        actor: "ada".to_owned(),
    };
    store.create_replay_job(&order).await.expect("stored");
    change(
        fixture,
        &format!("UPDATE replays SET next_at = next_at + {}", BACK.as_millis()),
    )
    .await;
    for _node in 0..2 {
        store.clock_went_back(STEP, LONG).await.expect("told");
        let stepped = store.step_replay_jobs(&Receivers::new(), ACTED).await;
        let JobStep::Nothing(Some(wait)) = stepped.expect("stepped") else {
            panic!("it is due at once");
        };
        assert!(wait <= Duration::from_secs(3), "{wait:?}");
    }
}
