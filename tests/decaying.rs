//! Decaying rates, against Dropwizard's formula over a list of amounts with their times.

use epoch_metrics::{Clock, ManualClock, Registry, Throughput};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn registered_at(start: Duration) -> (Arc<ManualClock>, Registry, Throughput) {
    let clock = Arc::new(ManualClock::new());
    clock.set(start);
    let registry = Registry::builder().clock(clock.clone()).build();
    let throughput = registry.throughput("t", "").unwrap();
    (clock, registry, throughput)
}

/// What Dropwizard's `EWMA` shows after a tick at the end of each interval of five seconds from `first` on, until `now`.
fn dropwizard(finished: &[(Duration, u64)], first: u64, now: Duration) -> Option<[f64; 3]> {
    let mut rates: Option<[f64; 3]> = None;
    let mut end = first + 5;
    while seconds(end) <= now {
        let within = |at: &Duration| (seconds(end - 5)..seconds(end)).contains(at);
        let amounts = finished.iter().filter(|(at, _)| within(at));
        let instant = amounts.map(|(_, amount)| *amount).sum::<u64>() as f64 / 5.0;
        rates = Some(match rates {
            None => [instant; 3],
            Some(rates) => std::array::from_fn(|at| {
                let minutes = [1.0, 5.0, 15.0][at];
                let alpha = 1.0 - (-5.0_f64 / 60.0 / minutes).exp();
                rates[at] + alpha * (instant - rates[at])
            }),
        });
        end += 5;
    }
    rates
}

fn are_close(ours: Option<[f64; 3]>, theirs: Option<[f64; 3]>) -> bool {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => {
            let mut pairs = ours.iter().zip(theirs);
            pairs.all(|(ours, theirs)| (ours - theirs).abs() <= 1e-9 * theirs.abs().max(1.0))
        }
        (ours, theirs) => ours == theirs,
    }
}

fn first_whole(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_time: 10_000, ..ProptestConfig::with_cases(300) })]

    /// Read at any times that are less than a minute apart, or ticked, the rates are those of the formula.
    #[test]
    fn rates_are_those_of_dropwizard(
        start in 0_u64..200_000_000_000,
        steps in proptest::collection::vec((0_u64..1_000, 0_u64..29_000_000_000, 0_u8..20), 1..120),
    ) {
        let start = Duration::from_nanos(start);
        let (clock, registry, throughput) = registered_at(start);
        let (mut finished, mut first) = (Vec::new(), first_whole(start));
        for (amount, after, what) in steps {
            throughput.add(amount);
            finished.push((clock.now(), amount));
            clock.advance(Duration::from_nanos(after));
            match what {
                0 => {
                    throughput.reset();
                    finished.clear();
                    first = first_whole(clock.now());
                }
                1..10 => {
                    let ours = throughput.snapshot().decaying_rates();
                    let theirs = dropwizard(&finished, first, clock.now());
                    prop_assert!(are_close(ours, theirs), "{ours:?} {theirs:?}");
                }
                _ => registry.tick(),
            }
        }
    }

    /// A steady stream has its own rate, however seldom it is read.
    #[test]
    fn a_steady_stream_has_its_rate(
        start in 0_u64..200,
        amount in 0_u64..1_000,
        reads in proptest::collection::vec(1_u64..2_000, 1..20),
    ) {
        let (clock, _, throughput) = registered_at(seconds(start));
        for after in reads {
            for _ in 0..after {
                throughput.add(amount);
                clock.advance(seconds(1));
            }
            let rates = throughput.snapshot().decaying_rates();
            let old = clock.now() >= seconds(start + 5);
            prop_assert!(are_close(rates, old.then_some([amount as f64; 3])), "{rates:?}");
        }
    }
}

/// What was finished in a pause that is too long to be remembered is spread over the part of it that is not remembered.
#[test]
fn a_long_pause_is_evened_out() {
    let (clock, _, throughput) = registered_at(seconds(0));
    throughput.add(600);
    clock.advance(seconds(300));
    throughput.add(10);
    clock.advance(seconds(5));
    // 600 in the 245 seconds that are forgotten, nothing in 55, 10 in the last five.
    let finished: Vec<_> = (0..49).map(|at| (seconds(5 * at), 600)).collect();
    let mut theirs = dropwizard(&finished, 0, seconds(300)).unwrap();
    for (rate, minutes) in theirs.iter_mut().zip([1.0_f64, 5.0, 15.0]) {
        *rate /= 49.0;
        *rate += (1.0 - (-5.0 / 60.0 / minutes).exp()) * (2.0 - *rate);
    }
    let ours = throughput.snapshot().decaying_rates();
    assert!(are_close(ours, Some(theirs)), "{ours:?} {theirs:?}");
}

/// A clock that goes back, far or a little: rates stay until an interval is complete there, and go on.
#[test]
fn a_step_back_begins_a_new_interval() {
    for back in [1_000, 3, 1] {
        let (clock, _, throughput) = registered_at(seconds(2_000));
        let run = |length: u64, amount: u64| {
            for _ in 0..length {
                throughput.add(amount);
                clock.advance(seconds(1));
            }
            throughput.snapshot().decaying_rates()
        };
        assert_eq!(run(5, 7), Some([7.0; 3]));
        clock.set(clock.now() - seconds(back));
        assert_eq!(throughput.snapshot().decaying_rates(), Some([7.0; 3]));
        // Seconds that passed twice hold both times' amounts.
        let rates = run(20, 70).unwrap();
        assert!(
            rates.iter().all(|rate| *rate > 8.0 && *rate < 77.0),
            "{rates:?}"
        );
    }
}
