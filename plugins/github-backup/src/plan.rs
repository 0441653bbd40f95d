//! What a backup has to do: the stored processes against what the repository has. Pure.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::Serialize;

use crate::inventory::{Inventory, MAX_SCRIPT};

/// What stands in the folder under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Present {
    /// A file: its blob, and its mode in git's words (`100644`, `100755`).
    File { sha: String, mode: String },
    /// A folder, a symbolic link or a submodule, which a backup leaves alone.
    Other,
}

/// The folder's direct entries by name.
pub(crate) type Listing = HashMap<String, Present>;

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    /// Index into the inventory.
    pub(crate) index: usize,
    /// The blob that is there now, if any.
    pub(crate) replaces: Option<String>,
    pub(crate) mode: String,
}

/// A process that cannot be backed up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Failed {
    pub(crate) code: String,
    pub(crate) reason: String,
}

/// What is to be done.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// In order of the inventory.
    pub(crate) writes: Vec<Write>,
    /// Files to remove: name and blob.
    pub(crate) removals: Vec<(String, String)>,
    pub(crate) unchanged: usize,
    pub(crate) failed: Vec<Failed>,
}

impl Plan {
    /// Compares. Of the files without a process only those in `owned` are removed.
    pub(crate) fn new(inventory: &Inventory, listing: &Listing, owned: Option<&BTreeSet<String>>) -> Self {
        let mut plan = Self::default();
        for (index, item) in inventory.items.iter().enumerate() {
            let present = listing.get(&item.file);
            let (replaces, mode) = match present {
                Some(Present::File { sha, .. }) if *sha == item.sha => {
                    plan.unchanged += 1;
                    continue;
                }
                Some(Present::File { sha, mode }) => (Some(sha.clone()), mode.clone()),
                Some(Present::Other) => {
                    plan.fail(
                        &item.code,
                        format!(
                            "`{}` is no file in the repository; rename what is there",
                            item.file
                        ),
                    );
                    continue;
                }
                None => (None, "100644".to_owned()),
            };
            if item.size > MAX_SCRIPT {
                let size = item.size / 1024;
                plan.fail(
                    &item.code,
                    format!(
                        "the script has {size} KiB; at most {} KiB fit into a request",
                        MAX_SCRIPT / 1024
                    ),
                );
                continue;
            }
            plan.writes.push(Write {
                index,
                replaces,
                mode,
            });
        }
        if let Some(owned) = owned {
            plan.removals = removals(inventory, listing, owned);
        }
        plan
    }

    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.removals.is_empty()
    }

    fn fail(&mut self, code: &str, reason: String) {
        let code = code.to_owned();
        self.failed.push(Failed { code, reason });
    }
}

fn removals(inventory: &Inventory, listing: &Listing, owned: &BTreeSet<String>) -> Vec<(String, String)> {
    let current: HashSet<&str> = inventory.items.iter().map(|item| &*item.file).collect();
    owned
        .iter()
        .filter(|name| !current.contains(name.as_str()))
        .filter_map(|name| match listing.get(name) {
            Some(Present::File { sha, .. }) => Some((name.clone(), sha.clone())),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Item;

    fn item(code: &str, sha: &str) -> Item {
        Item {
            code: code.to_owned(),
            file: format!("{code}.py"),
            sha: sha.to_owned(),
            size: 1,
        }
    }

    fn file(sha: &str, mode: &str) -> Present {
        Present::File {
            sha: sha.to_owned(),
            mode: mode.to_owned(),
        }
    }

    #[test]
    fn each_state_has_its_step() {
        let mut large = item("large", "1");
        large.size = MAX_SCRIPT + 1;
        let items = vec![
            item("changed", "2"),
            item("folder", "1"),
            large,
            item("new", "1"),
            item("same", "1"),
        ];
        let listing = Listing::from([
            ("changed.py".to_owned(), file("1", "100755")),
            ("folder.py".to_owned(), Present::Other),
            ("same.py".to_owned(), file("1", "100644")),
            ("ours.py".to_owned(), file("7", "100644")),
            ("theirs.py".to_owned(), file("8", "100644")),
            ("link.py".to_owned(), Present::Other),
        ]);
        let owned: BTreeSet<String> = ["changed.py", "gone.py", "link.py", "ours.py"]
            .map(str::to_owned)
            .into();
        let inventory = Inventory { items };
        let plan = Plan::new(&inventory, &listing, Some(&owned));
        let write = |index, replaces: Option<&str>, mode: &str| Write {
            index,
            replaces: replaces.map(str::to_owned),
            mode: mode.to_owned(),
        };
        assert_eq!(
            plan.writes,
            [write(0, Some("1"), "100755"), write(3, None, "100644")]
        );
        assert_eq!(plan.removals, [("ours.py".to_owned(), "7".to_owned())]);
        assert_eq!(plan.unchanged, 1);
        let failed: Vec<_> = plan.failed.iter().map(|failed| &*failed.code).collect();
        assert_eq!(failed, ["folder", "large"]);
        assert!(Plan::new(&inventory, &listing, None).removals.is_empty());
    }
}
