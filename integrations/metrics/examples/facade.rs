//! A program whose libraries use the `metrics` facade. It prints its page, and reads a quantile without one.
//! `cargo run -p epoch-metrics-facade --example facade`

use epoch_metrics::Value;
use epoch_metrics_facade::PrometheusBuilder;
use metrics::{Unit, counter, describe_histogram, gauge, histogram};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let handle = PrometheusBuilder::new().install_recorder()?;

    // What libraries do, anywhere in the process.
    describe_histogram!("query_duration", Unit::Seconds, "Time of a query.");
    for i in 1..=100 {
        counter!("queries", "table" => "users").increment(1);
        histogram!("query_duration", "table" => "users").record(Duration::from_millis(i));
    }
    gauge!("pool.size").set(8.0);

    // What a scrape gets.
    println!("{}", handle.render());

    // What the exporter cannot answer: a quantile of everything since the start.
    let snapshot = handle.registry().snapshot();
    let family = snapshot.family("query_duration").ok_or("it was recorded")?;
    for series in family.series() {
        if let Value::Histogram(durations) = series.value() {
            let p99 = durations.quantile(0.99).map(Duration::from_nanos);
            println!("p99 of {:?}: {p99:?}", series.labels().collect::<Vec<_>>());
        }
    }
    Ok(())
}
