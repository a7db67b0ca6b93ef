//! A registry's reading of all metrics.

use super::{Forgotten, Metrics, ModelThread, REJECTED, Tally, config};
use super::{explore, in_slot, record, recorder, recorder_of, spawn, tracker_of};
use crate::engine::family::dirty::DirtyBit;
use crate::engine::histogram::Recorder;
use crate::engine::read_order::{Group, ReadCache, Readout};
use crate::engine::readout::{GroupRead, SnapshotSource, Validity};
use crate::engine::throughput::Tracker;
use crate::ownership::Ownership;
use loom::sync::Arc;

/// So many metrics of each kind. All have been written to, as far as a thread in slot 0 needs it for its shortest path.
fn metrics(histograms: usize, throughputs: usize, pages: usize) -> Arc<Metrics> {
    let metrics = unwritten(histograms, Ownership::Always, throughputs, pages);
    write_all(&metrics);
    Arc::new(metrics)
}

/// So many metrics of each kind, which nobody has written to.
fn unwritten(histograms: usize, ownership: Ownership, throughputs: usize, pages: usize) -> Metrics {
    let metrics = Metrics::with_pages(pages);
    let promotion = || std::sync::Arc::clone(&metrics.promotion);
    let histogram = || recorder_of(config(4, 0), ownership, promotion(), DirtyBit::default());
    Metrics {
        histograms: (0..histograms)
            .map(|_| Group::One(histogram().into()))
            .collect(),
        throughputs: (0..throughputs)
            .map(|_| Group::One(tracker_of(promotion()).into()))
            .collect(),
        ..metrics
    }
}

/// Writes to all metrics, in the order of registration: first the counters, then the throughputs, then the histograms.
fn write_all(metrics: &Metrics) {
    in_slot(0, |thread| {
        metrics.pages().for_each(|page| page.add(thread, 0, 1));
        metrics
            .throughputs()
            .for_each(|throughput| throughput.add(thread, 1, 1));
        metrics
            .histograms()
            .for_each(|histogram| histogram.record(thread, 1));
    });
}

type Read = Readout<Recorder<Tally>, Tracker<Forgotten>>;

fn read(metrics: &Metrics) -> Read {
    metrics
        .sources()
        .read(&mut ReadCache::default(), super::NOW)
}

/// How much a reading shows of each metric, in the order in which [`write_all`] writes.
fn shown(readout: &Read) -> Vec<u64> {
    let pages = readout.pages.iter().map(|page| page.cell(0));
    let throughputs = readout.throughputs.iter().map(|read| one(read).total);
    let histograms = readout.histograms.iter();
    let histograms = histograms.map(|read| one(read).tally.count());
    pages.chain(throughputs).chain(histograms).collect()
}

fn one<T: SnapshotSource>(read: &GroupRead<T>) -> &T::Snapshot {
    match read {
        GroupRead::One(snapshot) => snapshot,
        GroupRead::Family(..) => unreachable!("the model has no families"),
    }
}

/// A thread writes to all metrics while another reads all of them: no reading shows more of a later one than of an earlier one.
fn explore_a_before_b(name: &'static str, preemptions: usize, kinds: (usize, usize, usize)) {
    explore(name, preemptions, 50, move || {
        let metrics = metrics(kinds.0, kinds.1, kinds.2);
        let writer = spawn(&metrics, write_all);
        let reader = spawn(&metrics, |metrics| {
            let shown = shown(&read(metrics));
            assert!(shown.is_sorted_by(|a, b| a >= b), "B ahead of A: {shown:?}");
        });
        writer.join().unwrap();
        reader.join().unwrap();
        assert!(shown(&read(&metrics)).iter().all(|writes| *writes == 2));
    });
}

/// A counter, then a throughput, then a histogram. Fails if one kind is read before a kind that may be written to later, or
/// with a throughput's total Relaxed on either side.
#[test]
fn a_before_b() {
    explore_a_before_b("read_order::a_before_b", 2, (1, 1, 1));
}

/// Two metrics of each kind. Fails if a kind is read in the order of registration.
#[test]
fn a_before_b_of_one_kind() {
    for kinds in [(2, 0, 0), (0, 2, 0), (0, 0, 2)] {
        explore_a_before_b("read_order::a_before_b_of_one_kind", 2, kinds);
    }
}

/// A reset of a histogram, or of a throughput, races a reading that a registry will keep. After the join either it counts as
/// older than the reset, or it shows the reset. Fails if the generation is read after the metrics, or bumped before the
/// empty snapshot is published.
#[test]
fn a_reset_shows() {
    for (histograms, throughputs) in [(1, 0), (0, 1)] {
        explore("read_order::a_reset_shows", 2, 20, move || {
            let metrics = metrics(histograms, throughputs, 0);
            // As the registry read before.
            read(&metrics);
            let reset = spawn(&metrics, |metrics| {
                for histogram in metrics.histograms() {
                    histogram
                        .try_reset(super::NOW.exact, &metrics.generation)
                        .expect("no writer is inside a record");
                }
                for throughput in metrics.throughputs() {
                    throughput.reset(super::NOW, &metrics.generation);
                }
            });
            let reader = spawn(&metrics, read);
            reset.join().unwrap();
            let readout = reader.join().unwrap();
            let sources = metrics.sources();
            assert!(
                sources.was_reset(&readout) || shown(&readout) == [0],
                "the reset never shows: {readout:?}"
            );
            assert_eq!(shown(&read(&metrics)), [0]);
        });
    }
}

/// A thread writes to all metrics while a registry reads them. A reading that is current after the join shows all writes.
/// Fails if the reading carries the pages' epochs as they are after it.
#[test]
fn a_write_is_not_marked_clean() {
    explore("read_order::a_write_is_not_marked_clean", 2, 50, || {
        let metrics = metrics(1, 0, 1);
        let writer = spawn(&metrics, |metrics| {
            metrics
                .histograms()
                .for_each(|histogram| record(histogram, 0, &[1]));
            in_slot(0, |thread| {
                metrics.pages().for_each(|page| page.add(thread, 0, 1));
            });
        });
        let reader = spawn(&metrics, read);
        writer.join().unwrap();
        let readout = reader.join().unwrap();
        if metrics
            .sources()
            .is_current(&readout, super::NOW.coarse.as_secs())
        {
            assert_eq!(shown(&readout), [2, 2], "current, but incomplete");
        }
        let last = read(&metrics);
        assert!(
            metrics
                .sources()
                .is_current(&last, super::NOW.coarse.as_secs())
        );
        assert_eq!(shown(&last), [2, 2]);
        let all = metrics.histograms();
        all.for_each(|histogram| assert!(histogram.is_current(&histogram.read_at(super::NOW))));
    });
}

/// A write of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Write {
    Record(Ownership),
    /// Into the shared block, of which nothing is there.
    FirstRecord,
    /// By a thread that has recorded before.
    Rejection(Ownership),
    /// By a thread that has no word of its own.
    FirstRejection,
    Throughput,
}

impl Write {
    /// What is written to. All that the write needs is there, unless it is a first one: to install it would publish the write as well.
    fn metrics(self) -> Metrics {
        let (ownership, throughputs) = match self {
            Self::Record(ownership) | Self::Rejection(ownership) => (ownership, 0),
            Self::FirstRecord | Self::FirstRejection => (Ownership::Never, 0),
            Self::Throughput => (Ownership::Never, 1),
        };
        let metrics = unwritten(1 - throughputs, ownership, throughputs, 0);
        if !matches!(self, Self::FirstRecord | Self::FirstRejection) {
            write_all(&metrics);
        }
        metrics
    }

    fn write(self, metrics: &Metrics, thread: ModelThread<'_>) {
        let value = match self {
            Self::Record(_) | Self::FirstRecord => 1,
            _ => REJECTED,
        };
        let histograms = metrics.histograms();
        histograms.for_each(|histogram| histogram.record(thread, value));
        let throughputs = metrics.throughputs();
        throughputs.for_each(|throughput| throughput.add(thread, 1, 1));
    }
}

/// How many writes a reading shows.
fn writes(readout: &Read) -> u64 {
    let rejected = readout
        .histograms
        .iter()
        .map(|read| one(read).tally.rejected);
    shown(readout).into_iter().chain(rejected).sum()
}

/// A thread records, into a block of its own or the shared one; has a value rejected; or adds to a throughput, while a registry reads. A
/// reading that is current after the join shows the write, and the one after it stays current. Fails if the word is bumped before the
/// write is complete, or not at all, or with the word of threads that have none Relaxed on either side.
#[test]
fn a_write_shows() {
    let (owned, shared) = (Ownership::Always, Ownership::Never);
    let writes_of_each_kind = [
        Write::Record(owned),
        Write::Record(shared),
        Write::FirstRecord,
        Write::Rejection(owned),
        Write::Rejection(shared),
        Write::FirstRejection,
        Write::Throughput,
    ];
    for write in writes_of_each_kind {
        explore("read_order::a_write_shows", 2, 10, move || {
            let metrics = Arc::new(write.metrics());
            let before = writes(&read(&metrics));
            let writer = spawn(&metrics, move |metrics| {
                in_slot(0, |thread| write.write(metrics, thread));
            });
            let reader = spawn(&metrics, read);
            writer.join().unwrap();
            let readout = reader.join().unwrap();
            let is_current = |readout: &Read, second| metrics.sources().is_current(readout, second);
            let second = super::NOW.coarse.as_secs();
            if is_current(&readout, second) {
                assert_eq!(
                    writes(&readout),
                    before + 1,
                    "current, but incomplete: {write:?}"
                );
            }
            let last = read(&metrics);
            assert_eq!(writes(&last), before + 1);
            assert!(is_current(&last, second), "nothing changed: {write:?}");
            assert_eq!(
                is_current(&last, second + 1),
                write != Write::Throughput,
                "rates are those of a second"
            );
        });
    }
}

/// A snapshot is read while a thread records. After the join, if its samples were in doubt, it would have to be read again if and only if
/// it is behind; without a doubt the word says so. Fails if samples in doubt count as settled.
#[test]
fn what_is_in_doubt_is_read_again() {
    explore("read_order::what_is_in_doubt_is_read_again", 2, 10, || {
        let histogram = Arc::new(recorder(config(4, 0)));
        record(&histogram, 0, &[1]);
        let writer = spawn(&histogram, |histogram| record(histogram, 0, &[1]));
        let reader = spawn(&histogram, |histogram| histogram.read_at(super::NOW));
        writer.join().unwrap();
        let snapshot = reader.join().unwrap();
        assert_eq!(histogram.validity(&snapshot, 0), Validity::Lasting);
        let in_doubt = histogram.validity(&snapshot, 1);
        assert_eq!(
            in_doubt == Validity::Never,
            snapshot.tally.count() < 2,
            "{in_doubt:?}: {snapshot:?}"
        );
    });
}
