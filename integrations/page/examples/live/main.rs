//! The page with as many series as it is told, all of them changing.
//!
//! ```sh
//! cargo run --release -p epoch-metrics-page --example live -- 10000
//! ```
//!
//! Then open http://127.0.0.1:3000/ in a browser.

mod serve;

use epoch_metrics::{Counter, MetricsCollector};
use std::env;
use std::error::Error;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let series = match arguments.next() {
        Some(text) => text.parse()?,
        None => 10,
    };
    let address = arguments.next().unwrap_or("127.0.0.1:3000".to_owned());
    let collector = MetricsCollector::new();
    let registry = collector.registry();
    let jobs = registry.counter_family("jobs", "Jobs done, by queue.", &["queue"])?;
    let jobs: Vec<Counter> = (0..series)
        .map(|queue: usize| jobs.with(&[&format!("queue-{queue:05}")]))
        .collect::<Result<_, _>>()?;

    let listener = TcpListener::bind(&address)?;
    println!("http://{}/", listener.local_addr()?);
    let shown = registry.clone();
    thread::spawn(move || work(&collector, &jobs));
    serve::serve(&listener, &shown);
    Ok(())
}

/// Records what a server might: 200 requests a second, slower ones now and then, busier and quieter minutes.
fn work(collector: &MetricsCollector, jobs: &[Counter]) {
    let mut random = 1_u64;
    for tick in 0_u64.. {
        let busy = 1.0 + (tick as f64 / 2_000.0).sin();
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let share = (random >> 33) as f64 / (1_u64 << 31) as f64;
        // A long tail: one in a hundred takes ten times as long.
        let latency = 2.0 * (1.0 + busy) / (1.02 - share);
        collector.record_latency(Duration::from_secs_f64(latency / 1e3));
        let batch = 1 + (8.0 * busy * share) as u64;
        collector.record_batch_size(batch);
        collector.record_throughput(batch * 40, batch);
        collector.record_queue_depth((20.0 * busy * share) as u64);
        collector.record_mode_transition(if busy > 1.0 { "batching" } else { "fast" });
        if tick % 50 == 0 {
            let _ = collector.latency();
        }
        for (at, job) in jobs.iter().enumerate() {
            if tick % (1 + at as u64 % 7) == 0 {
                job.inc();
            }
        }
        thread::sleep(Duration::from_millis(5));
    }
}
