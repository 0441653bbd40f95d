//! What only a person can mend, and what they read.

use serde_json::{Value, json};
use standins::slack::{HookState, Options, Slack, TokenState};

use super::scene::Scene;

/// One case: what a section says, and the words that the dead letter must have.
async fn refused(config: &str, body: &Value, words: &[&str]) {
    let scene = Scene::new("slack-sdk", config).await;
    let error = scene.refused(body).await;
    for word in words {
        assert!(error.contains(word), "{config}: {error} has no `{word}`");
    }
    assert!(scene.slack.messages().is_empty());
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_target_is_told_with_the_mend() {
    let body = json!({"n": 1, "team": "nowhere"});
    for (config, words) in [
        ("channel = \"#missing\"", ["channel_not_found", "/invite"]),
        (
            "channel = \"#{{ body.team }}\"",
            ["channel_not_found", "plugins.toml"],
        ),
        ("channel = \"#payroll\"", ["channel_not_found", "private"]),
        ("channel = \"#random\"", ["not_in_channel", "/invite"]),
        ("channel = \"#old-news\"", ["is_archived", "unarchive"]),
        ("user = \"nobody@example.com\"", ["users_not_found", "`user`"]),
        ("user = \"U0999999999\"", ["user_not_found", "plugins.toml"]),
        ("channel = \"{{ body.none }}\"", ["`channel`", "empty"]),
        (
            "channel = \"#general\"\nthread = \"1700000000.000001\"",
            ["1700000000.000001", "`thread`"],
        ),
    ] {
        refused(config, &body, &words).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_message_is_told_with_the_place() {
    let text = |length: usize| json!({"n": "x".repeat(length)});
    refused(
        "channel = \"#general\"\nblocks = [{ type = \"nonsense\" }]",
        &text(1),
        &["invalid_blocks", "Block Kit Builder", "/blocks/0"],
    )
    .await;
    // What is merely long is cut, not refused.
    let scene = Scene::new("slack-sdk", "channel = \"#general\"").await;
    let id = scene.send(&text(50_000)).await;
    scene.pipeline.wait_status(&id, "processed").await;
    assert!(scene.slack.messages()[0].text.chars().count() <= 40_000);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_wrong_revoked_or_too_weak() {
    let config = "channel = \"#general\"";
    let slack = Slack::start(Options::default()).await.expect("a stand-in");
    let scene = Scene::over(slack, "no token of Slack's", "slack-sdk", config).await;
    let error = scene.refused(&json!({"n": 1})).await;
    assert!(
        error.contains("invalid_auth") && error.contains("bot-token"),
        "{error}"
    );
    assert!(!error.contains("no token of Slack's"), "{error}");
    scene.end().await;

    let scene = Scene::new("slack-sdk", config).await;
    assert!(scene.slack.set_token(&scene.slack.bot_token, TokenState::Revoked));
    let error = scene.refused(&json!({"n": 1})).await;
    assert!(
        error.contains("token_revoked") && error.contains("install the app"),
        "{error}"
    );
    scene.end().await;

    let slack = Slack::start(Options::default()).await.expect("a stand-in");
    let weak = slack.issue_token(&["chat:write"]);
    let scene = Scene::over(slack, &weak, "slack-sdk", "user = \"ada@example.com\"").await;
    let error = scene.refused(&json!({"n": 1})).await;
    for word in ["missing_scope", "users:read.email", "chat:write"] {
        assert!(error.contains(word), "{error} has no {word}");
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_gone_or_forbidden() {
    for (state, words) in [
        (HookState::Removed, ["no_service", "webhook-url"]),
        (HookState::Prohibited, ["action_prohibited", "admin"]),
    ] {
        let scene = Scene::new("slack-webhook", "").await;
        scene.slack.set_webhooks(state);
        let error = scene.refused(&json!({"n": 1})).await;
        for word in words {
            assert!(error.contains(word), "{error} has no {word}");
        }
        scene.end().await;
    }
}
