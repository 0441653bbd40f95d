//! Lines added and removed between two contents of a file.

use similar::{ChangeTag, TextDiff};

use super::git::{FileChange, Objects};

/// Bytes of a file beyond which no line is compared: it would take long, and nobody reads it.
const COMPARED_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Unchanged lines shown around a change, as git shows them.
const CONTEXT_LINES: usize = 3;

/// One line of a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Where the lines that follow are: `@@ -1,2 +1,3 @@`.
    Place(String),
    /// In both, with its numbers before and after.
    Same(usize, usize, String),
    /// New, with its number.
    Added(usize, String),
    /// Gone, with its former number.
    Removed(usize, String),
}

/// What differs in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Lines added.
    pub added: usize,
    /// Lines removed.
    pub removed: usize,
    /// The lines; none when the file is not text or too large to compare.
    pub lines: Option<Vec<Line>>,
}

impl Difference {
    /// The difference as a patch without file names, as GitHub answers it.
    pub fn patch(&self) -> Option<String> {
        let lines = self.lines.as_ref()?.iter().map(|line| match line {
            Line::Place(place) => place.clone(),
            Line::Same(_, _, text) => format!(" {text}"),
            Line::Added(_, text) => format!("+{text}"),
            Line::Removed(_, text) => format!("-{text}"),
        });
        Some(lines.collect::<Vec<_>>().join("\n"))
    }
}

/// Compares the two contents of a changed file.
pub fn difference(objects: &Objects, change: &FileChange) -> Difference {
    let content = |entry: Option<super::git::Entry>| match entry {
        None => Some(""),
        Some(entry) => objects
            .blob(entry.id)
            .filter(|content| content.len() <= COMPARED_BYTES_MAX && !content.contains(&0))
            .and_then(|content| std::str::from_utf8(content).ok()),
    };
    let (Some(before), Some(after)) = (content(change.before), content(change.after)) else {
        return Difference::default();
    };
    let diff = TextDiff::from_lines(before, after);
    let mut out = Difference {
        lines: Some(Vec::new()),
        ..Difference::default()
    };
    let mut lines = Vec::new();
    for hunk in diff.unified_diff().context_radius(CONTEXT_LINES).iter_hunks() {
        lines.push(Line::Place(hunk.header().to_string()));
        for change in hunk.iter_changes() {
            let text = change.value().trim_end_matches('\n').to_owned();
            let number = |index: Option<usize>| index.map_or(0, |index| index + 1);
            let (old, new) = (number(change.old_index()), number(change.new_index()));
            lines.push(match change.tag() {
                ChangeTag::Equal => Line::Same(old, new, text),
                ChangeTag::Insert => Line::Added(new, text),
                ChangeTag::Delete => Line::Removed(old, text),
            });
        }
    }
    out.added = lines
        .iter()
        .filter(|line| matches!(line, Line::Added(..)))
        .count();
    out.removed = lines
        .iter()
        .filter(|line| matches!(line, Line::Removed(..)))
        .count();
    out.lines = Some(lines);
    out
}
