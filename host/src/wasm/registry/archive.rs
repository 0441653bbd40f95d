//! The data directory's memory of plugins: their builds by digest, and each one's journal.
//!
//! `<data dir>/plugins/<sha256>.wasm` holds builds, `<data dir>/plugins/<name>.json` journals. A build
//! is kept while a journal names it. Failures to write only warn: the plugin serves without.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::journal::Journal;
use crate::domain::plugin::PluginName;
use crate::wasm::cache::{private_dir, write_private};
use crate::wasm::source::{self, Source};

const JOURNAL: &str = "json";

/// The directory of kept builds and journals.
pub(super) struct Archive {
    dir: PathBuf,
    /// One writer at a time: what one keeps, another must not clear away in between.
    turn: Mutex<()>,
}

impl Archive {
    /// The directory below `data_dir`; made when first written to.
    pub(super) fn new(data_dir: &Path) -> Self {
        Self {
            dir: data_dir.join("plugins"),
            turn: Mutex::new(()),
        }
    }

    fn journal_file(&self, name: &PluginName) -> PathBuf {
        self.dir.join(format!("{name}.{JOURNAL}"))
    }

    fn build_file(&self, digest: &str) -> PathBuf {
        self.dir.join(format!("{digest}.wasm"))
    }

    /// What this plugin remembers; nothing when it was never loaded. Blocks, for a file of some KiB.
    pub(super) fn journal(&self, name: &PluginName) -> Journal {
        let file = self.journal_file(name);
        let read = match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Journal::default(),
            Err(error) => Err(error),
        };
        read.unwrap_or_else(|error| {
            tracing::warn!(plugin = %name, file = %file.display(), %error, "the journal cannot be read; beginning anew");
            Journal::default()
        })
    }

    /// Writes a journal, with a build that it names, and clears away builds that no journal names
    /// any more. Blocks: not for async threads.
    pub(super) fn write(&self, name: &PluginName, journal: &Journal, build: Option<&Source>) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.try_write(name, journal, build) {
            tracing::warn!(plugin = %name, %error, "the build could not be kept for a restart");
        }
    }

    fn try_write(&self, name: &PluginName, journal: &Journal, build: Option<&Source>) -> io::Result<()> {
        private_dir(&self.dir)?;
        if let Some(build) = build {
            let file = self.build_file(&build.digest);
            if !holds(&file, &build.bytes) {
                write_private(&file, &[&build.bytes])?;
            }
        }
        let before = self.journal(name);
        write_private(&self.journal_file(name), &[&serde_json::to_vec(journal)?])?;
        let mut dropped: BTreeSet<&str> = before.kept().collect();
        for digest in journal.kept() {
            dropped.remove(digest);
        }
        for digest in dropped {
            if !self.is_named(digest)? {
                std::fs::remove_file(self.build_file(digest))?;
            }
        }
        Ok(())
    }

    /// Whether some plugin's journal keeps this build.
    fn is_named(&self, digest: &str) -> io::Result<bool> {
        for entry in std::fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let of_journal = path.extension().is_some_and(|extension| extension == JOURNAL);
            let name = path.file_stem().and_then(|stem| stem.to_str());
            let name = name.and_then(|stem| stem.parse().ok());
            if let Some(name) = name.filter(|_| of_journal)
                && self.journal(&name).kept().any(|kept| kept == digest)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A kept build, if it is there and whole.
    pub(super) async fn build(&self, digest: &str) -> Option<Source> {
        let is_digest = digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_digest {
            return None;
        }
        let file = source::read(&self.build_file(digest)).await.ok()?;
        (file.digest == digest).then_some(file)
    }
}

/// Whether the file is there and undamaged.
fn holds(file: &Path, bytes: &[u8]) -> bool {
    let same_length = std::fs::metadata(file).is_ok_and(|kept| kept.len() == bytes.len() as u64);
    same_length && std::fs::read(file).is_ok_and(|kept| kept == bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn builds_are_kept_while_a_journal_names_them_and_altered_ones_are_not_used() {
        let dir = tempfile::tempdir().expect("a directory");
        let archive = Archive::new(dir.path());
        let [one, two]: [PluginName; 2] = ["one", "two"].map(|name| name.parse().expect("a name"));
        let builds: Vec<Source> = (0..6).map(|n| Source::of(vec![n; 8])).collect();
        let mut journal = Journal::default();
        for build in &builds {
            journal.serve(&build.digest);
            archive.write(&one, &journal, Some(build));
        }
        assert_eq!(archive.journal(&one), journal);
        assert!(
            archive.build(&builds[1].digest).await.is_none(),
            "nobody names it"
        );
        let last = &builds[5].digest;
        std::fs::write(archive.build_file(last), b"altered").expect("altered");
        assert!(archive.build(last).await.is_none());

        let mut other = Journal::default();
        other.serve(last);
        archive.write(&two, &other, Some(&builds[5]));
        assert!(archive.build(last).await.is_some(), "made whole again");
        archive.write(&one, &Journal::default(), None);
        assert!(archive.build(last).await.is_some(), "the other names it");
        assert!(archive.build(&builds[4].digest).await.is_none());
    }

    #[test]
    fn a_journal_that_cannot_be_read_is_begun_anew() {
        let dir = tempfile::tempdir().expect("a directory");
        let archive = Archive::new(dir.path());
        let name: PluginName = "one".parse().expect("a name");
        private_dir(&archive.dir).expect("a directory");
        std::fs::write(archive.journal_file(&name), b"{").expect("written");
        assert_eq!(archive.journal(&name), Journal::default());
    }
}
