//! Counts of buckets, packed and not.

use crate::engine::histogram::counts::Counts;
use crate::engine::histogram::unpacked_counts::UnpackedCounts;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Octaves have this many buckets: those with large counts are large.
const LEN: usize = 200;

type Octaves = BTreeMap<usize, Vec<u64>>;

fn unpacked(octaves: &Octaves) -> UnpackedCounts {
    let mut unpacked = UnpackedCounts::default();
    for (octave, counts) in octaves {
        unpacked.push_with(*octave, |out| {
            out.extend(counts);
            true
        });
    }
    unpacked
}

fn count() -> impl Strategy<Value = u64> {
    const EDGES: [u64; 4] = [u8::MAX as u64, u16::MAX as u64, u32::MAX as u64, u64::MAX];
    prop_oneof![
        4 => Just(0),
        2 => 0..300_u64,
        1 => (prop::sample::select(&EDGES[..]), 0..3_u64).prop_map(|(edge, more)| edge.wrapping_add(more)),
        1 => any::<u64>(),
    ]
}

fn octave() -> impl Strategy<Value = Vec<u64>> {
    let filled = (
        0..LEN,
        0..LEN,
        prop::collection::vec(count(), LEN),
        0..60_u32,
    );
    filled.prop_map(|(first, len, mut counts, shift)| {
        for (index, count) in counts.iter_mut().enumerate() {
            let inside = index >= first && index - first < len;
            *count = if inside { *count >> shift } else { 0 };
        }
        counts
    })
}

fn octaves() -> impl Strategy<Value = Octaves> {
    prop::collection::btree_map(0..8_usize, octave(), 0..5)
}

proptest! {
    #[test]
    fn counts_come_back(first in octaves(), second in octaves()) {
        let before = Counts::default().with(&unpacked(&first));
        let after = before.with(&unpacked(&second));
        let mut expected = first.clone();
        expected.extend(second.clone());
        expected.retain(|_, counts| counts.iter().any(|count| *count != 0));
        prop_assert!(after.octaves().map(|it| it.octave()).eq(expected.keys().copied()));
        let sum = |counts: &[u64]| counts.iter().copied().fold(0, u64::wrapping_add);
        for (octave, counts) in &expected {
            let packed = after.octave(*octave).expect("it is not empty");
            prop_assert_eq!(packed.total, sum(counts));
            for index in 0..LEN {
                prop_assert_eq!(packed.get(index), counts[index]);
                prop_assert_eq!(packed.up_to(index), sum(&counts[..=index]));
            }
            let mut unpacked = vec![0; LEN];
            packed.unpack(&mut unpacked);
            prop_assert_eq!(&unpacked, counts);
            let mut sum_up_to = 0_u128;
            for (index, count) in counts.iter().enumerate().filter(|(_, count)| **count != 0) {
                sum_up_to += u128::from(*count);
                if let Ok(rank) = u64::try_from(sum_up_to) {
                    prop_assert_eq!(packed.reaches(rank), Some(index));
                    if let Some(next) = rank.checked_add(1) {
                        prop_assert_ne!(packed.reaches(next), Some(index));
                    }
                    prop_assert_eq!(packed.reaches(rank - count + 1), Some(index));
                }
            }
            let filled = counts.iter().copied().enumerate().filter(|(_, count)| *count != 0);
            prop_assert!(packed.iter().eq(filled.clone()));
            prop_assert!(packed.iter().rev().eq(filled.collect::<Vec<_>>().into_iter().rev()));
        }
        // However they came about, equal counts are equal.
        prop_assert_eq!(&after, &Counts::default().with(&unpacked(&expected)));
        prop_assert_eq!(&before.with(&unpacked(&first)), &before);
        // What was added, and nothing else, leads from the first to the second.
        let nothing = vec![0; LEN];
        for (octave, index, new) in after.since(&before) {
            prop_assert_ne!(new, 0);
            let counts = first.get(&octave).unwrap_or(&nothing)[index].wrapping_add(new);
            prop_assert_eq!(expected.get(&octave).unwrap_or(&nothing)[index], counts);
        }
        let differing: usize = (0..8)
            .map(|octave| {
                let [ours, theirs] = [&expected, &first].map(|it| it.get(&octave).unwrap_or(&nothing));
                ours.iter().zip(theirs).filter(|(ours, theirs)| ours != theirs).count()
            })
            .sum();
        prop_assert_eq!(after.since(&before).count(), differing);
        prop_assert!(after.is(&after.clone()));
        prop_assert!(!after.is(&before) || after == before);
    }

    #[test]
    fn octaves_are_put_in_order(octaves in octaves(), known in octave(), order in any::<u64>()) {
        let mut keys: Vec<_> = octaves.keys().copied().collect();
        keys.sort_by_key(|key| order.rotate_left(11 * *key as u32));
        let known = Counts::default().with(&unpacked(&[(9, known)].into()));
        let mut changed = UnpackedCounts::default();
        for octave in keys {
            let place = changed.position(octave).expect_err("it is new");
            changed.insert(place, octave, known.octave(9), LEN);
            prop_assert!(changed.is_at(place, octave));
            for (index, count) in octaves[&octave].iter().enumerate() {
                let before = known.octave(9).map_or(0, |known| known.get(index));
                let held = changed.count_mut(place, index, LEN);
                prop_assert_eq!(*held, before);
                *held = *count;
            }
        }
        prop_assert!(changed.iter().eq(unpacked(&octaves).iter()));
    }
}
