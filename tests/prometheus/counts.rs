//! Counters, and what counts beside them, while they are scraped.

use crate::endpoint::Endpoint;
use crate::monitor::{Moment, Prometheus};
use epoch_metrics::{Counter, Histogram, HistogramOptions, Registry, Throughput};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;

const THREADS: u64 = 4;

struct Metrics {
    requests: Counter,
    /// By status.
    answers: [Counter; 2],
    tokens: Throughput,
    sizes: Histogram,
    observed: Arc<AtomicU64>,
    /// Registered last of the histograms, which a snapshot reads first: a page that shows a phase shows all that was counted
    /// before it.
    phases: Histogram,
}

impl Metrics {
    fn new(registry: &Registry) -> Self {
        let answers = registry.counter_family("answers", "", &["status"]).unwrap();
        let observed = Arc::new(AtomicU64::new(0));
        let shown = Arc::clone(&observed);
        let observable = move || shown.load(SeqCst);
        registry
            .observable_counter_fn("observed", "", observable)
            .unwrap();
        let options = HistogramOptions::default();
        Self {
            requests: registry.counter("requests", "").unwrap(),
            answers: ["200", "500"].map(|status| answers.with(&[status]).unwrap()),
            tokens: registry.throughput("tokens", "").unwrap(),
            sizes: registry.histogram("size", "", options.clone()).unwrap(),
            observed,
            phases: registry.histogram("phase", "", options).unwrap(),
        }
    }

    /// One request, the `i`th of its thread.
    fn count(&self, i: u64) {
        self.requests.inc();
        self.answers[usize::from(i.is_multiple_of(10))].inc();
        self.tokens.add(3);
        self.sizes.record(i % 100);
        self.observed.fetch_add(2, SeqCst);
    }
}

/// What Prometheus says after so many calls of [`Metrics::count`], by the thread that made them.
fn check(counted: &[u64], moment: &Moment<'_>) {
    let requests: u64 = counted.iter().sum();
    let failed: u64 = counted.iter().map(|n| n.div_ceil(10)).sum();
    let size = |n: &u64| (0..*n).map(|i| i % 100).sum::<u64>();
    for (query, expected) in [
        ("requests_total", requests),
        ("answers_total{status=\"200\"}", requests - failed),
        ("answers_total{status=\"500\"}", failed),
        ("sum(answers_total)", requests),
        ("tokens_total", 3 * requests),
        ("size_count", requests),
        ("size_bucket{le=\"+Inf\"}", requests),
        ("size_sum", counted.iter().map(size).sum()),
        ("observed_total", 2 * requests),
    ] {
        assert_eq!(moment.value(query), expected as f64, "{query}");
    }
}

pub(crate) fn are_what_was_counted() {
    let registry = Registry::new();
    let metrics = Metrics::new(&registry);
    let endpoint = Endpoint::serving(move || registry.render_prometheus());
    let prometheus = Prometheus::scraping(&[&endpoint]);
    check(&[], &prometheus.scraped(&[&endpoint]));

    let mut counted = vec![1_234];
    (0..counted[0]).for_each(|i| metrics.count(i));
    metrics.phases.record(1);
    check(&counted, &prometheus.wait_for("phase_count", 1.0));

    let stopped = AtomicBool::new(false);
    let until_stopped = || {
        let mut i = 0;
        while !stopped.load(SeqCst) {
            metrics.count(i);
            i += 1;
        }
        i
    };
    thread::scope(|scope| {
        let _stop = StopOnDrop(&stopped);
        let threads = [(); THREADS as usize].map(|()| scope.spawn(until_stopped));
        // Scraped while all of them count.
        prometheus.wait_for("changes(requests_total[5m]) > bool 3", 1.0);
        stopped.store(true, SeqCst);
        counted.extend(threads.map(|thread| thread.join().unwrap()));
    });
    metrics.phases.record(2);
    let moment = prometheus.wait_for("phase_count", 2.0);
    check(&counted, &moment);
    // In no scrape was there less than before.
    for name in ["requests_total", "tokens_total", "size_count", "size_sum"] {
        assert_eq!(moment.value(&format!("resets({name}[5m])")), 0.0, "{name}");
    }
}

/// Ends the threads if Prometheus does not answer as it should.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}
