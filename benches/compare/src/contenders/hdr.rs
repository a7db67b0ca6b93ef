//! HdrHistogram, alone and shared.

use super::Contender;
use super::histograms::cloned;
use std::hint::black_box;
use std::sync::{Arc, Mutex, MutexGuard};

/// HdrHistogram with the digits of `epoch_metrics::HistogramOptions::durations()`, up to an hour.
pub(crate) fn hdr() -> hdrhistogram::Histogram<u64> {
    hdrhistogram::Histogram::new_with_bounds(1, 3_600_000_000_000, 2).expect("valid bounds")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics inside")
}

/// HdrHistogram's own answer to several threads. Its refresh waits for every recorder, so none may be idle.
pub(crate) struct HdrSync {
    merged: Mutex<hdrhistogram::sync::SyncHistogram<u64>>,
}

impl Contender for HdrSync {
    const NAME: &'static str = "hdrhistogram sync Recorder";
    type Value = u64;
    type Handle = hdrhistogram::sync::Recorder<u64>;

    fn new() -> Self {
        Self {
            merged: Mutex::new(hdr().into_sync()),
        }
    }

    fn handle(&self) -> Self::Handle {
        lock(&self.merged).recorder()
    }

    #[inline(always)]
    fn record(handle: &mut Self::Handle, value: u64) {
        let _ = handle.record(value);
    }

    fn settle(&self) {
        lock(&self.merged).refresh();
    }
}

pub(crate) struct HdrMutex {
    histogram: Arc<Mutex<hdrhistogram::Histogram<u64>>>,
}

impl Contender for HdrMutex {
    cloned!(
        "Mutex<hdrhistogram>, read by cloning",
        u64,
        Arc<Mutex<hdrhistogram::Histogram<u64>>>,
        |h, v| {
            let _ = lock(h).record(v);
        }
    );

    fn new() -> Self {
        Self {
            histogram: Arc::new(Mutex::new(hdr())),
        }
    }

    fn scrape(&self) {
        black_box(lock(&self.histogram).clone());
    }
}

/// Each thread has its own: what the buckets cost without any sharing.
pub(crate) struct HdrPlain;

impl Contender for HdrPlain {
    const NAME: &'static str = "floor: hdrhistogram, not shared";
    type Value = u64;
    type Handle = hdrhistogram::Histogram<u64>;

    fn new() -> Self {
        Self
    }

    fn handle(&self) -> Self::Handle {
        hdr()
    }

    #[inline(always)]
    fn record(handle: &mut Self::Handle, value: u64) {
        let _ = handle.record(value);
    }
}
