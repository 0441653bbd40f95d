//! The terminal, taken for as long as a view is shown, and given back as it was.

use std::io::{Stdin, Write as _, stdin, stdout};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::io::AsyncReadExt as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::show::{Line, Tone};

/// The other screen, without the cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// To the top left; the rest of the line away; all below away.
const HOME: &str = "\x1b[H";
const REST_OF_LINE: &str = "\x1b[K";
const BELOW: &str = "\x1b[J";
const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[31m";
const NORMAL: &str = "\x1b[0m";

/// What a terminal has that does not say.
const USUAL_SIZE: (usize, usize) = (24, 80);

/// What somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Quit,
    /// Look again now.
    Look,
    /// The terminal has another size.
    Draw,
}

/// The terminal while it shows a view. Dropping it restores it, whatever ends the view.
pub(super) struct Screen {
    before: Termios,
    keys: tokio::io::Stdin,
    signals: [Signal; 3],
    resized: Signal,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn open() -> anyhow::Result<Self> {
        // Before anything is changed: from here on a signal no longer ends the process by itself.
        let signals = [
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ];
        let resized = signal(SignalKind::window_change())?;
        let input: Stdin = stdin();
        let before = tcgetattr(&input)?;
        let mut raw = before.clone();
        // Key by key and unseen. Ctrl-C stays a signal.
        raw.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        // What was typed already counts.
        tcsetattr(&input, OptionalActions::Now, &raw)?;
        let screen = Self {
            before,
            keys: tokio::io::stdin(),
            signals,
            resized,
        };
        write(ENTER)?;
        Ok(screen)
    }

    /// Waits for what somebody wants.
    pub(super) async fn key(&mut self) -> anyhow::Result<Key> {
        let [interrupt, terminate, hangup] = &mut self.signals;
        let mut byte = [0; 1];
        loop {
            tokio::select! {
                _ = interrupt.recv() => return Ok(Key::Quit),
                _ = terminate.recv() => return Ok(Key::Quit),
                _ = hangup.recv() => return Ok(Key::Quit),
                _ = self.resized.recv() => return Ok(Key::Draw),
                read = self.keys.read(&mut byte) => match (read?, byte[0]) {
                    // Nothing was read: the terminal is gone.
                    (0, _) | (_, b'q' | b'Q') => return Ok(Key::Quit),
                    (_, b' ') => return Ok(Key::Look),
                    _ => {}
                },
            }
        }
    }

    /// Waits until somebody wants it to end.
    pub(super) async fn ended(&mut self) -> anyhow::Result<()> {
        while self.key().await? != Key::Quit {}
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _written = write(LEAVE);
        let _restored = tcsetattr(stdin(), OptionalActions::Now, &self.before);
    }
}

/// Draws lines in place of those before, as many and as long as fit.
pub(super) fn draw(lines: &[Line]) -> std::io::Result<()> {
    let (rows, columns) = size();
    let mut text = String::from(HOME);
    // The last row is for the help.
    let room = rows.saturating_sub(1);
    let shown = if lines.len() > room {
        room.saturating_sub(1)
    } else {
        lines.len()
    };
    for line in &lines[..shown] {
        push(&mut text, &line.text, line.tone, columns);
    }
    if shown < lines.len() {
        let more = format!("… {} more lines; --once shows all", lines.len() - shown);
        push(&mut text, &more, Tone::Plain, columns);
    }
    text.push_str(BELOW);
    text.push_str("q quits, space looks again");
    write(&text)
}

fn push(text: &mut String, line: &str, tone: Tone, columns: usize) {
    let (on, off) = match tone {
        Tone::Plain => ("", ""),
        Tone::Heading => (BOLD, NORMAL),
        Tone::Alarm => (RED, NORMAL),
    };
    text.push_str(on);
    text.extend(line.chars().take(columns));
    text.push_str(off);
    text.push_str(REST_OF_LINE);
    text.push_str("\r\n");
}

/// All at once, so that nothing flickers.
fn write(text: &str) -> std::io::Result<()> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Rows and columns.
fn size() -> (usize, usize) {
    match tcgetwinsize(stdout()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => (size.ws_row.into(), size.ws_col.into()),
        _ => USUAL_SIZE,
    }
}
