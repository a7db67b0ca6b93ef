//! A writer is stopped in a count while others read: what they see is before or after, and nothing is lost.

use crate::stepped::{Stepped, StillClock, Stopped};
use crate::{alone, at_every_instruction};
use epoch_metrics::{Registry, RegistrySnapshot, Value};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

#[test]
fn readers_go_on_while_a_writer_is_stopped_before_any_instruction_of_a_count() {
    everywhere("inc", |before, at| {
        let registry = Registry::new();
        let counter = registry.counter("c", "").unwrap();
        // This thread's own first touch.
        counter.add(0);
        registry.snapshot();
        let meanwhile = |stopped: Stopped<'_>| {
            let (mut least, mut gotten) = (before, before);
            for added in [0, 10, 20] {
                counter.add(10 * u64::from(added > 0));
                let allowed = before + added..=before + added + 1;
                let snapshot = registry.snapshot();
                let value = value_of(&snapshot);
                assert!(
                    allowed.contains(&value) && value >= least,
                    "{value}, {allowed:?}, {least}"
                );
                assert!(
                    Arc::ptr_eq(&snapshot, &registry.snapshot()),
                    "nothing has changed since"
                );
                let got = counter.get();
                assert!(
                    allowed.contains(&got) && got >= gotten && got >= value,
                    "{got}, {allowed:?}"
                );
                (least, gotten) = (value, got);
            }
            stopped.release().wait_for_end();
            assert_eq!(
                (value_of(&registry.snapshot()), counter.get()),
                (before + 21, before + 21)
            );
        };
        stopped_count(
            at,
            || {
                if before > 0 {
                    counter.add(before)
                }
            },
            || counter.inc(),
            meanwhile,
        )
    });
}

fn value_of(snapshot: &RegistrySnapshot) -> u64 {
    match snapshot
        .family("c")
        .unwrap()
        .series()
        .next()
        .unwrap()
        .value()
    {
        Value::Counter(value) => value,
        other => panic!("{other:?} is no counter"),
    }
}

/// The total and the window each by itself.
#[test]
fn readers_go_on_while_a_writer_is_stopped_before_any_instruction_of_an_amount() {
    const SECOND: u64 = 1_000_000_000;
    const WINDOW: Duration = Duration::from_secs(10);
    everywhere("an amount", |before, at| {
        let clock = Arc::new(StillClock::default());
        clock.nanos.store(100 * SECOND, SeqCst);
        let registry = Registry::builder().clock(clock.clone()).build();
        let throughput = registry
            .throughput_with_windows("t", "", &[WINDOW])
            .unwrap();
        // This thread's own first touch.
        throughput.add(0);
        let meanwhile = |stopped: Stopped<'_>| {
            let (mut total, mut amount) = (before, 0);
            for second in 100..103 {
                clock.nanos.store(second * SECOND, SeqCst);
                let snapshot = throughput.snapshot();
                assert!(
                    [before, before + 7].contains(&snapshot.total()) && snapshot.total() >= total
                );
                let in_window = snapshot.rates()[0].amount;
                if second > 100 {
                    assert!(
                        [before, before + 7].contains(&in_window) && in_window >= amount,
                        "{in_window}"
                    );
                }
                (total, amount) = (snapshot.total(), in_window);
                assert!(
                    Arc::ptr_eq(&snapshot, &throughput.snapshot()),
                    "nothing has changed since"
                );
            }
            stopped.release().wait_for_end();
            assert_eq!(
                throughput.snapshot().total(),
                before + 7,
                "in the second of the last look"
            );
            clock.nanos.store(103 * SECOND, SeqCst);
            let snapshot = throughput.snapshot();
            assert_eq!(
                (snapshot.total(), snapshot.rates()[0].amount),
                (before + 7, before + 7)
            );
        };
        stopped_count(
            at,
            || {
                if before > 0 {
                    throughput.add(before)
                }
            },
            || throughput.add(7),
            meanwhile,
        )
    });
}

/// Runs `case`, which gets what is counted before and where to stop, with every instruction of a count, and with every fifth of
/// one that is the thread's first touch.
fn everywhere(what: &str, case: impl Fn(u64, u64) -> Option<u64>) {
    let _alone = alone();
    at_every_instruction(what, 1, |at| case(5, at));
    at_every_instruction(&format!("{what}, the first touch"), 5, |at| case(0, at));
}

/// Does `first` on a thread of its own, then executes `count` until it stops before instruction `at`; `meanwhile` then gets it.
/// Returns how many instructions it has if it ended before it stopped.
fn stopped_count(
    at: u64,
    first: impl FnOnce() + Send,
    count: impl Fn() + Send,
    meanwhile: impl FnOnce(Stopped<'_>),
) -> Option<u64> {
    let stepped = &Stepped::new(at);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            first();
            stepped.run(&count);
        });
        if let Some(stopped) = stepped.stops() {
            meanwhile(stopped);
        }
    });
    stepped.finished()
}
