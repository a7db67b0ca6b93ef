//! A job that ends before anybody scrapes it, and pushes what it measured to a Pushgateway.
//!
//! ```sh
//! prometheus-pushgateway --web.listen-address=127.0.0.1:9091 &
//! cargo run -p epoch-metrics-push --example job
//! curl -s http://127.0.0.1:9091/metrics | grep squares
//! ```

use epoch_metrics::{HistogramOptions, Registry};
use epoch_metrics_push::Pushgateway;
use std::error::Error;
use std::hint::black_box;

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("http://127.0.0.1:9091");
    let gateway = Pushgateway::new(address, "squares")?.group_by("folder", "/var/tmp")?;

    let registry = Registry::builder().without_own_metrics().build();
    let squares = registry.counter("squares", "Squares computed.")?;
    let time = registry.histogram(
        "squares_batch",
        "Time for a thousand squares.",
        HistogramOptions::durations(),
    )?;
    for _ in 0..100 {
        let _timer = time.start();
        for number in 0..1_000_u64 {
            black_box(number * number);
            squares.inc();
        }
    }

    gateway.push(&registry.page())?;
    println!("pushed {} squares to {address}", squares.get());
    Ok(())
}
