//! Which files in the repository are the backup's own, so that a removal never takes a file that
//! somebody else put into the folder.
//!
//! A file becomes the backup's own when a backup finds or puts a process's script there. The names
//! are kept in the plugin's state, not in a file of the repository, which would change with every
//! commit. When the state is lost, the next backup takes the files of all present processes for
//! its own again; files of processes that went before then stay.

use std::collections::BTreeSet;

use hookyard_plugin_sdk::{Failure, state, warn};
use sha1::{Digest as _, Sha1};

use crate::config::Config;
use crate::inventory::Inventory;

/// Values that the names are spread over, by hash: ten thousand long names stay below a value's
/// 64 KiB, and a write cut short damages no other value.
const SHARDS: u8 = 32;

/// Bytes of a value; the host takes 64 KiB.
const MAX_VALUE: usize = 64 * 1024;

/// The names owned in one folder of one branch.
pub(crate) struct Owned {
    prefix: String,
    shards: Vec<BTreeSet<String>>,
}

impl Owned {
    /// Reads what earlier backups of this target have kept.
    pub(crate) fn read(config: &Config, branch: &str) -> Result<Self, Failure> {
        let prefix = format!("owned/{}", config.place(branch));
        let mut shards = Vec::with_capacity(usize::from(SHARDS));
        for shard in 0..SHARDS {
            let names = state::get(&format!("{prefix}/{shard:02}"))?.map(|entry| entry.value);
            let names = String::from_utf8(names.unwrap_or_default()).unwrap_or_default();
            shards.push(names.lines().map(str::to_owned).collect());
        }
        Ok(Self { prefix, shards })
    }

    /// All names.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.shards.iter().flatten().cloned().collect()
    }

    /// Takes the files of all processes for its own. Kept before they are written: a backup that
    /// is cut off must not forget what it has begun.
    pub(crate) fn add(&mut self, inventory: &Inventory) -> Result<(), Failure> {
        self.change(inventory.items.iter().map(|item| &*item.file), BTreeSet::insert)
    }

    /// Forgets files that are removed.
    pub(crate) fn forget<'a>(&mut self, names: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
        self.change(names, |shard, name| shard.remove(&name))
    }

    fn change<'a>(
        &mut self,
        names: impl Iterator<Item = &'a str>,
        change: impl Fn(&mut BTreeSet<String>, String) -> bool,
    ) -> Result<(), Failure> {
        let mut changed = BTreeSet::new();
        for name in names {
            let shard = Sha1::digest(name.as_bytes())[0] % SHARDS;
            if change(&mut self.shards[usize::from(shard)], name.to_owned()) {
                changed.insert(shard);
            }
        }
        for shard in changed {
            let text: Vec<&str> = self.shards[usize::from(shard)]
                .iter()
                .map(String::as_str)
                .collect();
            let text = text.join("\n");
            if text.len() > MAX_VALUE {
                warn!("too many file names to remember; some will not be removed with their process");
                continue;
            }
            state::set(&format!("{}/{shard:02}", self.prefix), text.as_bytes())?;
        }
        Ok(())
    }
}
