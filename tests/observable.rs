//! Observable metrics: values that callbacks report while a page is made.

#[path = "exposition/validator/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "the tests that read expositions use the rest"
)]
mod validator;

use epoch_metrics::{
    HistogramOptions, LabelError, MetricsCollector, RegisterError, Registry, Summary, Unit, Value,
};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;
use validator::Checked;

#[test]
fn names_are_reserved_in_both_directions() {
    let registry = Registry::new();
    let taken = |name: &str| RegisterError::Duplicate {
        name: name.to_owned(),
        differs: None,
    };
    registry
        .observable_counter("seen", "", &[], |_, _| ())
        .unwrap();
    assert_eq!(
        registry.counter("seen_total", "").unwrap_err(),
        taken("seen")
    );
    assert_eq!(registry.gauge("seen", "").unwrap_err(), taken("seen"));
    registry
        .histogram("wait", "", HistogramOptions::durations())
        .unwrap();
    let refused = registry.observable_summary("wait", "", Unit::Seconds, &[], |_, _| ());
    assert_eq!(refused, Err(taken("wait_seconds")));
    let refused = registry.observable_gauge("wait_seconds_count", "", &[], |_, _| ());
    assert_eq!(refused, Err(taken("wait_seconds_count")));
    let refused = registry.observable_summary("g", "", Unit::Unitless, &["quantile"], |_, _| ());
    assert_eq!(
        refused,
        Err(RegisterError::ReservedLabelName {
            label: "quantile".to_owned()
        })
    );
    let refused = registry.observable_gauge("1g", "", &[], |_, _| ());
    assert_eq!(
        refused,
        Err(RegisterError::InvalidName {
            name: "1g".to_owned()
        })
    );
    assert_eq!(
        registry.checked_text().matches("# TYPE").count(),
        2,
        "wait_seconds and its rejections"
    );
}

#[test]
fn series_are_checked_and_the_page_stays_valid() {
    let registry = Registry::new();
    let results = Arc::new(Mutex::new(Vec::new()));
    let said = Arc::clone(&results);
    registry
        .observable_gauge("pool", "Connections.", &["state"], move |_, out| {
            let observed = [
                out.observe(&["idle"], 3.0),
                out.observe(&["idle"], 4.0),
                out.observe(&[], 5.0),
                out.observe(&["a\"b\nc"], f64::NAN),
            ];
            *said.lock().unwrap() = observed.to_vec();
        })
        .unwrap();
    let page = registry.checked_text();
    let expected = "# HELP pool Connections.\n# TYPE pool gauge\npool{state=\"idle\"} 3\npool{state=\"a\\\"b\\nc\"} NaN\n";
    assert_eq!(page, expected);
    let wrong = LabelError::WrongCount {
        expected: 1,
        given: 0,
    };
    assert_eq!(
        *results.lock().unwrap(),
        [Ok(()), Err(LabelError::DuplicateSeries), Err(wrong), Ok(())]
    );
}

#[test]
fn summaries_and_counters_read_back() {
    let registry = Registry::new();
    registry
        .observable_summary("wait", "Waiting.", Unit::Seconds, &["queue"], |_, out| {
            let summary = Summary::new(2, 1_500_000_000)
                .quantile(0.5, 250_000_000)
                .quantile(1.0, 1_250_000_000);
            out.observe(&["a"], summary).unwrap();
        })
        .unwrap();
    registry
        .observable_counter("seen", "Seen.", &[], |_, out| {
            out.observe(&[], u64::MAX).unwrap()
        })
        .unwrap();
    let expected = "# HELP wait_seconds Waiting.\n# TYPE wait_seconds summary\n\
        wait_seconds{queue=\"a\",quantile=\"0.5\"} 0.25\nwait_seconds{queue=\"a\",quantile=\"1.0\"} 1.25\n\
        wait_seconds_sum{queue=\"a\"} 1.5\nwait_seconds_count{queue=\"a\"} 2\n\
        # HELP seen_total Seen.\n# TYPE seen_total counter\nseen_total 18446744073709551615\n";
    assert_eq!(registry.checked_text(), expected);
    let json: serde_json::Value = serde_json::from_str(&registry.render_json()).unwrap();
    assert_eq!(
        json["wait_seconds"]["series"][0]["value"]["quantiles"],
        serde_json::json!([[0.5, 0.25], [1, 1.25]])
    );
    assert_eq!(json["seen"]["series"][0]["value"], u64::MAX);
}

#[test]
fn a_callback_sees_the_snapshot_of_its_page() {
    let registry = Registry::new();
    let requests = registry.counter("requests", "").unwrap();
    let given = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&given);
    registry
        .observable_counter("requests_again", "", &[], move |snapshot, out| {
            seen.store(std::ptr::from_ref(snapshot).addr(), Ordering::Relaxed);
            let family = snapshot.family("requests").unwrap();
            let Value::Counter(count) = family.series().next().unwrap().value() else {
                panic!("a counter")
            };
            out.observe(&[], count).unwrap();
        })
        .unwrap();
    requests.add(2);
    let page = registry.page();
    assert_eq!(
        Arc::as_ptr(page.snapshots().next().unwrap()).addr(),
        given.load(Ordering::Relaxed),
        "the callback's snapshot is the page's"
    );
    requests.add(40);
    let family = page.snapshots().next().unwrap().family("requests").unwrap();
    assert_eq!(family.series().next().unwrap().value(), Value::Counter(2));
    let text = page.checked_text();
    assert!(
        text.contains("requests_total 2\n") && text.contains("requests_again_total 2\n"),
        "{text}"
    );
    assert!(
        registry
            .checked_text()
            .contains("requests_again_total 42\n")
    );
}

/// The collector's summary and its histogram count the same on every page, however fast two threads record.
#[test]
fn a_collectors_page_agrees_with_itself() {
    /// Lets the threads end also if the test fails.
    struct Running<'a>(&'a AtomicBool);

    impl Drop for Running<'_> {
        fn drop(&mut self) {
            self.0.store(false, Ordering::Relaxed);
        }
    }

    let collector = MetricsCollector::new();
    let running = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let _running = Running(&running);
        for _ in 0..2 {
            scope.spawn(|| {
                while running.load(Ordering::Relaxed) {
                    collector.record_latency(Duration::from_micros(7));
                }
            });
        }
        let (mut pages, mut last, mut different) = (0, 0, 0);
        while pages < 300 || different < 50 {
            let page = collector.checked_text();
            let count = |name: &str| -> u64 {
                let mut lines = page.lines().filter_map(|line| line.strip_prefix(name));
                lines.next().unwrap().parse().unwrap()
            };
            let histogram = count("server_request_latency_seconds_count ");
            let summary = count("server_request_latency_recent_seconds_count ");
            assert_eq!(histogram, summary, "page {pages}");
            different += u64::from(histogram > last);
            (pages, last) = (pages + 1, histogram);
        }
    });
}

/// A callback that panics takes its own family off that page, and nothing else.
#[test]
fn a_callback_that_panics_loses_its_own_family_on_that_page() {
    /// Panics again when it is dropped, as what a panic carries may.
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("on purpose, again");
        }
    }

    let registry = Registry::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let called = Arc::clone(&calls);
    registry.counter("before", "").unwrap().inc();
    registry
        .observable_gauge("fragile", "", &["of"], move |_, out| {
            out.observe(&["x"], 1.0).unwrap();
            match called.fetch_add(1, Ordering::Relaxed) {
                0 => panic!("on purpose"),
                1 => std::panic::panic_any(Bomb),
                _ => out.observe(&["y"], 2.0).unwrap(),
            }
        })
        .unwrap();
    registry.observable_counter_fn("after", "", || 3).unwrap();
    let rest = "# HELP before_total \n# TYPE before_total counter\nbefore_total 1\n";
    let after = "# HELP after_total \n# TYPE after_total counter\nafter_total 3\n";
    let panics = |n| {
        format!(
            "# HELP epoch_metrics_callback_panics_total Panics of observable metrics' callbacks; a page lacks the metric whose \
             callback panicked.\n# TYPE epoch_metrics_callback_panics_total counter\n\
             epoch_metrics_callback_panics_total{{metric=\"fragile\"}} {n}\n"
        )
    };
    for n in 1..=2 {
        let page = registry.page();
        assert_eq!(page.checked_text(), rest.to_owned() + after + &panics(n));
        let json: serde_json::Value = serde_json::from_str(&page.render_json()).unwrap();
        assert!(json.get("fragile").is_none());
        assert_eq!(
            json["epoch_metrics_callback_panics"]["series"][0]["value"],
            n
        );
    }
    let fragile =
        "# HELP fragile \n# TYPE fragile gauge\nfragile{of=\"x\"} 1\nfragile{of=\"y\"} 2\n";
    let whole = rest.to_owned() + fragile + after + &panics(2);
    assert_eq!(
        registry.checked_text(),
        whole,
        "the next page calls it again"
    );
    assert_eq!(calls.load(Ordering::Relaxed), 3);
}

/// While a callback blocks its page, everything else goes on: registrations, series, snapshots, resets, other pages, and other calls
/// of the same callback.
#[test]
fn a_callback_that_blocks_delays_its_own_page_only() {
    let collector = MetricsCollector::new();
    let registry = collector.registry().clone();
    let (entered, in_callback) = channel();
    let (release, released) = channel::<()>();
    // Only the first call blocks.
    let first = Mutex::new(Some((entered, released)));
    registry
        .observable_gauge_fn("slow", "", move || {
            let taken = first.lock().unwrap().take();
            if let Some((entered, released)) = taken {
                entered.send(()).unwrap();
                released.recv().unwrap();
            }
            7.0
        })
        .unwrap();
    let family = registry.counter_family("family", "", &["x"]).unwrap();
    let page = std::thread::spawn({
        let registry = registry.clone();
        move || registry.page()
    });
    in_callback.recv().unwrap();
    let (done, others) = channel();
    let rest = std::thread::spawn(move || {
        registry.counter("late", "").unwrap().inc();
        registry.observable_gauge_fn("later", "", || 8.0).unwrap();
        family.with(&["new"]).unwrap().inc();
        assert!(registry.snapshot().family("late").is_some());
        collector.record_latency(Duration::from_millis(1));
        assert_eq!(collector.latency().count, 1);
        let text = registry.checked_text();
        assert!(text.contains("slow 7\n") && text.contains("later 8\n"));
        collector.snapshot();
        collector.reset();
        assert!(format!("{registry:?}").contains("families"));
        done.send(()).unwrap();
    });
    let finished = others.recv_timeout(Duration::from_secs(30));
    release.send(()).unwrap();
    let page = page.join().unwrap().checked_text();
    rest.join().unwrap();
    assert_eq!(finished, Ok(()), "something waited for the callback");
    assert!(
        page.contains("slow 7\n") && !page.contains("late_total"),
        "{page}"
    );
}
