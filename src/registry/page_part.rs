//! What a page shows of one registry: the part that formats encode, and that pages which are merged must agree on.

use crate::registry::family_snapshot::FamilySnapshot;
use crate::registry::observer::ObservedFamily;
use crate::registry::own_rendering::RenderStatistics;
use crate::registry::page_family::PageFamily;
use crate::registry::renderer::Renderer;
use crate::registry::rendering::{RenderCaches, RenderedSnapshot};
use crate::registry::selection::Selection;
use crate::registry::snapshot::RegistrySnapshot;
use crate::rendered::FamilyText;
use crate::sample::Encoder;
use std::sync::Arc;

/// What a page shows of one registry.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) snapshot: Arc<RegistrySnapshot>,
    /// What the registry rendered last.
    pub(super) caches: Arc<RenderCaches>,
    /// Measures how it is rendered, if that is asked for.
    pub(super) rendering: Option<Arc<RenderStatistics>>,
    /// The families that were asked for; `None`: all.
    pub(super) selection: Option<Selection>,
    /// In the order of registration, also those that reported nothing: their names stay theirs.
    pub(super) observed: Vec<ObservedFamily>,
}

impl Part {
    /// Its snapshot in one format, and its observed families, those that reported nothing included.
    pub(super) fn render(
        &self,
        encoder: &dyn Encoder,
    ) -> (Arc<RenderedSnapshot>, Vec<Arc<FamilyText>>) {
        match &self.rendering {
            None => self.render_unmeasured(encoder),
            Some(statistics) => statistics.measure(|| {
                let (snapshot, observed) = self.render_unmeasured(encoder);
                let reported = self.observed.iter().map(|family| family.series.len());
                let shown = observed
                    .iter()
                    .zip(reported)
                    .filter(|(_, series)| *series > 0);
                let (bytes, reported) = shown.fold((0, 0), |(bytes, all), (text, series)| {
                    (bytes + text.len, all + series as u64)
                });
                let (registered, rendered) = snapshot.series();
                (
                    (
                        snapshot.len() + bytes,
                        registered + reported,
                        rendered + reported,
                    ),
                    (snapshot, observed),
                )
            }),
        }
    }

    fn render_unmeasured(
        &self,
        encoder: &dyn Encoder,
    ) -> (Arc<RenderedSnapshot>, Vec<Arc<FamilyText>>) {
        let snapshot = match &self.selection {
            None => self.caches.render(&self.snapshot, encoder),
            Some(selection) => self
                .caches
                .render_selected(&self.snapshot, selection, encoder),
        };
        let mut renderer = Renderer::new(encoder, None);
        let observed = self.observed.iter();
        let observed = observed.map(|family| renderer.observed(family));
        (snapshot, observed.collect())
    }

    pub(super) fn families(&self) -> impl Iterator<Item = PageFamily<'_>> {
        let registered = self.snapshot.families().chain(self.snapshot.rejections());
        let wanted = |family: &FamilySnapshot<'_>| {
            let selection = self.selection.as_ref();
            selection.is_none_or(|selection| selection.takes(family.description()))
        };
        let registered = registered.filter(wanted).map(PageFamily::registered);
        registered.chain(self.observed.iter().map(PageFamily::observed))
    }
}
