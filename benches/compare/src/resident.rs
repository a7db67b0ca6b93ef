//! Resident memory.

use std::fs;

pub(crate) const MIB: f64 = 1024.0 * 1024.0;

/// Bytes of the process that are in memory. Not a number where the system is not Linux.
pub(crate) fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    line.and_then(|kib| kib.parse::<f64>().ok())
        .map_or(f64::NAN, |kib| kib * 1024.0)
}
