//! Families of a page become bytes, and what did not change since another snapshot is taken over.
//!
//! A snapshot shares what did not change with the one before it: the values of a page of cells, the snapshot of a histogram. So a
//! part of a family's bytes holds for as long as these are the same objects; no text is compared. In a part that changed, values are
//! compared one by one, and series that stand are copied.
//!
//! Bytes are made of snapshots alone, never of live metrics: a page that is kept for long renders what it held.

use crate::engine::readout::CellsPart;
use crate::registry::catalog::CellValue;
use crate::registry::family_snapshot::FamilySnapshot;
use crate::registry::observer::ObservedFamily;
use crate::registry::series_snapshot::SeriesSnapshot;
use crate::registry::spare::SpareParts;
use crate::rendered::FamilyText;
use crate::rendered::part::Part;
use crate::sample::Encoder;
use crate::sample::description::FamilyDescription;
use crate::sample::labels::{LabelSet, OwnedLabels};
use crate::sample::value::Value;
use std::collections::HashMap;
use std::ops::Range;
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
    spare: Option<&'a mut SpareParts>,
    /// The part that is being rendered.
    bytes: Vec<u8>,
    ends: Vec<u32>,
    /// Series that were not taken over.
    pub(super) rendered: u64,
}

impl<'a> Renderer<'a> {
    /// `spare`: those of earlier calls with the same registry and encoder, if there were any.
    pub(super) fn new(encoder: &'a dyn Encoder, spare: Option<&'a mut SpareParts>) -> Self {
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
        let rendered = rendered.collect();
        // Numbers of families have changed if one is gone.
        let gone = !passed.is_empty() || known.next().is_some();
        if let Some(spare) = self.spare.as_mut().filter(|_| gone) {
            spare.clear();
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
        let stands = |number: &usize, known: Known<'_>| {
            known.text.parts.len() > *number && family.is_same_part(known.family, *number)
        };
        let standing = known.map_or(0, |known| {
            (0..count)
                .take_while(|number| stands(number, known))
                .count()
        });
        if let Some(known) = known.filter(|known| known.text.parts.len() == count)
            && standing == count
        {
            return Arc::clone(known.text);
        }
        let kept = known.map_or(&[][..], |known| &known.text.parts[..standing]);
        let mut parts = Vec::with_capacity(count);
        parts.extend_from_slice(kept);
        for part in standing..count {
            parts.push(match known {
                Some(known) if stands(&part, known) => Arc::clone(&known.text.parts[part]),
                known => self.part(family, number, part, known),
            });
        }
        if let Some(spare) = &mut self.spare {
            spare.truncate_parts(number, count);
        }
        let text = FamilyText::new(parts, family.description(), self.encoder);
        Arc::new(text)
    }

    fn part(
        &mut self,
        family: FamilySnapshot<'_>,
        family_number: usize,
        number: usize,
        known: Option<Known<'_>>,
    ) -> Arc<Part> {
        self.bytes.clear();
        self.ends.clear();
        let cells = family.cells_of(number);
        let spare = self.spare.as_mut().filter(|_| cells.is_some());
        let earlier = spare.and_then(|spare| spare.take(family_number, number));
        let known = known.filter(|known| family.is_comparable(known.family, number));
        let last = known.and_then(|known| Some((known, known.text.parts.get(number)?)));
        let Some((known, last)) = last else {
            let positions = family.positions_of(number);
            let series = positions.filter_map(|position| family.at(position));
            series.for_each(|series| self.series(family, series));
            return self.finish(cells);
        };
        if let Some(cells) = cells
            && let Some(part) = self.overwrite(family, cells, last, earlier)
        {
            // Not otherwise: floats in text, for one, are never overwritten.
            if let Some(spare) = &mut self.spare {
                spare.put(family_number, number, last);
            }
            return part;
        }
        self.update(family, number, known.family, last);
        self.finish(cells)
    }

    /// Puts the values of cells over those in the text before the last one, `earlier`, or in a copy of the last one. `None`: that cannot
    /// be done.
    fn overwrite(
        &mut self,
        family: FamilySnapshot<'_>,
        (cells, value): (CellsPart<'_>, CellValue),
        last: &Part,
        earlier: Option<Arc<Part>>,
    ) -> Option<Arc<Part>> {
        let shows_them = |part: &Part| {
            let shown = part.cells.as_ref();
            shown.is_some_and(|shown| shown.has_series_of(cells))
        };
        // Otherwise a place is not the number of a series.
        if last.ends.len() != cells.len() {
            return None;
        }
        let mut part = match earlier {
            // Nobody holds it any more.
            Some(part) if shows_them(&part) && Arc::strong_count(&part) == 1 => part,
            _ => Arc::new(last.copy()),
        };
        let text = Arc::get_mut(&mut part)?;
        text.reopen();
        let mut shown = text.cells.take()?;
        let (description, separator) = (family.description(), self.encoder.separator().len());
        let mut overwritten = 0;
        for (place, from, to) in shown.changes(cells) {
            let series = text.range(place, separator);
            let series = &mut text.bytes[series];
            let values = (&value.of(from), &value.of(to));
            if !self.encoder.overwrite(description, values, series) {
                return None;
            }
            overwritten += 1;
        }
        self.rendered += overwritten;
        shown.follow(cells);
        text.cells = Some(shown);
        Some(part)
    }

    /// Renders what changed of a part, and copies what stands.
    fn update(
        &mut self,
        family: FamilySnapshot<'_>,
        number: usize,
        before: FamilySnapshot<'_>,
        part: &Part,
    ) {
        let cells = family.bits(number).zip(before.bits(number));
        // How many series there were at earlier positions, and which of them are to be copied.
        let (mut earlier, mut run) = (0, 0..0);
        for (cell, position) in family.positions_of(number).enumerate() {
            let was_there = before.at(position).is_some();
            let series = earlier;
            earlier += usize::from(was_there);
            let stands = was_there
                && match cells {
                    Some((ours, theirs)) => ours[cell] == theirs[cell],
                    None => family.is_same_at(position, before),
                };
            if stands {
                if run.end != series {
                    self.copy(part, run);
                    run = series..series;
                }
                run.end += 1;
            } else if let Some(changed) = family.at(position) {
                self.copy(part, run);
                run = 0..0;
                self.series(family, changed);
            }
        }
        self.copy(part, run);
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

    /// Copies series of a part that was rendered before.
    fn copy(&mut self, part: &Part, series: Range<usize>) {
        if series.is_empty() {
            return;
        }
        self.separate();
        let from = part
            .range(series.start, self.encoder.separator().len())
            .start;
        let ends = &part.ends[series];
        let to = ends.last().map_or(from, |end| *end as usize);
        // Modulo 2^32: the copy may stand before the place where it stood.
        let shift = (self.bytes.len() as u32).wrapping_sub(from as u32);
        self.ends
            .extend(ends.iter().map(|end| end.wrapping_add(shift)));
        self.bytes.extend_from_slice(&part.bytes[from..to]);
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
        self.bytes.clear();
        self.ends.clear();
        for (labels, value) in &family.series {
            self.encode(&family.description, labels.view(), value, None);
        }
        let parts = vec![self.finish(None)];
        let text = FamilyText::new(parts, &family.description, self.encoder);
        Arc::new(text)
    }
}
