//!
#![doc = include_str!("README.md")]
//!
//! # Where to look next
//!
//! - [`Registry`] for your own metrics; [`MetricsCollector`] for the ready-made bundle of a server that batches requests.
//! - [`HistogramOptions`] and [`DurationOptions`] for ranges, precision and recent samples.
//! - [`Histogram::windows`] for quantiles over the last seconds, and [`ThroughputSnapshot::decaying_rates`] for rates over the last minutes.
//! - [`RegistryBuilder`] for prefixes and constant labels; [`Page::merge`] for one page of several registries or collectors.
//! - [`Registry::scrape`] for the answer to a scrape, in the format that is asked for; [`Page::render`] for one format.
//! - [`Page::write_textfile`] for jobs that end before anybody scrapes them.
//! - [`Registry::observable_gauge_fn`] for values that something else keeps; [`CachedValue`] for values derived from snapshots.
//! - [`guide`] for one task at a time: choosing options, labels, threads without a runtime, async code, control loops, resets, tests, and
//!   migration from other crates.
//! - [`RegistrySnapshot`] for *A before B*; [`HistogramSnapshot::uncertain`] for what a stopped writer does to a snapshot.
//!
//! # Glossary
//!
//! - **metric**: a counter, gauge, histogram or throughput. **family**: metrics of one name that differ in their labels.
//!   **series**: one member of a family.
//! - **handle**: what a registration returns and the request path writes through, such as [`Counter`].
//! - **snapshot**: an immutable value that holds what a metric or a registry held at one moment.
//! - **page**: the snapshot of a registry, or of several, and what observable metrics reported for it ([`Page`]); every format is
//!   rendered from one.
//! - **exemplar**: a sample of a histogram that was recorded with labels, such as the identifier of a trace ([`Exemplar`]).
//! - **recent samples**: the last N samples of a histogram as they were recorded ([`Recent`]).
//! - **window**: the last seconds, of a [`Throughput`] or of a [`Histogram`] ([`HistogramWindow`]); its **span** is the time that it covers.
//! - **tick**: a look at every metric with windows, once a second ([`Registry::tick`]); **upkeep**: a thread that ticks.
//! - **staleness**: how old a snapshot may be and still be served ([`RegistryBuilder::max_staleness`]).
//! - **uncertain**: a sample whose record was not finished when it was read ([`HistogramSnapshot::uncertain`]).
//!
//! The words of the inside (slot, cell, bank, fold, …) are defined in `src/engine/mod.rs`.
//!
//! # The source, from top to bottom
//!
//! | folder | what it does |
//! |---|---|
//! | `collector` | the bundle, made of public parts only (its `render_json` is in `export/collector.rs`) |
//! | `export` | one file for each format; all encode the model in `sample` |
//! | `registry` | names, families, the snapshot of everything, observable metrics, pages of one registry or several |
//! | `rendered`, `deflate` | what pages consist of: bytes that are shared; gzip in pieces |
//! | `metric` | the handles |
//! | `fold` | what a reader keeps between reads |
//! | `snapshot`, `sample` | plain immutable values; the model of families and samples |
//! | `engine` | everything concurrent: slots, cells, blocks, folds, caches, the order of reading |
//! | `sync`, `published`, `index`, `zeroed`, `tuning` | what the engine stands on; models replace these five |

#[cfg(feature = "tokio")]
pub use clock::TokioClock;
#[cfg(not(target_has_atomic = "64"))]
compile_error!(
    "epoch-metrics needs 64-bit atomics, and this target has none (32-bit PowerPC and MIPS, for example): counters and epochs are \
     64-bit words that readers load as a whole"
);

pub use clock::{Clock, ManualClock, SystemClock};
pub use collector::{
    BatchSnapshot, CollectorBuilder, CollectorCacheStats, CollectorSnapshot, LatencySnapshot,
    MetricsCollector, ModeSnapshot, ThroughputSection, Transition,
};
#[cfg(feature = "hdr-log")]
pub use error::HdrError;
pub use error::{LabelError, MergeError, OptionsError, RecordError, RegisterError, TextfileError};
#[cfg(feature = "hdr-log")]
pub use export::HdrLogWriter;
#[cfg(feature = "protobuf")]
pub use export::PROTOBUF_CONTENT_TYPE;
pub use export::{Format, OPENMETRICS_CONTENT_TYPE, PROMETHEUS_CONTENT_TYPE, Scrape};
pub use kind::{MetricKind, Unit};
pub use metric::cached_value::{CacheStats, CachedValue};
pub use metric::counter::Counter;
pub use metric::duration_options::DurationOptions;
pub use metric::family::{Family, Member};
pub use metric::family_options::FamilyOptions;
pub use metric::family_series::Labels;
pub use metric::float_counter::FloatCounter;
pub use metric::gauge::{FloatGauge, Gauge};
pub use metric::histogram::Histogram;
pub use metric::in_flight::InFlight;
pub use metric::label_set::LabelSet;
pub use metric::options::HistogramOptions;
pub use metric::throughput::Throughput;
pub use metric::timer::Timer;
pub use metric::typed_family::TypedFamily;
pub use ownership::Ownership;
pub use registry::{
    FamilySnapshot, Observations, Page, PageError, PageFamily, Registry, RegistryBuilder,
    RegistrySnapshot, SeriesId, SeriesSnapshot, Upkeep,
};
pub use rendered::{Rendered, RenderedChunk};
pub use sample::value::{Summary, Value};
pub use snapshot::exemplar::Exemplar;
pub use snapshot::histogram::{Bucket, HistogramSnapshot};
pub use snapshot::latest::Latest;
pub use snapshot::recent::Recent;
pub use snapshot::throughput::{Rate, ThroughputSnapshot};
pub use snapshot::window::HistogramWindow;

pub mod guide;

mod clock;
mod collector;
#[cfg(feature = "gzip")]
mod deflate;
mod engine;
mod error;
mod export;
mod fold;
mod index;
mod kind;
mod metric;
mod ownership;
mod prefetch;
mod published;
mod registry;
mod rendered;
mod sample;
mod snapshot;
mod sync;
#[cfg(test)]
mod tests;
mod thread;
mod ticks;
mod tuning;
mod zeroed;
