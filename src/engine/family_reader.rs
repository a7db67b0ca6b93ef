//! The last reading of a family of histograms or throughputs, brought up to date.
//!
//! Series are read that came to the list since, whose [bits](super::family::dirty) say so, and whose last snapshots do not last. All
//! others hold what they held. Positions are read from the last to the first.
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | series that came to the list are read | the list | a new series without a value, or with that of an earlier one | `dirty::a_new_series_is_read` |
//! | snapshots that do not last are read again | program order | what they lack never shows | `dirty::what_does_not_last_is_read_again` |

use super::chunked::CHUNK;
use super::family::Listed;
use super::family::dirty::{Positions, insert};
use super::family::list::Series;
use super::family::objects::{ObjectList, Shared};
use super::readout::{FamilyRead, PART, SnapshotSource, Validity};
use crate::engine::throughput::Moment;
use std::mem;
use std::ptr;
use std::sync::Arc;

/// See the module's header. It keeps the family, so that no other one has its address.
#[derive(Debug)]
pub(super) struct CachedFamily<T: SnapshotSource> {
    family: Arc<dyn Listed<ObjectList<T>>>,
    read: Arc<FamilyRead<T>>,
    /// Those whose last snapshots do not last, by chunk.
    fading: Vec<Positions>,
}

impl<T: SnapshotSource> CachedFamily<T> {
    pub(super) fn new(family: &Arc<dyn Listed<ObjectList<T>>>) -> Self {
        Self {
            family: Arc::clone(family),
            read: Arc::new(FamilyRead {
                list: Arc::default(),
                parts: Default::default(),
            }),
            fading: Vec::new(),
        }
    }

    pub(super) fn is(&self, family: &Arc<dyn Listed<ObjectList<T>>>) -> bool {
        Arc::ptr_eq(&self.family, family)
    }

    /// Reads what changed, and adds to `validity` that of what is read.
    pub(super) fn read(&mut self, now: Moment, validity: &mut Validity) -> Arc<FamilyRead<T>> {
        let list = self.family.list();
        let before = Arc::clone(&self.read.list);
        let read = &mut self.read;
        if !Arc::ptr_eq(&list, &before) {
            follow(Arc::make_mut(read), &list);
            self.fading.resize(list.dirty.len(), Positions::default());
        }
        for (chunk, dirty) in list.dirty.iter().enumerate().rev() {
            let mut wanted = mem::take(&mut self.fading[chunk]);
            let (ours, theirs) = (list.series.chunk(chunk), before.series.chunk(chunk));
            for (position, is_there) in replaced(ours, theirs) {
                if is_there {
                    insert(&mut wanted, position);
                } else {
                    put(read, chunk * CHUNK + position, None);
                }
            }
            let fading = &mut self.fading[chunk];
            dirty.take_backwards(&wanted, |position| {
                let Some(Some(series)) = ours.get(position) else {
                    return;
                };
                let snapshot = series.item.read_at(now);
                let lasts = series.item.validity(&snapshot);
                if lasts != Validity::Lasting {
                    insert(fading, position);
                }
                *validity = validity.and(lasts);
                put(read, chunk * CHUNK + position, Some(snapshot));
            });
        }
        Arc::clone(read)
    }
}

/// The positions of a chunk that do not have the series that they had before, and whether they have one.
fn replaced<'a, T>(
    ours: &'a [Option<Series<Shared<T>>>],
    theirs: &'a [Option<Series<Shared<T>>>],
) -> impl Iterator<Item = (usize, bool)> {
    let item = |series: &Option<Series<Shared<T>>>| Some(Arc::as_ptr(&series.as_ref()?.item));
    // Both lists are alive, so a chunk that stands holds what it held.
    let changed = if ptr::eq(ours, theirs) { &[] } else { ours };
    let positions = changed.iter().map(item).enumerate();
    let differs =
        move |(position, ours): &(usize, _)| *ours != theirs.get(*position).and_then(item);
    positions
        .filter(differs)
        .map(|(position, ours)| (position, ours.is_some()))
}

/// Takes a list, and has a place for the snapshot of each of its positions.
fn follow<T: SnapshotSource>(read: &mut FamilyRead<T>, list: &Arc<ObjectList<T>>) {
    read.list = Arc::clone(list);
    while read.parts.len() * PART < list.series.positions() {
        read.parts.push(Arc::default());
    }
}

/// Puts a snapshot at a position. What changes is copied, as far as it is shared.
fn put<T: SnapshotSource>(
    read: &mut Arc<FamilyRead<T>>,
    position: usize,
    snapshot: Option<Arc<T::Snapshot>>,
) {
    let held = read.snapshot(position);
    if held.map(Arc::as_ptr) == snapshot.as_ref().map(Arc::as_ptr) {
        return;
    }
    if let Some(part) = Arc::make_mut(read).parts.get_mut(position / PART) {
        Arc::make_mut(part)[position % PART] = snapshot;
    }
}
