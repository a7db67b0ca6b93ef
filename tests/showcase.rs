//! The example server beyond single requests: batches, models, several inferences in one body, the benchmark.

#[path = "served/mod.rs"]
#[allow(dead_code, reason = "shared with the other tests of the server")]
mod served;

use serde_json::Value;
use served::{INFERRED, PATIENCE, Response, Server, output};
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

const HITS: &str = "server_model_reads_total{result=\"hit\"}";
const MISSES: &str = "server_model_reads_total{result=\"miss\"}";

/// The lines of an answer of `/batch`.
fn lines(answer: &Response) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let lines = answer.body.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().expect("each line is JSON")
}

/// Requests that are sent after the answer to the one before. If the system interrupts the batcher in between, it finds the next one
/// in the queue, so not every round is served at once. Sooner or later one is.
#[test]
fn requests_do_not_wait_while_nothing_is_under_way() {
    let server = Server::start();
    let mut stream = server.connect();
    let requests = 10.0;
    let started = Instant::now();
    let mut before = [0.0; 2];
    for round in 1.. {
        for _ in 0..10 {
            stream
                .write_all(b"GET /infer HTTP/1.1\r\nhost: test\r\n\r\n")
                .expect("the server reads");
            assert_eq!(Response::read(&mut stream).status, 200);
        }
        server.await_metric(INFERRED, requests * f64::from(round));
        let paths = ["at_once", "collected"]
            .map(|path| server.metric(&format!("server_batches_total{{path=\"{path}\"}}")));
        let [at_once, collected] = [paths[0] - before[0], paths[1] - before[1]];
        assert_eq!(at_once + collected, requests);
        if at_once == requests {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "{at_once} of {requests}");
        before = paths;
    }
}

#[test]
fn parts_of_a_body_are_answered_one_by_one() {
    let server = Server::start();
    let body = "{\"text\": \"to be or not to be\"}\n\
                \n\
                {\"text\": \"print 1\", \"model\": \"code\"}\r\n\
                {\"txt\": \"a mistake\"}\n\
                not JSON at all\n\
                [\"an\", \"array\"]\n\
                {\"text\": 7}\n\
                {\"text\": \"\", \"model\": \"nobody\"}\n\
                {\"text\": \"x\", \"model\": null}\n\
                {\"text\": \"x\"} {\"text\": \"y\"}\n\
                {\"text\": \"the last line has no end\"}";
    let answers = lines(&server.post("/batch", body));
    let expected = [
        Ok((6, "base")),
        Ok((2, "code")),
        Err("unknown key"),
        Err("an object"),
        Err("an object"),
        Err("a string: text"),
        Err("no such model"),
        Err("by a string"),
        Err("an object"),
        Ok((6, "base")),
    ];
    assert_eq!(answers.len(), expected.len(), "{answers:?}");
    for (answer, expected) in answers.iter().zip(expected) {
        match expected {
            Ok((tokens, model)) => {
                assert_eq!(
                    (answer["tokens"].as_u64(), &answer["model"]),
                    (Some(tokens), &model.into())
                );
                assert!(answer["latency_ms"].as_f64() > Some(0.0), "{answer}");
            }
            Err(reason) => {
                assert_eq!(answer["status"], 400, "{answer}");
                let error = answer["error"].as_str().expect("a text");
                assert!(error.contains(reason), "{error:?}, not {reason:?}");
            }
        }
    }
    // Three inferences, in one request.
    server.await_metric("server_requests_total", 3.0);
    server.await_metric("server_tokens_total", 14.0);
    server.await_metric("server_parts_total{status=\"200\"}", 3.0);
    server.await_metric("server_parts_total{status=\"400\"}", 7.0);
    server.await_metric("http_requests_total{route=\"/batch\",status=\"200\"}", 1.0);
    assert_eq!(server.metric(INFERRED), 0.0);
}

/// The exemplars of the latency, as OpenMetrics shows them.
fn exemplars(server: &Server) -> Vec<String> {
    let page = server.send(
        b"GET /metrics HTTP/1.1\r\nhost: test\r\naccept: application/openmetrics-text\r\nconnection: close\r\n\r\n",
    );
    let lines = page.body.lines();
    let lines = lines.filter(|line| line.starts_with("server_request_latency_seconds_bucket"));
    lines
        .filter_map(|line| Some(line.split_once(" # ")?.1.split_once(' ')?.0.to_owned()))
        .collect()
}

#[test]
fn sampled_traces_of_clients_become_exemplars() {
    let server = Server::start();
    let send = |target: &str, trace: &str, flags: &str| {
        let body = "{\"text\": \"one\"}\n{\"text\": \"two\"}\n";
        let length = body.len();
        let request = format!(
            "POST {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {length}\r\n\
             traceparent: 00-{trace}-00f067aa0ba902b7-{flags}\r\n\r\n{body}"
        );
        assert_eq!(server.send(request.as_bytes()).status, 200);
    };
    send("/infer", &"1".repeat(32), "00"); // not sampled
    server.await_metric(
        "server_request_latency_window_seconds_count{window=\"10s\"}",
        1.0,
    );
    assert_eq!(exemplars(&server), [] as [String; 0]);

    for (target, digit, inferences) in [("/infer", "2", 2.0), ("/batch", "3", 4.0)] {
        let trace = digit.repeat(32);
        send(target, &trace, "01");
        server.await_metric("server_request_latency_seconds_count", inferences);
        let expected = format!("{{trace_id=\"{trace}\",span_id=\"00f067aa0ba902b7\"}}");
        let found = exemplars(&server);
        assert!(found.contains(&expected), "{found:?}");
    }
}

#[test]
fn the_built_in_load_sends_batches_too() {
    let server = Server::start_with(&["--load", "2000"]);
    let started = Instant::now();
    let parts = || server.metric("server_parts_total{status=\"200\"}");
    while parts() == 0.0 {
        assert!(started.elapsed() < PATIENCE, "no batch");
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(server.metric("load_requests_total{result=\"failed\"}"), 0.0);
}

#[test]
fn bodies_of_parts_have_bounds() {
    let server = Server::start();
    let part = "{\"text\": \"one two\"}\n";
    let answers = lines(&server.post("/batch", &part.repeat(64)));
    let served = answers.iter().filter(|answer| answer["tokens"] == 2);
    assert_eq!(served.count(), 64);
    // They arrive together, so they share batches.
    let largest = answers
        .iter()
        .filter_map(|answer| answer["batch"].as_u64())
        .max();
    assert!(largest > Some(1), "{answers:?}");
    assert_eq!(server.post("/batch", &part.repeat(65)).status, 413);
    assert_eq!(server.post("/batch", &"\n".repeat(65)).status, 400);
    assert_eq!(server.post("/batch", "").status, 400);
    assert_eq!(server.post("/batch", &"x".repeat(100_000)).status, 413);
    // JSON as deep as a body can be, and bytes that are not UTF-8.
    let deep = format!("{{\"text\": {}", "[".repeat(60_000));
    assert_eq!(lines(&server.post("/batch", &deep))[0]["status"], 400);
    let head = "POST /batch HTTP/1.1\r\nhost: test\r\ncontent-length: 14\r\n\r\n";
    let bytes = [head.as_bytes(), b"{\"text\": \"\xff\"}\n"].concat();
    assert_eq!(lines(&server.send(&bytes))[0]["status"], 400);
    let answer = server.get("/batch");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("post")));
}

#[test]
fn a_full_queue_refuses_parts_and_serves_the_others() {
    let server = Server::start();
    let part = format!(
        "{{\"text\": \"{}\", \"model\": \"large\"}}\n",
        "w ".repeat(480)
    );
    let body = part.repeat(64);
    // More parts than the queue has places. Whether they meet is up to the system's scheduler; sooner or later they do.
    let started = Instant::now();
    let (mut served, mut refused) = (0, 0);
    while refused == 0 {
        assert!(started.elapsed() < PATIENCE, "the queue is never full");
        let answers = thread::scope(|scope| {
            let clients = [(); 24].map(|()| scope.spawn(|| lines(&server.post("/batch", &body))));
            clients.map(|client| client.join().expect("an answer"))
        });
        for answer in answers.iter().flatten() {
            if answer["tokens"] == 480 {
                served += 1;
            } else {
                assert_eq!(
                    *answer,
                    serde_json::json!({"status": 503, "error": "the queue is full"})
                );
                refused += 1;
            }
        }
        assert_eq!((served + refused) % 64, 0);
    }
    server.await_metric("server_parts_total{status=\"200\"}", f64::from(served));
    server.await_metric("server_parts_total{status=\"503\"}", f64::from(refused));
    server.await_metric("server_requests_total", f64::from(served));
}

#[test]
fn models_are_prepared_once_and_their_reads_counted() {
    let server = Server::start();
    // Concurrent requests: the model is loaded once.
    let names = thread::scope(|scope| {
        let clients =
            [(); 8].map(|()| scope.spawn(|| server.get("/infer?model=chat&two+words").json()));
        clients.map(|client| client.join().expect("an answer"))
    });
    for answer in &names {
        assert_eq!(
            (&answer["model"], &answer["tokens"]),
            (&"chat".into(), &2.into())
        );
    }
    server.await_metric("server_model_load_seconds_count", 1.0);
    assert_eq!(server.metric(HITS) + server.metric(MISSES), 8.0);
    assert!(server.metric(MISSES) >= 1.0);
    let (hits, misses) = (server.metric(HITS), server.metric(MISSES));

    // Without a name the first model is used. With three more, "chat" is evicted.
    assert_eq!(server.get("/infer").json()["model"], "base");
    for model in ["small", "large", "code"] {
        let answer = server.post(&format!("/infer?model={model}"), "a b c");
        assert_eq!(
            (&answer.json()["model"], &answer.json()["tokens"]),
            (&model.into(), &3.into())
        );
    }
    assert_eq!(server.get("/infer?model=base").json()["tokens"], 1);
    assert_eq!(server.get("/infer?model=chat").json()["model"], "chat");
    server.await_metric(HITS, hits + 1.0);
    server.await_metric(MISSES, misses + 5.0);
    server.await_metric("server_model_load_seconds_count", 6.0);

    let unknown = server.get("/infer?model=nobody&words");
    assert_eq!(unknown.status, 400);
    for model in ["base", "small", "large", "chat", "code", "math"] {
        assert!(unknown.body.contains(model), "{}", unknown.body);
        assert_eq!(server.get(&format!("/infer?model={model}")).status, 200);
    }
    server.await_metric("http_requests_total{route=\"/infer\",status=\"400\"}", 1.0);
}

/// Checks the format of the output, and no time.
#[test]
fn the_benchmark_prints_a_table() {
    for (rate, load) in [("200", "200 requests/s"), ("0", "32 connections")] {
        let output = output(&[
            "--benchmark",
            "--rate",
            rate,
            "--rounds",
            "1",
            "--seconds",
            "1",
        ]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
        assert!(said.contains(load), "{said}");
        let row = |name: &str| -> Vec<f64> {
            let line = said
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix("  "));
            let numbers = line
                .unwrap_or_else(|| panic!("no {name} in {said}"))
                .split_whitespace();
            numbers
                .map(|number| number.parse().expect("a number"))
                .collect()
        };
        for name in [
            "without metrics",
            "without metrics, again",
            "with metrics",
            "with metrics and controller",
        ] {
            let row = row(name);
            let [throughput, p50, p99, _, failed] = row[..] else {
                panic!("{name} has {row:?}");
            };
            assert!(
                throughput > 0.0 && p50 > 0.0 && p99 >= p50,
                "{name}: {row:?}"
            );
            assert_eq!(failed, 0.0, "{said}");
        }
        for part in [
            "noise",
            "ns a request",
            "% of its",
            "the original took 200 µs",
        ] {
            assert!(said.contains(part), "{part} in {said}");
        }
        // The processor time is known on Linux only.
        let odd = said.contains("NaN") || said.contains("inf");
        assert!(!odd || cfg!(not(target_os = "linux")), "{said}");
    }
}

#[test]
fn help_lists_the_flags() {
    let help = output(&["--help"]);
    let said = String::from_utf8_lossy(&help.stdout);
    assert!(help.status.success());
    for flag in [
        "listen",
        "load",
        "seconds",
        "benchmark",
        "rate",
        "rounds",
        "help",
    ] {
        assert!(said.contains(&format!("--{flag}")), "{flag} in {said}");
    }
}

#[test]
fn flags_of_the_benchmark_need_the_benchmark() {
    let refused = output(&["--rate", "10"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && said.contains("--benchmark"),
        "{said}"
    );
}
