//! From a file to a build that can run: read whole, digest, compile, check imports and exports,
//! ask `describe`, check the manifest. Each step that fails says what to mend.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use wasmtime::component::Component;

use super::abi::v0_1::{self, WorldPre};
use super::call;
use super::compiler::Grade;
use super::engine::Runtime;
use super::host::HostState;
use super::limits::{CpuMeter, Marks};
use super::manifest::Manifest;
use super::plugin::Settings;
use super::record::Recorder;
use super::schema::Schemas;
use super::secrets;
use super::source::Source;
use super::world;
use crate::domain::plugin::{PluginName, PluginSpec};
use crate::domain::time::Timestamp;
use crate::environment::Environment;
use crate::vault::Vault;

/// Memory `describe` may use: an interpreter fits, a bomb does not.
const DESCRIBE_MEMORY: u64 = 64 << 20;
/// Processor time `describe` may use. It returns a constant.
const DESCRIBE_CPU: Duration = Duration::from_millis(250);
/// Wall time `describe` may take; with the processor time bounded this only guards against waiting.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often `describe` is tried again while the pool has no room, and how long it waits between.
const FULL_POOL_TRIES: u32 = 100;
const FULL_POOL_WAIT: Duration = Duration::from_millis(100);
/// Bytes of output kept of `describe`, for the text of its panic.
const DESCRIBE_LOG: u64 = 4 << 10;

/// Why a component is not loaded. The texts are for the operator.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{0} is larger than 64 MiB")]
    TooLarge(String),
    #[error("the component has the SHA-256 {found}, but `sha256` in plugins.toml says {wanted}")]
    Pin { wanted: String, found: String },
    #[error(
        "the build {digest} in the file was rolled back at {at}: {why}; save another build, or take it back with \
         `hookyard plugins rollback {plugin} --undo`"
    )]
    RolledBack {
        digest: String,
        at: Timestamp,
        why: String,
        plugin: PluginName,
    },
    /// It is not here yet; whoever has a network fetches it.
    #[error("it is being fetched from {0}")]
    Unfetched(String),
    #[error("cannot fetch {from}: {why}; it is tried again every 30 s")]
    Fetch { from: String, why: String },
    #[error("its signature is not accepted: {0}")]
    Signature(String),
    #[error("{0}")]
    NotAComponent(String),
    #[error(
        "it imports `{0}`, which Hookyard does not provide; build it for the world hookyard:plugin/plugin@0.1.0"
    )]
    Import(String),
    #[error("it does not export `{0}`; build it for the world hookyard:plugin/plugin@0.1.0")]
    Export(&'static str),
    #[error("it does not fit the world hookyard:plugin/plugin@0.1.0: {0}")]
    World(String),
    #[error("`describe` failed: {0}")]
    Describe(String),
    #[error("its manifest is wrong: {0}")]
    Manifest(String),
    /// The operator's section and the manifest do not fit.
    #[error("{0}")]
    Settings(String),
    #[error("the pool of instances was full of runs; it is tried again every 30 s")]
    FullPool,
    #[error("the host failed while it loaded the component: {0}")]
    Host(String),
}

impl LoadError {
    /// Whether the same load may succeed later without anybody's doing.
    pub(super) fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Read { .. } | Self::Unfetched(_) | Self::Fetch { .. } | Self::FullPool | Self::Host(_)
        )
    }
}

/// How long the parts of a build took.
#[derive(Clone, Copy, Default)]
pub(super) struct Took {
    /// Compiling or reading the cache, and linking.
    pub(super) compile: Duration,
    /// `describe` and the check of the manifest.
    pub(super) describe: Duration,
}

/// A build that can run.
pub(super) struct Build {
    pub(super) digest: String,
    /// The interfaces it imports.
    pub(super) imports: Vec<String>,
    pub(super) manifest: Arc<Manifest>,
    pub(super) schemas: Arc<Schemas>,
    pub(super) world: WorldPre<HostState>,
    pub(super) grade: Grade,
    pub(super) took: Took,
}

/// What the operator's section means to a build. Without a vault, nothing is known of stored secrets.
pub(super) async fn settings(
    spec: &Arc<PluginSpec>,
    manifest: &Arc<Manifest>,
    schemas: &Arc<Schemas>,
    environment: &Arc<Environment>,
    vault: Option<&Vault>,
) -> Result<Settings, LoadError> {
    let urls = secrets::urls(&spec.grants, manifest, environment, vault).await;
    let (spec, manifest) = (Arc::clone(spec), Arc::clone(manifest));
    let (schemas, environment) = (Arc::clone(schemas), Arc::clone(environment));
    let made = move || Settings::of(&spec, &manifest, &schemas, &environment, &urls);
    blocking(move || made().map_err(LoadError::Settings)).await
}

/// Makes a build of a component's bytes; what is not in the cache is compiled into this grade.
pub(super) async fn build(runtime: &Arc<Runtime>, file: Source, grade: Grade) -> Result<Build, LoadError> {
    let begun = Instant::now();
    let (compiler, source) = (Arc::clone(runtime), file.clone());
    let (component, grade) = blocking(move || {
        check_preamble(&source.bytes)?;
        let component = compiler.component(&source.digest, &source.bytes, grade);
        component.map_err(|e| not_valid(&e))
    })
    .await?;
    let world = match link(runtime, &component) {
        Ok(world) => world,
        Err(error) => return Err(unlike_ours(&file, error).await),
    };
    let compile = begun.elapsed();
    let manifest = match describe(runtime, &world, grade).await {
        Ok(said) => Arc::new(said),
        Err(error @ LoadError::World(_)) => return Err(unlike_ours(&file, error).await),
        Err(error) => return Err(error),
    };
    let said = Arc::clone(&manifest);
    let schemas = blocking(move || said.check().map_err(LoadError::Manifest)).await?;
    Ok(Build {
        digest: file.digest,
        took: Took {
            compile,
            describe: begun.elapsed().saturating_sub(compile),
        },
        imports: imports(runtime, &component),
        manifest,
        schemas: Arc::new(schemas),
        world,
        grade,
    })
}

/// The optimised code of a build that serves as a draft. Blocks for seconds.
pub(super) fn optimise(
    runtime: &Runtime,
    digest: &str,
    bytes: &[u8],
) -> Result<WorldPre<HostState>, LoadError> {
    let component = runtime.optimise(digest, bytes);
    let component = component.map_err(|e| LoadError::Host(format!("{e:#}")))?;
    link(runtime, &component)
}

/// The error with what differs from the world spelled out, where that can be told.
async fn unlike_ours(file: &Source, error: LoadError) -> LoadError {
    let bytes = Arc::clone(&file.bytes);
    let told = blocking(move || Ok(world::differences(&bytes))).await;
    match told {
        Ok(Some(differences)) => LoadError::World(differences),
        _ => error,
    }
}

/// Does what would hold an async thread up.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| LoadError::Host(e.to_string()))?
}

/// The first eight bytes tell a component from a core module (component model, binary format).
fn check_preamble(bytes: &[u8]) -> Result<(), LoadError> {
    let said = match bytes.get(..8) {
        Some(b"\0asm\x0d\0\x01\0") => return Ok(()),
        Some(b"\0asm\x01\0\0\0") => {
            "it is a core WebAssembly module, not a component; build it for the target wasm32-wasip2"
        }
        Some([b'\0', b'a', b's', b'm', ..]) => {
            "it is a WebAssembly component of a version Hookyard does not know"
        }
        _ => "it is not a WebAssembly component (compiled code of another host is never loaded)",
    };
    Err(LoadError::NotAComponent(said.to_owned()))
}

fn not_valid(error: &wasmtime::Error) -> LoadError {
    LoadError::NotAComponent(format!("it is not a valid WebAssembly component: {error:#}"))
}

fn imports(runtime: &Runtime, component: &Component) -> Vec<String> {
    let ty = component.component_type();
    ty.imports(runtime.engine())
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Resolves the imports; the first that nobody provides is named.
fn link(runtime: &Runtime, component: &Component) -> Result<WorldPre<HostState>, LoadError> {
    if let Some(unknown) = imports(runtime, component)
        .into_iter()
        .find(|name| !provided(name))
    {
        return Err(LoadError::Import(unknown));
    }
    let ty = component.component_type();
    for export in ["describe", "handle"] {
        if ty.get_export(runtime.engine(), export).is_none() {
            return Err(LoadError::Export(export));
        }
    }
    let world = |e: wasmtime::Error| LoadError::World(format!("{e:#}"));
    let linked = runtime.linker().instantiate_pre(component).map_err(world)?;
    WorldPre::new(linked).map_err(world)
}

/// Whether an interface's package is one of those the linker has. The linker judges the rest; this
/// is here for a plain answer in the common case.
fn provided(import: &str) -> bool {
    const OURS: [&str; 7] = [
        "types",
        "manifest",
        "config",
        "log",
        "state",
        "secrets",
        "processes",
    ];
    const WASI: [&str; 7] = ["cli", "clocks", "filesystem", "http", "io", "random", "sockets"];
    let Some((name, version)) = import.split_once('@') else {
        return false;
    };
    if let Some(interface) = name.strip_prefix("hookyard:plugin/") {
        return OURS.contains(&interface) && version.starts_with("0.1.");
    }
    let wasi = name.strip_prefix("wasi:").and_then(|rest| rest.split_once('/'));
    wasi.is_some_and(|(package, _)| WASI.contains(&package)) && version.starts_with("0.2.")
}

/// Asks a build who it is, under tight limits and with every import refused. Waits while runs
/// leave no room for it.
async fn describe(
    runtime: &Runtime,
    world: &WorldPre<HostState>,
    grade: Grade,
) -> Result<Manifest, LoadError> {
    let _place = runtime.place().await;
    for _ in 0..FULL_POOL_TRIES {
        match ask(runtime, world, grade).await {
            Err(Unanswered::FullPool) => tokio::time::sleep(FULL_POOL_WAIT).await,
            Err(Unanswered::Failed(text)) => return Err(LoadError::Describe(text)),
            Err(Unanswered::NotStarted(text)) => return Err(LoadError::World(text)),
            Ok(said) => return Ok(said),
        }
    }
    Err(LoadError::FullPool)
}

/// Why `describe` gave no answer.
enum Unanswered {
    FullPool,
    /// It was not even called: the instance did not come to be, or its exports have other types.
    NotStarted(String),
    Failed(String),
}

async fn ask(runtime: &Runtime, world: &WorldPre<HostState>, grade: Grade) -> Result<Manifest, Unanswered> {
    let recorder = Arc::new(Recorder::new(DESCRIBE_LOG, 0));
    let marks = Arc::new(Marks::default());
    let meter = CpuMeter::new(grade.allows(DESCRIBE_CPU), Arc::clone(&marks));
    let state = HostState::for_describe(Arc::clone(&recorder), DESCRIBE_MEMORY, Arc::clone(&marks));
    let started = AtomicBool::new(false);
    let ask = meter.measure(async {
        let mut store = call::store(runtime.engine(), state, &meter);
        let plugin = world.instantiate_async(&mut store).await?;
        started.store(true, Ordering::Relaxed);
        plugin.call_describe(&mut store).await
    });
    match tokio::time::timeout(DESCRIBE_TIMEOUT, ask).await {
        Ok(Ok(said)) => Ok(v0_1::manifest(said)),
        Ok(Err(error)) if call::is_full_pool(&error) => Err(Unanswered::FullPool),
        Ok(Err(error)) => {
            let limit = marks.crossed(DESCRIBE_CPU, grade);
            let reason = call::reason(&error, &recorder.stderr_tail());
            match limit {
                Some(limit) => Err(Unanswered::Failed(format!("{limit}\n{reason}"))),
                None if started.load(Ordering::Relaxed) => Err(Unanswered::Failed(reason)),
                None => Err(Unanswered::NotStarted(reason)),
            }
        }
        Err(_elapsed) => {
            let allowed = humantime::format_duration(DESCRIBE_TIMEOUT);
            Err(Unanswered::Failed(format!("it was not done within {allowed}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_provided_is_known_by_name_and_version() {
        assert!(provided("hookyard:plugin/state@0.1.0"));
        assert!(provided("wasi:http/outgoing-handler@0.2.3"));
        assert!(!provided("hookyard:plugin/state@0.2.0"));
        assert!(!provided("wasi:keyvalue/store@0.2.0"));
        assert!(!provided("acme:thing/api@1.0.0"));
    }

    #[test]
    fn files_that_are_no_components_are_told_apart() {
        let said = |bytes: &[u8]| check_preamble(bytes).expect_err("no component").to_string();
        assert!(said(b"\0asm\x01\0\0\0").contains("core WebAssembly module"));
        assert!(said(b"\x7fELF\x02\x01\x01\0").contains("never loaded"));
        assert!(said(b"").contains("not a WebAssembly component"));
    }
}
