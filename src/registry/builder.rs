//! Options of a registry.

use crate::clock::{Clock, SystemClock};
use crate::engine::slot::adaptive::Promotion;
use crate::error::RegisterError;
use crate::metric::context::MetricContext;
use crate::ownership::Ownership;
use crate::registry::Registry;
use crate::registry::names::Naming;
use crate::registry::own::{self, OwnFamilies};
use crate::registry::state::RegistryState;
use crate::thread::number_registry;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Builder for a [`Registry`]; [`Registry::builder`] makes one.
///
/// ```
/// use epoch_metrics::{ManualClock, Registry};
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// let clock = Arc::new(ManualClock::new());
/// let registry = Registry::builder().clock(clock).max_staleness(Duration::from_millis(100)).build();
/// # let _ = registry;
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct RegistryBuilder {
    clock: Option<Arc<dyn Clock>>,
    max_staleness: Duration,
    ownership: Ownership,
    owned_bytes: u64,
    naming: Naming,
    /// What the names of the library's own metrics begin with; `None` if it has none.
    own: Option<String>,
    max_series: usize,
    keep_rendered: bool,
    measure_rendering: bool,
    created_samples: bool,
}

impl Default for RegistryBuilder {
    fn default() -> Self {
        Self {
            clock: None,
            max_staleness: Duration::ZERO,
            ownership: Ownership::default(),
            owned_bytes: Promotion::DEFAULT_LIMIT,
            naming: Naming::default(),
            own: Some(own::PREFIX.to_owned()),
            max_series: Self::DEFAULT_MAX_SERIES,
            keep_rendered: true,
            measure_rendering: false,
            created_samples: false,
        }
    }
}

impl RegistryBuilder {
    /// The most series that all families of a registry have together unless it is said otherwise.
    pub const DEFAULT_MAX_SERIES: usize = 1_000_000;

    /// The most series that all families have together, overflow series aside; defaults to [`Self::DEFAULT_MAX_SERIES`]. Each
    /// family has [a cap of its own](crate::FamilyOptions::max_series), which says what happens to further series. Metrics without labels
    /// do not count.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::builder().max_series(1).build();
    /// let jobs = registry.counter_family("jobs", "Jobs done.", &["queue"])?;
    /// jobs.with(&["fast"])?.inc();
    /// jobs.with(&["slow"])?.inc();
    /// assert!(registry.render_prometheus().contains("jobs_total{queue=\"overflow\"} 1\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn max_series(mut self, max: usize) -> Self {
        self.max_series = max;
        self
    }

    /// The time source; defaults to [`SystemClock`].
    ///
    /// No lock of a metric, a snapshot or the registry is held while the clock is asked, so it may read and write metrics of the same
    /// registry, as long as it does not ask itself for the time without end. It must not call [`Family::with`](crate::Family::with),
    /// read a collector's sections, or read a [`CachedValue`](crate::CachedValue): those may be what asks.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// How old a snapshot may be and still be served although something changed. Zero, the default, always serves a current
    /// one. It is measured by [`Clock::now`], to the nanosecond. A read looks whether something changed first, whatever is allowed.
    pub fn max_staleness(mut self, age: Duration) -> Self {
        self.max_staleness = age;
        self
    }

    /// Whether threads share the cells of a metric or have their own; defaults to [`Ownership::Adaptive`].
    ///
    /// ```
    /// use epoch_metrics::{Ownership, Registry};
    ///
    /// // A few metrics and threads, all of them hot: no write is ever a read-modify-write.
    /// let registry = Registry::builder().ownership(Ownership::Always).build();
    /// # let _ = registry;
    /// ```
    pub fn ownership(mut self, ownership: Ownership) -> Self {
        self.ownership = ownership;
        self
    }

    /// Bytes that cells of single threads may take, with [`Ownership::Adaptive`]; defaults to 64 MiB. A thread for which there is
    /// no room goes on with the shared cells, and asks again a second later.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::builder().owned_bytes(1 << 20).build();
    /// # let _ = registry;
    /// ```
    pub fn owned_bytes(mut self, limit: u64) -> Self {
        self.owned_bytes = limit;
        self
    }

    /// What all names begin with, those of the library's own metrics included: `prefix("app")` exposes `requests` as
    /// `app_requests`. Snapshots and errors show the whole name. The last call counts.
    ///
    /// # Errors
    /// [`RegisterError::InvalidName`] if no metric could have this name.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::builder().prefix("app")?.build();
    /// registry.counter("requests", "Requests answered.")?.inc();
    /// assert!(registry.render_prometheus().contains("app_requests_total 1\n"));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn prefix(mut self, prefix: &str) -> Result<Self, RegisterError> {
        self.naming.set_prefix(prefix)?;
        Ok(self)
    }

    /// Whether names of metrics and labels may have any characters, as in `http.server.duration`; defaults to `false`. It holds for
    /// everything that is named after this call: call it before [`Self::prefix`] and [`Self::constant_label`].
    ///
    /// A scraper that takes such names, as Prometheus 3 does, gets them as they are ([`Registry::scrape`]); any other one gets
    /// them escaped by the scheme that it asks for, by default with `_` for each character that is not an ASCII letter, a digit,
    /// `_` or `:`. Names that are the same once they are escaped do not go together: the second one is refused as a duplicate.
    /// Labels of [families with any labels](crate::FamilyOptions::any_labels) keep to the plain characters.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::builder().utf8_names(true).build();
    /// registry.counter("http.requests", "Requests.")?.inc();
    /// assert!(registry.render_prometheus().contains("http_requests_total 1\n"));
    /// assert!(registry.counter("http_requests", "Requests.").is_err());
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn utf8_names(mut self, allowed: bool) -> Self {
        self.naming.set_utf8(allowed);
        self
    }

    /// A label that every series of the registry has, before its own labels.
    ///
    /// # Errors
    /// If the name is invalid, or this registry has a constant label of this name already. A metric that has, or sets, a label
    /// of this name itself is refused when it is registered.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::builder().constant_label("region", "eu")?.build();
    /// registry.counter_family("requests", "Requests.", &["status"])?.with(&["200"])?.inc();
    /// assert!(registry.render_prometheus().contains(r#"requests_total{region="eu",status="200"} 1"#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn constant_label(mut self, name: &str, value: &str) -> Result<Self, RegisterError> {
        self.naming.add_constant_label(name, value)?;
        Ok(self)
    }

    /// What the names of the library's own metrics begin with, after the [prefix](Self::prefix); defaults to `epoch_metrics`.
    ///
    /// | metric | counts, or is | labels |
    /// |---|---|---|
    /// | `epoch_metrics_rejected_values_total` | values that a histogram refused | `metric`, and those of the histogram |
    /// | `epoch_metrics_overflowed_lookups_total` | look-ups of further series that a [cap](Self::max_series) turned away, from the first one on | `metric` |
    /// | `epoch_metrics_callback_panics_total` | panics of an observable metric's callback, from the first one on | `metric` |
    /// | `epoch_metrics_owned_cells` | threads that own cells, over all pages of counters and histograms, from the first one on | |
    /// | `epoch_metrics_owned_bytes` | bytes of these cells | |
    /// | `epoch_metrics_owned_cells_refused_total` | times that [`owned_bytes`](Self::owned_bytes) had no room for a thread's cells, from the first one on | |
    ///
    /// Constant labels come in addition. Where a histogram has a label `metric` of its own, or the registry has a constant one,
    /// that label is shown as `exported_metric`; if this name is taken as well, with `exported_` once more.
    ///
    /// # Errors
    /// [`RegisterError::InvalidName`] if no metric could have this name.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let registry = Registry::builder().prefix("app")?.own_metrics_prefix("telemetry")?.build();
    /// registry.histogram("size", "Sizes.", HistogramOptions::values(0, 10))?.record(11);
    /// assert!(registry.render_prometheus().contains(r#"app_telemetry_rejected_values_total{metric="app_size"} 1"#));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn own_metrics_prefix(mut self, prefix: &str) -> Result<Self, RegisterError> {
        self.naming.check_name(prefix)?;
        self.own = Some(prefix.to_owned());
        Ok(self)
    }

    /// Adds metrics of the library's own about rendering, which change with each page. Their names begin as [the
    /// others](Self::own_metrics_prefix) do.
    ///
    /// | metric | counts, or is |
    /// |---|---|
    /// | `epoch_metrics_rendered_pages_total` | pages rendered, in all formats, before this one |
    /// | `epoch_metrics_rendering_seconds_total` | time that this took, compression aside |
    /// | `epoch_metrics_rendered_series_total` | series on these pages that were rendered anew; one change may count twice, since two texts take turns |
    /// | `epoch_metrics_reused_series_total` | series on these pages that were taken over from an earlier page |
    /// | `epoch_metrics_page_bytes` | length of the last of these pages |
    /// | `epoch_metrics_snapshot_age_seconds` | age of the snapshot that this page shows |
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::builder().measure_rendering(true).build();
    /// registry.counter("requests", "Requests answered.")?.inc();
    /// registry.render_prometheus();
    /// assert!(registry.render_prometheus().contains("epoch_metrics_rendered_pages_total 1\n"));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn measure_rendering(mut self, measure: bool) -> Self {
        self.measure_rendering = measure;
        self
    }

    /// Whether pages tell when counters, histograms, summaries and throughputs' totals were created or last reset: as samples with the
    /// suffix `_created` in OpenMetrics, and as `created_timestamp` in protobuf. Defaults to `false`. A server can then tell a series that
    /// begins from one that goes on. Each series of a family of counters takes 8 bytes more.
    ///
    /// Times are those of the [clock](Self::clock), from the [time of day](Clock::unix_time) that it tells when the registry is built; if it
    /// tells none, there are no such samples. What observable metrics report has none, and neither have the library's own metrics.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::builder().created_samples(true).build();
    /// registry.counter("requests", "Requests answered.")?.inc();
    /// let page = registry.render_openmetrics();
    /// assert!(page.contains("requests_total 1\nrequests_created 1"), "{page}");
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn created_samples(mut self, tell: bool) -> Self {
        self.created_samples = tell;
        self
    }

    /// Leaves the library's own metrics out. Snapshots still show what histograms
    /// [rejected](crate::HistogramSnapshot::rejected).
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let registry = Registry::builder().without_own_metrics().build();
    /// registry.histogram("size", "Sizes.", HistogramOptions::values(0, 10))?;
    /// assert!(!registry.render_prometheus().contains("epoch_metrics"));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn without_own_metrics(mut self) -> Self {
        self.own = None;
        self
    }

    /// Whether the registry keeps what it rendered last, in each format that was asked for; it does unless this is called with
    /// `false`. Then the next page costs what changed since, and takes the memory of one more text.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::builder().keep_rendered(false).build();
    /// registry.counter("requests", "Requests answered.")?.inc();
    /// assert!(registry.render_prometheus().contains("requests_total 1\n"));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn keep_rendered(mut self, keep: bool) -> Self {
        self.keep_rendered = keep;
        self
    }

    /// An empty registry.
    pub fn build(mut self) -> Registry {
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock::new()));
        let unix_time = || Some(clock.unix_time()?.saturating_sub(clock.now()));
        self.naming.unix_origin = self.created_samples.then(unix_time).flatten();
        let promotion = Promotion::new(self.ownership, self.owned_bytes);
        // SAFETY: a number that no other registry has.
        let promotion = unsafe { promotion.numbered(number_registry()) };
        let context = MetricContext::new(clock, self.max_staleness, promotion);
        let own = self.own.map(|prefix| {
            OwnFamilies::new(
                &self.naming,
                &prefix,
                self.measure_rendering.then_some(&context.clock),
            )
        });
        Registry {
            state: Arc::new(RegistryState::new(
                context,
                self.naming,
                own,
                self.max_series,
                self.keep_rendered,
            )),
        }
    }
}

impl fmt::Debug for RegistryBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryBuilder")
            .field("max_staleness", &self.max_staleness)
            .field("prefix", &self.naming.prefix())
            .finish_non_exhaustive()
    }
}
