//! Names, labels and handles: what is refused and how, and what a snapshot of everything promises.

use epoch_metrics::{
    Histogram, HistogramOptions, LabelError, ManualClock, OptionsError, Ownership, RegisterError,
    Registry, RegistrySnapshot, Unit, Value,
};
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicU8,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
};
use std::time::Duration;

/// Checks the error, and that its text says what to do about it.
fn refused<T>(result: Result<T, RegisterError>, expected: &RegisterError, remedy: &str) {
    let Err(error) = result else {
        panic!("accepted in place of {expected:?}")
    };
    assert_eq!(error, *expected);
    assert!(
        error.to_string().contains(remedy),
        "no {remedy:?} in {error}"
    );
}

fn duplicate(name: &str) -> RegisterError {
    RegisterError::Duplicate {
        name: name.to_owned(),
        differs: None,
    }
}

fn different(name: &str, differs: &'static str) -> RegisterError {
    RegisterError::Duplicate {
        name: name.to_owned(),
        differs: Some(differs),
    }
}

fn values() -> HistogramOptions {
    HistogramOptions::values(0, 1000)
}

#[test]
fn invalid_names_are_refused() {
    let registry = Registry::new();
    for name in ["", "1a", "a-b", "a b", "ä", "a\n", "_total"] {
        let error = RegisterError::InvalidName {
            name: name.to_owned(),
        };
        refused(registry.counter(name, ""), &error, "use ASCII letters");
        if name != "_total" {
            refused(registry.gauge(name, ""), &error, "use ASCII letters");
            refused(
                registry.histogram(name, "", values()),
                &error,
                "use ASCII letters",
            );
        }
    }
    registry
        .gauge("_total", "")
        .expect("of a counter's name nothing would be left, but of a gauge's");
    for name in ["a", "_a", ":a:b", "A1_"] {
        registry.counter(name, "").unwrap();
    }
}

#[test]
fn labels_are_checked() {
    let registry = Registry::new();
    for label in ["", "1a", "a-b", "a:b", "__a", "ä"] {
        let error = RegisterError::InvalidLabelName {
            label: label.to_owned(),
        };
        refused(
            registry.counter_family("a", "", &["fine", label]),
            &error,
            "use ASCII letters",
        );
    }
    let reserved = |label: &str| RegisterError::ReservedLabelName {
        label: label.to_owned(),
    };
    refused(
        registry.histogram_family("a", "", values(), &["le"]),
        &reserved("le"),
        "choose another name",
    );
    refused(
        registry.observable_summary("a", "", Unit::Unitless, &["quantile"], |_, _| ()),
        &reserved("quantile"),
        "choose another name",
    );
    let twice = RegisterError::DuplicateLabelName {
        label: "x".to_owned(),
    };
    refused(
        registry.gauge_family("a", "", &["x", "y", "x"]),
        &twice,
        "leave one out",
    );
    registry
        .counter_family("a", "", &["x", "_y", "z1"])
        .expect("none of these attempts took the name");

    // What one kind sets itself is a label like any other for the other kinds.
    let all = ["le", "quantile", "window"];
    registry.counter_family("c", "", &all).unwrap();
    registry.gauge_family("g", "", &all).unwrap();
    registry
        .histogram_family("h", "", values(), &all[1..])
        .unwrap();
    registry
        .observable_summary("s", "", Unit::Unitless, &["le", "window"], |_, _| ())
        .unwrap();
}

#[test]
fn names_that_would_meet_in_the_exposition_are_refused() {
    let registry = Registry::new();
    let remedy = "choose another name";
    registry.counter("a_count", "").unwrap();
    refused(
        registry.histogram("a", "", values()),
        &duplicate("a_count"),
        remedy,
    );
    registry
        .gauge("a_sum", "")
        .expect("a refused registration takes no name");

    registry.histogram("b", "", values()).unwrap();
    refused(registry.gauge("b", ""), &different("b", "kind"), remedy);
    for name in ["b_bucket", "b_sum", "b_count"] {
        refused(registry.gauge(name, ""), &duplicate(name), remedy);
    }
    registry
        .histogram("c", "", HistogramOptions::durations())
        .unwrap();
    refused(
        registry.histogram("c_seconds", "", HistogramOptions::durations().recent(1)),
        &different("c_seconds", "options"),
        remedy,
    );
    refused(
        registry.counter("c_seconds_count", ""),
        &duplicate("c_seconds_count"),
        remedy,
    );
    registry
        .gauge("c", "")
        .expect("what is exported is c_seconds");

    registry.counter("d", "").unwrap();
    refused(
        registry.counter("d_total", "help"),
        &different("d", "help text"),
        remedy,
    );
    refused(registry.gauge("d_total", ""), &duplicate("d_total"), remedy);
    registry.throughput("e", "").unwrap();
    for name in ["e_total", "e_per_second"] {
        refused(registry.gauge(name, ""), &duplicate(name), remedy);
    }
    registry.gauge("f_total", "").unwrap();
    refused(registry.counter("f", ""), &duplicate("f_total"), remedy);
    refused(
        registry.counter_family("b", "", &["x"]),
        &different("b", "kind"),
        remedy,
    );
    refused(
        registry.counter("epoch_metrics_rejected_values", ""),
        &duplicate("epoch_metrics_rejected_values"),
        remedy,
    );
}

#[test]
fn impossible_options_are_refused() {
    let registry = Registry::new();
    let case = |options: HistogramOptions, error, remedy| {
        refused(
            registry.histogram("a", "", options.clone()),
            &RegisterError::Options(error),
            remedy,
        );
        refused(
            registry.histogram_family("a", "", options, &["x"]),
            &RegisterError::Options(error),
            remedy,
        );
    };
    for digits in [0, 6, u8::MAX] {
        case(
            values().significant_digits(digits),
            OptionsError::Digits { digits },
            "choose 1 to 5",
        );
    }
    case(
        values().unit(Unit::Seconds),
        OptionsError::NotDurations,
        "HistogramOptions::durations()",
    );
    case(
        values().range(6, 5),
        OptionsError::EmptyRange { min: 6, max: 5 },
        "let the largest be",
    );
    for places in [16, u8::MAX] {
        let (error, unit) = (
            OptionsError::Places { places, max: 15 },
            Unit::Decimal(places),
        );
        case(values().unit(unit), error, "choose 0 to 15");
        refused(
            registry.observable_summary("a", "", unit, &[], |_, _| ()),
            &RegisterError::Options(error),
            "choose 0 to 15",
        );
    }
    for recent in [HistogramOptions::MAX_RECENT + 1, usize::MAX] {
        case(
            values().recent(recent),
            OptionsError::TooManyRecent {
                recent,
                max: 65_536,
            },
            "keep at most 65536",
        );
    }
    for window in [0, 61_000, 1_500, 999].map(Duration::from_millis) {
        let error = RegisterError::Options(OptionsError::Window {
            window,
            max_seconds: 60,
        });
        let windows = [Duration::from_secs(5), window];
        refused(
            registry.throughput_with_windows("a", "", &windows),
            &error,
            "choose 1 to 60",
        );
    }
    let twice = [5, 1, 5].map(Duration::from_secs);
    let error = RegisterError::Options(OptionsError::DuplicateWindow {
        window: Duration::from_secs(5),
    });
    refused(
        registry.throughput_with_windows("a", "", &twice),
        &error,
        "leave one out",
    );
    for digits in 1..=5 {
        registry
            .histogram(
                &format!("digits_{digits}"),
                "",
                values().significant_digits(digits),
            )
            .unwrap();
    }
    registry
        .histogram(
            "one_value",
            "",
            values().range(5, 5).recent(HistogramOptions::MAX_RECENT),
        )
        .unwrap();
    registry
        .throughput_with_windows("a", "", &[1, 60].map(Duration::from_secs))
        .expect("no attempt took the name");
}

#[test]
fn a_family_gives_the_same_metric_for_the_same_values() {
    let registry = Registry::new();
    let family = registry.counter_family("a", "", &["x", "y"]).unwrap();
    let one = family.with(&["1", "2"]).unwrap();
    one.add(5);
    family.clone().with(&["1", "2"]).unwrap().inc();
    assert_eq!(one.get(), 6);
    // Values that are the same only when they are joined, or in another order, are others.
    for others in [["12", ""], ["", "12"], ["2", "1"], ["1", "2 "], ["1", "\0"]] {
        assert_eq!(family.with(&others).unwrap().get(), 0, "{others:?}");
    }
    for given in [0, 1, 3] {
        let error = family.with(&["v"; 3][..given]).unwrap_err();
        assert_eq!(error, LabelError::WrongCount { expected: 2, given });
        assert!(error.to_string().contains("give one value for each"));
    }
    let series = registry.snapshot().family("a").unwrap().series().len();
    assert_eq!(series, 6, "refused look-ups make no series");

    let gauges = registry.gauge_family("g", "", &["x"]).unwrap();
    gauges.with(&["1"]).unwrap().set(-4);
    assert_eq!(
        (
            gauges.with(&["1"]).unwrap().get(),
            gauges.with(&["2"]).unwrap().get()
        ),
        (-4, 0)
    );
    let histograms = registry
        .histogram_family("h", "", values(), &["x"])
        .unwrap();
    histograms.with(&["1"]).unwrap().record(3);
    assert_eq!(histograms.with(&["1"]).unwrap().snapshot().sum(), 3);
    assert!(histograms.with(&["2"]).unwrap().snapshot().is_empty());
}

#[test]
fn threads_that_ask_for_the_same_values_get_the_same_metric() {
    let registry = Registry::new();
    let family = registry.counter_family("a", "", &["x"]).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for i in 0..2_000 {
                    family.with(&[&(i % 500).to_string()]).unwrap().inc();
                }
            });
        }
    });
    let snapshot = registry.snapshot();
    let counts: Vec<u64> = counters(&snapshot, "a").collect();
    assert_eq!(counts, vec![16; 500]);
}

fn counters<'a>(
    snapshot: &'a RegistrySnapshot,
    family: &str,
) -> impl Iterator<Item = u64> + use<'a> {
    snapshot
        .family(family)
        .unwrap()
        .series()
        .map(|series| match series.value() {
            Value::Counter(value) => value,
            other => panic!("{other:?} is no counter"),
        })
}

/// The value of a counter without labels.
fn shown(snapshot: &RegistrySnapshot, name: &str) -> u64 {
    counters(snapshot, name).next().unwrap()
}

#[test]
fn handles_outlive_their_registry() {
    let registry = Registry::new();
    let counter = registry.counter("a", "").unwrap();
    let gauge = registry.gauge("b", "").unwrap();
    let histogram = registry.histogram("c", "", values()).unwrap();
    let throughput = registry.throughput("d", "").unwrap();
    let family = registry.counter_family("e", "", &["x"]).unwrap();
    let snapshot = registry.snapshot();
    drop(registry);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            counter.inc();
            gauge.set(2);
            histogram.record(3);
            throughput.add(4);
            family.with(&["y"]).unwrap().add(5);
        });
    });
    assert_eq!(
        (counter.get(), gauge.get(), histogram.snapshot().sum()),
        (1, 2, 3)
    );
    assert_eq!(
        (
            throughput.snapshot().total(),
            family.with(&["y"]).unwrap().get()
        ),
        (4, 5)
    );
    assert_eq!(shown(&snapshot, "a"), 0, "a snapshot never changes");
}

#[test]
fn a_gauge_adds_up_over_threads_and_is_what_was_set_last() {
    let registry = Registry::new();
    let gauge = registry.gauge("a", "").unwrap();
    let float = registry.float_gauge("b", "").unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (gauge, float) = (&gauge, &float);
            scope.spawn(move || {
                for _ in 0..20_000 {
                    gauge.inc();
                    gauge.add(5);
                    gauge.dec();
                    gauge.sub(3 + thread % 2);
                    float.add(0.25);
                }
            });
        }
    });
    assert_eq!(gauge.get(), 20_000 * (8 * 2 - 4));
    assert_eq!(float.get(), 40_000.0);
    let snapshot = registry.snapshot();
    let value = |name| {
        snapshot
            .family(name)
            .unwrap()
            .series()
            .next()
            .unwrap()
            .value()
    };
    assert!(matches!(value("a"), Value::Gauge(240_000)));
    assert!(matches!(value("b"), Value::FloatGauge(40_000.0)));

    gauge.set(-7);
    // Taken off where it was never added: a gauge is one number, not one for each thread.
    std::thread::scope(|scope| {
        scope.spawn(|| gauge.sub(1));
    });
    assert_eq!(gauge.get(), -8);
    gauge.set(i64::MAX);
    gauge.inc();
    assert_eq!(gauge.get(), i64::MIN, "wraps");
    for value in [f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE, f64::NAN] {
        float.set(value);
        assert_eq!(float.get().to_bits(), value.to_bits());
    }
}

#[test]
fn counters_are_exact_and_never_fall() {
    const THREADS: u64 = 8;
    const EACH: u64 = 1_000_000;
    let registry = Registry::new();
    let counter = registry.counter("a", "").unwrap();
    let running = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    for i in 0..EACH {
                        if i % 2 == 0 {
                            counter.inc()
                        } else {
                            counter.add(3)
                        }
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            // One call of each a round: a counter's own value can show an increment whose call has not returned yet, and
            // the snapshot after it need not.
            let (mut last, mut last_shown) = (0, 0);
            while running.load(SeqCst) {
                let in_snapshot = shown(&registry.snapshot(), "a");
                let now = counter.get();
                assert!(
                    last <= now && last_shown <= in_snapshot,
                    "a value went back"
                );
                assert!(in_snapshot <= now, "a later value is lower");
                (last, last_shown) = (now, in_snapshot);
            }
        });
        writers
            .into_iter()
            .for_each(|writer| writer.join().unwrap());
        running.store(false, SeqCst);
    });
    assert_eq!(counter.get(), THREADS * EACH * 2);
    assert_eq!(shown(&registry.snapshot(), "a"), THREADS * EACH * 2);
}

#[test]
fn a_counter_wraps() {
    let counter = Registry::new().counter("a", "").unwrap();
    counter.add(u64::MAX);
    counter.add(3);
    assert_eq!(counter.get(), 2);
}

/// Every thread adds to A before it adds to B, so B ahead of A would be a request that failed before it came.
#[test]
fn no_snapshot_shows_b_ahead_of_a() {
    for (name, apart) in [
        ("side by side", 0),
        ("on one page", 20),
        ("on different pages", 300),
    ] {
        let registry = Registry::new();
        let a = registry.counter("a", "").unwrap();
        for i in 0..apart {
            registry.counter(&format!("between_{i}"), "").unwrap();
        }
        let b = registry.counter("b", "").unwrap();
        let running = AtomicBool::new(true);
        let (mut snapshots, mut seen) = (0, 0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // New threads all the while: slots change hands.
                for _ in 0..300 {
                    std::thread::scope(|scope| {
                        for _ in 0..3 {
                            scope.spawn(|| {
                                for _ in 0..3_000 {
                                    a.inc();
                                    b.inc();
                                }
                            });
                        }
                    });
                }
                running.store(false, SeqCst);
            });
            while running.load(SeqCst) {
                let snapshot = registry.snapshot();
                let (a, b) = (shown(&snapshot, "a"), shown(&snapshot, "b"));
                assert!(b <= a, "{name}: B is {b} and A {a}");
                assert!(seen <= b, "{name}: B fell from {seen} to {b}");
                snapshots += u64::from(seen != b);
                seen = b;
            }
        });
        println!("{name}: {snapshots} snapshots that differed");
        let snapshot = registry.snapshot();
        let of_all = 300 * 3 * 3_000;
        assert_eq!(
            (shown(&snapshot, "a"), shown(&snapshot, "b")),
            (of_all, of_all),
            "{name}"
        );
    }
}

/// Something that a task counts.
type Count = Box<dyn Fn() + Sync>;

fn counter_of(registry: &Registry, name: &str) -> Count {
    let counter = registry.counter(name, "").unwrap();
    Box::new(move || counter.inc())
}

fn gauge_of(registry: &Registry, name: &str) -> Count {
    let gauge = registry.gauge(name, "").unwrap();
    Box::new(move || gauge.add(1))
}

fn histogram_of(registry: &Registry, name: &str) -> Count {
    let histogram = registry.histogram(name, "", values()).unwrap();
    Box::new(move || histogram.record(7))
}

fn throughput_of(registry: &Registry, name: &str) -> Count {
    let throughput = registry.throughput(name, "").unwrap();
    Box::new(move || throughput.add(1))
}

/// What a metric without labels counted.
fn count(snapshot: &RegistrySnapshot, name: &str) -> u64 {
    match snapshot
        .family(name)
        .unwrap()
        .series()
        .next()
        .unwrap()
        .value()
    {
        Value::Counter(value) => value,
        Value::Gauge(value) => u64::try_from(value).unwrap(),
        Value::Histogram(histogram) => histogram.count(),
        other => panic!("{other:?} counts nothing"),
    }
}

/// Tasks that count A, wait in their place for whichever thread comes by next, and count B there: what happens before what
/// goes from thread to thread.
struct Tasks {
    /// Few, so that A is never far ahead of B.
    places: [AtomicU8; 16],
    a: Count,
    b: Count,
}

const BEFORE_A: u8 = 0;
const BEFORE_B: u8 = 1;
const TAKEN: u8 = 2;

impl Tasks {
    /// Comes by so many places, beginning with one and going by one's own stride. How often A and B were counted.
    fn work(&self, first: usize, stride: usize, places: usize) -> [u64; 2] {
        let mut counted = [0; 2];
        for at in (first..).step_by(stride).take(places) {
            let place = &self.places[at % self.places.len()];
            let takes = |step| {
                place
                    .compare_exchange(step, TAKEN, Acquire, Relaxed)
                    .is_ok()
            };
            if takes(BEFORE_A) {
                (self.a)();
                place.store(BEFORE_B, Release);
                counted[0] += 1;
            } else if takes(BEFORE_B) {
                (self.b)();
                place.store(BEFORE_A, Release);
                counted[1] += 1;
            }
        }
        counted
    }
}

/// With threads that last, and threads that come and go and hand their slots on.
fn no_task_shows_b_ahead_of_a(pair: &str, registry: &Registry, a: Count, b: Count) {
    const WAVES: usize = 150;
    let tasks = Tasks {
        places: [const { AtomicU8::new(BEFORE_A) }; 16],
        a,
        b,
    };
    let (tasks, running) = (&tasks, &AtomicBool::new(true));
    let (mut snapshots, mut last, mut counted) = (0, 0, [0; 2]);
    std::thread::scope(|scope| {
        let lasting = [3, 7].map(|stride| scope.spawn(move || tasks.work(0, stride, 1_000_000)));
        let waves = scope.spawn(move || {
            let mut counted = [0; 2];
            for wave in 0..WAVES {
                std::thread::scope(|scope| {
                    let short = [1, 5, 9]
                        .map(|stride| scope.spawn(move || tasks.work(wave, stride, 2_000)));
                    short
                        .into_iter()
                        .for_each(|thread| add(&mut counted, thread.join().unwrap()));
                });
            }
            for thread in lasting {
                add(&mut counted, thread.join().unwrap());
            }
            running.store(false, SeqCst);
            counted
        });
        while running.load(SeqCst) && !waves.is_finished() {
            let snapshot = registry.snapshot();
            let (a, b) = (count(&snapshot, "a"), count(&snapshot, "b"));
            assert!(b <= a, "{pair}: B is {b} and A {a}");
            assert!(last <= b, "{pair}: B fell from {last} to {b}");
            snapshots += u64::from(last != b);
            last = b;
        }
        counted = waves.join().unwrap();
    });
    println!(
        "{pair}: {snapshots} snapshots that differed, {} tasks",
        counted[0]
    );
    let end = registry.snapshot();
    assert_eq!([count(&end, "a"), count(&end, "b")], counted, "{pair}");
}

fn add(to: &mut [u64; 2], [a, b]: [u64; 2]) {
    to[0] += a;
    to[1] += b;
}

/// What is read later may be A, what is read before it B: histograms, the last one first, then throughputs, then counters and
/// gauges, the last one first.
#[test]
fn no_snapshot_shows_b_ahead_of_a_for_tasks_that_move_between_threads() {
    type Make = fn(&Registry, &str) -> Count;
    let pairs: [(&str, Make, usize, Make); 10] = [
        (
            "counter, counter on the same page",
            counter_of,
            20,
            counter_of,
        ),
        (
            "counter, counter on another page",
            counter_of,
            300,
            counter_of,
        ),
        ("gauge, counter", gauge_of, 20, counter_of),
        ("gauge, counter on another page", gauge_of, 300, counter_of),
        ("counter, gauge on another page", counter_of, 300, gauge_of),
        ("counter, histogram", counter_of, 0, histogram_of),
        ("histogram, histogram", histogram_of, 0, histogram_of),
        ("counter, throughput", counter_of, 0, throughput_of),
        ("throughput, throughput", throughput_of, 0, throughput_of),
        ("throughput, histogram", throughput_of, 0, histogram_of),
    ];
    for (pair, make_a, between, make_b) in pairs {
        let registry = Registry::new();
        let a = make_a(&registry, "a");
        for i in 0..between {
            registry.counter(&format!("between_{i}"), "").unwrap();
        }
        let b = make_b(&registry, "b");
        no_task_shows_b_ahead_of_a(pair, &registry, a, b);
    }
    // In whichever order the two were registered, where their kinds are read one after the other.
    let registry = Registry::new();
    let b = histogram_of(&registry, "b");
    let a = counter_of(&registry, "a");
    no_task_shows_b_ahead_of_a("counter, an earlier histogram", &registry, a, b);
}

/// A thread touches a page or a block for the first time once in a registry's life, so here are many registries.
#[test]
fn first_touches_do_not_show_b_ahead_of_a() {
    type Make = fn(&Registry, &str) -> Count;
    let mut snapshots = 0;
    for round in 0..1_000 {
        let (make_b, other_page): (Make, _) = match round % 4 {
            0 | 1 => (counter_of, false),
            2 => (counter_of, true),
            _ => (histogram_of, false),
        };
        let registry = Registry::new();
        let a = counter_of(&registry, "a");
        if other_page {
            // Metrics that are registered after a family are on another page.
            registry.counter_family("between", "", &["i"]).unwrap();
        }
        let b = make_b(&registry, "b");
        let tasks = &Tasks {
            places: [const { AtomicU8::new(BEFORE_A) }; 16],
            a,
            b,
        };
        std::thread::scope(|scope| {
            let workers =
                [1, 3, 5, 7].map(|stride| scope.spawn(move || tasks.work(round, stride, 400)));
            while !workers.iter().all(|worker| worker.is_finished()) {
                let snapshot = registry.snapshot();
                let (a, b) = (count(&snapshot, "a"), count(&snapshot, "b"));
                assert!(b <= a, "B is {b} and A {a} in round {round}");
                snapshots += 1;
            }
        });
    }
    println!("{snapshots} snapshots of new registries");
}

#[test]
fn an_unchanged_registry_is_the_same_snapshot() {
    let clock = Arc::new(ManualClock::new());
    let registry = Registry::builder().clock(clock.clone()).build();
    let counter = registry.counter("a", "").unwrap();
    let gauge = registry.gauge("b", "").unwrap();
    let float = registry.float_gauge("c", "").unwrap();
    let histogram = registry.histogram("d", "", values()).unwrap();
    let throughput = registry.throughput("e", "").unwrap();
    let family = registry.counter_family("f", "", &["x"]).unwrap();
    let known = family.with(&["known"]).unwrap();
    type Change<'a> = (&'a str, &'a dyn Fn());
    let changes: [Change<'_>; 12] = [
        ("a counter", &|| counter.inc()),
        ("a gauge set", &|| gauge.set(4)),
        ("a gauge added to", &|| gauge.add(4)),
        ("a float gauge", &|| float.set(4.0)),
        ("a float gauge added to", &|| float.add(4.0)),
        ("a histogram", &|| histogram.record(4)),
        ("a refused value", &|| histogram.record(1001)),
        ("a throughput", &|| throughput.add(4)),
        ("a second that passed", &|| {
            clock.advance(Duration::from_secs(1))
        }),
        ("a member", &|| known.inc()),
        ("a new member", &|| drop(family.with(&["new"]).unwrap())),
        ("a registration", &|| {
            drop(registry.gauge_family("late", "", &["x"]).unwrap())
        }),
    ];
    for (what, change) in changes {
        let before = registry.snapshot();
        assert!(Arc::ptr_eq(&before, &registry.snapshot()), "before {what}");
        // Reading single metrics changes nothing.
        let _ = (
            counter.get(),
            gauge.get(),
            float.get(),
            histogram.snapshot(),
            throughput.snapshot(),
        );
        family.with(&["known"]).unwrap();
        assert!(
            Arc::ptr_eq(&before, &registry.snapshot()),
            "reading before {what}"
        );
        change();
        assert!(
            !Arc::ptr_eq(&before, &registry.snapshot()),
            "{what} goes unseen"
        );
    }
    // A single metric that was read between a write and the snapshot must not make the snapshot look current.
    let before = registry.snapshot();
    histogram.record(4);
    counter.inc();
    let _ = (histogram.snapshot(), counter.get());
    assert!(!Arc::ptr_eq(&before, &registry.snapshot()));
}

/// However many histograms there are: nothing new is the same snapshot, and whatever any thread writes to any of them is seen.
#[test]
fn many_unchanged_histograms_are_the_same_snapshot() {
    const SERIES: usize = 2_000;
    let registry = Registry::new();
    let family = |name, ownership| {
        let options = values().recent(0).ownership(ownership);
        let family = registry
            .histogram_family(name, "", options, &["i"])
            .unwrap();
        let series = (0..SERIES).map(|i| family.with(&[&i.to_string()]).unwrap());
        series.collect::<Vec<_>>()
    };
    let owned = family("owned", Ownership::Always);
    let shared = family("shared", Ownership::Never);
    let one = registry.histogram("one", "", values()).unwrap();
    let all = || owned.iter().chain(&shared).chain([&one]);
    all().for_each(|histogram| histogram.record(4));
    let picked = [&owned[0], &owned[SERIES - 1], &shared[SERIES / 2], &one];
    type Write<'a> = (&'a str, &'a (dyn Fn(&Histogram) + Sync));
    let writes: [Write<'_>; 4] = [
        ("a record", &|histogram| histogram.record(5)),
        ("the first value of an octave", &|histogram| {
            histogram.record(900)
        }),
        ("a refused value", &|histogram| histogram.record(1001)),
        ("a rejection", &|histogram| histogram.reject()),
    ];
    for (what, write) in writes {
        for (i, histogram) in picked.into_iter().enumerate() {
            // This thread, one that writes for the first time, and that one again.
            let by_another = || {
                std::thread::scope(|scope| {
                    let writer = scope.spawn(|| {
                        write(histogram);
                        let before = registry.snapshot();
                        assert!(Arc::ptr_eq(&before, &registry.snapshot()), "{what}, {i}");
                        write(histogram);
                        assert!(!Arc::ptr_eq(&before, &registry.snapshot()), "{what}, {i}");
                    });
                    writer.join().unwrap();
                });
            };
            for by in [&|| write(histogram), &by_another as &dyn Fn()] {
                let before = registry.snapshot();
                assert!(Arc::ptr_eq(&before, &registry.snapshot()), "before {what}");
                by();
                let after = registry.snapshot();
                assert!(!Arc::ptr_eq(&before, &after), "{what} goes unseen, {i}");
                assert!(Arc::ptr_eq(&after, &registry.snapshot()), "after {what}");
            }
        }
    }
}

#[test]
fn a_stale_registry_is_served_while_it_is_young() {
    let clock = Arc::new(ManualClock::new());
    let registry = Registry::builder()
        .clock(clock.clone())
        .max_staleness(Duration::from_secs(2))
        .build();
    let counter = registry.counter("a", "").unwrap();
    clock.advance(Duration::from_secs(2));
    let first = registry.snapshot();
    counter.inc();
    clock.advance(Duration::from_nanos(1_999_999_999));
    assert!(Arc::ptr_eq(&first, &registry.snapshot()));
    clock.advance(Duration::from_nanos(1));
    assert_eq!(shown(&registry.snapshot(), "a"), 1);
    counter.inc();
    clock.set(Duration::ZERO);
    assert_eq!(
        shown(&registry.snapshot(), "a"),
        2,
        "a clock that went back makes nothing young"
    );
    assert_eq!(counter.get(), 2, "a counter's own value is never stale");
}

/// A registry's snapshot holds what its histograms hold now, not a snapshot of theirs that is itself within the staleness:
/// otherwise the two ages would add up.
#[test]
fn staleness_does_not_add_up() {
    let clock = Arc::new(ManualClock::new());
    let registry = Registry::builder()
        .clock(clock.clone())
        .max_staleness(Duration::from_secs(2))
        .build();
    let sizes = registry
        .histogram("sizes", "", HistogramOptions::values(0, 9))
        .unwrap();
    clock.advance(Duration::from_secs(2));
    sizes.record(1);
    assert_eq!(sizes.snapshot().count(), 1);
    sizes.record(2);
    assert_eq!(sizes.snapshot().count(), 1, "young enough to be served");
    let held = registry.snapshot();
    assert_eq!(held.histogram(&sizes).map(|held| held.count()), Some(2));
}

#[test]
fn many_metrics_keep_their_values_apart() {
    let registry = Registry::new();
    let family = registry.counter_family("a", "", &["i"]).unwrap();
    let members: Vec<_> = (0..2_000)
        .map(|i| family.with(&[&i.to_string()]).unwrap())
        .collect();
    let singles: Vec<_> = (0..600)
        .map(|i| registry.counter(&format!("single_{i}"), "").unwrap())
        .collect();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..).zip(&members).for_each(|(i, member)| member.add(i)));
            scope.spawn(|| (0..).zip(&singles).for_each(|(i, single)| single.add(i)));
        }
    });
    let snapshot = registry.snapshot();
    for (i, single) in (0..).zip(&singles) {
        assert_eq!(single.get(), 3 * i);
        let shown = counters(&snapshot, &format!("single_{i}"));
        assert_eq!(shown.collect::<Vec<_>>(), [3 * i]);
    }
    let shown: Vec<u64> = counters(&registry.snapshot(), "a").collect();
    let expected: Vec<u64> = (0..2_000).map(|i| 3 * i).collect();
    assert_eq!(shown, expected);
    members[1234].inc();
    assert_eq!(
        counters(&registry.snapshot(), "a").nth(1234),
        Some(3 * 1234 + 1)
    );
}

epoch_metrics::label_set! { struct Route { method, status } }

#[test]
fn labels_are_found_by_name_in_any_order() {
    let registry = Registry::new();
    let family = registry
        .counter_family("f", "", &["method", "status"])
        .unwrap();
    let label = |label: &str| label.to_owned();
    family
        .with_labels(&[("status", "200"), ("method", "GET")])
        .unwrap()
        .add(2);
    family.with_ref(&["GET", "200"], |c| c.inc()).unwrap();
    assert_eq!(family.with(&["GET", "200"]).unwrap().get(), 3);
    for (given, expected) in [
        (
            &[("method", "GET")][..],
            LabelError::MissingLabel {
                label: label("status"),
            },
        ),
        (
            &[("method", "GET"), ("status", "1"), ("status", "1")],
            LabelError::DuplicateLabel {
                label: label("status"),
            },
        ),
        (
            &[("method", "GET"), ("code", "1"), ("status", "1")],
            LabelError::UnknownLabel {
                label: label("code"),
            },
        ),
    ] {
        assert_eq!(family.with_labels(given).unwrap_err(), expected);
    }

    let typed = family.typed::<Route<'_>>().unwrap();
    let text = String::from("200");
    let route = Route {
        status: &text,
        method: "GET",
    };
    typed.with_ref(route, |counter| counter.inc()).unwrap();
    assert_eq!(typed.with(route).unwrap().get(), 4);
    let swapped = registry
        .counter_family("g", "", &["status", "method"])
        .unwrap();
    assert_eq!(
        swapped.typed::<Route<'_>>().unwrap_err(),
        LabelError::MissingLabel {
            label: label("status")
        }
    );
}

/// More labels than are put in order in place, of all lengths.
#[test]
fn many_labels_are_found_by_name() {
    let names: Vec<String> = (0..20).map(|i| format!("l{i}")).collect();
    let values: Vec<String> = (0..20).map(|i| "v".repeat(i)).collect();
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    let family = Registry::new().counter_family("f", "", &names).unwrap();
    let mut pairs: Vec<(&str, &str)> = names
        .iter()
        .copied()
        .zip(values.iter().map(|value| &**value))
        .collect();
    family.with_labels(&pairs).unwrap().inc();
    pairs.reverse();
    family.with_labels(&pairs).unwrap().inc();
    let values: Vec<&str> = values.iter().map(|value| &**value).collect();
    assert_eq!(family.with(&values).unwrap().get(), 2);
}

/// A thread's destructors look up series, those that run before and those that run after everything else is destroyed.
#[test]
fn series_are_found_while_a_thread_ends() {
    use epoch_metrics::{Counter, Family};
    use std::cell::RefCell;
    struct CountsAtExit(RefCell<Option<Family<Counter>>>);
    impl Drop for CountsAtExit {
        fn drop(&mut self) {
            if let Some(family) = self.0.take() {
                family.with(&["known"]).unwrap().inc();
                family.with(&["new"]).unwrap().inc();
            }
        }
    }
    thread_local! {
        static FIRST: CountsAtExit = const { CountsAtExit(RefCell::new(None)) };
        static LAST: CountsAtExit = const { CountsAtExit(RefCell::new(None)) };
    }
    let family = Registry::new().counter_family("f", "", &["x"]).unwrap();
    for looks_up_before in [true, false] {
        let family = family.clone();
        let thread = std::thread::spawn(move || {
            FIRST.with(|first| *first.0.borrow_mut() = Some(family.clone()));
            if looks_up_before {
                family.with(&["known"]).unwrap();
            }
            LAST.with(|last| *last.0.borrow_mut() = Some(family));
        });
        thread.join().unwrap();
    }
    assert_eq!(family.with(&["known"]).unwrap().get(), 4);
    assert_eq!(family.with(&["new"]).unwrap().get(), 4);
}
