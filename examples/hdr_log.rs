//! Writes an interval log of HdrHistogram: the latencies of each second, for five seconds, and the percentile distribution of all of them.
//!
//! ```sh
//! cargo run --release --example hdr_log --features hdr-log
//! ```
//!
//! HdrHistogram's tools read the log, and <https://hdrhistogram.github.io/HdrHistogram/plotFiles.html> draws the distribution.

use epoch_metrics::{HdrLogWriter, HistogramOptions, Registry};
use std::error::Error;
use std::fs::File;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant, SystemTime};

const SECOND: Duration = Duration::from_secs(1);

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir();
    let (log_path, hgrm_path) = (folder.join("latency.hlog"), folder.join("latency.hgrm"));
    let registry = Registry::new();
    let options = HistogramOptions::durations()
        .significant_digits(3)
        .windows(&[SECOND]);
    let latency = registry.histogram("latency", "Time of a sleep of a millisecond.", options)?;
    let upkeep = registry.start_upkeep()?;

    let measured = latency.clone();
    let worker = spawn(move || {
        let start = Instant::now();
        while start.elapsed() < 5 * SECOND {
            let _timer = measured.start();
            sleep(Duration::from_millis(1));
        }
    });

    let start = Instant::now();
    let mut log = HdrLogWriter::new(File::create(&log_path)?, SystemTime::now())?;
    for _ in 0..5 {
        sleep(SECOND);
        let window = latency
            .window(SECOND)
            .ok_or("the histogram keeps this window")?;
        let from = start.elapsed().saturating_sub(window.span);
        log.write(&window.snapshot, Some("sleep"), from, window.span)?;
        let (count, p99) = (
            window.snapshot.count(),
            window.snapshot.quantile_duration(0.99),
        );
        println!("{count} in {:?}, p99 {p99:?}", window.span);
    }
    log.flush()?;
    worker.join().map_err(|_| "the worker panicked")?;
    drop(upkeep);
    latency.snapshot().write_hgrm(File::create(&hgrm_path)?)?;
    println!("wrote {} and {}", log_path.display(), hgrm_path.display());
    Ok(())
}
