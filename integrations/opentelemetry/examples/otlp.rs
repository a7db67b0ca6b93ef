//! A registry as OTLP: prints what would be sent, or sends it.
//!
//! ```sh
//! cargo run -p epoch-metrics-opentelemetry --example otlp
//! cargo run -p epoch-metrics-opentelemetry --example otlp -- http://127.0.0.1:4318/v1/metrics
//! ```

use epoch_metrics::{HistogramOptions, Registry};
use epoch_metrics_opentelemetry::{Exporter, HistogramForm, HttpSender, Producer};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::Temporality;
use prost::Message;
use std::error::Error;
use std::hint::black_box;
use std::thread::sleep;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let registry = Registry::builder().without_own_metrics().build();
    let squares = registry.counter("squares", "Squares computed.")?;
    let options = HistogramOptions::durations();
    let time = registry.histogram("squares_batch", "Time for a thousand squares.", options)?;

    let producer = Producer::new()
        .temporality(Temporality::Delta)
        .histograms(HistogramForm::Exponential);
    let pages = move || registry.page();
    let resource = Resource::builder().with_service_name("squares").build();
    let exporter = match std::env::args().nth(1) {
        Some(endpoint) => {
            let sender = HttpSender::new(&endpoint)?;
            Exporter::new(pages, producer, move |request| sender.send(request))
        }
        None => Exporter::new(pages, producer, |request| {
            let decoded = ExportMetricsServiceRequest::decode(request);
            println!("{} bytes: {decoded:#?}", request.len());
            Ok(())
        }),
    };
    let exports = exporter
        .resource(resource)
        .start(Duration::from_secs(1), |error| eprintln!("{error}"))?;
    for _ in 0..20 {
        let _timer = time.start();
        for number in 0..1_000_u64 {
            black_box(number * number);
            squares.inc();
        }
        sleep(Duration::from_millis(100));
    }
    drop(exports); // exports once more
    println!("computed {} squares", squares.get());
    Ok(())
}
