//! What one run may use: memory of the whole instance, and time on a processor.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use wasmtime::{ResourceLimiter, Store, UpdateDeadline};

use super::compiler::Grade;
use super::engine::{INSTANCES_PER_COMPONENT, MEMORIES_PER_COMPONENT, TABLE_ELEMENTS, TABLES_PER_COMPONENT};
use super::text;

/// Elements of all tables of an instance together: twice what the pool gives to one.
const MAX_TABLE_ELEMENTS: usize = 2 * TABLE_ELEMENTS;
/// Which limits a run has crossed. Readable after the store is gone.
#[derive(Default)]
pub(super) struct Marks {
    memory: OnceLock<String>,
    cpu: AtomicBool,
    memory_peak: AtomicU64,
}

impl Marks {
    /// The most memory the instance had, in bytes.
    pub(super) fn memory_peak(&self) -> u64 {
        self.memory_peak.load(Ordering::Relaxed)
    }

    /// The limit that explains why a run on such code failed, if one does; `cpu` is its limit.
    pub(super) fn crossed(&self, cpu: Duration, grade: Grade) -> Option<String> {
        if self.cpu.load(Ordering::Acquire) {
            return Some(format!(
                "cpu: the run kept a processor busy for more than the {} it is allowed ({})",
                humantime::format_duration(grade.allows(cpu)),
                grade.allowed_by()
            ));
        }
        self.memory.get().cloned()
    }
}

/// Bounds an instance. The bound holds for the sum over its memories, not for each.
pub(super) struct InstanceLimits {
    memory: u64,
    used: u64,
    last_growth: u64,
    elements: usize,
    marks: Arc<Marks>,
}

impl InstanceLimits {
    /// Allows `memory` bytes; what is refused is noted in `marks`.
    pub(super) fn new(memory: u64, marks: Arc<Marks>) -> Self {
        Self {
            memory,
            used: 0,
            last_growth: 0,
            elements: 0,
            marks,
        }
    }
}

impl ResourceLimiter for InstanceLimits {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current) as u64;
        let wanted = self.used.saturating_add(growth);
        if wanted > self.memory {
            // Only the first refusal is kept: it is the one the failure stems from.
            let _ = self.marks.memory.set(format!(
                "memory: the instance asked for {} of {} (limits.memory)",
                text::bytes(wanted),
                text::bytes(self.memory)
            ));
            return Ok(false);
        }
        self.used = wanted;
        self.marks.memory_peak.fetch_max(wanted, Ordering::Relaxed);
        self.last_growth = growth;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.used = self.used.saturating_sub(std::mem::take(&mut self.last_growth));
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let wanted = self.elements.saturating_add(desired.saturating_sub(current));
        let fits = wanted <= MAX_TABLE_ELEMENTS;
        if fits {
            self.elements = wanted;
        }
        Ok(fits)
    }

    fn instances(&self) -> usize {
        INSTANCES_PER_COMPONENT as usize
    }

    fn tables(&self) -> usize {
        TABLES_PER_COMPONENT as usize
    }

    fn memories(&self) -> usize {
        MEMORIES_PER_COMPONENT as usize
    }
}

/// Counts the processor time of one run: the time its future is being polled, by the clock of the
/// polling thread. Waiting costs nothing, and neither does a busy machine.
pub(super) struct CpuMeter {
    limit: Duration,
    spent_nanos: AtomicU64,
    poll_began_nanos: AtomicU64,
    marks: Arc<Marks>,
}

impl CpuMeter {
    /// A meter that allows `limit`.
    pub(super) fn new(limit: Duration, marks: Arc<Marks>) -> Arc<Self> {
        Arc::new(Self {
            limit,
            spent_nanos: AtomicU64::new(0),
            poll_began_nanos: AtomicU64::new(0),
            marks,
        })
    }

    /// Makes `store` yield at every tick of the engine's epoch, and trap once the limit is passed.
    pub(super) fn watch<T: 'static>(self: &Arc<Self>, store: &mut Store<T>) {
        let meter = Arc::clone(self);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            if meter.spent_now() >= meter.limit {
                meter.marks.cpu.store(true, Ordering::Release);
                return Ok(UpdateDeadline::Interrupt);
            }
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
        });
    }

    /// Runs `future` under the meter.
    pub(super) async fn measure<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        std::future::poll_fn(|context| {
            self.poll_began_nanos.store(thread_nanos(), Ordering::Relaxed);
            let polled: Poll<F::Output> = future.as_mut().poll(context);
            let spent = thread_nanos().saturating_sub(self.poll_began_nanos.load(Ordering::Relaxed));
            self.spent_nanos.fetch_add(spent, Ordering::Relaxed);
            polled
        })
        .await
    }

    /// Time spent in the polls that have ended.
    pub(super) fn spent(&self) -> Duration {
        Duration::from_nanos(self.spent_nanos.load(Ordering::Relaxed))
    }

    /// Time spent up to now; only meaningful within a poll, on the polling thread.
    fn spent_now(&self) -> Duration {
        let poll = thread_nanos().saturating_sub(self.poll_began_nanos.load(Ordering::Relaxed));
        Duration::from_nanos(self.spent_nanos.load(Ordering::Relaxed).saturating_add(poll))
    }
}

/// Processor time of this thread, in nanoseconds.
fn thread_nanos() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

#[cfg(test)]
mod instances;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_bound_holds_for_the_sum_of_all_memories() {
        let marks = Arc::new(Marks::default());
        let mut limits = InstanceLimits::new(100, Arc::clone(&marks));
        assert!(limits.memory_growing(0, 60, None).expect("an answer"));
        assert!(!limits.memory_growing(0, 60, None).expect("an answer"));
        assert!(limits.memory_growing(0, 40, None).expect("an answer"));
        let said = marks.crossed(Duration::ZERO, Grade::Optimised).expect("a mark");
        assert!(
            said.starts_with("memory: the instance asked for 120 bytes of 100 bytes"),
            "{said}"
        );
    }

    #[test]
    fn a_failed_growth_is_given_back() {
        let mut limits = InstanceLimits::new(100, Arc::default());
        assert!(limits.memory_growing(0, 60, None).expect("an answer"));
        limits
            .memory_grow_failed(wasmtime::Error::msg("no pages"))
            .expect("no trap");
        assert!(limits.memory_growing(0, 100, None).expect("an answer"));
    }
}
