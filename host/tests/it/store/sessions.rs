//! Sessions of people: kept, bounded in number, ended by what changes the account.

use std::time::Duration;

use hookyard::domain::access::Role;
use hookyard::domain::id::UserId;
use hookyard::domain::session::{SESSION_AGE, SESSION_IDLE, Session, SessionDigest};
use hookyard::domain::time::Timestamp;
use hookyard::store::SharedStore;

use super::users::stored_user;
use super::{BASE, on_both};
use crate::support::stores::Fixture;

on_both!(
    a_session_is_kept_seen_and_ended,
    the_oldest_of_a_users_sessions_end,
    a_session_takes_the_place_of_another,
    what_changes_the_account_ends_its_sessions,
    a_purge_takes_what_is_over,
);

fn session(user: UserId, token: &str, at: Timestamp) -> Session {
    Session {
        digest: SessionDigest::of(token),
        user,
        created_at: at,
        seen_at: at,
        address: "127.0.0.1".to_owned(),
        agent: "a \0 browser".to_owned(),
    }
}

async fn open(store: &SharedStore, user: UserId, token: &str, at: Timestamp) {
    store
        .open_session(&session(user, token, at), None, 3)
        .await
        .expect("stored");
}

async fn is_there(store: &SharedStore, token: &str) -> bool {
    let found = store.session(SessionDigest::of(token)).await;
    found.expect("readable").is_some()
}

async fn a_session_is_kept_seen_and_ended(fixture: &Fixture) {
    let store = &fixture.store;
    let user = stored_user(store, "ada").await;
    open(store, user, "a", BASE).await;
    let digest = SessionDigest::of("a");
    let kept = store.session(digest).await.expect("readable").expect("there");
    assert_eq!((kept.user, kept.agent.as_str()), (user, "a \u{FFFD} browser"));
    let later = BASE.plus(Duration::from_mins(2));
    store.touch_session(digest, later).await.expect("written");
    // A clock that went back takes nothing away.
    store.touch_session(digest, BASE).await.expect("written");
    let seen = store.session(digest).await.expect("readable").expect("there");
    assert_eq!((seen.seen_at, seen.created_at), (later, BASE));
    assert!(store.end_session(digest).await.expect("written"));
    assert!(!store.end_session(digest).await.expect("written"));
    assert!(!is_there(store, "a").await);
}

async fn the_oldest_of_a_users_sessions_end(fixture: &Fixture) {
    let store = &fixture.store;
    let (ada, eve) = (stored_user(store, "ada").await, stored_user(store, "eve").await);
    open(store, eve, "eve's", BASE).await;
    for (place, token) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let millis = i64::try_from(place).expect("small");
        let at = Timestamp::from_millis(BASE.as_millis() + millis);
        open(store, ada, token, at).await;
    }
    assert!(!is_there(store, "a").await);
    for token in ["b", "c", "d", "eve's"] {
        assert!(is_there(store, token).await, "{token}");
    }
}

async fn a_session_takes_the_place_of_another(fixture: &Fixture) {
    let store = &fixture.store;
    let (ada, eve) = (stored_user(store, "ada").await, stored_user(store, "eve").await);
    open(store, eve, "a", BASE).await;
    // Whoever signed in at this browser before is signed out.
    store
        .open_session(&session(ada, "b", BASE), Some(SessionDigest::of("a")), 3)
        .await
        .expect("stored");
    assert!(!is_there(store, "a").await && is_there(store, "b").await);
}

async fn what_changes_the_account_ends_its_sessions(fixture: &Fixture) {
    let store = &fixture.store;
    let (ada, eve) = (stored_user(store, "ada").await, stored_user(store, "eve").await);
    open(store, eve, "eve's", BASE).await;
    let mut user = store.user(ada).await.expect("readable").expect("there");

    open(store, ada, "a", BASE).await;
    "new@example.test".clone_into(&mut user.email);
    store.update_user(&user).await.expect("written");
    assert!(is_there(store, "a").await, "an address is no right");
    user.role = Role::Admin;
    store.update_user(&user).await.expect("written");
    assert!(!is_there(store, "a").await, "another role");

    open(store, ada, "b", BASE).await;
    user.is_active = false;
    store.update_user(&user).await.expect("written");
    assert!(!is_there(store, "b").await, "deactivated");

    open(store, ada, "c", BASE).await;
    store.set_password(ada, "hash").await.expect("written");
    assert!(!is_there(store, "c").await, "another password");

    open(store, ada, "d", BASE).await;
    store.sign_out(ada, BASE).await.expect("written");
    assert!(!is_there(store, "d").await, "signed out everywhere");
    assert!(is_there(store, "eve's").await);
}

async fn a_purge_takes_what_is_over(fixture: &Fixture) {
    let store = &fixture.store;
    let ada = stored_user(store, "ada").await;
    let now = BASE.plus(SESSION_AGE);
    open(store, ada, "old", BASE).await;
    store
        .touch_session(SessionDigest::of("old"), now)
        .await
        .expect("written");
    open(store, ada, "idle", now.minus(SESSION_IDLE)).await;
    open(store, ada, "fresh", now).await;
    let purge = |limit| store.purge_sessions(now, SESSION_IDLE, SESSION_AGE, limit);
    assert_eq!(purge(1).await.expect("purged"), 1);
    assert_eq!(purge(10).await.expect("purged"), 1);
    assert!(is_there(store, "fresh").await);
    assert!(!is_there(store, "old").await && !is_there(store, "idle").await);
}
