//! Series without end. By default a part of it; `EPOCH_CHURN=100` is all of it: a million series, and a million label values.
//!
//! Totals are exact to the last write, and what is allocated does not grow with the number of series that there ever were.

#[path = "allocated/mod.rs"]
mod allocated;

use allocated::ALLOCATED;
use epoch_metrics::{Counter, Family, FamilyOptions, Registry};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Barrier, Mutex, PoisonError};
use std::time::Instant;

const THREADS: u64 = 4;
/// Of all threads, at any time.
const AT_ONCE: usize = 1_000;
/// In the first part of the series memory may still grow.
const SETTLED: u64 = 10_000;
/// By so much, in bytes, what is allocated may differ from one moment to another.
const SLACK: usize = 512 << 10;
/// And by so much for each series that was made: a cell is not used again while a rebuild that may read it is under way, so cells pile up while a
/// scraping thread is stopped inside one. A series that was never given back would be four times as much, without its labels.
const SLACK_EACH: usize = 8;

/// One test at a time: both look at the whole process.
static ALONE: Mutex<()> = Mutex::new(());

/// So many of a million, in hundredths.
fn scaled(million: u64) -> u64 {
    let share = std::env::var("EPOCH_CHURN").ok();
    let share = share.map_or(5, |share| share.parse().expect("EPOCH_CHURN is a number"));
    million / 100 * share
}

/// Says that the others may stop, whether or not something panicked.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// What a thread wrote, and what it got back.
#[derive(Clone, Copy, Default)]
struct Totals {
    written: u64,
    returned: u64,
}

/// Makes series, writes to each, and removes the oldest, so that there are never more than its share. Every 16th handle is kept for a while
/// and written to after the removal.
fn churn(family: &Family<Counter>, thread: u64, series: u64, made: &AtomicU64) -> Totals {
    let mut totals = Totals::default();
    let mut present = VecDeque::new();
    let mut kept = VecDeque::new();
    for i in 0..series {
        let label = format!("{thread}-{i}");
        let counter = family.with(&[&label]).unwrap();
        counter.add(i % 7 + 1);
        totals.written += i % 7 + 1;
        present.push_back((label, (i % 16 == 0).then_some(counter)));
        made.fetch_add(1, Relaxed);
        if present.len() < AT_ONCE / THREADS as usize {
            continue;
        }
        let (label, counter) = present.pop_front().unwrap();
        totals.returned += family.remove(&[&label]).expect("its own series");
        kept.extend(counter);
        if kept.len() > 32 {
            let late: Counter = kept.pop_front().unwrap();
            late.add(3);
            totals.written += 3;
        }
    }
    totals
}

/// Renders pages until all series were made. No counter goes back: not one series, from one page to the next.
fn scrape(registry: &Registry, stopped: &AtomicBool) -> u64 {
    let mut before = HashMap::<String, u64>::new();
    let mut pages = 0;
    while !stopped.load(Relaxed) {
        let page = registry.render_prometheus();
        let samples = page.lines().filter(|line| line.starts_with("made_total{"));
        let now: HashMap<String, u64> = samples
            .map(|line| {
                let (series, value) = line.rsplit_once(' ').unwrap();
                (series.to_owned(), value.parse().unwrap())
            })
            .collect();
        assert!(now.len() <= AT_ONCE, "{} series at once", now.len());
        for (series, value) in &now {
            let last = before.get(series).copied().unwrap_or(0);
            assert!(last <= *value, "{series} went back from {last} to {value}");
        }
        before = now;
        pages += 1;
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    pages
}

#[test]
fn series_that_come_and_go_leave_nothing_behind() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let series = scaled(1_000_000);
    let registry = Registry::new();
    let family = registry.counter_family("made", "", &["i"]).unwrap();
    let (made, stopped) = (AtomicU64::new(0), AtomicBool::new(false));
    let began = Instant::now();
    let (totals, pages, memory) = std::thread::scope(|scope| {
        let stops = Stops(&stopped);
        let scraping = scope.spawn(|| {
            let _stops = Stops(&stopped);
            scrape(&registry, &stopped)
        });
        let watching = scope.spawn(|| {
            let mut memory = Vec::new();
            while !stopped.load(Relaxed) {
                if made.load(Relaxed) > SETTLED {
                    memory.push(ALLOCATED.load(Relaxed));
                }
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            memory
        });
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (family, made) = (&family, &made);
                scope.spawn(move || churn(family, thread, series / THREADS, made))
            })
            .collect();
        let totals: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        drop(stops);
        (totals, scraping.join().unwrap(), watching.join().unwrap())
    });
    let written: u64 = totals.iter().map(|totals| totals.written).sum();
    let returned: u64 = totals.iter().map(|totals| totals.returned).sum();
    println!(
        "{series} series made in {:?}, {pages} pages, {written} written; {} left, {returned} returned, {} detached",
        began.elapsed(),
        family.sum(),
        family.detached()
    );
    assert_eq!(family.sum() + returned + family.detached(), written);
    assert!(family.detached() > 0, "some were written to late");
    assert!(memory.len() > 20, "looked {} times", memory.len());
    // Texts of pages come and go, so a single look says little.
    let mean = |looks: &[usize]| looks.iter().sum::<usize>() / looks.len();
    let tenth = memory.len() / 10;
    let (early, late) = (
        mean(&memory[..tenth]),
        mean(&memory[memory.len() - tenth..]),
    );
    println!("allocated after the first {SETTLED}: {early} bytes, at the end {late}");
    assert!(
        late <= early + SLACK + SLACK_EACH * series as usize,
        "it grows from {early} to {late} bytes"
    );
}

#[test]
fn distinct_values_beyond_the_cap_take_nothing() {
    const CAP: usize = 1_000;
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let values = scaled(1_000_000);
    let registry = Registry::new();
    let options = FamilyOptions::labels(&["user"]).max_series(CAP);
    let family = registry.counter_family("fed", "", options).unwrap();
    let together = Barrier::new(THREADS as usize);
    let began = Instant::now();
    // What the first values took, and what all did, as each thread sees it.
    let memory: Vec<(usize, usize)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (family, together) = (&family, &together);
                scope.spawn(move || {
                    let feed = |values: std::ops::Range<u64>| {
                        for i in values {
                            let label = match i * THREADS + thread {
                                n if n % 1_000 == 0 => "overflow".to_owned(),
                                n => n.to_string(),
                            };
                            family.with_ref(&[&label], Counter::inc).unwrap();
                        }
                        together.wait();
                        let allocated = ALLOCATED.load(Relaxed);
                        together.wait();
                        allocated
                    };
                    let each = values / THREADS;
                    (feed(0..each / 10), feed(each / 10..each))
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let (early, late) = memory[0];
    println!(
        "{values} values in {:?}: {} series, {} look-ups turned away; allocated after a tenth {early} bytes, at the end {late}",
        began.elapsed(),
        family.len(),
        family.overflowed()
    );
    assert_eq!((family.len(), family.sum()), (CAP + 1, values));
    assert!(
        late <= early + SLACK,
        "it grows from {early} to {late} bytes"
    );
    let labels: Vec<String> = family
        .iter()
        .map(|(labels, _)| labels[0].to_owned())
        .collect();
    let distinct: std::collections::HashSet<&String> = labels.iter().collect();
    assert_eq!(distinct.len(), labels.len(), "a series is there twice");
    assert!(labels.iter().any(|label| label == "overflow"));
}
