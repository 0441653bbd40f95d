//! What one run wrote and whom it called, bounded, readable even when the run was cut off.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::text::tidy;
use crate::domain::attempt::{LogLevel, LogLine, OutboundCall};

/// Longest log line, in bytes; the WIT interface promises it.
pub(super) const MAX_LINE_BYTES: usize = 4 << 10;

/// What a line costs beside its text, in bytes, so that empty lines are bounded too.
const LINE_OVERHEAD: u64 = 16;

/// Lines of stderr kept for the text of a trap: a panic prints two or three.
const TAIL_LINES: usize = 8;

/// Exchanges for tokens that one run may cause: one per minted secret and a few renewals. A guest
/// that asks in a loop must not become a storm at the issuer.
const MAX_EXCHANGES: usize = 16;

/// A call that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Begun {
    /// Its place in the record.
    pub(super) call: usize,
    /// Whether the run may make it.
    pub(super) allowed: bool,
}

/// The record of one run. Shared by the store, the HTTP calls and the caller.
pub(super) struct Recorder {
    started: Instant,
    log_bytes: u64,
    max_calls: usize,
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    lines: Vec<LogLine>,
    bytes: u64,
    dropped: u64,
    stdout: Partial,
    stderr: Partial,
    tail: VecDeque<String>,
    calls: Vec<OutboundCall>,
    /// The places of those that we refused.
    refused: BTreeSet<usize>,
    /// How many of `calls` the host made itself.
    exchanges: usize,
    /// Calls that were refused and are not kept.
    calls_refused: u64,
    /// Exchanges that were refused.
    exchanges_refused: u64,
}

/// A line of stdout or stderr whose end has not come yet.
#[derive(Default)]
struct Partial {
    bytes: Vec<u8>,
    overflow: bool,
}

impl Partial {
    /// Takes bytes in and gives back the lines they complete.
    fn take(&mut self, mut bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(end) = bytes.iter().position(|&b| b == b'\n') {
            self.extend(&bytes[..end]);
            lines.push(self.end());
            bytes = &bytes[end + 1..];
        }
        self.extend(bytes);
        lines
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = MAX_LINE_BYTES.saturating_sub(self.bytes.len());
        self.overflow |= bytes.len() > room;
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end(&mut self) -> String {
        let bytes = std::mem::take(&mut self.bytes);
        let cut = std::mem::take(&mut self.overflow);
        let text = String::from_utf8_lossy(&bytes);
        let text = text.strip_suffix('\r').unwrap_or(&text);
        if cut {
            format!("{text} … (cut)")
        } else {
            text.to_owned()
        }
    }

    fn flush(&mut self) -> Option<String> {
        (!self.bytes.is_empty()).then(|| self.end())
    }
}

impl Recorder {
    /// An empty record that keeps `log_bytes` of lines and `max_calls` calls.
    pub(super) fn new(log_bytes: u64, max_calls: u32) -> Self {
        Self {
            started: Instant::now(),
            log_bytes,
            max_calls: usize::try_from(max_calls).unwrap_or(usize::MAX),
            pages: Mutex::default(),
        }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time since the run began.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn at_ms(&self) -> u64 {
        millis(self.elapsed())
    }

    /// Adds one line.
    pub(super) fn line(&self, level: LogLevel, message: &str) {
        let at_ms = self.at_ms();
        self.add(&mut self.pages(), at_ms, level, message);
    }

    fn add(&self, pages: &mut Pages, at_ms: u64, level: LogLevel, message: &str) {
        let message = tidy(message, MAX_LINE_BYTES);
        if level == LogLevel::Stderr {
            if pages.tail.len() == TAIL_LINES {
                pages.tail.pop_front();
            }
            pages.tail.push_back(message.clone());
        }
        let cost = message.len() as u64 + LINE_OVERHEAD;
        if pages.dropped > 0 || pages.bytes + cost > self.log_bytes {
            pages.dropped += 1;
            return;
        }
        pages.bytes += cost;
        pages.lines.push(LogLine {
            at_ms,
            level,
            message,
        });
    }

    /// Takes what the guest printed.
    pub(super) fn print(&self, level: LogLevel, bytes: &[u8]) {
        let at_ms = self.at_ms();
        let mut pages = self.pages();
        let partial = if level == LogLevel::Stderr {
            &mut pages.stderr
        } else {
            &mut pages.stdout
        };
        for line in partial.take(bytes) {
            self.add(&mut pages, at_ms, level, &line);
        }
    }

    /// Notes that a call begins; `None` when the run's calls are used up. One more than allowed
    /// is kept, so that the record shows the one that was refused.
    pub(super) fn begin_call(&self, method: &str, url: &str) -> Option<Begun> {
        let mut pages = self.pages();
        let made = pages.calls.len() - pages.exchanges;
        pages.calls_refused += u64::from(made > self.max_calls);
        (made <= self.max_calls).then(|| Begun {
            call: self.note(&mut pages, method, url),
            allowed: made < self.max_calls,
        })
    }

    /// Notes that the host itself calls on behalf of the run, which costs the run none of its
    /// calls; `None` when there were too many of these.
    pub(super) fn begin_exchange(&self, method: &str, url: &str) -> Option<usize> {
        let mut pages = self.pages();
        if pages.exchanges == MAX_EXCHANGES {
            pages.exchanges_refused += 1;
            return None;
        }
        pages.exchanges += 1;
        Some(self.note(&mut pages, method, url))
    }

    fn note(&self, pages: &mut Pages, method: &str, url: &str) -> usize {
        pages.calls.push(OutboundCall {
            at_ms: self.at_ms(),
            method: tidy(method, 32),
            url: tidy(url, MAX_LINE_BYTES),
            status: None,
            duration_ms: 0,
            error: None,
        });
        pages.calls.len() - 1
    }

    /// Notes how a call went; a later word on the same call adds its error only.
    pub(super) fn end_call(&self, call: usize, status: Option<u16>, error: Option<String>) {
        self.end(&mut self.pages(), call, status, error);
    }

    /// Notes that we refused a call, or what was answered.
    pub(super) fn refuse_call(&self, call: usize, why: String) {
        let mut pages = self.pages();
        pages.refused.insert(call);
        self.end(&mut pages, call, None, Some(why));
    }

    fn end(&self, pages: &mut Pages, call: usize, status: Option<u16>, error: Option<String>) {
        let now = self.at_ms();
        let Some(call) = pages.calls.get_mut(call) else {
            return;
        };
        call.duration_ms = now.saturating_sub(call.at_ms);
        call.status = call.status.or(status);
        call.error = error
            .map(|text| tidy(&text, MAX_LINE_BYTES))
            .or(call.error.take());
    }

    /// Whether a call that we did not refuse has no answer, or one that blames the destination.
    pub(super) fn request_failed(&self) -> bool {
        let pages = self.pages();
        pages.calls.iter().enumerate().any(|(place, call)| {
            let is_whole = call.status.is_some() && call.error.is_none();
            let is_blamed = matches!(call.status, Some(500..));
            is_blamed || (!is_whole && !pages.refused.contains(&place))
        })
    }

    /// The last lines of stderr: a panic's words.
    pub(super) fn stderr_tail(&self) -> String {
        let mut pages = self.pages();
        if let Some(line) = pages.stderr.flush() {
            let at_ms = self.at_ms();
            self.add(&mut pages, at_ms, LogLevel::Stderr, &line);
        }
        pages
            .tail
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Closes the record.
    pub(super) fn finish(&self) -> (Vec<LogLine>, Vec<OutboundCall>) {
        let at_ms = self.at_ms();
        let mut pages = self.pages();
        for level in [LogLevel::Stdout, LogLevel::Stderr] {
            let partial = match level {
                LogLevel::Stderr => &mut pages.stderr,
                _ => &mut pages.stdout,
            };
            if let Some(line) = partial.flush() {
                self.add(&mut pages, at_ms, level, &line);
            }
        }
        let mut lines = std::mem::take(&mut pages.lines);
        if pages.dropped > 0 {
            lines.push(LogLine {
                at_ms,
                level: LogLevel::Warn,
                message: format!(
                    "dropped {} lines: {} of log are kept per attempt (limits.log-bytes)",
                    pages.dropped,
                    super::text::bytes(self.log_bytes)
                ),
            });
        }
        let refused = [
            (
                pages.calls_refused,
                format!("requests: a run may make {} (limits.requests)", self.max_calls),
            ),
            (
                pages.exchanges_refused,
                format!("requests for tokens: a run may cause {MAX_EXCHANGES}"),
            ),
        ];
        for (count, what) in refused.into_iter().filter(|(count, _)| *count > 0) {
            lines.push(LogLine {
                at_ms,
                level: LogLevel::Warn,
                message: format!("refused {count} more {what}"),
            });
        }
        let mut calls = std::mem::take(&mut pages.calls);
        for call in &mut calls {
            if call.status.is_none() && call.error.is_none() {
                call.duration_ms = at_ms.saturating_sub(call.at_ms);
                call.error = Some("not answered when the run ended".to_owned());
            }
        }
        (lines, calls)
    }
}

/// Whole milliseconds, held at the top.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
