//! What the repository's folder has: one recursive read of the tree, or a walk to the folder when
//! the whole is too large for one answer.

use hookyard_plugin_sdk::Failure;
use octocrab::models::git::{GitTree, GitTreeEntry};

use crate::github::GitHub;
use crate::plan::{Listing, Present};

/// The direct entries of `folder` in a tree.
pub(crate) fn list(github: &GitHub, tree: &str, folder: &str) -> Result<Listing, Failure> {
    let whole = github.tree(tree, true)?;
    if !whole.truncated {
        return below(&whole, folder);
    }
    let mut current = github.tree(tree, false)?;
    for part in folder.split('/') {
        let Some(entry) = current.tree.iter().find(|entry| entry.path == part) else {
            return Ok(Listing::new());
        };
        must_be_folder(entry, folder)?;
        current = github.tree(&entry.sha.clone(), false)?;
    }
    if current.truncated {
        return Err(Failure::reject(format!(
            "the folder `{folder}` has more files than GitHub lists; set another `folder` in plugins.toml"
        )));
    }
    Ok(current
        .tree
        .iter()
        .map(|entry| (entry.path.clone(), present(entry)))
        .collect())
}

/// The entries of a recursive tree that stand directly in the folder.
fn below(tree: &GitTree, folder: &str) -> Result<Listing, Failure> {
    let mut listing = Listing::new();
    for entry in &tree.tree {
        if let Some(name) = entry
            .path
            .strip_prefix(folder)
            .and_then(|rest| rest.strip_prefix('/'))
        {
            if !name.contains('/') {
                listing.insert(name.to_owned(), present(entry));
            }
        } else if folder == entry.path || folder.starts_with(&format!("{}/", entry.path)) {
            must_be_folder(entry, folder)?;
        }
    }
    Ok(listing)
}

/// A file in the folder's place would silently be replaced.
fn must_be_folder(entry: &GitTreeEntry, folder: &str) -> Result<(), Failure> {
    if entry.r#type == "tree" {
        return Ok(());
    }
    Err(Failure::reject(format!(
        "`{}` is no folder in the repository, so `folder = \"{folder}\"` cannot be; set another in plugins.toml",
        entry.path
    )))
}

fn present(entry: &GitTreeEntry) -> Present {
    match (&*entry.r#type, &*entry.mode) {
        ("blob", "100644" | "100755") => Present::File {
            sha: entry.sha.clone(),
            mode: entry.mode.clone(),
        },
        _ => Present::Other,
    }
}
