//! A power cut that can be proved: the process runs under `shim/lose_unsynced.c`, and what it never synced is
//! gone afterwards.
//!
//! For tests: what cannot happen on a machine that works is a panic.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory on a disk that forgets what was not synced.
pub struct PowerCut {
    /// Holds all of the below, on one file system; removed at the end.
    room: tempfile::TempDir,
    directory: PathBuf,
    shadow: PathBuf,
}

impl PowerCut {
    /// A fresh, empty directory to run a program on.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it makes directories")]
    pub fn new() -> Self {
        let room = tempfile::tempdir().expect("a temporary directory");
        // The shim compares paths that the kernel has resolved.
        let base = room.path().canonicalize().expect("it was just made");
        let (directory, shadow) = (base.join("disk"), base.join("shadow"));
        for dir in [
            &directory,
            &shadow.join("content"),
            &shadow.join("entries"),
            &shadow.join("pins"),
        ] {
            fs::create_dir_all(dir).expect("a directory in the temporary one");
        }
        Self {
            room,
            directory,
            shadow,
        }
    }

    /// The directory that the program under test writes to.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Let the program run on the forgetful disk.
    pub fn watch<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("LD_PRELOAD", SHIM).envs(self.variables())
    }

    /// What tells the shim where the disk is.
    pub(crate) fn variables(&self) -> [(&'static str, PathBuf); 2] {
        [
            ("LOSE_UNSYNCED_DIR", self.directory.clone()),
            ("LOSE_UNSYNCED_SHADOW", self.shadow.clone()),
        ]
    }

    /// What a power cut leaves: a second directory with only what was synced. The first stays as it is. Call it
    /// when no program runs on the disk any more.
    #[must_use]
    pub fn what_remains(&self) -> PathBuf {
        let remains = self.room.path().join("remains");
        if remains.exists() {
            fs::remove_dir_all(&remains).expect("the remains of an earlier cut");
        }
        let inode = fs::metadata(&self.directory)
            .expect("the watched directory")
            .ino();
        self.restore(inode, &remains);
        remains
    }

    fn restore(&self, inode: u64, to: &Path) {
        fs::create_dir_all(to).expect("a directory of the remains");
        let Ok(entries) = fs::read(self.shadow.join("entries").join(inode.to_string())) else {
            return; // never synced: no name in it is on the disk
        };
        for entry in entries.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
            let entry = str::from_utf8(entry).expect("names made by our programs are UTF-8");
            let mut parts = entry.splitn(3, ' ');
            let (Some(inode), Some(kind), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
                panic!("the shim wrote a malformed entry: {entry:?}");
            };
            if kind == "d" {
                self.restore(inode.parse().expect("an inode number"), &to.join(name));
                continue;
            }
            let content = self.shadow.join("content").join(inode);
            let to = to.join(name);
            if content.exists() {
                fs::copy(content, to).expect("a kept file");
            } else {
                // The name is on the disk but no byte was synced.
                fs::write(to, b"").expect("an empty file");
            }
        }
    }
}

/// The compiled shim.
pub(crate) const SHIM: &str = concat!(env!("OUT_DIR"), "/lose_unsynced.so");
