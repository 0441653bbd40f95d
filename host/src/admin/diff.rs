//! What changed between two texts, line by line.

use std::time::Duration;

use similar::{ChangeTag, TextDiff};

/// Unchanged lines that are shown around what changed, as most tools show.
const CONTEXT_LINES: usize = 3;

/// Most lines that are shown: two scripts of 2 MiB that share nothing would stop a browser.
pub const MAX_LINES: usize = 2_000;

/// Most characters of a line that are shown.
const MAX_LINE_CHARS: usize = 500;

/// How long the shortest difference is looked for; then any difference will do. Two scripts of 2 MiB that share little
/// would take seconds.
const TIMEOUT: Duration = Duration::from_millis(200);

/// A line of a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffLine {
    /// `same`, `gone`, `new` or `gap`: how it is shown.
    pub kind: &'static str,
    /// `+`, `-` or a blank: what tells without colours.
    pub mark: char,
    /// Its number in the old text and in the new one; empty where it is not.
    pub old: String,
    pub new: String,
    pub text: String,
}

/// A difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    pub lines: Vec<DiffLine>,
    /// Lines that were added and taken away, whether or not they are shown.
    pub added: usize,
    pub removed: usize,
    /// There is more than is shown.
    pub is_cut: bool,
}

impl Diff {
    /// What was done to `old` to make it `new`. Takes up to a fifth of a second: not for async threads.
    #[must_use]
    pub fn of(old: &str, new: &str) -> Self {
        let compared = TextDiff::configure().timeout(TIMEOUT).diff_lines(old, new);
        let mut diff = Self::default();
        for (at, group) in compared.grouped_ops(CONTEXT_LINES).iter().enumerate() {
            if at > 0 {
                diff.push(gap());
            }
            for op in group {
                for change in compared.iter_changes(op) {
                    match change.tag() {
                        ChangeTag::Insert => diff.added += 1,
                        ChangeTag::Delete => diff.removed += 1,
                        ChangeTag::Equal => {}
                    }
                    if diff.lines.len() >= MAX_LINES {
                        diff.is_cut = true;
                        continue;
                    }
                    let (old, new) = (change.old_index(), change.new_index());
                    let line = line(change.tag(), old, new, change.value());
                    diff.push(line);
                }
            }
        }
        diff
    }

    /// Whether both texts are the same.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.added == 0 && self.removed == 0
    }

    fn push(&mut self, line: DiffLine) {
        if self.lines.len() < MAX_LINES {
            self.lines.push(line);
        } else {
            self.is_cut = true;
        }
    }
}

fn line(tag: ChangeTag, old: Option<usize>, new: Option<usize>, text: &str) -> DiffLine {
    let (kind, mark) = match tag {
        ChangeTag::Equal => ("same", ' '),
        ChangeTag::Delete => ("gone", '-'),
        ChangeTag::Insert => ("new", '+'),
    };
    let number = |at: Option<usize>| at.map_or_else(String::new, |at| (at + 1).to_string());
    DiffLine {
        kind,
        mark,
        old: number(old),
        new: number(new),
        text: shown(text),
    }
}

/// The line without its end, unless it ends as other systems end lines: then what differs must show.
fn shown(text: &str) -> String {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let mut shown: String = text.chars().take(MAX_LINE_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown.replace('\r', "␍")
}

fn gap() -> DiffLine {
    DiffLine {
        kind: "gap",
        mark: ' ',
        old: String::new(),
        new: String::new(),
        text: "⋯".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(diff: &Diff) -> Vec<String> {
        let lines = diff.lines.iter();
        lines.map(|line| format!("{}{}", line.mark, line.text)).collect()
    }

    #[test]
    fn what_changed_is_told_with_what_is_around_it() {
        let numbered = |changed: &str| {
            let lines = (1..=40).map(|at| {
                if at == 20 {
                    format!("{changed}\n")
                } else {
                    format!("{at}\n")
                }
            });
            lines.collect::<String>()
        };
        let diff = Diff::of(&numbered("a"), &numbered("b\r"));
        let wanted = [" 17", " 18", " 19", "-a", "+b␍", " 21", " 22", " 23"];
        assert_eq!(told(&diff), wanted);
        assert_eq!((diff.added, diff.removed, diff.is_cut), (1, 1, false));
        assert_eq!(
            (diff.lines[3].old.as_str(), diff.lines[3].new.as_str()),
            ("20", "")
        );
        assert!(Diff::of("a", "a").is_empty());
        assert_eq!(told(&Diff::of("", "a\n")), ["+a"]);
    }

    #[test]
    fn places_far_apart_have_a_gap_between_them_and_much_is_cut() {
        let middle = "x\n".repeat(50);
        let diff = Diff::of(&format!("a\n{middle}b\n"), &format!("c\n{middle}d\n"));
        assert_eq!(diff.lines.iter().filter(|line| line.kind == "gap").count(), 1);
        let long = Diff::of(&"a\n".repeat(3_000), &"b\n".repeat(3_000));
        assert!(long.is_cut && long.lines.len() <= MAX_LINES);
        assert_eq!((long.added, long.removed), (3_000, 3_000));
    }
}
