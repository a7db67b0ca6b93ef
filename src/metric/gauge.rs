//! Gauges: one atomic that all threads share. They are the exception to cells with one writer, since `set` needs one last
//! writer.

use crate::engine::counter::handles::CellHandle;
use crate::metric::family::{Member, sealed};
use crate::thread::ThisThread;
use std::fmt;

/// A whole number that goes up and down.
///
/// [`set`](Self::set) is a store. The other methods are one atomic read-modify-write, whose cost grows with the number of
/// threads that write the same gauge at the same time. A thread's first write allocates and may block. Not for signal handlers, as a
/// [`Counter`](crate::Counter).
///
/// ```
/// let queued = epoch_metrics::Registry::new().gauge("queued", "Requests that wait.")?;
/// queued.set(3);
/// queued.dec();
/// assert_eq!(queued.get(), 2);
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct Gauge {
    cell: CellHandle,
}

impl sealed::Sealed for Gauge {}

impl Member for Gauge {
    type Value = i64;
}

impl Gauge {
    pub(crate) fn new(cell: CellHandle) -> Self {
        cell.page().create_gauges();
        Self { cell }
    }

    /// Sets the value. If two threads set it at the same time, one is last.
    #[inline]
    pub fn set(&self, value: i64) {
        self.cell
            .page()
            .set_gauge(ThisThread, self.cell.index(), value as u64);
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Subtracts one.
    #[inline]
    pub fn dec(&self) {
        self.add(-1);
    }

    /// Adds `n`, which may be negative. Wraps beyond 63 bits.
    #[inline]
    pub fn add(&self, n: i64) {
        self.cell
            .page()
            .add_gauge(ThisThread, self.cell.index(), n as u64);
    }

    /// Subtracts `n`.
    #[inline]
    pub fn sub(&self, n: i64) {
        self.add(n.wrapping_neg());
    }

    /// The value now.
    pub fn get(&self) -> i64 {
        self.cell.page().gauge(self.cell.index()) as i64
    }
}

impl fmt::Debug for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gauge").field(&self.get()).finish()
    }
}

/// A floating-point number that goes up and down: ratios, temperatures, seconds.
///
/// [`set`](Self::set) is a store. [`add`](Self::add) is a compare-exchange that is repeated if another thread was faster.
///
/// ```
/// let load = epoch_metrics::Registry::new().float_gauge("load", "Load average.")?;
/// load.set(0.5);
/// load.add(0.25);
/// load.sub(0.125);
/// assert_eq!(load.get(), 0.625);
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct FloatGauge {
    cell: CellHandle,
}

impl sealed::Sealed for FloatGauge {}

impl Member for FloatGauge {
    type Value = f64;
}

impl FloatGauge {
    pub(crate) fn new(cell: CellHandle) -> Self {
        cell.page().create_gauges();
        Self { cell }
    }

    /// Sets the value. It may be infinite or not a number: expositions have words for both.
    #[inline]
    pub fn set(&self, value: f64) {
        self.cell
            .page()
            .set_gauge(ThisThread, self.cell.index(), value.to_bits());
    }

    /// Adds `n`, which may be negative.
    pub fn add(&self, n: f64) {
        self.cell
            .page()
            .update_gauge(ThisThread, self.cell.index(), |bits| {
                (f64::from_bits(bits) + n).to_bits()
            });
    }

    /// Subtracts `n`.
    pub fn sub(&self, n: f64) {
        self.add(-n);
    }

    /// The value now.
    pub fn get(&self) -> f64 {
        f64::from_bits(self.cell.page().gauge(self.cell.index()))
    }
}

impl fmt::Debug for FloatGauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FloatGauge").field(&self.get()).finish()
    }
}
