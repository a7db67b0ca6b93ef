//! What is exposed and read back, here and by `tests/promtool.rs`.

use epoch_metrics::{
    DurationOptions, HistogramOptions, ManualClock, MetricsCollector, Page, Registry,
    RegistryBuilder, Unit,
};
use std::sync::Arc;
use std::time::Duration;

/// Texts that mean something to one of the formats, or look as if they did.
pub(crate) const NASTY: [&str; 14] = [
    "",
    "plain",
    "\\",
    "\"",
    "\n",
    "a\\nb",
    "\\\"\n\"\\",
    "grüße, 世界 🦀 {x=\"y\"} # HELP",
    "tab\tand\rreturn\u{1}\u{7f}",
    "\r\n",
    "\\r\r",
    " \0 ",
    "\u{85}\u{2028}\u{2029}\u{feff}",
    "\"} 1\n# TYPE x counter\nx 1\n",
];

/// A registry with each kind of metric, extreme values, and [`NASTY`] help texts and labels.
pub(crate) fn registry_with_everything() -> Registry {
    with_everything(Registry::builder())
}

/// [`registry_with_everything`], of a builder with further options.
pub(crate) fn with_everything(builder: RegistryBuilder) -> Registry {
    let clock = Arc::new(ManualClock::new());
    clock.set_unix_time(Duration::from_millis(1_700_000_000_500));
    let registry = builder.clock(clock.clone()).build();
    registry
        .counter("jobs", "Jobs \\ with a backslash\nand a second \"line\".")
        .unwrap()
        .add(u64::MAX);
    registry
        .gauge("queue_length", "Grüße.")
        .unwrap()
        .set(i64::MIN);
    for (i, text) in NASTY.iter().enumerate() {
        registry
            .gauge(&format!("help_{i}"), &format!("Help: {text}"))
            .unwrap();
    }
    for (name, value) in [
        ("ratio", 0.1 + 0.2),
        ("not_a_number", f64::NAN),
        ("upper", f64::INFINITY),
        ("lower", f64::NEG_INFINITY),
        ("tiny", 1.5e-300),
        ("huge", -1.5e300),
        ("million", 1e6),
    ] {
        registry.float_gauge(name, "A float.").unwrap().set(value);
    }
    let latency = registry
        .histogram(
            "wait",
            "Waiting.",
            HistogramOptions::durations()
                .range(Duration::from_nanos(1), Duration::from_secs(3600))
                .export_bounds(&DurationOptions::DEFAULT_BOUNDS),
        )
        .unwrap();
    for nanos in [
        1,
        20_000,
        1_020_000,
        2_550_000_000,
        3_600_000_000_000,
        0,
        u64::MAX,
    ] {
        latency.record(nanos);
    }
    let size = HistogramOptions::values(0, u64::MAX)
        .unit(Unit::Bytes)
        .export_bounds(&[0, 1, 10, 1_000_000, 1 << 40])
        .exemplars(true);
    let size = registry.histogram("size", "Sizes.", size).unwrap();
    for (value, text) in [0, 1, 2, 11, 12, 1 << 20, 1 << 50].into_iter().zip(NASTY) {
        let labels = [("text", text), ("value", &value.to_string())];
        size.record_with_exemplar(value, &labels).unwrap();
    }
    registry
        .histogram(
            "nothing",
            "Nobody records here.",
            HistogramOptions::values(0, 10),
        )
        .unwrap();
    registry
        .counter_family("no_members", "A family without members.", &["x"])
        .unwrap();
    let counters = registry
        .counter_family("labelled", "By label.", &["one", "two"])
        .unwrap();
    let histograms = registry
        .histogram_family(
            "spread",
            "By label.",
            HistogramOptions::values(1, 99),
            &["of"],
        )
        .unwrap();
    for (i, text) in (1..).zip(NASTY) {
        counters.with(&[text, "same"]).unwrap().add(i);
        counters.with(&["same", text]).unwrap().add(100 * i);
        histograms.with(&[text]).unwrap().record(i);
    }
    let options = HistogramOptions::durations().recent(4);
    let options = options.windows(&[30, 60].map(Duration::from_secs));
    let options = options.export_recent(true).export_windows(true);
    let rests = registry.histogram_family("rest", "Resting.", options, &["of"]);
    let rests = rests.unwrap();
    for (i, text) in NASTY.iter().enumerate() {
        let rest = rests.with(&[text]).unwrap();
        (0..i as u64).for_each(|ms| rest.record_duration(Duration::from_millis(ms)));
    }
    let throughput = registry.throughput("finished", "Finished.").unwrap();
    throughput.add(5_000_000);
    clock.advance(Duration::from_secs(1));
    registry
}

/// A collector in which everything was recorded.
pub(crate) fn busy_collector() -> MetricsCollector {
    let clock = Arc::new(ManualClock::new());
    let collector = MetricsCollector::builder()
        .clock(clock.clone())
        .build()
        .unwrap();
    for i in 1..=2_000 {
        clock.set(Duration::from_millis(i * 10));
        collector.record_latency(Duration::from_micros(i * 37 % 5_000 + 1));
        collector.record_batch_size(i % 33);
        collector.record_throughput(i, 1);
    }
    collector.record_latency(Duration::ZERO);
    collector.record_queue_depth(12);
    collector.record_mode_transition("low");
    collector.record_mode_transition("a \"mode\" with \\ and\nnewline");
    collector
}

fn collector(prefix: &str) -> MetricsCollector {
    let builder = MetricsCollector::builder().prefix(prefix).unwrap();
    let builder = builder.constant_label("host", "a \"host\"\n").unwrap();
    builder.build().unwrap()
}

/// Two collectors and a registry on one page. The second collector is idle, so its quantiles are NaN; one callback panics.
pub(crate) fn whole_process() -> Page {
    let (chat, search) = (collector("chat"), collector("search"));
    chat.record_latency(Duration::from_millis(7));
    chat.record_latency(Duration::ZERO);
    chat.record_throughput(350, 1);
    for (collector, hits) in [(&chat, 1), (&search, 2)] {
        // The same family in both, which a label of its own tells apart.
        let family = collector
            .registry()
            .counter_family("cache_hits", "Hits.", &["model"]);
        let label = hits.to_string();
        family.unwrap().with(&[&label]).unwrap().add(hits);
    }
    let process = Registry::builder()
        .constant_label("host", "b")
        .unwrap()
        .build();
    process.gauge("threads", "Threads.").unwrap().set(8);
    let options = HistogramOptions::values(1, 9);
    let sizes = process.histogram_family("sizes", "Sizes.", options, &["metric"]);
    sizes.unwrap().with(&["x"]).unwrap().record(10);
    process
        .observable_gauge_fn("pool", "Pool.", || 3.0)
        .unwrap();
    process
        .observable_gauge_fn("broken", "Broken.", || panic!("on purpose"))
        .unwrap();
    Page::merge([chat.page(), process.page(), search.page()]).unwrap()
}
