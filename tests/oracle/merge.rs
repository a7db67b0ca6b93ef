//! Snapshots merged, and taken off each other, against one histogram that recorded everything.

use crate::cases;
use crate::histogram::QUANTILES;
use crate::values::{any_range, any_size, pick};
use epoch_metrics::{HistogramOptions, HistogramSnapshot, MergeError, Registry};
use proptest::prelude::*;

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn merged_snapshots_are_those_of_one_histogram_that_recorded_both(
        range in range(),
        digits in 1_u8..=3,
        lists in proptest::collection::vec(proptest::collection::vec(pick(), 0..300), 3),
        recent in prop_oneof![Just(0_usize), Just(10)],
    ) {
        let options = HistogramOptions::values(range.0, range.1).significant_digits(digits).recent(recent);
        let histogram = || Registry::new().histogram("h", "", options.clone()).unwrap();
        let (parts, whole) = ([(); 3].map(|()| histogram()), histogram());
        let mut after = vec![whole.snapshot()];
        for (part, list) in parts.iter().zip(&lists) {
            for pick in list {
                part.record(pick.of(range));
                whole.record(pick.of(range));
            }
            after.push(whole.snapshot());
        }
        let parts = parts.map(|part| part.snapshot());
        let [a, b, c] = [0, 1, 2].map(|i| &*parts[i]);
        let (nothing, ab, abc) = (&*after[0], a.merge(b).unwrap(), &*after[3]);
        prop_assert_eq!(everything(&ab), everything(&after[2]));
        prop_assert_eq!(everything(&ab), everything(&b.merge(a).unwrap()));
        prop_assert_eq!(everything(&ab.merge(c).unwrap()), everything(abc));
        prop_assert_eq!(everything(&a.merge(&b.merge(c).unwrap()).unwrap()), everything(abc));
        prop_assert_eq!(everything(&a.merge(nothing).unwrap()), everything(a));
        prop_assert_eq!(everything(&nothing.merge(a).unwrap()), everything(a));
        prop_assert!(ab.recent().is_none());

        for (i, part) in parts.iter().enumerate() {
            let since = after[i + 1].since(&after[i]).unwrap();
            prop_assert_eq!(everything(&since), everything(part));
            prop_assert_eq!(everything(&after[i].merge(&since).unwrap()), everything(&after[i + 1]));
            prop_assert!(after[i + 1].since(&after[i + 1]).unwrap().is_empty());
        }
        let last_two = abc.since(&after[1]).unwrap();
        prop_assert_eq!(everything(&last_two), everything(&b.merge(c).unwrap()));
        if !lists[0].is_empty() {
            prop_assert_eq!(nothing.since(&after[1]).unwrap_err(), MergeError::NotEarlier);
        }

        // After a reset it is a new histogram, also to its refused values.
        prop_assert_eq!(everything(&whole.reset()), everything(abc));
        prop_assert_eq!(everything(&whole.snapshot()), everything(nothing));
        lists[1].iter().for_each(|pick| whole.record(pick.of(range)));
        prop_assert_eq!(everything(&whole.snapshot()), everything(b));
    }
}

fn range() -> impl Strategy<Value = (u64, u64)> {
    prop_oneof![
        any_range(),
        any_size().prop_map(|max| (0, max)),
        Just((0, u64::MAX)),
    ]
}

/// Everything that a snapshot without recent samples answers.
fn everything(snapshot: &HistogramSnapshot) -> impl PartialEq + std::fmt::Debug + use<> {
    let quantiles = QUANTILES
        .map(|(numerator, denominator)| snapshot.quantile(numerator as f64 / denominator as f64));
    (
        (
            snapshot.count(),
            snapshot.sum(),
            snapshot.rejected(),
            snapshot.uncertain(),
            snapshot.unit(),
        ),
        (
            snapshot.min(),
            snapshot.max(),
            snapshot.mean().map(f64::to_bits),
            snapshot.stdev().map(f64::to_bits),
        ),
        (quantiles, snapshot.buckets().collect::<Vec<_>>()),
    )
}
