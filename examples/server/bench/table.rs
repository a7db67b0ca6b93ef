//! Formats the results.

use super::cost::Cost;
use super::traffic::{CLOSED, SEED, Seen};
use super::{Configuration, Measured};
use crate::metrics::MAX_STALENESS;
use crate::options::Benchmark;
use std::fmt::Write;

/// Time that the collector which this one replaces took for each request, in nanoseconds.
const ORIGINAL: f64 = 200_000.0;
/// Largest acceptable share of a request's time.
const ALLOWED: f64 = 0.001;

/// The measurements of a round, in the order of [`Configuration::ALL`].
type Round = Vec<Measured>;
/// A quantity of a run.
type Quantity<'a> = &'a dyn Fn(&Seen) -> f64;

pub(super) fn introduction(benchmark: &Benchmark) -> String {
    let Benchmark {
        rate,
        rounds,
        seconds,
    } = benchmark;
    let load = match rate {
        0 => format!(
            "closed loop: {CLOSED} connections, each of which sends its next request after the last answer"
        ),
        _ => format!(
            "{rate} requests/s, open loop: due at random times; latencies count from the time at which a request was due"
        ),
    };
    format!(
        "benchmark: {rounds} rounds of {seconds} s for each configuration, in turn; seed {SEED:#x}\n{load}\n\
         clients and server share this machine; latencies are measured by clients; processor time is that of both, by request"
    )
}

/// Answered requests in a second.
fn throughput(seen: &Seen) -> f64 {
    seen.latencies.len() as f64 / seen.time.as_secs_f64()
}

/// In milliseconds; NaN if nothing was answered.
fn quantile(seen: &Seen, q: f64) -> f64 {
    let rank = (q * seen.latencies.len() as f64).ceil() as usize;
    let latency = seen.latencies.get(rank.max(1) - 1);
    latency.map_or(f64::NAN, |&nanos| nanos as f64 / 1e6)
}

/// Microseconds for each request; NaN where it is not known.
fn processor(seen: &Seen) -> f64 {
    let micros = seen.processor.map(|time| time.as_secs_f64() * 1e6);
    micros.unwrap_or(f64::NAN) / seen.latencies.len() as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        0 => (values[middle - 1] + values[middle]) / 2.0,
        _ => values[middle],
    }
}

/// A quantity of one configuration in each round.
fn values(
    rounds: &[Round],
    of: Configuration,
    quantity: impl Fn(&Measured) -> f64,
) -> impl Iterator<Item = f64> {
    rounds
        .iter()
        .map(move |round| quantity(&round[of as usize]))
}

/// The table, and the differences between configurations.
pub(super) fn comparison(rounds: &[Round]) -> String {
    let mut text = format!(
        "\n{:<28} {:>10} {:>9} {:>9} {:>13} {:>7}\n",
        "medians of the rounds", "requests/s", "p50 ms", "p99 ms", "processor µs", "failed"
    );
    for configuration in Configuration::ALL {
        let of = |quantity: Quantity<'_>| {
            let quantity = |measured: &Measured| quantity(&measured.seen);
            median(values(rounds, configuration, quantity).collect())
        };
        let failed = values(rounds, configuration, |one| one.seen.failed as f64);
        let _ = writeln!(
            text,
            "{:<28} {:>10.0} {:>9.3} {:>9.3} {:>13.1} {:>7}",
            configuration.name(),
            of(&throughput),
            of(&|seen| quantile(seen, 0.5)),
            of(&|seen| quantile(seen, 0.99)),
            of(&processor),
            failed.sum::<f64>(),
        );
    }
    text.push_str("\nwith metrics against without, in each round: median (least to largest); noise: without against without\n");
    let quantities: [(&str, Quantity<'_>); 3] = [
        ("requests/s", &throughput),
        ("p50", &|seen| quantile(seen, 0.5)),
        ("processor", &processor),
    ];
    for (name, quantity) in quantities {
        let _ = writeln!(
            text,
            "  {name:<12} {:<32} noise {}",
            differences(rounds, Configuration::WithMetrics, quantity),
            differences(rounds, Configuration::WithoutMetricsAgain, quantity),
        );
    }
    text.pop();
    text
}

/// The difference to the server without metrics, in percent.
fn differences(rounds: &[Round], of: Configuration, quantity: Quantity<'_>) -> String {
    let quantity = |measured: &Measured| quantity(&measured.seen);
    let without = values(rounds, Configuration::WithoutMetrics, quantity);
    let pairs = values(rounds, of, quantity).zip(without);
    let percent: Vec<f64> = pairs
        .map(|(one, other)| (one / other - 1.0) * 100.0)
        .collect();
    let least = percent.iter().copied().fold(f64::INFINITY, f64::min);
    let most = percent.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{:+.1} % ({least:+.1} to {most:+.1})", median(percent))
}

/// The share of a request's time, computed from the times of single calls.
pub(super) fn computed(cost: &Cost, rounds: &[Round]) -> String {
    let of = |quantity: &dyn Fn(&Measured) -> f64| {
        median(values(rounds, Configuration::WithController, quantity).collect())
    };
    let (batch, latency) = (of(&|one| one.batch), of(&|one| one.latency));
    let rebuilds = 1.0 / MAX_STALENESS.as_secs_f64() / of(&|one| throughput(&one.seen));
    let all = cost.request + cost.batch / batch + cost.rebuild * rebuilds;
    let busy = of(&|one| processor(&one.seen)) * 1e3;
    let verdict = if all / latency < ALLOWED {
        "met"
    } else {
        "missed"
    };
    format!(
        "\ncomputed from single calls, with other work between them and cold caches:\n  \
         a request    {:>6.0} ns: two readings of the clock, five metrics\n  \
         a batch      {:>6.0} ns: four metrics, a read of p99; for {batch:.1} requests on average\n  \
         a new p99    {:>6.0} ns: {:.0} times a second at the most\n  \
         together     {all:>6.0} ns a request, {:.3} % of its {:.0} µs in the server (target: under {} %: {verdict})\n  \
         {:>26} {:.2} % of its {:.0} µs of processor time, the client's included\n  \
         the original took {:.0} µs of every request",
        cost.request,
        cost.batch,
        cost.rebuild,
        1.0 / MAX_STALENESS.as_secs_f64(),
        all / latency * 100.0,
        latency / 1e3,
        ALLOWED * 100.0,
        "",
        all / busy * 100.0,
        busy / 1e3,
        ORIGINAL / 1e3,
    )
}
