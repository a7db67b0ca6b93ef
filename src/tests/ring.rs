//! The seconds of a throughput.

use crate::engine::slot::growing_table::SlotId;
use crate::engine::slot::owner::ThreadSlot;
use crate::engine::slot::slot_word::SlotWord;
use crate::engine::throughput::ring::{Ring, RingReader, RingWriter, SECONDS};
use std::sync::Arc;

fn ring() -> Ring {
    // SAFETY: the ring's word is a test's own, and the test has one thread.
    let own = unsafe { ThreadSlot::assume(SlotId::new(0)) };
    Ring::new(SlotWord::new(&Arc::default(), own.owner()))
}

#[test]
fn an_amount_saturates_and_leaves_its_second_alone() {
    let ring = ring();
    let (writer, ring) = (RingWriter(&ring), RingReader(&ring));
    writer.add(7, u64::MAX);
    writer.add(7, 5);
    assert_eq!(ring.in_second(7), (1 << 36) - 1);
    assert_eq!(ring.in_second(7 + SECONDS), 0);
    assert_eq!(ring.total(), u64::MAX.wrapping_add(5));
}

#[test]
fn a_second_is_forgotten_when_its_cell_is_reused() {
    let ring = ring();
    let (writer, ring) = (RingWriter(&ring), RingReader(&ring));
    writer.add(3, 10);
    writer.add(3 + SECONDS, 1);
    assert_eq!((ring.in_second(3), ring.in_second(3 + SECONDS)), (0, 1));
    writer.add(3, 2);
    assert_eq!(
        (ring.in_second(3), ring.in_second(3 + SECONDS)),
        (2, 0),
        "a clock that jumped back"
    );
}

#[test]
fn second_zero_is_a_second_like_any_other() {
    let ring = ring();
    let (writer, ring) = (RingWriter(&ring), RingReader(&ring));
    assert_eq!(ring.in_second(0), 0);
    writer.add(0, 4);
    assert_eq!(ring.in_second(0), 4);
}
