//! Counters and gauges: cells, pages, epochs.

use super::{explore, slot};
use crate::cells::{CellId, Cells, Reading};
use crate::sync::{Acquire, AtomicBool, Relaxed, Release};
use loom::sync::Arc;
use loom::thread;

/// The second page begins at offset 2.
const A: usize = 0;
const B: usize = 1;
const ON_ANOTHER_PAGE: usize = 2;

fn add(cells: &Cells, by: usize, offset: usize) {
    let id = CellId::new(offset);
    if !cells.add(slot(by), id, 1) && !cells.add_any(slot(by), id, 1) {
        cells.touch(slot(by), id, 1);
    }
}

fn values(cells: &Cells, reading: &mut Reading, len: usize) -> (Vec<u64>, u64) {
    let epoch = reading.refresh(cells, len);
    let values = reading.values().flat_map(|page| page.iter().copied()).take(len).collect();
    (values, epoch)
}

/// A thread counts while a reader rebuilds. Whatever the rebuild remembers as read, the write is never marked clean unread:
/// a reading after the join either is not current, or shows it. Fails if the cells are read before the epoch, if the epoch
/// is bumped before the cell, or with the epoch Relaxed on either side.
#[test]
fn write_during_a_rebuild() {
    explore("cells::write_during_a_rebuild", 3, 100, || {
        let cells = Arc::new(Cells::default());
        let writer = {
            let cells = Arc::clone(&cells);
            thread::spawn(move || {
                add(&cells, 0, A);
                add(&cells, 0, A);
            })
        };
        let reader = {
            let cells = Arc::clone(&cells);
            thread::spawn(move || {
                let mut reading = Reading::default();
                let (values, epoch) = values(&cells, &mut reading, 1);
                assert!(values[0] >= epoch, "{epoch} writes are marked as read, {} were", values[0]);
                (reading, epoch)
            })
        };
        writer.join().unwrap();
        let (mut reading, epoch) = reader.join().unwrap();
        assert_eq!(epoch == 2, cells.total_epoch(1) == epoch);
        assert_eq!(values(&cells, &mut reading, 1).0, [2]);
    });
}

/// A thread adds to A, then to B, on the same page and on another: no reading shows B ahead of A, also when the first
/// touch of a page falls into the reading. Fails with a cell Relaxed on either side, or if cells are read from the lowest
/// offset up.
#[test]
fn a_before_b() {
    for b in [B, ON_ANOTHER_PAGE] {
        explore("cells::a_before_b", 3, 100, move || {
            let cells = Arc::new(Cells::default());
            let writer = {
                let cells = Arc::clone(&cells);
                thread::spawn(move || {
                    for _ in 0..2 {
                        add(&cells, 0, A);
                        add(&cells, 0, b);
                    }
                })
            };
            let reader = {
                let cells = Arc::clone(&cells);
                thread::spawn(move || {
                    let (values, _) = values(&cells, &mut Reading::default(), 3);
                    assert!(values[b] <= values[A], "B ahead of A: {values:?}");
                })
            };
            writer.join().unwrap();
            reader.join().unwrap();
        });
    }
}

/// A task adds to A on one thread and, after migrating, to B on another; both touch their pages for the first time. No
/// reading shows B ahead of A. Fails if a page that appeared during its own reading is not noticed.
#[test]
fn first_touch_across_pages() {
    explore("cells::first_touch_across_pages", 2, 100, || {
        let cells = Arc::new(Cells::default());
        // The page has been written to, so it is read, whatever its epoch shows of the two additions.
        add(&cells, 0, A);
        let migrated = Arc::new(AtomicBool::new(false));
        let first = {
            let (cells, migrated) = (Arc::clone(&cells), Arc::clone(&migrated));
            thread::spawn(move || {
                add(&cells, 1, A);
                migrated.store(true, Release);
            })
        };
        let second = {
            let cells = Arc::clone(&cells);
            thread::spawn(move || {
                if migrated.load(Acquire) {
                    add(&cells, 0, B);
                }
            })
        };
        let reader = {
            let cells = Arc::clone(&cells);
            thread::spawn(move || {
                let (values, _) = values(&cells, &mut Reading::default(), 2);
                assert!(values[B] < values[A], "B ahead of A: {values:?}");
            })
        };
        first.join().unwrap();
        second.join().unwrap();
        reader.join().unwrap();
    });
}

/// One cache reads one metric, another reads everything, while a thread writes to both metrics of the page. What one of
/// them read marks nothing clean for the other. Fails if reading one metric advances the page's epoch in a reading.
#[test]
fn one_reading_marks_another_nothing() {
    explore("cells::one_reading_marks_another_nothing", 2, 100, || {
        let cells = Arc::new(Cells::default());
        let writer = {
            let cells = Arc::clone(&cells);
            thread::spawn(move || {
                add(&cells, 0, A);
                add(&cells, 0, B);
            })
        };
        let reader = {
            let cells = Arc::clone(&cells);
            thread::spawn(move || {
                let (mut one, mut other) = (Reading::default(), Reading::default());
                let (_, seen) = values(&cells, &mut one, 2);
                let single = cells.value(CellId::new(B));
                let (both, _) = values(&cells, &mut other, 2);
                assert!(both[B] >= single, "a reading that began later shows less");
                assert!(both.iter().sum::<u64>() >= seen);
                (one, other)
            })
        };
        writer.join().unwrap();
        let (mut one, mut other) = reader.join().unwrap();
        assert_eq!(values(&cells, &mut one, 2).0, [1, 1]);
        assert_eq!(values(&cells, &mut other, 2).0, [1, 1]);
    });
}

/// A gauge is changed, in each of its ways, after something was prepared. Who sees the value, in either way, sees what was
/// prepared, and a reading that is current after the join shows the value. Fails with a change or a look Relaxed, or if the
/// epoch is bumped before the gauge is changed.
#[test]
fn gauge_publishes() {
    let changes: [fn(&Cells, CellId); 3] = [
        |cells, id| cells.set(id, 7),
        |cells, id| cells.add_shared(id, 7),
        |cells, id| cells.update(id, |value| value + 7),
    ];
    let looks: [fn(&Cells, CellId) -> u64; 2] = [Cells::gauge, Cells::value];
    for (change, look) in changes.into_iter().flat_map(|change| looks.map(|look| (change, look))) {
        explore("cells::gauge_publishes", 3, 50, move || gauge_publishes_by(change, look));
    }
}

fn gauge_publishes_by(change: fn(&Cells, CellId), look: fn(&Cells, CellId) -> u64) {
    let cells = Arc::new(Cells::default());
    let prepared = Arc::new(AtomicBool::new(false));
    let id = CellId::new(A);
    cells.shared(id);
    let writer = {
        let (cells, prepared) = (Arc::clone(&cells), Arc::clone(&prepared));
        thread::spawn(move || {
            prepared.store(true, Relaxed);
            change(&cells, id);
            cells.touch(slot(0), id, 0);
        })
    };
    let reader = {
        let cells = Arc::clone(&cells);
        thread::spawn(move || {
            if look(&cells, id) == 7 {
                assert!(prepared.load(Relaxed), "the value is seen, what led to it is not");
            }
            let mut reading = Reading::default();
            let (values, epoch) = values(&cells, &mut reading, 1);
            assert!(epoch == 0 || values[0] == 7, "marked as read, but not shown");
            reading
        })
    };
    writer.join().unwrap();
    let mut reading = reader.join().unwrap();
    assert_eq!(values(&cells, &mut reading, 1).0, [7]);
}

/// Two threads change a gauge whose page is missing: both add to the same cell. Fails if the one that was second to make
/// the page uses its own, or (loom reports the cell) does not acquire the other's.
#[test]
fn two_make_one_page() {
    explore("cells::two_make_one_page", 3, 20, || {
        let cells = Arc::new(Cells::default());
        let add = || {
            let cells = Arc::clone(&cells);
            thread::spawn(move || {
                cells.add_shared(CellId::new(ON_ANOTHER_PAGE), 1);
            })
        };
        for thread in [add(), add()] {
            thread.join().unwrap();
        }
        assert_eq!(cells.value(CellId::new(ON_ANOTHER_PAGE)), 2);
    });
}
