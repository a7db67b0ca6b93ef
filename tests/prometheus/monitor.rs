//! A Prometheus process, or a VictoriaMetrics process, and the HTTP API that both have.

use crate::endpoint::Endpoint;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) type Labels = BTreeMap<String, String>;

/// How long anything may take before it has failed: generous, for machines that do much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// A Prometheus that is killed when the check ends, whichever way, and whose files are then removed; or a VictoriaMetrics.
pub(crate) struct Prometheus {
    child: Child,
    folder: PathBuf,
    address: String,
}

/// A time at which Prometheus had read what a check needs. Later scrapes, and those that fail, do not change the answers.
pub(crate) struct Moment<'a> {
    prometheus: &'a Prometheus,
    time: String,
}

/// One series of an answer.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    pub(crate) value: f64,
    /// When the query was evaluated, as Prometheus wrote it.
    time: String,
}

/// An alert, as Prometheus evaluated it last.
#[derive(Debug)]
#[allow(dead_code, reason = "one of the targets that share this file needs it")]
pub(crate) struct Alert {
    /// For what a failed check prints, as is the error.
    name: String,
    /// `ok`, `err`, or `unknown` before the first evaluation.
    pub(crate) health: String,
    /// Why it could not be evaluated.
    error: String,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Prometheus {
    /// Starts one that scrapes the endpoints each second.
    pub(crate) fn scraping(endpoints: &[&Endpoint]) -> Self {
        Self::scraping_with(endpoints, &[])
    }

    /// [`Self::scraping`] with further flags.
    pub(crate) fn scraping_with(endpoints: &[&Endpoint], flags: &[&str]) -> Self {
        Self::start(&config(endpoints), flags)
    }

    /// Starts a VictoriaMetrics that scrapes the endpoints each second.
    #[allow(dead_code, reason = "one of the targets that share this file needs it")]
    pub(crate) fn victoria_metrics_scraping(endpoints: &[&Endpoint]) -> Self {
        Self::start_victoria_metrics(&config(endpoints))
    }

    /// Starts a Prometheus with a configuration.
    pub(crate) fn start(config: &str, flags: &[&str]) -> Self {
        let mut command = Command::new("prometheus");
        command
            .args(["--config.file=config.yml", "--storage.tsdb.path=data"])
            // A free port, which the log names.
            .arg("--web.listen-address=127.0.0.1:0")
            .args(flags);
        let mut started = Self::spawn(command, config);
        started.address = started.until(|| started.listening().ok_or("it does not listen".into()));
        started
    }

    /// Starts a VictoriaMetrics with a configuration.
    #[allow(dead_code, reason = "one of the targets that share this file needs it")]
    pub(crate) fn start_victoria_metrics(config: &str) -> Self {
        // Its log does not name a port that the system chose.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = port.expect("a port is free").to_string();
        let mut command = Command::new("victoria-metrics");
        command
            .args(["-promscrape.config=config.yml", "-storageDataPath=data"])
            .arg(format!("-httpListenAddr={address}"))
            // Otherwise a query does not see the last 30 s.
            .args(["-search.latencyOffset=0s", "-search.disableCache"])
            .arg("-memory.allowedBytes=256MB");
        let mut started = Self::spawn(command, config);
        started.address = address;
        started.until(|| started.get("/api/v1/targets"));
        started
    }

    /// Starts a program in a folder of its own, with the file `config.yml`.
    fn spawn(mut command: Command, config: &str) -> Self {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let (id, number) = (process::id(), STARTED.fetch_add(1, SeqCst));
        let folder = format!("prometheus-{id}-{number}");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
        // Of an earlier process with this id, which was killed.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder for the database");
        fs::write(folder.join("config.yml"), config).expect("a file can be written");
        let log = File::create(folder.join("log")).expect("a file can be written");
        let child = command
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        Self {
            child,
            folder,
            address: String::new(),
        }
    }

    /// Waits until every target's last scrape succeeded.
    pub(crate) fn scraped(&self, endpoints: &[&Endpoint]) -> Moment<'_> {
        self.wait_for("sum(up)", endpoints.len() as f64)
    }

    /// Waits until a query has one series with this value.
    pub(crate) fn wait_for(&self, query: &str, expected: f64) -> Moment<'_> {
        let time = self.until(|| match &*self.try_query(query, None)? {
            [series] if series.value == expected => Ok(series.time.clone()),
            other => Err(format!("{query} is not {expected}, but {other:?}")),
        });
        let prometheus = self;
        Moment { prometheus, time }
    }

    /// The reason why each target's last scrape failed; empty if it did not.
    pub(crate) fn scrape_errors(&self) -> Result<Vec<String>, String> {
        let targets = self.get("/api/v1/targets")?;
        let targets = targets["activeTargets"].as_array().expect("a list");
        let error = |target: &Value| target["lastError"].as_str().expect("a text").to_owned();
        Ok(targets.iter().map(error).collect())
    }

    /// The alerts of all its files of rules.
    #[allow(dead_code, reason = "one of the targets that share this file needs it")]
    pub(crate) fn alerts(&self) -> Result<Vec<Alert>, String> {
        let rules = self.get("/api/v1/rules?type=alert")?;
        let groups = rules["groups"].as_array().expect("a list");
        let rules = groups
            .iter()
            .flat_map(|group| group["rules"].as_array().expect("a list"));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let alert = |rule: &Value| Alert {
            name: text(&rule["name"]),
            health: text(&rule["health"]),
            error: text(&rule["lastError"]),
        };
        Ok(rules.map(alert).collect())
    }

    /// What a query says now.
    #[allow(dead_code, reason = "one of the targets that share this file needs it")]
    pub(crate) fn query(&self, query: &str) -> Result<Vec<Series>, String> {
        self.try_query(query, None)
    }

    /// Tries until it succeeds, and panics with the last error when that takes too long.
    pub(crate) fn until<T>(&self, attempt: impl Fn() -> Result<T, String>) -> T {
        let started = Instant::now();
        loop {
            match attempt() {
                Ok(found) => return found,
                Err(error) if started.elapsed() > PATIENCE => {
                    let errors = self.scrape_errors();
                    panic!("{error}\nscrapes: {errors:?}\n{}", self.log())
                }
                Err(_) => thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// The address, once the log names it.
    fn listening(&self) -> Option<String> {
        let log = self.log();
        let line = log
            .split_inclusive('\n')
            .find(|line| line.contains("msg=\"Listening on\"") && line.ends_with('\n'))?;
        let (_, address) = line.split_once("address=")?;
        Some(address.split_whitespace().next()?.to_owned())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).expect("the log is text")
    }

    fn try_query(&self, query: &str, time: Option<&str>) -> Result<Vec<Series>, String> {
        let data = self.answer(query, time)?;
        assert_eq!(data["resultType"], "vector", "{query}");
        let series = data["result"].as_array().expect("a vector is a list");
        Ok(series.iter().map(Series::read).collect())
    }

    /// The data of a query's answer.
    fn answer(&self, query: &str, time: Option<&str>) -> Result<Value, String> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let time = time.map_or_else(String::new, |time| format!("&time={time}"));
        self.get(&format!("/api/v1/query?query={encoded}{time}"))
    }

    /// The exemplars that a query selects, of all times.
    #[allow(dead_code, reason = "one of the targets that share this file needs it")]
    pub(crate) fn exemplars(&self, query: &str) -> Result<Value, String> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        self.get(&format!(
            "/api/v1/query_exemplars?query={encoded}&start=0&end=4000000000"
        ))
    }

    /// The data of an answer of the API.
    fn get(&self, target: &str) -> Result<Value, String> {
        let response = self.exchange(target).map_err(|error| error.to_string())?;
        let (_, body) = response.split_once("\r\n\r\n").ok_or("no end of a head")?;
        let mut answer: Value =
            serde_json::from_str(body).map_err(|error| format!("{error} in {response}"))?;
        match answer["status"].as_str() {
            Some("success") => Ok(answer["data"].take()),
            _ => Err(format!("{target}: {answer}")),
        }
    }

    /// An exchange in HTTP/1.0, in which bodies have no chunks and end with the connection.
    fn exchange(&self, target: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        write!(stream, "GET {target} HTTP/1.0\r\n\r\n")?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        Ok(response)
    }
}

impl Moment<'_> {
    /// What a query says.
    pub(crate) fn query(&self, query: &str) -> Vec<Series> {
        let answer = self.prometheus.try_query(query, Some(&self.time));
        answer.unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    /// What a query says that has one series.
    pub(crate) fn value(&self, query: &str) -> f64 {
        match &*self.query(query) {
            [series] => series.value,
            other => panic!("{query} is not one series, but {other:?}"),
        }
    }
}

impl Moment<'_> {
    /// When it was, in seconds since 1970.
    #[allow(dead_code, reason = "one of the targets that share this file needs it")]
    pub(crate) fn seconds(&self) -> f64 {
        self.time.parse().expect("a number")
    }

    /// The samples of each series that a query with a range selects, oldest first.
    #[allow(dead_code, reason = "one of the targets that share this file needs it")]
    pub(crate) fn samples(&self, query: &str) -> Vec<Vec<f64>> {
        let answer = self.prometheus.answer(query, Some(&self.time));
        let answer = answer.unwrap_or_else(|error| panic!("{query}: {error}"));
        assert_eq!(answer["resultType"], "matrix", "{query}");
        let series = answer["result"].as_array().expect("a matrix is a list");
        let value = |sample: &Value| {
            let value = sample[1].as_str().expect("a text");
            value.parse().expect("a number")
        };
        let samples = |series: &Value| {
            let samples = series["values"].as_array().expect("a list");
            samples.iter().map(value).collect()
        };
        series.iter().map(samples).collect()
    }
}

/// A configuration by which the endpoints are scraped each second.
fn config(endpoints: &[&Endpoint]) -> String {
    let targets: Vec<String> = endpoints.iter().map(|it| it.instance()).collect();
    // A list of strings reads the same in Rust and in YAML.
    format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs: [{{job_name: test, static_configs: [{{targets: {targets:?}}}]}}]\n"
    )
}

impl Series {
    fn read(json: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let labels = json["metric"].as_object().expect("labels");
        let (time, value) = (&json["value"][0], text(&json["value"][1]));
        Self {
            labels: labels
                .iter()
                .map(|(name, value)| (name.clone(), text(value)))
                .collect(),
            value: value.parse().expect("a number"),
            time: time.to_string(),
        }
    }

    /// A label's value; empty if the series does not have it, as in PromQL.
    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}
