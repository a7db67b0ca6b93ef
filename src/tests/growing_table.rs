//! The table that grows without moving.

use crate::engine::slot::growing_table::{GrowingTable, SlotId};

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
