//! Everything that one registry, or several, expose at one moment.

use crate::engine::slot::adaptive::BudgetUse;
#[cfg(feature = "gzip")]
use crate::registry::compression::{Stretches, compress};
use crate::registry::merge;
use crate::registry::observer::Observer;
use crate::registry::own::OwnFamilies;
use crate::registry::page_error::PageError;
use crate::registry::page_family::PageFamily;
use crate::registry::page_part::Part;
use crate::registry::rendering::RenderCaches;
use crate::registry::selection::Selection;
use crate::registry::snapshot::RegistrySnapshot;
use crate::rendered::{Families, FamilyText, Rendered};
use crate::sample::Encoder;
use crate::sample::description::FamilyDescription;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A snapshot of a registry, and what its observable metrics reported for that snapshot; or those of several registries. It is
/// the input of every format, so all formats that are rendered from one page show the same values.
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
    /// One for each registry.
    parts: Vec<Part>,
}

impl Page {
    /// Calls the observers.
    pub(super) fn new(
        snapshot: Arc<RegistrySnapshot>,
        observers: &[Observer],
        own: Option<&OwnFamilies>,
        usage: BudgetUse,
        caches: Arc<RenderCaches>,
        selection: Option<Selection>,
    ) -> Self {
        let is_wanted = |family: &FamilyDescription| {
            let selection = selection.as_ref();
            selection.is_none_or(|selection| selection.takes(family))
        };
        let overflowed = own.map(|own| own.overflowed(&snapshot));
        let mut observed: Vec<_> = overflowed.into_iter().collect();
        let wanted = observers.iter();
        let wanted = wanted.filter(|observer| is_wanted(&observer.description));
        observed.extend(wanted.map(|observer| observer.observe(&snapshot)));
        observed.extend(own.into_iter().flat_map(|own| own.cells.observe(usage)));
        let rendering = own.and_then(|own| own.rendering.as_ref());
        observed.extend(
            rendering
                .into_iter()
                .flat_map(|rendering| rendering.observe(snapshot.taken)),
        );
        // Last: it counts the panics of this page too.
        observed.extend(own.map(|own| own.panics(observers)));
        observed.retain(|family| is_wanted(&family.description));
        let part = Part {
            rendering: rendering.cloned(),
            snapshot,
            caches,
            selection,
            observed,
        };
        Self { parts: vec![part] }
    }

    /// One page of several: of registries, of collectors ([`MetricsCollector::page`](crate::MetricsCollector::page)), or of
    /// pages that were merged before.
    ///
    /// Families of the same name become one, with one `HELP` and one `TYPE`; a histogram's series keep the bounds that they were
    /// registered with. Series of the library's own counters that have equal labels are added up. No page is made of pages that
    /// contradict each other: give their registries different prefixes or constant labels
    /// ([`RegistryBuilder::prefix`](crate::RegistryBuilder::prefix),
    /// [`RegistryBuilder::constant_label`](crate::RegistryBuilder::constant_label)).
    ///
    /// # Errors
    /// If two families of the same name differ in kind, unit or help text, if a family exposes a name of another one (a counter
    /// `a` and a gauge `a_total`), or if two pages have the same series.
    ///
    /// ```
    /// use epoch_metrics::{Page, Registry};
    ///
    /// let shards = ["0", "1"].map(|shard| Registry::builder().constant_label("shard", shard).map(|builder| builder.build()));
    /// let [first, second] = shards;
    /// let (first, second) = (first?, second?);
    /// first.counter("jobs", "Jobs done.")?.add(1);
    /// second.counter("jobs", "Jobs done.")?.add(2);
    /// let page = Page::merge([first.page(), second.page()])?;
    /// assert_eq!(
    ///     page.render_prometheus(),
    ///     "# HELP jobs_total Jobs done.\n# TYPE jobs_total counter\njobs_total{shard=\"0\"} 1\njobs_total{shard=\"1\"} 2\n"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn merge(pages: impl IntoIterator<Item = Self>) -> Result<Self, PageError> {
        let parts = pages.into_iter().flat_map(|page| page.parts).collect();
        let mut page = Self { parts };
        merge::add_up_own(&mut page.parts);
        merge::check(&grouped(page.families(), |family| family.description()))?;
        Ok(page)
    }

    /// The snapshots that the page shows, one for each registry, in the order in which they were merged.
    pub fn snapshots(&self) -> impl ExactSizeIterator<Item = &Arc<RegistrySnapshot>> {
        self.parts.iter().map(|part| &part.snapshot)
    }

    /// Renders all families: of each registry the registered ones first, then the observed ones, each in the order of
    /// registration. A family that several registries have comes where the first one has it.
    pub(crate) fn render_with(&self, encoder: &dyn Encoder) -> Rendered {
        if let [part] = &*self.parts {
            // Nothing to bring together.
            let (snapshot, observed) = part.render(encoder);
            let observed = part.observed.iter().zip(observed);
            let shown = observed.filter(|(family, _)| !family.series.is_empty());
            let shown = shown.map(|(_, text)| text).collect();
            let [families, rejected] =
                [&snapshot.families, &snapshot.rejected].map(Families::clone);
            return Rendered::new(
                vec![families, rejected, Families::new(shown, encoder)],
                encoder,
            );
        }
        let texts: Vec<_> = self.parts.iter().map(|part| part.render(encoder)).collect();
        let texts = texts.iter().flat_map(|(snapshot, observed)| {
            let registered = snapshot.families.list.iter().chain(&snapshot.rejections);
            registered.chain(observed)
        });
        let groups = grouped(self.families().zip(texts), |(family, _)| {
            family.description()
        });
        let shown = groups
            .iter()
            .filter(|group| group.iter().any(|(family, _)| family.is_shown()));
        let list = shown.map(|group| {
            let texts = group.iter().map(|(_, text)| *text);
            FamilyText::join(texts, group[0].0.description(), encoder)
        });
        Rendered::new(vec![Families::new(list.collect(), encoder)], encoder)
    }

    /// [`Self::render_with`], compressed. A page of several registries is kept by the first one.
    #[cfg(feature = "gzip")]
    pub(crate) fn compress_with(&self, encoder: &dyn Encoder) -> Rendered {
        let rendered = self.render_with(encoder);
        match self.parts.first() {
            Some(Part {
                caches, selection, ..
            }) => {
                // A page in part would leave little to take over for the next whole one.
                let keep = caches.keep && selection.is_none();
                caches.compressed.compress(&rendered, encoder, keep)
            }
            None => compress(&rendered, &Stretches::default()).0,
        }
    }

    /// The families that the page shows, with all that formats are rendered from: of each registry the registered families and what histograms
    /// rejected, then the observed ones. If the page is of several registries, a family that more than one of them has comes once for each.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::builder().without_own_metrics().build();
    /// registry.counter("requests", "Requests answered.")?.inc();
    /// registry.observable_gauge_fn("queued", "Requests that wait.", || 3.0)?;
    /// let page = registry.page();
    /// let names: Vec<&str> = page.families().map(|family| family.name()).collect();
    /// assert_eq!(names, ["requests", "queued"]);
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn families(&self) -> impl Iterator<Item = PageFamily<'_>> {
        self.parts.iter().flat_map(Part::families)
    }
}

/// What belongs to families of the same name together, in the order of the first one's place.
fn grouped<'a, T>(
    items: impl Iterator<Item = T>,
    description: impl Fn(&T) -> &'a FamilyDescription,
) -> Vec<Vec<T>> {
    let mut groups: Vec<Vec<T>> = Vec::new();
    let mut by_name = HashMap::new();
    for item in items {
        let at = *by_name
            .entry(&*description(&item).name)
            .or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(item),
            None => groups.push(vec![item]),
        }
    }
    groups
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.snapshots()).finish()
    }
}
