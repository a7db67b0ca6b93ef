//! Empties the processor's caches by reading something else.

use std::fs;
use std::hint::black_box;
use std::path::Path;

/// Where the system says nothing about its caches.
const DEFAULT_L2: usize = 1 << 20;
const DEFAULT_L3: usize = 32 << 20;

/// No cache has shorter lines.
const LINE: usize = 64;

pub(crate) struct Caches {
    l2: usize,
    l3: usize,
    other: Vec<u8>,
}

impl Caches {
    pub(crate) fn new() -> Self {
        let (l2, l3) = (size(2).unwrap_or(DEFAULT_L2), size(3).unwrap_or(DEFAULT_L3));
        Self {
            l2,
            l3,
            // Not of zeros: their pages would all be the same one.
            other: vec![1; past_l2(l2).max(past_l3(l3))],
        }
    }

    /// Leaves in the second-level cache and nearer nothing of what was there. The third level has it still.
    pub(crate) fn empty_l2(&self) {
        self.read(past_l2(self.l2));
    }

    /// Leaves in no cache anything of what was there.
    pub(crate) fn empty_l3(&self) {
        self.read(past_l3(self.l3));
    }

    fn read(&self, bytes: usize) {
        let lines = self.other[..bytes].iter().step_by(LINE);
        black_box(lines.map(|&byte| u64::from(byte)).sum::<u64>());
    }

    /// The buffer that is read, and the sizes of the caches.
    pub(crate) fn describe(&self) -> String {
        let mib = |bytes| bytes as f64 / f64::from(1 << 20);
        format!(
            "after reading {} MiB (L2 has {}) or {} MiB (L3 has {})",
            mib(past_l2(self.l2)),
            mib(self.l2),
            mib(past_l3(self.l3)),
            mib(self.l3)
        )
    }
}

/// So much that, wherever its pages lie, each set of the cache is replaced.
fn past_l2(l2: usize) -> usize {
    4 * l2
}

fn past_l3(l3: usize) -> usize {
    2 * l3
}

/// The first processor's cache of this level for data.
fn size(level: u8) -> Option<usize> {
    let caches = fs::read_dir("/sys/devices/system/cpu/cpu0/cache").ok()?;
    caches
        .flatten()
        .find(|cache| is_data_cache(&cache.path(), level))
        .and_then(|cache| parse_size(&read(&cache.path(), "size")?))
}

fn is_data_cache(cache: &Path, level: u8) -> bool {
    read(cache, "level") == Some(level.to_string())
        && read(cache, "type").is_some_and(|kind| kind != "Instruction")
}

fn read(cache: &Path, file: &str) -> Option<String> {
    Some(fs::read_to_string(cache.join(file)).ok()?.trim().to_owned())
}

/// As the kernel writes sizes: `1024K`.
fn parse_size(text: &str) -> Option<usize> {
    let (number, unit) = match text.strip_suffix('K') {
        Some(number) => (number, 1 << 10),
        None => (text, 1),
    };
    number.parse::<usize>().ok()?.checked_mul(unit)
}
