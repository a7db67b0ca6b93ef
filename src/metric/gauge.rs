//! Gauges: one atomic that all threads share, by name the exception to single-writer cells, since `set` needs a winner.

use crate::metric::counter::Cell;

/// A whole number that goes up and down.
///
/// [`set`](Self::set) is a store; the others are one atomic read-modify-write, whose price grows with the number of
/// threads that write the same gauge at once.
#[derive(Clone, Debug)]
pub struct Gauge {
    cell: Cell,
}

impl Gauge {
    pub(crate) fn new(cell: Cell) -> Self {
        Self { cell: cell.shared() }
    }

    /// Sets the value. Of two threads that set at once, one is last.
    #[inline]
    pub fn set(&self, value: i64) {
        self.cell.change(|cells, id| cells.set(id, value as u64));
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Takes one off.
    #[inline]
    pub fn dec(&self) {
        self.add(-1);
    }

    /// Adds `n`, which may be negative. Wraps beyond 63 bits.
    #[inline]
    pub fn add(&self, n: i64) {
        self.cell.change(|cells, id| cells.add_shared(id, n as u64));
    }

    /// Takes `n` off.
    #[inline]
    pub fn sub(&self, n: i64) {
        self.add(n.wrapping_neg());
    }

    /// The value now.
    pub fn get(&self) -> i64 {
        self.cell.gauge() as i64
    }
}

/// A floating-point number that goes up and down: ratios, temperatures, seconds.
///
/// [`set`](Self::set) is a store; [`add`](Self::add) a compare-exchange that is repeated when another thread was first.
#[derive(Clone, Debug)]
pub struct FloatGauge {
    cell: Cell,
}

impl FloatGauge {
    pub(crate) fn new(cell: Cell) -> Self {
        Self { cell: cell.shared() }
    }

    /// Sets the value, which may be infinite or not a number: the exposition has words for both.
    #[inline]
    pub fn set(&self, value: f64) {
        self.cell.change(|cells, id| cells.set(id, value.to_bits()));
    }

    /// Adds `n`, which may be negative.
    pub fn add(&self, n: f64) {
        self.cell.change(|cells, id| cells.update(id, |bits| (f64::from_bits(bits) + n).to_bits()));
    }

    /// The value now.
    pub fn get(&self) -> f64 {
        f64::from_bits(self.cell.gauge())
    }
}
