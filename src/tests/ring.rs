//! The seconds of a throughput.

use crate::engine::throughput::ring::{Ring, RingReader, RingWriter, SECONDS};

#[test]
fn an_amount_saturates_and_leaves_its_second_alone() {
    let ring = Ring::default();
    let (writer, ring) = (RingWriter(&ring), RingReader(&ring));
    writer.add(7, u64::MAX);
    writer.add(7, 5);
    assert_eq!(ring.in_second(7), (1 << 36) - 1);
    assert_eq!(ring.in_second(7 + SECONDS), 0);
    assert_eq!(ring.total(), u64::MAX.wrapping_add(5));
}

#[test]
fn a_second_is_forgotten_when_its_cell_is_reused() {
    let ring = Ring::default();
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
    let ring = Ring::default();
    let (writer, ring) = (RingWriter(&ring), RingReader(&ring));
    assert_eq!(ring.in_second(0), 0);
    writer.add(0, 4);
    assert_eq!(ring.in_second(0), 4);
}
