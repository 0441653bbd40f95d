//! A vendor on loopback that records each effect by delivery and attempt, and that answers as it is told.
//!
//! It speaks as much HTTP/1.1 as the host's client does to it: kept connections, bodies with a length or in chunks.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

/// Largest body of a request that is read: an effect has about 150 bytes.
const MAX_BODY_BYTES: usize = 64 << 10;

/// A request that arrived whole.
#[derive(Clone, Debug)]
pub struct Effect {
    /// The plugin, by the first part of the path.
    pub plugin: String,
    pub event: String,
    pub delivery: String,
    pub attempt: u64,
    pub at: Instant,
    /// What was answered; a 2xx means that the effect took place.
    pub status: u16,
}

/// How a plugin's requests are answered.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    pub status: u16,
    pub retry_after_s: Option<u64>,
    /// Between the effect and its answer.
    pub delay: Duration,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            status: 200,
            retry_after_s: None,
            delay: Duration::ZERO,
        }
    }
}

/// The vendor; it ends with the process.
#[derive(Clone)]
pub struct Vendor {
    pub url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    effects: Mutex<Vec<Effect>>,
    manners: Mutex<HashMap<String, Manner>>,
}

impl Vendor {
    /// Begins to listen.
    ///
    /// # Errors
    /// When there is no free port.
    pub fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared::default());
        let served = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = served.clone();
                // A client that goes away in the middle is what half the scenarios are about.
                thread::spawn(move || serve(&stream, &shared));
            }
        });
        Ok(Self { url, shared })
    }

    /// How requests of this plugin are answered from now on.
    pub fn answer(&self, plugin: &str, manner: Manner) {
        let mut manners = self.shared.manners.lock().unwrap_or_else(PoisonError::into_inner);
        manners.insert(plugin.to_owned(), manner);
    }

    /// Everything that arrived since the start or the last [`Vendor::forget`].
    pub fn effects(&self) -> Vec<Effect> {
        self.lock().clone()
    }

    /// Forgets what was recorded, once it is reconciled.
    pub fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Effect>> {
        self.shared.effects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection, to its end or the first thing that is no request of ours.
fn serve(stream: &TcpStream, shared: &Shared) -> Option<()> {
    let _slower_but_right = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    loop {
        let (path, body) = request(&mut reader).ok()?;
        let plugin = path.split('/').nth(1).unwrap_or_default().to_owned();
        let manner = {
            let manners = shared.manners.lock().unwrap_or_else(PoisonError::into_inner);
            manners.get(&plugin).copied().unwrap_or_default()
        };
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = |key: &str| said[key].as_str().unwrap_or_default().to_owned();
        let effect = Effect {
            plugin,
            event: text("event"),
            delivery: text("delivery"),
            attempt: said["attempt"].as_u64().unwrap_or_default(),
            at: Instant::now(),
            status: manner.status,
        };
        shared
            .effects
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(effect);
        thread::sleep(manner.delay);
        let wait = manner
            .retry_after_s
            .map_or_else(String::new, |seconds| format!("retry-after: {seconds}\r\n"));
        let answer = format!("HTTP/1.1 {} x\r\n{wait}content-length: 0\r\n\r\n", manner.status);
        (&*stream).write_all(answer.as_bytes()).ok()?;
    }
}

/// The next request: its path and its whole body.
fn request(reader: &mut BufReader<&TcpStream>) -> anyhow::Result<(String, Vec<u8>)> {
    let first = line(reader)?;
    let path = first.split(' ').nth(1).context("no path")?.to_owned();
    let (mut length, mut chunked) = (0_usize, false);
    loop {
        let header = line(reader)?.to_ascii_lowercase();
        match header.split_once(':') {
            None => break,
            Some(("content-length", value)) => length = value.trim().parse()?,
            Some(("transfer-encoding", value)) => chunked = value.trim() == "chunked",
            Some(_) => {}
        }
    }
    let mut body = Vec::new();
    if chunked {
        loop {
            let size = usize::from_str_radix(&line(reader)?, 16)?;
            take(reader, size, &mut body)?;
            line(reader)?;
            if size == 0 {
                return Ok((path, body));
            }
        }
    }
    take(reader, length, &mut body)?;
    Ok((path, body))
}

fn take(reader: &mut impl BufRead, length: usize, body: &mut Vec<u8>) -> anyhow::Result<()> {
    if body.len() + length > MAX_BODY_BYTES {
        bail!("a body of more than {MAX_BODY_BYTES} bytes");
    }
    let before = body.len();
    reader.take(length as u64).read_to_end(body)?;
    if body.len() - before < length {
        bail!("the body broke off");
    }
    Ok(())
}

fn line(reader: &mut impl BufRead) -> anyhow::Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        bail!("the end");
    }
    Ok(line.trim_end().to_owned())
}
