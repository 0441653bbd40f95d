//! Commits: a tree, where it came from, who made it and why.

use std::fmt::Write;

use super::id::ObjectId;

/// Who did something, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name as given.
    pub name: String,
    /// The e-mail address as given.
    pub email: String,
    /// Seconds since 1970.
    pub seconds: i64,
    /// Minutes east of Greenwich of the clock that was read.
    pub offset_minutes: i32,
}

impl Person {
    /// `name <email> seconds +hhmm`, without the characters that would break the line (`strbuf_addstr_without_crud`
    /// in git's `ident.c`).
    fn encode(&self) -> String {
        let clean = |text: &str| text.replace(['<', '>', '\n', '\0'], "").trim().to_owned();
        let sign = if self.offset_minutes < 0 { '-' } else { '+' };
        let minutes = self.offset_minutes.unsigned_abs();
        format!(
            "{} <{}> {} {sign}{:02}{:02}",
            clean(&self.name),
            clean(&self.email),
            self.seconds,
            minutes / 60,
            minutes % 60
        )
    }

    /// The time as GitHub answers it, in UTC.
    #[must_use]
    pub fn date(&self) -> String {
        crate::wall::rfc3339(self.seconds)
    }
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The state of all files.
    pub tree: ObjectId,
    /// The commits it follows.
    pub parents: Vec<ObjectId>,
    /// Who wrote the change.
    pub author: Person,
    /// Who made the commit.
    pub committer: Person,
    /// Why.
    pub message: String,
}

impl Commit {
    /// The first line of the message.
    #[must_use]
    pub fn title(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }

    /// The commit as git stores it.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = format!("tree {}\n", self.tree);
        for parent in &self.parents {
            let _ = writeln!(out, "parent {parent}");
        }
        let _ = write!(
            out,
            "author {}\ncommitter {}\n\n{}",
            self.author.encode(),
            self.committer.encode(),
            self.message
        );
        out.into_bytes()
    }
}
