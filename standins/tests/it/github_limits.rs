//! Limits: how many requests, how many writes.

use serde_json::json;
use standins::github::{Limits, RateLimit};

use crate::support::github::{get, github, post, with_repository};

#[tokio::test]
async fn every_answer_counts_and_says_what_is_left() {
    let github = github().await;
    let first = get(&github, "/user").await;
    assert_eq!(first.header("x-ratelimit-limit"), "5000");
    assert_eq!(first.header("x-ratelimit-used"), "1");
    assert_eq!(first.header("x-ratelimit-remaining"), "4999");
    assert_eq!(first.header("x-ratelimit-resource"), "core");
    let asked = get(&github, "/rate_limit").await;
    assert_eq!(asked.body["resources"]["core"]["used"], 1, "asking is free");
    assert_eq!(get(&github, "/user").await.header("x-ratelimit-used"), "2");
}

#[tokio::test]
async fn a_used_up_hour_is_refused_until_it_ends() {
    let github = github().await;
    github.set_rate_limit(RateLimit {
        limit: 10,
        remaining: 1,
        reset_seconds: 600,
    });
    assert_eq!(get(&github, "/user").await.status, 200);
    let refused = get(&github, "/user").await;
    assert_eq!(
        (refused.status, refused.header("x-ratelimit-remaining")),
        (403, "0")
    );
    assert!(
        refused
            .message()
            .starts_with("API rate limit exceeded for user ID 1001.")
    );
    assert_eq!(refused.header("retry-after"), "", "the reset says when");
    assert_eq!(get(&github, "/rate_limit").await.status, 200);
    github.set_rate_limit(RateLimit {
        limit: 10,
        remaining: 0,
        reset_seconds: 0,
    });
    assert_eq!(get(&github, "/user").await.status, 200, "a new hour");
}

#[tokio::test]
async fn writes_that_come_too_fast_are_refused() {
    let (github, repo) = with_repository().await;
    let blob = json!({"content": "x"});
    let at = format!("{repo}/git/blobs");
    for _ in 1..80 {
        assert_eq!(post(&github, &at, &blob).await.status, 201);
    }
    let refused = post(&github, &at, &blob).await;
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (403, "60"),
        "the 81st of a minute"
    );
    assert!(
        refused
            .message()
            .starts_with("You have exceeded a secondary rate limit.")
    );
    assert_eq!(get(&github, &repo).await.status, 200, "reading goes on");
    github.set_limits(Limits {
        secondary_as_429: true,
        ..Limits::default()
    });
    assert_eq!(post(&github, &at, &blob).await.status, 429);
    github.set_limits(Limits {
        secondary: false,
        ..Limits::default()
    });
    assert_eq!(post(&github, &at, &blob).await.status, 201);
}
