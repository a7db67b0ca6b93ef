//! Tests of the core's parts that need neither threads nor loom. They are not in the files themselves, since `loom-tests/`
//! compiles those.

mod layout {
    use crate::core::layout::Layout;
    use hdrhistogram::Histogram;

    #[test]
    fn boundaries_are_those_of_hdrhistogram() {
        for (max, digits) in
            [(3_600_000_000_000, 2), (1 << 40, 3), (1000, 1), (1 << 20, 1), (u64::MAX, 3), (1 << 55, 2), (2, 5)]
        {
            let layout = Layout::new(0, max, digits);
            let hdr = Histogram::<u64>::new_with_bounds(1, max, digits).unwrap();
            let mut value = 0_u64;
            let mut last = None;
            while value <= max {
                for near in [value.saturating_sub(1), value, value.saturating_add(1).min(max)] {
                    let bucket = layout.bucket(near);
                    assert!(bucket < layout.buckets(), "{near} beyond the last bucket");
                    assert_eq!(layout.low(bucket), hdr.lowest_equivalent(near), "low of {near} at {digits} digits");
                    assert_eq!(layout.high(bucket), hdr.highest_equivalent(near), "high of {near} at {digits} digits");
                }
                let bucket = layout.bucket(value);
                assert!(last.is_none_or(|last| last <= bucket), "buckets fall at {value}");
                last = Some(bucket);
                let step = value / 97 + 1;
                if u64::MAX - value < step {
                    break;
                }
                value += step;
            }
            assert_eq!(layout.split(layout.bucket(max)).0, layout.octaves() - 1, "no octave too many");
        }
    }

    #[test]
    fn every_used_bucket_begins_where_the_one_before_ends() {
        let layout = Layout::new(0, 3_600_000_000_000, 2);
        let mut end = 0;
        for bucket in 1..layout.buckets() {
            if layout.bucket(layout.low(bucket)) == bucket {
                assert_eq!(layout.low(bucket), end + 1);
                assert_eq!(layout.bucket(layout.high(bucket)), bucket);
                end = layout.high(bucket);
            }
        }
        assert!(end >= 3_600_000_000_000);
    }
}

mod segments {
    use crate::core::segments::*;

    #[test]
    fn positions_are_distinct_and_reversible() {
        let table = Segments::<u8>::default();
        let mut places = std::collections::HashSet::new();
        for index in 0..5_000 {
            let at = Position::of(index);
            assert_eq!(at.index(), index);
            assert!(places.insert(std::ptr::from_ref(table.get_or_alloc(at))), "index {index} shares its place");
        }
        assert_eq!(Position::first_of(0), 0);
        assert_eq!(Position::unpack(Position::of(4_321).pack(99)), (Position::of(4_321), 99));
    }

    #[test]
    fn nothing_is_found_at_none() {
        let table = Segments::<u64>::default();
        assert!(table.get(Position::NONE).is_none());
    }

    #[test]
    fn entries_stay_where_they_are_while_the_table_grows() {
        let table = Segments::<u64>::default();
        let first: *const u64 = table.get_or_alloc(Position::of(0));
        for index in 0..1_000 {
            table.get_or_alloc(Position::of(index));
        }
        assert_eq!(first, std::ptr::from_ref(table.get(Position::of(0)).unwrap()));
    }
}

mod ring {
    use crate::core::ring::*;

    #[test]
    fn an_amount_saturates_and_leaves_its_second_alone() {
        let ring = Ring::default();
        ring.add(7, u64::MAX);
        ring.add(7, 5);
        assert_eq!(ring.in_second(7), (1 << 36) - 1);
        assert_eq!(ring.in_second(7 + SECONDS), 0);
        assert_eq!(ring.total(), u64::MAX.wrapping_add(5));
    }

    #[test]
    fn a_second_is_forgotten_when_its_cell_is_reused() {
        let ring = Ring::default();
        ring.add(3, 10);
        ring.add(3 + SECONDS, 1);
        assert_eq!((ring.in_second(3), ring.in_second(3 + SECONDS)), (0, 1));
        ring.add(3, 2);
        assert_eq!((ring.in_second(3), ring.in_second(3 + SECONDS)), (2, 0), "a clock that jumped back");
    }

    #[test]
    fn second_zero_is_a_second_like_any_other() {
        let ring = Ring::default();
        assert_eq!(ring.in_second(0), 0);
        ring.add(0, 4);
        assert_eq!(ring.in_second(0), 4);
    }
}

mod block {
    use crate::core::block::{Block, Head, joined};
    use crate::core::layout::Layout;

    #[test]
    fn a_counter_that_overflows_its_lower_half_is_carried() {
        let (head, block) = (Head::default(), Block::new(Layout::new(0, 1023, 2), 4));
        let record = |value| block.record(&head, value);
        for value in [5, 900, 0] {
            block.record_any(&head, value);
            block.preset(0, value, u32::MAX / 2 - 1);
            assert_eq!(record(value), value != 0, "still below the top");
            if value == 0 {
                block.record_any(&head, value);
            }
            assert!(!record(value), "to be carried");
            block.record_any(&head, value);
            assert_eq!(record(value), value != 0, "room again");
        }
        let counts = || {
            let mut counts = Vec::new();
            block.for_each_bucket(0, |_, count| counts.push(count));
            counts
        };
        assert_eq!(counts(), [1 << 31, (1 << 31) + 1, (1 << 31) + 1]);
        // And a second time, back to an even upper half.
        block.preset(0, 5, u32::MAX);
        assert!(!record(5), "to be carried again");
        block.record_any(&head, 5);
        assert_eq!(counts()[1], 1 << 32);
        block.clear(0);
        assert!(counts().is_empty());
    }

    #[test]
    fn halves_of_which_one_was_read_before_a_carry_are_joined() {
        let halves = |count: u64| (count as u32, (count >> 31) as u32);
        for carried in [1_u64, 2, 3, 10] {
            for before in [1, 2, 1000] {
                for after in [0, 1, 1000] {
                    let (old, new) = ((carried << 31) - before, (carried << 31) + after);
                    let ((old_low, old_high), (new_low, new_high)) = (halves(old), halves(new));
                    assert_eq!((joined(old_low, old_high), joined(new_low, new_high)), (old, new));
                    assert_eq!((joined(old_low, new_high), joined(new_low, old_high)), (old, new), "the lower half's");
                }
            }
        }
    }
}
