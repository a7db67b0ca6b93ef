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
use std::array;
use std::mem;
use std::ptr;
use std::sync::Arc;

/// See the module's header. It keeps the family, so that no other one has its address.
#[derive(Debug)]
pub(super) struct CachedFamily<T: SnapshotSource> {
    family: Arc<dyn Listed<ObjectList<T>>>,
    read: Arc<FamilyRead<T>>,
    /// The reading before it, of the same series, and the positions where the two differ.
    earlier: Option<(Arc<FamilyRead<T>>, Vec<usize>)>,
    /// Those whose last snapshots do not last, by chunk.
    fading: Vec<Positions>,
}

/// The reading before the last one is kept if at most one position in this many differs.
const FEW: usize = 4;

impl<T: SnapshotSource> CachedFamily<T> {
    pub(super) fn new(family: &Arc<dyn Listed<ObjectList<T>>>) -> Self {
        Self {
            family: Arc::clone(family),
            read: Arc::new(FamilyRead {
                list: Arc::default(),
                parts: Default::default(),
            }),
            earlier: None,
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
        let same_list = Arc::ptr_eq(&list, &before);
        if !same_list {
            self.fading.resize(list.dirty.len(), Positions::default());
        }
        let mut changes = Vec::new();
        for (chunk, dirty) in list.dirty.iter().enumerate().rev() {
            let mut wanted = mem::take(&mut self.fading[chunk]);
            let (ours, theirs) = (list.series.chunk(chunk), before.series.chunk(chunk));
            for (position, is_there) in replaced(ours, theirs) {
                if is_there {
                    insert(&mut wanted, position);
                } else {
                    changes.push((chunk * CHUNK + position, None));
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
                let position = chunk * CHUNK + position;
                let is_it = |held: &Arc<_>| Arc::ptr_eq(held, &snapshot);
                if !self.read.snapshot(position).is_some_and(is_it) {
                    changes.push((position, Some(snapshot)));
                }
            });
        }
        if !same_list || !changes.is_empty() {
            changes.sort_unstable_by_key(|(position, _)| *position);
            self.take_in(list, changes);
        }
        Arc::clone(&self.read)
    }

    /// Applies changes. The reading before the last one is updated in place if nobody else holds it, so that parts without changes are not
    /// touched; otherwise the last one is copied.
    fn take_in(&mut self, list: Arc<ObjectList<T>>, changes: Changes<T>) {
        let positions: Vec<_> = changes.iter().map(|(position, _)| *position).collect();
        let earlier = self.earlier.take();
        let earlier =
            earlier.and_then(|(read, differing)| Some((Arc::into_inner(read)?, differing)));
        let mut next = match earlier {
            None => FamilyRead::clone(&self.read),
            Some((mut earlier, differing)) => {
                let missed = differing.into_iter();
                let missed = missed.filter(|position| positions.binary_search(position).is_err());
                let last = |position| (position, self.read.snapshot(position).cloned());
                earlier.put(missed.map(last).collect());
                earlier
            }
        };
        let keep =
            Arc::ptr_eq(&self.read.list, &list) && positions.len() * FEW <= list.series.positions();
        next.follow(list);
        next.put(changes);
        let last = mem::replace(&mut self.read, Arc::new(next));
        self.earlier = keep.then_some((last, positions));
    }
}

/// New snapshots by position, in rising order. `None`: the series was removed.
type Changes<T> = Vec<(usize, Option<Arc<<T as SnapshotSource>::Snapshot>>)>;

impl<T: SnapshotSource> FamilyRead<T> {
    /// Takes a list, and has a place for the snapshot of each of its positions.
    fn follow(&mut self, list: Arc<ObjectList<T>>) {
        while self.parts.len() * PART < list.series.positions() {
            self.parts.push(Arc::default());
        }
        self.list = list;
    }

    /// Puts snapshots in. What changes is copied, as far as it is shared.
    fn put(&mut self, changes: Changes<T>) {
        let mut changes = changes.into_iter().peekable();
        while let Some((position, _)) = changes.peek() {
            let number = position / PART;
            let mut new = [const { None }; PART];
            while let Some((position, snapshot)) =
                changes.next_if(|(position, _)| position / PART == number)
            {
                new[position % PART] = Some(snapshot);
            }
            let Some(part) = self.parts.get_mut(number) else {
                continue;
            };
            let new = new.iter_mut().map(Option::take);
            match Arc::get_mut(part) {
                Some(part) => {
                    let places = part.iter_mut().zip(new);
                    places.for_each(|(place, new)| {
                        if let Some(new) = new {
                            *place = new
                        }
                    });
                }
                None => {
                    let all = part.iter().zip(new);
                    let mut all = all.map(|(old, new)| new.unwrap_or_else(|| old.clone()));
                    *part = Arc::new(array::from_fn(|_| all.next().flatten()));
                }
            }
        }
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
