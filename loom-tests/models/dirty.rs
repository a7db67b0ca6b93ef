//! Which series of a family a registry reads.

use super::{Forgotten, ModelThread, NOW, REJECTED, Snapshot, Tally, config};
use super::{explore, in_slot, only, recorder_of, spawn};
use crate::engine::chunked::Chunked;
use crate::engine::family::cap::{Cap, Places};
use crate::engine::family::dirty::DirtyBit;
use crate::engine::family::objects::{Object, Objects};
use crate::engine::family::{Family as EngineFamily, Listed};
use crate::engine::generation::Generation;
use crate::engine::histogram::Recorder;
use crate::engine::read_order::{Group, ReadCache, Readout, Sources};
use crate::engine::readout::{SnapshotSource, Validity};
use crate::engine::rebuilds::Rebuilds;
use crate::engine::slot::adaptive::Promotion;
use crate::engine::slot::owner::CurrentThread;
use crate::engine::throughput::{Moment, Tracker};
use crate::engine::versioned::Version;
use crate::ownership::Ownership;
use crate::sync::{Acquire, AtomicU64, Release};
use loom::sync::Arc;
use std::fmt::Debug;

pub(super) type Histogram = Recorder<Tally>;
type Family<T> = EngineFamily<Objects<T, std::sync::Arc<T>>>;
pub(super) type Cache<T = Histogram> = ReadCache<T, Tracker<Forgotten>>;
pub(super) type Read<T = Histogram> = Readout<T, Tracker<Forgotten>>;

impl Object for Histogram {
    type Value = std::sync::Arc<Snapshot>;

    fn value(&self, now: Moment) -> Self::Value {
        self.read_at(now)
    }

    /// Models do not look at what is detached.
    fn since(later: &Self::Value, _: &Self::Value) -> Self::Value {
        later.clone()
    }

    fn add(a: &Self::Value, _: &Self::Value) -> Self::Value {
        a.clone()
    }
}

/// A registry of families of histograms.
pub(super) struct Model<T: Object + SnapshotSource = Histogram> {
    generation: Generation,
    promotion: std::sync::Arc<Promotion>,
    rebuilds: std::sync::Arc<Rebuilds>,
    groups: Chunked<Group<T>>,
    families: Vec<std::sync::Arc<Family<T>>>,
}

impl Model {
    fn new(families: usize, ownership: Ownership) -> Self {
        let promotion = std::sync::Arc::new(only(Promotion::default()));
        let registry = std::sync::Arc::clone(&promotion);
        let create = move |dirty| {
            let promotion = std::sync::Arc::clone(&promotion);
            std::sync::Arc::new(recorder_of(config(4, 0), ownership, promotion, dirty))
        };
        Self::of(families, registry, create)
    }
}

impl<T> Model<T>
where
    T: Object + SnapshotSource<Snapshot: Send + Sync> + Debug + 'static,
    T::Value: Debug + Send + Sync,
{
    pub(super) fn of(
        families: usize,
        promotion: std::sync::Arc<Promotion>,
        create: impl Fn(DirtyBit) -> std::sync::Arc<T> + Clone + Send + 'static,
    ) -> Self {
        let empty = create(DirtyBit::default()).value(NOW);
        let family = || {
            let objects = Objects::new(empty.clone(), create.clone(), |object| object);
            let cap = Cap::new(9, std::sync::Arc::new(Places::new(10)), None);
            let version = std::sync::Arc::<Version>::default();
            std::sync::Arc::new(EngineFamily::new(objects, &version, cap, None))
        };
        let families: Vec<_> = (0..families).map(|_| family()).collect();
        let listed = |family: &std::sync::Arc<Family<T>>| {
            Group::Family(std::sync::Arc::clone(family) as std::sync::Arc<dyn Listed<_>>)
        };
        Self {
            generation: Generation::default(),
            promotion,
            rebuilds: std::sync::Arc::default(),
            groups: families.iter().map(listed).collect(),
            families,
        }
    }

    pub(super) fn with(&self, family: usize, label: &str) -> std::sync::Arc<T> {
        let found = self.families[family].get_or_create(&[label], None);
        found.expect("the cap is not reached")
    }

    pub(super) fn read(&self, cache: &mut Cache<T>) -> Read<T> {
        self.sources(|sources| sources.read(cache, NOW))
    }

    pub(super) fn is_current(&self, readout: &Read<T>) -> bool {
        self.sources(|sources| sources.is_current(readout, NOW.coarse.as_secs()))
    }

    fn sources<R>(&self, read: impl FnOnce(&Sources<'_, T, Tracker<Forgotten>>) -> R) -> R {
        read(&Sources {
            generation: &self.generation,
            changes: &self.promotion.changes,
            rebuilds: &self.rebuilds,
            histograms: &self.groups,
            throughputs: &Chunked::default(),
            pages: &Chunked::default(),
        })
    }
}

/// The series of a family, by position: what a reading shows of it, samples and rejections.
fn shown(readout: &Read, family: usize) -> Vec<u64> {
    let read = &readout.histograms[family];
    let series = (0..read.positions()).filter_map(|position| read.series(position));
    let tally = series.map(|(_, snapshot)| &snapshot.tally);
    tally.map(|tally| tally.count() + tally.rejected).collect()
}

fn record(thread: ModelThread<'_>, histogram: &Histogram, value: u64) {
    histogram.record(thread, value);
}

/// A thread records into a series, or has a value rejected, while a registry reads; the series' bit is not set, or was set by a record, or by a
/// rejection, which leaves the tail as it is. A reading that is current
/// after the join shows the write, and so does the next one. Fails if the bit is not set, without the fence or the sequentially
/// consistent addition, with the bit Relaxed on either side, if the bit is set after the word, and if it is cleared after the read.
#[test]
fn a_write_is_read() {
    for (value, knows_word) in [(1, false), (1, true), (REJECTED, false)] {
        for set_by in [None, Some(1), Some(REJECTED)] {
            explore("dirty::a_write_is_read", 3, 10, move || {
                let model = Arc::new(Model::new(1, Ownership::Never));
                let histogram = model.with(0, "x");
                let write = move |model: &Model, histogram: &Histogram, value| {
                    in_slot(0, |thread| {
                        let word = model.promotion.changes.word(thread.owner());
                        if let Some(word) = word.filter(|_| knows_word) {
                            // So that the record takes the shortest path.
                            thread.remember_word(model.promotion.registry, word);
                        }
                        record(thread, histogram, value);
                    });
                };
                // All that the writer needs is there, the block included.
                in_slot(0, |thread| record(thread, &histogram, 1));
                let mut cache = Cache::default();
                model.read(&mut cache);
                let before = 1 + u64::from(set_by.is_some());
                if let Some(value) = set_by {
                    write(&model, &histogram, value);
                }
                let writer = spawn(&model, {
                    let histogram = std::sync::Arc::clone(&histogram);
                    move |model| write(model, &histogram, value)
                });
                let reader = spawn(&model, |model| {
                    let readout = model.read(&mut cache);
                    (readout, cache)
                });
                writer.join().unwrap();
                let (readout, mut cache) = reader.join().unwrap();
                if model.is_current(&readout) {
                    assert_eq!(shown(&readout, 0), [before + 1], "current, but incomplete");
                }
                let last = model.read(&mut cache);
                assert_eq!(shown(&last, 0), [before + 1], "left out");
                assert!(model.is_current(&last));
            });
        }
    }
}

/// A thread makes its first record, and the first of the series, while a registry reads. Fails if a first record does not mark the series.
#[test]
fn a_first_write_is_read() {
    explore("dirty::a_first_write_is_read", 2, 10, || {
        let model = Arc::new(Model::new(1, Ownership::Never));
        let histogram = model.with(0, "x");
        let mut cache = Cache::default();
        model.read(&mut cache);
        let writer = spawn(&model, move |_| {
            in_slot(0, |thread| record(thread, &histogram, 1))
        });
        let reader = spawn(&model, |model| {
            let readout = model.read(&mut cache);
            (readout, cache)
        });
        writer.join().unwrap();
        let (readout, mut cache) = reader.join().unwrap();
        assert!(!model.is_current(&readout) || shown(&readout, 0) == [1]);
        assert_eq!(shown(&model.read(&mut cache), 0), [1], "left out");
    });
}

/// Threads that own their cells record, the first time or again, while a registry reads. The next reading shows it. Fails if the
/// bit for each time is not set, or set after the cells were made.
#[test]
fn owned_cells_are_read() {
    for first in [true, false] {
        explore("dirty::owned_cells_are_read", 2, 10, move || {
            let model = Arc::new(Model::new(1, Ownership::Always));
            let histogram = model.with(0, "x");
            let write = |histogram: &Histogram| in_slot(0, |thread| record(thread, histogram, 1));
            let mut cache = Cache::default();
            model.read(&mut cache);
            if !first {
                write(&histogram);
                model.read(&mut cache);
            }
            let writer = spawn(&model, move |_| write(&histogram));
            let reader = spawn(&model, |model| {
                let readout = model.read(&mut cache);
                (readout, cache)
            });
            writer.join().unwrap();
            let (readout, mut cache) = reader.join().unwrap();
            let all = 2 - u64::from(first);
            if model.is_current(&readout) {
                assert_eq!(shown(&readout, 0), [all], "current, but incomplete");
            }
            assert_eq!(shown(&model.read(&mut cache), 0), [all], "left out");
        });
    }
}

/// A thread records into A and then into B, twice, while a registry reads: no reading shows more of B than of A. They are of one family, or of
/// two; B has cells of the thread, or it shares them. Fails if the bits are taken before the turn of their series, or the first series or family is read first.
#[test]
fn a_before_b() {
    for (families, owned) in [(1, false), (1, true), (2, false)] {
        explore("dirty::a_before_b", 2, 50, move || {
            let model = Arc::new(Model::new(families, Ownership::Adaptive));
            let (a, b) = (model.with(0, "a"), model.with(families - 1, "b"));
            if owned {
                in_slot(0, |thread| assert!(b.warm(thread, 1, 1)));
            }
            let write = move || {
                in_slot(0, |thread| {
                    record(thread, &a, 1);
                    record(thread, &b, 1);
                });
            };
            write();
            let mut cache = Cache::default();
            model.read(&mut cache);
            let writer = spawn(&model, move |_| {
                write();
                write();
            });
            let reader = spawn(&model, move |model| {
                let readout = model.read(&mut cache);
                let shown: Vec<u64> = (0..families)
                    .flat_map(|family| shown(&readout, family))
                    .collect();
                assert!(shown[0] >= shown[1], "B ahead of A: {shown:?}");
                cache
            });
            writer.join().unwrap();
            let mut cache = reader.join().unwrap();
            let readout = model.read(&mut cache);
            let all = (0..families).flat_map(|family| shown(&readout, family));
            assert!(all.eq([3, 3]));
        });
    }
}

/// While a registry reads, a series is removed and two are created: one takes its position and is recorded into, the other is never
/// written to. The next reading shows both, and no reading shows the removed series' value for another. Fails if a reading leaves out series that
/// are new on the list.
#[test]
fn a_new_series_is_read() {
    explore("dirty::a_new_series_is_read", 2, 10, || {
        let model = Arc::new(Model::new(1, Ownership::Never));
        in_slot(0, |thread| {
            let old = model.with(0, "x");
            (0..3).for_each(|_| record(thread, &old, 1));
        });
        let mut cache = Cache::default();
        model.read(&mut cache);
        let changer = spawn(&model, |model| {
            let family = &model.families[0];
            family.remove(&["x"], NOW).expect("it is there");
            let next = model.with(0, "y");
            in_slot(0, |thread| record(thread, &next, 1));
            model.with(0, "z");
        });
        let reader = spawn(&model, |model| {
            let readout = model.read(&mut cache);
            assert!(matches!(shown(&readout, 0)[..], [] | [0 | 1 | 3] | [1, 0]));
            cache
        });
        changer.join().unwrap();
        let mut cache = reader.join().unwrap();
        assert_eq!(shown(&model.read(&mut cache), 0), [1, 0]);
    });
}

/// A series is reset while a registry reads. Either the reading is older than the reset, or it shows the reset; the next one does.
/// Fails if a reset does not mark the series, or marks it after the generation.
#[test]
fn a_reset_is_read() {
    explore("dirty::a_reset_is_read", 2, 10, || {
        let model = Arc::new(Model::new(1, Ownership::Never));
        let histogram = model.with(0, "x");
        in_slot(0, |thread| record(thread, &histogram, 1));
        let mut cache = Cache::default();
        model.read(&mut cache);
        let reset = spawn(&model, move |model| {
            let forgotten = histogram.try_reset(NOW.exact, &model.generation);
            forgotten.expect("no writer is inside a record");
        });
        let reader = spawn(&model, |model| {
            let readout = model.read(&mut cache);
            (readout, cache)
        });
        reset.join().unwrap();
        let (readout, mut cache) = reader.join().unwrap();
        let was_reset = model.sources(|sources| sources.was_reset(&readout));
        assert!(
            was_reset || shown(&readout, 0) == [0],
            "the reset never shows"
        );
        assert_eq!(shown(&model.read(&mut cache), 0), [0]);
    });
}

/// A metric whose snapshots do not last until it has settled, which marks nothing.
#[derive(Debug, Default)]
struct Unsettled(AtomicU64);

impl SnapshotSource for Unsettled {
    type Snapshot = u64;

    fn validity(&self, snapshot: &u64) -> Validity {
        match snapshot {
            0 => Validity::Never,
            _ => Validity::Lasting,
        }
    }

    fn read_at(&self, _: Moment) -> std::sync::Arc<u64> {
        self.0.load(Acquire).into()
    }
}

impl Object for Unsettled {
    type Value = u64;

    fn value(&self, now: Moment) -> u64 {
        *self.read_at(now)
    }

    fn since(later: &u64, earlier: &u64) -> u64 {
        later - earlier
    }

    fn add(a: &u64, b: &u64) -> u64 {
        a + b
    }
}

/// A series settles while a registry reads, without being marked. A reading is current only if it shows that; the next reading shows it. Fails
/// if what does not last is not read again.
#[test]
fn what_does_not_last_is_read_again() {
    explore("dirty::what_does_not_last_is_read_again", 2, 4, || {
        let create = |_| std::sync::Arc::<Unsettled>::default();
        let model = Arc::new(Model::of(1, std::sync::Arc::default(), create));
        let series = model.with(0, "x");
        let mut cache = Cache::default();
        model.read(&mut cache);
        let settling = spawn(&model, move |_| series.0.store(1, Release));
        let reader = spawn(&model, |model| {
            let readout = model.read(&mut cache);
            (readout, cache)
        });
        settling.join().unwrap();
        let (readout, mut cache) = reader.join().unwrap();
        let is_settled =
            |readout: &Read<Unsettled>| *readout.histograms[0].series(0).unwrap().1 == 1.into();
        assert_eq!(model.is_current(&readout), is_settled(&readout));
        assert!(is_settled(&model.read(&mut cache)));
    });
}
