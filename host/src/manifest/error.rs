//! What is wrong with `plugins.toml`, and where.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// One error, shown as `file:line:column: what`, with the line it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginsFileError {
    file: PathBuf,
    place: Option<LineColumn>,
    message: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct LineColumn {
    /// From 1.
    line: usize,
    /// From 1, in characters.
    column: usize,
    /// Not shown where a secret may stand.
    source_line: Option<String>,
}

impl PluginsFileError {
    pub(crate) fn unreadable(file: &Path, error: &std::io::Error) -> Self {
        let mend = match error.kind() {
            std::io::ErrorKind::NotFound => "; make the file, or name another with HOOKYARD_PLUGINS_FILE",
            std::io::ErrorKind::PermissionDenied => "; let the user that runs hookyard read it",
            _ => "",
        };
        Self {
            file: file.to_owned(),
            place: None,
            message: format!("cannot be read: {error}{mend}"),
        }
    }

    pub(super) fn too_large(file: &Path, size: u64) -> Self {
        let message = format!("has {size} bytes; at most {} are read", super::MAX_FILE_BYTES);
        Self {
            file: file.to_owned(),
            place: None,
            message,
        }
    }

    pub(super) fn syntax(file: &Path, text: &str, error: &toml::de::Error) -> Self {
        let message = error.message().replace('\n', "; ");
        match error.span() {
            Some(span) => Self::at(file, text, span, message),
            None => Self {
                file: file.to_owned(),
                place: None,
                message,
            },
        }
    }

    pub(super) fn at(file: &Path, text: &str, span: Range<usize>, message: String) -> Self {
        let mut start = span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = text[line_start..].lines().next().unwrap_or("");
        let secretive = is_secretive(before, line);
        let place = LineColumn {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            source_line: (!secretive).then(|| line.to_owned()),
        };
        Self {
            file: file.to_owned(),
            place: Some(place),
            message: if secretive {
                without_values(&message)
            } else {
                message
            },
        }
    }

    /// Line and column, from 1, where the error has a place in the file.
    #[must_use]
    pub fn line_column(&self) -> Option<(usize, usize)> {
        self.place.as_ref().map(|place| (place.line, place.column))
    }
}

/// Whether the place is in a plugin's grants or about a source's secret, where somebody may have pasted a
/// secret instead of naming one.
fn is_secretive(before: &str, line: &str) -> bool {
    let header = before
        .lines()
        .rev()
        .find(|line| line.trim_start().starts_with('['));
    header.is_some_and(|header| header.contains("grants")) || assigned(before, line).contains("secret")
}

/// The line with the key that the place belongs to: the value may be a list over several lines.
fn assigned<'a>(before: &'a str, line: &'a str) -> &'a str {
    let mut above = before.lines().rev().skip(usize::from(!before.ends_with('\n')));
    if line.contains('=') {
        return line;
    }
    above.find(|line| line.contains('=')).unwrap_or(line)
}

/// The message without what it quotes of the file.
fn without_values(message: &str) -> String {
    const QUOTED: &str = "string \"";
    match message.split_once(QUOTED) {
        Some((head, tail)) => {
            let rest = tail.rsplit_once('"').map_or("", |(_, rest)| rest);
            format!("{head}string ***{rest}")
        }
        None => message.to_owned(),
    }
}

impl fmt::Display for PluginsFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        let Some(place) = &self.place else {
            return write!(f, ": {}", self.message);
        };
        write!(f, ":{}:{}: {}", place.line, place.column, self.message)?;
        let Some(line) = &place.source_line else {
            return Ok(());
        };
        let gutter = place.line.to_string();
        write!(f, "\n {gutter} | {line}")?;
        write!(
            f,
            "\n {} | {}^",
            " ".repeat(gutter.len()),
            " ".repeat(place.column - 1)
        )
    }
}

impl std::error::Error for PluginsFileError {}
