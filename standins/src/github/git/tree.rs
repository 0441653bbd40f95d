//! Trees: what one folder holds.

use std::collections::BTreeMap;

use super::id::{Kind, ObjectId};

/// What an entry is, and whether it may be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// An ordinary file.
    File,
    /// A file that may be run.
    Executable,
    /// A symbolic link; its blob is the target.
    Symlink,
    /// A folder.
    Directory,
    /// A commit of another repository.
    Submodule,
}

impl Mode {
    /// Reads the six digits that GitHub's API writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::File,
            Self::Executable,
            Self::Symlink,
            Self::Directory,
            Self::Submodule,
        ]
        .into_iter()
        .find(|mode| mode.as_str() == text)
    }

    /// Six digits, as GitHub's API writes them.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "100644",
            Self::Executable => "100755",
            Self::Symlink => "120000",
            Self::Directory => "040000",
            Self::Submodule => "160000",
        }
    }

    /// The kind of object an entry of this mode names.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::File | Self::Executable | Self::Symlink => Kind::Blob,
            Self::Directory => Kind::Tree,
            Self::Submodule => Kind::Commit,
        }
    }
}

/// One entry of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub mode: Mode,
    /// The object it names.
    pub id: ObjectId,
}

/// The entries of a folder by their names.
pub type Tree = BTreeMap<String, Entry>;

/// The entries in git's order: byte by byte, a folder as if its name ended in a slash
/// (`base_name_compare` in git's `tree.c`).
pub fn in_order(tree: &Tree) -> Vec<(&String, &Entry)> {
    let mut entries: Vec<_> = tree.iter().collect();
    entries.sort_by_cached_key(|(name, entry)| {
        let mut key = name.as_bytes().to_vec();
        if entry.mode == Mode::Directory {
            key.push(b'/');
        }
        key
    });
    entries
}

/// The tree as git stores it: `mode SP name NUL id` of each entry, the mode without leading zeros.
pub fn encode(tree: &Tree) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, entry) in in_order(tree) {
        out.extend_from_slice(entry.mode.as_str().trim_start_matches('0').as_bytes());
        out.push(b' ');
        out.extend_from_slice(name.as_bytes());
        out.push(0);
        out.extend_from_slice(entry.id.as_bytes());
    }
    out
}
