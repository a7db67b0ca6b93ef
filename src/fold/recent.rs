//! The last N samples of a histogram, as they come in from its slots.

use crate::kind::Unit;
use crate::snapshot::recent::Recent;
use std::collections::VecDeque;

/// The last N samples, in the order of arrival and sorted.
#[derive(Clone, Debug)]
pub(crate) struct RecentSamples {
    capacity: usize,
    unit: Unit,
    arrived: VecDeque<u64>,
    sorted: Vec<u64>,
    sum: u128,
    /// What one fold brought in: each sample with its position among those of its slot, from 0 to 1.
    incoming: Vec<(f64, u64)>,
    slots: usize,
}

impl RecentSamples {
    pub(crate) fn new(capacity: usize, unit: Unit) -> Self {
        Self {
            capacity,
            unit,
            arrived: VecDeque::with_capacity(capacity),
            sorted: Vec::with_capacity(capacity),
            sum: 0,
            incoming: Vec::new(),
            slots: 0,
        }
    }

    /// Takes the new samples of one slot, oldest first.
    pub(crate) fn extend_from_slot(&mut self, values: &[u64]) {
        let n = values.len() as f64;
        let positioned = values
            .iter()
            .enumerate()
            .map(|(i, value)| ((i as f64 + 0.5) / n, *value));
        self.incoming.extend(positioned);
        self.slots += 1;
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.capacity, self.unit);
    }

    /// Merges what came in since the last call, and returns the last N.
    pub(crate) fn merge(&mut self) -> Recent {
        if self.slots > 1 {
            // Stable: samples of one slot have rising positions and stay in order.
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
        Recent {
            sorted: self.sorted.as_slice().into(),
            sum: self.sum,
            last: self.arrived.back().copied(),
            unit: self.unit,
        }
    }

    /// `sort`: keep `sorted` up to date at each step, which is cheaper for a few samples.
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

    fn window(capacity: usize, folds: &[&[&[u64]]]) -> (RecentSamples, Recent) {
        let mut window = RecentSamples::new(capacity, Unit::Unitless);
        let mut recent = window.merge();
        for fold in folds {
            for slot in *fold {
                window.extend_from_slot(slot);
            }
            recent = window.merge();
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
        assert_eq!(
            recent.sorted().iter().filter(|value| **value == 2).count(),
            10,
            "in proportion 1000 : 100"
        );
    }

    #[test]
    fn quantiles_interpolate_between_closest_ranks() {
        let (_, recent) = window(10, &[&[&[10, 20, 30, 40]]]);
        assert_eq!(recent.quantile(0.5), Some(25.0));
        assert_eq!(
            (
                recent.quantile(-1.0),
                recent.quantile(2.0),
                recent.quantile(f64::NAN)
            ),
            (Some(10.0), Some(40.0), Some(10.0))
        );
        assert_eq!(
            (
                recent.mean(),
                recent.min(),
                recent.max(),
                recent.last_read()
            ),
            (Some(25.0), Some(10), Some(40), Some(40))
        );
    }
}
