//! Series that are an object each: histograms and throughputs.
//!
//! A removed object is kept until nothing else holds it: no handle, no snapshot's list, no look-up. Then what was written to it after
//! its removal is final, and added to the detached sum. Objects are never given to another series.
//!
//! **Progress.** That of the family's lock.

use super::Members;
use super::dirty::{DirtyBit, DirtyChunk};
use super::labels::LabelValues;
use super::list::{Series, SeriesList};
use crate::engine::chunked::{CHUNK, Chunked};
use crate::engine::throughput::Moment;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// Removed series that are looked at whenever one is created or removed: more than come, so that they do not pile up.
const LOOKS: usize = 4;

/// An object whose value can be read, added up, and subtracted.
pub(crate) trait Object: Send + Sync {
    type Value: Clone;

    fn value(&self, now: Moment) -> Self::Value;
    /// What was written between two values of one object.
    fn since(later: &Self::Value, earlier: &Self::Value) -> Self::Value;
    fn add(a: &Self::Value, b: &Self::Value) -> Self::Value;
}

/// What readers copy.
#[derive(Debug)]
pub(crate) struct ObjectList<T> {
    pub(crate) series: SeriesList<Shared<T>>,
    /// Which of them have changed, by chunk of positions.
    pub(crate) dirty: Chunked<Arc<DirtyChunk>>,
}

/// Lists share the outer `Arc`, so that the inner one counts handles: it has one more reference than there are.
pub(crate) type Shared<T> = Arc<Arc<T>>;

impl<T> Default for ObjectList<T> {
    fn default() -> Self {
        Self {
            series: SeriesList::default(),
            dirty: Chunked::default(),
        }
    }
}

impl<T> Clone for ObjectList<T> {
    fn clone(&self) -> Self {
        Self {
            series: self.series.clone(),
            dirty: self.dirty.clone(),
        }
    }
}

/// See the module's header.
pub(crate) struct Objects<T: Object, H> {
    list: Arc<ObjectList<T>>,
    create: Box<dyn Fn(DirtyBit) -> Arc<T> + Send>,
    handle: fn(Arc<T>) -> H,
    free: Vec<usize>,
    /// Removed objects, each with its value at the removal.
    removed: VecDeque<(Shared<T>, T::Value)>,
    /// Begins with the value of an object that nothing was written to.
    detached: T::Value,
    empty: T::Value,
}

impl<T: Object, H> Objects<T, H> {
    pub(crate) fn new(
        empty: T::Value,
        create: impl Fn(DirtyBit) -> Arc<T> + Send + 'static,
        handle: fn(Arc<T>) -> H,
    ) -> Self {
        Self {
            list: Arc::default(),
            create: Box::new(create),
            handle,
            free: Vec::new(),
            removed: VecDeque::new(),
            detached: empty.clone(),
            empty,
        }
    }

    /// Adds up what was written to removed objects, as far as that is final.
    fn settle(&mut self, now: Moment) {
        for _ in 0..LOOKS.min(self.removed.len()) {
            let Some((mut object, held)) = self.removed.pop_front() else {
                return;
            };
            if Arc::get_mut(&mut object).and_then(Arc::get_mut).is_some() {
                let later = T::since(&object.value(now), &held);
                self.detached = T::add(&self.detached, &later);
            } else {
                self.removed.push_back((object, held));
            }
        }
    }
}

impl<T: Object, H: Clone + Send + Sync> Members for Objects<T, H> {
    type Handle = H;
    type Value = T::Value;
    type List = ObjectList<T>;

    fn create(&mut self, labels: &LabelValues) -> (H, usize) {
        let position = self
            .free
            .pop()
            .unwrap_or_else(|| self.list.series.positions());
        let list = Arc::make_mut(&mut self.list);
        if list.dirty.len() * CHUNK <= position {
            list.dirty.push(Arc::default());
        }
        let dirty = list.dirty.get(position / CHUNK);
        let dirty = dirty.map(|chunk| DirtyBit::new(chunk, position));
        let object = (self.create)(dirty.unwrap_or_default());
        let series = Series {
            labels: labels.clone(),
            item: Arc::new(Arc::clone(&object)),
        };
        list.series.put(position, series);
        ((self.handle)(object), position)
    }

    fn remove(&mut self, position: usize, now: Moment) -> Option<T::Value> {
        self.settle(now);
        let series = Arc::make_mut(&mut self.list).series.take(position)?;
        self.free.push(position);
        let value = series.item.value(now);
        self.removed.push_back((series.item, value.clone()));
        Some(value)
    }

    fn expire(&mut self, position: usize, now: Moment) {
        if let Some(value) = self.remove(position, now) {
            self.detached = T::add(&self.detached, &value);
        }
    }

    fn handle(&self, position: usize) -> Option<H> {
        let series = self.list.series.get(position)?;
        Some((self.handle)(Arc::clone(&*series.item)))
    }

    fn handles(&self, position: usize) -> usize {
        let series = self.list.series.get(position);
        // One is the list's.
        series.map_or(0, |series| Arc::strong_count(&*series.item) - 1)
    }

    fn positions(&self) -> Vec<usize> {
        self.list
            .series
            .iter()
            .map(|(position, _)| position)
            .collect()
    }

    fn list(&self) -> &Arc<ObjectList<T>> {
        &self.list
    }

    fn labels(&self, position: usize) -> Option<&LabelValues> {
        Some(&self.list.series.get(position)?.labels)
    }

    fn values(&self, now: Moment) -> Vec<(LabelValues, T::Value)> {
        let series = self.list.series.iter();
        let value = |(_, series): (usize, &Series<Shared<T>>)| {
            (series.labels.clone(), series.item.value(now))
        };
        series.map(value).collect()
    }

    fn sum(&self, now: Moment) -> T::Value {
        let values = self
            .list
            .series
            .iter()
            .map(|(_, series)| series.item.value(now));
        values.fold(self.empty.clone(), |sum, value| T::add(&sum, &value))
    }

    fn detached(&self, now: Moment) -> T::Value {
        let later = |(object, held): &(Shared<T>, T::Value)| T::since(&object.value(now), held);
        let removed = self.removed.iter().map(later);
        removed.fold(self.detached.clone(), |sum, value| T::add(&sum, &value))
    }

    fn len(&self) -> usize {
        self.list.series.len()
    }
}

impl<T: Object, H> fmt::Debug for Objects<T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects")
            .field("series", &self.list.series.len())
            .field("removed", &self.removed.len())
            .finish_non_exhaustive()
    }
}
