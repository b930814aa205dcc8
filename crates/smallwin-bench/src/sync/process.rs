//! A server's process: its time and its memory, as the kernel counts them.

use std::fs;
use std::path::Path;

/// Ticks of `/proc/PID/stat` per second; Linux shows 100 to programs everywhere.
const TICKS_PER_SECOND: f64 = 100.0;
/// The two counts may differ by the ticks' size for each of user and system.
const TICK_US: f64 = 1e6 / TICKS_PER_SECOND;

/// Microseconds of user and system time of a process and the children it waited for.
///
/// `/proc/PID/stat` counts in steps of 10 ms. The scheduler's own sum over the threads that live is exact; it is taken
/// when it fits, that is when no thread ended.
pub(crate) fn cpu_us(pid: u32) -> f64 {
    let ticks = stat_us(pid);
    let exact = threads_us(pid);
    if (ticks - exact).abs() <= 3.0 * TICK_US {
        exact
    } else {
        ticks
    }
}

fn stat_us(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in parentheses may hold spaces.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = fields
        .split_whitespace()
        .skip(11)
        .take(4)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    ticks * 1e6 / TICKS_PER_SECOND
}

fn threads_us(pid: u32) -> f64 {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return 0.0;
    };
    let nanos: f64 = threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok())
        .filter_map(|text| text.split_whitespace().next()?.parse::<f64>().ok())
        .sum();
    nanos / 1e3
}

/// Bytes of memory in use now.
pub(crate) fn memory_bytes(pid: u32) -> f64 {
    status_bytes(pid, "VmRSS:")
}

/// Most bytes of memory that were ever in use.
pub(crate) fn memory_peak_bytes(pid: u32) -> f64 {
    status_bytes(pid, "VmHWM:")
}

fn status_bytes(pid: u32, field: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok())
        .unwrap_or(0.0)
        * 1024.0
}

/// Bytes of all files below a folder.
pub(crate) fn bytes_below(folder: &Path) -> f64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0.0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => bytes_below(&entry.path()),
            Ok(found) => found.len() as f64,
            Err(_) => 0.0,
        })
        .sum()
}
