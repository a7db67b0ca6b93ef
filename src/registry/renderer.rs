//! Families of a page become bytes, and what did not change since another snapshot is taken over.
//!
//! A snapshot shares what did not change with the one before it: the values of a page of cells, the snapshot of a histogram. So a
//! part of a family's bytes holds for as long as these are the same objects, and counts of rejections for as long as they are the same
//! numbers; no text is compared. In a part that changed, values are
//! compared one by one, and the series that changed are put into the [text before the last one](super::spare), or into a copy of the last one.
//!
//! Bytes are made of snapshots alone, never of live metrics: a page that is kept for long renders what it held.

use crate::engine::readout::CellsPart;
use crate::registry::catalog::CellValue;
use crate::registry::family_snapshot::FamilySnapshot;
use crate::registry::observer::ObservedFamily;
use crate::registry::series_snapshot::SeriesSnapshot;
use crate::registry::spare::{Change, Spare, SparePart, SpareTexts};
use crate::rendered::FamilyText;
use crate::rendered::part::Part;
use crate::rendered::parts::Parts;
use crate::sample::Encoder;
use crate::sample::description::FamilyDescription;
use crate::sample::labels::{LabelSet, OwnedLabels};
use crate::sample::value::Value;
use std::collections::HashMap;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

/// A family in another snapshot, and what it looked like.
#[derive(Clone, Copy)]
struct Known<'a> {
    family: FamilySnapshot<'a>,
    text: &'a Arc<FamilyText>,
}

/// Renders families, one after the other.
pub(super) struct Renderer<'a> {
    encoder: &'a dyn Encoder,
    spare: Option<&'a mut SpareTexts>,
    /// The part that is being rendered.
    bytes: Vec<u8>,
    ends: Vec<u32>,
    /// Series that were not taken over.
    pub(super) rendered: u64,
}

impl<'a> Renderer<'a> {
    /// `spare`: those of earlier calls with the same registry and encoder, if there were any.
    pub(super) fn new(encoder: &'a dyn Encoder, spare: Option<&'a mut SpareTexts>) -> Self {
        Self {
            encoder,
            spare,
            bytes: Vec::new(),
            ends: Vec::new(),
            rendered: 0,
        }
    }

    /// Renders families. `known`: those of another snapshot, in the same order, but for those that were added or removed.
    pub(super) fn families<'k>(
        &mut self,
        families: impl Iterator<Item = FamilySnapshot<'k>>,
        known: impl Iterator<Item = (FamilySnapshot<'k>, &'k Arc<FamilyText>)>,
    ) -> Vec<Arc<FamilyText>> {
        // A family's description is an object that its snapshots share.
        let key = |family: &FamilySnapshot<'_>| ptr::from_ref(family.description());
        let mut known = known.map(|(family, text)| Known { family, text });
        // Those that were passed by.
        let mut passed = HashMap::new();
        let rendered = families.enumerate().map(|(number, family)| {
            let wanted = key(&family);
            let same = passed.remove(&wanted).or_else(|| {
                loop {
                    let next = known.next()?;
                    if key(&next.family) == wanted {
                        return Some(next);
                    }
                    passed.insert(key(&next.family), next);
                }
            });
            self.family(family, number, same)
        });
        let rendered: Vec<_> = rendered.collect();
        if let Some(spare) = &mut self.spare {
            spare.drop_all_but_those_of(&rendered);
        }
        rendered
    }

    fn family(
        &mut self,
        family: FamilySnapshot<'_>,
        number: usize,
        known: Option<Known<'_>>,
    ) -> Arc<FamilyText> {
        let count = family.parts();
        let stands = |part: &usize| {
            known.is_some_and(|known| {
                *part < known.text.parts.len() && family.is_same_part(known.family, *part)
            })
        };
        let changed: Vec<_> = (0..count).filter(|part| !stands(part)).collect();
        let same_count = known.filter(|known| known.text.parts.len() == count);
        if let Some(known) = same_count.filter(|_| changed.is_empty()) {
            return Arc::clone(known.text);
        }
        let (parts, changes) = self.parts(family, number, &changed, known);
        let text = Arc::new(FamilyText::new(parts, family.description(), self.encoder));
        if let (Some(spare), Some(known)) = (&mut self.spare, same_count) {
            let replaced = Spare {
                text: Arc::clone(known.text),
                next: Arc::clone(&text),
                changes,
            };
            spare.put(number, replaced);
        }
        text
    }

    /// The parts of a family, with those that changed rendered. The others come from the text before the last one if nobody else holds it,
    /// and otherwise from the last one.
    fn parts(
        &mut self,
        family: FamilySnapshot<'_>,
        family_number: usize,
        changed: &[usize],
        known: Option<Known<'_>>,
    ) -> (Parts, Vec<Change>) {
        let spare = self.spare.as_mut().zip(known);
        let spare = spare.and_then(|(spare, known)| spare.take(family_number, known.text));
        let (mut parts, replaced) = spare.and_then(Spare::take_parts).unwrap_or_else(|| {
            let parts = known.map(|known| known.text.parts.clone());
            (parts.unwrap_or_default(), Vec::new())
        });
        parts.truncate(family.parts());
        let mut replaced = replaced.into_iter().peekable();
        let changes = changed.iter().map(|&number| {
            while replaced.next_if(|spare| spare.number < number).is_some() {}
            let spare = replaced.next_if(|spare| spare.number == number);
            let (text, differs) = self.part(family, number, known, spare);
            parts.put(number, text);
            Change {
                part: number,
                differs,
            }
        });
        let changes = changes.collect();
        (parts, changes)
    }

    /// Renders what changed of a part. Also returns which histograms or throughputs these are, if series have changed only.
    fn part(
        &mut self,
        family: FamilySnapshot<'_>,
        number: usize,
        known: Option<Known<'_>>,
        spare: Option<SparePart>,
    ) -> (Arc<Part>, Option<u8>) {
        let spare = spare.filter(|spare| Arc::strong_count(&spare.text) == 1);
        let cells = family.cells_of(number);
        let last = known.and_then(|known| Some((known.family, known.text.parts.get(number)?)));
        let changed = last.and_then(|(before, last)| match cells {
            Some(cells) => {
                let part = self.change_cells(family, number, cells, last, spare)?;
                Some((part, 0))
            }
            None => {
                let differs = family.differing(before, number)?;
                let part = self.change(family, number, differs, last, spare)?;
                Some((part, differs))
            }
        });
        if let Some((part, differs)) = changed {
            return (part, Some(differs));
        }
        self.bytes.clear();
        self.ends.clear();
        let positions = family.positions_of(number);
        let series = positions.filter_map(|position| family.at(position));
        series.for_each(|series| self.series(family, series));
        (self.finish(cells), None)
    }

    /// Puts the values of cells that changed into a text: the one before the last one, which nobody else holds, or a copy of the last one.
    /// `None`: it is of other series.
    fn change_cells(
        &mut self,
        family: FamilySnapshot<'_>,
        number: usize,
        (cells, value): (CellsPart<'_>, CellValue),
        last: &Part,
        spare: Option<SparePart>,
    ) -> Option<Arc<Part>> {
        let shown = last.cells.as_ref();
        shown.filter(|shown| shown.has_series_of(cells))?;
        let spare = spare.map(|spare| spare.text);
        let mut part = spare.unwrap_or_else(|| Arc::new(last.copy()));
        let text = Arc::get_mut(&mut part)?;
        text.reopen();
        let mut shown = text.cells.take()?;
        let (description, separator) = (family.description(), self.encoder.separator().len());
        let first = family.positions_of(number).start;
        // Otherwise a place is the number of a series.
        let has_gaps = text.ends.len() != cells.len();
        let (mut series, mut passed, mut overwritten) = (0, 0, 0);
        for (place, from, to) in shown.changes(cells) {
            if has_gaps {
                if cells.series_at(place..place + 1) == 0 {
                    continue;
                }
                series += cells.series_at(passed..place);
                passed = place;
            } else {
                series = place;
            }
            let range = text.range(series, separator);
            let values = (&value.of(from), &value.of(to));
            let bytes = &mut text.bytes[range];
            if self.encoder.overwrite(description, values, bytes) {
                overwritten += 1;
            } else if let Some(changed) = family.at(first + place) {
                self.replace(family, changed, series, text);
            }
        }
        self.rendered += overwritten;
        shown.follow(cells);
        text.cells = Some(shown);
        Some(part)
    }

    /// The same for histograms or throughputs, a bit in `differs` for each that changed.
    fn change(
        &mut self,
        family: FamilySnapshot<'_>,
        number: usize,
        differs: u8,
        last: &Part,
        spare: Option<SparePart>,
    ) -> Option<Arc<Part>> {
        let (mut part, stale) = match spare {
            Some(spare) => (spare.text, spare.differs),
            None => (Arc::new(last.copy()), 0),
        };
        let text = Arc::get_mut(&mut part)?;
        text.reopen();
        let mut series = 0;
        for (at, position) in family.positions_of(number).enumerate() {
            let Some(there) = family.at(position) else {
                continue;
            };
            if (differs | stale) & 1 << (at / family.width()) != 0 {
                self.replace(family, there, series, text);
            }
            series += 1;
        }
        Some(part)
    }

    /// Puts a series into a text, in the place of the one with this number.
    fn replace(
        &mut self,
        family: FamilySnapshot<'_>,
        series: SeriesSnapshot<'_>,
        number: usize,
        text: &mut Part,
    ) {
        self.bytes.clear();
        self.ends.clear();
        self.series(family, series);
        text.replace(number, self.encoder.separator().len(), &self.bytes);
    }

    fn series(&mut self, family: FamilySnapshot<'_>, series: SeriesSnapshot<'_>) {
        let renamed = series.renamed();
        let labels = renamed.as_ref().map_or(series.labels, OwnedLabels::view);
        let created = series.created();
        self.encode(family.description(), labels, &series.value(), created);
        self.rendered += 1;
    }

    /// Adds a series to the part.
    fn encode(
        &mut self,
        family: &FamilyDescription,
        labels: LabelSet<'_>,
        value: &Value,
        created: Option<Duration>,
    ) {
        self.separate();
        self.encoder
            .series(family, labels, value, created, &mut self.bytes);
        self.ends.push(self.bytes.len() as u32);
    }

    /// Separates a series from the one before it.
    fn separate(&mut self) {
        if !self.ends.is_empty() {
            self.bytes.extend_from_slice(self.encoder.separator());
        }
    }

    fn finish(&self, cells: Option<(CellsPart<'_>, CellValue)>) -> Arc<Part> {
        let (bytes, ends) = (self.bytes[..].into(), self.ends[..].into());
        let cells = cells.map(|(cells, _)| cells.keep());
        Arc::new(Part::new(bytes, ends, cells))
    }

    /// What an observable metric reported is rendered each time: it says nothing about what changed.
    pub(super) fn observed(&mut self, family: &ObservedFamily) -> Arc<FamilyText> {
        if family.series.is_empty() {
            // It is not shown.
            return Arc::default();
        }
        self.bytes.clear();
        self.ends.clear();
        for (labels, value) in &family.series {
            self.encode(&family.description, labels.view(), value, None);
        }
        let parts = [self.finish(None)].into_iter().collect();
        let text = FamilyText::new(parts, &family.description, self.encoder);
        Arc::new(text)
    }
}
