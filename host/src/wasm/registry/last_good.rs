//! The last build of each plugin that loaded, kept so that a restart can serve while the file on
//! disk is broken.
//!
//! `<data dir>/plugins/<sha256>.wasm` holds builds, `<data dir>/plugins/<name>.last-good` the
//! digest of a plugin's own. Failures here only warn: the plugin serves without.

use std::io;
use std::path::{Path, PathBuf};

use crate::domain::plugin::PluginName;
use crate::wasm::cache::{private_dir, write_private};
use crate::wasm::load::{self, Bytes};

const POINTER: &str = "last-good";

/// The directory of kept builds.
pub(super) struct LastGood {
    dir: PathBuf,
}

impl LastGood {
    /// The directory below `data_dir`; made when first written to.
    pub(super) fn new(data_dir: &Path) -> Self {
        Self {
            dir: data_dir.join("plugins"),
        }
    }

    fn pointer(&self, name: &PluginName) -> PathBuf {
        self.dir.join(format!("{name}.{POINTER}"))
    }

    fn build(&self, digest: &str) -> PathBuf {
        self.dir.join(format!("{digest}.wasm"))
    }

    /// Remembers that these bytes loaded. Blocks: not for async threads.
    pub(super) fn keep(&self, name: &PluginName, digest: &str, bytes: &[u8]) {
        if let Err(error) = self.try_keep(name, digest, bytes) {
            tracing::warn!(plugin = %name, %error, "the build could not be kept for a restart");
        }
    }

    fn try_keep(&self, name: &PluginName, digest: &str, bytes: &[u8]) -> io::Result<()> {
        private_dir(&self.dir)?;
        let build = self.build(digest);
        if !holds(&build, bytes) {
            write_private(&build, &[bytes])?;
        }
        let pointer = self.pointer(name);
        let before = std::fs::read_to_string(&pointer).unwrap_or_default();
        if before == digest {
            return Ok(());
        }
        write_private(&pointer, &[digest.as_bytes()])?;
        if !before.is_empty() && !self.pointed_at(&before)? {
            let _ = std::fs::remove_file(self.build(&before));
        }
        Ok(())
    }

    /// Whether some plugin's last good build has this digest.
    fn pointed_at(&self, digest: &str) -> io::Result<bool> {
        for entry in std::fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == POINTER)
                && std::fs::read_to_string(&path)? == digest
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The plugin's last good build, if there is one and it is whole.
    pub(super) async fn read(&self, name: &PluginName) -> Option<Bytes> {
        let digest = tokio::fs::read_to_string(self.pointer(name)).await.ok()?;
        let is_digest = digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_digest {
            return None;
        }
        let file = load::read(&self.build(&digest)).await.ok()?;
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
    use sha2::{Digest, Sha256};

    #[tokio::test]
    async fn the_newest_good_build_is_kept_and_an_altered_one_is_not_used() {
        let dir = tempfile::tempdir().expect("a directory");
        let kept = LastGood::new(dir.path());
        let name: PluginName = "echo".parse().expect("a name");
        let digest = |bytes: &[u8]| hex::encode(Sha256::digest(bytes));
        kept.keep(&name, &digest(b"one"), b"one");
        kept.keep(&name, &digest(b"two"), b"two");
        assert_eq!(kept.read(&name).await.expect("a build").bytes[..], b"two"[..]);
        assert!(!kept.build(&digest(b"one")).exists(), "nobody points at it");
        std::fs::write(kept.build(&digest(b"two")), b"three").expect("altered");
        assert!(kept.read(&name).await.is_none());
        kept.keep(&name, &digest(b"two"), b"two");
        assert!(kept.read(&name).await.is_some(), "made whole again");
    }
}
