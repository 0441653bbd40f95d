//! Servers that are silent: the guest's own time-outs hold, and the run's time holds over them.

use std::time::Duration;

use hookyard::wasm::RunEnd;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::plugins::{Yard, http_fixture};

/// A port that takes connections, sends `answer` to whatever comes, and is then silent.
async fn silent_after(answer: &'static str) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            open.push(stream);
        }
    });
    address
}

/// What one request with this time-out came to, and the call's error.
async fn outcome(base: &str, timeout_ms: u64) -> (Value, String) {
    let yard = Yard::with(http_fixture(base, &[&format!("* {base}/**")])).await;
    let request = json!({"requests": [{"url": format!("{base}/x"), "timeout-ms": timeout_ms}]});
    let (output, run) = yard.output("http", &request).await;
    let error = run.calls[0].error.clone().expect("a failed call");
    (output["answers"][0]["error"].clone(), error)
}

#[tokio::test]
async fn the_time_to_connect_is_the_guests_own() {
    let base = format!("https://{}", silent_after("").await);
    let (told, noted) = outcome(&base, 200).await;
    assert!(told.to_string().contains("the connection timed out"), "{told}");
    assert!(noted.contains("no connection within 200ms"), "{noted}");
}

#[tokio::test]
async fn the_time_to_the_first_byte_is_the_guests_own() {
    let base = format!("http://{}", silent_after("").await);
    let (told, noted) = outcome(&base, 200).await;
    assert!(told.to_string().contains("no answer came in time"), "{told}");
    assert_eq!(noted, "no answer within 200ms");
}

#[tokio::test]
async fn the_time_between_bytes_is_the_guests_own() {
    let part = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
    let base = format!("http://{}", silent_after(part).await);
    let (told, noted) = outcome(&base, 200).await;
    assert!(told.to_string().contains("the answer broke off"), "{told}");
    assert!(noted.contains("nothing came for 200ms"), "{noted}");
}

#[tokio::test]
async fn no_time_out_of_the_guests_outlasts_its_run() {
    let base = format!("http://{}", silent_after("").await);
    let mut spec = http_fixture(&base, &[&format!("* {base}/**")]);
    spec.limits.timeout = Duration::from_secs(2);
    let yard = Yard::with(spec).await;
    let request = json!({"requests": [{"url": format!("{base}/x"), "timeout-ms": 600_000}]});
    let run = yard.run("http", &request).await;
    let ended = match &run.end {
        RunEnd::Limit(why) => why.contains("limits.timeout"),
        RunEnd::Succeeded { .. } => run.calls[0].error.is_some(),
        _ => false,
    };
    assert!(ended && run.duration < Duration::from_secs(30), "{run:?}");
}
