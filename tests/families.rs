//! Families: what look-up, removal, the cap and registration promise.

#[path = "exposition/validator/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "the tests that read expositions use the rest"
)]
mod validator;

use epoch_metrics::{
    Counter, Family, FamilyOptions, FloatCounter, HistogramOptions, LabelError, ManualClock,
    RecordError, RegisterError, Registry, RegistrySnapshot, SeriesSnapshot, Value,
};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use validator::Checked;

fn counters(registry: &Registry) -> Family<Counter> {
    registry.counter_family("f", "", &["x"]).unwrap()
}

/// Every series of a family on a page.
fn shown(registry: &Registry, name: &str) -> HashMap<String, Value> {
    let snapshot = registry.snapshot();
    let series = snapshot.family(name).unwrap().series();
    let count = series.len();
    let shown: HashMap<_, _> = series
        .map(|series| (series.labels().next().unwrap().1.to_owned(), series.value()))
        .collect();
    assert_eq!(shown.len(), count, "a series is there twice");
    shown
}

#[test]
fn a_removed_series_is_gone_and_begins_anew() {
    let registry = Registry::new();
    let family = counters(&registry);
    let kept = family.with(&["a"]).unwrap();
    kept.add(3);
    family.with(&["b"]).unwrap().add(5);
    assert_eq!(shown(&registry, "f").len(), 2);
    assert_eq!(family.remove(&["a"]), Some(3));
    assert_eq!(family.remove(&["a"]), None);
    assert!(family.get(&["a"]).is_none());
    assert_eq!(
        shown(&registry, "f"),
        [("b".to_owned(), Value::Counter(5))].into()
    );
    kept.add(2);
    assert_eq!((family.sum(), family.detached()), (5, 2));
    assert_eq!(family.with(&["a"]).unwrap().get(), 0);
    assert_eq!(shown(&registry, "f")["a"], Value::Counter(0));
    drop(kept);
    assert_eq!((family.sum(), family.detached()), (5, 2));
}

/// The cells of removed series are used again: a million series that come and go take the memory of few.
#[test]
fn cells_are_used_again() {
    let registry = Registry::new();
    let family = counters(&registry);
    let mut total = 0;
    for i in 0..20_000_u64 {
        let label = i.to_string();
        family
            .with_ref(&[&label], |counter| counter.add(i))
            .unwrap();
        total += family.remove(&[&label]).unwrap();
        if i % 1000 == 0 {
            assert!(shown(&registry, "f").is_empty());
        }
    }
    assert_eq!(total, (0..20_000).sum::<u64>());
    assert_eq!((family.sum(), family.detached(), family.len()), (0, 0, 0));
    assert_eq!(shown(&registry, "f"), HashMap::new());
}

/// A reading reuses the one before the last if nobody holds it. Each snapshot must show every change, and held snapshots must not change.
#[test]
fn a_snapshot_holds_what_each_series_holds() {
    let registry = Registry::new();
    let sizes = HistogramOptions::values(0, 100);
    let family = registry
        .histogram_family("sizes", "", sizes, &["id"])
        .unwrap();
    let mut series: Vec<_> = (0..50_usize)
        .map(|id| (id, family.with(&[&id.to_string()]).unwrap(), 0))
        .collect();
    let mut held = Vec::new();
    for step in 0..400 {
        for at in [step * 7 % 50, step * step % 50] {
            series[at].1.record(1);
            series[at].2 += 1;
        }
        if step % 11 == 0 {
            let (id, histogram, count) = &mut series[step % 50];
            family.remove(&[&id.to_string()]).unwrap();
            *id += 50;
            (*histogram, *count) = (family.with(&[&id.to_string()]).unwrap(), 0);
        }
        let snapshot = registry.snapshot();
        let expected: HashMap<_, _> = series
            .iter()
            .map(|(id, _, count)| (id.to_string(), *count))
            .collect();
        let counts = |snapshot: &RegistrySnapshot| -> HashMap<String, u64> {
            let family = snapshot.family("sizes").unwrap();
            let count = |series: SeriesSnapshot<'_>| match series.value() {
                Value::Histogram(histogram) => histogram.count(),
                other => panic!("{other:?}"),
            };
            let label = |series: SeriesSnapshot<'_>| series.labels().next().unwrap().1.to_owned();
            family
                .series()
                .map(|series| (label(series), count(series)))
                .collect()
        };
        assert_eq!(counts(&snapshot), expected);
        if step % 3 == 0 {
            held.push((snapshot, expected));
        }
        if held.len() > 2 {
            let (snapshot, expected) = held.swap_remove(step % 2);
            assert_eq!(counts(&snapshot), expected, "it was held, and changed");
        }
    }
}

#[test]
fn retain_clear_and_iteration() {
    let family = counters(&Registry::new());
    for (i, label) in (1..).zip(["a", "b", "c", "d"]) {
        family.with(&[label]).unwrap().add(i);
    }
    family.retain(|labels, value| &labels[0] != "b" && value < 4);
    let mut all: Vec<(String, u64)> = family
        .iter()
        .map(|(labels, value)| (labels.iter().collect(), value))
        .collect();
    all.sort();
    assert_eq!(all, [("a".to_owned(), 1), ("c".to_owned(), 3)]);
    assert!(!family.is_empty());
    family.clear();
    assert!(family.is_empty());
    assert_eq!((family.sum(), family.iter().len()), (0, 0));
}

/// A callback of `retain` may do anything with the family.
#[test]
fn retain_holds_no_lock() {
    let family = counters(&Registry::new());
    family.with(&["a"]).unwrap().inc();
    family.retain(|labels, _| {
        assert_eq!(family.remove(&[&labels[0]]), Some(1));
        family.with(&["a"]).unwrap().add(7);
        false
    });
    assert_eq!(
        family.sum(),
        7,
        "the series is another one than the one that was to go"
    );
}

#[test]
fn families_of_every_kind_come_and_go() {
    let clock = Arc::new(ManualClock::new());
    let registry = Registry::builder().clock(clock).build();
    let gauges = registry.gauge_family("g", "", &["x"]).unwrap();
    let floats = registry.float_gauge_family("fg", "", &["x"]).unwrap();
    let costs = registry.float_counter_family("fc", "", &["x"]).unwrap();
    let sizes = registry
        .histogram_family("h", "", HistogramOptions::values(0, 100), &["x"])
        .unwrap();
    let tokens = registry.throughput_family("t", "", &["x"]).unwrap();
    for round in 1..4 {
        let (gauge, float) = (gauges.with(&["a"]).unwrap(), floats.with(&["a"]).unwrap());
        let (cost, size) = (costs.with(&["a"]).unwrap(), sizes.with(&["a"]).unwrap());
        let token = tokens.with(&["a"]).unwrap();
        assert_eq!(
            (gauge.get(), float.get(), cost.get()),
            (0, 0.0, 0.0),
            "round {round}"
        );
        assert_eq!((size.snapshot().count(), token.snapshot().total()), (0, 0));
        gauge.set(-3);
        float.set(0.5);
        cost.add(1.5);
        size.record(10);
        token.add(4);
        assert_eq!(shown(&registry, "g")["a"], Value::Gauge(-3));
        assert_eq!(shown(&registry, "fg")["a"], Value::FloatGauge(0.5));
        assert_eq!(shown(&registry, "fc")["a"], Value::FloatCounter(1.5));
        let page = registry.checked_text();
        assert!(page.contains("fc_total{x=\"a\"} 1.5\n"), "{page}");
        assert!(
            page.contains("t_per_second{x=\"a\",window=\"30s\"} NaN\n"),
            "{page}"
        );
        assert_eq!((gauges.sum(), floats.sum(), costs.sum()), (-3, 0.5, 1.5));
        assert_eq!((sizes.sum().sum(), tokens.sum()), (10, 4));
        assert_eq!(gauges.remove(&["a"]), Some(-3));
        assert_eq!(floats.remove(&["a"]), Some(0.5));
        assert_eq!(costs.remove(&["a"]), Some(1.5));
        assert_eq!(sizes.remove(&["a"]).unwrap().sum(), 10);
        assert_eq!(tokens.remove(&["a"]), Some(4));
        gauge.add(1);
        cost.add(0.25);
        size.record(20);
        token.add(1);
        let times = round as u64;
        assert_eq!(gauges.detached(), round);
        assert_eq!(costs.detached(), 0.25 * round as f64);
        assert_eq!(sizes.detached().sum(), 20 * u128::from(times));
        assert_eq!(tokens.detached(), times);
        for name in ["g", "fg", "fc", "h", "t", "t_per_second"] {
            assert!(shown(&registry, name).is_empty(), "{name}");
        }
    }
}

#[test]
fn float_counters_go_up_by_amounts() {
    let registry = Registry::new();
    let counter: FloatCounter = registry.float_counter("c", "").unwrap();
    for wrong in [-0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(counter.try_add(wrong), Err(RecordError::NotAnAmount));
        counter.add(wrong);
    }
    counter.add(0.5);
    counter.add(0.0);
    assert_eq!(counter.get(), 0.5);
    assert!(
        registry
            .checked_text()
            .contains("# TYPE c_total counter\nc_total 0.5\n")
    );
    counter.add(f64::MAX);
    counter.add(f64::MAX);
    assert_eq!(counter.get(), f64::MAX);
}

#[test]
fn beyond_the_cap_values_go_to_the_overflow_series() {
    let registry = Registry::new();
    let options = FamilyOptions::labels(&["x", "y"]).max_series(2);
    let family = registry.counter_family("f", "", options).unwrap();
    let page = || registry.checked_text();
    for label in ["a", "b"] {
        family.with(&[label, ""]).unwrap().inc();
    }
    assert!(!page().contains("overflow"), "{}", page());
    for label in ["c", "d", "a"] {
        family
            .with_ref(&[label, ""], |counter| counter.inc())
            .unwrap();
    }
    assert_eq!((family.len(), family.sum(), family.overflowed()), (3, 5, 2));
    assert_eq!(family.with(&["overflow", "overflow"]).unwrap().get(), 2);
    assert_eq!(family.overflowed(), 2, "it was asked for");
    assert!(family.get(&["c", ""]).is_none());
    assert!(page().contains("epoch_metrics_overflowed_lookups_total{metric=\"f\"} 2\n"));
    // A series that is removed makes room, and the overflow series can be removed too.
    family.remove(&["a", ""]);
    assert_eq!(family.remove(&["overflow", "overflow"]), Some(2));
    family.with(&["c", ""]).unwrap().inc();
    assert!(family.get(&["c", ""]).is_some());
    family.with(&["d", ""]).unwrap().inc();
    assert_eq!(family.with(&["overflow", "overflow"]).unwrap().get(), 1);
}

#[test]
fn families_share_the_cap_of_their_registry() {
    let registry = Registry::builder().max_series(2).build();
    let counters = counters(&registry);
    let gauges = registry.gauge_family("g", "", &["x"]).unwrap();
    counters.with(&["a"]).unwrap();
    gauges.with(&["a"]).unwrap();
    counters.with(&["b"]).unwrap().inc();
    assert_eq!(counters.with(&["overflow"]).unwrap().get(), 1);
    let max = FamilyOptions::DEFAULT_MAX_SERIES;
    let full = LabelError::TooManySeries { max };
    assert_eq!(gauges.with(&["b"]).unwrap_err(), full);
    assert!(full.to_string().contains("raise `max_series`"));
    assert_eq!(gauges.overflowed(), 1);
    // A family that is unregistered and dropped gives its places back.
    registry.unregister("f");
    drop(counters);
    drop(registry.snapshot());
    gauges.with(&["b"]).unwrap();
}

#[test]
fn a_gauge_called_overflow_is_like_any_other() {
    let registry = Registry::new();
    let options = FamilyOptions::labels(&["x"]).max_series(1);
    let gauges = registry.gauge_family("g", "", options).unwrap();
    gauges.with(&["overflow"]).unwrap().set(1);
    assert!(gauges.with(&["a"]).is_err());
}

#[test]
fn the_same_registration_gives_the_same_metric() {
    let registry = Registry::builder().prefix("app").unwrap().build();
    registry.counter("c", "help").unwrap().inc();
    assert_eq!(registry.counter("c_total", "help").unwrap().get(), 1);
    assert_eq!(registry.counter("c", "").unwrap().get(), 1);
    let durations = || HistogramOptions::durations().recent(7);
    registry.histogram("h", "", durations()).unwrap().record(1);
    let again = registry.histogram("h_seconds", "", durations()).unwrap();
    assert_eq!(again.snapshot().count(), 1);
    registry.throughput("t", "").unwrap().add(2);
    assert_eq!(registry.throughput("t", "").unwrap().snapshot().total(), 2);
    let family = || registry.counter_family("f", "", &["x", "y"]).unwrap();
    family().with(&["a", "b"]).unwrap().inc();
    assert_eq!(family().with(&["a", "b"]).unwrap().get(), 1);

    let different = |error: RegisterError, expected: &str| {
        let RegisterError::Duplicate { differs, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(*differs, Some(expected));
        assert!(error.to_string().contains(expected), "{error}");
    };
    let minute = [Duration::from_secs(60)];
    different(registry.gauge("c", "help").unwrap_err(), "kind");
    different(registry.counter("c", "other").unwrap_err(), "help text");
    different(registry.float_counter("c", "help").unwrap_err(), "type");
    different(
        registry
            .throughput_with_windows("t", "", &minute)
            .unwrap_err(),
        "options",
    );
    different(
        registry.counter_family("f", "", &["y", "x"]).unwrap_err(),
        "labels",
    );
    let capped = FamilyOptions::labels(&["x", "y"]).max_series(9);
    different(
        registry.counter_family("f", "", capped).unwrap_err(),
        "options",
    );
    different(registry.counter("f", "").unwrap_err(), "labels");
}

#[test]
fn names_are_given_back() {
    let registry = Registry::new();
    registry.counter("a", "").unwrap().add(7);
    counters(&registry).with(&["x"]).unwrap().inc();
    let histogram = registry
        .histogram("h", "", HistogramOptions::durations())
        .unwrap();
    let other = registry
        .histogram("i", "", HistogramOptions::values(0, 9))
        .unwrap();
    registry.throughput("t", "").unwrap();
    let later = registry.counter("later", "").unwrap();
    registry.observable_gauge_fn("o", "", || 1.0).unwrap();
    later.inc();
    other.record(3);
    for name in ["a_total", "f", "h", "t", "o"] {
        assert!(registry.unregister(name), "{name}");
        assert!(!registry.unregister(name), "{name} was there twice");
    }
    let snapshot = registry.snapshot();
    let names: Vec<&str> = snapshot.families().map(|family| family.name()).collect();
    assert_eq!(names, ["i", "later"]);
    assert_eq!(snapshot.histogram(&other).map(|held| held.sum()), Some(3));
    assert!(snapshot.histogram(&histogram).is_none());
    histogram.record(1);
    for name in ["a", "f", "h", "t_per_second", "o"] {
        registry.gauge(name, "").unwrap().set(5);
    }
    assert_eq!(
        snapshot
            .family("later")
            .unwrap()
            .series()
            .next()
            .unwrap()
            .value(),
        Value::Counter(1)
    );
    let page = registry.checked_text();
    assert!(
        page.contains("later_total 1\n") && page.contains("\na 5\n"),
        "{page}"
    );
}

#[test]
fn help_may_come_late() {
    let registry = Registry::new();
    registry.throughput("t", "").unwrap();
    let before = registry.snapshot();
    assert!(registry.describe("t", "Tokens."));
    assert!(!registry.describe("u", "Nothing."));
    let help = |name| registry.snapshot().family(name).unwrap().help().to_owned();
    assert_eq!(help("t"), "Tokens.");
    assert_eq!(
        help("t_per_second"),
        "Tokens. Per-second rate over the last whole seconds."
    );
    assert_eq!(
        before.family("t").unwrap().help(),
        "",
        "a snapshot does not change"
    );
    registry.throughput("t", "Tokens.").unwrap();
}

/// Families whose series have label names of their own.
#[test]
fn series_with_names_of_their_own() {
    let registry = Registry::builder()
        .constant_label("region", "eu")
        .unwrap()
        .build();
    let options = FamilyOptions::any_labels().max_series(4);
    let family = registry.counter_family("f", "", options.clone()).unwrap();
    let find = |labels: &[(&str, &str)]| family.with_labels(labels);
    find(&[("b", "1"), ("a", "2")]).unwrap().add(2);
    find(&[("a", "2"), ("b", "1")]).unwrap().add(1);
    find(&[("a", "b"), ("2", "")]).unwrap_err();
    find(&[("a", "2,b")]).unwrap().inc();
    find(&[]).unwrap().inc();
    assert_eq!(
        family.with(&[]).unwrap().get(),
        1,
        "the series without labels"
    );
    for wrong in ["region", "1x", "", "__x"] {
        let label = wrong.to_owned();
        assert_eq!(
            find(&[(wrong, "")]).unwrap_err(),
            LabelError::InvalidLabel { label }
        );
    }
    let label = "a".to_owned();
    let twice = find(&[("a", "1"), ("a", "2")]).unwrap_err();
    assert_eq!(twice, LabelError::DuplicateLabel { label });
    assert!(family.with(&["a", "2"]).is_err(), "values without names");
    let many: Vec<String> = (10..30).map(|i| format!("l{i}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (&**name, "v")).collect();
    find(&many).unwrap().add(4);
    find(&[("beyond", "the cap")]).unwrap().add(5);
    let page = registry.checked_text();
    for line in [
        "f_total{region=\"eu\",a=\"2\",b=\"1\"} 3\n",
        "f_total{region=\"eu\",a=\"2,b\"} 1\n",
        "f_total{region=\"eu\"} 1\n",
        "l28=\"v\",l29=\"v\"} 4\n",
        "f_total{region=\"eu\",overflow=\"overflow\"} 5\n",
    ] {
        assert!(page.contains(line), "no {line} in {page}");
    }
    assert_eq!(
        family.remove_with_labels(&[("b", "1"), ("a", "2")]),
        Ok(Some(3))
    );
    assert!(
        family
            .get_with_labels(&[("a", "2"), ("b", "1")])
            .unwrap()
            .is_none()
    );

    let sizes = HistogramOptions::values(0, 10);
    let sizes = registry
        .histogram_family("h", "", sizes, FamilyOptions::any_labels())
        .unwrap();
    sizes
        .with_labels(&[("metric", "m"), ("x", "y")])
        .unwrap()
        .record(11);
    assert!(sizes.with_labels(&[("le", "1")]).is_err());
    let tokens = registry
        .throughput_family("t", "", FamilyOptions::any_labels())
        .unwrap();
    tokens.with_labels(&[("model", "small")]).unwrap().add(1);
    assert!(tokens.with_labels(&[("window", "1")]).is_err());
    let page = registry.checked_text();
    for line in [
        "rejected_values_total{metric=\"h\",region=\"eu\",exported_metric=\"m\",x=\"y\"} 1\n",
        "t_per_second{region=\"eu\",model=\"small\",window=\"60s\"} NaN\n",
    ] {
        assert!(page.contains(line), "no {line} in {page}");
    }
    registry.counter_family("f", "", options).unwrap();
}

#[test]
fn a_counter_is_raised_and_never_lowered() {
    let registry = Registry::new();
    let counter = registry.counter("c", "").unwrap();
    let family = counters(&registry);
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let counter = counter.clone();
            scope.spawn(move || (0..1000).for_each(|i| counter.raise_to(i * (thread + 1))));
        }
    });
    assert_eq!(counter.get(), 999 * 4);
    // Of a series whose cell another one had.
    family.with(&["a"]).unwrap().add(10);
    family.remove(&["a"]);
    for _ in 0..200 {
        family.with(&["b"]).unwrap().raise_to(3);
        assert_eq!(family.remove(&["b"]), Some(3));
    }
}

/// One step of a program of the property below. Labels are few, so that series meet.
#[derive(Clone, Debug)]
enum Step {
    Add(u8, u8),
    Keep(u8),
    AddThroughKept(u8, u8),
    DropKept(u8),
    Remove(u8),
    RetainBelow(u8),
    Clear,
    Read,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_u8, 1..9_u8).prop_map(|(label, n)| Step::Add(label, n)),
        2 => (0..6_u8).prop_map(Step::Keep),
        3 => (any::<u8>(), 1..9_u8).prop_map(|(at, n)| Step::AddThroughKept(at, n)),
        2 => any::<u8>().prop_map(Step::DropKept),
        3 => (0..6_u8).prop_map(Step::Remove),
        1 => (0..20_u8).prop_map(Step::RetainBelow),
        1 => Just(Step::Clear),
        2 => Just(Step::Read),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_time: 20_000, ..ProptestConfig::with_cases(400) })]

    /// Whatever is done, the series hold what was written to them since they were created, and what was written otherwise is
    /// detached: against a plain map. A page shows the same, and the sums add up after each step.
    #[test]
    fn any_sequence_adds_up(steps in proptest::collection::vec(step(), 1..120)) {
        let registry = Registry::new();
        let family = registry.counter_family("f", "", FamilyOptions::labels(&["x"]).max_series(4)).unwrap();
        // By label: the number of its creation, and its value.
        let mut plain: HashMap<String, (usize, u64)> = HashMap::new();
        let (mut created, mut detached) = (0, 0);
        let mut kept: Vec<(Counter, String, usize)> = Vec::new();
        for step in steps {
            // The series that a look-up yields: its own, or the overflow series.
            let mut look_up = |plain: &mut HashMap<String, (usize, u64)>, label: u8| {
                let label = label.to_string();
                let own = plain.keys().filter(|label| *label != "overflow").count();
                let label = if plain.contains_key(&label) || own < 4 { label } else { "overflow".to_owned() };
                plain.entry(label.clone()).or_insert_with(|| {
                    created += 1;
                    (created, 0)
                });
                label
            };
            match step {
                Step::Add(label, n) => {
                    let found = look_up(&mut plain, label);
                    family.with_ref(&[&label.to_string()], |counter| counter.add(n.into())).unwrap();
                    plain.get_mut(&found).unwrap().1 += u64::from(n);
                }
                Step::Keep(label) => {
                    let found = look_up(&mut plain, label);
                    let number = plain[&found].0;
                    kept.push((family.with(&[&label.to_string()]).unwrap(), found, number));
                }
                Step::AddThroughKept(at, n) if !kept.is_empty() => {
                    let (counter, label, number) = &kept[usize::from(at) % kept.len()];
                    counter.add(n.into());
                    match plain.get_mut(label).filter(|series| series.0 == *number) {
                        Some(series) => series.1 += u64::from(n),
                        None => detached += u64::from(n),
                    }
                }
                Step::DropKept(at) if !kept.is_empty() => {
                    let at = usize::from(at) % kept.len();
                    kept.swap_remove(at);
                }
                Step::AddThroughKept(..) | Step::DropKept(_) => {}
                Step::Remove(label) => {
                    let label = label.to_string();
                    let expected = plain.remove(&label).map(|series| series.1);
                    prop_assert_eq!(family.remove(&[&label]), expected);
                }
                Step::RetainBelow(most) => {
                    family.retain(|_, value| value < most.into());
                    plain.retain(|_, series| series.1 < most.into());
                }
                Step::Clear => {
                    family.clear();
                    plain.clear();
                }
                Step::Read => {
                    let expected: HashMap<String, Value> = plain
                        .iter()
                        .map(|(label, series)| (label.clone(), Value::Counter(series.1)))
                        .collect();
                    prop_assert_eq!(shown(&registry, "f"), expected);
                }
            }
            let sum: u64 = plain.values().map(|series| series.1).sum();
            prop_assert_eq!((family.sum(), family.detached(), family.len()), (sum, detached, plain.len()));
            for (counter, label, number) in &kept {
                if let Some(series) = plain.get(label).filter(|series| series.0 == *number) {
                    prop_assert_eq!(counter.get(), series.1);
                }
            }
        }
    }
}

/// Four threads make, write to and remove series, and keep some handles to write to afterwards, while pages are made. What is left,
/// what was returned and what is detached are all that was written; no series of a page goes back; and no more cells are taken than
/// the series that were there at once need.
#[test]
fn churn_adds_up() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 5_000;
    let registry = Registry::new();
    let family = counters(&registry);
    let (returned, written) = (AtomicU64::new(0), AtomicU64::new(0));
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let churning: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (family, returned, written) = (&family, &returned, &written);
                scope.spawn(move || {
                    let mut kept = Vec::new();
                    for round in 0..ROUNDS {
                        let label = format!("{thread}-{round}");
                        let counter = family.with(&[&label]).unwrap();
                        counter.add(round as u64 + 1);
                        family
                            .with_ref(&["shared"], |counter| counter.inc())
                            .unwrap();
                        let removed = family.remove(&[&label]).unwrap();
                        assert_eq!(removed, round as u64 + 1);
                        returned.fetch_add(removed, Relaxed);
                        counter.inc();
                        written.fetch_add(round as u64 + 3, Relaxed);
                        if round % 100 == 0 {
                            kept.push(counter);
                        }
                    }
                    for counter in kept {
                        counter.add(2);
                        written.fetch_add(2, Relaxed);
                    }
                })
            })
            .collect();
        let reader = scope.spawn(|| {
            let mut before: HashMap<String, u64> = HashMap::new();
            while !ended.load(Relaxed) {
                for (label, value) in shown(&registry, "f") {
                    let Value::Counter(value) = value else {
                        unreachable!()
                    };
                    let last = before.insert(label.clone(), value);
                    assert!(
                        last <= Some(value),
                        "{label} went back from {last:?} to {value}"
                    );
                    let most = label
                        .split_once('-')
                        .map(|(_, round)| round.parse::<u64>().unwrap() + 2);
                    assert!(
                        most.is_none_or(|most| value <= most),
                        "{label} shows {value}"
                    );
                }
            }
        });
        churning
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        ended.store(true, Relaxed);
        reader.join().unwrap();
    });
    let total = family.sum() + returned.load(Relaxed) + family.detached();
    assert_eq!(total, written.load(Relaxed));
    assert_eq!(shown(&registry, "f").len(), 1);
}

/// Distinct values without end, `overflow` among them, on four threads: memory is bounded by the cap, and nothing is lost.
#[test]
fn a_label_without_bounds_is_bounded() {
    let registry = Registry::new();
    let family = registry
        .counter_family("f", "", FamilyOptions::labels(&["x"]).max_series(100))
        .unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let family = &family;
            scope.spawn(move || {
                for i in 0..10_000 {
                    let label = if i == 5_000 {
                        "overflow".to_owned()
                    } else {
                        format!("{thread}-{i}")
                    };
                    family.with_ref(&[&label], |counter| counter.inc()).unwrap();
                }
            });
        }
    });
    assert_eq!((family.len(), family.sum()), (101, 40_000));
    assert_eq!(shown(&registry, "f").len(), 101);
    assert_eq!(family.overflowed(), 40_000 - 100 - 4);
}

/// Threads register the same at the same moment, and get the same.
#[test]
fn registrations_at_the_same_moment_give_the_same() {
    for _ in 0..50 {
        let registry = Registry::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    counters(&registry).with(&["a"]).unwrap().inc();
                    registry.counter("c", "").unwrap().inc();
                });
            }
        });
        assert_eq!(counters(&registry).with(&["a"]).unwrap().get(), 4);
        assert_eq!(registry.counter("c", "").unwrap().get(), 4);
    }
}
