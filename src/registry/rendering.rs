//! What a registry keeps of what it rendered: in each format the families of one snapshot, which the next one takes over as far as
//! they are the same.

use crate::engine::snapshot_cache::SnapshotCache;
#[cfg(feature = "gzip")]
use crate::registry::compression::CompressedCaches;
use crate::registry::family_snapshot::FamilySnapshot;
use crate::registry::renderer::Renderer;
use crate::registry::selection::Selection;
use crate::registry::snapshot::RegistrySnapshot;
use crate::registry::spare::SpareTexts;
use crate::rendered::{Families, FamilyText};
use crate::sample::{CACHES, Encoder};
use crate::sync::{AtomicU64, Relaxed};
use std::fmt;
use std::sync::Arc;

/// What a registry keeps of the last page in each format.
pub(super) struct RenderCaches {
    caches: [SnapshotCache<SpareTexts, RenderedSnapshot>; CACHES],
    #[cfg(feature = "gzip")]
    pub(super) compressed: CompressedCaches,
    /// Nothing is kept if this is not set.
    pub(super) keep: bool,
}

/// The families of a snapshot in one format.
pub(super) struct RenderedSnapshot {
    snapshot: Arc<RegistrySnapshot>,
    pub(super) families: Families,
    /// What histograms rejected, for each family of them.
    pub(super) rejections: Vec<Arc<FamilyText>>,
    /// All rejections as one family; none if there are no histograms.
    pub(super) rejected: Families,
    series: u64,
    /// Series that were not taken over, until they are counted.
    rendered: AtomicU64,
}

impl RenderCaches {
    /// `empty`: a snapshot of a registry without metrics.
    pub(super) fn new(empty: RegistrySnapshot, keep: bool) -> Self {
        let empty = Arc::new(empty);
        let caches = std::array::from_fn(|_| {
            let first = RenderedSnapshot {
                snapshot: Arc::clone(&empty),
                families: Families::default(),
                rejections: Vec::new(),
                rejected: Families::default(),
                series: 0,
                rendered: AtomicU64::new(0),
            };
            SnapshotCache::new(SpareTexts::default(), first)
        });
        Self {
            caches,
            #[cfg(feature = "gzip")]
            compressed: CompressedCaches::default(),
            keep,
        }
    }

    /// The families of the snapshot. If another thread renders in the same format, this one waits for it, and takes over what it
    /// rendered.
    pub(super) fn render(
        &self,
        snapshot: &Arc<RegistrySnapshot>,
        encoder: &dyn Encoder,
    ) -> Arc<RenderedSnapshot> {
        let cache = &self.caches[encoder.cache()];
        let is_of = |rendered: &RenderedSnapshot| Arc::ptr_eq(&rendered.snapshot, snapshot);
        let published = cache.latest();
        if is_of(&published) {
            return published;
        }
        if !self.keep {
            let everything = |_: &FamilySnapshot<'_>| true;
            return Arc::new(RenderedSnapshot::new(
                snapshot, &published, everything, encoder, None,
            ));
        }
        cache.answer(
            cache.request(),
            |rendered, _| is_of(rendered),
            |spare, last| RenderedSnapshot::new(snapshot, last, |_| true, encoder, Some(spare)),
        )
    }

    /// Some families of the snapshot. What is kept is taken over, but not replaced.
    pub(super) fn render_selected(
        &self,
        snapshot: &Arc<RegistrySnapshot>,
        selection: &Selection,
        encoder: &dyn Encoder,
    ) -> Arc<RenderedSnapshot> {
        let last = self.caches[encoder.cache()].latest();
        let takes = |family: &FamilySnapshot<'_>| selection.takes(family.description());
        Arc::new(RenderedSnapshot::new(snapshot, &last, takes, encoder, None))
    }
}

impl RenderedSnapshot {
    /// Renders the families of a snapshot for which `takes` is true. `last`: another one, usually the one before, of which as much as
    /// possible is taken over. `spare`: texts that values can be put into, if all families are rendered.
    fn new(
        snapshot: &Arc<RegistrySnapshot>,
        last: &Self,
        takes: impl Fn(&FamilySnapshot<'_>) -> bool,
        encoder: &dyn Encoder,
        spare: Option<&mut SpareTexts>,
    ) -> Self {
        let mut renderer = Renderer::new(encoder, spare);
        let known = last.snapshot.families().zip(&*last.families.list);
        let families = renderer.families(snapshot.families().filter(&takes), known);
        let known = last.snapshot.rejections().zip(&last.rejections);
        let about = || snapshot.rejections().filter(&takes);
        let mut of_rejections = Renderer::new(encoder, None);
        let rejections = of_rejections.families(about(), known);
        let mut pairs = rejections.iter().zip(&last.rejections);
        let stand = rejections.len() == last.rejections.len()
            && pairs.all(|(ours, theirs)| Arc::ptr_eq(ours, theirs));
        let rejected = if stand {
            last.rejected.clone()
        } else {
            let first = about().next();
            let first = first.filter(|_| about().any(|family| family.is_shown()));
            let join = |first: FamilySnapshot<'_>| {
                FamilyText::join(rejections.iter(), first.description(), encoder)
            };
            Families::new(first.map(join).into_iter().collect(), encoder)
        };
        Self {
            snapshot: Arc::clone(snapshot),
            families: Families::new(families.into(), encoder),
            rejected,
            rejections,
            series: snapshot
                .families()
                .filter(&takes)
                .chain(about())
                .map(|family| family.series().len() as u64)
                .sum(),
            rendered: AtomicU64::new(renderer.rendered + of_rejections.rendered),
        }
    }

    /// Bytes of all families.
    pub(super) fn len(&self) -> usize {
        self.families.len() + self.rejected.len()
    }

    /// How many series there are, and how many of them were rendered anew and not counted yet.
    pub(super) fn series(&self) -> (u64, u64) {
        // Relaxed: a statistic.
        (self.series, self.rendered.swap(0, Relaxed))
    }
}

impl fmt::Debug for RenderCaches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RenderCaches")
            .field("keep", &self.keep)
            .finish_non_exhaustive()
    }
}
