//! The example's alerts in a Prometheus that scrapes the example: all can be evaluated, and one fires when the server is slow.

use crate::monitor::Prometheus;
use crate::rules;
use crate::served::{Response, Server};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::{fs, process, thread};

const CLIENTS: usize = 16;
const FIRING: &str =
    "ALERTS{alertname=\"ServerLatencyHigh\", alertstate=\"firing\", job=\"server\"}";

/// The alerts with windows of ten seconds, and without the time for which a condition has to last.
fn shortened() -> String {
    let alerts = fs::read_to_string(rules::folder().join("alerts.yml")).expect("it is there");
    let lines = alerts
        .lines()
        .map(|line| match line.trim_start().starts_with("for: ") {
            true => String::new(),
            false => line
                .replace("[5m]", "[10s]")
                .replace("[15m]", "[10s]")
                .replace("[30m]", "[10s]"),
        });
    lines.collect::<Vec<_>>().join("\n")
}

pub(crate) fn a_slow_server_has_one_firing() {
    let file = format!("alerts-{}.yml", process::id());
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
    fs::write(&file, shortened()).expect("a file can be written");
    let arguments = ["--listen", "127.0.0.1:0", "--load", "0", "--seconds", "600"];
    let server = Server::start_with(&arguments);
    let targets = [&server.address];
    let config = format!(
        "global: {{scrape_interval: 500ms, evaluation_interval: 500ms}}\nrule_files: [{file:?}]\n\
         scrape_configs: [{{job_name: server, static_configs: [{{targets: {targets:?}}}]}}]\n"
    );
    let prometheus = Prometheus::start(&config, &[]);
    prometheus.wait_for("sum(up{job=\"server\"})", 1.0);
    assert!(prometheus.query(FIRING).expect("an answer").is_empty());

    // Long texts for a slow model: a batch of them takes longer than the target.
    let stopped = AtomicBool::new(false);
    thread::scope(|scope| {
        let client = || send_until(&server, &stopped);
        let clients = [(); CLIENTS].map(|()| scope.spawn(client));
        // Ends the clients, also if the wait panics.
        let ends = OnDrop(&stopped);
        prometheus.wait_for(FIRING, 1.0);
        drop(ends);
        for client in clients {
            client.join().expect("every request was answered");
        }
    });
    // It ends when the slow requests do.
    prometheus.wait_for(&format!("absent({FIRING})"), 1.0);
    // All alerts were evaluated without an error, with the data of all of this.
    let alerts = prometheus.alerts().expect("an answer");
    assert_eq!(alerts.len(), 8, "{alerts:?}");
    assert!(
        alerts.iter().all(|alert| alert.health == "ok"),
        "{alerts:?}"
    );
    let _ = fs::remove_file(file);
}

fn send_until(server: &Server, stopped: &AtomicBool) {
    let text = "w ".repeat(30_000);
    let head = format!(
        "POST /infer?model=large HTTP/1.1\r\nhost: test\r\ncontent-length: {}",
        text.len()
    );
    let request = format!("{head}\r\n\r\n{text}");
    let mut stream = server.connect();
    while !stopped.load(SeqCst) {
        stream.write_all(request.as_bytes()).expect("it reads");
        assert_eq!(Response::read(&mut stream).status, 200);
    }
}

struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}
