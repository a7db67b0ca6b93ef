//! Metrics by tokio's clock: paused, running, and read from outside of the runtime.

use epoch_metrics::{Clock as _, HistogramOptions, MetricsCollector, Registry, TokioClock};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{advance, sleep};

#[test]
fn a_timer_in_paused_time_records_the_sleep() {
    paused().block_on(async {
        let latency = registry()
            .histogram("latency", "", HistogramOptions::durations())
            .unwrap();
        let timer = latency.start();
        sleep(seconds(5)).await;
        assert_eq!(timer.stop(), Ok(seconds(5)));
        assert_eq!(latency.snapshot().sum(), 5_000_000_000);
    });
}

#[test]
fn rates_ages_staleness_and_uptime_follow_paused_time() {
    paused().block_on(async {
        let clock = Arc::new(TokioClock::new());
        let stale = Registry::builder()
            .clock(clock.clone())
            .max_staleness(Duration::from_millis(1));
        let (registry, stale) = (registry(), stale.build());
        let (sizes, counter) = (
            registry.histogram("sizes", "", HistogramOptions::values(0, 10)),
            stale.counter("c", ""),
        );
        let (sizes, counter) = (sizes.unwrap(), counter.unwrap());
        let finished = registry.throughput("finished", "").unwrap();
        let collector = MetricsCollector::builder().clock(clock).build().unwrap();
        for _ in 0..20 {
            finished.add(10);
            sleep(Duration::from_millis(500)).await;
        }
        assert_eq!(finished.snapshot().per_second(seconds(5)), Some(20.0));
        assert_eq!(sizes.latest().age, seconds(10));
        assert_eq!(collector.uptime(), seconds(10));

        let shown = || {
            stale
                .snapshot()
                .family("c")
                .unwrap()
                .series()
                .next()
                .unwrap()
                .value()
        };
        let before = shown();
        counter.inc();
        advance(Duration::from_micros(999)).await;
        assert_eq!(shown(), before);
        advance(Duration::from_millis(1)).await;
        assert_ne!(shown(), before);
    });
}

#[test]
fn threads_that_belong_to_the_runtime_read_its_clock() {
    let runtime = paused();
    let clock = runtime.block_on(async { TokioClock::new() });
    runtime.block_on(advance(seconds(3_600)));
    let hour = seconds(3_600)..seconds(3_601);
    let blocking = runtime.spawn_blocking(move || clock.now());
    assert!(hour.contains(&runtime.block_on(blocking).unwrap()));
    let entered = std::thread::scope(|scope| {
        let read = || {
            let _guard = runtime.enter();
            clock.now()
        };
        scope.spawn(read).join().unwrap()
    });
    assert!(hour.contains(&entered));
}

/// What was advanced in the runtime is unknown outside: a clock that went back, which nothing takes amiss.
#[test]
fn other_threads_read_the_systems_clock() {
    let runtime = paused();
    let registry = runtime.block_on(async { registry() });
    let latency = registry
        .histogram("latency", "", HistogramOptions::durations())
        .unwrap();
    let timer = runtime.block_on(async {
        advance(seconds(3_600)).await;
        latency.record(1);
        latency.snapshot();
        latency.start()
    });
    assert!(registry.clock().now() < seconds(3_600));
    assert_eq!(timer.stop(), Ok(Duration::from_nanos(1)));
    assert_eq!(latency.latest().age, Duration::ZERO);
    assert_eq!(latency.snapshot().count(), 2);
}

#[test]
fn without_a_runtime_it_is_the_systems_clock() {
    let clock = TokioClock::default();
    let registry = registry();
    let latency = registry
        .histogram("latency", "", HistogramOptions::durations())
        .unwrap();
    let timer = latency.start();
    std::thread::sleep(Duration::from_millis(20));
    assert!(timer.stop().unwrap() >= Duration::from_millis(20));
    assert!(clock.now() >= Duration::from_millis(20));
    assert!(clock.coarse() >= clock.now().saturating_sub(seconds(60)));
}

#[test]
fn in_a_runtime_that_is_not_paused_time_passes() {
    let running = Builder::new_current_thread().enable_time().build().unwrap();
    running.block_on(async {
        let clock = TokioClock::new();
        let before = clock.now();
        sleep(Duration::from_millis(20)).await;
        assert!(clock.now() - before >= Duration::from_millis(20));
    });
}

fn paused() -> Runtime {
    let mut paused = Builder::new_current_thread();
    paused.enable_time().start_paused(true).build().unwrap()
}

fn registry() -> Registry {
    Registry::builder()
        .clock(Arc::new(TokioClock::new()))
        .build()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}
