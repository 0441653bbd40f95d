//! `<data dir>/fetched`: components that were fetched, so that a start needs no network.
//!
//! `<sha256>.wasm` holds a component, `<manifest sha256>.oci` the digest of an artifact's component,
//! `<key>.<fingerprint>.sig` a signature that this key made; `<key>` is the component's digest, or the
//! artifact's. Only what was checked is put here, and all of it is checked again when it is read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::signature::{Fingerprint, Signed};
use super::{Source, read, read_small};
use crate::domain::plugin::ComponentSource;
use crate::wasm::cache::{private_dir, write_private};
use crate::wasm::load::blocking;
use crate::wasm::sweep;

/// The directory of what was fetched.
pub(super) struct Kept {
    dir: PathBuf,
}

impl Kept {
    /// The directory below `data_dir`; made when first written to.
    pub(super) fn new(data_dir: &Path) -> Self {
        Self {
            dir: data_dir.join("fetched"),
        }
    }

    fn file(&self, stem: &str, extension: &str) -> PathBuf {
        self.dir.join(format!("{stem}.{extension}"))
    }

    fn signature_file(&self, key: &str, by: &Fingerprint) -> PathBuf {
        self.file(&format!("{key}.{}", by.as_str()), "sig")
    }

    /// The component of this key, whole.
    pub(super) async fn component(&self, source: &ComponentSource, key: &str) -> Option<Source> {
        let digest = match source {
            ComponentSource::Oci(_) => tokio::fs::read_to_string(self.file(key, "oci")).await.ok()?,
            ComponentSource::File(_) | ComponentSource::Web(_) => key.to_owned(),
        };
        let kept = read(&self.file(digest.trim(), "wasm")).await.ok()?;
        (kept.digest == digest.trim()).then_some(kept)
    }

    /// The signature that this key made of the component of that name.
    pub(super) async fn signature(&self, key: &str, by: &Fingerprint) -> Option<Signed> {
        let file = self.signature_file(key, by);
        let text = blocking(move || Ok(read_small(&file))).await.ok()?.ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Keeps a component that was checked, with a signature that was.
    ///
    /// # Errors
    /// When it cannot be written, in words.
    pub(super) async fn keep(
        &self,
        source: &ComponentSource,
        key: &str,
        component: &Source,
        signed: Option<(&Fingerprint, Signed)>,
    ) -> Result<(), String> {
        let (dir, component) = (self.dir.clone(), component.clone());
        let build = self.file(&component.digest, "wasm");
        let artifact = matches!(source, ComponentSource::Oci(_)).then(|| self.file(key, "oci"));
        let signed = signed.map(|(by, signed)| (self.signature_file(key, by), signed));
        let written = blocking(move || {
            let write = || -> std::io::Result<()> {
                private_dir(&dir)?;
                write_private(&build, &[&component.bytes])?;
                if let Some((file, signed)) = &signed {
                    write_private(file, &[&serde_json::to_vec(signed)?])?;
                }
                // Last: it makes the component one that is found.
                if let Some(file) = &artifact {
                    write_private(file, &[component.digest.as_bytes()])?;
                }
                Ok(())
            };
            Ok(write().map_err(|error| format!("it cannot be kept in {}: {error}", dir.display())))
        });
        written.await.map_err(|error| error.to_string())?
    }

    /// Removes what belongs to none of these keys. Blocks.
    pub(super) fn sweep(&self, keys: &BTreeSet<&str>) {
        let components: BTreeSet<String> = keys
            .iter()
            .filter_map(|key| std::fs::read_to_string(self.file(key, "oci")).ok())
            .map(|digest| digest.trim().to_owned())
            .collect();
        sweep::files(
            &self.dir,
            &["wasm", "oci", "sig"],
            |stem, extension| match extension {
                "wasm" => keys.contains(stem) || components.contains(stem),
                "sig" => stem.split_once('.').is_some_and(|(key, _)| keys.contains(key)),
                _ => keys.contains(stem),
            },
        );
    }
}
