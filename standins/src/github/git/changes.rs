//! What differs between two trees.

use std::collections::BTreeSet;

use super::id::ObjectId;
use super::objects::Objects;
use super::tree::{Entry, Mode, Tree};

/// A file that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// Where it is.
    pub path: String,
    /// What it was; none when it is new.
    pub before: Option<Entry>,
    /// What it is; none when it was removed.
    pub after: Option<Entry>,
}

/// The files that differ between two trees, in the order of their paths. Renames are a removal and an addition.
#[must_use]
pub fn changes(objects: &Objects, before: Option<ObjectId>, after: Option<ObjectId>) -> Vec<FileChange> {
    let mut out = Vec::new();
    compare(objects, before, after, "", &mut out);
    out
}

fn compare(
    objects: &Objects,
    before: Option<ObjectId>,
    after: Option<ObjectId>,
    prefix: &str,
    out: &mut Vec<FileChange>,
) {
    if before == after {
        return;
    }
    let none = Tree::new();
    let old = before.and_then(|id| objects.tree(id)).unwrap_or(&none);
    let new = after.and_then(|id| objects.tree(id)).unwrap_or(&none);
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let (was, is) = (old.get(name).copied(), new.get(name).copied());
        if was == is {
            continue;
        }
        let path = format!("{prefix}{name}");
        let folder = |entry: Option<Entry>| {
            entry
                .filter(|entry| entry.mode == Mode::Directory)
                .map(|entry| entry.id)
        };
        compare(objects, folder(was), folder(is), &format!("{path}/"), out);
        let file = |entry: Option<Entry>| entry.filter(|entry| entry.mode != Mode::Directory);
        let (before, after) = (file(was), file(is));
        if before.is_some() || after.is_some() {
            out.push(FileChange { path, before, after });
        }
    }
}
