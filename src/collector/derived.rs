//! The families that a collector's page derives from the snapshot that it shows, and from the sections.
//!
//! Making a page is not counted as a read of the sections;
//! `MetricsCollector::snapshot` and `render_json`, which read them as well, are.

use crate::collector::sections::Sections;
use crate::collector::snapshot::LatencySnapshot;
use crate::{Observations, RegisterError, Registry, Summary, Unit, Value};
use std::sync::Arc;
use std::time::Duration;

/// Registers all derived families.
pub(super) fn register(
    sections: &Arc<Sections>,
    registry: &Registry,
    prefix: &str,
) -> Result<(), RegisterError> {
    register_latency(Arc::clone(sections), registry, prefix)?;
    register_batch(Arc::clone(sections), registry, prefix)?;
    register_modes(sections, registry, prefix)?;
    register_uptime(sections.started, registry, prefix)?;
    register_cache_stats(sections, registry, prefix)
}

fn register_latency(
    sections: Arc<Sections>,
    registry: &Registry,
    prefix: &str,
) -> Result<(), RegisterError> {
    let name = format!("{prefix}_request_latency_recent");
    let help = "Exact quantiles of the most recent requests; sum and count are of all.";
    registry.observable_summary(&name, help, Unit::Seconds, &[], move |snapshot, out| {
        let latency = sections.latency_in(snapshot, sections.latency_section.latest());
        if latency.lifetime.recent().is_some() {
            report(out, [([], recent_latency(&latency))]);
        }
    })
}

fn recent_latency(latency: &LatencySnapshot) -> Summary {
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let summary = Summary::new(latency.lifetime.count(), latency.lifetime.sum());
    let quantiles = [(0.5, latency.p50), (0.95, latency.p95), (0.99, latency.p99)];
    let add = |summary: Summary, (q, value): (f64, Option<Duration>)| {
        summary.quantile(q, value.map(nanos))
    };
    quantiles.into_iter().fold(summary, add)
}

fn register_batch(
    sections: Arc<Sections>,
    registry: &Registry,
    prefix: &str,
) -> Result<(), RegisterError> {
    let name = format!("{prefix}_batch_size_recent");
    registry.observable_gauge(
        &name,
        "Requests in the most recent batches.",
        &["of"],
        move |snapshot, out| {
            let batch = sections.batch_in(snapshot, sections.batch_section.latest());
            if batch.lifetime.recent().is_none() {
                return;
            }
            let size = |size: Option<u64>| size.map(|size| size as f64);
            let sizes = [
                ("current", size(batch.current)),
                ("min", size(batch.min)),
                ("max", size(batch.max)),
                ("mean", batch.mean),
            ];
            report(
                out,
                sizes.map(|(of, size)| ([of], size.unwrap_or(f64::NAN))),
            );
        },
    )
}

fn register_modes(
    sections: &Arc<Sections>,
    registry: &Registry,
    prefix: &str,
) -> Result<(), RegisterError> {
    let (current, counted) = (Arc::clone(sections), Arc::clone(sections));
    let name = format!("{prefix}_mode");
    registry.observable_gauge(
        &name,
        "The mode that the server is in.",
        &["mode"],
        move |_, out| {
            let mode = current.modes.latest().mode.clone();
            report(out, mode.iter().map(|mode| ([&**mode], 1.0)));
        },
    )?;
    let name = format!("{prefix}_mode_transitions");
    registry.observable_counter(&name, "Changes of mode.", &[], move |_, out| {
        report(out, [([], counted.modes.latest().count)]);
    })
}

fn register_uptime(
    started: Duration,
    registry: &Registry,
    prefix: &str,
) -> Result<(), RegisterError> {
    let (name, clock) = (
        format!("{prefix}_uptime_seconds"),
        Arc::clone(registry.clock()),
    );
    registry.observable_gauge(
        &name,
        "Time since the collector was created.",
        &[],
        move |_, out| {
            report(
                out,
                [([], clock.now().saturating_sub(started).as_secs_f64())],
            );
        },
    )
}

fn register_cache_stats(
    sections: &Arc<Sections>,
    registry: &Registry,
    prefix: &str,
) -> Result<(), RegisterError> {
    let (reads, folded) = (Arc::clone(sections), Arc::clone(sections));
    let name = format!("{prefix}_snapshot_reads");
    let help = "Reads of the collector's sections, by what they found.";
    registry.observable_counter(&name, help, &["section", "result"], move |_, out| {
        for (section, stats) in reads.cache_stats().by_section() {
            report(
                out,
                [
                    ([section, "hit"], stats.hits),
                    ([section, "rebuild"], stats.rebuilds),
                ],
            );
        }
    })?;
    let name = format!("{prefix}_snapshot_samples_folded");
    registry.observable_counter(
        &name,
        "Samples that reads folded in.",
        &["section"],
        move |_, out| {
            let stats = folded.cache_stats().by_section();
            report(
                out,
                stats.map(|(section, stats)| ([section], stats.samples_folded)),
            );
        },
    )
}

/// Reports series with the right number of labels, each once, so that none is refused.
fn report<'a, V: Into<Value>, L: AsRef<[&'a str]>>(
    out: &mut Observations<V>,
    series: impl IntoIterator<Item = (L, V)>,
) {
    for (labels, value) in series {
        let refused = out.observe(labels.as_ref(), value);
        debug_assert_eq!(refused, Ok(()));
    }
}
