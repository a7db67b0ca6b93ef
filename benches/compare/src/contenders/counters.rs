//! Counters, and the two floors that they stand on.

use super::Contender;
use metrics::Recorder;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Implements [`Contender`] for a counter: how it is made, how a thread gets a handle, how it is incremented.
macro_rules! counter {
    ($type:ident, $name:literal, $handle:ty, $new:expr, $increment:expr) => {
        pub(crate) struct $type($handle);

        impl Contender for $type {
            const NAME: &'static str = $name;
            type Value = ();
            type Handle = $handle;

            fn new() -> Self {
                Self($new)
            }

            fn handle(&self) -> $handle {
                self.0.clone()
            }

            #[inline(always)]
            fn record(handle: &mut $handle, (): ()) {
                let increment: fn(&mut $handle) = $increment;
                increment(handle);
            }
        }
    };
}

counter!(Ours, "epoch-metrics", epoch_metrics::Counter, ours(), |c| c
    .inc());
// Each thread has its own: nothing that is shared can be cheaper.
counter!(Plain, "floor: u64 += 1, not shared", u64, 0, |c| *c += 1);
counter!(
    Store,
    "floor: load + store, not shared",
    OwnAtomic,
    OwnAtomic::default(),
    |c| {
        c.0.store(c.0.load(Relaxed) + 1, Relaxed);
    }
);
counter!(
    FetchAdd,
    "floor: shared fetch_add",
    Arc<AtomicU64>,
    Arc::default(),
    |c| {
        c.fetch_add(1, Relaxed);
    }
);
counter!(
    Metrics,
    "metrics + exporter, held handle",
    metrics::Counter,
    metrics_counter(),
    |c| c.increment(1)
);
counter!(
    Prometheus,
    "prometheus IntCounter",
    prometheus::IntCounter,
    prometheus_counter(),
    |c| c.inc()
);
counter!(
    PrometheusClient,
    "prometheus-client",
    prometheus_client::metrics::counter::Counter,
    prometheus_client::metrics::counter::Counter::default(),
    |c| {
        c.inc();
    }
);
counter!(
    Measured,
    "measured",
    Arc<measured::Counter>,
    Arc::default(),
    |c| c.inc()
);
counter!(
    Fastmetrics,
    "fastmetrics",
    fastmetrics::metrics::counter::Counter,
    fastmetrics::metrics::counter::Counter::default(),
    |c| {
        c.inc();
    }
);
counter!(
    Metriken,
    "metriken Counter",
    Arc<metriken::Counter>,
    Arc::default(),
    |c| {
        c.increment();
    }
);
counter!(
    MetrikenLazy,
    "metriken LazyCounter",
    Arc<metriken::LazyCounter>,
    Arc::default(),
    |c| {
        c.increment();
    }
);
counter!(
    MetrikenSharded,
    "metriken ShardedCounterGroup",
    Arc<metriken::ShardedCounterGroup>,
    Arc::new(metriken::ShardedCounterGroup::new(1)),
    |c| {
        c.increment(0);
    }
);

/// An atomic that is not shared: cloned by value, on a pair of lines of its own.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct OwnAtomic(AtomicU64);

impl Clone for OwnAtomic {
    fn clone(&self) -> Self {
        Self::default()
    }
}

fn ours() -> epoch_metrics::Counter {
    epoch_metrics::Registry::new()
        .counter("requests", "Requests.")
        .expect("a valid name")
}

fn prometheus_counter() -> prometheus::IntCounter {
    prometheus::IntCounter::new("requests", "Requests.").expect("a valid name")
}

fn metrics_counter() -> metrics::Counter {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    recorder.register_counter(&metrics::Key::from_name("requests"), &metadata())
}

pub(super) fn metadata() -> metrics::Metadata<'static> {
    metrics::Metadata::new("compare", metrics::Level::INFO, None)
}
