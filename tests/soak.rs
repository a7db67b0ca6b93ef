//! Everything at once, for as long as `EPOCH_SOAK` says, in seconds: threads that come and go in bursts, others that get cells of their own, series
//! that are made, removed and expire, resets, and scrapes without pause. At the end the totals are exact, and the least that is allocated is no more
//! than it was early on. (It is more for a while whenever a scrape gets no processor: what is removed meanwhile is kept for it. What is resident is
//! shown: several times as much, since the system's allocator keeps memory for each of the threads that come and go.)

#[path = "allocated/mod.rs"]
mod allocated;

use allocated::{ALLOCATED, resident};
use epoch_metrics::{
    Counter, Family, FamilyOptions, Histogram, HistogramOptions, HistogramSnapshot, Registry,
};
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

const STANDARD: Duration = Duration::from_secs(4);
const HISTOGRAMS: usize = 1_000;
/// Series that a thread keeps while it makes and removes others.
const AT_ONCE: usize = 300;

/// Memory in a tenth of the time.
#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    looks: usize,
    allocated: usize,
    least_allocated: usize,
    most_resident: usize,
}

impl Memory {
    fn look(&mut self) {
        let allocated = ALLOCATED.load(Relaxed);
        if self.looks == 0 || allocated < self.least_allocated {
            self.least_allocated = allocated;
        }
        self.looks += 1;
        self.allocated += allocated;
        self.most_resident = self.most_resident.max(resident());
    }

    /// Bytes, on the average.
    fn allocated(&self) -> usize {
        self.allocated / self.looks.max(1)
    }
}

/// What was written, or what came back: added up by each thread for itself, then here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    records: u64,
    sum: u128,
    counted: u64,
}

impl Totals {
    fn add(&mut self, other: Self) {
        self.records += other.records;
        self.sum += other.sum;
        self.counted += other.counted;
    }

    fn record(&mut self, histogram: &Histogram, value: u64) {
        histogram.record(value);
        self.records += 1;
        self.sum += u128::from(value);
    }

    fn returned(&mut self, snapshot: &HistogramSnapshot) {
        assert_eq!((snapshot.uncertain(), snapshot.rejected()), (0, 0));
        self.records += snapshot.count();
        self.sum += snapshot.sum();
    }
}

struct Soak {
    registry: Registry,
    latencies: Family<Histogram>,
    requests: Family<Counter>,
    idle: Family<Counter>,
    ended: AtomicBool,
    written: Mutex<Totals>,
    returned: Mutex<Totals>,
    /// A histogram is not reset once it is removed: a reset would return what the removal did.
    histograms: Mutex<()>,
}

/// Ends the threads, whether or not something panicked.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

impl Soak {
    fn new() -> Self {
        let registry = Registry::new();
        let options = HistogramOptions::values(0, 1 << 20);
        let idle = FamilyOptions::labels(&["peer"]).expire_after(Duration::from_millis(50));
        Self {
            latencies: registry
                .histogram_family("latency", "", options, &["i"])
                .unwrap(),
            requests: registry.counter_family("requests", "", &["i"]).unwrap(),
            idle: registry.counter_family("idle", "", idle).unwrap(),
            registry,
            ended: AtomicBool::new(false),
            written: Mutex::default(),
            returned: Mutex::default(),
            histograms: Mutex::default(),
        }
    }

    fn runs(&self) -> bool {
        !self.ended.load(Relaxed)
    }

    /// Writes so often to one series after the other that the thread gets cells of its own, as far as there is room.
    fn hot(&self, thread: usize) {
        let mut written = Totals::default();
        let hot = self.latencies.with(&[&thread.to_string()]).unwrap();
        let mut round = 0;
        while self.runs() {
            let other = self.latencies.with(&[&(round % HISTOGRAMS).to_string()]);
            let other = other.unwrap();
            let requests = self.requests.with(&["all"]).unwrap();
            for i in 0..20_000 {
                written.record(&hot, i % 100_000);
                written.record(&other, i * 31 % 1_000_000);
                requests.add(2);
                written.counted += 2;
            }
            round += 1;
        }
        self.written.lock().unwrap().add(written);
    }

    /// Sixteen threads at a time that write little, and end.
    fn bursts(&self) {
        let mut round = 0;
        while self.runs() {
            std::thread::scope(|scope| {
                for thread in 0..16 {
                    scope.spawn(move || {
                        let mut written = Totals::default();
                        for i in 0..256 {
                            let series = (round * 16 + thread + i * 7) % HISTOGRAMS;
                            let label = series.to_string();
                            let histogram = self.latencies.with(&[&label]).unwrap();
                            written.record(&histogram, (i * i) as u64);
                            self.idle.with_ref(&[&label], Counter::inc).unwrap();
                            written.counted += 1;
                        }
                        self.written.lock().unwrap().add(written);
                    });
                }
            });
            round += 1;
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Makes series, writes to them, removes them, and writes to some afterwards.
    fn churn(&self, thread: usize) {
        let (mut written, mut returned) = (Totals::default(), Totals::default());
        let mut kept: Vec<(String, Counter)> = Vec::new();
        let mut round = 0;
        while self.runs() {
            let label = format!("{thread}-{round}");
            let counter = self.requests.with(&[&label]).unwrap();
            counter.add(3);
            written.counted += 3;
            kept.push((label, counter));
            if kept.len() > AT_ONCE {
                let (label, counter) = kept.swap_remove(round * 7 % AT_ONCE);
                returned.counted += self.requests.remove(&[&label]).unwrap();
                counter.inc();
                written.counted += 1;
            }
            if round % 16 == 0 {
                let series = (round / 16 % HISTOGRAMS).to_string();
                let _resets = self.histograms.lock().unwrap();
                if let Some(removed) = self.latencies.remove(&[&series]) {
                    returned.records += removed.count();
                    returned.sum += removed.sum();
                }
            }
            round += 1;
        }
        self.written.lock().unwrap().add(written);
        self.returned.lock().unwrap().add(returned);
    }

    fn resets(&self) {
        let mut returned = Totals::default();
        let mut round = 0;
        while self.runs() {
            let series = (round * 13 % HISTOGRAMS).to_string();
            let removals = self.histograms.lock().unwrap();
            if let Some(histogram) = self.latencies.get(&[&series]) {
                returned.returned(&histogram.reset());
            }
            drop(removals);
            round += 1;
            std::thread::sleep(Duration::from_millis(2));
        }
        self.returned.lock().unwrap().add(returned);
    }

    /// Scrapes, and checks that no counter goes back. Returns the memory in each tenth of the time.
    fn scrapes(&self, duration: Duration) -> [Memory; 10] {
        let (began, mut memory) = (Instant::now(), [Memory::default(); 10]);
        let mut before = HashMap::<String, u64>::new();
        while self.runs() {
            let page = self.registry.render_prometheus();
            let lines = page
                .lines()
                .filter(|line| line.starts_with("requests_total"));
            let now: HashMap<String, u64> = lines
                .map(|line| {
                    let (series, value) = line.rsplit_once(' ').unwrap();
                    (series.to_owned(), value.parse().unwrap())
                })
                .collect();
            for (series, value) in &now {
                let last = before.get(series).copied().unwrap_or(0);
                assert!(last <= *value, "{series} went back from {last} to {value}");
            }
            before = now;
            let tenth = 10.0 * began.elapsed().div_duration_f64(duration);
            memory[(tenth as usize).min(9)].look();
        }
        memory
    }
}

#[test]
fn everything_at_once_adds_up_and_does_not_grow() {
    let seconds = std::env::var("EPOCH_SOAK").ok();
    let duration = seconds.map_or(STANDARD, |seconds| {
        Duration::from_secs(seconds.parse().expect("EPOCH_SOAK is a number of seconds"))
    });
    let soak = Soak::new();
    let began = Instant::now();
    let memory = std::thread::scope(|scope| {
        let ends = Ends(&soak.ended);
        let scraping = scope.spawn(|| {
            let _ends = Ends(&soak.ended);
            soak.scrapes(duration)
        });
        for thread in 0..2 {
            let soak = &soak;
            scope.spawn(move || {
                let _ends = Ends(&soak.ended);
                soak.hot(thread);
            });
            scope.spawn(move || {
                let _ends = Ends(&soak.ended);
                soak.churn(thread);
            });
        }
        scope.spawn(|| {
            let _ends = Ends(&soak.ended);
            soak.bursts();
        });
        scope.spawn(|| {
            let _ends = Ends(&soak.ended);
            soak.resets();
        });
        while began.elapsed() < duration && soak.runs() {
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(ends);
        scraping.join().unwrap()
    });
    let mut back = *soak.returned.lock().unwrap();
    back.returned(&soak.latencies.sum());
    let detached = soak.latencies.detached();
    back.records += detached.count();
    back.sum += detached.sum();
    for family in [&soak.requests, &soak.idle] {
        back.counted += family.sum() + family.detached();
    }
    let written = *soak.written.lock().unwrap();
    let scrapes: usize = memory.iter().map(|tenth| tenth.looks).sum();
    println!("{written:?} in {:?}, {scrapes} scrapes", began.elapsed());
    assert_eq!(back, written);

    let mebibytes = |bytes: usize| bytes >> 20;
    println!(
        "MiB in each tenth of the time: {:?} allocated, at least {:?}; at most {:?} resident",
        memory.map(|tenth| mebibytes(tenth.allocated())),
        memory.map(|tenth| mebibytes(tenth.least_allocated)),
        memory.map(|tenth| mebibytes(tenth.most_resident))
    );
    // In a few seconds it still fills.
    if duration > STANDARD {
        let least = |tenths: &[Memory]| tenths.iter().map(|tenth| tenth.least_allocated).min();
        let (early, late) = (least(&memory[1..4]).unwrap(), least(&memory[7..]).unwrap());
        assert!(
            late <= early + early / 4,
            "it grows from {early} to {late} bytes"
        );
    }
}
