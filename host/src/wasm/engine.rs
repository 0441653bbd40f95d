//! The engine: how components are compiled and where their instances live.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Once};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use super::compiler::{Compiler, Grade};
use super::host::{self, HostState};

/// How often a running guest yields, and how exact the CPU limit is.
const TICK: Duration = Duration::from_millis(10);

/// Runs at the same time on this node, over all plugins. Bounds the pool, and with it the address
/// space that is reserved: 4 GiB for each memory, of which only what is touched is real.
const MAX_RUNS: u32 = 256;
/// Core instances of all runs together: those of Rust components have about four. A component may
/// have more than its share; a run that finds no room waits.
const CORE_INSTANCES: u32 = MAX_RUNS * 16;
/// Core instances a component may have. componentize-py makes about 30.
pub(super) const INSTANCES_PER_COMPONENT: u32 = 64;
/// Linear memories a component may have.
pub(super) const MEMORIES_PER_COMPONENT: u32 = 8;
/// Tables a component may have.
pub(super) const TABLES_PER_COMPONENT: u32 = 32;
/// Elements of one table. Python's interpreter needs about 20,000.
pub(super) const TABLE_ELEMENTS: usize = 100_000;
/// Bytes of one memory that stay with a slot when its instance ends. Most guests touch less, and
/// then nothing has to be mapped again: three times the throughput of 0.
const KEEP_RESIDENT: usize = 2 << 20;
/// Slots that stay warm while nobody uses them: what a quiet server keeps in memory.
const WARM_SLOTS: u32 = 16;
/// Bytes of native stack for guest code; host calls run above it on the same stack.
const WASM_STACK: usize = 512 << 10;
/// Bytes of the stack that each run has.
const ASYNC_STACK: usize = 2 << 20;

/// Why there is no runtime.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine cannot start: {0}")]
pub struct RuntimeError(String);

/// How much runs at the same time on this node.
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    /// Runs over all plugins.
    pub runs: u32,
    /// Core instances of all runs together.
    pub core_instances: u32,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            runs: MAX_RUNS,
            core_instances: CORE_INSTANCES,
        }
    }
}

/// Compiles components and holds what every instance needs. One per process.
pub struct Runtime {
    engine: Engine,
    compiler: Compiler,
    linker: Linker<HostState>,
    places: Semaphore,
    pooled: bool,
}

impl Runtime {
    /// A runtime that compiles everything anew: for a look at a component.
    ///
    /// # Errors
    /// When the engine cannot start.
    pub fn new() -> Result<Arc<Self>, RuntimeError> {
        Self::start(None, Pool::default())
    }

    /// A runtime that keeps compiled code in `<data dir>/cache`.
    ///
    /// # Errors
    /// When the engine cannot start. A cache that cannot be used is only slower: it warns.
    pub fn with_cache(data_dir: &Path) -> Result<Arc<Self>, RuntimeError> {
        Self::with_pool(data_dir, Pool::default())
    }

    /// The same with another pool.
    ///
    /// # Errors
    /// When the engine cannot start.
    pub fn with_pool(data_dir: &Path, pool: Pool) -> Result<Arc<Self>, RuntimeError> {
        Self::start(Some(data_dir), pool)
    }

    /// Starts the engine and its clock. Where the address space is too short for the pool
    /// (a container's limit), instances are made one by one, and the log says so once.
    fn start(data_dir: Option<&Path>, pool: Pool) -> Result<Arc<Self>, RuntimeError> {
        let fail = |e: wasmtime::Error| RuntimeError(format!("{e:#}"));
        let (engine, pooled) = match Engine::new(&config(Some(pool))) {
            Ok(engine) => (engine, true),
            Err(error) => {
                warn_once(&error);
                (Engine::new(&config(None)).map_err(fail)?, false)
            }
        };
        let linker = host::linker(&engine).map_err(fail)?;
        tick(&engine).map_err(|e| RuntimeError(format!("its clock's thread cannot start: {e}")))?;
        let compiler = Compiler::new(&config(None), data_dir, &engine).map_err(fail)?;
        Ok(Arc::new(Self {
            engine,
            compiler,
            linker,
            places: Semaphore::new(pool.runs as usize),
            pooled,
        }))
    }

    /// Whether instances come from the pool.
    #[must_use]
    pub const fn pooled(&self) -> bool {
        self.pooled
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn linker(&self) -> &Linker<HostState> {
        &self.linker
    }

    /// Waits for a place among the instances.
    pub(super) async fn place(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.places.acquire().await.ok()
    }

    /// The component of these bytes, compiled before, or now into this grade. Takes seconds of processor
    /// time: not for async threads.
    pub(super) fn component(
        &self,
        digest: &str,
        bytes: &[u8],
        grade: Grade,
    ) -> wasmtime::Result<(Component, Grade)> {
        self.compiler.component(&self.engine, digest, bytes, grade)
    }

    /// The component of these bytes that serves as a draft, optimised. Leaves processors to others. Takes
    /// seconds: not for async threads.
    pub(super) fn optimise(&self, digest: &str, bytes: &[u8]) -> wasmtime::Result<Component> {
        self.compiler.optimise(&self.engine, digest, bytes)
    }

    /// Removes the compiled code of components that are not among these. Blocks.
    pub(super) fn sweep_cache(&self, digests: &BTreeSet<String>) {
        self.compiler.sweep(digests);
    }
}

fn config(pool: Option<Pool>) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .epoch_interruption(true)
        .consume_fuel(false)
        .cranelift_opt_level(OptLevel::Speed)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(ASYNC_STACK);
    if let Some(pool) = pool {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling(pool)));
    }
    config
}

fn pooling(pool: Pool) -> PoolingAllocationConfig {
    let mut config = PoolingAllocationConfig::new();
    config
        .total_component_instances(pool.runs)
        .total_core_instances(pool.core_instances)
        .total_memories(pool.runs.saturating_mul(2))
        .total_tables(pool.runs.saturating_mul(4))
        .total_stacks(pool.runs)
        .max_core_instances_per_component(INSTANCES_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .table_elements(TABLE_ELEMENTS)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .max_unused_warm_slots(WARM_SLOTS);
    config
}

fn warn_once(error: &wasmtime::Error) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        tracing::warn!(
            error = format!("{error:#}"),
            "the instance pool does not fit the address space; instances are made one by one, which is slower. \
             Raise the limit (ulimit -v, RLIMIT_AS) to mend it"
        );
    });
}

/// Moves the epoch on from a thread of its own, so that a spinning guest cannot hold the clock
/// that stops it. The thread ends when the engine is gone.
fn tick(engine: &Engine) -> std::io::Result<()> {
    let weak = engine.weak();
    std::thread::Builder::new()
        .name("wasm-epoch".to_owned())
        .spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        })
        .map(drop)
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Runtime(pooled: {})", self.pooled)
    }
}
