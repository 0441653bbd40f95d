//! The data directory's memory of plugins: their builds by digest, and each one's journal.
//!
//! `<data dir>/plugins/<sha256>.wasm` holds builds, `<data dir>/plugins/<name>.json` journals. A build
//! is kept while a journal names it; the journals of the last few plugins that were removed stay.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::journal::Journal;
use crate::domain::plugin::PluginName;
use crate::wasm::cache::{private_dir, write_private};
use crate::wasm::source::{self, Source};
use crate::wasm::sweep;

const JOURNAL: &str = "json";
/// Journals of removed plugins that stay, those written last: whoever puts a section back finds the
/// builds that served. Each holds on to four builds at most.
const MAX_REMOVED: usize = 8;

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
        let names = self.journals()?;
        let mut journals = names.iter().map(|name| self.journal(name));
        Ok(journals.any(|journal| journal.kept().any(|kept| kept == digest)))
    }

    /// The plugins that have a journal.
    fn journals(&self) -> io::Result<Vec<PluginName>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let of_journal = path.extension().is_some_and(|extension| extension == JOURNAL);
            let name = path.file_stem().and_then(|stem| stem.to_str());
            let name = name.and_then(|stem| stem.parse().ok());
            names.extend(name.filter(|_| of_journal));
        }
        Ok(names)
    }

    /// Removes the journals of plugins that are not among these, but for the last few, and the builds
    /// that neither a journal names nor `in_use`: a journal in memory may not be on disk yet. Gives the digests of
    /// those that stay. Blocks.
    pub(super) fn sweep(
        &self,
        plugins: &BTreeSet<PluginName>,
        in_use: &BTreeSet<String>,
    ) -> BTreeSet<String> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // When the directory cannot be read nothing in it is removed below either.
        let mut names = self.journals().unwrap_or_default();
        names.sort_by_key(|name| {
            let written = std::fs::metadata(self.journal_file(name)).and_then(|file| file.modified());
            std::cmp::Reverse(written.ok())
        });
        let (stay, removed): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| plugins.contains(name));
        let mut digests = in_use.clone();
        for name in stay.iter().chain(removed.iter().take(MAX_REMOVED)) {
            digests.extend(self.journal(name).kept().map(str::to_owned));
        }
        let forgotten: BTreeSet<&str> = removed.iter().skip(MAX_REMOVED).map(PluginName::as_str).collect();
        sweep::files(&self.dir, &[JOURNAL, "wasm"], |stem, extension| match extension {
            JOURNAL => !forgotten.contains(stem),
            _ => digests.contains(stem),
        });
        digests
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
            journal.serve(&build.digest, true, None);
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
        other.serve(last, true, None);
        write(&two, &other, Some(&builds[5]));
        assert!(archive.build(last).await.is_some(), "made whole again");
        write(&one, &Journal::default(), None);
        assert!(archive.build(last).await.is_some(), "the other names it");
        assert!(archive.build(&builds[4].digest).await.is_none());
    }

    #[test]
    fn journals_of_the_last_removed_plugins_stay_with_their_builds_and_others_go() {
        let dir = tempfile::tempdir().expect("a directory");
        let archive = Archive::new(dir.path());
        let name = |n: usize| format!("plugin-{n}").parse::<PluginName>().expect("a name");
        let mut digests = Vec::new();
        for n in 0..MAX_REMOVED + 3 {
            let build = Source::of(n.to_le_bytes().to_vec());
            let mut journal = Journal::default();
            journal.serve(&build.digest, true, None);
            let written = archive.write(&name(n), &Mutex::new(journal), Some(&build));
            written.expect("written");
            let file = std::fs::File::options()
                .write(true)
                .open(archive.journal_file(&name(n)));
            let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1000 + n as u64);
            file.and_then(|file| file.set_modified(at)).expect("a time");
            digests.push(build.digest);
        }
        std::fs::write(archive.dir.join("cut-off.00000000.tmp"), b"half").expect("written");
        std::fs::write(archive.dir.join("notes.txt"), b"mine").expect("written");
        // The oldest is a plugin of the file; of the others the two oldest go.
        let named = archive.sweep(&[name(0)].into(), &BTreeSet::new());
        let left: Vec<bool> = digests
            .iter()
            .map(|digest| archive.build_file(digest).is_file())
            .collect();
        assert_eq!(left[..4], [true, false, false, true], "{left:?}");
        assert!(left[3..].iter().all(|left| *left), "{left:?}");
        assert_eq!(named.len(), MAX_REMOVED + 1);
        assert!(archive.journal_file(&name(0)).is_file() && !archive.journal_file(&name(1)).is_file());
        assert!(!archive.dir.join("cut-off.00000000.tmp").exists());
        assert!(archive.dir.join("notes.txt").exists());
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
