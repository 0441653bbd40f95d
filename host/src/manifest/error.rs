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
    source_line: String,
}

impl PluginsFileError {
    pub(super) fn unreadable(file: &Path, error: &std::io::Error) -> Self {
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
        let place = LineColumn {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            source_line: shown(text[line_start..].lines().next().unwrap_or("")),
        };
        Self {
            file: file.to_owned(),
            place: Some(place),
            message,
        }
    }

    /// Line and column, from 1, where the error has a place in the file.
    #[must_use]
    pub fn line_column(&self) -> Option<(usize, usize)> {
        self.place.as_ref().map(|place| (place.line, place.column))
    }
}

/// A line as an error may show it: somebody may have pasted a secret where a name belongs.
fn shown(line: &str) -> String {
    const NAMED: [&str; 2] = ["env:", "file:"];
    let mut out = String::with_capacity(line.len());
    for (at, part) in line.split('"').enumerate() {
        let quote = if at == 0 { "" } else { "\"" };
        let quoted = at % 2 == 1;
        let secret = line.contains("secret") || line.contains("from");
        let hide = quoted && secret && !NAMED.iter().any(|name| part.starts_with(name));
        out.push_str(quote);
        if hide {
            out.extend(part.chars().map(|_| '*'));
        } else {
            out.push_str(part);
        }
    }
    out
}

impl fmt::Display for PluginsFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        let Some(place) = &self.place else {
            return write!(f, ": {}", self.message);
        };
        write!(f, ":{}:{}: {}", place.line, place.column, self.message)?;
        let gutter = place.line.to_string();
        write!(f, "\n {gutter} | {}", place.source_line)?;
        write!(
            f,
            "\n {} | {}^",
            " ".repeat(gutter.len()),
            " ".repeat(place.column - 1)
        )
    }
}

impl std::error::Error for PluginsFileError {}
