//! The built-in load: a client over real loopback connections, so that there is something to see at once.
//!
//! Open loop: requests are due at times that do not depend on how fast the server answers, as those of many independent
//! users do not. They come in small bursts at random times, which is what makes batches.

use crate::client::{Client, Random};
use crate::connections::stopped;
use crate::models::KINDS;
use epoch_metrics::{Counter, MetricsCollector};
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until};

/// Connections that are kept alive.
const CONNECTIONS: u64 = 8;
/// The largest burst; the mean is half of one more.
const BURST: u64 = 7;
/// Requests that may be due and not sent. Beyond this the server cannot keep up, and more would only be sent later.
const OVERDUE: usize = 1000;
const TEXT: &str = "the quick brown fox jumps over the lazy dog";
/// One of so many requests goes to `/batch`, with [`PARTS`].
const BATCH_EVERY: u64 = 64;
const PARTS: &str = r#"{"text": "to be or not to be"}
{"text": "that is the question"}
{"text": "print 1", "model": "code"}
"#;

/// What became of the requests.
#[derive(Clone, Debug)]
struct Results {
    answered: Counter,
    failed: Counter,
}

/// Sends `rate` requests a second until the server stops.
///
/// # Errors
/// If its counters cannot be registered.
pub(crate) fn start(
    address: SocketAddr,
    rate: u32,
    metrics: &MetricsCollector,
    stop: watch::Receiver<bool>,
) -> Result<(), Box<dyn Error>> {
    let requests = metrics.registry().counter_family(
        "load_requests",
        "Requests of the built-in load.",
        &["result"],
    )?;
    let results = Results {
        answered: requests.with(&["answered"])?,
        failed: requests.with(&["failed"])?,
    };
    // A permit for each request that is due.
    let due = Arc::new(Semaphore::new(0));
    for seed in 1..=CONNECTIONS {
        tokio::spawn(client(address, Arc::clone(&due), results.clone(), seed));
    }
    tokio::spawn(async move {
        let mut stop = stop;
        tokio::select! {
            () = pace(rate, &due) => (),
            () = stopped(&mut stop) => (),
        }
        // Ends the clients, each when its request is answered.
        due.close();
    });
    Ok(())
}

/// Makes requests due: bursts of 1 to [`BURST`], with exponentially distributed pauses between them.
async fn pace(rate: u32, due: &Semaphore) {
    let mean_pause = (1 + BURST) as f64 / 2.0 / f64::from(rate);
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut next = Instant::now();
    loop {
        next += Duration::from_secs_f64(random.exponential(mean_pause));
        sleep_until(next).await;
        if due.available_permits() < OVERDUE {
            due.add_permits((1 + random.next() % BURST) as usize);
        }
    }
}

/// Sends the requests that are due, one at a time, one of [`BATCH_EVERY`] with several parts. Of the others three of four use the first
/// model, three of four of the rest the second one, and so on, so the last models are rarely in the cache.
async fn client(address: SocketAddr, due: Arc<Semaphore>, results: Results, seed: u64) {
    let targets = KINDS.map(|model| format!("/infer?model={}", model.name));
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut client = Client::new(address);
    while let Ok(request) = due.acquire().await {
        request.forget();
        let sent = if random.next().is_multiple_of(BATCH_EVERY) {
            client.post("/batch", PARTS).await
        } else {
            let model = random.next().trailing_zeros() as usize / 2;
            client
                .post(&targets[model.min(KINDS.len() - 1)], TEXT)
                .await
        };
        match sent {
            Ok(()) => results.answered.inc(),
            Err(_) => {
                results.failed.inc();
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
