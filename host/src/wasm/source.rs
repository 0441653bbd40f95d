//! Components as bytes: read from a file, or fetched once and kept, and checked against what the
//! section says of them.

mod get;
mod kept;
mod oci;
mod signature;
mod web;

use std::io::Read;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use self::kept::Kept;
pub(super) use self::signature::{Fingerprint, Signer};
use self::signature::{Key, Signed};
use super::load::{LoadError, blocking};
use crate::domain::plugin::{ComponentSource, PluginSpec};
use crate::domain::time::Timestamp;
use crate::environment::Environment;
use crate::secret::RegistryLogins;

/// Largest component, in bytes. A Python guest with its interpreter has about 40 MiB.
pub(super) const MAX_COMPONENT_BYTES: u64 = 64 << 20;
/// Largest signature with what it signs, and largest key, in bytes: each is below 1 KiB.
const MAX_SIGNATURE_BYTES: u64 = 64 << 10;
/// Longest fetch: the largest component at 17 Mbit/s. Nothing but its plugin waits for it.
const FETCH_TIMEOUT: Duration = Duration::from_secs(30);
/// Fetches at the same time: each may hold the largest component in memory.
const PARALLEL_FETCHES: usize = 4;

/// A component as it was read.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) bytes: Arc<[u8]>,
    /// SHA-256 in hex.
    pub(super) digest: String,
    /// When its file came to be where it is, as the file system tells it.
    pub(super) placed: Option<Timestamp>,
    /// The key that was asked for and has signed it.
    pub(super) signed_by: Option<Fingerprint>,
}

impl Source {
    /// These bytes with their digest.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self {
            digest: hex::encode(Sha256::digest(&bytes)),
            bytes: bytes.into(),
            placed: None,
            signed_by: None,
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

/// What is to be fetched of a component.
#[derive(Clone, Copy)]
struct Wanted {
    component: bool,
    signatures: bool,
}

/// What came over the network: as much as was wanted.
#[derive(Default)]
struct Fetched {
    component: Option<Vec<u8>>,
    signatures: Vec<Signed>,
}

/// Gets components from where sections say they are.
pub(super) struct Sources {
    kept: Kept,
    logins: RegistryLogins,
    turns: Semaphore,
}

impl Sources {
    /// Keeps what it fetches below `data_dir`.
    pub(super) fn new(data_dir: &Path, environment: &Environment) -> Self {
        let logins = environment.get(RegistryLogins::VARIABLE).unwrap_or_default();
        let logins = RegistryLogins::parse(logins).unwrap_or_else(|error| {
            // The settings are checked before this; what has none goes on without.
            tracing::warn!(%error, "{} is not used", RegistryLogins::VARIABLE);
            RegistryLogins::default()
        });
        Self {
            kept: Kept::new(data_dir),
            logins,
            turns: Semaphore::new(PARALLEL_FETCHES),
        }
    }

    /// The component of a section, with the digest and the signature that the section asks for. Asks
    /// no network: what is to be fetched and is not here is [`LoadError::Unfetched`].
    pub(super) async fn read(&self, spec: &PluginSpec, signer: &Signer) -> Result<Source, LoadError> {
        let mut component = match &spec.component {
            ComponentSource::File(path) => read(path).await?,
            fetched => {
                let kept = self.kept.component(fetched, key(spec)?).await;
                kept.ok_or_else(|| LoadError::Unfetched(fetched.to_string()))?
            }
        };
        check_pin(spec, &component)?;
        if let Some(key) = signer.key()? {
            self.check_signature(spec, key, &component).await?;
            component.signed_by = Some(key.fingerprint().clone());
        }
        Ok(component)
    }

    /// Fetches what [`Self::read`] misses, and keeps it once it has the digest and the signature that
    /// the section asks for. Nothing happens when nothing is missing.
    ///
    /// # Errors
    /// When it cannot be fetched or kept, or is not what was asked for; then nothing is kept.
    pub(super) async fn fetch(&self, spec: &PluginSpec, signer: &Signer) -> Result<(), LoadError> {
        match self.read(spec, signer).await {
            Ok(_) => return Ok(()),
            Err(LoadError::Unfetched(_)) => {}
            Err(error) => return Err(error),
        }
        let key = key(spec)?;
        let kept = self.kept.component(&spec.component, key).await;
        let wanted = Wanted {
            component: kept.is_none(),
            signatures: signer.key()?.is_some(),
        };
        let fetched = self.ask(spec, wanted).await?;
        let component = match (kept, fetched.component) {
            (Some(kept), _) => kept,
            (None, bytes) => blocking(move || Ok(Source::of(bytes.unwrap_or_default()))).await?,
        };
        check_pin(spec, &component)?;
        let signature = match signer.key()? {
            Some(by) => {
                let good = signature::first_good(by, fetched.signatures, &component, &spec.component);
                Some((by.fingerprint(), good.await?))
            }
            None => None,
        };
        let kept = self.kept.keep(&spec.component, key, &component, signature).await;
        kept.map_err(|why| failed(spec, why))
    }

    /// Asks the web server or registry, for a bounded time.
    async fn ask(&self, spec: &PluginSpec, wanted: Wanted) -> Result<Fetched, LoadError> {
        // The semaphore is never closed.
        let _turn = self.turns.acquire().await.ok();
        tracing::info!(plugin = %spec.name, source = %spec.component, "fetching the component");
        let answer = async {
            match &spec.component {
                ComponentSource::Web(url) => web::fetch(url, wanted).await,
                ComponentSource::Oci(artifact) => oci::fetch(artifact, &self.logins, wanted).await,
                ComponentSource::File(_) => Err("it is a file".to_owned()),
            }
        };
        let answer = tokio::time::timeout(FETCH_TIMEOUT, answer).await;
        let timeout = || format!("it took longer than {} s", FETCH_TIMEOUT.as_secs());
        answer
            .map_err(|_| failed(spec, timeout()))?
            .map_err(|why| failed(spec, why))
    }

    /// Checks the signature that is kept beside a component, or for a file in `FILE.sig`.
    async fn check_signature(
        &self,
        spec: &PluginSpec,
        by: &Arc<Key>,
        component: &Source,
    ) -> Result<(), LoadError> {
        let Some(path) = spec.component.signature_file() else {
            let unfetched = || LoadError::Unfetched(format!("{} (its signature)", spec.component));
            let kept = self.kept.signature(key(spec)?, by.fingerprint()).await;
            let signed = kept.ok_or_else(unfetched)?;
            let checked = signature::first_good(by, vec![signed], component, &spec.component).await;
            return checked.map(drop).map_err(|_| unfetched());
        };
        let shown = path.display().to_string();
        let text = blocking(move || Ok(read_small(&path))).await?;
        let text = text.map_err(|error| {
            LoadError::Signature(format!("there is no signature: cannot read {shown}: {error}"))
        })?;
        signature::first_good(by, vec![Signed::bytes(text)], component, &spec.component)
            .await
            .map(drop)
    }

    /// Removes what was fetched for sections that are gone. Blocks.
    pub(super) fn sweep(&self, specs: &[Arc<PluginSpec>]) {
        let keys = specs.iter().filter_map(|spec| key(spec).ok());
        self.kept.sweep(&keys.collect());
    }
}

/// What names a fetched component among those that are kept: its own digest, or its artifact's.
fn key(spec: &PluginSpec) -> Result<&str, LoadError> {
    match &spec.component {
        ComponentSource::Oci(artifact) => Ok(&artifact.digest),
        ComponentSource::File(_) | ComponentSource::Web(_) => spec
            .sha256
            .as_deref()
            .ok_or_else(|| failed(spec, "the section has no `sha256`".to_owned())),
    }
}

fn failed(spec: &PluginSpec, why: String) -> LoadError {
    LoadError::Fetch {
        from: spec.component.to_string(),
        why,
    }
}

fn check_pin(spec: &PluginSpec, component: &Source) -> Result<(), LoadError> {
    match &spec.sha256 {
        Some(wanted) if !spec.allows_digest(&component.digest) => Err(LoadError::Pin {
            wanted: wanted.clone(),
            found: component.digest.clone(),
        }),
        _ => Ok(()),
    }
}

/// A signature or key, up to their bound. What is no file is not opened: a pipe would never answer.
fn read_small(path: &Path) -> std::io::Result<String> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is not a file"));
    }
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(MAX_SIGNATURE_BYTES)
        .read_to_string(&mut text)?;
    Ok(text)
}
