//! The last N samples, exact.

use std::collections::VecDeque;
use std::sync::Arc;

/// The last N samples of a histogram that was asked to keep them, exact.
///
/// With one writer these are simply the newest N. With several, each thread's order is kept, and what one fold brings in
/// is interleaved in proportion, so that a burst of one thread does not evict all others. When a thread wrote more than
/// its queue holds (at least twice N) between two folds, the newest part that could be copied is there, and older samples
/// stay in the place of what could not.
#[derive(Clone, Debug)]
pub struct Recent {
    sorted: Arc<[u64]>,
    sum: u128,
    last: u64,
}

impl Recent {
    /// How many there are: at most N.
    pub fn count(&self) -> usize {
        self.sorted.len()
    }

    /// `true` if there are none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The smallest; 0 if there are none.
    pub fn min(&self) -> u64 {
        self.sorted.first().copied().unwrap_or(0)
    }

    /// The largest; 0 if there are none.
    pub fn max(&self) -> u64 {
        self.sorted.last().copied().unwrap_or(0)
    }

    /// The newest; 0 if there are none.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Their mean; 0 if there are none.
    pub fn mean(&self) -> f64 {
        if self.sorted.is_empty() { 0.0 } else { self.sum as f64 / self.sorted.len() as f64 }
    }

    /// The quantile `q`, linearly interpolated between the closest ranks: rank q × (n − 1), as NumPy's default. `q`
    /// outside of 0 to 1 is taken as the nearer of them, NaN as 0. 0 if there are none.
    pub fn quantile(&self, q: f64) -> f64 {
        let Some(last) = self.sorted.len().checked_sub(1) else {
            return 0.0;
        };
        let q = if q.is_nan() { 0.0 } else { q.clamp(0.0, 1.0) };
        let rank = q * last as f64;
        let below = rank as usize;
        let above = (below + 1).min(last);
        let (low, high) = (self.sorted[below], self.sorted[above]);
        low as f64 + (high - low) as f64 * (rank - below as f64)
    }

    /// The samples in rising order.
    pub fn sorted(&self) -> &[u64] {
        &self.sorted
    }
}

/// Keeps the last N: in the order they came, and sorted.
#[derive(Debug)]
pub(crate) struct Window {
    capacity: usize,
    arrived: VecDeque<u64>,
    sorted: Vec<u64>,
    sum: u128,
    /// What one fold brought in: each slot's samples with their place among them, from 0 to 1.
    incoming: Vec<(f64, u64)>,
    slots: usize,
}

impl Window {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            arrived: VecDeque::with_capacity(capacity),
            sorted: Vec::with_capacity(capacity),
            sum: 0,
            incoming: Vec::new(),
            slots: 0,
        }
    }

    /// Takes one slot's new samples, oldest first.
    pub(crate) fn bring(&mut self, values: &[u64]) {
        let n = values.len() as f64;
        let placed = values.iter().enumerate().map(|(i, value)| ((i as f64 + 0.5) / n, *value));
        self.incoming.extend(placed);
        self.slots += 1;
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.capacity);
    }

    /// Merges what was brought in, and returns the last N.
    pub(crate) fn publish(&mut self) -> Recent {
        if self.slots > 1 {
            // Stable: samples of one slot have rising places and stay in order.
            self.incoming.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        let surplus = self.incoming.len().saturating_sub(self.capacity);
        let few = self.incoming.len() - surplus <= self.capacity / 16;
        for (_, value) in std::mem::take(&mut self.incoming).into_iter().skip(surplus) {
            self.push(value, few);
        }
        self.slots = 0;
        if !few {
            self.sorted.clear();
            self.sorted.extend(&self.arrived);
            self.sorted.sort_unstable();
        }
        Recent { sorted: self.sorted.as_slice().into(), sum: self.sum, last: self.arrived.back().copied().unwrap_or(0) }
    }

    /// `sort`: keep `sorted` up to date at each step, which is cheaper while the steps are few.
    fn push(&mut self, value: u64, sort: bool) {
        let full = self.arrived.len() == self.capacity;
        if let Some(oldest) = full.then(|| self.arrived.pop_front()).flatten() {
            self.sum -= u128::from(oldest);
            if sort {
                let at = self.sorted.partition_point(|x| *x < oldest);
                self.sorted.remove(at);
            }
        }
        self.arrived.push_back(value);
        self.sum += u128::from(value);
        if sort {
            let at = self.sorted.partition_point(|x| *x < value);
            self.sorted.insert(at, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(capacity: usize, folds: &[&[&[u64]]]) -> (Window, Recent) {
        let mut window = Window::new(capacity);
        let mut recent = window.publish();
        for fold in folds {
            for slot in *fold {
                window.bring(slot);
            }
            recent = window.publish();
        }
        (window, recent)
    }

    #[test]
    fn the_newest_stay_and_the_two_ways_of_sorting_agree() {
        let values: Vec<u64> = (0..500_u64).map(|i| i * 7919 % 1009).collect();
        let one_by_one: Vec<&[u64]> = values.chunks(1).collect();
        let folds: Vec<&[&[u64]]> = one_by_one.chunks(1).collect();
        let (_, slow) = window(64, &folds);
        let (_, bulk) = window(64, &[&[&values]]);
        let mut expected = values[436..].to_vec();
        expected.sort_unstable();
        assert_eq!(slow.sorted(), expected);
        assert_eq!(bulk.sorted(), expected);
        assert_eq!((slow.sum, slow.last), (bulk.sum, bulk.last));
    }

    #[test]
    fn a_burst_of_one_thread_does_not_evict_the_others() {
        let burst: Vec<u64> = vec![1; 1_000];
        let few: Vec<u64> = vec![2; 100];
        let (_, recent) = window(110, &[&[&burst, &few]]);
        assert_eq!(recent.sorted().iter().filter(|value| **value == 2).count(), 10, "in proportion 1000 : 100");
    }

    #[test]
    fn quantiles_interpolate_between_closest_ranks() {
        let (_, recent) = window(10, &[&[&[10, 20, 30, 40]]]);
        assert_eq!(recent.quantile(0.5), 25.0);
        assert_eq!((recent.quantile(-1.0), recent.quantile(2.0), recent.quantile(f64::NAN)), (10.0, 40.0, 10.0));
        assert_eq!((recent.mean(), recent.min(), recent.max(), recent.last()), (25.0, 10, 40, 40));
    }
}
