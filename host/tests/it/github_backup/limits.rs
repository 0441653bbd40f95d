//! GitHub's limits: waited for exactly, however often they come.

use standins::fault::{Fault, FaultKind};
use standins::github::{Limits, RateLimit};

use super::*;

const TREES: &str = "POST /repos/{owner}/{repo}/git/trees";

impl Scene {
    fn limit(&self, retry_after: u64, times: u32) {
        let fault = Fault {
            target: TREES.to_owned(),
            kind: FaultKind::RateLimited { retry_after },
            times,
        };
        self.github.inject(fault).expect("a good fault");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rate_limits_are_waited_for_exactly() {
    let scene = Scene::start("").await;
    scene.put(&many(2)).await;
    scene.limit(7, 1);
    let ended = scene.act("backup", &json!({})).await;
    assert_eq!(ended.outcome(), "deferred", "{:#}", ended.delivery);
    assert_near(ended.wait(), 7);
    assert_eq!(scene.repo().commits_of("main").len(), 1, "GitHub's own");
    scene.stop().await;

    // Another plugin: the first one's breaker keeps all it has back until the time has come.
    let scene = Scene::start("").await;
    scene.put(&many(2)).await;
    scene.github.set_rate_limit(RateLimit {
        limit: 5_000,
        remaining: 0,
        reset_seconds: 600,
    });
    let ended = scene.act("backup", &json!({})).await;
    assert_eq!(ended.outcome(), "deferred", "{:#}", ended.delivery);
    assert_near(ended.wait(), 600);
    assert_eq!(ended.delivery["attempts_made"], 0, "a wait costs no attempt");
    scene.stop().await;
}

/// The reset is a whole second, and the answer takes some time.
fn assert_near(wait: Duration, seconds: u64) {
    let wanted = Duration::from_secs(seconds);
    assert!(wait <= wanted + Duration::from_secs(5), "{wait:?}");
    assert!(wait + Duration::from_secs(3) > wanted, "{wait:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_limits_costs_no_attempt_and_ends_in_one_commit() {
    let scene = Scene::start("").await;
    scene.put(&many(3)).await;
    // More than the section's four attempts.
    scene.limit(1, 6);
    let ended = scene.settle("backup", &json!({})).await;
    let attempts = ended.delivery["attempts"].as_array().expect("attempts");
    let outcomes: Vec<_> = attempts
        .iter()
        .filter_map(|one| one["outcome"].as_str())
        .collect();
    assert_eq!(outcomes[..6], ["deferred"; 6], "{outcomes:?}");
    let told = ended.output();
    assert_eq!((&told["created"], &told["failed"]), (&json!(3), &json!([])));
    assert_eq!(scene.repo().commits_of("main").len(), 2);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn file_by_file_stays_below_the_secondary_limits_and_goes_on_after_the_pause() {
    let scene = Scene::start("mode = \"contents\"").await;
    scene.github.set_limits(Limits {
        writes_per_minute: 81,
        ..Limits::default()
    });
    scene.put(&many(100)).await;
    let ended = scene.act("backup", &json!({})).await;
    assert_eq!(ended.outcome(), "deferred", "{:#}", ended.delivery);
    assert_near(ended.wait(), 600);
    assert!(
        ended.error().contains("80 files are written; the rest follows"),
        "{}",
        ended.error()
    );
    assert_eq!(scene.repo().files_at("main").len(), 80 + 1, "and the README");
    // A person's own run takes up where it stopped, here in a new minute of GitHub's.
    scene.github.set_limits(Limits {
        secondary: false,
        ..Limits::default()
    });
    let told = scene.backup().await;
    assert_eq!((&told["created"], &told["unchanged"]), (&json!(20), &json!(80)));
    scene.stop().await;
}
