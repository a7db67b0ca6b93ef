//! The built-in load: a client over real loopback connections, so that there is something to see at once.
//!
//! Open loop: requests are due at times that do not depend on how fast the server answers, as those of many independent
//! users do not. They come in small bursts at random times, which is what makes batches.

use crate::connections::stopped;
use epoch_metrics::{Counter, MetricsCollector};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HOST;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until};

/// Connections that are kept alive.
const CONNECTIONS: usize = 8;
/// The largest burst; the mean is half of one more.
const BURST: u64 = 7;
/// Requests that may be due and not sent. Beyond this the server cannot keep up, and more would only be sent later.
const OVERDUE: usize = 1000;
const TEXT: &str = "the quick brown fox jumps over the lazy dog";

type Failure = Box<dyn Error + Send + Sync>;

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
    for _ in 0..CONNECTIONS {
        tokio::spawn(client(address, Arc::clone(&due), results.clone()));
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
        next += Duration::from_secs_f64(-random.unit().ln() * mean_pause);
        sleep_until(next).await;
        if due.available_permits() < OVERDUE {
            due.add_permits((1 + random.next() % BURST) as usize);
        }
    }
}

/// Sends what is due, one request after the other; connects again when the connection was lost.
async fn client(address: SocketAddr, due: Arc<Semaphore>, results: Results) {
    let mut connection = None;
    while let Ok(request) = due.acquire().await {
        request.forget();
        match send(address, &mut connection).await {
            Ok(()) => results.answered.inc(),
            Err(_) => {
                results.failed.inc();
                connection = None;
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn send(
    address: SocketAddr,
    connection: &mut Option<SendRequest<Full<Bytes>>>,
) -> Result<(), Failure> {
    // The server ends connections that were idle or became old; then there is a new one.
    let usable = match connection {
        Some(sender) => sender.ready().await.is_ok(),
        None => false,
    };
    if !usable {
        *connection = Some(connect(address).await?);
    }
    let sender = connection.as_mut().ok_or("not connected")?;
    let request = Request::builder()
        .method(Method::POST)
        .uri("/infer")
        .header(HOST, address.to_string());
    let response = sender.send_request(request.body(Full::from(TEXT))?).await?;
    let accepted = response.status().is_success();
    // To the end, or the connection cannot be used again.
    response.into_body().collect().await?;
    if accepted {
        Ok(())
    } else {
        Err("refused".into())
    }
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its errors come out at the sender too.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

/// Xorshift: random enough for pauses, and one dependency less.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Above 0, up to 1.
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }
}
