//! Any sequence of operations on a registry, collected by producers of each kind, against plain lists of what was recorded: no value is
//! lost, and none is sent twice, whatever is reset, removed or not delivered.

mod model;

use epoch_metrics::{Counter, Family, Histogram, HistogramOptions, Registry, Throughput};
use epoch_metrics_opentelemetry::{HistogramForm, Producer};
use model::{Model, Point, read};
use opentelemetry_sdk::metrics::Temporality;
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[derive(Clone, Debug)]
enum Operation {
    Add(u64),
    AddTo(u8, u64),
    AddTokens(u64),
    Record(u64),
    RecordTo(u8, u64),
    Observe(u64),
    /// The callback reports nothing, or again.
    Hide(bool),
    Reset,
    ResetTokens,
    ResetIn(u8),
    RemoveCounter(u8),
    RemoveHistogram(u8),
    RegisterAnew,
    Collect {
        delivered: bool,
    },
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    let amount = || 0_u64..1_000;
    let value = || 0_u64..=100;
    let label = || 0_u8..3;
    prop_oneof![
        3 => amount().prop_map(Add),
        3 => (label(), amount()).prop_map(|(label, amount)| AddTo(label, amount)),
        2 => amount().prop_map(AddTokens),
        4 => value().prop_map(Record),
        4 => (label(), value()).prop_map(|(label, value)| RecordTo(label, value)),
        2 => amount().prop_map(Observe),
        1 => any::<bool>().prop_map(Hide),
        1 => Just(Reset),
        1 => Just(ResetTokens),
        1 => label().prop_map(ResetIn),
        1 => label().prop_map(RemoveCounter),
        1 => label().prop_map(RemoveHistogram),
        1 => Just(RegisterAnew),
        6 => any::<bool>().prop_map(|delivered| Collect { delivered }),
    ]
}

struct Subject {
    registry: Registry,
    plain: Counter,
    counters: Family<Counter>,
    tokens: Throughput,
    sizes: Histogram,
    histograms: Family<Histogram>,
    observed: Arc<AtomicU64>,
    hidden: Arc<AtomicBool>,
}

impl Subject {
    fn new() -> Self {
        let registry = Registry::builder().without_own_metrics().build();
        let options = || HistogramOptions::values(0, 100).export_bounds(&[10, 50]);
        let (observed, hidden) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let (read, is_hidden) = (Arc::clone(&observed), Arc::clone(&hidden));
        registry
            .observable_counter("observed", "", &[], move |_, observations| {
                if !is_hidden.load(Ordering::Relaxed) {
                    let value = read.load(Ordering::Relaxed);
                    observations.observe(&[], value).unwrap();
                }
            })
            .unwrap();
        Self {
            plain: registry.counter("plain", "").unwrap(),
            counters: registry.counter_family("counters", "", &["l"]).unwrap(),
            tokens: registry.throughput("tokens", "").unwrap(),
            sizes: registry.histogram("sizes", "", options()).unwrap(),
            histograms: registry
                .histogram_family("histograms", "", options(), &["l"])
                .unwrap(),
            registry,
            observed,
            hidden,
        }
    }
}

fn run(operations: &[Operation]) -> Result<(), TestCaseError> {
    let mut subject = Subject::new();
    let began = UNIX_EPOCH + Duration::from_secs(1_000);
    let mut model = Model::new(began);
    let forms = [HistogramForm::Explicit, HistogramForm::Exponential];
    let temporalities = [Temporality::Cumulative, Temporality::Delta];
    let mut producers: Vec<(Temporality, Producer)> = temporalities
        .into_iter()
        .flat_map(|temporality| forms.map(|form| (temporality, form)))
        .map(|(temporality, form)| {
            let producer = Producer::new().started(began).histograms(form);
            (temporality, producer.temporality(temporality))
        })
        .collect();
    let mut now = began;
    for operation in operations {
        now += Duration::from_secs(1);
        step(operation, &mut subject, &mut model);
        let Operation::Collect { delivered } = operation else {
            continue;
        };
        for (temporality, producer) in &mut producers {
            let found = read(
                &producer.collect_at(&subject.registry.page(), now),
                *temporality,
            );
            let expected = model.expected(*temporality, now, &found);
            prop_assert_eq!(found, expected, "{:?}", temporality);
            if *delivered {
                producer.delivered();
            }
        }
        if *delivered {
            model.delivered(now);
        }
    }
    Ok(())
}

fn step(operation: &Operation, subject: &mut Subject, model: &mut Model) {
    let label = |number: &u8| number.to_string();
    match operation {
        Operation::Add(amount) => {
            subject.plain.add(*amount);
            model.record("plain", *amount);
        }
        Operation::AddTo(number, amount) => {
            let label = label(number);
            subject.counters.with(&[&label]).unwrap().add(*amount);
            model.record(&format!("counters {label}"), *amount);
        }
        Operation::AddTokens(amount) => {
            subject.tokens.add(*amount);
            model.record("tokens", *amount);
        }
        Operation::Record(value) => {
            subject.sizes.record(*value);
            model.record("sizes", *value);
        }
        Operation::RecordTo(number, value) => {
            let label = label(number);
            subject.histograms.with(&[&label]).unwrap().record(*value);
            model.record(&format!("histograms {label}"), *value);
        }
        Operation::Observe(value) => {
            subject.observed.store(*value, Ordering::Relaxed);
            model.observe(*value);
        }
        Operation::Hide(hidden) => {
            subject.hidden.store(*hidden, Ordering::Relaxed);
            model.hide(*hidden);
        }
        Operation::Reset => {
            subject.sizes.reset();
            model.begin_anew("sizes");
        }
        Operation::ResetTokens => {
            subject.tokens.reset();
            model.begin_anew("tokens");
        }
        Operation::ResetIn(number) => {
            let label = label(number);
            subject.histograms.with(&[&label]).unwrap().reset();
            model.begin_anew(&format!("histograms {label}"));
        }
        Operation::RemoveCounter(number) => {
            let label = label(number);
            subject.counters.remove(&[&label]);
            model.remove(&format!("counters {label}"));
        }
        Operation::RemoveHistogram(number) => {
            let label = label(number);
            subject.histograms.remove(&[&label]);
            model.remove(&format!("histograms {label}"));
        }
        Operation::RegisterAnew => {
            assert!(subject.registry.unregister("plain"));
            subject.plain = subject.registry.counter("plain", "").unwrap();
            model.begin_anew("plain");
        }
        Operation::Collect { .. } => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_is_lost_or_sent_twice(operations in prop::collection::vec(operation(), 1..60)) {
        run(&operations)?;
    }
}

/// A help text that comes late is no new registration, and a clock that goes back does not make an interval end before it begins.
#[test]
fn descriptions_and_clocks_change_nothing() {
    let subject = Subject::new();
    let began = UNIX_EPOCH + Duration::from_secs(1_000);
    let mut producer = Producer::new()
        .started(began)
        .temporality(Temporality::Delta);
    let mut collect = |now: SystemTime| -> Vec<Point> {
        let found = read(
            &producer.collect_at(&subject.registry.page(), now),
            Temporality::Delta,
        );
        producer.delivered();
        found.into_values().collect()
    };
    subject.plain.add(5);
    let first = collect(began + Duration::from_secs(10));
    assert!(subject.registry.describe("plain", "What it is."));
    subject.plain.add(2);
    let second = collect(began);
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_eq!((first[0].sum, second[0].sum), (5.0, 2.0));
    assert_eq!(
        (second[0].start, second[0].time),
        (first[0].time, first[0].time + 1)
    );
}
