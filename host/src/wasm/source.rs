//! Components as bytes: read from a file, or fetched once and kept, and checked against what the
//! section says of them.

mod oci;
mod signature;
mod web;

use std::io::Read;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use self::signature::Signed;
use super::cache::{private_dir, write_private};
use super::load::{LoadError, blocking};
use crate::domain::plugin::{ComponentSource, PluginSpec};
use crate::domain::time::Timestamp;
use crate::environment::Environment;

/// Largest component, in bytes. A Python guest with its interpreter has about 40 MiB.
pub(super) const MAX_COMPONENT_BYTES: u64 = 64 << 20;
/// Largest signature with what it signs, in bytes: each is below 1 KiB.
const MAX_SIGNATURE_BYTES: u64 = 64 << 10;
/// Longest fetch: the largest component at 17 Mbit/s. A start waits for it.
const FETCH_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait for a connection of a fetch.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// `user:password` for OCI registries that ask for them.
const AUTH_VARIABLE: &str = "HOOKYARD_REGISTRY_AUTH";

/// A component as it was read.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) bytes: Arc<[u8]>,
    /// SHA-256 in hex.
    pub(super) digest: String,
    /// When its file came to be where it is, as the file system tells it.
    pub(super) placed: Option<Timestamp>,
}

impl Source {
    /// These bytes with their digest.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self {
            digest: hex::encode(Sha256::digest(&bytes)),
            bytes: bytes.into(),
            placed: None,
        }
    }
}

/// Reads a component whole.
pub(super) async fn read(path: &Path) -> Result<Source, LoadError> {
    let path = path.to_owned();
    blocking(move || read_now(path)).await
}

/// Blocks: 64 MiB take a while to read and to digest.
fn read_now(path: PathBuf) -> Result<Source, LoadError> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(&path).and_then(|file| {
        let placed = placed(&file.metadata()?).max(placed(&std::fs::symlink_metadata(&path)?));
        file.take(MAX_COMPONENT_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(placed)
    });
    match read {
        Err(source) => Err(LoadError::Read { path, source }),
        Ok(_) if bytes.len() as u64 > MAX_COMPONENT_BYTES => {
            Err(LoadError::TooLarge(path.display().to_string()))
        }
        Ok(placed) => Ok(Source {
            placed: Some(placed),
            ..Source::of(bytes)
        }),
    }
}

/// The time of the inode's last change: writing sets it as it sets the time of modification, but so does
/// moving the file here, whose modification may be long past (stat(2), `st_ctim`).
fn placed(file: &std::fs::Metadata) -> Timestamp {
    let millis = file.ctime_nsec() / 1_000_000;
    Timestamp::from_millis(file.ctime().saturating_mul(1_000).saturating_add(millis))
}

/// What came over the network, with its signature.
struct Fetched {
    component: Vec<u8>,
    signed: Option<Signed>,
}

/// Gets components from where sections say they are.
pub(super) struct Sources {
    /// `<data dir>/fetched`: `<sha256>.wasm` of the components, `<digest>.sig` of their signatures, and for
    /// artifacts `<manifest digest>.oci` with the component's digest.
    kept: PathBuf,
}

impl Sources {
    /// Keeps what it fetches below `data_dir`.
    pub(super) fn new(data_dir: &Path) -> Self {
        Self {
            kept: data_dir.join("fetched"),
        }
    }

    /// The component of a section, with the digest and the signature that the section asks for.
    pub(super) async fn read(
        &self,
        spec: &PluginSpec,
        environment: &Environment,
    ) -> Result<Source, LoadError> {
        let component = match &spec.component {
            ComponentSource::File(path) => read(path).await?,
            fetched => self.kept_or_fetched(fetched, spec, environment).await?,
        };
        if let Some(wanted) = &spec.sha256
            && !spec.allows_digest(&component.digest)
        {
            return Err(LoadError::Pin {
                wanted: wanted.clone(),
                found: component.digest,
            });
        }
        if let Some(key) = &spec.signed_by {
            let signed = self.signature(spec, &component).await?;
            signature::check(key, &signed, &component, &spec.component).await?;
        }
        Ok(component)
    }

    /// What names the component among those that are kept.
    fn key(source: &ComponentSource, spec: &PluginSpec) -> Option<String> {
        match source {
            ComponentSource::File(_) => None,
            ComponentSource::Web(_) => spec.sha256.clone(),
            ComponentSource::Oci(oci) => Some(oci.digest.clone()),
        }
    }

    fn file(&self, key: &str, extension: &str) -> PathBuf {
        self.kept.join(format!("{key}.{extension}"))
    }

    async fn kept_or_fetched(
        &self,
        source: &ComponentSource,
        spec: &PluginSpec,
        environment: &Environment,
    ) -> Result<Source, LoadError> {
        let key = Self::key(source, spec).ok_or_else(|| LoadError::Fetch {
            from: source.to_string(),
            why: "the section has no `sha256`".to_owned(),
        })?;
        if let Some(kept) = self.kept(source, &key, spec.signed_by.is_some()).await {
            return Ok(kept);
        }
        let failed = |why: String| LoadError::Fetch {
            from: source.to_string(),
            why,
        };
        let with_signature = spec.signed_by.is_some();
        let fetch = async {
            match source {
                ComponentSource::Web(url) => web::fetch(url, with_signature).await,
                ComponentSource::Oci(oci) => {
                    oci::fetch(oci, environment.get(AUTH_VARIABLE), with_signature).await
                }
                ComponentSource::File(_) => Err("it is a file".to_owned()),
            }
        };
        tracing::info!(plugin = %spec.name, %source, "fetching the component");
        let fetched = tokio::time::timeout(FETCH_TIMEOUT, fetch).await;
        let timeout = || format!("it took longer than {} s", FETCH_TIMEOUT.as_secs());
        let fetched = fetched.map_err(|_| failed(timeout()))?.map_err(failed)?;
        self.keep(source, key, fetched).await
    }

    /// A component that was fetched before, whole. Needs no network.
    async fn kept(&self, source: &ComponentSource, key: &str, with_signature: bool) -> Option<Source> {
        let digest = match source {
            ComponentSource::Oci(_) => tokio::fs::read_to_string(self.file(key, "oci")).await.ok()?,
            _ => key.to_owned(),
        };
        if with_signature && !self.file(key, "sig").is_file() {
            return None;
        }
        let kept = read(&self.file(digest.trim(), "wasm")).await.ok()?;
        (kept.digest == digest.trim()).then_some(kept)
    }

    /// Keeps what was fetched. That it cannot be kept only costs the next start its network.
    async fn keep(
        &self,
        source: &ComponentSource,
        key: String,
        fetched: Fetched,
    ) -> Result<Source, LoadError> {
        let artifact = matches!(source, ComponentSource::Oci(_));
        let dir = self.kept.clone();
        blocking(move || {
            let component = Source::of(fetched.component);
            let file = |key: &str, extension: &str| dir.join(format!("{key}.{extension}"));
            let write = || -> std::io::Result<()> {
                private_dir(&dir)?;
                // Under its own digest: what is not what was asked for is never found.
                write_private(&file(&component.digest, "wasm"), &[&component.bytes])?;
                if let Some(signed) = &fetched.signed {
                    write_private(&file(&key, "sig"), &[&serde_json::to_vec(signed)?])?;
                }
                if artifact {
                    write_private(&file(&key, "oci"), &[component.digest.as_bytes()])?;
                }
                Ok(())
            };
            if let Err(error) = write() {
                tracing::warn!(%error, dir = %dir.display(), "a fetched component could not be kept");
            }
            Ok(component)
        })
        .await
    }

    /// The signature of a component: kept beside it, or for a file in `FILE.sig`.
    async fn signature(&self, spec: &PluginSpec, component: &Source) -> Result<Signed, LoadError> {
        let unsigned = |why: String| LoadError::Signature(why);
        if let Some(path) = spec.component.file() {
            let mut name = path.as_os_str().to_owned();
            name.push(".sig");
            let path = PathBuf::from(name);
            let shown = path.display().to_string();
            let text = blocking(move || Ok(read_small(&path))).await?;
            let text = text
                .map_err(|error| unsigned(format!("there is no signature: cannot read {shown}: {error}")))?;
            return Ok(Signed::bytes(text));
        }
        let key = Self::key(&spec.component, spec).unwrap_or_else(|| component.digest.clone());
        let kept = self.file(&key, "sig");
        let text = blocking(move || Ok(read_small(&kept))).await?;
        let signed = text.ok().and_then(|text| serde_json::from_str(&text).ok());
        signed.ok_or_else(|| unsigned("there is no signature beside it".to_owned()))
    }
}

fn read_small(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(MAX_SIGNATURE_BYTES)
        .read_to_string(&mut text)?;
    Ok(text)
}
