//! Times single calls that record.
//!
//! Between two calls, more memory is read than the first-level cache holds, as a server does between two requests, so the calls find cold
//! caches. Each call is timed by itself. The cost of two readings of the clock, measured under the same conditions, is subtracted.

use crate::controller::Controller;
use crate::metrics::Metrics;
use crate::record::{Origin, Record};
use crate::tuner::Observed;
use epoch_metrics::MetricsCollector;
use hyper::HeaderMap;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderValue};
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Calls of each kind.
const CALLS: u64 = 4000;
/// Bytes read between two calls: several times a first-level cache.
const BETWEEN: usize = 512 << 10;

/// Mean times in nanoseconds. The slowest hundredth of the calls is left out: they were interrupted.
#[derive(Debug)]
pub(super) struct Cost {
    /// Recording a request, with the two readings of the clock that time it and a look for the header of a trace.
    pub(super) request: f64,
    /// Recording a batch, and a read of p99 that returns the current snapshot.
    pub(super) batch: f64,
    /// A read of p99 that makes a new snapshot.
    pub(super) rebuild: f64,
}

/// Measures all of it, in about half a second.
///
/// # Errors
/// If metrics cannot be registered.
pub(super) fn measure() -> Result<Cost, Box<dyn Error>> {
    let metrics = Arc::new(Metrics::new()?);
    let mut controller = Controller::new(Arc::clone(&metrics));
    let batch = Observed {
        size: 1,
        waited: false,
        joined: false,
        saturated: false,
    };
    // Makes a new snapshot for each read after a record.
    let fresh = MetricsCollector::builder()
        .max_staleness(Duration::ZERO)
        .build()?;
    let memory = vec![1_u64; BETWEEN / size_of::<u64>()];
    // Those that the load sends; no trace is among them.
    let mut headers = HeaderMap::new();
    for name in [HOST, CONTENT_LENGTH] {
        headers.insert(name, HeaderValue::from_static("43"));
    }
    let mut times = [const { Vec::new() }; 4];
    for call in 0..CALLS {
        times[0].push(timed(&memory, || ()));
        times[1].push(timed(&memory, || {
            let origin = Origin {
                is_part: false,
                trace: metrics.trace(&headers),
            };
            let since = metrics.now();
            metrics.model_read(true);
            metrics.inferred(since, call, 32, &origin)
        }));
        times[2].push(timed(&memory, || {
            metrics.batch(1, 0, true);
            controller.after_batch(batch);
        }));
        fresh.record_latency(Duration::from_micros(1 + call));
        times[3].push(timed(&memory, || fresh.latency()));
    }
    let [clock, request, batch, rebuild] = times.map(mean);
    Ok(Cost {
        request: request - clock,
        batch: batch - clock,
        rebuild: rebuild - clock,
    })
}

/// Times a call after other work, in nanoseconds.
fn timed<T>(memory: &[u64], call: impl FnOnce() -> T) -> u64 {
    // One word of each cache line.
    black_box(memory.iter().step_by(8).sum::<u64>());
    let started = Instant::now();
    black_box(call());
    started.elapsed().as_nanos() as u64
}

fn mean(mut times: Vec<u64>) -> f64 {
    times.sort_unstable();
    let kept = &times[..times.len() - times.len() / 100];
    kept.iter().sum::<u64>() as f64 / kept.len() as f64
}
