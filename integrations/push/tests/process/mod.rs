//! A Pushgateway process, and its API.

use epoch_metrics_push::Pushgateway;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before it has failed: generous, for machines that do much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// A Pushgateway that is killed when the test ends, whichever way.
pub(crate) struct Gateway {
    child: Child,
    address: String,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Gateway {
    /// Starts one at a free port, which its log names. It keeps nothing on the disk.
    pub(crate) fn start() -> Self {
        let mut child = Command::new("prometheus-pushgateway")
            .args(["--web.listen-address=127.0.0.1:0", "--persistence.file="])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the gateway starts");
        let log = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut lines = log.lines().map_while(Result::ok);
        let address = lines.by_ref().find_map(|line| {
            let (_, address) = line.split_once("msg=\"Listening on\" address=")?;
            Some(address.trim_matches('"').to_owned())
        });
        // A pipe that nobody reads would stop the process.
        thread::spawn(move || lines.for_each(drop));
        let address = address.unwrap_or_default();
        let started = Self { child, address };
        assert!(!started.address.is_empty(), "it does not listen");
        started
    }

    pub(crate) fn job(&self, name: &str) -> Pushgateway {
        let gateway = Pushgateway::new(&format!("http://{}", self.address), name);
        gateway.expect("it is valid").timeout(PATIENCE)
    }

    /// What it has: an object for each group, with its `labels`, and each family by its name.
    pub(crate) fn groups(&self) -> Vec<Value> {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("it can be set");
        // In HTTP/1.0 bodies have no chunks and end with the connection.
        let request = "GET /api/v1/metrics HTTP/1.0\r\n\r\n";
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (_, body) = answer.split_once("\r\n\r\n").expect("there is a body");
        let mut answer: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(answer["status"], "success", "{answer}");
        match answer["data"].take() {
            Value::Array(groups) => groups,
            Value::Null => Vec::new(),
            other => panic!("{other}"),
        }
    }

    /// The gauges of a job, by name.
    pub(crate) fn values(&self, job: &str) -> Vec<(&'static str, i64)> {
        let groups = self.groups();
        let mut groups = groups.iter().filter(|group| group["labels"]["job"] == job);
        let Some(group) = groups.next() else {
            return Vec::new();
        };
        assert!(groups.next().is_none());
        let names = ["first", "second", "work_total"].into_iter();
        let gauges = names.filter_map(|name| {
            let value = group.get(name)?["metrics"][0]["value"].as_str();
            Some((name, value?.parse().expect("a whole number")))
        });
        gauges.collect()
    }

    /// Waits until there are so many groups.
    pub(crate) fn until_there_are(&self, groups: usize) {
        let started = Instant::now();
        while self.groups().len() != groups {
            assert!(started.elapsed() < PATIENCE, "{:?}", self.groups());
            thread::sleep(Duration::from_millis(20));
        }
    }
}
