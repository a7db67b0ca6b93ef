//! The metrics that are written, the ways to read them, and what they must show.

use crate::trap::Trap;
use epoch_metrics::{
    Clock, Counter, Histogram, HistogramOptions, MetricsCollector, Registry, RegistrySnapshot,
    Throughput, Value,
};
use std::sync::Arc;
use std::time::Duration;

/// A way to read, and its name.
pub(crate) type Read<'a> = (&'static str, Box<dyn Fn() + Sync + 'a>);

/// One metric of each kind that counts, of a collector's registry, and the collector.
pub(crate) struct Metrics {
    pub(crate) collector: MetricsCollector,
    pub(crate) counter: Counter,
    pub(crate) histogram: Histogram,
    pub(crate) throughput: Throughput,
}

impl Metrics {
    /// With a [`Trap`] for a clock.
    pub(crate) fn new() -> Self {
        Self::by(Arc::new(Trap))
    }

    pub(crate) fn by(clock: Arc<dyn Clock>) -> Self {
        let collector = MetricsCollector::builder().clock(clock).build().unwrap();
        let (counter, histogram, throughput) = three(collector.registry(), 50);
        Self {
            counter,
            histogram,
            throughput,
            collector,
        }
    }

    /// Writes to each, so many times.
    pub(crate) fn write(&self, times: u64) {
        for _ in 0..times {
            self.counter.inc();
            self.histogram.record(7);
            self.throughput.add(3);
            self.collector.record_latency(Duration::from_millis(1));
            self.collector.record_batch_size(2);
            self.collector.record_throughput(5, 1);
        }
    }

    /// That everything can be read in every way, and shows exactly so many writes.
    pub(crate) fn check(&self, written: u64, when: &str) {
        let histogram = self.histogram.snapshot();
        assert_eq!(
            (histogram.count(), histogram.sum()),
            (written, u128::from(7 * written)),
            "{when}: the histogram"
        );
        assert_eq!(
            (histogram.uncertain(), histogram.rejected()),
            (0, 0),
            "{when}: the histogram"
        );
        assert_eq!(
            self.throughput.snapshot().total(),
            3 * written,
            "{when}: the throughput"
        );
        assert_eq!(self.counter.get(), written, "{when}: the counter");
        let snapshot = self.collector.registry().snapshot();
        assert_eq!(
            shown_three(&snapshot),
            [written, written, 3 * written],
            "{when}: the registry"
        );
        assert_eq!(
            shown(&snapshot, "server_tokens"),
            5 * written,
            "{when}: tokens in the registry"
        );
        let all = self.collector.snapshot();
        assert_eq!(all.latency.lifetime.count(), written, "{when}: latencies");
        assert_eq!(
            all.batch.lifetime.sum(),
            u128::from(2 * written),
            "{when}: batches"
        );
        assert_eq!(all.throughput.requests.total(), written, "{when}: requests");
    }

    /// Every way to read inside of a gate.
    pub(crate) fn reads(&self) -> [Read<'_>; 8] {
        let registry = self.collector.registry();
        [
            (
                "Histogram::snapshot",
                Box::new(|| drop(self.histogram.snapshot())),
            ),
            (
                "Throughput::snapshot",
                Box::new(|| drop(self.throughput.snapshot())),
            ),
            ("Registry::snapshot", Box::new(|| drop(registry.snapshot()))),
            (
                "Registry::render_prometheus",
                Box::new(|| drop(registry.render_prometheus())),
            ),
            (
                "MetricsCollector::latency",
                Box::new(|| drop(self.collector.latency())),
            ),
            (
                "MetricsCollector::batch",
                Box::new(|| drop(self.collector.batch())),
            ),
            (
                "MetricsCollector::throughput",
                Box::new(|| drop(self.collector.throughput())),
            ),
            (
                "MetricsCollector::snapshot",
                Box::new(|| drop(self.collector.snapshot())),
            ),
        ]
    }
}

/// The counter `c`, the histogram `h` of values from 1 to 255, the throughput `t`.
pub(crate) fn three(registry: &Registry, recent: usize) -> (Counter, Histogram, Throughput) {
    let counter = registry.counter("c", "").unwrap();
    let histogram = registry
        .histogram("h", "", HistogramOptions::values(1, 255).recent(recent))
        .unwrap();
    let throughput = registry.throughput("t", "").unwrap();
    (counter, histogram, throughput)
}

/// What [`three`] have counted: the counter, the histogram's samples, the throughput's total.
pub(crate) fn shown_three(snapshot: &RegistrySnapshot) -> [u64; 3] {
    ["c", "h", "t"].map(|name| shown(snapshot, name))
}

/// What a metric without labels has counted.
pub(crate) fn shown(snapshot: &RegistrySnapshot, name: &str) -> u64 {
    match snapshot
        .family(name)
        .unwrap()
        .series()
        .next()
        .unwrap()
        .value()
    {
        Value::Counter(value) => value,
        Value::Histogram(histogram) => histogram.count(),
        other => panic!("{other:?} counts nothing"),
    }
}
