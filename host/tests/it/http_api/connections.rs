//! Connections: kept, cut off, and let go in peace.

use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::api::{Api, send};

#[tokio::test]
async fn stopping_lets_a_running_request_end() {
    let (api, store) = Api::start_flaky().await;
    let token = api.token_of("ada", false).await;
    let gate = store.hold();
    let request = api
        .request(Method::POST, "/api/webhooks/receive/")
        .bearer_auth(&token)
        .body("{}");
    let running = tokio::spawn(send(request));
    store.calls_reach(1).await;
    let stopping = tokio::spawn(api.stop());
    drop(gate);
    running.await.expect("no panic").expect(200);
    stopping.await.expect("no panic");
}

#[tokio::test]
async fn connections_are_kept_and_large_heads_refused() {
    let api = Api::start().await;
    let mut stream = TcpStream::connect(api.address).await.expect("a connection");
    let mut buffer = vec![0; 4096];
    for _ in 0..2 {
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .expect("written");
        let read = stream.read(&mut buffer).await.expect("an answer");
        assert!(buffer[..read].starts_with(b"HTTP/1.1 200 "));
    }
    let large = format!(
        "GET /healthz HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n",
        "x".repeat(256 << 10)
    );
    stream.write_all(large.as_bytes()).await.expect("written");
    let read = stream.read(&mut buffer).await.expect("an answer");
    assert!(
        buffer[..read].starts_with(b"HTTP/1.1 431 "),
        "{}",
        String::from_utf8_lossy(&buffer[..read])
    );
    api.stop().await;
}

/// Slow heads are what a "slow loris" ties connections up with.
#[tokio::test]
async fn a_head_that_never_ends_does_not_hold_its_connection() {
    let api = Api::start().await;
    let mut silent = TcpStream::connect(api.address).await.expect("a connection");
    let mut slow = TcpStream::connect(api.address).await.expect("a connection");
    slow.write_all(b"GET /healthz HTTP/1.1\r\nhost:")
        .await
        .expect("written");
    for stream in [&mut silent, &mut slow] {
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer);
        let limit = hookyard::http::serve::HEADER_TIMEOUT * 3;
        let ended = tokio::time::timeout(limit, ended)
            .await
            .expect("the server ends the connection");
        ended.expect("the end");
    }
    api.stop().await;
}
