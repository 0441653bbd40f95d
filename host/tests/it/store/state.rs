//! Plugins' own entries.

use hookyard::store::{SharedStore, StateEntry, StateExpect, StateQuota, StateWrite};

use super::{on_both, plugin};
use crate::support::stores::Fixture;

on_both!(
    versions_count_up,
    compare_and_swap_has_one_winner,
    the_quota_counts_keys_and_bytes,
    writers_at_once_do_not_pass_the_quota,
    keys_come_in_byte_order,
    plugins_do_not_see_each_other,
);

const ROOMY: StateQuota = StateQuota {
    keys: 1_000,
    bytes: 1 << 20,
};

async fn put(
    store: &SharedStore,
    key: &str,
    value: &[u8],
    expect: StateExpect,
    quota: StateQuota,
) -> StateWrite {
    store
        .state_put(&plugin("a"), key, value, expect, quota)
        .await
        .expect("answered")
}

async fn versions_count_up(fixture: &Fixture) {
    let (store, a) = (&fixture.store, plugin("a"));
    assert_eq!(store.state_get(&a, "k").await.expect("readable"), None);
    assert_eq!(
        put(store, "k", b"\0\xff", StateExpect::Any, ROOMY).await,
        StateWrite::Written(1)
    );
    assert_eq!(
        put(store, "k", b"2", StateExpect::Any, ROOMY).await,
        StateWrite::Written(2)
    );
    let entry = StateEntry {
        value: b"2".to_vec(),
        version: 2,
    };
    assert_eq!(store.state_get(&a, "k").await.expect("readable"), Some(entry));
    assert!(store.state_delete(&a, "k").await.expect("answered"));
    assert!(!store.state_delete(&a, "k").await.expect("answered"));
    assert_eq!(
        put(store, "k", b"", StateExpect::Absent, ROOMY).await,
        StateWrite::Written(1)
    );
}

async fn compare_and_swap_has_one_winner(fixture: &Fixture) {
    let store = &fixture.store;
    assert_eq!(
        put(store, "k", b"x", StateExpect::Version(1), ROOMY).await,
        StateWrite::Conflict
    );
    assert_eq!(
        put(store, "k", b"x", StateExpect::Absent, ROOMY).await,
        StateWrite::Written(1)
    );
    assert_eq!(
        put(store, "k", b"y", StateExpect::Absent, ROOMY).await,
        StateWrite::Conflict
    );
    let swaps = (0..8_u8).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { put(&store, "k", &[n], StateExpect::Version(1), ROOMY).await })
    });
    let swaps: Vec<_> = swaps.collect();
    let mut won = 0;
    for swap in swaps {
        won += usize::from(swap.await.expect("ends") == StateWrite::Written(2));
    }
    assert_eq!(won, 1);
}

async fn the_quota_counts_keys_and_bytes(fixture: &Fixture) {
    let store = &fixture.store;
    let quota = StateQuota { keys: 2, bytes: 10 };
    assert_eq!(
        put(store, "a", b"1234", StateExpect::Any, quota).await,
        StateWrite::Written(1)
    );
    assert_eq!(
        put(store, "b", b"12345", StateExpect::Any, quota).await,
        StateWrite::Full
    );
    assert_eq!(
        put(store, "b", b"1234", StateExpect::Any, quota).await,
        StateWrite::Written(1)
    );
    assert_eq!(
        put(store, "c", b"", StateExpect::Any, quota).await,
        StateWrite::Full
    );
    assert_eq!(
        put(store, "a", b"12345", StateExpect::Any, quota).await,
        StateWrite::Full
    );
    assert_eq!(
        put(store, "a", b"1", StateExpect::Any, quota).await,
        StateWrite::Written(2)
    );
    // A quota lowered later forbids growth, not shrinking.
    let lower = StateQuota { keys: 1, bytes: 3 };
    assert_eq!(
        put(store, "b", b"12", StateExpect::Any, lower).await,
        StateWrite::Written(2)
    );
    assert_eq!(
        put(store, "b", b"123", StateExpect::Any, lower).await,
        StateWrite::Full
    );
}

async fn writers_at_once_do_not_pass_the_quota(fixture: &Fixture) {
    let quota = StateQuota {
        keys: 5,
        bytes: 1_000,
    };
    let writes: Vec<_> = (0..20)
        .map(|n| {
            let store = fixture.store.clone();
            tokio::spawn(async move { put(&store, &format!("k{n}"), b"v", StateExpect::Any, quota).await })
        })
        .collect();
    let mut written = 0;
    for write in writes {
        written += usize::from(write.await.expect("ends") == StateWrite::Written(1));
    }
    assert_eq!(written, 5);
    assert_eq!(
        fixture
            .store
            .state_keys(&plugin("a"), "", None, 100)
            .await
            .expect("listed")
            .len(),
        5
    );
}

async fn keys_come_in_byte_order(fixture: &Fixture) {
    let store = &fixture.store;
    let sorted = ["A", "a", "a\0", "a-b", "ab", "a\u{e9}", "a\u{10ffff}", "b"];
    for key in sorted.iter().rev() {
        put(store, key, b"", StateExpect::Any, ROOMY).await;
    }
    let keys = |prefix: &'static str, after: Option<&'static str>, limit| async move {
        store
            .state_keys(&plugin("a"), prefix, after, limit)
            .await
            .expect("listed")
    };
    assert_eq!(keys("", None, 100).await, sorted);
    assert_eq!(keys("a", None, 100).await, sorted[1..7]);
    assert_eq!(keys("a", Some("a-b"), 2).await, sorted[4..6]);
    assert_eq!(keys("a", Some("A"), 1).await, ["a"]);
    assert_eq!(keys("a\u{10ffff}", None, 9).await, sorted[6..7]);
    assert_eq!(keys("zz", None, 9).await, [""; 0]);
}

async fn plugins_do_not_see_each_other(fixture: &Fixture) {
    let store = &fixture.store;
    put(store, "k", b"mine", StateExpect::Any, ROOMY).await;
    let b = plugin("b");
    assert_eq!(store.state_get(&b, "k").await.expect("readable"), None);
    assert!(
        store
            .state_keys(&b, "", None, 9)
            .await
            .expect("listed")
            .is_empty()
    );
    assert!(!store.state_delete(&b, "k").await.expect("answered"));
}
