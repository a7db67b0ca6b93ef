//! Committed memory, in a process of its own, since it is the whole process that is measured.

use epoch_metrics::{HistogramOptions, Registry};

/// An octave takes memory when a value first falls into it.
#[cfg(target_os = "linux")]
#[test]
fn a_thousand_histograms_on_sixteen_threads_fit() {
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
    let histograms: Vec<_> = (0..1_000)
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
        for _ in 0..16 {
            scope.spawn(|| {
                // All at once, so that no slot is used twice.
                together.wait();
                for histogram in &histograms {
                    // More of them than a queue holds.
                    latencies
                        .iter()
                        .for_each(|latency| histogram.record(*latency));
                }
                together.wait();
            });
        }
    });
    let written = resident().saturating_sub(before);
    for histogram in &histograms {
        let snapshot = histogram.snapshot();
        assert_eq!((snapshot.count(), snapshot.uncertain()), (16_000, 0));
    }
    let read = resident().saturating_sub(before);
    println!(
        "1,000 histograms on 16 threads: {} MiB resident, {} KiB each; once all are read {} MiB",
        written >> 20,
        (written >> 10) / 16_000,
        read >> 20
    );
    assert!(read < 340 << 20, "{read} bytes resident");
}
