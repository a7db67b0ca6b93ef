//! The cache by itself: a number that threads raise, and copies of it that readers share.

use super::{explore, spawn};
use crate::engine::snapshot_cache::SnapshotCache;
use crate::sync::{Acquire, AtomicU64, Relaxed, Release};
use loom::sync::Arc;

/// A number, and a cached copy of it. The cache's state counts the rebuilds.
struct Copied {
    number: AtomicU64,
    cache: SnapshotCache<u64, u64>,
}

impl Copied {
    fn new(number: u64) -> Self {
        Self {
            number: AtomicU64::new(number),
            cache: SnapshotCache::new(0, 0),
        }
    }

    fn read(&self) -> std::sync::Arc<u64> {
        self.cache.read(
            |held| *held == self.number.load(Acquire),
            |rebuilds, _| {
                *rebuilds += 1;
                self.number.load(Acquire)
            },
        )
    }
}

/// Two readers find the same change: one rebuilds, the other gets the very same `Arc`. Fails without the second look under
/// the lock.
#[test]
fn two_readers_one_rebuild() {
    explore("snapshot_cache::two_readers_one_rebuild", 3, 50, || {
        let copied = Arc::new(Copied::new(1));
        let [first, second] = [(); 2]
            .map(|()| spawn(&copied, Copied::read))
            .map(|reader| reader.join().unwrap());
        assert_eq!((*first, *second), (1, 1));
        assert!(
            std::sync::Arc::ptr_eq(&first, &second),
            "two snapshots of one change"
        );
        assert_eq!(
            copied.cache.update(|rebuilds, held| (*held, *rebuilds)),
            1,
            "rebuilds"
        );
    });
}

/// A thread raises the number and reads, while another reader rebuilds: the thread gets at least its own number, whichever
/// thread published it, and never an older one than before. (With the epochs of several threads, where the order of the two
/// loads matters, it is `recorder::read_your_write_through_a_hit`.) Fails if the lock serves what is not current.
#[test]
fn read_your_write_through_a_hit() {
    explore(
        "snapshot_cache::read_your_write_through_a_hit",
        3,
        100,
        || {
            let copied = Arc::new(Copied::new(0));
            let writer = spawn(&copied, |copied| {
                copied.number.store(1, Release);
                assert!(*copied.read() >= 1, "own write missing");
                copied.number.store(2, Release);
                assert!(*copied.read() >= 2, "own write missing");
            });
            let reader = spawn(&copied, |copied| {
                let first = *copied.read();
                let second = *copied.read();
                assert!(first <= second, "went back");
            });
            writer.join().unwrap();
            reader.join().unwrap();
            assert_eq!(*copied.read(), 2);
            assert_eq!(copied.number.load(Relaxed), 2);
        },
    );
}

/// Writers go on, so that no value is current when a reader has the lock. A thread raises the number and reads while another
/// reader rebuilds: it gets its own number, also from a rebuild of the other one. Fails with a request or a rebuild's start
/// Relaxed, or if a request is no read-modify-write.
#[test]
fn a_later_rebuild_serves_who_waits() {
    // Nothing but the cache orders the number.
    fn read(copied: &Copied) -> u64 {
        *copied.cache.read(
            |_| false,
            |rebuilds, _| {
                *rebuilds += 1;
                copied.number.load(Relaxed)
            },
        )
    }
    let name = "snapshot_cache::a_later_rebuild_serves_who_waits";
    explore(name, 3, 50, || {
        let copied = Arc::new(Copied::new(0));
        let writer = spawn(&copied, |copied| {
            copied.number.store(1, Relaxed);
            assert_eq!(read(copied), 1, "own write missing");
        });
        let reader = spawn(&copied, |copied| {
            let first = read(copied);
            assert!(first <= read(copied), "went back");
        });
        writer.join().unwrap();
        reader.join().unwrap();
    });
    // Two that wait get one rebuild.
    explore(name, 3, 10, || {
        let copied = Arc::new(Copied::new(0));
        let requests = [(); 2].map(|()| copied.cache.request());
        let answers = requests.map(|request| {
            spawn(&copied, |copied| {
                let rebuild = |rebuilds: &mut u64, _: &u64| {
                    *rebuilds += 1;
                    *rebuilds
                };
                *copied.cache.answer(request, |_, newer| newer, rebuild)
            })
        });
        assert_eq!(answers.map(|answer| answer.join().unwrap()), [1, 1]);
    });
}

/// A copy of a number, and a second cached value that is derived from the copy.
struct Derived {
    copied: Copied,
    cache: SnapshotCache<(), u64>,
}

impl Derived {
    fn read(&self) -> u64 {
        *self.cache.read(
            |derived| *derived == *self.copied.read(),
            |(), last| {
                let input = *self.copied.read();
                assert!(*last <= input, "{input} would replace the newer {last}");
                input
            },
        )
    }
}

/// A value is derived from another cached value, as the collector's sections are from snapshots: two threads read it, while
/// one raises the number below. No published value is replaced by an older one, and no reader goes back. Fails if the input is
/// read before the lock is taken.
#[test]
fn a_derived_value_never_goes_back() {
    explore(
        "snapshot_cache::a_derived_value_never_goes_back",
        2,
        100,
        || {
            let derived = Arc::new(Derived {
                copied: Copied::new(1),
                cache: SnapshotCache::new((), 0),
            });
            let writer = spawn(&derived, |derived| derived.copied.number.store(2, Release));
            let readers = [(); 2].map(|()| spawn(&derived, Derived::read));
            writer.join().unwrap();
            for reader in readers {
                assert!(
                    reader.join().unwrap() >= 1,
                    "a write is missing that the reader was spawned after"
                );
            }
            assert_eq!(derived.read(), 2);
        },
    );
}
