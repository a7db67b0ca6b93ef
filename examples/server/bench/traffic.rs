//! Sends the requests of the benchmark, the same ones in every run, and measures them.

use crate::client::{Client, Random};
use crate::options::Benchmark;
use std::error::Error;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

/// Seed of the pseudo-random numbers.
pub(super) const SEED: u64 = 0x5EED;
/// Connections of the open loop: many more than requests are under way at a time.
const OPEN: u64 = 64;
/// Connections of the closed loop.
pub(super) const CLOSED: u64 = 32;
/// Requests during this time do not count: connections are opened, and memory is used for the first time.
const WARM_UP: Duration = Duration::from_millis(250);
const TARGET: &str = "/infer";
/// A request has 1 to 64 words of it.
const TEXT: &str = "tic tac tic tac tic tac tic tac tic tac tic tac tic tac tic tac \
                    tic tac tic tac tic tac tic tac tic tac tic tac tic tac tic tac \
                    tic tac tic tac tic tac tic tac tic tac tic tac tic tac tic tac \
                    tic tac tic tac tic tac tic tac tic tac tic tac tic tac tic tac ";
const WORDS: u64 = 64;

/// The requests that count, as the clients saw them.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Latencies of answered requests in nanoseconds, sorted.
    pub(super) latencies: Vec<u64>,
    pub(super) failed: usize,
    /// Length of the measurement.
    pub(super) time: Duration,
    /// Processor time of this process during the measurement, clients included; `None` if it is not known.
    pub(super) processor: Option<Duration>,
}

/// The time during which requests count.
#[derive(Clone, Copy)]
struct Span {
    from: Instant,
    to: Instant,
}

/// Sends requests for the warm-up and the measurement.
///
/// # Errors
/// If a task of this program panics.
pub(super) async fn run(
    address: SocketAddr,
    benchmark: &Benchmark,
) -> Result<Seen, Box<dyn Error>> {
    let from = Instant::now() + WARM_UP;
    let to = from + Duration::from_secs(benchmark.seconds.into());
    let span = Span { from, to };
    let mut clients = JoinSet::new();
    if benchmark.rate == 0 {
        for number in 0..CLOSED {
            clients.spawn(closed(address, number, span));
        }
    } else {
        let mut due = Vec::new();
        for number in 0..OPEN {
            let (sender, receiver) = mpsc::unbounded_channel();
            due.push(sender);
            clients.spawn(open(address, number, span, receiver));
        }
        let rate = f64::from(benchmark.rate);
        // A thread: tokio's timers are too coarse for pauses of a tenth of a millisecond.
        thread::Builder::new().spawn(move || pace(rate, to, &due))?;
    }
    sleep_until(from.into()).await;
    let before = processor_time();
    sleep_until(to.into()).await;
    let after = processor_time();
    let mut seen = Seen {
        time: to - from,
        processor: after.zip(before).map(|(after, before)| after - before),
        ..Seen::default()
    };
    while let Some(client) = clients.join_next().await {
        let (latencies, failed) = client?;
        seen.latencies.extend(latencies);
        seen.failed += failed;
    }
    seen.latencies.sort_unstable();
    Ok(seen)
}

/// Makes requests due, for each connection in turn, with exponentially distributed pauses. If the thread wakes up late, the times that it
/// sends are still the planned ones.
fn pace(rate: f64, end: Instant, due: &[UnboundedSender<Instant>]) {
    let mut random = Random(SEED);
    let mut next = Instant::now();
    let mut connections = due.iter().cycle();
    loop {
        next += Duration::from_secs_f64(random.exponential(1.0 / rate));
        if next >= end {
            return;
        }
        thread::sleep(next.saturating_duration_since(Instant::now()));
        if let Some(connection) = connections.next() {
            // Fails only if a client panicked, which `run` reports.
            let _ = connection.send(next);
        }
    }
}

/// Sends requests when they are due. Latencies count from that time, so that they include waiting for a server that stalls (no
/// coordinated omission).
async fn open(
    address: SocketAddr,
    number: u64,
    span: Span,
    mut due: UnboundedReceiver<Instant>,
) -> (Vec<u64>, usize) {
    let mut sender = Sender::new(address, number, span);
    while let Some(due) = due.recv().await {
        sender.send(due).await;
    }
    (sender.latencies, sender.failed)
}

/// Sends each request after the last answer.
async fn closed(address: SocketAddr, number: u64, span: Span) -> (Vec<u64>, usize) {
    let mut sender = Sender::new(address, number, span);
    loop {
        let now = Instant::now();
        if now >= span.to {
            return (sender.latencies, sender.failed);
        }
        sender.send(now).await;
    }
}

/// One connection, its texts and its results.
struct Sender {
    client: Client,
    random: Random,
    span: Span,
    latencies: Vec<u64>,
    failed: usize,
}

impl Sender {
    fn new(address: SocketAddr, number: u64, span: Span) -> Self {
        Self {
            client: Client::new(address),
            random: Random(SEED + 1 + number),
            span,
            latencies: Vec::new(),
            failed: 0,
        }
    }

    async fn send(&mut self, due: Instant) {
        let words = 1 + self.random.next() % WORDS;
        let text = &TEXT[..words as usize * (TEXT.len() / WORDS as usize)];
        let sent = self.client.post(TARGET, text).await;
        if due < self.span.from {
            return;
        }
        match sent {
            Ok(()) => self.latencies.push(due.elapsed().as_nanos() as u64),
            Err(_) => self.failed += 1,
        }
    }
}

/// Processor time of this process, in user mode and in the system, to a hundredth of a second.
#[cfg(target_os = "linux")]
fn processor_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in parentheses, may have spaces and parentheses. utime and stime are fields 14 and 15; the third follows the name.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: Vec<u64> = ticks
        .map(str::parse)
        .collect::<Result<_, _>>()
        .unwrap_or_default();
    // Linux reports to programs in hundredths of a second on every architecture but Alpha and Itanium.
    (ticks.len() == 2).then(|| Duration::from_millis(10 * (ticks[0] + ticks[1])))
}

#[cfg(not(target_os = "linux"))]
fn processor_time() -> Option<Duration> {
    None
}
