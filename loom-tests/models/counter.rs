//! Counters and gauges: cells, pages, epochs.

use super::{ModelThread, explore, in_slot, in_slot_hot, only, spawn};
use crate::engine::counter::handles::CellHandle;
use crate::engine::counter::page::Page;
use crate::engine::counter::page_cache::PageCache;
use crate::engine::slot::adaptive::Promotion;
use crate::ownership::Ownership;
use crate::sync::{Acquire, AtomicBool, Relaxed, Release};
use loom::sync::Arc;

/// Pages, and a flag for a model's own use.
struct Pages {
    pages: Vec<std::sync::Arc<Page>>,
    flag: AtomicBool,
}

/// A metric: its page, and its index there.
type Metric = (usize, u8);
const A: Metric = (0, 0);
const B: Metric = (0, 1);
const ON_ANOTHER_PAGE: Metric = (1, 0);

/// Threads that own their cells, and threads that share them.
const OWNED_OR_SHARED: [Ownership; 2] = [Ownership::Always, Ownership::Never];

fn pages(count: usize, ownership: Ownership) -> Arc<Pages> {
    let promotion = Promotion::new(ownership, Promotion::DEFAULT_LIMIT);
    let promotion = std::sync::Arc::new(only(promotion));
    let page = || std::sync::Arc::new(Page::new(std::sync::Arc::clone(&promotion)));
    Arc::new(Pages {
        pages: (0..count).map(|_| page()).collect(),
        flag: AtomicBool::new(false),
    })
}

impl Pages {
    fn add(&self, by: usize, (page, index): Metric) {
        in_slot(by, |thread| self.pages[page].add(thread, index, 1));
    }

    fn value(&self, (page, index): Metric) -> u64 {
        self.pages[page].value(index)
    }

    /// The values of all pages, and the epoch at which they were read.
    fn read(&self, cache: &mut PageCache) -> (Vec<Vec<u64>>, u64) {
        let epoch = cache.refresh(&self.pages);
        (cache.values().map(|page| page.to_vec()).collect(), epoch)
    }

    /// The sum of the pages' epochs: what a [`PageCache`] would remember if it read now.
    fn epoch(&self) -> u64 {
        self.pages.iter().map(|page| page.epoch()).sum()
    }

    /// The values of two metrics. The second is never ahead of the first.
    fn assert_order(&self, a: Metric, b: Metric) {
        let (values, _) = self.read(&mut PageCache::default());
        let (a, b) = (values[a.0][usize::from(a.1)], values[b.0][usize::from(b.1)]);
        assert!(b <= a, "{b} of B, {a} of A");
    }
}

/// A thread counts while a reader rebuilds. Whatever the rebuild remembers as read, the write is never marked clean unread:
/// a reading after the join either is not current, or shows it. Fails if the cells are read before the epoch, if the epoch
/// is bumped before the cell, or with the epoch Relaxed on either side.
#[test]
fn write_during_a_rebuild() {
    for ownership in OWNED_OR_SHARED {
        explore("counter::write_during_a_rebuild", 3, 100, move || {
            let pages = pages(1, ownership);
            let writer = spawn(&pages, |pages| (0..2).for_each(|_| pages.add(0, A)));
            let reader = spawn(&pages, |pages| {
                let mut cache = PageCache::default();
                let (values, epoch) = pages.read(&mut cache);
                assert!(
                    values[0][0] >= epoch,
                    "{epoch} writes are marked as read, {} were",
                    values[0][0]
                );
                (cache, epoch)
            });
            writer.join().unwrap();
            let (mut cache, epoch) = reader.join().unwrap();
            assert_eq!(epoch == 2, pages.epoch() == epoch);
            assert_eq!(pages.read(&mut cache).0, [[2, 0]]);
        });
    }
}

/// A thread counts, or changes a gauge, while a reader adds up the slots' words and then reads the page. If the words are the same
/// after the join, the reading shows the write. Fails if the word is bumped before the cell, or with the word Relaxed on either side.
#[test]
fn a_write_shows_in_the_word() {
    let writes: [(Ownership, Change); 3] = [
        (Ownership::Always, |page, thread| page.add(thread, 0, 7)),
        (Ownership::Never, |page, thread| page.add(thread, 0, 7)),
        (Ownership::Never, |page, thread| {
            page.set_gauge(thread, 0, 7)
        }),
    ];
    for (ownership, write) in writes {
        explore("counter::a_write_shows_in_the_word", 3, 50, move || {
            let promotion = Promotion::new(ownership, Promotion::DEFAULT_LIMIT);
            let page = Arc::new(Page::new(promotion.into()));
            let writer = spawn(&page, move |page| in_slot(0, |thread| write(page, thread)));
            let reader = spawn(&page, |page| (page.words(), page.value(0)));
            writer.join().unwrap();
            let (words, value) = reader.join().unwrap();
            // A word is 1 when it is made.
            assert_eq!(page.words(), 2);
            assert!(words < 2 || value == 7, "counted, but not shown");
        });
    }
}

/// A thread adds to A, then to B, on the same page and on another: no reading shows B ahead of A, also when the first
/// write to a page falls into the reading. Fails with a cell Relaxed on either side, or if cells or pages are read from the
/// first one on.
#[test]
fn a_before_b() {
    for (b, ownership) in [B, ON_ANOTHER_PAGE]
        .into_iter()
        .flat_map(|b| OWNED_OR_SHARED.map(|ownership| (b, ownership)))
    {
        explore("counter::a_before_b", 3, 100, move || {
            let pages = pages(b.0 + 1, ownership);
            let writer = spawn(&pages, move |pages| {
                for _ in 0..2 {
                    pages.add(0, A);
                    pages.add(0, b);
                }
            });
            let reader = spawn(&pages, move |pages| pages.assert_order(A, b));
            writer.join().unwrap();
            reader.join().unwrap();
        });
    }
}

/// Two threads that share cells add to A, then to B. No reading shows B ahead of A, and nothing is lost.
#[test]
fn two_share_a_before_b() {
    explore("counter::two_share_a_before_b", 2, 500, || {
        let pages = pages(1, Ownership::Never);
        let writers = [0, 1].map(|slot| {
            spawn(&pages, move |pages| {
                pages.add(slot, A);
                pages.add(slot, B);
            })
        });
        let reader = spawn(&pages, |pages| pages.assert_order(A, B));
        writers
            .into_iter()
            .for_each(|writer| writer.join().unwrap());
        reader.join().unwrap();
        assert_eq!((pages.value(A), pages.value(B)), (2, 2));
        assert_eq!(pages.epoch(), 4);
    });
}

/// A thread is promoted between the second and the third of its writes to one counter. A reader of the counter, and one of the page,
/// see a prefix of the writes, and nothing goes back. Fails if the shared cell is read before those that threads own.
#[test]
fn promoted_while_read() {
    explore("counter::promoted_while_read", 2, 100, || {
        let pages = pages(1, Ownership::Adaptive);
        // Sums of a prefix differ from those of any other set.
        let add = |pages: &Pages, amounts: &[u64]| {
            in_slot_hot(0, |thread| {
                amounts
                    .iter()
                    .for_each(|n| pages.pages[0].add(thread, 0, *n));
            });
        };
        add(&pages, &[1, 2]);
        let writer = spawn(&pages, move |pages| add(pages, &[4, 8, 16]));
        let reader = spawn(&pages, |pages| {
            let (single, second) = (pages.value(A), pages.value(A));
            let mut cache = PageCache::default();
            let page = pages.read(&mut cache).0[0][0];
            for sum in [single, second, page] {
                assert!(
                    [3, 7, 15, 31].contains(&sum),
                    "{sum} is the sum of no prefix"
                );
            }
            assert!(single <= second, "a counter went back");
            cache
        });
        writer.join().unwrap();
        let mut cache = reader.join().unwrap();
        assert_eq!(pages.read(&mut cache).0, [[31, 0]]);
        assert_eq!(pages.pages[0].owners(), 1);
    });
}

/// A thread that adds to A and then to B is promoted while a reader reads the page: no reading shows B ahead of A.
#[test]
fn promoted_between_a_and_b() {
    explore("counter::promoted_between_a_and_b", 2, 100, || {
        let pages = pages(1, Ownership::Adaptive);
        let add = |pages: &Pages, indices: &[u8]| {
            in_slot_hot(0, |thread| {
                for index in indices {
                    pages.pages[0].add(thread, *index, 1);
                }
            });
        };
        add(&pages, &[0, 1]);
        let writer = spawn(&pages, move |pages| add(pages, &[0, 1, 0, 1]));
        let reader = spawn(&pages, |pages| pages.assert_order(A, B));
        writer.join().unwrap();
        reader.join().unwrap();
        assert_eq!((pages.value(A), pages.value(B)), (3, 3));
        assert_eq!(pages.pages[0].owners(), 1);
    });
}

/// A task adds to A on one thread, moves to another thread and adds to B there. The first thread has not written to the page
/// before. No reading shows B ahead of A. Fails if cells that appear during a reading are not noticed.
#[test]
fn first_touch_across_pages() {
    explore("counter::first_touch_across_pages", 2, 100, || {
        let pages = pages(1, Ownership::Always);
        // The page has been written to, so it is read, whatever its epoch shows of the two additions.
        pages.add(0, A);
        let first = spawn(&pages, |pages| {
            // The pointer to the cells of slot 2 is in a chunk that a segment of the table of chunks names.
            pages.add(2, A);
            pages.flag.store(true, Release);
        });
        let second = spawn(&pages, |pages| {
            if pages.flag.load(Acquire) {
                pages.add(0, B);
            }
        });
        let reader = spawn(&pages, |pages| {
            let (values, _) = pages.read(&mut PageCache::default());
            let (a, b) = (values[0][0], values[0][1]);
            assert!(b < a, "{b} of B, {a} of A, one of them before");
        });
        first.join().unwrap();
        second.join().unwrap();
        reader.join().unwrap();
    });
}

/// One cache reads one metric, another reads everything, while a thread writes to both metrics of the page. What one of
/// them read marks nothing clean for the other. Fails if a page counts as read after one metric of it was read.
#[test]
fn one_reading_marks_another_nothing() {
    for ownership in OWNED_OR_SHARED {
        explore(
            "counter::one_reading_marks_another_nothing",
            2,
            100,
            move || {
                let pages = pages(1, ownership);
                let writer = spawn(&pages, |pages| {
                    pages.add(0, A);
                    pages.add(0, B);
                });
                let reader = spawn(&pages, |pages| {
                    let (mut one, mut other) = (PageCache::default(), PageCache::default());
                    let (_, epoch) = pages.read(&mut one);
                    let single = pages.value(B);
                    let (both, _) = pages.read(&mut other);
                    assert!(
                        both[0][1] >= single,
                        "a reading that began later shows less"
                    );
                    assert!(both[0].iter().sum::<u64>() >= epoch);
                    (one, other)
                });
                writer.join().unwrap();
                let (mut one, mut other) = reader.join().unwrap();
                assert_eq!(pages.read(&mut one).0, [[1, 1]]);
                assert_eq!(pages.read(&mut other).0, [[1, 1]]);
            },
        );
    }
}

type Change = fn(&Page, ModelThread<'_>);
type Read = fn(&Page) -> u64;

/// A gauge is changed, in each of its ways, after something was prepared. A reader of the value, in either way, finds what
/// was prepared, and a reading that is current after the join shows the value. Fails with a change or a read Relaxed, or if
/// the epoch is bumped before the gauge is changed.
#[test]
fn gauge_publishes() {
    let changes: [Change; 3] = [
        |page, thread| page.set_gauge(thread, 0, 7),
        |page, thread| page.add_gauge(thread, 0, 7),
        |page, thread| page.update_gauge(thread, 0, |value| value + 7),
    ];
    let reads: [Read; 2] = [|page| page.gauge(0), |page| page.value(0)];
    for (change, read) in changes
        .into_iter()
        .flat_map(|change| reads.map(|read| (change, read)))
    {
        explore("counter::gauge_publishes", 3, 50, move || {
            gauge_publishes_by(change, read)
        });
    }
}

fn gauge_publishes_by(change: Change, read: Read) {
    let pages = pages(1, Ownership::Never);
    pages.pages[0].create_gauges();
    // The slot has its epoch: the installation of one would publish the change as well.
    in_slot(0, |thread| pages.pages[0].add_gauge(thread, 0, 0));
    let writer = spawn(&pages, move |pages| {
        pages.flag.store(true, Relaxed);
        in_slot(0, |thread| change(&pages.pages[0], thread));
    });
    let reader = spawn(&pages, move |pages| {
        if read(&pages.pages[0]) == 7 {
            assert!(
                pages.flag.load(Relaxed),
                "the value is visible, what preceded it is not"
            );
        }
        let mut cache = PageCache::default();
        let (values, epoch) = pages.read(&mut cache);
        assert!(
            epoch <= 1 || values[0][0] == 7,
            "marked as read, but not shown"
        );
        cache
    });
    writer.join().unwrap();
    let mut cache = reader.join().unwrap();
    assert_eq!(pages.read(&mut cache).0, [[7, 0]]);
}

/// Two threads change a gauge whose page has no epochs of gauges yet: both changes count. Fails if the second one to create the epochs uses
/// its own, or (loom reports the cell) does not acquire the other's.
#[test]
fn two_make_one_page() {
    explore("counter::two_make_one_page", 3, 20, || {
        let pages = pages(1, Ownership::Never);
        let [first, second] = [0, 1].map(|slot| {
            spawn(&pages, move |pages| {
                in_slot(slot, |thread| pages.pages[0].add_gauge(thread, 0, 1))
            })
        });
        first.join().unwrap();
        second.join().unwrap();
        assert_eq!((pages.value(A), pages.pages[0].epoch()), (2, 2));
    });
}

/// Two threads raise a counter, to different values: it is at the larger of the two. Fails if a counter is raised without the lock.
#[test]
fn two_raise_one() {
    explore("counter::two_raise_one", 3, 50, || {
        let counter = Arc::new(CellHandle::new(
            std::sync::Arc::new(Page::new(std::sync::Arc::default())),
            0,
        ));
        let raising = [3, 5].map(|value| {
            spawn(&counter, move |counter| {
                let slot = usize::from(value == 5);
                in_slot(slot, |thread| counter.raise_to(thread, value));
                assert!(counter.value() >= value, "it was not raised");
            })
        });
        raising
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert_eq!(counter.value(), 5);
    });
}
