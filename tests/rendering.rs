//! Incremental rendering: pages that are made of pieces of earlier ones are those that would be rendered from nothing.

use epoch_metrics::{
    Counter, Family, FamilyOptions, FloatCounter, Format, Gauge, Histogram, HistogramOptions,
    ManualClock, Page, Registry, Rendered, Throughput, Value,
};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// What is done to two registries that differ in whether they keep what they rendered.
#[derive(Clone, Debug)]
enum Step {
    /// Writes to the series of this number of each family, and makes it if it is not there.
    Write(u16, u64),
    Remove(u16),
    WriteSingle(u64),
    Register(u8),
    Unregister(u8),
    Describe(u8),
    /// Lets so many seconds pass.
    Wait(u8),
    /// In the format of this number.
    Render(usize),
    /// Renders a page that was made earlier.
    RenderOld,
}

const FORMATS: &[Format] = &[
    Format::Prometheus,
    Format::OpenMetrics,
    Format::Json,
    #[cfg(feature = "protobuf")]
    Format::Protobuf,
];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..600_u16, 0..2_000_u64).prop_map(|(series, by)| Step::Write(series, by)),
        4 => (0..8_u16, 0..2_u64).prop_map(|(series, by)| Step::Write(series, by)),
        2 => (0..600_u16).prop_map(Step::Remove),
        2 => (0..8_u16).prop_map(Step::Remove),
        2 => (0..5_u64).prop_map(Step::WriteSingle),
        1 => (0..4_u8).prop_map(Step::Register),
        1 => (0..4_u8).prop_map(Step::Unregister),
        1 => (0..4_u8).prop_map(Step::Describe),
        1 => (0..3_u8).prop_map(Step::Wait),
        5 => (0..FORMATS.len()).prop_map(Step::Render),
        1 => Just(Step::RenderOld),
    ]
}

/// A registry with a family of each kind, and single metrics.
struct Subject {
    registry: Registry,
    clock: Arc<ManualClock>,
    counters: Family<Counter>,
    floats: Family<FloatCounter>,
    gauges: Family<Gauge>,
    histograms: Family<Histogram>,
    throughputs: Family<Throughput>,
    summarized: Family<Histogram>,
    single: Counter,
    latency: Histogram,
    old: Option<Page>,
}

impl Subject {
    fn new(keep: bool, created: bool) -> Self {
        let clock = Arc::new(ManualClock::new());
        let registry = Registry::builder()
            .clock(Arc::clone(&clock) as _)
            .keep_rendered(keep)
            .created_samples(created)
            .build();
        let sizes = || HistogramOptions::values(0, 1_000).export_bounds(&[10, 100]);
        let windows = [1, 3].map(Duration::from_secs);
        let summarized = sizes()
            .windows(&windows)
            .export_windows(true)
            .exemplars(true);
        Self {
            counters: registry.counter_family("a", "", &["x"]).unwrap(),
            single: registry.counter("b", "").unwrap(),
            floats: registry.float_counter_family("c", "", &["x"]).unwrap(),
            histograms: registry.histogram_family("d", "", sizes(), &["x"]).unwrap(),
            gauges: registry.gauge_family("e", "", &["x"]).unwrap(),
            throughputs: registry.throughput_family("f", "", &["x"]).unwrap(),
            latency: registry.histogram("g", "", sizes()).unwrap(),
            summarized: registry
                .histogram_family("h", "", summarized, &["x"])
                .unwrap(),
            registry,
            clock,
            old: None,
        }
    }

    /// What is shown after this step, if the step shows something.
    fn take(&mut self, step: &Step) -> Option<Vec<u8>> {
        match step {
            Step::Write(series, by) => {
                let label = series.to_string();
                let labels = &[&*label];
                // Each kind gets its share, so that families differ in what changed.
                match series % 5 {
                    0 => self.floats.with(labels).unwrap().add(*by as f64 / 8.0),
                    1 => self
                        .gauges
                        .with(labels)
                        .unwrap()
                        .set(by.wrapping_sub(1_000) as i64 % 40 / 10),
                    2 => self.histograms.with(labels).unwrap().record(*by),
                    3 => self.throughputs.with(labels).unwrap().add(*by),
                    _ => {
                        let histogram = self.summarized.with(labels).unwrap();
                        // Some values are out of range.
                        let _ = histogram.record_with_exemplar(*by, &[("x", &label)]);
                    }
                }
                self.counters.with(labels).unwrap().add(*by);
            }
            Step::Remove(series) => {
                let label = series.to_string();
                self.counters.remove(&[&label]);
                self.floats.remove(&[&label]);
                self.gauges.remove(&[&label]);
                self.histograms.remove(&[&label]);
                self.throughputs.remove(&[&label]);
                self.summarized.remove(&[&label]);
            }
            Step::WriteSingle(value) => {
                self.single.add(*value);
                self.latency.record(*value);
            }
            Step::Register(number) => {
                let name = format!("other_{number}");
                let (registry, sizes) = (&self.registry, HistogramOptions::values(0, 10));
                match number {
                    0 => registry.gauge(&name, "").unwrap().inc(),
                    1 => registry.histogram(&name, "", sizes).unwrap().record(11),
                    2 => {
                        let family = registry.counter_family(&name, "", &["x"]).unwrap();
                        family.with(&["1"]).unwrap().inc();
                    }
                    _ => {
                        let options = FamilyOptions::any_labels();
                        let family = registry.histogram_family(&name, "", sizes, options);
                        let labels = [("metric", "1"), ("x", "2")];
                        family.unwrap().with_labels(&labels).unwrap().record(11);
                    }
                }
            }
            Step::Unregister(number) => {
                self.registry.unregister(&format!("other_{number}"));
            }
            Step::Describe(number) => {
                let name = ["a", "b", "d", "f"][usize::from(*number)];
                let help = format!("Help {}.", self.single.get());
                assert!(self.registry.describe(name, &help));
            }
            Step::Wait(seconds) => self.clock.advance(Duration::from_secs((*seconds).into())),
            Step::Render(number) => {
                let page = self.registry.page();
                let rendered = page.render(FORMATS[*number]);
                let bytes = rendered.to_vec();
                assert_eq!(rendered.len(), bytes.len());
                if FORMATS[*number] == Format::Json {
                    serde_json::from_slice::<serde_json::Value>(&bytes).unwrap();
                }
                self.old.get_or_insert(page);
                return Some(bytes);
            }
            Step::RenderOld => {
                let old = self.old.take()?;
                return Some(old.render(Format::Prometheus).to_vec());
            }
        }
        None
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn pieces_make_the_page_that_nothing_was_kept_for(
        steps in prop::collection::vec(step(), 1..400),
        created in any::<bool>(),
    ) {
        let (mut keeps, mut keeps_not) = (Subject::new(true, created), Subject::new(false, created));
        let all = (0..FORMATS.len()).map(Step::Render);
        for step in steps.into_iter().chain(all) {
            let (kept, not) = (keeps.take(&step), keeps_not.take(&step));
            // As text where it is text, so that a difference can be read.
            let readable = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|error| error.into_bytes());
            prop_assert_eq!(kept.map(readable), not.map(readable));
        }
    }
}

/// Addresses of the pieces of a page.
fn pieces(registry: &Registry, format: Format) -> Vec<*const u8> {
    let rendered = registry.page().render(format);
    rendered.chunks().map(|chunk| chunk.as_ptr()).collect()
}

/// So many pieces of the second page are none of the first one's, as long as both are there.
fn new_pieces(registry: &Registry, format: Format, change: impl FnOnce()) -> usize {
    let held = registry.page().render(format);
    let before = pieces(registry, format);
    change();
    let after = pieces(registry, format);
    drop(held);
    after.iter().filter(|piece| !before.contains(piece)).count()
}

#[test]
fn what_did_not_change_is_not_rendered_again() {
    let registry = Registry::builder().without_own_metrics().build();
    let jobs = registry.counter_family("jobs", "", &["id"]).unwrap();
    let sizes = HistogramOptions::values(0, 100);
    let sizes = registry
        .histogram_family("sizes", "", sizes, &["id"])
        .unwrap();
    let ids: Vec<_> = (0..1_000).map(|id: u32| id.to_string()).collect();
    for id in &ids {
        jobs.with(&[id]).unwrap().inc();
        sizes.with(&[id]).unwrap().record(1);
    }
    for format in [Format::Prometheus, Format::Json] {
        let nothing = new_pieces(&registry, format, || ());
        assert_eq!(nothing, 0, "{format:?}");
        // A head, and the part with the series.
        let one_counter = new_pieces(&registry, format, || jobs.with(&["700"]).unwrap().inc());
        assert_eq!(one_counter, 2, "{format:?}");
        let one_histogram = new_pieces(&registry, format, || {
            sizes.with(&["700"]).unwrap().record(7);
        });
        assert_eq!(one_histogram, 2, "{format:?}");
        let one_series = new_pieces(&registry, format, || {
            jobs.with(&[&format!("{format:?}")]).unwrap().inc();
        });
        assert_eq!(one_series, 2, "{format:?}");
        let another_family = new_pieces(&registry, format, || {
            registry.counter(&format!("{format:?}"), "").unwrap();
        });
        assert_eq!(another_family, 2, "{format:?}");
    }
}

/// Where the first large piece of a page is, and how long it is.
fn first_part(page: &Rendered) -> (*const u8, usize) {
    let mut chunks = page.chunks();
    let part = chunks.find(|chunk| chunk.len() > 4_000).unwrap();
    (part.as_ptr(), part.len())
}

/// Rendering overwrites the page before the last one, unless somebody holds it.
#[test]
fn a_text_that_nobody_holds_is_written_to_again() {
    let registry = Registry::builder().without_own_metrics().build();
    let jobs = registry.counter_family("jobs", "", &["id"]).unwrap();
    let handles: Vec<_> = (0..300)
        .map(|id: u32| jobs.with(&[&id.to_string()]).unwrap())
        .collect();
    handles.iter().for_each(|handle| handle.add(1_000));
    let next = |format| {
        handles[7].inc();
        registry.page().render(format)
    };
    for &format in FORMATS {
        next(format);
        // So that no memory is free where a text was.
        let mut taken = Vec::new();
        let [first, second, third] = [(); 3].map(|()| {
            let part = first_part(&next(format));
            taken.extend((0..16).map(|_| vec![1_u8; part.1]));
            part
        });
        assert_ne!(first, second, "{format:?}: the published page is changed");
        assert_eq!(first, third, "{format:?}");
        let held = next(format);
        let bytes = held.to_vec();
        next(format);
        assert_ne!(first_part(&held), first_part(&next(format)), "{format:?}");
        assert_eq!(
            held.to_vec(),
            bytes,
            "{format:?}: a page is changed that is held"
        );
    }
}

/// The page before the last one may show a series that was removed since.
#[test]
fn a_text_of_other_series_is_not_written_to_again() {
    let registry = Registry::builder().without_own_metrics().build();
    let jobs = registry.counter_family("jobs", "", &["id"]).unwrap();
    let first = jobs.with(&["first"]).unwrap();
    first.add(10);
    jobs.with(&["other"]).unwrap().add(10);
    let next = || {
        first.inc();
        registry.render_prometheus()
    };
    next();
    next();
    jobs.remove(&["other"]).unwrap();
    next();
    jobs.with(&["another"]).unwrap().add(10);
    for count in 14..20 {
        let lines = next();
        assert!(
            lines.ends_with(&format!(
                "jobs_total{{id=\"first\"}} {count}\njobs_total{{id=\"another\"}} 10\n"
            )),
            "{lines}"
        );
    }
}

/// A family has another number once the one before it is gone, and may not take that one's texts for its own.
#[test]
fn a_text_of_another_family_is_not_written_to() {
    let registry = Registry::builder().without_own_metrics().build();
    let sizes = || HistogramOptions::values(0, 10).export_bounds(&[5]);
    let family = |name| {
        registry
            .histogram_family(name, "", sizes(), &["id"])
            .unwrap()
    };
    let families = [family("first"), family("second")];
    let next = || {
        for family in &families {
            family.with(&["changes"]).unwrap().record(1);
            family.with(&["stands"]).unwrap();
        }
        registry.render_prometheus()
    };
    let last = [next(), next(), next()].concat();
    assert!(last.contains("first_count{id=\"stands\"} 0\n"));
    registry.unregister("first");
    let page = next();
    assert!(!page.contains("first"), "{page}");
    assert!(page.contains("second_count{id=\"changes\"} 4\n"));
    assert!(page.contains("second_count{id=\"stands\"} 0\n"));
}

/// Counts of rejections are compared, not their histograms: the same number may be about another series.
#[test]
fn a_count_of_rejections_is_that_of_its_own_series() {
    let registry = Registry::new();
    let sizes = HistogramOptions::values(0, 10);
    let family = registry
        .histogram_family("sizes", "", sizes, &["id"])
        .unwrap();
    let line =
        |id| format!("epoch_metrics_rejected_values_total{{metric=\"sizes\",id=\"{id}\"}} 1\n");
    for (number, id) in ["first", "second", "third"].into_iter().enumerate() {
        let series = family.with(&[id]).unwrap();
        series.record(11);
        let page = registry.render_prometheus();
        assert!(page.contains(&line(id)), "{number}: {page}");
        series.record(1);
        assert!(registry.render_prometheus().contains(&line(id)));
        family.remove(&[id]).unwrap();
    }
}

#[test]
fn what_is_written_to_a_removed_series_is_nowhere() {
    let registry = Registry::builder().without_own_metrics().build();
    let jobs = registry.counter_family("jobs", "", &["id"]).unwrap();
    let [first, removed, last] = ["first", "removed", "last"].map(|id| jobs.with(&[id]).unwrap());
    let expected = |first: u64, last: u64| {
        format!("jobs_total{{id=\"first\"}} {first}\njobs_total{{id=\"last\"}} {last}\n")
    };
    jobs.remove(&["removed"]).unwrap();
    for count in 1..5 {
        removed.add(7);
        let page = registry.render_prometheus();
        assert!(page.ends_with(&expected(count - 1, count - 1)), "{page}");
        first.inc();
        removed.inc();
        last.inc();
        let page = registry.render_prometheus();
        assert!(page.ends_with(&expected(count, count)), "{page}");
    }
}

/// The counters of a text page.
fn counters(text: &str) -> HashMap<&str, u64> {
    let lines = text.lines().filter(|line| line.starts_with("jobs_total{"));
    let values = lines.map(|line| line.rsplit_once(' ').unwrap());
    values
        .map(|(name, value)| (name, value.parse().unwrap()))
        .collect()
}

/// Scrapes in two formats beside writers: each page shows its own snapshot, whole, and no counter goes back.
#[test]
fn concurrent_scrapes_each_show_their_own_snapshot() {
    let registry = Registry::new();
    let jobs = registry.counter_family("jobs", "", &["id"]).unwrap();
    let handles: Vec<_> = (0..600)
        .map(|id: u32| jobs.with(&[&id.to_string()]).unwrap())
        .collect();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for writer in 0..2 {
            let (handles, stop) = (&handles, &stop);
            scope.spawn(move || {
                for turn in (writer..).step_by(7) {
                    handles[turn % handles.len()].inc();
                    if stop.load(Relaxed) {
                        break;
                    }
                }
            });
        }
        let scrapes = [Format::Prometheus, Format::Json, Format::Prometheus].map(|format| {
            let registry = &registry;
            scope.spawn(move || scrape(registry, format))
        });
        let scrapes = scrapes.map(|scrape| scrape.join());
        // The writers end whatever was found.
        stop.store(true, Relaxed);
        scrapes.into_iter().for_each(|scrape| scrape.unwrap());
    });
}

fn scrape(registry: &Registry, format: Format) {
    let mut last = HashMap::new();
    for _ in 0..60 {
        let page = registry.page();
        page.render(format);
        // The same page's text, whatever was rendered in between.
        let text = page.render_prometheus();
        let shown = counters(&text);
        assert_eq!(shown.len(), 600);
        let snapshot = page.snapshots().next().unwrap();
        for series in snapshot.family("jobs").unwrap().series() {
            let id = series.labels().next().unwrap().1;
            let name = format!("jobs_total{{id=\"{id}\"}}");
            let count = shown[&*name];
            assert_eq!(series.value(), Value::Counter(count));
            let before = last.insert(name, count);
            assert!(before.is_none_or(|before| before <= count));
        }
    }
}

/// The families on a page of these names, by their `TYPE` lines.
fn families_of(registry: &Registry, query: &str) -> Vec<String> {
    let text = registry.page_of_query(query).render_prometheus();
    let lines = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let names = lines.map(|line| line.split(' ').next().unwrap().to_owned());
    names.collect()
}

#[test]
fn a_part_of_a_page_is_what_was_asked_for() {
    let registry = Registry::new();
    let sizes = HistogramOptions::values(0, 10);
    registry
        .counter("http_requests", "Requests.")
        .unwrap()
        .inc();
    registry.gauge("http_open", "Connections.").unwrap();
    registry.histogram("sizes", "Sizes.", sizes).unwrap();
    let called = Arc::new(AtomicBool::new(false));
    let calls = Arc::clone(&called);
    let callback = move || {
        calls.store(true, Relaxed);
        7.0
    };
    registry
        .observable_gauge_fn("pool", "A pool.", callback)
        .unwrap();
    let rejected = "epoch_metrics_rejected_values_total";
    for (query, expected) in [
        ("name[]=http_requests_total", vec!["http_requests_total"]),
        (
            "x=1&name%5b%5D=http_open&name[]=sizes_bucket",
            vec!["http_open", "sizes"],
        ),
        ("name[]=http_*", vec!["http_requests_total", "http_open"]),
        ("name[]=http_req", vec![]),
        ("name[]=", vec![]),
        ("name[]=%zz", vec![]),
        ("name[]=epoch_metrics_rejected_values_total", vec![rejected]),
    ] {
        assert_eq!(families_of(&registry, query), expected, "{query}");
    }
    assert!(!called.load(Relaxed));
    let all = [
        "http_requests_total",
        "http_open",
        "sizes",
        rejected,
        "pool",
    ];
    for query in ["", "name=sizes", "name[]", "names[]=sizes"] {
        assert_eq!(families_of(&registry, query), all, "{query}");
    }
    assert!(called.load(Relaxed));
    // What is kept is that of whole pages: a part takes it over, and does not get into its way.
    let whole = pieces(&registry, Format::Prometheus);
    let part = registry.page_of(["sizes"]).render(Format::Prometheus);
    assert!(part.chunks().all(|chunk| whole.contains(&chunk.as_ptr())));
    assert_eq!(
        pieces(&registry, Format::Prometheus)[..5],
        whole[..5],
        "a part replaced what is kept"
    );
    assert_eq!(
        registry
            .page_of(["sizes"])
            .render(Format::Json)
            .to_vec()
            .first(),
        Some(&b'{')
    );
}

/// The value of a metric of the library itself.
fn own(text: &str, name: &str) -> f64 {
    let name = format!("epoch_metrics_{name} ");
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(&name));
    lines.next().unwrap().parse().unwrap()
}

#[test]
fn rendering_is_measured_by_who_asks_for_it() {
    let clock = Arc::new(ManualClock::new());
    let builder = Registry::builder()
        .clock(Arc::clone(&clock) as _)
        .max_staleness(Duration::from_secs(10));
    let registry = builder.clone().measure_rendering(true).build();
    let jobs = registry.counter_family("jobs", "", &["id"]).unwrap();
    for id in 0..300 {
        jobs.with(&[&id.to_string()]).unwrap().add(10);
    }
    let first = registry.render_prometheus();
    // 300 counters, and the six metrics about rendering.
    let second = registry.render_prometheus();
    assert_eq!(own(&first, "rendered_pages_total"), 0.0);
    assert_eq!(own(&second, "rendered_pages_total"), 1.0);
    assert_eq!(own(&second, "rendered_series_total"), 306.0);
    assert_eq!(own(&second, "reused_series_total"), 0.0);
    assert_eq!(own(&second, "page_bytes"), first.len() as f64);
    clock.advance(Duration::from_secs(11));
    jobs.with(&["7"]).unwrap().inc();
    let third = registry.page();
    clock.advance(Duration::from_secs(2));
    let third = third.render_prometheus();
    assert_eq!(own(&third, "rendered_series_total"), 312.0);
    assert_eq!(own(&third, "reused_series_total"), 300.0);
    let fourth = registry.render_prometheus();
    assert_eq!(own(&fourth, "rendered_series_total"), 319.0);
    assert_eq!(own(&fourth, "reused_series_total"), 599.0);
    assert_eq!(own(&fourth, "snapshot_age_seconds"), 2.0);
    assert_eq!(own(&fourth, "rendering_seconds_total"), 0.0);
    assert!(!builder.build().render_prometheus().contains("rendered"));
}
