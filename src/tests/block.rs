//! Counters of more than 31 bits.

use crate::engine::histogram::block::{BlockConfig, OwnedBlocks, join_halves};
use crate::engine::histogram::bucket_layout::BucketLayout;
use crate::engine::histogram::reader::BlockReader;
use crate::engine::histogram::writer::BlockWriter;
use crate::engine::slot::growing_table::SlotId;
use crate::engine::slot::owner::ThreadSlot;

#[test]
fn a_counter_that_overflows_its_lower_half_is_carried() {
    // SAFETY: the table is this test's own, and the test has one thread.
    let own = unsafe { ThreadSlot::assume(SlotId::new(0)) };
    let config = BlockConfig {
        layout: BucketLayout::new(0, 1023, 2),
        queue: 4,
        recent: 0,
    };
    let blocks = OwnedBlocks::default();
    let writer = BlockWriter::find_or_create(&blocks, own.owner(), &config).unwrap();
    let record_any = |value| assert!(writer.make_room(value) && writer.try_record_any(value));
    let record = |value| writer.try_record(value);
    for value in [5, 900, 0] {
        record_any(value);
        writer.preset(value, u32::MAX / 2 - 1);
        assert_eq!(record(value), value != 0, "still below the top");
        if value == 0 {
            record_any(value);
        }
        assert!(!record(value), "to be carried");
        record_any(value);
        assert_eq!(record(value), value != 0, "room again");
    }
    let block = blocks.get(SlotId::new(0)).unwrap();
    let reader = BlockReader::new(block, &config);
    let counts = || {
        let mut counts = Vec::new();
        reader.for_each_bucket(0, |_, count| counts.push(count));
        counts
    };
    assert_eq!(counts(), [1 << 31, (1 << 31) + 1, (1 << 31) + 1]);
    // And a second time, back to an even upper half.
    writer.preset(5, u32::MAX);
    assert!(!record(5), "to be carried again");
    record_any(5);
    assert_eq!(counts()[1], 1 << 32);
    reader.clear(0);
    assert!(counts().is_empty());
    writer.preset(5, u32::MAX / 2);
    record_any(5);
    assert_eq!(counts(), [1 << 31], "the upper half was cleared as well");
}

#[test]
fn halves_read_on_both_sides_of_a_carry_are_joined() {
    let halves = |count: u64| (count as u32, (count >> 31) as u32);
    for carried in [1_u64, 2, 3, 10] {
        for before in [1, 2, 1000] {
            for after in [0, 1, 1000] {
                let (old, new) = ((carried << 31) - before, (carried << 31) + after);
                let ((old_low, old_high), (new_low, new_high)) = (halves(old), halves(new));
                assert_eq!(
                    (
                        join_halves(old_low, old_high),
                        join_halves(new_low, new_high)
                    ),
                    (old, new)
                );
                assert_eq!(
                    (
                        join_halves(old_low, new_high),
                        join_halves(new_low, old_high)
                    ),
                    (old, new),
                    "the lower half's"
                );
            }
        }
    }
}
