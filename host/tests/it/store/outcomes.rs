//! How plugins' newest attempts ended.

use std::time::Duration;

use hookyard::domain::attempt::AttemptOutcome;
use hookyard::domain::delivery::Verdict;

use super::{BASE, accept, end_all, on_both};
use crate::support::stores::Fixture;

on_both!(attempts_are_counted_by_plugin_and_end);

async fn attempts_are_counted_by_plugin_and_end(fixture: &Fixture) {
    let store = &fixture.store;
    accept(store, &["a", "b"]).await;
    accept(store, &["a"]).await;
    end_all(store, "a", &Verdict::Dead).await;
    end_all(store, "b", &Verdict::Succeeded).await;
    let found = store.outcomes(BASE, 100).await.expect("readable");
    let told: Vec<_> = found
        .iter()
        .map(|counted| (counted.plugin.as_str(), counted.outcome, counted.count))
        .collect();
    let wanted = [
        ("a", AttemptOutcome::Rejected, 2),
        ("b", AttemptOutcome::Succeeded, 1),
    ];
    assert_eq!(told, wanted);
    let bounded = store.outcomes(BASE, 2).await.expect("readable");
    let all: u64 = bounded.iter().map(|counted| counted.count).sum();
    assert_eq!(all, 2);
    let later = BASE.plus(Duration::from_secs(1));
    assert!(store.outcomes(later, 100).await.expect("readable").is_empty());
}
