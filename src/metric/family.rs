//! Families: metrics of one name that differ in their label values.

use crate::engine::family::cap::Cap;
use crate::engine::family::expiry::IdleTime;
use crate::engine::family::labels::LabelValues;
use crate::engine::family::{self as engine, Full, Lookup, Members};
use crate::engine::throughput::Moment;
use crate::error::LabelError;
use crate::metric::context::MetricContext;
use crate::metric::label_set::{in_order, sorted};
use std::fmt;
use std::sync::Arc;

/// Metrics of one name that differ in their label values.
///
/// [`with`](Self::with) returns a handle, never a guard. Look it up once for each value that is known in advance, and keep it. For
/// values that are known only when they come there is [`with_ref`](Self::with_ref). Finding a series takes no lock and allocates
/// nothing; creating one does both.
///
/// ```
/// let registry = epoch_metrics::Registry::new();
/// let requests = registry.counter_family("requests", "Requests answered.", &["method", "status"])?;
/// let ok = requests.with(&["GET", "200"])?; // once
/// ok.inc();
/// assert!(registry.render_prometheus().contains(r#"requests_total{method="GET",status="200"} 1"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Family<M: Member> {
    pub(super) names: Arc<[Box<str>]>,
    /// Each series has label names of its own, for which this holds.
    check: Option<CheckNames>,
    pub(super) lookup: Arc<Lookup<M>>,
    pub(super) series: Arc<dyn SeriesOf<M>>,
    pub(super) context: Arc<MetricContext>,
    /// How long series are kept that are idle, if they expire.
    idle: Option<IdleTime>,
}

/// Whether this can be the name of a label.
pub(crate) type CheckNames = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// A metric that families have: [`Counter`](crate::Counter), [`FloatCounter`](crate::FloatCounter), [`Gauge`](crate::Gauge),
/// [`FloatGauge`](crate::FloatGauge), [`Histogram`](crate::Histogram) or [`Throughput`](crate::Throughput).
pub trait Member: Clone + Send + Sync + sealed::Sealed + 'static {
    /// What a series of the family holds: a number, or the [snapshot](crate::HistogramSnapshot) of a histogram.
    type Value: 'static;
}

pub(super) mod sealed {
    /// Keeps other crates from implementing [`Member`](super::Member).
    pub trait Sealed {}
}

/// A family's series, whatever they are stored in. All but look-ups go through this.
pub(crate) trait SeriesOf<M: Member>: fmt::Debug + Send + Sync {
    fn lookup(&self) -> &Arc<Lookup<M>>;
    /// Of a series that a look-up has not found.
    fn create(&self, values: &[&str], stamp: Option<u32>) -> Result<M, Full>;
    fn remove(&self, values: &[&str], now: Moment) -> Option<M::Value>;
    fn remove_series(&self, labels: &LabelValues, now: Moment) -> Option<M::Value>;
    fn values(&self, now: Moment) -> Vec<(LabelValues, M::Value)>;
    fn sum(&self, now: Moment) -> M::Value;
    fn detached(&self, now: Moment) -> M::Value;
    fn len(&self) -> usize;
    fn cap(&self) -> &Cap;
    fn idle_time(&self) -> Option<IdleTime>;
}

impl<M, S> SeriesOf<M> for engine::Family<S>
where
    M: Member + fmt::Debug,
    S: Members<Handle = M, Value = M::Value> + fmt::Debug + Send,
{
    fn lookup(&self) -> &Arc<Lookup<M>> {
        self.lookup()
    }

    fn create(&self, values: &[&str], stamp: Option<u32>) -> Result<M, Full> {
        self.create(values, stamp)
    }

    fn remove(&self, values: &[&str], now: Moment) -> Option<M::Value> {
        self.remove(values, now)
    }

    fn remove_series(&self, labels: &LabelValues, now: Moment) -> Option<M::Value> {
        self.remove_series(labels, now)
    }

    fn values(&self, now: Moment) -> Vec<(LabelValues, M::Value)> {
        self.read(|members| members.values(now))
    }

    fn sum(&self, now: Moment) -> M::Value {
        self.read(|members| members.sum(now))
    }

    fn detached(&self, now: Moment) -> M::Value {
        self.read(|members| members.detached(now))
    }

    fn len(&self) -> usize {
        self.read(Members::len)
    }

    fn cap(&self) -> &Cap {
        engine::Listed::cap(self)
    }

    fn idle_time(&self) -> Option<IdleTime> {
        self.idle_time()
    }
}

/// Nothing is left half-changed, whatever panics: a series is created and removed under a lock, all or nothing.
impl<M: Member> std::panic::RefUnwindSafe for Family<M> {}
impl<M: Member> std::panic::UnwindSafe for Family<M> {}

impl<M: Member> Clone for Family<M> {
    fn clone(&self) -> Self {
        Self {
            names: Arc::clone(&self.names),
            check: self.check.clone(),
            lookup: Arc::clone(&self.lookup),
            series: Arc::clone(&self.series),
            context: Arc::clone(&self.context),
            idle: self.idle,
        }
    }
}

impl<M: Member> Family<M> {
    /// `names`: those of the labels.
    pub(crate) fn new(
        names: &Arc<[Box<str>]>,
        check: Option<CheckNames>,
        series: Arc<dyn SeriesOf<M>>,
        context: &Arc<MetricContext>,
    ) -> Self {
        Self {
            names: Arc::clone(names),
            check,
            lookup: Arc::clone(series.lookup()),
            idle: series.idle_time(),
            series,
            context: Arc::clone(context),
        }
    }

    /// The member with these label values, one for each label in the order of registration. It is created if it is new.
    ///
    /// Beyond the family's [cap](crate::FamilyOptions::max_series) it is the overflow series, whose label values are all `overflow`. A
    /// family of gauges has none.
    ///
    /// # Errors
    /// If the number of values is not the number of labels, or a family of gauges has as many series as it may have.
    #[inline]
    pub fn with(&self, values: &[&str]) -> Result<M, LabelError> {
        self.with_ref(values, M::clone)
    }

    /// Calls `with` with the member that has these label values, and returns what it returns. This spares the two counts that a
    /// handle's clone and its drop cost, on memory that all threads share.
    ///
    /// # Errors
    /// If the number of values is not the number of labels.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::new();
    /// let jobs = registry.counter_family("jobs", "Jobs done.", &["queue"])?;
    /// jobs.with_ref(&["fast"], |counter| counter.inc())?;
    /// assert_eq!(jobs.with(&["fast"])?.get(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn with_ref<R>(
        &self,
        values: &[&str],
        with: impl FnOnce(&M) -> R,
    ) -> Result<R, LabelError> {
        self.find_or(values, with, || self.create_checked(values))
    }

    /// When a look-up is made, if that matters.
    #[inline]
    pub(super) fn stamp(&self) -> Option<u32> {
        let idle = self.idle?;
        Some(idle.stamp(self.context.clock.coarse()))
    }

    #[inline]
    fn find_or<R>(
        &self,
        values: &[&str],
        with: impl FnOnce(&M) -> R,
        create: impl FnOnce() -> Result<M, LabelError>,
    ) -> Result<R, LabelError> {
        let missing = self.lookup.find(values, self.stamp(), |found| match found {
            Some(member) => Ok(with(member)),
            None => Err(with),
        });
        match missing {
            Ok(result) => Ok(result),
            Err(with) => Ok(with(&create()?)),
        }
    }

    #[cold]
    fn create_checked(&self, values: &[&str]) -> Result<M, LabelError> {
        if values.len() != self.names.len() {
            return Err(LabelError::WrongCount {
                expected: self.names.len(),
                given: values.len(),
            });
        }
        self.create(values)
    }

    /// `pairs`: names and values in turn.
    #[cold]
    fn create_named(&self, pairs: &[&str], check: &CheckNames) -> Result<M, LabelError> {
        for name in pairs.iter().step_by(2) {
            if !check(name) {
                let label = (*name).to_owned();
                return Err(LabelError::InvalidLabel { label });
            }
        }
        self.create(pairs)
    }

    fn create(&self, values: &[&str]) -> Result<M, LabelError> {
        // Makes room.
        self.context.expire();
        let max = self.series.cap().max();
        let created = self.series.create(values, self.stamp());
        created.map_err(|Full| LabelError::TooManySeries { max })
    }

    /// The member with these label values, each with the name of its label, in any order.
    ///
    /// # Errors
    /// If a name is unknown, missing or repeated; or, where series have [names of their own](crate::FamilyOptions::any_labels), if
    /// one cannot be a label's name.
    ///
    /// ```
    /// use epoch_metrics::LabelError;
    ///
    /// let registry = epoch_metrics::Registry::new();
    /// let requests = registry.counter_family("requests", "Requests.", &["method", "status"])?;
    /// requests.with_labels(&[("status", "200"), ("method", "GET")])?.inc();
    /// assert_eq!(requests.with(&["GET", "200"])?.get(), 1);
    /// let error = requests.with_labels(&[("method", "GET"), ("code", "200")]).unwrap_err();
    /// assert_eq!(error, LabelError::MissingLabel { label: "status".to_owned() });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_labels(&self, labels: &[(&str, &str)]) -> Result<M, LabelError> {
        match &self.check {
            None => in_order(&self.names, labels, |values| self.with(values))?,
            Some(check) => sorted(labels, |pairs| {
                self.find_or(pairs, M::clone, || self.create_named(pairs, check))
            })?,
        }
    }

    /// Calls `with` with the values of these labels, as the index has them.
    pub(super) fn with_values_of<R>(
        &self,
        labels: &[(&str, &str)],
        with: impl FnOnce(&[&str]) -> R,
    ) -> Result<R, LabelError> {
        match &self.check {
            None => in_order(&self.names, labels, with),
            Some(_) => sorted(labels, with),
        }
    }
}

impl<M: Member> fmt::Debug for Family<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Family")
            .field("labels", &self.names)
            .finish_non_exhaustive()
    }
}
