//! Two hundred scrapers at the example server at once, in all formats, while it answers requests.

#[path = "exposition/protobuf/messages.rs"]
#[allow(dead_code, reason = "the tests that read expositions use the rest")]
mod messages;
#[path = "served/mod.rs"]
#[allow(dead_code, reason = "shared with the other tests of the server")]
mod served;
#[path = "exposition/validator/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "the tests that read expositions use the rest"
)]
mod validator;

use epoch_metrics::{OPENMETRICS_CONTENT_TYPE, PROMETHEUS_CONTENT_TYPE, PROTOBUF_CONTENT_TYPE};
use flate2::read::GzDecoder;
use served::{Response, Server};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};
use validator::{OPEN_METRICS, Syntax, TEXT};

const SCRAPERS: usize = 200;
/// Scrapes of each.
const ROUNDS: usize = 5;

/// What a scraper asks for, and gets. Every second one of each takes gzip.
const FORMATS: [(&str, &str); 4] = [
    ("text/plain;version=0.0.4", PROMETHEUS_CONTENT_TYPE),
    (
        "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
        OPENMETRICS_CONTENT_TYPE,
    ),
    (
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
        PROTOBUF_CONTENT_TYPE,
    ),
    ("*/*", PROMETHEUS_CONTENT_TYPE),
];

/// A connection that is kept alive, as Prometheus keeps it.
struct Scraper {
    stream: TcpStream,
    content_type: &'static str,
    gzip: bool,
    request: String,
}

impl Scraper {
    fn new(server: &Server, number: usize) -> Self {
        let (accept, content_type) = FORMATS[number % FORMATS.len()];
        let gzip = (number / FORMATS.len()).is_multiple_of(2);
        let encoding = if gzip { "gzip" } else { "identity" };
        Self {
            stream: server.connect(),
            content_type,
            gzip,
            request: format!(
                "GET /metrics HTTP/1.1\r\nhost: test\r\naccept: {accept}\r\naccept-encoding: {encoding}\r\n\r\n"
            ),
        }
    }

    /// The body as it came.
    fn scrape(&mut self) -> Vec<u8> {
        self.stream
            .write_all(self.request.as_bytes())
            .expect("the server reads");
        let answer = Response::try_read_bytes(&mut self.stream);
        let (response, body) = answer.expect("a scrape is answered");
        assert_eq!(response.status, 200);
        // The head was read as small letters.
        let content_type = self.content_type.to_ascii_lowercase();
        assert_eq!(response.header("content-type"), Some(&*content_type));
        let encoding = self.gzip.then_some("gzip");
        assert_eq!(response.header("content-encoding"), encoding);
        body
    }

    /// Reads a body, which must be valid: how many requests were answered and how many scrapes.
    fn read(&self, body: Vec<u8>) -> [f64; 2] {
        let body = if self.gzip {
            let (mut inflated, mut decoder) = (Vec::new(), GzDecoder::new(&*body));
            decoder.read_to_end(&mut inflated).expect("a gzip member");
            assert!(decoder.into_inner().is_empty(), "bytes behind the member");
            inflated
        } else {
            body
        };
        let read: fn(&[u8], &str) -> f64 = match self.content_type {
            PROTOBUF_CONTENT_TYPE => of_messages,
            OPENMETRICS_CONTENT_TYPE => |body, route| of_text(body, route, OPEN_METRICS),
            _ => |body, route| of_text(body, route, TEXT),
        };
        ["/infer", "/metrics"].map(|route| read(&body, route))
    }
}

/// Answers with status 200 that a text counts for a route.
fn of_text(body: &[u8], route: &str, syntax: Syntax) -> f64 {
    let text = std::str::from_utf8(body).expect("text");
    let families = validator::valid(text, syntax);
    let samples = families.values().flat_map(|family| &family.samples);
    let mut counted = samples.filter(|sample| {
        let label = |name: &str| sample.labels.get(name).map(String::as_str);
        sample.name == "http_requests_total"
            && (label("route"), label("status")) == (Some(route), Some("200"))
    });
    counted.next().map_or(0.0, |sample| sample.value)
}

/// The same of protobuf messages.
fn of_messages(body: &[u8], route: &str) -> f64 {
    let families = messages::decode(body);
    assert!(families.len() > 20, "{} families", families.len());
    let histograms = families.iter().filter(|family| family.kind() == 4);
    for metric in histograms.flat_map(|family| &family.metric) {
        let histogram = metric.histogram.as_ref().expect("it is one");
        assert!(histogram.schema.is_some());
        let buckets = histogram.bucket.iter();
        let counts: Vec<_> = buckets.map(|bucket| bucket.cumulative_count()).collect();
        assert!(counts.is_sorted(), "{counts:?}");
        assert!(counts.last() <= Some(&histogram.sample_count()));
    }
    let mut requests = families
        .iter()
        .filter(|family| family.name() == "http_requests_total")
        .flat_map(|family| &family.metric)
        .filter(|metric| {
            let label = |name, value| {
                let mut labels = metric.label.iter();
                labels.any(|label| label.name() == name && label.value() == value)
            };
            label("route", route) && label("status", "200")
        });
    requests.next().map_or(0.0, |metric| {
        metric.counter.as_ref().expect("it is one").value()
    })
}

#[test]
fn two_hundred_scrapers_at_once_all_get_valid_pages() {
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--load",
        "500",
        "--seconds",
        "300",
    ];
    let server = Server::start_with(&arguments);
    // The first inference waits for its model, and pages may be a quarter of a second old.
    let started = Instant::now();
    let mut pages = 1;
    while server.metric("http_requests_total{route=\"/infer\",status=\"200\"}") == 0.0 {
        assert!(started.elapsed() < served::PATIENCE, "nothing is inferred");
        pages += 1;
    }
    // All are connected before the first one scrapes.
    let scrapers = (0..SCRAPERS).map(|number| Scraper::new(&server, number));
    let scrapers: Vec<_> = scrapers.collect();
    let scrapes = |mut scraper: Scraper| {
        let mut last = [0.0; 2];
        for _ in 0..ROUNDS {
            let body = scraper.scrape();
            let counted = scraper.read(body);
            assert!(
                last[0] <= counted[0] && last[1] <= counted[1],
                "{last:?}, and then {counted:?}"
            );
            last = counted;
        }
        last
    };
    let last = thread::scope(|scope| {
        let scrapes = &scrapes;
        let threads = scrapers.into_iter();
        let threads: Vec<_> = threads
            .map(|scraper| scope.spawn(move || scrapes(scraper)))
            .collect();
        let threads = threads.into_iter().map(|thread| thread.join());
        threads
            .collect::<Result<Vec<_>, _>>()
            .expect("no scrape failed")
    });
    assert!(last.iter().all(|[inferred, _]| *inferred > 0.0));
    // Each was counted, as was no error.
    let scraped = "http_requests_total{route=\"/metrics\",status=\"200\"}";
    let started = Instant::now();
    while server.metric(scraped) < (pages + SCRAPERS * ROUNDS) as f64 {
        assert!(started.elapsed() < served::PATIENCE, "scrapes are missing");
    }
    let load = |result| server.metric(&format!("load_requests_total{{result=\"{result}\"}}"));
    assert!(load("answered") > 0.0);
    assert_eq!(load("failed"), 0.0);
    let errors = server.get("/metrics").body;
    let mut errors = errors
        .lines()
        .filter(|line| line.starts_with("http_client_errors_total{"));
    assert!(errors.all(|line| line.ends_with(" 0")));
}

/// ```sh
/// cargo test --features gzip,protobuf --test scrapers -- --ignored --nocapture
/// ```
#[test]
#[ignore = "a measurement of 36 s, for a machine that does nothing else"]
fn how_far_scrapers_move_the_latency() {
    for (scrapers, pause) in [
        (0, Duration::ZERO),
        (SCRAPERS, Duration::from_secs(1)),
        (SCRAPERS, Duration::ZERO),
    ] {
        let arguments = [
            "--listen",
            "127.0.0.1:0",
            "--load",
            "500",
            "--seconds",
            "12",
        ];
        let mut server = Server::start_with(&arguments);
        let ends = Instant::now() + Duration::from_secs(11);
        let scrapes: usize = thread::scope(|scope| {
            let server = &server;
            let scrape = move |number: usize| {
                // Spread over the pause.
                thread::sleep(pause * number as u32 / SCRAPERS as u32);
                let mut scraper = Scraper::new(server, number);
                let mut scrapes = 0;
                while Instant::now() < ends {
                    scraper.scrape();
                    scrapes += 1;
                    thread::sleep(pause);
                }
                scrapes
            };
            let threads: Vec<_> = (0..scrapers)
                .map(|number| scope.spawn(move || scrape(number)))
                .collect();
            let threads = threads.into_iter();
            threads
                .map(|thread| thread.join().expect("no scrape failed"))
                .sum()
        });
        let (status, printed) = server.wait();
        assert!(status.success());
        let latency = printed.lines().find(|line| line.contains("latency    p50"));
        let latency = latency.expect("the summary").trim();
        println!(
            "{scrapers} scrapers, {} scrapes a second: {latency}",
            scrapes / 11
        );
    }
}
