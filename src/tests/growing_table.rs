//! The tables that grow without moving.

use crate::engine::slot::growing_table::{GrowingTable, SlotId};
use crate::engine::slot::sparse_table::SparseTable;
use crate::sync::{AtomicUsize, Relaxed};

#[test]
fn slots_are_distinct_and_reversible() {
    let table = GrowingTable::<u8>::default();
    let mut places = std::collections::HashSet::new();
    for index in 0..5_000 {
        let slot = SlotId::new(index);
        assert_eq!(slot.index(), index);
        assert!(
            places.insert(std::ptr::from_ref(table.get_or_alloc(slot))),
            "index {index} shares its place"
        );
    }
}

#[test]
fn nothing_is_found_at_none() {
    let table = GrowingTable::<u64>::default();
    assert!(table.get(SlotId::NONE).is_none());
    let table = SparseTable::<u64>::default();
    table.get_or_alloc(SlotId::new(4_100));
    assert!(table.get(SlotId::NONE).is_none());
}

#[test]
fn entries_stay_where_they_are_while_the_table_grows() {
    let table = GrowingTable::<u64>::default();
    let first: *const u64 = table.get_or_alloc(SlotId::new(0));
    for index in 0..1_000 {
        table.get_or_alloc(SlotId::new(index));
    }
    assert_eq!(
        first,
        std::ptr::from_ref(table.get(SlotId::new(0)).unwrap())
    );
}

#[test]
fn a_sparse_table_finds_each_slot_and_no_slot_that_was_not_used() {
    let table = SparseTable::<AtomicUsize>::default();
    let used = [0, 31, 32, 33, 63, 64, 1_023, 1_055, 1_056, 4_100, 100_000];
    for index in used {
        // Relaxed: one thread.
        table
            .get_or_alloc(SlotId::new(index))
            .store(index + 1, Relaxed);
    }
    for index in used {
        let entry = table.get(SlotId::new(index)).expect("it was allocated");
        assert_eq!(entry.load(Relaxed), index + 1);
    }
    assert!(table.get(SlotId::new(96)).is_none());
    for len in [0, 1, 32, 33, 1_056, 4_100, 4_101, 200_000] {
        let mut found = Vec::new();
        table.for_each(len, |index, entry| match entry.load(Relaxed) {
            0 => {}
            stored => {
                assert_eq!(stored, index + 1);
                found.push(index);
            }
        });
        let expected: Vec<_> = used.into_iter().filter(|index| *index < len).collect();
        assert_eq!(found, expected, "the first {len}");
    }
}
