//! Options of a family: its labels, how many series it may have, and how long it keeps them.

use std::time::Duration;

/// The labels of a family, how many series it may have, and how long it keeps those that are idle.
///
/// A list of label names does where nothing else is asked for: `&["method", "status"]`.
///
/// ```
/// use epoch_metrics::FamilyOptions;
///
/// let registry = epoch_metrics::Registry::new();
/// let options = FamilyOptions::labels(&["user"]).max_series(2);
/// let requests = registry.counter_family("requests", "Requests, by user.", options)?;
/// for user in ["ann", "bob", "eve", "mallory"] {
///     requests.with_ref(&[user], |counter| counter.inc())?;
/// }
/// assert_eq!(requests.with(&["overflow"])?.get(), 2);
/// assert_eq!((requests.len(), requests.sum()), (3, 4));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "options do nothing until a family is registered with them"]
pub struct FamilyOptions {
    pub(crate) labels: Vec<String>,
    pub(crate) max_series: usize,
    /// Each series has label names of its own.
    pub(crate) open: bool,
    pub(crate) expire_after: Option<Duration>,
}

impl FamilyOptions {
    /// The most series that a family has unless it is said otherwise. A family that needs more is usually one whose label has
    /// values that nothing bounds; a page of so many series already takes a megabyte.
    pub const DEFAULT_MAX_SERIES: usize = 10_000;

    /// The names of the labels.
    pub fn labels(labels: &[&str]) -> Self {
        Self {
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            max_series: Self::DEFAULT_MAX_SERIES,
            open: false,
            expire_after: None,
        }
    }

    /// No labels that all series have: each series has names of its own, which [`Family::with_labels`](crate::Family::with_labels)
    /// takes. This is for bridges from libraries whose metrics have no fixed labels.
    ///
    /// ```
    /// use epoch_metrics::FamilyOptions;
    ///
    /// let registry = epoch_metrics::Registry::new();
    /// let requests = registry.counter_family("requests", "Requests.", FamilyOptions::any_labels())?;
    /// requests.with_labels(&[("status", "200"), ("method", "GET")])?.inc();
    /// requests.with_labels(&[("shard", "7")])?.inc();
    /// let page = registry.render_prometheus();
    /// assert!(page.contains("requests_total{method=\"GET\",status=\"200\"} 1\nrequests_total{shard=\"7\"} 1\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn any_labels() -> Self {
        Self {
            open: true,
            ..Self::labels(&[])
        }
    }

    /// How many label values the overflow series has.
    pub(crate) fn overflow_labels(&self) -> usize {
        // Of a family without fixed labels: one name and one value.
        if self.open { 2 } else { self.labels.len() }
    }

    /// The most series that the family may have; defaults to [`Self::DEFAULT_MAX_SERIES`]. The registry has
    /// [a cap of its own](crate::RegistryBuilder::max_series) for all families.
    ///
    /// What a look-up of a further series was for goes to one more, the overflow series, whose label values are all `overflow`: totals
    /// stay right. So `overflow` is not for a series of yours. Gauges cannot be added up like that: their look-ups fail with
    /// [`LabelError::TooManySeries`](crate::LabelError::TooManySeries). Both are counted
    /// ([`Family::overflowed`](crate::Family::overflowed), and
    /// [`epoch_metrics_overflowed_lookups_total`](crate::RegistryBuilder::own_metrics_prefix)), and cost no more than a look-up of
    /// a series that exists: no lock, no memory. A series that is removed makes room.
    pub fn max_series(mut self, max: usize) -> Self {
        self.max_series = max;
        self
    }

    /// Removes series that are idle; by default they are kept. A series is idle while it has no handle and is not looked up. One
    /// that was idle for this long is removed before the next snapshot or page of the registry, or the next new series of a family, give or
    /// take a hundredth of the time; a series whose handle is kept never expires. So look series up each time
    /// ([`with_ref`](crate::Family::with_ref)) where they shall expire. A look-up then reads the clock ([`Clock::coarse`](crate::Clock::coarse)),
    /// whose times count.
    ///
    /// What an expired series held is in [`Family::detached`](crate::Family::detached), so totals stay right. A series that comes
    /// back begins anew, which Prometheus takes for a counter's reset.
    ///
    /// ```
    /// use epoch_metrics::{FamilyOptions, ManualClock, Registry};
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// let clock = Arc::new(ManualClock::new());
    /// let registry = Registry::builder().clock(clock.clone()).build();
    /// let options = FamilyOptions::labels(&["peer"]).expire_after(Duration::from_secs(600));
    /// let requests = registry.counter_family("requests", "Requests, by peer.", options)?;
    /// let kept = requests.with(&["10.0.0.1"])?;
    /// requests.with_ref(&["10.0.0.2"], |counter| counter.inc())?;
    /// clock.advance(Duration::from_secs(600));
    /// assert!(!registry.render_prometheus().contains("10.0.0.2"));
    /// assert_eq!((requests.len(), requests.detached()), (1, 1));
    /// # drop(kept);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expire_after(mut self, idle: Duration) -> Self {
        self.expire_after = Some(idle);
        self
    }
}

impl From<&[&str]> for FamilyOptions {
    fn from(labels: &[&str]) -> Self {
        Self::labels(labels)
    }
}

impl<const N: usize> From<&[&str; N]> for FamilyOptions {
    fn from(labels: &[&str; N]) -> Self {
        Self::labels(labels)
    }
}

impl From<&Vec<&str>> for FamilyOptions {
    fn from(labels: &Vec<&str>) -> Self {
        Self::labels(labels)
    }
}
