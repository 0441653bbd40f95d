//! The Slack plugins, as shipped, against the stand-in.

mod refusals;
mod scene;

use serde_json::{Value, json};
use standins::fault::FaultKind;
use standins::slack::Options;

use self::scene::Scene;

const POST: &str = "chat.postMessage";

fn texts(scene: &Scene) -> Vec<String> {
    let messages = scene.slack.messages();
    messages.into_iter().map(|message| message.text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_keeps_slacks_pace() {
    let scene = Scene::new("slack-sdk", "channel = \"#general\"").await;
    let mut ids = Vec::new();
    for n in 0..6 {
        ids.push(scene.send(&json!({ "n": n })).await);
    }
    for id in &ids {
        let event = scene.pipeline.wait_status(id, "processed").await;
        assert_eq!(event["deliveries"][0]["attempts_made"], 1, "{event:#}");
    }
    let at: Vec<u64> = scene
        .slack
        .messages()
        .iter()
        .map(|message| message.at_micros)
        .collect();
    // Five spaces of more than a second, less what the first may have been held up on its way.
    assert!(at[5] - at[0] > 4_500_000, "{at:?}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_against_slacks_own_limit_loses_and_repeats_nothing() {
    let paced = || Options {
        pace: true,
        ..Options::default()
    };
    for (plugin, config) in [("slack-sdk", "channel = \"#general\""), ("slack-webhook", "")] {
        let scene = Scene::with(paced(), plugin, config).await;
        let mut ids = Vec::new();
        for n in 0..6 {
            ids.push(scene.send(&json!({ "n": n })).await);
        }
        for id in &ids {
            scene.pipeline.wait_status(id, "processed").await;
        }
        let mut sent = texts(&scene);
        sent.sort();
        let wanted: Vec<_> = (0..6).map(|n| format!("n is {n}")).collect();
        assert_eq!(sent, wanted, "{plugin}");
        scene.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_after_the_effect_leaves_one_message() {
    for config in [
        "channel = \"{channel}\"",
        "user = \"ada@example.com\"",
        "channel = \"{channel}\"\nthread = \"k\"",
    ] {
        let scene = Scene::new("slack-sdk", config).await;
        let first = scene.send(&json!({"n": 1})).await;
        scene.pipeline.wait_status(&first, "processed").await;
        scene.fault(POST, FaultKind::CutAfterEffect);
        let id = scene.send(&json!({"n": 2})).await;
        let event = scene.pipeline.wait_status(&id, "processed").await;
        let attempts = event["deliveries"][0]["attempts"].as_array().expect("attempts");
        assert_eq!(attempts.len(), 2, "{event:#}");
        let told = attempts[1]["summary"].as_str().expect("a summary");
        assert!(told.starts_with("an earlier attempt had"), "{told}");
        assert_eq!(texts(&scene), ["n is 1", "n is 2"], "{config}");
        scene.end().await;
    }
}

/// Others write to the channel, or to a thread in it.
async fn others_write(scene: &Scene, messages: usize, thread: Option<&str>) {
    let channel = scene.slack.channel_id("general").expect("a channel");
    for n in 0..messages {
        let url = format!("{}/chat.postMessage", scene.slack.api_base);
        let body = json!({"channel": channel, "text": format!("other {n}"), "thread_ts": thread});
        let request = scene
            .pipeline
            .client
            .post(url)
            .bearer_auth(&scene.slack.bot_token);
        let request = request.header("content-type", "application/json; charset=utf-8");
        let answer = request.body(body.to_string()).send().await.expect("an answer");
        assert!(answer.text().await.expect("a body").contains("\"ok\":true"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_leaves_one_message_where_others_write_much() {
    let scene = Scene::new("slack-sdk", "channel = \"{channel}\"\nthread = \"{{ body.k }}\"").await;
    others_write(&scene, 150, None).await;
    scene.fault(POST, FaultKind::CutAfterEffect);
    let first = scene.send(&json!({"n": 1, "k": "a"})).await;
    scene.pipeline.wait_status(&first, "processed").await;
    let parent = scene.slack.messages().last().expect("a message").ts.clone();
    others_write(&scene, 150, Some(&parent)).await;
    scene.fault(POST, FaultKind::CutAfterEffect);
    let reply = scene.send(&json!({"n": 2, "k": "a"})).await;
    scene.pipeline.wait_status(&reply, "processed").await;
    let texts = texts(&scene);
    let ours: Vec<_> = texts.iter().filter(|text| text.starts_with("n is")).collect();
    assert_eq!(ours, ["n is 1", "n is 2"]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channels_name_is_known_by_its_id_once_posted_to() {
    let scene = Scene::new("slack-sdk", "channel = \"#general\"").await;
    let first = scene.send(&json!({"n": 1})).await;
    scene.pipeline.wait_status(&first, "processed").await;
    scene.fault(POST, FaultKind::CutAfterEffect);
    let id = scene.send(&json!({"n": 2})).await;
    scene.pipeline.wait_status(&id, "processed").await;
    assert_eq!(texts(&scene), ["n is 1", "n is 2"]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_tells_no_message_apart_so_a_lost_answer_may_repeat_it() {
    let scene = Scene::new("slack-webhook", "").await;
    scene.fault("webhook", FaultKind::CutAfterEffect);
    let id = scene.send(&json!({"n": 1})).await;
    scene.pipeline.wait_status(&id, "processed").await;
    assert_eq!(texts(&scene), ["n is 1", "n is 1"]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threads_and_updates_by_key() {
    let scene = Scene::new(
        "slack-sdk",
        "channel = \"#general\"\nthread = \"order {{ body.order }}\"",
    )
    .await;
    for (n, order) in [(1, "a"), (2, "b"), (3, "a"), (4, "a")] {
        let id = scene.send(&json!({"n": n, "order": order})).await;
        scene.pipeline.wait_status(&id, "processed").await;
    }
    let messages = scene.slack.messages();
    let parents: Vec<_> = messages.iter().map(|message| message.thread_ts.clone()).collect();
    let first = Some(messages[0].ts.clone());
    assert_eq!(parents, [None, None, first.clone(), first]);
    scene.end().await;

    let scene = Scene::new(
        "slack-sdk",
        "channel = \"#general\"\nupdate = \"deploy {{ body.order }}\"",
    )
    .await;
    for (n, order) in [(1, "a"), (2, "b"), (3, "a")] {
        let id = scene.send(&json!({"n": n, "order": order})).await;
        scene.pipeline.wait_status(&id, "processed").await;
    }
    assert_eq!(texts(&scene), ["n is 3", "n is 2"]);
    assert!(scene.slack.messages()[0].edited_ts.is_some());
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_of_a_key_is_one_whatever_comes_at_once() {
    let scene = Scene::new("slack-sdk", "channel = \"#general\"\nthread = \"all\"").await;
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(scene.send(&json!({ "n": n })).await);
    }
    for id in &ids {
        scene.pipeline.wait_status(id, "processed").await;
    }
    let messages = scene.slack.messages();
    assert_eq!(messages.len(), 4);
    assert_eq!(
        messages
            .iter()
            .filter(|message| message.thread_ts.is_none())
            .count(),
        1
    );
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sender_writes_is_no_markup() {
    let scene = Scene::with(
        Options::default(),
        "slack-sdk",
        "channel = \"#general\"\nmessage = \"*{{ body.text }}*\"\nblocks = [{ type = \"section\", text = { type = \
         \"mrkdwn\", text = \"{{ body.text }}\" } }]",
    )
    .await;
    let hostile = "<!channel> <https://evil.example|bank> & \"},{\"type\":\"divider\"} 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 👩🏽‍🚀 \u{202e}";
    let id = scene.send(&json!({"text": hostile})).await;
    scene.pipeline.wait_status(&id, "processed").await;
    let message = scene.slack.messages().remove(0);
    assert!(
        message
            .text
            .contains("&lt;!channel&gt; &lt;https://evil.example|bank&gt; &amp;")
    );
    assert!(message.text.contains("𝔘𝔫𝔦𝔠𝔬𝔡𝔢 👩🏽‍🚀"));
    assert_eq!(message.blocks.len(), 1);
    let block: &Value = &message.blocks[0];
    let shown = block["text"]["text"].as_str().expect("a text");
    assert!(
        shown.contains("&lt;!channel&gt;") && shown.contains("{\"type\":\"divider\"}"),
        "{shown}"
    );
    scene.end().await;
}
