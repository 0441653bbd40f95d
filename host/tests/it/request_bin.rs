//! The shipped request bin, as the host runs it.

use serde_json::json;

use crate::support::plugins::{Yard, shipped, spec};

#[tokio::test(flavor = "multi_thread")]
async fn it_takes_what_it_is_given_logs_it_and_sends_nothing() {
    let yard = Yard::with(spec("request-bin", shipped("request_bin"))).await;
    let (output, run) = yard.output("request-bin", &json!({"hello": "world"})).await;
    assert_eq!(output, json!({"bytes": 17, "headers": 0}));
    let logged = |text: &str| run.logs.iter().any(|line| line.message.contains(text));
    assert!(logged("push from github") && logged("world"), "{run:?}");
    assert!(run.calls.is_empty());
}
