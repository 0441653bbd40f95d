//! Accounts and refresh tokens.

use std::time::Duration;

use hookyard::domain::access::Role;
use hookyard::domain::id::{RefreshTokenId, TokenFamily, UserId};
use hookyard::domain::time::Timestamp;
use hookyard::domain::user::{CreatedUser, NewRefreshToken, NewUser, Rotation, UpdatedUser, User};
use hookyard::store::SharedStore;

use super::{BASE, on_both};
use crate::support::stores::Fixture;

on_both!(
    names_are_unique_without_regard_to_case,
    a_user_is_updated_and_signs_in,
    a_taken_name_is_not_given_twice,
    users_are_listed_by_name,
    a_rotation_uses_the_token_up,
    a_reused_token_revokes_its_family,
    of_two_rotations_at_once_one_wins,
    a_new_password_revokes_all_tokens,
    signing_out_revokes_all_tokens_and_is_noted,
    families_are_apart,
    a_purge_takes_what_expired,
);

fn new_user(name: &str) -> NewUser {
    NewUser {
        user: User {
            id: UserId::generate(),
            username: name.to_owned(),
            email: format!("{name}@example.com"),
            first_name: "F".to_owned(),
            last_name: String::new(),
            role: Role::Sender,
            is_active: true,
            date_joined: BASE,
            last_login: None,
            signed_out_at: None,
        },
        password_hash: "hash".to_owned(),
    }
}

/// Stores a user and gives its id.
pub async fn stored_user(store: &SharedStore, name: &str) -> UserId {
    let user = new_user(name);
    assert_eq!(
        store.create_user(&user).await.expect("stored"),
        CreatedUser::Created
    );
    user.user.id
}

fn token(user: UserId, family: TokenFamily) -> NewRefreshToken {
    NewRefreshToken {
        id: RefreshTokenId::generate(),
        family,
        user,
        issued_at: BASE,
        expires_at: BASE.plus(Duration::from_hours(24)),
    }
}

async fn stored_token(store: &SharedStore, user: UserId) -> NewRefreshToken {
    let token = token(user, TokenFamily::generate());
    store.store_refresh_token(&token).await.expect("stored");
    token
}

async fn rotate(store: &SharedStore, old: &NewRefreshToken) -> (NewRefreshToken, Rotation) {
    let new = token(old.user, old.family);
    let rotation = store
        .rotate_refresh_token(old.id, &new, BASE)
        .await
        .expect("answered");
    (new, rotation)
}

async fn names_are_unique_without_regard_to_case(fixture: &Fixture) {
    let store = &fixture.store;
    let ada = new_user("\u{c4}da");
    assert_eq!(
        store.create_user(&ada).await.expect("stored"),
        CreatedUser::Created
    );
    assert_eq!(
        store.create_user(&new_user("\u{e4}DA")).await.expect("answered"),
        CreatedUser::UsernameTaken
    );
    let (found, hash) = store
        .user_by_name("\u{e4}da")
        .await
        .expect("readable")
        .expect("there");
    assert_eq!((found, hash.as_str()), (ada.user.clone(), "hash"));
    assert_eq!(store.user(ada.user.id).await.expect("readable"), Some(ada.user));
    assert_eq!(store.user_by_name("eve").await.expect("readable"), None);
    assert_eq!(store.user(UserId::generate()).await.expect("readable"), None);
}

async fn a_user_is_updated_and_signs_in(fixture: &Fixture) {
    let store = &fixture.store;
    let mut user = new_user("ada").user;
    let missing = store.update_user(&user).await.expect("answered");
    assert_eq!(missing, UpdatedUser::Missing);
    user.id = stored_user(store, "ada").await;
    user.role = Role::Viewer;
    user.is_active = false;
    user.username = String::from("Ada2");
    user.last_name = String::from("L\0");
    let updated = store.update_user(&user).await.expect("answered");
    assert_eq!(updated, UpdatedUser::Updated);
    let at = Timestamp::from_millis(5);
    store.record_login(user.id, at).await.expect("noted");
    let (found, hash) = store
        .user_by_name("ADA2")
        .await
        .expect("readable")
        .expect("there");
    let want = User {
        last_login: Some(at),
        last_name: "L\u{fffd}".to_owned(),
        ..user
    };
    assert_eq!((found, hash.as_str()), (want, "hash"));
}

async fn a_taken_name_is_not_given_twice(fixture: &Fixture) {
    let store = &fixture.store;
    stored_user(store, "eve").await;
    let id = stored_user(store, "ada").await;
    let user = store.user(id).await.expect("readable").expect("there");
    let renamed = User {
        username: "EVE".to_owned(),
        ..user.clone()
    };
    let answer = store.update_user(&renamed).await.expect("answered");
    assert_eq!(answer, UpdatedUser::UsernameTaken);
    assert_eq!(store.user(id).await.expect("readable"), Some(user));
}

async fn users_are_listed_by_name(fixture: &Fixture) {
    for name in ["b", "C", "a", "\u{e9}", "a-b", "ab"] {
        stored_user(&fixture.store, name).await;
    }
    let names: Vec<_> = fixture
        .store
        .users()
        .await
        .expect("readable")
        .into_iter()
        .map(|u| u.username)
        .collect();
    assert_eq!(names, ["a", "a-b", "ab", "b", "C", "\u{e9}"]);
}

async fn a_rotation_uses_the_token_up(fixture: &Fixture) {
    let store = &fixture.store;
    let user = stored_user(store, "ada").await;
    let mut current = stored_token(store, user).await;
    for _ in 0..3 {
        let (next, rotation) = rotate(store, &current).await;
        assert_eq!(rotation, Rotation::Rotated);
        current = next;
    }
    let stranger = token(user, TokenFamily::generate());
    assert_eq!(rotate(store, &stranger).await.1, Rotation::Refused);
}

async fn a_reused_token_revokes_its_family(fixture: &Fixture) {
    let store = &fixture.store;
    let first = stored_token(store, stored_user(store, "ada").await).await;
    let (second, _) = rotate(store, &first).await;
    assert_eq!(rotate(store, &first).await.1, Rotation::Reused);
    assert_eq!(rotate(store, &second).await.1, Rotation::Refused);
    assert_eq!(rotate(store, &first).await.1, Rotation::Refused);
}

async fn of_two_rotations_at_once_one_wins(fixture: &Fixture) {
    let store = &fixture.store;
    let user = stored_user(store, "ada").await;
    for _ in 0..10 {
        let old = stored_token(store, user).await;
        let ((_, one), (_, two)) = tokio::join!(rotate(store, &old), rotate(store, &old));
        let mut both = [one, two].map(|rotation| format!("{rotation:?}"));
        both.sort_unstable();
        assert_eq!(both, ["Reused", "Rotated"]);
    }
}

async fn a_new_password_revokes_all_tokens(fixture: &Fixture) {
    let store = &fixture.store;
    let (ada, eve) = (stored_user(store, "ada").await, stored_user(store, "eve").await);
    let (one, two, other) = (
        stored_token(store, ada).await,
        stored_token(store, ada).await,
        stored_token(store, eve).await,
    );
    assert!(store.set_password(ada, "new").await.expect("written"));
    assert_eq!(
        store
            .user_by_name("ada")
            .await
            .expect("readable")
            .expect("there")
            .1,
        "new"
    );
    assert_eq!(rotate(store, &one).await.1, Rotation::Refused);
    assert_eq!(rotate(store, &two).await.1, Rotation::Refused);
    assert_eq!(rotate(store, &other).await.1, Rotation::Rotated);
    assert!(
        !store
            .set_password(UserId::generate(), "x")
            .await
            .expect("answered")
    );
}

async fn signing_out_revokes_all_tokens_and_is_noted(fixture: &Fixture) {
    let store = &fixture.store;
    let (ada, eve) = (stored_user(store, "ada").await, stored_user(store, "eve").await);
    let (one, other) = (stored_token(store, ada).await, stored_token(store, eve).await);
    assert!(store.sign_out(ada, BASE).await.expect("written"));
    assert_eq!(rotate(store, &one).await.1, Rotation::Refused);
    assert_eq!(rotate(store, &other).await.1, Rotation::Rotated);
    let noted = |user: Option<User>| user.expect("there").signed_out_at;
    assert_eq!(noted(store.user(ada).await.expect("readable")), Some(BASE));
    assert_eq!(noted(store.user(eve).await.expect("readable")), None);
    let nobody = UserId::generate();
    assert!(!store.sign_out(nobody, BASE).await.expect("answered"));
}

async fn families_are_apart(fixture: &Fixture) {
    let store = &fixture.store;
    let user = stored_user(store, "ada").await;
    let (one, two) = (stored_token(store, user).await, stored_token(store, user).await);
    store.revoke_family(one.family, BASE).await.expect("revoked");
    store
        .revoke_family(TokenFamily::generate(), BASE)
        .await
        .expect("nothing is fine");
    assert_eq!(rotate(store, &one).await.1, Rotation::Refused);
    assert_eq!(rotate(store, &two).await.1, Rotation::Rotated);
}

async fn a_purge_takes_what_expired(fixture: &Fixture) {
    let store = &fixture.store;
    let user = stored_user(store, "ada").await;
    let token = stored_token(store, user).await;
    let second = stored_token(store, user).await;
    let purge = |before, limit| store.purge_refresh_tokens(before, limit);
    assert_eq!(purge(token.expires_at, 10).await.expect("purged"), 0);
    let later = token.expires_at.plus(Duration::from_millis(1));
    assert_eq!(purge(later, 1).await.expect("purged"), 1);
    assert_eq!(purge(later, 9).await.expect("purged"), 1);
    assert_eq!(rotate(store, &token).await.1, Rotation::Refused);
    assert_eq!(rotate(store, &second).await.1, Rotation::Refused);
}
