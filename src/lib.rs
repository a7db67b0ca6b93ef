//! An embeddable, lock-free metrics core for latency-critical servers.
//!
//! ```text
//! writers                                     readers
//! push the sample into their own queue,       compare epochs;
//! add to their own counters,       ────────►  equal: hand out the published snapshot as it is;
//! bump their own epoch                        different: fold in what is new, build a snapshot, publish it
//! ```
//!
//! Every cell has exactly one writer, so a write is a load and a store: no read-modify-write, no lock, no waiting, and no
//! allocation after a thread's first touch of a metric. A reader pays for what changed since the last read, and next to
//! nothing if nothing did.
//!
//! ```
//! use epoch_metrics::{HistogramOptions, Registry};
//!
//! let registry = Registry::new();
//! let requests = registry.counter_family("http_requests", "Requests answered.", &["status"])?;
//! let latency = registry.histogram("http_latency", "Time to answer.", HistogramOptions::durations())?;
//!
//! let ok = requests.with(&["200"])?; // once: a handle, cheap to clone and to use
//! {
//!     let _timer = latency.start();
//!     ok.inc();
//! }
//! let snapshot = latency.snapshot(); // the same Arc until something is recorded
//! assert_eq!(snapshot.count(), 1);
//! println!("p99 {:?}", snapshot.quantile_duration(0.99));
//! println!("{}", registry.render_prometheus());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is guaranteed
//!
//! | | writers | readers |
//! |---|---|---|
//! | waiting | none: counters, histograms and throughput are wait-free | for another reader's rebuild at the most, never for a writer; `latest()` for nobody |
//! | allocation | at a thread's first touch of a metric | a rebuilt snapshot |
//! | loss | no sample is lost or counted twice: not when a reader meets writers, nor by an overrun queue, a thread's end, or a reset | |
//! | what is seen | | of each thread a prefix of what it wrote; all that happened before the call; never less than before |
//! | tearing | | count, sum and buckets of a histogram agree, or [`HistogramSnapshot::uncertain`] says by how much they may not |
//! | memory | fixed by the number of metrics and threads, read or not | |
//!
//! By name exempt: a gauge is one shared atomic ([`Gauge`]), and a mode transition
//! ([`MetricsCollector::record_mode_transition`]) allocates. One writer means one *thread*: a signal handler that interrupts
//! a record on its own thread and records into the same metric is outside the contract. The README says how each of these
//! is verified, and what is not.
//!
//! # Where to look next
//!
//! [`Registry`] for one's own metrics; [`MetricsCollector`] for the ready-made bundle of a server that batches requests;
//! [`HistogramOptions`] for ranges, precision and recent samples; `examples/server` for all of it in a real server.

pub use clock::{Clock, ManualClock, SystemClock};
pub use collector::{
    BatchSnapshot, CacheStats, CollectorBuilder, CollectorCacheStats, CollectorSnapshot, LatencySnapshot,
    MetricsCollector, ModeSnapshot, ThroughputSection, Transition,
};
pub use error::{LabelError, MergeError, OptionsError, RecordError, RegisterError};
pub use export::PROMETHEUS_CONTENT_TYPE;
pub use metric::counter::Counter;
pub use metric::family::Family;
pub use metric::gauge::{FloatGauge, Gauge};
pub use metric::histogram::{Histogram, Latest};
pub use metric::options::{HistogramOptions, Unit};
pub use metric::throughput::Throughput;
pub use metric::timer::Timer;
pub use registry::{CounterFamily, GaugeFamily, HistogramFamily, MetricKind, Registry, RegistryBuilder};
pub use snapshot::histogram::{Bucket, HistogramSnapshot};
pub use snapshot::recent::Recent;
pub use snapshot::registry::{FamilySnapshot, RegistrySnapshot, SeriesSnapshot, Value};
pub use snapshot::throughput::{Rate, ThroughputSnapshot};

mod clock;
mod collector;
mod core;
mod error;
mod export;
mod metric;
mod registry;
mod snapshot;
mod sync;
mod thread;
