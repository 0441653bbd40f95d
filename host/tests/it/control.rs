//! The control socket: what a caller that hangs may do to the server.

use std::path::Path;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use crate::support::pipeline::Pipeline;

async fn connect(dir: &Path) -> UnixStream {
    UnixStream::connect(dir.join("data/control.sock"))
        .await
        .expect("the server listens")
}

#[tokio::test]
async fn a_silent_caller_does_not_hold_up_the_stop() {
    let pipeline = Pipeline::start("").await;
    let _silent = connect(&pipeline.dir).await;
    let mut asking = connect(&pipeline.dir).await;
    asking
        .write_all(b"{\"command\":\"user-list\"}\n")
        .await
        .expect("sent");
    let mut reply = String::new();
    BufReader::new(&mut asking)
        .read_line(&mut reply)
        .await
        .expect("a reply");
    let reply: Value = serde_json::from_str(&reply).expect("JSON");
    assert_eq!(reply["done"].as_array().map(Vec::len), Some(1));
    // Fails unless the stop is a clean one.
    pipeline.stop().await;
}

/// The reply is larger than what the socket holds, and nobody reads it.
#[tokio::test]
async fn a_caller_that_does_not_read_is_given_up() {
    let pipeline = Pipeline::start("").await;
    let id = pipeline.send("s", "t", &json!("x".repeat(1_000_000))).await;
    let mut hanging = connect(&pipeline.dir).await;
    let request = json!({"command": "event-show", "id": id});
    hanging
        .write_all(format!("{request}\n").as_bytes())
        .await
        .expect("sent");
    // The reply has begun.
    hanging.readable().await.expect("readable");
    pipeline.stop().await;
}
