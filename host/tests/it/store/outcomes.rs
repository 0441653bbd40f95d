//! What became of plugins' attempts lately.

use std::time::Duration;

use hookyard::domain::delivery::Verdict;
use hookyard::domain::overview::{Happening, TALLY_SPAN};

use super::{BASE, accept, end_all, on_both, plugin};
use crate::support::stores::Fixture;

on_both!(
    what_happened_is_told_by_plugin,
    newest_attempts_are_those_of_a_plugin_among_all,
);

async fn what_happened_is_told_by_plugin(fixture: &Fixture) {
    let store = &fixture.store;
    accept(store, &["a", "b"]).await;
    accept(store, &["a"]).await;
    end_all(store, "a", &Verdict::Dead).await;
    end_all(store, "b", &Verdict::Succeeded).await;
    let since = BASE.minus(TALLY_SPAN);
    let found = store.plugin_tallies(since).await.expect("readable");
    let told: Vec<_> = found
        .iter()
        .map(|tally| (tally.plugin.as_str(), tally.what, tally.count))
        .filter(|(_, what, _)| *what != Happening::Dead)
        .collect();
    let wanted = [("a", Happening::Failed, 2), ("b", Happening::Succeeded, 1)];
    assert_eq!(told, wanted);
    let later = BASE.plus(Duration::from_hours(24 * 365 * 10));
    assert!(store.plugin_tallies(later).await.expect("readable").is_empty());
}

async fn newest_attempts_are_those_of_a_plugin_among_all(fixture: &Fixture) {
    let store = &fixture.store;
    let event = accept(store, &["a", "b"]).await;
    let of_a = end_all(store, "a", &Verdict::Dead).await;
    end_all(store, "b", &Verdict::Succeeded).await;
    let a = plugin("a");
    let found = store.newest_attempts(&a, BASE, 100, 10).await.expect("readable");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].0, found[0].1.delivery), (event.id, of_a[0]));
    let later = BASE.plus(Duration::from_secs(1));
    for (since, sample, limit) in [(later, 100, 10), (BASE, 0, 10), (BASE, 100, 0)] {
        let found = store.newest_attempts(&a, since, sample, limit).await;
        assert!(found.expect("readable").is_empty());
    }
}
