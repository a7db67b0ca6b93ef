//! Everything that a registry exposes at one moment.

use crate::registry::observer::{ObservedSeries, Observer};
use crate::registry::snapshot::RegistrySnapshot;
use crate::sample::Encoder;
use crate::sample::description::FamilyDescription;
use std::fmt;
use std::sync::Arc;

/// A snapshot of a registry, and what its observable metrics reported for that snapshot: the input of every format.
///
/// All formats that are rendered from one page show the same values.
///
/// ```
/// let registry = epoch_metrics::Registry::new();
/// registry.counter("requests", "Requests answered.")?.inc();
/// let page = registry.page();
/// assert!(page.render_prometheus().contains("requests_total 1"));
/// assert!(page.render_json().contains(r#""requests":{"type":"counter""#));
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct Page {
    snapshot: Arc<RegistrySnapshot>,
    observed: Vec<(Arc<FamilyDescription>, ObservedSeries)>,
}

impl Page {
    /// Calls the observers.
    pub(super) fn new(snapshot: Arc<RegistrySnapshot>, observers: &[Observer]) -> Self {
        let observe = |observer: &Observer| {
            (
                Arc::clone(&observer.description),
                observer.observe(&snapshot),
            )
        };
        // A family that reported nothing is left out.
        let observed = observers
            .iter()
            .map(observe)
            .filter(|(_, series)| !series.is_empty())
            .collect();
        Self { snapshot, observed }
    }

    /// The snapshot that the page shows.
    pub fn snapshot(&self) -> &Arc<RegistrySnapshot> {
        &self.snapshot
    }

    /// Encodes all families: registered ones first, then observed ones, each in the order of registration.
    pub(crate) fn encode(&self, encoder: &mut dyn Encoder) {
        self.snapshot.encode(encoder);
        for (description, series) in &self.observed {
            encoder.begin_family(description);
            for (labels, value) in series {
                encoder.series(description, labels, value);
            }
            encoder.end_family();
        }
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Page");
        out.field("snapshot", &self.snapshot)
            .field("observed", &self.observed.len())
            .finish()
    }
}
