//! The clock by which deliveries are due, and that it may go back.

use std::time::Duration;

use hookyard::domain::delivery::Verdict;
use sqlx::{AssertSqlSafe, Connection as _};

use super::{LONG, accept, claim, finish, on_both, plugin};
use crate::support::stores::Fixture;

on_both!(
    the_clock_goes_forward,
    what_waits_for_its_first_attempt_is_due_again,
    a_wait_that_was_asked_for_is_kept,
);

/// How far the clock goes back.
const BACK: Duration = Duration::from_hours(2);

async fn the_clock_goes_forward(fixture: &Fixture) {
    let first = fixture.store.clock().await.expect("a clock");
    let second = fixture.store.clock().await.expect("a clock");
    assert!(second >= first && first.as_millis() > super::BASE.as_millis());
}

/// What it is like when the clock has gone back: what was due at once is due in two hours.
async fn put_off(fixture: &Fixture) {
    let text = format!("UPDATE deliveries SET due_at = due_at + {}", BACK.as_millis());
    let query = || sqlx::raw_sql(AssertSqlSafe(text.clone()));
    if fixture.url.starts_with("sqlite:") {
        let mut db = sqlx::SqliteConnection::connect(&fixture.url)
            .await
            .expect("a connection");
        query().execute(&mut db).await.expect("put off");
    } else {
        let mut db = sqlx::PgConnection::connect(&fixture.url)
            .await
            .expect("a connection");
        query().execute(&mut db).await.expect("put off");
    }
}

async fn what_waits_for_its_first_attempt_is_due_again(fixture: &Fixture) {
    let store = &fixture.store;
    accept(store, &["a"]).await;
    put_off(fixture).await;
    assert!(claim(store, "a", LONG).await.is_empty());
    assert_eq!(store.clock_went_back(BACK).await.expect("moved"), 1);
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
    store.clock_went_back(BACK).await.expect("moved");
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
