//! Reads what there is in every way, and holds it against the models.

use super::Run;
use crate::histogram::between;
use crate::setup::KINDS;
use epoch_metrics::Value;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

impl Run {
    pub(super) fn read_histogram(&mut self, thread: usize, which: usize) {
        let (before, now) = self.workers[thread].run(move |metrics| {
            let histogram = &metrics.histograms[which];
            (histogram.latest().snapshot, histogram.snapshot())
        });
        let at = self.now();
        let model = &mut self.histograms[which];
        assert_eq!(
            Arc::ptr_eq(&before, &now),
            !model.changed,
            "a new snapshot when and only when something is new"
        );
        model.check(&now);
        if model.changed {
            model.publish(at);
        }
    }

    pub(super) fn read_latest(&self, thread: usize, which: usize) {
        let latest = self.workers[thread].run(move |metrics| metrics.histograms[which].latest());
        let (model, snapshot) = (&self.histograms[which], latest.snapshot);
        assert_eq!(
            (snapshot.count(), snapshot.sum(), snapshot.rejected()),
            model.published
        );
        assert_eq!(latest.age, self.now().saturating_sub(model.taken));
    }

    pub(super) fn read_throughput(&self, thread: usize) {
        let (snapshot, again) = self.workers[thread]
            .run(|metrics| (metrics.finished.snapshot(), metrics.finished.snapshot()));
        assert!(
            Arc::ptr_eq(&snapshot, &again),
            "nothing was finished between the two"
        );
        self.finished.check(&snapshot, self.now());
    }

    pub(super) fn read_cells(&self, thread: usize) {
        let (first, last, level, ratio) = self.workers[thread].run(|metrics| {
            (
                metrics.first.get(),
                metrics.last.get(),
                metrics.level.get(),
                metrics.ratio.get(),
            )
        });
        assert_eq!(([first, last], level), (self.counters, self.level));
        assert!(same(ratio, self.ratio), "{ratio} for {}", self.ratio);
    }

    pub(super) fn read_all(&mut self, thread: usize) {
        let snapshot = self.workers[thread].run(|metrics| metrics.registry.snapshot());
        let second = self.now().as_secs();
        let changed = self.changed || second != self.second;
        let unseen = self
            .seen
            .as_ref()
            .is_none_or(|seen| !Arc::ptr_eq(seen, &snapshot));
        assert_eq!(
            unseen,
            changed || self.seen.is_none(),
            "a new snapshot when and only when something is new"
        );
        (self.seen, self.changed, self.second) = (Some(Arc::clone(&snapshot)), false, second);
        let finished = self.workers[thread].run({
            let snapshot = Arc::clone(&snapshot);
            move |metrics| Arc::clone(snapshot.throughput(&metrics.finished).unwrap())
        });
        let names: HashSet<&str> = snapshot.families().map(|family| family.name()).collect();
        assert!(names.contains("finished") && names.contains("finished_per_second"));
        for family in snapshot.families() {
            let values: Vec<Value> = family.series().map(|series| series.value()).collect();
            match (family.name(), &values[..]) {
                ("first", [Value::Counter(value)]) => assert_eq!(*value, self.counters[0]),
                ("last", [Value::Counter(value)]) => assert_eq!(*value, self.counters[1]),
                ("level", [Value::Gauge(value)]) => assert_eq!(*value, self.level),
                ("ratio", [Value::FloatGauge(value)]) => assert!(same(*value, self.ratio)),
                ("finished", [Value::Counter(total)]) => {
                    assert_eq!(*total, finished.total());
                    self.finished.check(&finished, self.now());
                }
                ("finished_per_second", _) => {
                    let shown = family.series().map(|series| {
                        match (series.labels().next(), series.value()) {
                            (Some(("window", window)), Value::FloatGauge(rate)) => {
                                (window.to_owned(), rate)
                            }
                            other => panic!("{other:?}"),
                        }
                    });
                    let expected = finished.rates().iter().map(|rate| {
                        let window = format!("{}s", rate.window.as_secs());
                        (window, rate.per_second.unwrap_or(f64::NAN))
                    });
                    for ((window, rate), expected) in shown.zip(expected) {
                        assert_eq!(window, expected.0);
                        assert!(same(rate, expected.1), "{rate} for {expected:?}");
                    }
                    assert_eq!(family.series().count(), finished.rates().len());
                }
                ("values", [Value::Histogram(value)]) => self.histograms[0].check(value),
                ("durations_seconds", [Value::Histogram(value)]) => self.histograms[1].check(value),
                ("filler", values) => {
                    assert!(
                        values.len() == self.setup.apart
                            && values.iter().all(|x| matches!(x, Value::Counter(0)))
                    );
                }
                ("by_kind", _) => {
                    let shown: HashMap<&str, u64> = family
                        .series()
                        .map(|series| match (series.labels().next(), series.value()) {
                            (Some(("kind", kind)), Value::Counter(value)) => (kind, value),
                            other => panic!("{other:?}"),
                        })
                        .collect();
                    let expected = KINDS
                        .iter()
                        .zip(self.members)
                        .filter_map(|(kind, n)| Some((*kind, n?)));
                    assert_eq!(shown, expected.collect());
                }
                other => panic!("{other:?}"),
            }
        }
        for (family, model) in ["values", "durations_seconds"].iter().zip(&self.histograms) {
            let mut sorted: Vec<u64> = model.values().collect();
            sorted.sort_unstable();
            let series = snapshot.family(family).unwrap().series().next().unwrap();
            for (bound, count) in series.cumulative() {
                // Half a bucket: nothing where every value has a bucket of its own.
                let slack = bound / (2 * 10_u64.pow(model.digits.into()));
                let least = between(&sorted, 0, bound - slack);
                let most = between(&sorted, 0, bound.saturating_add(slack));
                assert!(
                    (least..=most).contains(&count),
                    "{count} at or below {bound}, not {least} to {most}"
                );
            }
        }
        let now = self.now();
        self.histograms
            .iter_mut()
            .filter(|model| model.changed)
            .for_each(|model| model.publish(now));
    }
}

/// The same float; of those that are no number, any.
fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}
