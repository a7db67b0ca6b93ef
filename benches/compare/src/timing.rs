//! Clocks, interleaved rounds, and the tables that come of them.

use std::hint::black_box;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// What one contender took: a number a round.
#[derive(Clone, Default)]
pub(crate) struct Times(Vec<f64>);

impl Times {
    /// Takes a time, unless it is not a number: then there was nothing to measure.
    pub(crate) fn push(&mut self, time: f64) {
        self.0.extend((!time.is_nan()).then_some(time));
    }

    pub(crate) fn min(&self) -> f64 {
        self.quantiles([0.0])[0]
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantiles([0.5])[0]
    }

    /// The mean of the half that is in the middle; not a number if there are no times.
    pub(crate) fn middle_mean(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let quarter = sorted.len() / 4;
        let middle = &sorted[quarter..sorted.len() - quarter];
        middle.iter().sum::<f64>() / middle.len() as f64
    }

    /// By nearest rank; not a number if there are no times.
    pub(crate) fn quantiles<const N: usize>(&self, of: [f64; N]) -> [f64; N] {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1) as f64;
        of.map(|q| {
            sorted
                .get((q * last).round() as usize)
                .copied()
                .unwrap_or(f64::NAN)
        })
    }
}

/// A contender: a round of it yields one number for each of `N` columns.
pub(crate) struct Entry<'a, const N: usize> {
    name: String,
    round: Box<dyn FnMut() -> [f64; N] + 'a>,
}

impl<'a, const N: usize> Entry<'a, N> {
    pub(crate) fn new(name: impl Into<String>, round: impl FnMut() -> [f64; N] + 'a) -> Self {
        Self {
            name: name.into(),
            round: Box::new(round),
        }
    }
}

/// All rounds of a contender, by column.
pub(crate) struct Row<const N: usize> {
    pub(crate) name: String,
    pub(crate) times: [Times; N],
}

/// Runs every contender once in each round, so that whatever else the machine does hits them alike.
pub(crate) fn interleave<const N: usize>(
    rounds: usize,
    mut entries: Vec<Entry<'_, N>>,
) -> Vec<Row<N>> {
    let mut rows: Vec<Row<N>> = entries
        .iter()
        .map(|e| Row {
            name: e.name.clone(),
            times: std::array::from_fn(|_| Times::default()),
        })
        .collect();
    for _ in 0..rounds {
        for (entry, row) in entries.iter_mut().zip(&mut rows) {
            let round = (entry.round)();
            row.times
                .iter_mut()
                .zip(round)
                .for_each(|(times, time)| times.push(time));
        }
    }
    rows
}

/// Prints a title, a header and rows of a name and numbers, aligned.
pub(crate) fn print_table(
    title: &str,
    columns: &[&str],
    rows: impl IntoIterator<Item = (String, Vec<f64>)>,
) {
    println!("\n{title}");
    print!("{:<44}", "");
    columns.iter().for_each(|column| print!("{column:>13}"));
    println!();
    for (name, numbers) in rows {
        print!("{name:<44}");
        numbers
            .iter()
            .for_each(|number| print!("{:>13}", shorten(*number)));
        println!();
    }
}

/// The minimum and the median of each column.
pub(crate) fn print_min_median<const N: usize>(title: &str, rows: Vec<Row<N>>) {
    let numbers = |row: Row<N>| {
        row.times
            .iter()
            .flat_map(|times| [times.min(), times.median()])
            .collect()
    };
    let rows = rows.into_iter().map(|row| (row.name.clone(), numbers(row)));
    print_table(title, &["min", "median"].repeat(N), rows);
}

/// As many decimals as mean something; a dash if it is not a number.
fn shorten(number: f64) -> String {
    match number.abs() {
        none if none.is_nan() => "-".to_owned(),
        tiny if tiny < 0.1 => format!("{number:.3}"),
        small if small < 10.0 => format!("{number:.2}"),
        middle if middle < 1000.0 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

/// Nanoseconds for each of `n` things that took this long.
pub(crate) fn ns_each(time: Duration, n: usize) -> f64 {
    time.as_nanos() as f64 / n as f64
}

/// The finest clock there is: the time-stamp counter on x86-64, nanoseconds elsewhere.
#[inline(always)]
pub(crate) fn ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has the instruction, and it touches no memory.
    return unsafe { core::arch::x86_64::_rdtsc() };
    #[cfg(not(target_arch = "x86_64"))]
    {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        ORIGIN.get_or_init(Instant::now).elapsed().as_nanos() as u64
    }
}

/// As [`ticks`], when everything before has ended, stores included, and before anything after begins.
#[inline(always)]
pub(crate) fn ticks_in_order() -> u64 {
    // Waits for stores. A fence would wait for what the processor fetches on a guess as well, on some for 100 ns.
    black_box(&AtomicU64::new(0)).fetch_add(1, SeqCst);
    wait_for_loads();
    let now = ticks();
    wait_for_loads();
    now
}

/// Nothing after it begins before everything before it has ended.
#[inline(always)]
fn wait_for_loads() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has the instruction, and it touches no memory.
    unsafe {
        core::arch::x86_64::_mm_lfence();
    };
    #[cfg(not(target_arch = "x86_64"))]
    std::sync::atomic::fence(SeqCst);
}

/// How long a tick is, found by comparing with the system's clock for a while.
pub(crate) fn ns_per_tick() -> f64 {
    static FOUND: OnceLock<f64> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let (started, first) = (Instant::now(), ticks());
        while started.elapsed() < Duration::from_millis(100) {
            std::hint::spin_loop();
        }
        let (elapsed, last) = (started.elapsed(), ticks());
        elapsed.as_nanos() as f64 / (last - first) as f64
    })
}

/// Ticks that pass between two readings with nothing between them.
pub(crate) fn ticks_for_nothing() -> u64 {
    static FOUND: OnceLock<u64> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let mut seen: Vec<u64> = (0..10_000)
            .map(|_| (ticks(), ticks()))
            .map(|(a, b)| b.saturating_sub(a))
            .collect();
        seen.sort_unstable();
        seen[seen.len() / 2]
    })
}
