//! The series of a family: one without creating it, removal, and all of them.

use crate::engine::family::labels::LabelValues;
use crate::error::LabelError;
use crate::metric::family::{Family, Member};
use std::fmt;
use std::ops::Index;

impl<M: Member> Family<M> {
    /// The member with these label values, one for each label in the order of registration, if there is one.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::new();
    /// let jobs = registry.counter_family("jobs", "Jobs done.", &["queue"])?;
    /// jobs.with(&["fast"])?.inc();
    /// assert_eq!(jobs.get(&["fast"]).map(|counter| counter.get()), Some(1));
    /// assert!(jobs.get(&["slow"]).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn get(&self, values: &[&str]) -> Option<M> {
        self.lookup
            .find(values, self.stamp(), |found| found.cloned())
    }

    /// [`get`](Self::get), with the name of each label, in any order.
    ///
    /// # Errors
    /// If a name is unknown, missing or repeated.
    pub fn get_with_labels(&self, labels: &[(&str, &str)]) -> Result<Option<M>, LabelError> {
        self.with_values_of(labels, |values| self.get(values))
    }

    /// [`remove`](Self::remove), with the name of each label, in any order.
    ///
    /// # Errors
    /// If a name is unknown, missing or repeated.
    pub fn remove_with_labels(
        &self,
        labels: &[(&str, &str)],
    ) -> Result<Option<M::Value>, LabelError> {
        self.with_values_of(labels, |values| self.remove(values))
    }

    /// Removes the series with these label values, and returns its value. Snapshots and pages that are made after this do not
    /// show it.
    ///
    /// Handles of it stay usable. What is written through them from here on belongs to no series, and is in
    /// [`detached`](Self::detached). A series that is created with the same label values begins anew.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::new();
    /// let jobs = registry.counter_family("jobs", "Jobs done.", &["queue"])?;
    /// let fast = jobs.with(&["fast"])?;
    /// fast.add(3);
    /// assert_eq!(jobs.remove(&["fast"]), Some(3));
    /// fast.add(1);
    /// assert_eq!((jobs.sum(), jobs.detached()), (0, 1));
    /// assert_eq!(jobs.with(&["fast"])?.get(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove(&self, values: &[&str]) -> Option<M::Value> {
        self.series.remove(values, self.context.moment())
    }

    /// Removes the series for which `keep` returns `false`. It gets the label values and the value. `keep` runs under no lock, so
    /// a series may be written to after its value was read; what is removed is what [`remove`](Self::remove) would return, and
    /// that is dropped.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::new();
    /// let jobs = registry.counter_family("jobs", "Jobs done.", &["queue"])?;
    /// for queue in ["fast", "slow", "old"] {
    ///     jobs.with(&[queue])?.add(queue.len() as u64);
    /// }
    /// jobs.retain(|labels, value| &labels[0] != "old" && value == 4);
    /// assert_eq!(jobs.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn retain(&self, mut keep: impl FnMut(&Labels, M::Value) -> bool) {
        for (labels, value) in self.iter() {
            if !keep(&labels, value) {
                self.series.remove_series(&labels.0, self.context.moment());
            }
        }
    }

    /// Removes all series that exist now.
    pub fn clear(&self) {
        self.retain(|_, _| false);
    }

    /// How many series there are, the overflow series included.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there is no series.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sum of all series: for histograms, all of their values in one snapshot.
    ///
    /// No series is created or removed in between, so nothing is counted twice or left out. This sum, what [`remove`](Self::remove)
    /// returned and [`detached`](Self::detached) are all that was written, resets aside. (A sum of floating-point numbers is rounded.)
    pub fn sum(&self) -> M::Value {
        self.series.sum(self.context.moment())
    }

    /// What was written to series of the family after they were removed.
    pub fn detached(&self) -> M::Value {
        self.series.detached(self.context.moment())
    }

    /// Look-ups of further series that the cap turned away: to the overflow series, or with an error.
    pub fn overflowed(&self) -> u64 {
        self.series.cap().overflowed()
    }

    /// All series that exist now, with their values.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::new();
    /// let jobs = registry.counter_family("jobs", "Jobs done.", &["queue"])?;
    /// jobs.with(&["fast"])?.add(2);
    /// let all: Vec<(String, u64)> = jobs.iter().map(|(labels, value)| (labels[0].to_owned(), value)).collect();
    /// assert_eq!(all, [("fast".to_owned(), 2)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Labels, M::Value)> + use<M> {
        let series = self.series.values(self.context.moment()).into_iter();
        series.map(|(labels, value)| (Labels(labels), value))
    }
}

/// The label values of one series, in the order of the family's labels; or, where series have
/// [names of their own](crate::FamilyOptions::any_labels), names and values in turn. See [`Family::iter`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Labels(LabelValues);

impl Labels {
    /// The values.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.0.iter()
    }
}

impl Index<usize> for Labels {
    type Output = str;

    /// The value of one label.
    ///
    /// # Panics
    /// If the family has fewer labels.
    fn index(&self, at: usize) -> &str {
        self.0.get(at)
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
