//! What the facade's handles call: metrics of the registry, and what answers where there is none.

use crate::scale::Scale;
use epoch_metrics::{Counter, FloatGauge, Histogram};
use metrics::{CounterFn, GaugeFn, HistogramFn};

/// A metric of the registry.
pub(crate) struct Held<M>(pub(crate) M);

impl CounterFn for Held<Counter> {
    fn increment(&self, value: u64) {
        self.0.add(value);
    }

    fn absolute(&self, value: u64) {
        self.0.raise_to(value);
    }
}

impl GaugeFn for Held<FloatGauge> {
    fn increment(&self, value: f64) {
        self.0.add(value);
    }

    fn decrement(&self, value: f64) {
        self.0.add(-value);
    }

    fn set(&self, value: f64) {
        self.0.set(value);
    }
}

/// A histogram with the scale of its values.
impl HistogramFn for Held<(Histogram, Scale)> {
    fn record(&self, value: f64) {
        let (histogram, scale) = &self.0;
        match scale.whole(value) {
            Some(whole) => histogram.record(whole),
            None => histogram.reject(),
        }
    }
}

/// Counts each operation on a metric that could not be registered.
pub(crate) struct Refused(pub(crate) Counter);

impl CounterFn for Refused {
    fn increment(&self, _: u64) {
        self.0.inc();
    }

    fn absolute(&self, _: u64) {
        self.0.inc();
    }
}

impl GaugeFn for Refused {
    fn increment(&self, _: f64) {
        self.0.inc();
    }

    fn decrement(&self, _: f64) {
        self.0.inc();
    }

    fn set(&self, _: f64) {
        self.0.inc();
    }
}

impl HistogramFn for Refused {
    fn record(&self, _: f64) {
        self.0.inc();
    }
}
