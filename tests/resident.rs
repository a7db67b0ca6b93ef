//! Committed memory, in a process of its own, since it is the whole process that is measured.

use epoch_metrics::{HistogramOptions, Registry};

/// Threads share a block, and an octave takes memory when a value first falls into it.
#[cfg(target_os = "linux")]
#[test]
fn two_thousand_histograms_on_sixteen_threads_fit() {
    let resident = || {
        let pages: u64 = std::fs::read_to_string("/proc/self/statm")
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        pages * 4096
    };
    let registry = Registry::new();
    let family = registry
        .histogram_family("many", "", HistogramOptions::durations(), &["i"])
        .unwrap();
    let histograms: Vec<_> = (0..2_000)
        .map(|i| family.with(&[&i.to_string()]).unwrap())
        .collect();
    // Lognormal, median 1 ms, sigma 1: twelve uniform numbers add up to nearly a normal one.
    let mut state = 1_u64;
    let mut uniform = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let latencies: Vec<u64> = (0..1_000)
        .map(|_| ((0..12).map(|_| uniform()).sum::<f64>() - 6.0).exp() * 1e6)
        .map(|nanos| nanos as u64)
        .collect();
    let before = resident();
    let together = std::sync::Barrier::new(16);
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let (together, latencies, histograms) = (&together, &latencies, &histograms);
            scope.spawn(move || {
                // All at once, so that no slot is used twice.
                together.wait();
                for (i, histogram) in histograms.iter().enumerate() {
                    let fifty = (0..50).map(|n| latencies[(i * 7 + thread * 50 + n) % 1_000]);
                    fifty.for_each(|latency| histogram.record(latency));
                }
                together.wait();
            });
        }
    });
    let written = resident().saturating_sub(before);
    let page = registry.render_prometheus().len();
    let read = resident().saturating_sub(before);
    println!(
        "2,000 histograms on 16 threads: {} KiB resident, {} bytes each; once a page of {} KiB was rendered {} KiB",
        written >> 10,
        written / 2_000,
        page >> 10,
        read >> 10
    );
    for histogram in &histograms {
        let snapshot = histogram.snapshot();
        assert_eq!((snapshot.count(), snapshot.uncertain()), (800, 0));
    }
    assert!(read <= 20 << 20, "{read} bytes resident");
}
