//! Recent samples of threads that record without pause.

use crate::{beside, cases};
use epoch_metrics::{Histogram, HistogramOptions, Registry};
use proptest::prelude::*;

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn recent_samples_of_busy_threads_come_once_and_in_order(
        threads in 1_u64..=4,
        recent in prop_oneof![1_usize..20, 100_usize..=512],
        burst in prop_oneof![1_u64..50, 200_u64..3_000, Just(u64::MAX)],
        rest in 0_u32..300,
    ) {
        let each = burst.saturating_mul(2_000).min(1_000_000);
        let options = HistogramOptions::values(1, threads * each).recent(recent);
        let histogram = Registry::new().histogram("h", "", options).unwrap();
        let mut newest = vec![0; threads as usize];
        beside(
            || look_at_recent(&histogram, each, &mut newest),
            || std::thread::scope(|scope| {
                (0..threads).for_each(|thread| {
                    let histogram = &histogram;
                    drop(scope.spawn(move || record_distinct(histogram, thread, each, burst, rest)));
                });
            }),
        );
        let all = threads * each;
        let end = histogram.snapshot();
        prop_assert_eq!((end.count(), end.sum(), end.uncertain()), (all, u128::from(all * (all + 1) / 2), 0));
        prop_assert_eq!(end.recent().unwrap().count() as u64, all.min(recent as u64));
    }
}

/// Records values that nobody else records, and rests now and then.
fn record_distinct(histogram: &Histogram, thread: u64, each: u64, burst: u64, rest: u32) {
    for i in 0..each {
        histogram.record(1 + thread * each + i);
        if i % burst == 0 {
            (0..rest).for_each(|_| std::hint::spin_loop());
        }
    }
}

/// Looks at the recent samples: each is another one's, and none of a thread older than the `newest` seen of it.
fn look_at_recent(histogram: &Histogram, each: u64, newest: &mut [u64]) {
    let snapshot = histogram.snapshot();
    let recent = snapshot.recent().unwrap().sorted();
    assert!(
        recent.windows(2).all(|pair| pair[0] < pair[1]),
        "a sample twice"
    );
    for (thread, newest) in (0..).zip(newest) {
        let of_thread = |value: &&u64| (1 + thread * each..=(thread + 1) * each).contains(*value);
        if let Some(&now) = recent.iter().rfind(of_thread) {
            assert!(
                *newest <= now,
                "thread {thread} went back from {newest} to {now}"
            );
            *newest = now;
        }
    }
}
