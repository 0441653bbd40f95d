//! A plugin's exchanges on a tape: recorded from real vendors once, played back where there is no
//! network. For an author's tests; the server always works on the wire.
//!
//! A tape never holds a secret: its place shows as `{secret:NAME}`, and what a vendor sent back of one
//! as stars.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response};
use serde::{Deserialize, Serialize};

use super::egress::Network;

/// The file in a tape's directory.
const FILE: &str = "exchanges.json";
/// Largest tape, in bytes.
const MAX_TAPE_BYTES: u64 = 256 << 20;

/// Where requests go.
#[derive(Debug)]
pub enum Wire {
    Network(Network),
    /// To the network, and what came of it on the tape.
    Recorded(Tape),
    /// To the tape.
    Replayed(Tape),
}

impl Default for Wire {
    fn default() -> Self {
        Self::Network(Network::default())
    }
}

impl Wire {
    /// What requests are dialled on.
    pub(super) fn network(&self) -> Network {
        match self {
            Self::Network(network) => network.clone(),
            Self::Recorded(_) | Self::Replayed(_) => Network::default(),
        }
    }

    /// The tape that answers in place of the network.
    pub(super) const fn replayed(&self) -> Option<&Tape> {
        match self {
            Self::Replayed(tape) => Some(tape),
            _ => None,
        }
    }
}

/// A tape that cannot be read, written or followed.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    #[error("cannot read the tape {0}: {1}")]
    Read(String, std::io::Error),
    #[error("cannot write the tape {0}: {1}")]
    Write(String, std::io::Error),
    #[error("the tape {0} is not what --record writes: {1}")]
    Malformed(String, serde_json::Error),
}

/// Exchanges in order.
#[derive(Debug, Default)]
pub struct Tape {
    content: Mutex<Content>,
    /// The next to be played, and what went wrong with playing.
    played: Mutex<Played>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    exchanges: Vec<Exchange>,
    /// The origins of secret URLs, by the secret's name: needed where the secret itself is not there.
    #[serde(default)]
    origins: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct Played {
    next: usize,
    faults: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Exchange {
    request: Asked,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<Answered>,
    /// Why there was no response.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

/// A request as a tape knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) body: Text,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Answered {
    status: u16,
    headers: Vec<(String, String)>,
    body: Text,
}

/// Bytes as a person reads them, where they are text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Text {
    Text(String),
    Bytes { base64: String },
}

impl Text {
    pub(super) fn of(bytes: &[u8]) -> Self {
        std::str::from_utf8(bytes).map_or_else(
            |_| Self::Bytes {
                base64: STANDARD.encode(bytes),
            },
            |text| Self::Text(text.to_owned()),
        )
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Bytes { base64 } => STANDARD.decode(base64).unwrap_or_default(),
        }
    }
}

impl Tape {
    /// Reads the tape in `dir`.
    ///
    /// # Errors
    /// When there is none, or it is not one.
    pub fn read(dir: &Path) -> Result<Self, TapeError> {
        use std::io::Read as _;
        let file = dir.join(FILE);
        let shown = file.display().to_string();
        let mut text = String::new();
        std::fs::File::open(&file)
            .and_then(|file| file.take(MAX_TAPE_BYTES).read_to_string(&mut text))
            .map_err(|e| TapeError::Read(shown.clone(), e))?;
        let content = serde_json::from_str(&text).map_err(|e| TapeError::Malformed(shown, e))?;
        Ok(Self {
            content: Mutex::new(content),
            played: Mutex::default(),
        })
    }

    /// Writes the tape to `dir`, which is made.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, dir: &Path) -> Result<(), TapeError> {
        let file = dir.join(FILE);
        let failed = |e: std::io::Error| TapeError::Write(file.display().to_string(), e);
        let text = serde_json::to_string_pretty(&*self.content()).map_err(|e| failed(e.into()))?;
        std::fs::create_dir_all(dir).map_err(failed)?;
        std::fs::write(&file, format!("{text}\n")).map_err(failed)
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What did not go as the tape has it: other requests, or fewer.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let played = self.played.lock().unwrap_or_else(PoisonError::into_inner);
        let mut faults = played.faults.clone();
        let content = self.content();
        let left = content.exchanges.get(played.next..).unwrap_or_default();
        if let Some(next) = left.first().filter(|_| faults.is_empty()) {
            faults.push(format!(
                "the tape has {} more requests, the next of them {} {}",
                left.len(),
                next.request.method,
                next.request.url
            ));
        }
        faults
    }

    /// The origin of a secret URL.
    #[must_use]
    pub fn origin_of(&self, secret: &str) -> Option<String> {
        self.content().origins.get(secret).cloned()
    }

    /// Remembers the origin of a secret URL.
    pub(super) fn note_origin(&self, secret: &str, origin: &str) {
        let mut content = self.content();
        content.origins.insert(secret.to_owned(), origin.to_owned());
    }

    /// Puts an exchange on the tape.
    pub(super) fn record(&self, request: Asked, answer: Result<(&http::response::Parts, &[u8]), String>) {
        let (response, failure) = match answer {
            Ok((parts, body)) => {
                let headers = parts.headers.iter();
                let shown = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
                let response = Answered {
                    status: parts.status.as_u16(),
                    headers: headers
                        .map(|(name, value)| (name.to_string(), shown(value)))
                        .collect(),
                    body: Text::of(body),
                };
                (Some(response), None)
            }
            Err(failure) => (None, Some(failure)),
        };
        self.content().exchanges.push(Exchange {
            request,
            response,
            failure,
        });
    }

    /// Plays the next exchange, if this is its request. The error says what is wrong.
    pub(super) fn play(&self, asked: &Asked) -> Result<Response<Bytes>, String> {
        let mut played = self.played.lock().unwrap_or_else(PoisonError::into_inner);
        let content = self.content();
        let number = played.next + 1;
        let Some(exchange) = content.exchanges.get(played.next) else {
            let fault = format!(
                "request {number} ({} {}) is not on the tape",
                asked.method, asked.url
            );
            played.faults.push(fault.clone());
            return Err(fault);
        };
        played.next += 1;
        if exchange.request != *asked {
            let fault = difference(number, &exchange.request, asked);
            played.faults.push(fault.clone());
            return Err(fault);
        }
        match (&exchange.response, &exchange.failure) {
            (Some(answered), _) => response(answered),
            (None, failure) => Err(failure
                .clone()
                .unwrap_or_else(|| "the tape has no answer".to_owned())),
        }
    }
}

fn difference(number: usize, taped: &Asked, asked: &Asked) -> String {
    if (&taped.method, &taped.url) == (&asked.method, &asked.url) {
        return format!(
            "the body of request {number} ({} {}) is not as on the tape: {:?} there, {:?} now",
            asked.method, asked.url, taped.body, asked.body
        );
    }
    format!(
        "request {number} is {} {}, and on the tape {} {}",
        asked.method, asked.url, taped.method, taped.url
    )
}

fn response(answered: &Answered) -> Result<Response<Bytes>, String> {
    let mut response = Response::builder().status(answered.status);
    for (name, value) in &answered.headers {
        let pair = (HeaderName::try_from(name), HeaderValue::try_from(value));
        let (Ok(name), Ok(value)) = pair else {
            return Err(format!("the tape has a malformed header `{name}`"));
        };
        response = response.header(name, value);
    }
    response
        .body(answered.body.bytes().into())
        .map_err(|e| format!("the tape has a malformed answer: {e}"))
}
