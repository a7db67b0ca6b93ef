//! Guards that count what is under way.

use crate::metric::gauge::Gauge;

/// Counts as one in a gauge while it lives. [`Gauge::track`] makes one.
///
/// It holds its gauge and can be moved to another task or thread. However what it stands for ends, by completion, an early
/// return, cancellation or a panic, it is dropped, and the gauge goes down.
///
/// ```
/// let in_flight = epoch_metrics::Registry::new().gauge("in_flight", "Requests under way.")?;
/// let request = in_flight.track();
/// assert_eq!(in_flight.get(), 1);
/// std::thread::spawn(move || {
///     let _request = request;
///     panic!("a handler's mistake");
/// })
/// .join()
/// .unwrap_err();
/// assert_eq!(in_flight.get(), 0);
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Debug)]
#[must_use = "a guard that is dropped at once counts nothing"]
pub struct InFlight {
    gauge: Gauge,
}

impl Gauge {
    /// Adds one until the guard is dropped.
    pub fn track(&self) -> InFlight {
        self.inc();
        InFlight {
            gauge: self.clone(),
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}
