//! One call of a plugin: a fresh store, the limits, and every way it can end told as a value.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use wasmtime::Store;

use super::abi::v0_1::{self, WorldPre};
use super::compiler::Grade;
use super::host::{HostState, Passed, RunContext};
use super::limits::{CpuMeter, Marks};
use super::plugin::Plugin;
use super::record::Recorder;
use super::text::tidy;
use super::{Ends, Job, Run, RunEnd};

/// Longest text of a trap, in bytes: a backtrace of twenty frames and a panic's words.
const MAX_TRAP_BYTES: usize = 8 << 10;

/// Bytes a guest may hand to the host in one call: twice the results of a full batch, 64 outputs of 64 KiB.
/// wasmtime's default of 128 MiB would let a guest make the host allocate more than its own limit.
pub(super) const HOSTCALL_BYTES: usize = 8 << 20;

/// How long a run waits that met a change of its plugin's section: a change takes less.
const CHANGE_WAIT: Duration = Duration::from_secs(1);

/// How long a run waits that met a full pool: other runs end meanwhile.
const POOL_WAIT: Duration = Duration::from_secs(1);

impl Plugin {
    /// Runs jobs in one call of a fresh instance; several only where the plugin welcomes batches. Every
    /// failure, the host's own included, is told as a [`RunEnd`].
    ///
    /// Waits for a place in the instance pool before its time begins to count.
    pub async fn run(&self, jobs: &[Job]) -> Run {
        let _place = self.runtime.place().await;
        let started = Instant::now();
        let in_force = self.standing.in_force();
        let settings = self.settings.load_full();
        if let Some(why) = self.misfit(&in_force, &settings) {
            return Run {
                ends: Ends::Whole(wait_for_change(why.to_owned())),
                duration: started.elapsed(),
                cpu: Duration::ZERO,
                memory_peak: 0,
                logs: Vec::new(),
                calls: Vec::new(),
                request_failed: false,
            };
        }
        self.first_run.begins();
        let limits = in_force.spec.limits.clone();
        let recorder = Arc::new(Recorder::new(limits.log_bytes, limits.requests));
        let marks = Arc::new(Marks::default());
        let linked = self.code.linked();
        let meter = CpuMeter::new(linked.grade.allows(limits.cpu), Arc::clone(&marks));
        let context = RunContext::new(self, settings, limits.clone(), Arc::clone(&recorder));
        let call = meter.measure(call(&linked.world, jobs, Arc::new(context), &meter, &marks));
        let call = AssertUnwindSafe(call).catch_unwind();
        let ends = match tokio::time::timeout(limits.timeout, call).await {
            Ok(Ok(Ok(ends))) => ends,
            Ok(Ok(Err(Failed::Host(text)))) => Ends::Whole(RunEnd::Host(text)),
            Ok(Ok(Err(Failed::Guest(error)))) => {
                Ends::Whole(trapped(&error, &marks, (limits.cpu, linked.grade), &recorder))
            }
            Ok(Err(_panic)) => Ends::Whole(RunEnd::Host(
                "the host failed while it ran the plugin; its log has the place".to_owned(),
            )),
            Err(_elapsed) => Ends::Whole(RunEnd::Limit(format!(
                "timeout: the run was not done within the {} it is allowed (limits.timeout)",
                humantime::format_duration(limits.timeout)
            ))),
        };
        let request_failed = recorder.request_failed();
        let (logs, calls) = recorder.finish();
        Run {
            ends: match ends {
                Ends::Whole(end) => Ends::Whole(self.unless_changed(in_force.edition, end)),
                Ends::Each(ends) => {
                    let ends = ends.into_iter();
                    Ends::Each(
                        ends.map(|end| self.unless_changed(in_force.edition, end))
                            .collect(),
                    )
                }
            },
            duration: started.elapsed(),
            cpu: meter.spent(),
            memory_peak: marks.memory_peak(),
            logs,
            calls,
            request_failed,
        }
    }

    /// A failure while config, grants or limits changed may stem from the change: it costs no
    /// attempt.
    fn unless_changed(&self, edition: u64, end: RunEnd) -> RunEnd {
        match end.failure() {
            Some(text) if self.standing.in_force().edition != edition => wait_for_change(format!(
                "{text}\nthe plugin's section of plugins.toml changed while it ran, so it runs again"
            )),
            _ => end,
        }
    }
}

async fn call(
    world: &WorldPre<HostState>,
    jobs: &[Job],
    context: Arc<RunContext>,
    meter: &Arc<CpuMeter>,
    marks: &Arc<Marks>,
) -> Result<Ends, Failed> {
    let jobs: Vec<_> = jobs
        .iter()
        .map(v0_1::job)
        .collect::<Result<_, _>>()
        .map_err(Failed::Host)?;
    let memory = context.limits.memory;
    let state = HostState::for_run(context, memory, Arc::clone(marks));
    let mut store = store(world.engine(), state, meter);
    let instance = world.instantiate_async(&mut store).await;
    let instance = instance.map_err(Failed::Guest)?;
    let results = instance.call_handle(&mut store, &jobs).await;
    let results = results.map_err(Failed::Guest)?;
    Ok(v0_1::ends(results, jobs.len()))
}

/// A store with every bound in place.
pub(super) fn store(engine: &wasmtime::Engine, state: HostState, meter: &Arc<CpuMeter>) -> Store<HostState> {
    let mut store = Store::new(engine, state);
    store.limiter(HostState::limits);
    store.set_hostcall_fuel(HOSTCALL_BYTES);
    meter.watch(&mut store);
    store
}

fn wait_for_change(reason: String) -> RunEnd {
    RunEnd::Defer {
        reason,
        after: CHANGE_WAIT,
    }
}

/// Why a call gave no results.
enum Failed {
    Host(String),
    Guest(wasmtime::Error),
}

fn trapped(error: &wasmtime::Error, marks: &Marks, cpu: (Duration, Grade), recorder: &Recorder) -> RunEnd {
    let reason = reason(error, &recorder.stderr_tail());
    if is_full_pool(error) {
        return RunEnd::Defer {
            reason: format!("the pool of instances is full: {reason}"),
            after: POOL_WAIT,
        };
    }
    if let Some(Passed(bound)) = error.downcast_ref::<Passed>() {
        return RunEnd::Limit(bound.clone());
    }
    match marks.crossed(cpu.0, cpu.1) {
        Some(limit) => RunEnd::Limit(format!("{limit}\n{reason}")),
        None => RunEnd::Trapped(reason),
    }
}

/// Whether there was no room for the instance. Nothing of the guest has run then.
pub(super) fn is_full_pool(error: &wasmtime::Error) -> bool {
    error.is::<wasmtime::PoolConcurrencyLimitError>()
}

/// The panic's words, then every cause from the root up, the backtrace among them.
pub(super) fn reason(error: &wasmtime::Error, stderr: &str) -> String {
    let mut causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    causes.reverse();
    causes.dedup();
    let mut text = causes.join("\n");
    if !stderr.is_empty() {
        text = format!("{}\n{text}", tidy(stderr, MAX_TRAP_BYTES / 2));
    }
    tidy(&text, MAX_TRAP_BYTES)
}
