//! Keys and the audit log in both databases.

use std::time::Duration;

use hookyard::domain::access::Role;
use hookyard::domain::api_key::{ApiKey, ApiKeyId, NewApiKey, RevokedKey, SourceScope};
use hookyard::domain::audit::{Actor, AuditEntry, AuditFilter, Via};
use hookyard::domain::id::UserId;
use hookyard::domain::page::PageRequest;
use hookyard::domain::time::Timestamp;
use serde_json::json;

use crate::store::users::stored_user;
use crate::store::{BASE, on_both};
use crate::support::stores::Fixture;

on_both!(
    keys_are_stored_found_and_revoked_once,
    the_last_use_of_a_key_only_moves_on,
    the_audit_log_is_filtered_and_paged_newest_first,
);

const PAGE: PageRequest = PageRequest { page: 1, size: 2 };

fn id(text: &str) -> ApiKeyId {
    text.parse().expect("an id")
}

fn at(seconds: u64) -> Timestamp {
    BASE.plus(Duration::from_secs(seconds))
}

fn key(name: &str, owner: UserId, created_at: Timestamp) -> NewApiKey {
    NewApiKey {
        digest: [7; 32],
        key: ApiKey {
            id: id(name),
            name: "n\0".to_owned(),
            owner,
            sources: SourceScope::new(&["shop-*".to_owned(), "é".to_owned()]).expect("globs"),
            rate: "600/min".parse().ok(),
            created_at,
            created_by: "root".to_owned(),
            expires_at: Some(at(9)),
            revoked_at: None,
            revoked_by: None,
            last_used_at: None,
        },
    }
}

async fn keys_are_stored_found_and_revoked_once(fixture: &Fixture) {
    let store = &fixture.store;
    let ada = stored_user(store, "ada").await;
    for (name, second) in [("aaaaaa", 1), ("AAAAAA", 2), ("bbbbbb", 3)] {
        assert!(
            store
                .create_api_key(&key(name, ada, at(second)))
                .await
                .expect("stored")
        );
    }
    assert!(
        !store
            .create_api_key(&key("aaaaaa", ada, at(4)))
            .await
            .expect("answered")
    );
    let found = store
        .api_key(&id("AAAAAA"))
        .await
        .expect("readable")
        .expect("there");
    let wanted = ApiKey {
        name: "n\u{fffd}".to_owned(),
        ..key("AAAAAA", ada, at(2)).key
    };
    assert_eq!((found.key, found.digest), (wanted, vec![7; 32]));
    assert!(store.api_key(&id("zzzzzz")).await.expect("readable").is_none());
    let page = store.api_keys(PAGE).await.expect("listed");
    let ids: Vec<_> = page.items.iter().map(|key| key.id.as_str()).collect();
    assert_eq!((page.total, ids), (3, vec!["bbbbbb", "AAAAAA"]));

    let revoke = |name, by: &'static str| async move {
        store
            .revoke_api_key(&id(name), at(5), by)
            .await
            .expect("answered")
    };
    let RevokedKey::Revoked(key) = revoke("aaaaaa", "root").await else {
        panic!("not revoked");
    };
    assert_eq!(
        (key.revoked_at, key.revoked_by.as_deref()),
        (Some(at(5)), Some("root"))
    );
    assert_eq!(revoke("aaaaaa", "eve").await, RevokedKey::Already(key));
    assert_eq!(revoke("zzzzzz", "root").await, RevokedKey::Missing);
}

async fn the_last_use_of_a_key_only_moves_on(fixture: &Fixture) {
    let store = &fixture.store;
    let ada = stored_user(store, "ada").await;
    for name in ["aaaaaa", "bbbbbb"] {
        store.create_api_key(&key(name, ada, BASE)).await.expect("stored");
    }
    let uses = [
        (id("aaaaaa"), at(5)),
        (id("bbbbbb"), at(6)),
        (id("zzzzzz"), at(7)),
    ];
    store.note_keys_used(&uses).await.expect("noted");
    store
        .note_keys_used(&[(id("aaaaaa"), at(4)), (id("bbbbbb"), at(8))])
        .await
        .expect("noted");
    store.note_keys_used(&[]).await.expect("nothing is fine");
    for (name, wanted) in [("aaaaaa", at(5)), ("bbbbbb", at(8))] {
        let found = store.api_key(&id(name)).await.expect("readable").expect("there");
        assert_eq!(found.key.last_used_at, Some(wanted), "{name}");
    }
}

async fn the_audit_log_is_filtered_and_paged_newest_first(fixture: &Fixture) {
    let store = &fixture.store;
    let entry = |second: u64, actor: &str, action: &str, target: &str| AuditEntry {
        id: uuid::Uuid::now_v7(),
        at: at(second),
        actor: Actor {
            name: actor.to_owned(),
            role: (actor != "cli:root").then_some(Role::Operator),
            via: if actor == "cli:root" { Via::Cli } else { Via::Http },
            address: Some("127.0.0.1".to_owned()),
            request_id: None,
        },
        action: action.to_owned(),
        target: target.to_owned(),
        detail: json!({ "n": second }),
    };
    let entries = [
        entry(1, "ada", "plugin.enable", "echo"),
        entry(2, "cli:root", "plugin.disable", "echo"),
        entry(3, "ada", "word-of-another-version", "x\0"),
    ];
    store.note_audit(&entries).await.expect("noted");
    store.note_audit(&[]).await.expect("nothing is fine");
    let found = |filter: AuditFilter| async move {
        let page = store.audit_page(&filter, PAGE).await.expect("readable");
        let seconds = page
            .items
            .iter()
            .map(|entry| entry.detail["n"].as_u64().expect("n"));
        (page.total, seconds.collect::<Vec<_>>())
    };
    let text = |text: &str| Some(text.to_owned());
    let any = AuditFilter::default;
    assert_eq!(found(any()).await, (3, vec![3, 2]));
    assert_eq!(
        found(AuditFilter {
            actor: text("ada"),
            ..any()
        })
        .await,
        (2, vec![3, 1])
    );
    assert_eq!(
        found(AuditFilter {
            action: text("plugin.disable"),
            ..any()
        })
        .await,
        (1, vec![2])
    );
    assert_eq!(
        found(AuditFilter {
            target: text("echo"),
            ..any()
        })
        .await,
        (2, vec![2, 1])
    );
    let window = AuditFilter {
        since: Some(at(2)),
        until: Some(at(3)),
        ..any()
    };
    assert_eq!(found(window).await, (1, vec![2]));
    let page = store
        .audit_page(
            &AuditFilter {
                actor: text("cli:root"),
                ..any()
            },
            PAGE,
        )
        .await;
    assert_eq!(page.expect("readable").items, [entries[1].clone()]);
}
