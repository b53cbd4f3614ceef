//! How much memory this process holds, and how much more it came to hold at its peak.
//!
//! A test that measures must be alone in its process: the peak is everybody's.

use std::fs;

/// Runs `work` and tells by how many KiB the peak rose above what was held before.
///
/// # Panics
/// There is no `/proc`.
pub async fn growth<T>(work: impl Future<Output = T>) -> (T, u64) {
    // 5 makes the present size the peak (proc(5)).
    fs::write("/proc/self/clear_refs", "5").expect("a process may reset its own peak");
    let before = kibibytes("VmRSS:");
    let result = work.await;
    (result, kibibytes("VmHWM:").saturating_sub(before))
}

fn kibibytes(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("a process can read its status");
    let line = status.lines().find(|line| line.starts_with(field)).expect("it has every field");
    let number = line.split_whitespace().nth(1).expect("a field has a value");
    number.parse().expect("a size is a number")
}
