//! Runs a program on real threads and on the models.

mod read;

use crate::histogram::HistogramModel;
use crate::program::{Burst, End, Op, Tick};
use crate::setup::{DURATIONS, KINDS, Metrics, Setup, Worker};
use crate::throughput::ThroughputModel;
use crate::values::Pick;
use epoch_metrics::{Clock as _, RecordError, RegistrySnapshot};
use std::sync::Arc;
use std::time::Duration;

/// A program that is under way, the models beside the metrics.
pub(crate) struct Run {
    metrics: Arc<Metrics>,
    workers: Vec<Worker>,
    /// Which thread each of them is, of all that ever were.
    writers: Vec<usize>,
    setup: Setup,
    /// The first and the last.
    counters: [u64; 2],
    members: [Option<u64>; KINDS.len()],
    level: i64,
    ratio: f64,
    histograms: [HistogramModel; 2],
    finished: ThroughputModel,
    /// Numbers handed out for values that are all different.
    numbered: u64,
    seen: Option<Arc<RegistrySnapshot>>,
    /// Something was written since `seen`, which was taken in this second.
    changed: bool,
    second: u64,
}

impl Run {
    pub(crate) fn new(setup: Setup) -> Self {
        let metrics = Arc::new(Metrics::new(&setup));
        Self {
            workers: (0..setup.threads)
                .map(|_| Worker::start(&metrics))
                .collect(),
            writers: (0..setup.threads).collect(),
            metrics,
            counters: [0; 2],
            members: [None; KINDS.len()],
            level: 0,
            ratio: 0.0,
            histograms: [
                HistogramModel::new(&setup, setup.range, false),
                HistogramModel::new(&setup, DURATIONS, setup.distinct),
            ],
            finished: ThroughputModel::new(&setup),
            numbered: 0,
            seen: None,
            changed: true,
            second: 0,
            setup,
        }
    }

    pub(crate) fn step(&mut self, thread: usize, op: Op) {
        let thread = thread % self.workers.len();
        match op {
            Op::Tick(_) | Op::Replace | Op::Timer(..) => {}
            Op::ReadHistogram(_)
            | Op::ReadLatest(_)
            | Op::ReadThroughput
            | Op::ReadCounter
            | Op::ReadAll => {}
            _ => self.changed = true,
        }
        match op {
            Op::Inc | Op::Add(_) | Op::Member(..) => self.count(thread, op),
            Op::Set(_) | Op::Raise(_) | Op::Lower(_) | Op::SetFloat(_) | Op::AddFloat(_) => {
                self.gauge(thread, op)
            }
            Op::Record(..) | Op::TryRecord(..) | Op::Burst(..) | Op::Reject(_) => {
                self.sample(thread, op)
            }
            Op::Duration(which, duration) => self.duration(thread, which, duration),
            Op::Timer(tick, end) => self.timer(thread, tick, end),
            Op::Finish(amount) => {
                self.workers[thread].run(move |metrics| metrics.finished.add(amount));
                self.finished.finish(self.now(), amount);
            }
            Op::Tick(tick) => tick.apply(&self.metrics.clock),
            Op::ResetHistogram(which) => {
                let before =
                    self.workers[thread].run(move |metrics| metrics.histograms[which].reset());
                self.histograms[which].check(&before);
                self.histograms[which].reset(self.now());
            }
            Op::ResetThroughput => {
                let before = self.workers[thread].run(|metrics| metrics.finished.reset());
                self.finished.check(&before, self.now());
                self.finished.reset(self.now());
            }
            Op::Replace => {
                let next = Worker::start(&self.metrics);
                std::mem::replace(&mut self.workers[thread], next).end();
                self.writers[thread] = self.writers.iter().max().unwrap() + 1;
            }
            Op::ReadHistogram(which) => self.read_histogram(thread, which),
            Op::ReadLatest(which) => self.read_latest(thread, which),
            Op::ReadThroughput => self.read_throughput(thread),
            Op::ReadCounter => self.read_cells(thread),
            Op::ReadAll => self.read_all(thread),
        }
    }

    fn now(&self) -> Duration {
        self.metrics.clock.now()
    }

    /// The value that is meant, or another one if it must be different from all others.
    fn value(&mut self, which: usize, pick: Pick) -> u64 {
        let model = &self.histograms[which];
        let value = pick.of(model.range);
        if !(model.distinct && model.takes(value)) {
            return value;
        }
        self.numbered += 1;
        // An odd factor permutes 38 bits.
        1 + (self.numbered.wrapping_mul(0x9E37_79B9_7F4A_7C15) & ((1 << 38) - 1))
    }

    fn record(&mut self, which: usize, thread: usize, value: u64) {
        let writer = self.writers[thread];
        self.histograms[which].record(writer, value);
    }

    fn count(&mut self, thread: usize, op: Op) {
        match op {
            Op::Inc => {
                self.workers[thread].run(|metrics| metrics.first.inc());
                self.counters[0] = self.counters[0].wrapping_add(1);
            }
            Op::Add(n) => {
                self.workers[thread].run(move |metrics| {
                    metrics.first.add(n);
                    metrics.last.add(n / 2);
                });
                self.counters[0] = self.counters[0].wrapping_add(n);
                self.counters[1] = self.counters[1].wrapping_add(n / 2);
            }
            Op::Member(kind, n) => {
                self.workers[thread]
                    .run(move |metrics| metrics.by_kind.with(&[KINDS[kind]]).unwrap().add(n));
                let member = self.members[kind].get_or_insert(0);
                *member = member.wrapping_add(n);
            }
            other => unreachable!("{other:?}"),
        }
    }

    fn gauge(&mut self, thread: usize, op: Op) {
        let worker = &self.workers[thread];
        match op {
            Op::Set(n) => {
                worker.run(move |metrics| metrics.level.set(n));
                self.level = n;
            }
            Op::Raise(n) => {
                worker.run(move |metrics| metrics.level.add(n));
                self.level = self.level.wrapping_add(n);
            }
            Op::Lower(n) => {
                worker.run(move |metrics| metrics.level.sub(n));
                self.level = self.level.wrapping_sub(n);
            }
            Op::SetFloat(x) => {
                worker.run(move |metrics| metrics.ratio.set(x));
                self.ratio = x;
            }
            Op::AddFloat(x) => {
                worker.run(move |metrics| metrics.ratio.add(x));
                self.ratio += x;
            }
            other => unreachable!("{other:?}"),
        }
    }

    fn sample(&mut self, thread: usize, op: Op) {
        match op {
            Op::Record(which, pick) => {
                let value = self.value(which, pick);
                self.workers[thread].run(move |metrics| metrics.histograms[which].record(value));
                self.record(which, thread, value);
            }
            Op::TryRecord(which, pick) => {
                let value = self.value(which, pick);
                let tried = self.workers[thread]
                    .run(move |metrics| metrics.histograms[which].try_record(value));
                let (min, max) = self.histograms[which].range;
                let refused = RecordError::OutOfRange { value, min, max };
                assert_eq!(
                    tried,
                    if self.histograms[which].takes(value) {
                        Ok(())
                    } else {
                        Err(refused)
                    }
                );
                self.record(which, thread, value);
            }
            Op::Burst(which, n, burst) => {
                let pick = |i: u64| match burst {
                    Burst::Same(pick) => pick,
                    Burst::Spread(seed) => {
                        let mixed = (seed ^ i)
                            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                            .rotate_left(29)
                            .wrapping_mul(seed | 1);
                        Pick::Within(mixed >> (mixed % 64))
                    }
                };
                let values: Arc<[u64]> =
                    (0..n as u64).map(|i| self.value(which, pick(i))).collect();
                let told = Arc::clone(&values);
                self.workers[thread].run(move |metrics| {
                    told.iter()
                        .for_each(|value| metrics.histograms[which].record(*value));
                });
                values
                    .iter()
                    .for_each(|value| self.record(which, thread, *value));
            }
            Op::Reject(which) => {
                self.workers[thread].run(move |metrics| metrics.histograms[which].reject());
                self.histograms[which].reject();
            }
            other => unreachable!("{other:?}"),
        }
    }

    fn duration(&mut self, thread: usize, which: usize, mut duration: Duration) {
        let in_range = (Duration::from_nanos(DURATIONS.0)..=Duration::from_nanos(DURATIONS.1))
            .contains(&duration);
        if which == 1 && in_range {
            duration =
                Duration::from_nanos(self.value(which, Pick::Any(duration.as_nanos() as u64)));
        }
        self.workers[thread]
            .run(move |metrics| metrics.histograms[which].record_duration(duration));
        if which == 1 && in_range {
            self.record(which, thread, duration.as_nanos() as u64);
        } else {
            self.histograms[which].reject();
        }
    }

    /// A timer that the clock's step falls into.
    fn timer(&mut self, thread: usize, tick: Tick, end: End) {
        let end = if self.setup.distinct {
            End::Discard
        } else {
            end
        };
        let started = self.now();
        let shown = self.workers[thread].run(move |metrics| {
            let timer = metrics.histograms[1].start();
            tick.apply(&metrics.clock);
            match end {
                End::Stop => timer.stop().ok(),
                End::Drop => None,
                End::Discard => {
                    timer.discard();
                    None
                }
            }
        });
        let elapsed = self
            .now()
            .checked_sub(started)
            .unwrap_or_default()
            .max(Duration::from_nanos(1));
        if matches!(end, End::Stop) {
            let in_range = (DURATIONS.0..=DURATIONS.1).contains(&(elapsed.as_nanos() as u64));
            assert_eq!(shown, in_range.then_some(elapsed));
        }
        if !matches!(end, End::Discard) {
            self.record(1, thread, elapsed.as_nanos() as u64);
            self.changed = true;
        }
    }

    /// Ends all threads, and looks once more.
    pub(crate) fn finish(mut self) {
        let reader = Worker::start(&self.metrics);
        std::mem::replace(&mut self.workers, vec![reader])
            .into_iter()
            .for_each(Worker::end);
        self.read_cells(0);
        self.read_histogram(0, 0);
        self.read_all(0);
        self.read_histogram(0, 1);
        self.read_throughput(0);
        self.metrics.clock.advance(Duration::from_secs(1));
        self.read_throughput(0);
        self.metrics.clock.advance(Duration::from_secs(61));
        self.read_throughput(0);
        self.workers.pop().unwrap().end();
    }
}
