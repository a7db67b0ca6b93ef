//! Floating-point counters: one atomic that all threads share.

use crate::engine::counter::handles::CellHandle;
use crate::error::RecordError;
use crate::metric::family::{Member, sealed};
use crate::thread::ThisThread;
use std::fmt;

/// A number that only goes up, by amounts that need not be whole: seconds of CPU, cost.
///
/// [`add`](Self::add) is a compare-exchange that is repeated if another thread was faster: lock-free, not wait-free. A sum is rounded
/// as floating-point sums are, and never goes down. Where whole numbers do, nanoseconds for example, a [`Counter`](crate::Counter)
/// is exact and faster.
///
/// ```
/// let cpu = epoch_metrics::Registry::new().float_counter("cpu_seconds", "Time on the CPU.")?;
/// cpu.add(0.25);
/// cpu.add(1.5);
/// assert_eq!(cpu.get(), 1.75);
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct FloatCounter {
    cell: CellHandle,
}

impl sealed::Sealed for FloatCounter {}

impl Member for FloatCounter {
    type Value = f64;
}

impl FloatCounter {
    pub(crate) fn new(cell: CellHandle) -> Self {
        cell.page().create_gauges();
        Self { cell }
    }

    /// Adds `amount`. One that is negative, infinite or not a number is left out; [`try_add`](Self::try_add) says so.
    pub fn add(&self, amount: f64) {
        // What is left out is documented.
        let _ = self.try_add(amount);
    }

    /// Adds `amount`.
    ///
    /// # Errors
    /// If it is negative, infinite or not a number. Then nothing is added.
    ///
    /// ```
    /// use epoch_metrics::RecordError;
    ///
    /// let cpu = epoch_metrics::Registry::new().float_counter("cpu_seconds", "Time on the CPU.")?;
    /// assert_eq!(cpu.try_add(-1.0), Err(RecordError::NotAnAmount));
    /// assert_eq!(cpu.get(), 0.0);
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn try_add(&self, amount: f64) -> Result<(), RecordError> {
        if !amount.is_finite() || amount < 0.0 {
            return Err(RecordError::NotAnAmount);
        }
        let page = self.cell.page();
        page.update_gauge(ThisThread, self.cell.index(), |bits| {
            // A sum beyond the largest number stays there, rather than become infinite.
            (f64::from_bits(bits) + amount).min(f64::MAX).to_bits()
        });
        Ok(())
    }

    /// The value now.
    pub fn get(&self) -> f64 {
        f64::from_bits(self.cell.page().gauge(self.cell.index()))
    }
}

impl fmt::Debug for FloatCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FloatCounter").field(&self.get()).finish()
    }
}
