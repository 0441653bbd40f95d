//! What came before what.

use std::collections::{BinaryHeap, HashMap, HashSet};

use super::commit::Commit;
use super::id::ObjectId;
use super::objects::Objects;
use super::tree::Entry;

/// The commits from `start` back, `start` included: newest first, a commit never before one that follows it.
#[must_use]
pub fn ancestors(objects: &Objects, start: ObjectId) -> Vec<(ObjectId, &Commit)> {
    // Children that still have to come first, by commit.
    let mut children: HashMap<ObjectId, usize> = HashMap::new();
    let mut seen = HashSet::from([start]);
    let mut waiting = vec![start];
    while let Some(id) = waiting.pop() {
        for parent in objects.commit(id).into_iter().flat_map(|commit| &commit.parents) {
            *children.entry(*parent).or_default() += 1;
            if seen.insert(*parent) {
                waiting.push(*parent);
            }
        }
    }
    let mut ready = BinaryHeap::new();
    let mut out = Vec::with_capacity(seen.len());
    let at = |id| objects.commit(id).map(|commit| (commit.committer.seconds, id));
    ready.extend(at(start));
    while let Some((_, id)) = ready.pop() {
        let Some(commit) = objects.commit(id) else {
            continue;
        };
        out.push((id, commit));
        for parent in &commit.parents {
            if let Some(left) = children.get_mut(parent) {
                *left -= 1;
                if *left == 0 {
                    ready.extend(at(*parent));
                }
            }
        }
    }
    out
}

/// Whether going back from `from` leads to `to`; a commit reaches itself.
#[must_use]
pub fn reaches(objects: &Objects, from: ObjectId, to: ObjectId) -> bool {
    let mut seen = HashSet::from([from]);
    let mut waiting = vec![from];
    while let Some(id) = waiting.pop() {
        if id == to {
            return true;
        }
        for parent in objects.commit(id).into_iter().flat_map(|commit| &commit.parents) {
            if seen.insert(*parent) {
                waiting.push(*parent);
            }
        }
    }
    false
}

/// For each name in a folder at `start`, the newest commit that gave it its present state, along first parents.
#[must_use]
pub fn last_changes(objects: &Objects, start: ObjectId, folder: &str) -> HashMap<String, ObjectId> {
    let entries = |id: ObjectId| -> Option<HashMap<String, Entry>> {
        let root = objects.commit(id)?.tree;
        let tree = if folder.is_empty() {
            objects.tree(root)
        } else {
            objects.at(root, folder).and_then(|entry| objects.tree(entry.id))
        };
        Some(
            tree.into_iter()
                .flatten()
                .map(|(name, entry)| (name.clone(), *entry))
                .collect(),
        )
    };
    let mut out = HashMap::new();
    let mut open = entries(start).unwrap_or_default();
    let mut at = start;
    while !open.is_empty() {
        let parent = objects
            .commit(at)
            .and_then(|commit| commit.parents.first().copied());
        let before = parent.and_then(entries).unwrap_or_default();
        open.retain(|name, entry| {
            let same = before.get(name) == Some(entry);
            if !same {
                out.insert(name.clone(), at);
            }
            same
        });
        let Some(parent) = parent else { break };
        at = parent;
    }
    out
}
