//! Processor time of a webhook, from the socket to the answer.

use std::net::SocketAddr;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::live::Server;

/// Requests that are measured, and those before them that are not.
const REQUESTS: u32 = 5_000;
const WARM_UP: u32 = 200;

/// Ticks of a second, in which Linux tells processor time to programs.
const TICKS: f64 = 100.0;

/// Microseconds of one. The sender is this process too, which makes it a little more.
pub async fn cpu_us() -> anyhow::Result<f64> {
    let dir = tempfile::tempdir()?;
    let server = Server::start(dir.path(), "").await?;
    let mut sender = Sender::connect(server.address).await?;
    let word = || uuid::Uuid::new_v4().simple().to_string();
    let account = json!({"username": word(), "password": word(), "email": "sender@example.test"});
    sender.post("/api/auth/register/", "", &account).await?;
    let tokens = sender.post("/api/auth/token/", "", &account).await?;
    let token = tokens["access"].as_str().context("no token")?.to_owned();
    let path = "/api/webhooks/receive/?source=bench&type=t";
    for _ in 0..WARM_UP {
        sender.post(path, &token, &json!({"n": 1})).await?;
    }
    let before = ticks()?;
    for _ in 0..REQUESTS {
        sender.post(path, &token, &json!({"n": 1})).await?;
    }
    let ticks = ticks()? - before;
    server.stop().await?;
    Ok((ticks / TICKS / f64::from(REQUESTS) * 1e7).round() / 10.0)
}

/// Processor time of this process so far.
fn ticks() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    // After the name, which may hold anything: utime and stime are fields 14 and 15.
    let (_, rest) = text.rsplit_once(')').context("no name")?;
    let field = |at: usize| -> anyhow::Result<f64> {
        let word = rest.split_whitespace().nth(at).context("a field")?;
        Ok(word.parse()?)
    };
    Ok(field(11)? + field(12)?)
}

/// A connection that is kept.
struct Sender(BufReader<TcpStream>);

impl Sender {
    async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Posts JSON; the JSON of a 2xx.
    async fn post(&mut self, path: &str, token: &str, body: &Value) -> anyhow::Result<Value> {
        let body = body.to_string();
        let access = if token.is_empty() {
            String::new()
        } else {
            format!("authorization: Bearer {token}\r\n")
        };
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\n{access}content-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.write_all(request.as_bytes()).await?;
        let status = self.line().await?;
        let mut length = 0;
        loop {
            let line = self.line().await?.to_ascii_lowercase();
            match line.split_once(':') {
                None => break,
                Some(("content-length", value)) => length = value.trim().parse()?,
                Some(_) => {}
            }
        }
        let mut answer = vec![0; length];
        self.0.read_exact(&mut answer).await?;
        if status.split(' ').nth(1).is_none_or(|code| !code.starts_with('2')) {
            bail!("{path}: {status}: {}", String::from_utf8_lossy(&answer));
        }
        Ok(serde_json::from_slice(&answer)?)
    }

    async fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).await?;
        ensure!(read > 0, "the server closed the connection");
        Ok(line.trim_end().to_owned())
    }
}
