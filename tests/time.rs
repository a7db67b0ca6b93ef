//! Rates from the first second on, ages and staleness, by clocks of every kind.

use epoch_metrics::{
    Clock, HistogramOptions, ManualClock, MetricsCollector, Rate, Registry, SystemClock, Throughput,
};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The clock stands at 999.9 s when the throughput is registered; 10 are finished each 100 ms.
#[test]
fn a_rate_is_right_from_the_first_second_on() {
    let clock = Arc::new(ManualClock::new());
    clock.set(millis(999_900));
    let registry = Registry::builder().clock(clock.clone()).build();
    let tokens = registry.throughput("tokens", "").unwrap();
    let until = |end: u64| {
        while clock.now() < millis(end) {
            tokens.add(10);
            clock.advance(millis(100));
        }
        tokens.snapshot().rates().to_vec()
    };
    let all = |rates: &[Rate], expected: [(u64, u64); 3]| {
        for (rate, (span, amount)) in rates.iter().zip(expected) {
            assert_eq!((rate.span, rate.amount), (seconds(span), amount));
            assert_eq!(rate.per_second, (span > 0).then_some(100.0));
        }
    };
    all(&until(1_000_000), [(0, 0); 3]);
    let text = registry.render_prometheus();
    assert!(
        text.contains("tokens_per_second{window=\"5s\"} NaN\n"),
        "{text}"
    );
    let json: serde_json::Value = serde_json::from_str(&registry.render_json()).unwrap();
    assert!(
        json["tokens_per_second"]["series"][0]["value"].is_null(),
        "{json}"
    );

    all(&until(1_001_000), [(1, 100); 3]);
    all(&until(1_010_000), [(5, 500), (10, 1_000), (10, 1_000)]);
    until(1_010_500);
    tokens.reset();
    all(&until(1_010_900), [(0, 0); 3]);
    all(&until(1_011_900), [(0, 0); 3]);
    all(&until(1_012_000), [(1, 100); 3]);
    all(&until(1_100_000), [(5, 500), (30, 3_000), (60, 6_000)]);
}

#[test]
fn a_collectors_json_has_no_rate_in_the_first_second() {
    let clock = Arc::new(ManualClock::new());
    let collector = MetricsCollector::builder().clock(clock.clone());
    let collector = collector.build().unwrap();
    collector.record_throughput(30, 1);
    let rate = || {
        let json: serde_json::Value = serde_json::from_str(&collector.render_json()).unwrap();
        json["throughput"]["tokens"]["per_second"]["5s"].clone()
    };
    assert!(rate().is_null());
    clock.advance(seconds(1));
    assert_eq!(rate().as_f64(), Some(30.0));
}

/// What happens in a stretch of time.
#[derive(Clone, Copy, Debug)]
enum Stretch {
    /// A steady stream.
    Busy(Duration),
    /// Nothing is finished.
    Pause(Duration),
    /// Resets at this time.
    Reset,
    /// The clock goes back, by less than the three seconds that keep the longest window clear of what is overwritten.
    Back(Duration),
}

fn stretch() -> impl Strategy<Value = Stretch> {
    let length = || (1_u64..90_000_000_000).prop_map(Duration::from_nanos);
    prop_oneof![
        3 => length().prop_map(Stretch::Busy),
        1 => length().prop_map(Stretch::Pause),
        1 => Just(Stretch::Reset),
        1 => (1_u64..3_000_000_000).prop_map(|by| Stretch::Back(nanos(by))),
    ]
}

/// A stream of `amount` at every multiple of `step` after `phase`; `step` divides a second.
struct Stream {
    step: Duration,
    amount: u64,
    next: Duration,
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_time: 10_000, ..ProptestConfig::with_cases(300) })]

    /// Whatever the fraction of a second at which it was registered and reset, and whenever it is read: a stream that never
    /// paused has its own rate, or none.
    #[test]
    fn a_steady_stream_has_its_rate_or_none(
        start in 0_u64..200_000_000_000,
        per_second in prop_oneof![Just(1_u64), Just(2), Just(5), Just(8), Just(20)],
        phase in 0_u64..1_000_000_000,
        amount in 0_u64..1_000,
        reads in proptest::collection::vec((1_u64..7_000_000_000, prop::bool::weighted(0.2)), 1..40),
    ) {
        let (clock, throughput) = registered_at(nanos(start));
        let step = nanos(1_000_000_000 / per_second);
        let mut stream = Stream { step, amount, next: nanos(start + phase % step.as_nanos() as u64) };
        let mut since = nanos(start);
        for (after, reset) in reads {
            stream.run(&clock, &throughput, clock.now() + nanos(after));
            let snapshot = throughput.snapshot();
            for rate in snapshot.rates() {
                let expected = amount as f64 * per_second as f64;
                let whole = clock.now().as_secs() > whole_second(since);
                prop_assert_eq!(rate.per_second, whole.then_some(expected), "{:?} at {:?}", rate, clock.now());
            }
            if reset {
                throughput.reset();
                since = clock.now();
            }
        }
    }

    /// Busy and paused stretches, resets, and jumps forward and back: the amount is what was finished in the span that the rate names, and the
    /// span is all there is of the window.
    #[test]
    fn an_amount_is_that_of_its_span(
        start in 0_u64..200_000_000_000,
        step in 20_000_000_u64..3_000_000_000,
        stretches in proptest::collection::vec((stretch(), 0_u64..100_000_000_000), 1..12),
    ) {
        let (clock, throughput) = registered_at(nanos(start));
        let mut finished: Vec<(Duration, u64)> = Vec::new();
        let (mut since, mut count, mut latest) = (nanos(start), 0, nanos(start));
        for (stretch, jump) in stretches {
            match stretch {
                Stretch::Busy(length) => {
                    let end = clock.now() + length;
                    while clock.now() < end {
                        count += 1;
                        throughput.add(count);
                        finished.push((clock.now(), count));
                        clock.advance(nanos(step));
                    }
                }
                Stretch::Pause(length) => clock.advance(length),
                Stretch::Reset => {
                    throughput.reset();
                    since = clock.now();
                    finished.clear();
                }
                Stretch::Back(by) => {
                    let least = latest.saturating_sub(seconds(3));
                    clock.set(clock.now().saturating_sub(by).max(least));
                }
            }
            if jump % 4 == 0 {
                clock.advance(nanos(jump));
            }
            latest = latest.max(clock.now());
            for rate in throughput.snapshot().rates() {
                let end = seconds(clock.now().as_secs());
                let begin = seconds(whole_second(since)).max(end.saturating_sub(rate.window));
                prop_assert_eq!(rate.span, end.saturating_sub(begin));
                let within = finished.iter().filter(|(at, _)| (begin..end).contains(at));
                let amount: u64 = within.map(|(_, amount)| amount).sum();
                prop_assert_eq!(rate.amount, amount, "{:?} at {:?}", rate, clock.now());
                let expected = amount as f64 / rate.span.as_secs_f64();
                prop_assert_eq!(rate.per_second, (rate.span > Duration::ZERO).then_some(expected));
            }
        }
    }

    /// A clock whose two methods have nothing to do with each other, but for the moment at which a second begins: everything
    /// is as with a clock that has only one.
    #[test]
    fn nothing_depends_on_the_distance_between_the_two_methods_of_a_clock(
        now in any::<u32>(),
        coarse in any::<u32>(),
        staleness in 0_u64..3_000_000_000,
        steps in proptest::collection::vec((0_u64..4, 0_u64..2_000_000_000), 1..40),
    ) {
        let by = |now, coarse| {
            let manual = ManualClock::new();
            manual.set(millis(500));
            let clock = Arc::new(Shifted { manual, now: seconds(now), coarse: seconds(coarse) });
            Timed::new(clock, nanos(staleness))
        };
        let (one, two) = (by(0, 0), by(now.into(), coarse.into()));
        prop_assert_eq!(two.histogram.latest().age, Duration::ZERO);
        prop_assert_eq!(two.throughput.latest().age, Duration::ZERO);
        prop_assert_eq!(two.registry.latest().age, Duration::ZERO);
        for (what, after) in steps {
            prop_assert_eq!(one.step(what, nanos(after)), two.step(what, nanos(after)));
        }
    }

    /// A completed write is missing for less than the staleness that was asked for, however coarse the coarse method is.
    #[test]
    fn staleness_is_honoured_below_the_tick_of_the_coarse_clock(
        staleness in 1_u64..10_000_000,
        tick in 1_u64..10_000_000,
        steps in proptest::collection::vec((any::<bool>(), 1_u64..3_000_000), 1..60),
    ) {
        let clock = Arc::new(Ticking { manual: ManualClock::new(), tick });
        let timed = Timed::new(clock, nanos(staleness));
        // When the first write was completed that was not shown yet.
        let mut missing: [Option<Duration>; 4] = [None; 4];
        let mut written = 0;
        for (write, after) in steps {
            if write {
                timed.histogram.record(1);
                timed.throughput.add(1);
                timed.counter.inc();
                written += 1;
                missing = missing.map(|since| since.or(Some(timed.clock.now())));
            }
            timed.clock.manual().advance(nanos(after));
            for (missing, shown) in missing.iter_mut().zip(timed.shown()) {
                if shown == written {
                    *missing = None;
                }
                let waits = missing.map(|since| timed.clock.now() - since);
                prop_assert!(waits.is_none_or(|waits| waits < nanos(staleness)), "{waits:?}");
            }
        }
    }
}

/// Both methods count from the clock's creation, whatever the system's clock says.
#[test]
fn the_two_methods_of_the_systems_clock_have_one_origin() {
    for _ in 0..20 {
        let before = Instant::now();
        let clock = SystemClock::new();
        for _ in 0..100 {
            let (coarse, now) = (clock.coarse(), clock.now());
            let most = before.elapsed();
            assert!(now <= most && coarse <= most, "{now:?} {coarse:?} {most:?}");
            assert!(
                now.saturating_sub(coarse) < seconds(1),
                "{now:?} {coarse:?}"
            );
            if cfg!(not(feature = "quanta")) {
                assert!(coarse <= now, "{coarse:?} is ahead of {now:?}");
            }
        }
        while clock.coarse() == Duration::ZERO {
            assert!(before.elapsed() < seconds(10), "it stands still");
            std::thread::sleep(millis(1));
        }
    }
}

#[test]
fn a_new_metric_is_of_age_zero_by_the_systems_clock() {
    let before = Instant::now();
    let registry = Registry::new();
    let options = HistogramOptions::values(0, 10);
    let ages = [
        registry.histogram("h", "", options).unwrap().latest().age,
        registry.throughput("t", "").unwrap().latest().age,
        registry.latest().age,
        MetricsCollector::new().uptime(),
    ];
    let most = before.elapsed();
    assert!(ages.iter().all(|age| *age <= most), "{ages:?}, of {most:?}");
}

/// A registry with one metric of each kind that ages.
struct Timed<C> {
    clock: Arc<C>,
    registry: Registry,
    histogram: epoch_metrics::Histogram,
    throughput: Throughput,
    counter: epoch_metrics::Counter,
    collector: MetricsCollector,
}

impl<C: Manual + 'static> Timed<C> {
    fn new(clock: Arc<C>, staleness: Duration) -> Self {
        let builder = Registry::builder().max_staleness(staleness);
        let registry = builder.clock(clock.clone()).build();
        let collector = MetricsCollector::builder().clock(clock.clone());
        Self {
            histogram: registry
                .histogram("h", "", HistogramOptions::durations())
                .unwrap(),
            throughput: registry.throughput("t", "").unwrap(),
            counter: registry.counter("c", "").unwrap(),
            collector: collector.build().unwrap(),
            registry,
            clock,
        }
    }

    /// The samples in the histogram, the throughput, and the registry's counter and histogram.
    fn shown(&self) -> [u64; 4] {
        let snapshot = self.registry.snapshot();
        let value = |name| match snapshot
            .family(name)
            .unwrap()
            .series()
            .next()
            .unwrap()
            .value()
        {
            epoch_metrics::Value::Counter(value) => value,
            epoch_metrics::Value::Histogram(histogram) => histogram.count(),
            other => panic!("{other:?}"),
        };
        [
            self.histogram.snapshot().count(),
            self.throughput.snapshot().total(),
            value("c"),
            value("h_seconds"),
        ]
    }

    /// Writes, and lets time pass inside of a timer; what is shown then.
    fn step(&self, what: u64, after: Duration) -> impl PartialEq + std::fmt::Debug + use<C> {
        match what {
            0 => self.counter.inc(),
            1 => self.throughput.add(3),
            2 => drop(self.throughput.reset()),
            _ => {}
        }
        let timer = self.histogram.start();
        self.clock.manual().advance(after);
        if what == 3 {
            timer.stop().unwrap();
        } else {
            timer.discard();
        }
        self.collector.record_mode_transition(&what.to_string());
        let ages = || {
            [
                self.histogram.latest().age,
                self.throughput.latest().age,
                self.registry.latest().age,
                self.collector.uptime(),
            ]
        };
        let before = ages();
        let shown = self.shown();
        (
            (before, shown, ages()),
            self.histogram.snapshot().sum(),
            self.throughput.snapshot().rates().to_vec(),
            self.collector
                .mode_transitions()
                .transitions
                .last()
                .map(|last| last.at),
        )
    }
}

impl Stream {
    /// Lets the time come to `end`.
    fn run(&mut self, clock: &ManualClock, throughput: &Throughput, end: Duration) {
        while self.next < end {
            clock.set(self.next);
            throughput.add(self.amount);
            self.next += self.step;
        }
        clock.set(end);
    }
}

/// A clock that is moved by hand.
trait Manual: Clock {
    fn manual(&self) -> &ManualClock;
}

/// Two methods, as far apart as you like.
#[derive(Debug)]
struct Shifted {
    manual: ManualClock,
    now: Duration,
    coarse: Duration,
}

impl Clock for Shifted {
    fn now(&self) -> Duration {
        self.now + self.manual.now()
    }

    fn coarse(&self) -> Duration {
        self.coarse + self.manual.now()
    }
}

impl Manual for Shifted {
    fn manual(&self) -> &ManualClock {
        &self.manual
    }
}

/// The coarse method is that of the last tick.
#[derive(Debug)]
struct Ticking {
    manual: ManualClock,
    tick: u64,
}

impl Clock for Ticking {
    fn now(&self) -> Duration {
        self.manual.now()
    }

    fn coarse(&self) -> Duration {
        let now = self.manual.now().as_nanos() as u64;
        nanos(now - now % self.tick)
    }
}

impl Manual for Ticking {
    fn manual(&self) -> &ManualClock {
        &self.manual
    }
}

fn registered_at(start: Duration) -> (Arc<ManualClock>, Throughput) {
    let clock = Arc::new(ManualClock::new());
    clock.set(start);
    let registry = Registry::builder().clock(clock.clone()).build();
    let windows = [1, 2, 5, 60].map(Duration::from_secs);
    let throughput = registry.throughput_with_windows("t", "", &windows);
    (clock, throughput.unwrap())
}

/// The first second that begins at or after `since`.
fn whole_second(since: Duration) -> u64 {
    u64::try_from(since.as_nanos().div_ceil(1_000_000_000)).unwrap()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn nanos(n: u64) -> Duration {
    Duration::from_nanos(n)
}
