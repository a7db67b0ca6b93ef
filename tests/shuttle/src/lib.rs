//! The sources of `epoch-metrics`, compiled a second time with shuttle's atomics, locks, thread-locals and statics.
//!
//! The modules are the crate's own files. Replaced are `sync` (by shuttle's types), `published` and `index` (what is
//! behind them is invisible to shuttle), `zeroed` (its cells are cast from plain memory), `thread` (shuttle destroys thread-locals differently) and `tuning`
//! (smaller constants, so that rare paths are common).
//! Shuttle treats every ordering as sequentially consistent: it finds races in the logic, of the whole crate and with many
//! steps. Weak memory is for the models in `loom-tests/`.

#![allow(
    dead_code,
    reason = "the crate's own list of public names is what decides, and it is compiled there"
)]
#![allow(unexpected_cfgs, reason = "features of the crate")]

pub use clock::{Clock, ManualClock, SystemClock};
pub use collector::{
    BatchSnapshot, CollectorBuilder, CollectorCacheStats, CollectorSnapshot, LatencySnapshot,
    MetricsCollector, ModeSnapshot, ThroughputSection, Transition,
};
pub use error::{LabelError, MergeError, OptionsError, RecordError, RegisterError, TextfileError};
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
pub use snapshot::histogram::{Bucket, HistogramSnapshot};
pub use snapshot::latest::Latest;
pub use snapshot::recent::Recent;
pub use snapshot::throughput::{Rate, ThroughputSnapshot};
pub use snapshot::window::HistogramWindow;

#[path = "../../../src/clock.rs"]
mod clock;
#[path = "../../../src/collector/mod.rs"]
mod collector;
#[path = "../../../src/engine/mod.rs"]
mod engine;
#[path = "../../../src/error/mod.rs"]
mod error;
#[path = "../../../src/export/mod.rs"]
mod export;
#[path = "../../../src/fold/mod.rs"]
mod fold;
#[path = "../../../src/kind.rs"]
mod kind;
#[path = "../../../src/metric/mod.rs"]
mod metric;
#[path = "../../../src/ownership.rs"]
mod ownership;
#[path = "../../../src/prefetch.rs"]
mod prefetch;
#[path = "../../../src/registry/mod.rs"]
mod registry;
#[path = "../../../src/rendered/mod.rs"]
mod rendered;
#[path = "../../../src/sample/mod.rs"]
mod sample;
#[path = "../../../src/snapshot/mod.rs"]
mod snapshot;

mod index;
mod published;
mod sync;
mod thread;
mod tuning;
#[path = "../../../loom-tests/zeroed.rs"]
mod zeroed;

/// The next time that this task allocates the counters of an octave, `call` is called.
pub fn on_allocation(call: impl FnOnce() + 'static) {
    zeroed::on_allocation(call);
}

/// The lowest slot that no thread owns: 0 if every thread that wrote has ended and released its slot.
pub fn lowest_free_slot() -> usize {
    use engine::slot::owner::CurrentThread;
    let claims = thread::ThisThread.claims();
    let slot = claims.claim();
    claims.release(slot);
    slot.index()
}
