//! Baseline (d): the same component under bare wasmtime: a pool of instances, a store, instantiate, call. No limits, no
//! record, no clock beside; what a plugin asks for answers as quickly as it can.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hookyard::domain::id::{DeliveryId, EventId};
use wasmtime::component::{Component, HasSelf, Linker, ResourceTable};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::meter;
use crate::row::figure;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "hookyard:plugin/plugin",
        imports: { default: async | trappable },
        exports: { default: async },
        require_store_data_send: true,
        with: {
            "wasi:io": wasmtime_wasi::p2::bindings::io,
            "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
            "wasi:http": wasmtime_wasi_http::p2::bindings::http,
        },
    });
}

use bindings::PluginPre;
use bindings::hookyard::plugin::{config, log, manifest, types};

/// Slots of the pool: more than there are processors, fewer than would cost address space.
const SLOTS: u32 = 64;
/// Core instances, memories and tables of all slots together: as many for each as a Rust component has, and more.
const CORE_INSTANCES: u32 = SLOTS * 16;
const MEMORIES: u32 = SLOTS * 2;
const TABLES: u32 = SLOTS * 4;
/// As the host's pool keeps it.
const KEEP_RESIDENT: usize = 2 << 20;
/// As the host's pool allows.
const TABLE_ELEMENTS: usize = 100_000;

/// What a guest asks for.
struct State {
    table: ResourceTable,
    wasi: WasiCtx,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl types::Host for State {}
impl manifest::Host for State {}

impl config::Host for State {
    async fn get(&mut self) -> wasmtime::Result<String> {
        Ok("{}".to_owned())
    }
}

impl log::Host for State {
    async fn write(&mut self, _level: log::Level, _message: String) -> wasmtime::Result<()> {
        Ok(())
    }
}

/// A compiled component, ready to be instantiated.
pub struct Bare {
    engine: Engine,
    world: PluginPre<State>,
}

/// What calls took.
#[derive(Clone, Copy, Debug)]
pub struct Calls {
    pub count: u64,
    /// Wall time of all of them on all processors.
    pub wall: Duration,
    pub cores: usize,
}

impl Calls {
    /// Calls a second over all processors.
    pub fn per_second(&self) -> f64 {
        figure(self.count) / self.wall.as_secs_f64()
    }

    /// Time of one on one processor, in µs.
    pub fn each_us(&self) -> f64 {
        self.wall.as_secs_f64() * 1e6 * figure(self.cores as u64) / figure(self.count)
    }
}

impl Bare {
    /// Compiles the component in this file.
    ///
    /// # Errors
    /// When there is no engine, or the component does not fit the world.
    pub fn new(file: &Path) -> anyhow::Result<Arc<Self>> {
        let engine = Engine::new(&settings()).map_err(told)?;
        let component = Component::from_file(&engine, file).map_err(told)?;
        let world = linker(&engine).and_then(|linker| PluginPre::new(linker.instantiate_pre(&component)?));
        let world = world.map_err(told)?;
        Ok(Arc::new(Self { engine, world }))
    }

    /// One call of a fresh instance.
    ///
    /// # Errors
    /// When the plugin fails: a figure of failures would say nothing.
    pub async fn call(&self, body: &[u8]) -> anyhow::Result<()> {
        let mut store = self.store();
        let instance = self.world.instantiate_async(&mut store).await.map_err(told)?;
        let results = instance.call_handle(&mut store, &[job(body)]).await;
        succeeded(&results.map_err(told)?)
    }

    /// Calls of one instance, one after the other: what an instance that could be used again would save. The time of
    /// one.
    ///
    /// # Errors
    /// As [`Bare::call`].
    pub async fn reused(&self, body: &[u8], times: u32) -> anyhow::Result<Duration> {
        let mut store = self.store();
        let instance = self.world.instantiate_async(&mut store).await.map_err(told)?;
        let began = Instant::now();
        for _ in 0..times {
            let results = instance.call_handle(&mut store, &[job(body)]).await;
            succeeded(&results.map_err(told)?)?;
        }
        Ok(began.elapsed() / times.max(1))
    }

    fn store(&self) -> Store<State> {
        let state = State {
            table: ResourceTable::new(),
            wasi: WasiCtx::builder().build(),
        };
        Store::new(&self.engine, state)
    }

    /// Calls on all processors for so long, after a short warm-up.
    ///
    /// # Errors
    /// As [`Bare::call`].
    pub async fn calls(self: &Arc<Self>, body: &Arc<[u8]>, window: Duration) -> anyhow::Result<Calls> {
        self.round(body, window / 4).await?;
        self.round(body, window).await
    }

    async fn round(self: &Arc<Self>, body: &Arc<[u8]>, window: Duration) -> anyhow::Result<Calls> {
        let (count, began) = (Arc::new(AtomicU64::new(0)), Instant::now());
        let cores = meter::cores();
        let callers: Vec<_> = (0..cores)
            .map(|_| {
                let (bare, body, count) = (self.clone(), body.clone(), count.clone());
                tokio::spawn(async move {
                    while began.elapsed() < window {
                        bare.call(&body).await?;
                        count.fetch_add(1, Ordering::Relaxed);
                        // A call that never waits would keep the thread from the other caller.
                        tokio::task::yield_now().await;
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        for caller in callers {
            caller.await.context("a caller")??;
        }
        Ok(Calls {
            count: count.load(Ordering::Relaxed),
            wall: began.elapsed(),
            cores,
        })
    }
}

/// What the measured components import: requests, state and secrets are not among it.
fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker: Linker<State> = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    types::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    manifest::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    config::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    log::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    Ok(linker)
}

fn succeeded(results: &[Result<types::Outcome, types::Failure>]) -> anyhow::Result<()> {
    ensure!(matches!(results, [Ok(_)]), "the plugin failed");
    Ok(())
}

/// The engine's errors are of a kind of their own.
fn told(error: wasmtime::Error) -> anyhow::Error {
    anyhow::Error::from_boxed(error.into())
}

fn settings() -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(SLOTS)
        .total_core_instances(CORE_INSTANCES)
        .total_memories(MEMORIES)
        .total_tables(TABLES)
        .total_stacks(SLOTS)
        .table_elements(TABLE_ELEMENTS)
        .linear_memory_keep_resident(KEEP_RESIDENT);
    let mut settings = Config::new();
    settings
        .wasm_component_model(true)
        .cranelift_opt_level(OptLevel::Speed)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    settings
}

/// A webhook, as the host says it.
fn job(body: &[u8]) -> types::Job {
    types::Job {
        trigger: types::Trigger::Webhook(types::Event {
            id: EventId::generate().to_string(),
            source: "bench".to_owned(),
            event_type: "push".to_owned(),
            received_at: 0,
            content_type: "application/json".to_owned(),
            headers: Vec::new(),
            body: body.to_vec(),
        }),
        delivery: types::Delivery {
            id: DeliveryId::generate().to_string(),
            attempt: 1,
        },
    }
}
