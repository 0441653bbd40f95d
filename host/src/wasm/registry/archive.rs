//! The data directory's memory of plugins: their builds by digest, and each one's journal.
//!
//! `<data dir>/plugins/<sha256>.wasm` holds builds, `<data dir>/plugins/<name>.json` journals. A build
//! is kept while a journal names it.

use std::collections::BTreeSet;
use std::fs::File;
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

    /// Writes a journal as it is by now, with a build that it names, and clears away builds that no
    /// journal names any more. Once this is done it outlives a power cut. Blocks: not for async threads.
    ///
    /// # Errors
    /// When journal or build are not kept. The journal is written although there is no room for the
    /// build.
    pub(super) fn write(
        &self,
        name: &PluginName,
        journal: &Mutex<Journal>,
        build: Option<&Source>,
    ) -> io::Result<()> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // Within the turn, so that an older state never comes after a newer one.
        let journal = journal.lock().unwrap_or_else(PoisonError::into_inner).clone();
        private_dir(&self.dir)?;
        let kept = build.map_or(Ok(()), |build| self.keep(build));
        let before = self.journal(name);
        write_private(&self.journal_file(name), &[&serde_json::to_vec(&journal)?])?;
        // The rename is durable once its directory is.
        File::open(&self.dir)?.sync_all()?;
        if let Err(error) = self.clear_away(&before, &journal) {
            tracing::warn!(plugin = %name, %error, "builds that nobody needs any more are still there");
        }
        kept
    }

    fn keep(&self, build: &Source) -> io::Result<()> {
        let file = self.build_file(&build.digest);
        if holds(&file, &build.bytes) {
            return Ok(());
        }
        write_private(&file, &[&build.bytes])
    }

    /// Removes the builds that only `before` names.
    fn clear_away(&self, before: &Journal, now: &Journal) -> io::Result<()> {
        let mut dropped: BTreeSet<&str> = before.kept().collect();
        for digest in now.kept() {
            dropped.remove(digest);
        }
        for digest in dropped {
            if !self.is_named(digest)? {
                match std::fs::remove_file(self.build_file(digest)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Where all this is.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
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
        let write = |name, journal: &Journal, build| {
            let written = archive.write(name, &Mutex::new(journal.clone()), build);
            written.expect("written");
        };
        let mut journal = Journal::default();
        for build in &builds {
            journal.serve(&build.digest, true);
            write(&one, &journal, Some(build));
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
        other.serve(last, true);
        write(&two, &other, Some(&builds[5]));
        assert!(archive.build(last).await.is_some(), "made whole again");
        write(&one, &Journal::default(), None);
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
