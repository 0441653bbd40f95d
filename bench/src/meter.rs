//! What processes use, read from Linux's `/proc`, and what this machine is.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::row::figure;

/// What a process has used and holds.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Processor time since its start, in steps of 10 ms.
    pub cpu: Duration,
    /// Resident memory, in KiB.
    pub resident_kib: u64,
    pub threads: u64,
    pub descriptors: u64,
}

/// What a process uses now.
///
/// # Errors
/// When it is gone.
pub fn usage(id: u32) -> anyhow::Result<Usage> {
    let root = PathBuf::from(format!("/proc/{id}"));
    let read = |name: &str| {
        let file = root.join(name);
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
    };
    let status = read("status")?;
    let number = |key: &str| -> anyhow::Result<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let word = line.and_then(|line| line.split_whitespace().next());
        word.with_context(|| format!("no {key}"))?
            .parse()
            .with_context(|| key.to_owned())
    };
    Ok(Usage {
        cpu: cpu_of(&read("stat")?)?,
        resident_kib: number("VmRSS:")?,
        threads: number("Threads:")?,
        descriptors: fs::read_dir(root.join("fd")).context("its descriptors")?.count() as u64,
    })
}

/// Of several processes together, such as a service's workers.
///
/// # Errors
/// When the first of them is gone; others may come and go.
pub fn usage_of_tree(id: u32) -> anyhow::Result<Usage> {
    let mut sum = usage(id)?;
    for child in children(id) {
        if let Ok(more) = usage_of_tree(child) {
            sum.cpu += more.cpu;
            sum.resident_kib += more.resident_kib;
            sum.threads += more.threads;
            sum.descriptors += more.descriptors;
        }
    }
    Ok(sum)
}

fn children(id: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    list.split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect()
}

/// User and system time in the text of `/proc/PID/stat`.
fn cpu_of(stat: &str) -> anyhow::Result<Duration> {
    // The name in brackets may hold spaces: fields are counted from behind it, the state being the third.
    let (_, rest) = stat.rsplit_once(')').context("no name in stat")?;
    let ticks = |field: usize| -> anyhow::Result<u64> {
        let word = rest
            .split_whitespace()
            .nth(field - 3)
            .context("too few fields in stat")?;
        Ok(word.parse()?)
    };
    let per_second = rustix::param::clock_ticks_per_second();
    let ticks = ticks(14)? + ticks(15)?;
    Ok(Duration::from_secs_f64(figure(ticks) / figure(per_second)))
}

/// Processor time of this thread.
pub fn this_thread() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0))
}

/// Processors that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// MiB of a count of KiB.
pub fn mib(kib: u64) -> f64 {
    figure(kib) / 1024.0
}

/// Bytes of a file, or zero while it is not there.
pub fn bytes(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |file| file.len())
}

/// The machine, for whoever compares two results.
pub fn machine() -> Value {
    let line = |file: &str, key: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(key));
        let value = line
            .and_then(|line| line.split_once(':'))
            .map(|(_, value)| value.trim().to_owned());
        value.unwrap_or_default()
    };
    json!({
        "cores": cores(),
        "processor": line("/proc/cpuinfo", "model name"),
        "memory": line("/proc/meminfo", "MemTotal"),
        "kernel": fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_a_strange_name_is_read() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 1 0 100 0 0";
        let per_second = figure(rustix::param::clock_ticks_per_second());
        let cpu = cpu_of(stat).expect("a time");
        assert!((cpu.as_secs_f64() - 200.0 / per_second).abs() < 1e-9);
    }

    #[test]
    fn this_process_uses_something() {
        let usage = usage(std::process::id()).expect("us");
        assert!(usage.resident_kib > 0 && usage.threads > 0 && usage.descriptors > 0);
    }
}
