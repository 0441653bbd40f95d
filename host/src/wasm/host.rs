//! What a guest can reach: one module per imported interface, over the state of one call.

mod config;
mod http;
mod http_types;
mod log;
mod processes;
mod secrets;
mod state;
mod stdio;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use wasmtime::ResourceLimiter;
use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use self::http::Egress;
use self::stdio::Capture;
use super::abi::v0_1;
use super::limits::{InstanceLimits, Marks};
use super::manifest::{Manifest, SecretKind};
use super::plugin::{Plugin, Settings};
use super::record::Recorder;
use super::registry::RegistryDeps;
use super::standing::Standing;
use crate::domain::attempt::LogLevel;
use crate::domain::plugin::Limits;

/// Handles a guest may hold at once: streams, pollables, requests. A request takes about ten, so this is some
/// twenty at a time. What stands behind all of them together (64 KiB of header section, 64 KiB of path, two
/// chunks of a body) stays below what an instance may have by default.
const MAX_RESOURCES: usize = 256;
/// Questions of one run to the host's database: state, references of secrets, pages of processes. Each write is a
/// commit that intake waits for, and none costs the guest processor time; a full batch may ask thirty for each job.
const MAX_QUESTIONS: u32 = 2_000;
/// Bytes of one request's header section.
const MAX_HEADER_BYTES: usize = 64 << 10;
/// Bytes of randomness a guest may take at once.
const MAX_RANDOM_BYTES: u64 = 64 << 10;

/// What one run may use, beside what wasmtime keeps for it.
pub(super) struct RunContext {
    pub(super) standing: Arc<Standing>,
    pub(super) settings: Arc<Settings>,
    pub(super) limits: Limits,
    pub(super) manifest: Arc<Manifest>,
    pub(super) deps: Arc<RegistryDeps>,
    pub(super) recorder: Arc<Recorder>,
    /// The placeholders this run was given; at most one per secret of the manifest.
    pub(super) placeholders: Mutex<Vec<Placeholder>>,
    /// Bytes of request bodies that may still leave.
    pub(super) request_room: std::sync::atomic::AtomicU64,
    /// Bytes of responses that may still come.
    pub(super) response_room: std::sync::atomic::AtomicU64,
    /// What its requests are done for, in a trace.
    pub(super) span: tracing::Span,
    /// Questions to the database so far.
    questions: std::sync::atomic::AtomicU32,
}

/// A bound of the host's that a guest has passed; ends its run.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Passed(pub(super) String);

/// A word given to the guest in place of a secret.
#[derive(Clone, Debug)]
pub(super) struct Placeholder {
    pub(super) word: String,
    pub(super) secret: String,
    pub(super) kind: SecretKind,
}

impl Placeholder {
    /// Whether it stands somewhere in this text.
    pub(super) fn is_in(&self, text: &[u8]) -> bool {
        memchr::memmem::find(text, self.word.as_bytes()).is_some()
    }
}

impl RunContext {
    /// The context of one run of `plugin` with these settings.
    pub(super) fn new(
        plugin: &Plugin,
        settings: Arc<Settings>,
        limits: Limits,
        recorder: Arc<Recorder>,
    ) -> Self {
        Self {
            standing: Arc::clone(&plugin.standing),
            manifest: Arc::clone(&plugin.manifest),
            deps: Arc::clone(&plugin.deps),
            recorder,
            placeholders: Mutex::default(),
            request_room: limits.request_bytes.into(),
            response_room: limits.response_bytes.into(),
            span: tracing::Span::current(),
            questions: 0.into(),
            settings,
            limits,
        }
    }

    /// Wall time that is left to the run.
    pub(super) fn time_left(&self) -> Duration {
        self.limits.timeout.saturating_sub(self.recorder.elapsed())
    }
}

/// The state of one call's store. Without a context (`describe`) every import is refused.
pub(super) struct HostState {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    egress: Egress,
    limits: InstanceLimits,
    context: Option<Arc<RunContext>>,
}

impl HostState {
    /// State for a run.
    pub(super) fn for_run(context: Arc<RunContext>, memory: u64, marks: Arc<Marks>) -> Self {
        let recorder = Arc::clone(&context.recorder);
        Self::new(Some(context), recorder, memory, marks)
    }

    /// State for `describe`: nothing but its own memory.
    pub(super) fn for_describe(recorder: Arc<Recorder>, memory: u64, marks: Arc<Marks>) -> Self {
        Self::new(None, recorder, memory, marks)
    }

    fn new(
        context: Option<Arc<RunContext>>,
        recorder: Arc<Recorder>,
        memory: u64,
        marks: Arc<Marks>,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(MAX_HEADER_BYTES);
        // Deny all: no arguments, environment, files, sockets or name look-ups are added.
        let wasi = WasiCtx::builder()
            .stdout(Capture::new(Arc::clone(&recorder), LogLevel::Stdout))
            .stderr(Capture::new(recorder, LogLevel::Stderr))
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .max_random_size(MAX_RANDOM_BYTES)
            .build();
        Self {
            table,
            wasi,
            http,
            egress: Egress::new(context.clone()),
            limits: InstanceLimits::new(memory, marks),
            context,
        }
    }

    /// Counts a question to the host's database.
    fn asks(&self) -> wasmtime::Result<()> {
        let Some(run) = &self.context else { return Ok(()) };
        let asked = run.questions.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if asked < MAX_QUESTIONS {
            return Ok(());
        }
        Err(wasmtime::Error::new(Passed(format!(
            "questions: one run may ask for state, secrets and processes {MAX_QUESTIONS} times together"
        ))))
    }

    /// The limiter, as the store wants it.
    pub(super) fn limits(&mut self) -> &mut dyn ResourceLimiter {
        &mut self.limits
    }
}

impl WasiView for HostState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for HostState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.egress,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

impl v0_1::types::Host for HostState {}
impl v0_1::wit_manifest::Host for HostState {}

/// Everything a component may import. Files and sockets are there, because the standard library of
/// most languages imports them, and lead nowhere.
pub(super) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<HostState>> {
    type Own = HasSelf<HostState>;
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    http_types::add_to_linker(&mut linker)?;
    v0_1::types::add_to_linker::<_, Own>(&mut linker, |state| state)?;
    v0_1::wit_manifest::add_to_linker::<_, Own>(&mut linker, |state| state)?;
    v0_1::config::add_to_linker::<_, Own>(&mut linker, |state| state)?;
    v0_1::log::add_to_linker::<_, Own>(&mut linker, |state| state)?;
    v0_1::state::add_to_linker::<_, Own>(&mut linker, |state| state)?;
    v0_1::secrets::add_to_linker::<_, Own>(&mut linker, |state| state)?;
    v0_1::processes::add_to_linker::<_, Own>(&mut linker, |state| state)?;
    Ok(linker)
}
