//! Claims, releases, and first writes.

use super::{ModelThread, claiming, explore, in_slot, only, spawn};
use crate::engine::counter::page::Page;
use crate::engine::slot::adaptive::Promotion;
use crate::engine::slot::claims::SlotClaims;
use crate::engine::slot::owner::{
    CurrentThread, NO_REGISTRY, Owner, ThreadSlot, first_write_of_value,
};
use crate::ownership::Ownership;
use loom::sync::Arc;
use std::cell::RefCell;

/// The slots of a process, and a page of counters where every writing thread owns cells.
struct Process {
    claims: SlotClaims,
    page: Page,
}

impl Default for Process {
    fn default() -> Self {
        let promotion = Promotion::new(Ownership::Always, Promotion::DEFAULT_LIMIT);
        Self {
            claims: SlotClaims::default(),
            page: Page::new(promotion.into()),
        }
    }
}

impl Process {
    /// Asserts that no thread has a slot any more.
    fn assert_all_released(&self) {
        let free = [(); 3].map(|()| self.claims.claim().index());
        assert_eq!(free, [0, 1, 2], "a slot was not released");
    }
}

/// A thread counts, which claims a slot, and ends, while another begins and does the same. If it gets the same slot it must
/// continue from the first one's cell: a claim that does not acquire the last owner's stores loses the count. Fails with the
/// claim or the release Relaxed, or if a thread's end releases nothing.
#[test]
fn hand_over() {
    explore("slots::hand_over", 3, 100, || {
        let process = Arc::new(Process::default());
        let [first, second] = [(); 2].map(|()| {
            spawn(&process, |process| {
                claiming(&process.claims, |thread| process.page.add(thread, 0, 1))
            })
        });
        first.join().unwrap();
        second.join().unwrap();
        assert_eq!(process.page.value(0), 2);
        process.assert_all_released();
    });
}

/// Two threads write to a page that they share, and end, one after the other or at the same time; the first one writes once more when it
/// has given its slot back. No write goes uncounted by the words. Fails if a thread remembers its word when it has given its slot back.
#[test]
fn a_word_is_forgotten_with_its_slot() {
    explore("slots::a_word_is_forgotten_with_its_slot", 3, 100, || {
        let promotion = only(Promotion::new(Ownership::Never, 0));
        let process = Arc::new(Process {
            claims: SlotClaims::default(),
            page: Page::new(promotion.into()),
        });
        // Both slots have written to the page.
        for slot in [0, 1] {
            in_slot(slot, |thread| process.page.add(thread, 0, 1));
        }
        let words = process.page.words();
        let [first, second] = [2, 1].map(|lives| {
            spawn(&process, move |process| {
                let own = ThreadSlot::new();
                let thread = ModelThread {
                    own: &own,
                    claims: Some(&process.claims),
                    hot: false,
                };
                for _ in 0..lives {
                    (0..2).for_each(|_| process.page.add(thread, 0, 1));
                    assert_ne!(thread.word().0, NO_REGISTRY, "the short way was not taken");
                    own.release(&process.claims);
                    // Otherwise the next write would be counted by a word that may be another thread's by then.
                    assert_eq!(thread.word().0, NO_REGISTRY);
                }
            })
        });
        first.join().unwrap();
        second.join().unwrap();
        assert_eq!(process.page.value(0), 8);
        assert_eq!(process.page.words() - words, 6);
    });
}

/// Two threads claim at once and need the same missing segment of the table: they get different slots. Fails if a claim
/// takes a flag without exchanging it.
#[test]
fn two_claim_at_once() {
    explore("slots::two_claim_at_once", 3, 50, || {
        let claims = Arc::new(SlotClaims::default());
        let [first, second] = [(); 2]
            .map(|()| spawn(&claims, |claims| claims.claim()))
            .map(|thread| thread.join().unwrap());
        assert_ne!(first, second);
        assert!(
            first.index() < 2 && second.index() < 2,
            "the lowest are taken first"
        );
    });
}

/// Writes `value`, and first, as a metered allocator does, more values to the same metric.
fn write_reentered(
    thread: ModelThread<'_>,
    process: &Process,
    written: &RefCell<Vec<u64>>,
    key: (*const (), usize),
    value: u64,
) {
    let write = |owner: Owner<'_>, value| {
        assert_eq!(
            thread.with(|own| own.owner().slot()),
            owner.slot(),
            "the proof of another slot"
        );
        if value == 1 {
            write_reentered(thread, process, written, key, 2);
            write_reentered(thread, process, written, key, 3);
            write_reentered(thread, process, written, key, 2);
        }
        written.borrow_mut().push(value);
        process.page.add(thread, 0, value);
    };
    first_write_of_value(thread, key, value, write, |_, lost| {
        panic!("{lost} lost");
    });
}

/// The first writes of two threads to one metric are re-entered by writes to that metric. Each value is written as often as
/// it came, equal ones together, none inside another. Fails if deferred values are dropped, or written before the outer one.
#[test]
fn first_write_reentered() {
    explore("slots::first_write_reentered", 2, 50, || {
        let process = Arc::new(Process::default());
        let [first, second] = [(); 2].map(|()| {
            spawn(&process, |process| {
                let written = RefCell::default();
                // The number is one that the page, which may lie at the same address, does not use.
                let key = (std::ptr::from_ref(process).cast(), usize::MAX);
                claiming(&process.claims, |thread| {
                    write_reentered(thread, process, &written, key, 1)
                });
                assert_eq!(written.into_inner(), [1, 2, 2, 3]);
            })
        });
        first.join().unwrap();
        second.join().unwrap();
        assert_eq!(process.page.value(0), 16);
        process.assert_all_released();
    });
}

/// A thread that writes while a slot is claimed for it: what arranges the release allocates, and the allocator counts.
#[derive(Clone, Copy)]
struct Metered<'a> {
    thread: ModelThread<'a>,
    page: &'a Page,
}

// SAFETY: a model hands one table of slots to all of its threads, and one state to each.
unsafe impl CurrentThread for Metered<'_> {
    fn with<R>(self, f: impl FnOnce(&ThreadSlot) -> R) -> R {
        self.thread.with(f)
    }

    fn claims(&self) -> &SlotClaims {
        self.thread.claims.expect("this thread claims")
    }

    fn release_at_exit(self) -> bool {
        self.page.add(self.thread, 1, 1);
        true
    }

    fn ticks(self) -> u64 {
        self.thread.ticks()
    }
}

/// The claim of a slot is re-entered by a write to another metric, which claims a slot as well. The thread keeps one of the two
/// and releases the other. Fails if it keeps both, or with a look-up of a table's segment Relaxed (loom reports the entries).
#[test]
fn a_claim_reentered() {
    explore("slots::a_claim_reentered", 2, 100, || {
        let process = Arc::new(Process::default());
        let [first, second] = [(); 2].map(|()| {
            spawn(&process, |process| {
                claiming(&process.claims, |thread| {
                    process.page.add(
                        Metered {
                            thread,
                            page: &process.page,
                        },
                        0,
                        1,
                    );
                });
            })
        });
        first.join().unwrap();
        second.join().unwrap();
        assert_eq!((process.page.value(0), process.page.value(1)), (2, 2));
        process.assert_all_released();
    });
}

/// A thread whose destructors run: its slot is released already, and no destructor will release another.
#[derive(Clone, Copy)]
struct Ending<'a>(ModelThread<'a>);

// SAFETY: a model hands one table of slots to all of its threads, and one state to each.
unsafe impl CurrentThread for Ending<'_> {
    fn with<R>(self, f: impl FnOnce(&ThreadSlot) -> R) -> R {
        self.0.with(f)
    }

    fn claims(&self) -> &SlotClaims {
        self.0.claims.expect("this thread claims")
    }

    fn release_at_exit(self) -> bool {
        false
    }

    fn ticks(self) -> u64 {
        self.0.ticks()
    }
}

/// A thread counts and ends, and counts once more from a destructor, while another thread begins. The late write claims a slot
/// for itself and releases it. Fails if it keeps it.
#[test]
fn a_write_at_thread_exit() {
    explore("slots::a_write_at_thread_exit", 2, 100, || {
        let process = Arc::new(Process::default());
        let ending = spawn(&process, |process| {
            let own = ThreadSlot::new();
            let thread = ModelThread {
                own: &own,
                claims: Some(&process.claims),
                hot: false,
            };
            process.page.add(thread, 0, 1);
            own.release(&process.claims);
            process.page.add(Ending(thread), 0, 1);
        });
        let beginning = spawn(&process, |process| {
            claiming(&process.claims, |thread| process.page.add(thread, 0, 1));
        });
        ending.join().unwrap();
        beginning.join().unwrap();
        assert_eq!(process.page.value(0), 3);
        process.assert_all_released();
    });
}
