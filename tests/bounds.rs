//! What every public type can be relied on for: threads may share it, a panic may pass it, and it can be shown. That this compiles is the test.

use epoch_metrics::{
    CachedValue, Counter, DurationOptions, Family, FamilyOptions, FloatCounter, FloatGauge, Gauge,
    Histogram, HistogramOptions, HistogramSnapshot, InFlight, LabelError, Latest, MergeError,
    MetricsCollector, OptionsError, Page, PageError, Recent, RecordError, RegisterError, Registry,
    RegistryBuilder, RegistrySnapshot, Rendered, Scrape, TextfileError, Throughput,
    ThroughputSnapshot, Timer, TypedFamily, Upkeep,
};
use std::error::Error;
use std::fmt::Debug;
use std::panic::{RefUnwindSafe, UnwindSafe};

epoch_metrics::label_set! { struct Job { queue } }

fn shared<T: Send + Sync + Debug>() {}
fn handle<T: Clone + Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + Debug + 'static>() {}
fn error<T: Error + Send + Sync + 'static>() {}

#[test]
fn public_types_have_the_usual_traits() {
    handle::<Counter>();
    handle::<FloatCounter>();
    handle::<Gauge>();
    handle::<FloatGauge>();
    handle::<Histogram>();
    handle::<Throughput>();
    handle::<Family<Counter>>();
    handle::<Family<Histogram>>();
    handle::<TypedFamily<Gauge, Job<'static>>>();
    handle::<Registry>();
    handle::<MetricsCollector>();
    handle::<HistogramOptions>();
    handle::<DurationOptions>();
    handle::<FamilyOptions>();
    handle::<HistogramSnapshot>();
    handle::<ThroughputSnapshot>();
    handle::<Recent>();
    shared::<RegistryBuilder>();
    shared::<RegistrySnapshot>();
    shared::<Latest<HistogramSnapshot>>();
    shared::<CachedValue<u64>>();
    shared::<Timer<Histogram>>();
    shared::<Timer<&Histogram>>();
    shared::<InFlight>();
    shared::<Upkeep>();
    shared::<Page>();
    shared::<Rendered>();
    shared::<Scrape>();
    error::<LabelError>();
    error::<MergeError>();
    error::<OptionsError>();
    error::<PageError>();
    error::<RecordError>();
    error::<RegisterError>();
    error::<TextfileError>();
}
