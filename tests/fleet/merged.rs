//! A fleet of servers under different loads, some of which are killed and start again, scraped as text and as protobuf messages.

use crate::monitor::{Moment, Prometheus};
use crate::process::{Counted, Process};
use crate::rules;
use crate::truth::{LATENCY, QUANTILES, Truth, assert_extrapolated, assert_near};
use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

const SERVERS: usize = 8;
/// Those that are killed between two loads.
const RESTARTED: [usize; 3] = [1, 4, 6];
const LOAD: Duration = Duration::from_secs(7);
/// The window of rates, in seconds: all of the test. The rules have the same one.
const WINDOW: f64 = 300.0;
const INFERRED: &str = "http_requests_total{route=\"/infer\",status=\"200\"}";

/// A Prometheus that reads classic histograms, and one that reads native ones: of this version, one reads one kind.
struct Fleet {
    processes: Vec<Process>,
    classic: Prometheus,
    native: Prometheus,
}

pub(crate) fn adds_up_through_restarts() {
    let mut fleet = Fleet::start();
    let first = fleet.under_load();
    let now = Truth::of(&first);
    check_classic(&fleet.classic_moment(&now), &now);
    check_native(&fleet.native_moment(&now), &now);

    fleet.restart();
    let untouched = (0..SERVERS).filter(|number| !RESTARTED.contains(number));
    let left = Truth::of(untouched.map(|number| &first[number]));
    // What has started again was scraped before it counts: otherwise its first count might exceed the last one of its predecessor, and
    // nothing would show that it started again.
    fleet.classic_moment(&left);
    fleet.native_moment(&left);

    let second = fleet.under_load();
    let now = Truth::of(&second);
    let (classic, native) = (fleet.classic_moment(&now), fleet.native_moment(&now));
    check_classic(&classic, &now);
    check_native(&native, &now);

    let ended = RESTARTED.map(|number| &first[number]);
    let all = Truth::of(second.iter().chain(ended));
    let part = check_resets(&classic, &all);
    check_rates(&classic, &all, part);
    check_rules(&fleet.classic, &classic, &all, part);
    // Prometheus extrapolates native histograms at both ends of the window, and counters that begin with 0 at one.
    let part = 2.0 * check_resets(&native, &all);
    check_native_rates(&fleet.native, &native, &all, part);
}

impl Fleet {
    fn start() -> Self {
        let processes: Vec<_> = (0..SERVERS)
            .map(|number| {
                // The slower an answer, the rarer: the quantiles of one process say little of the fleet's.
                let words = 1_500 * number;
                let pause = Duration::from_millis(4 + 3 * number as u64);
                Process::start("127.0.0.1:0", words, pause)
            })
            .collect();
        let targets: Vec<_> = processes.iter().map(Process::instance).collect();
        let rules = rules::folder().join("rules.yml");
        // Strings and lists of them read the same in Rust and in YAML.
        let config = format!(
            "global: {{scrape_interval: 250ms, evaluation_interval: 250ms}}\nrule_files: [{rules:?}]\n\
             scrape_configs: [{{job_name: fleet, static_configs: [{{targets: {targets:?}}}]}}]\n"
        );
        let fleet = Self {
            classic: Prometheus::start(&config, &[]),
            native: Prometheus::start(&config, &["--enable-feature=native-histograms"]),
            processes,
        };
        let nothing = Truth::of([]);
        fleet.classic_moment(&nothing);
        fleet.native_moment(&nothing);
        fleet
    }

    /// Waits until the last scrape of each process succeeded, and found together what was counted.
    fn classic_moment(&self, truth: &Truth) -> Moment<'_> {
        let count = format!("sum({LATENCY}_count)");
        self.classic.wait_for(&all_are_up(&count), truth.requests())
    }

    fn native_moment(&self, truth: &Truth) -> Moment<'_> {
        let count = format!("histogram_count(sum({LATENCY}))");
        self.native.wait_for(&all_are_up(&count), truth.requests())
    }

    /// What each process has counted since it started, at the end of a load.
    fn under_load(&mut self) -> Vec<Counted> {
        self.processes.iter_mut().for_each(Process::begin_load);
        thread::sleep(LOAD);
        self.processes.iter_mut().map(Process::end_load).collect()
    }

    fn restart(&mut self) {
        let processes = self.processes.drain(..).enumerate();
        let restarted = processes.map(|(number, process)| match RESTARTED.contains(&number) {
            true => process.restart(),
            false => process,
        });
        self.processes = restarted.collect();
    }
}

/// A query that has its value if all processes are up, and another one otherwise.
fn all_are_up(count: &str) -> String {
    format!("{count} + (sum(up) - {SERVERS})")
}

/// What the processes that run have counted.
fn check_classic(moment: &Moment<'_>, truth: &Truth) {
    check_counters(moment, truth);
    let sums = moment.query(&format!("sum by (le) ({LATENCY}_bucket)"));
    let sums = sums
        .iter()
        .map(|series| (series.label("le").to_owned(), series.value));
    assert_eq!(BTreeMap::from_iter(sums), truth.buckets);
    let sum = format!("sum({LATENCY}_sum)");
    assert_near(moment.value(&sum), truth.latency_sum, &sum);
    for q in QUANTILES {
        let query = format!("histogram_quantile({q}, sum by (le) ({LATENCY}_bucket))");
        truth.check_classic(moment.value(&query), q, 0.0);
    }
}

fn check_native(moment: &Moment<'_>, truth: &Truth) {
    check_counters(moment, truth);
    assert!(moment.query(&format!("{LATENCY}_bucket")).is_empty());
    let sum = format!("histogram_sum(sum({LATENCY}))");
    assert_near(moment.value(&sum), truth.latency_sum, &sum);
    for q in QUANTILES {
        let query = format!("histogram_quantile({q}, sum({LATENCY}))");
        truth.check_native(moment.value(&query), q, 0.0);
    }
}

fn check_counters(moment: &Moment<'_>, truth: &Truth) {
    for (query, expected) in [
        (format!("sum({INFERRED})"), truth.requests()),
        ("sum(server_requests_total)".to_owned(), truth.requests()),
        ("sum(server_tokens_total)".to_owned(), truth.tokens),
    ] {
        assert_eq!(moment.value(&query), expected, "{query}");
    }
}

/// What was scraped has all that was counted, by processes that run and by those that ended. Returns by which part of the truth a rate
/// may exceed it.
fn check_resets(moment: &Moment<'_>, truth: &Truth) -> f64 {
    let resets = format!("sum(resets({INFERRED}[5m]))");
    assert_eq!(moment.value(&resets), RESTARTED.len() as f64);
    let series = moment.samples(&format!("{INFERRED}[5m]"));
    assert_eq!(series.len(), SERVERS);
    let increase = |samples: &Vec<f64>| {
        assert_eq!(samples[0], 0.0);
        let steps = samples.windows(2).map(|step| match step[1] - step[0] {
            reset if reset < 0.0 => step[1],
            step => step,
        });
        steps.sum::<f64>()
    };
    let increases: f64 = series.iter().map(increase).sum();
    assert_eq!(increases, truth.requests());
    // Up to 1.1 intervals are added at an end of the window.
    let fewest = series.iter().map(Vec::len).min().unwrap_or_default();
    1.1 / (fewest - 1) as f64
}

fn check_rates(moment: &Moment<'_>, truth: &Truth, part: f64) {
    for (series, expected) in [
        (INFERRED, truth.requests()),
        ("server_tokens_total", truth.tokens),
        (&format!("{LATENCY}_count"), truth.requests()),
        (&format!("{LATENCY}_sum"), truth.latency_sum),
    ] {
        let increase = format!("sum(increase({series}[5m]))");
        assert_extrapolated(moment.value(&increase), expected, part, &increase);
        let rate = format!("sum(rate({series}[5m]))");
        assert_extrapolated(moment.value(&rate) * WINDOW, expected, part, &rate);
    }
    for q in QUANTILES {
        let query = format!("histogram_quantile({q}, sum by (le) (rate({LATENCY}_bucket[5m])))");
        truth.check_classic(moment.value(&query), q, part);
    }
}

/// A moment at which the rules were evaluated with all that was scraped until another moment.
fn evaluated<'a>(prometheus: &'a Prometheus, rule: &str, after: &Moment<'_>) -> Moment<'a> {
    let seconds = after.seconds();
    prometheus.wait_for(&format!("timestamp({rule}) > bool {seconds}"), 1.0)
}

fn check_rules(prometheus: &Prometheus, after: &Moment<'_>, truth: &Truth, part: f64) {
    // The last one of its group.
    let p99 = "job:server_request_latency_seconds:p99_5m";
    let moment = evaluated(prometheus, p99, after);
    for (rule, expected) in [
        (
            "job_route_status:http_requests:rate5m{job=\"fleet\",route=\"/infer\",status=\"200\"}",
            truth.requests(),
        ),
        ("job:server_tokens:rate5m{job=\"fleet\"}", truth.tokens),
        (
            "job_le:server_request_latency_seconds_bucket:rate5m{job=\"fleet\",le=\"+Inf\"}",
            truth.requests(),
        ),
    ] {
        assert_extrapolated(moment.value(rule) * WINDOW, expected, part, rule);
    }
    assert_eq!(moment.value("job:http_requests_failed:ratio_rate5m"), 0.0);
    // Each client waits for its answer.
    let batch = "job:server_batch_size:mean5m";
    assert_near(moment.value(batch), 1.0, batch);
    let mean = moment.value("job:server_request_latency_seconds:mean5m");
    let expected = truth.latency_sum / truth.requests();
    let range = expected / (1.0 + part)..=expected * (1.0 + part);
    assert!(range.contains(&mean), "{mean} is not in {range:?}");
    truth.check_classic(moment.value(p99), 0.99, part);
    let p50 = moment.value("job:server_request_latency_seconds:p50_5m");
    truth.check_classic(p50, 0.5, part);
}

fn check_native_rates(prometheus: &Prometheus, after: &Moment<'_>, truth: &Truth, part: f64) {
    for q in QUANTILES {
        let query = format!("histogram_quantile({q}, sum(rate({LATENCY}[5m])))");
        truth.check_native(after.value(&query), q, part);
    }
    let p99 = "job:server_request_latency_seconds:native_p99_5m";
    let moment = evaluated(prometheus, p99, after);
    truth.check_native(moment.value(p99), 0.99, part);
    let p50 = moment.value("job:server_request_latency_seconds:native_p50_5m");
    truth.check_native(p50, 0.5, part);
    let rate = "histogram_count(job:server_request_latency_seconds:rate5m)";
    let requests = moment.value(rate) * WINDOW;
    assert_extrapolated(requests, truth.requests(), part, rate);
}
