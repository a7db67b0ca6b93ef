//! Finds a family's series by their label values: a [`papaya::HashMap`], which is read without a lock.
//!
//! A file of its own so that models can replace it: they do not see into the map. (Measured beside it for two labels and a
//! million series: `scc`'s index needs twice its time on two threads, `dashmap` four times on one, and both as much memory.)

use crate::engine::family::labels::{LabelValues, hash_values};
use foldhash::fast::RandomState;
use papaya::{Equivalent, HashMap, LocalGuard, OwnedGuard};
use seize::Collector;
use std::cell::Cell;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Values by label values. `insert` releases, and a `get` that finds the value acquires. A value that is removed is dropped once
/// no `get` that found it is under way; until later, if no other is removed.
pub(crate) struct Index<V>(HashMap<LabelValues, V, RandomState>);

/// Label values as they are looked up.
#[derive(Debug)]
struct Wanted<'a>(&'a [&'a str]);

impl Hash for Wanted<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_values(self.0.iter().copied(), state);
    }
}

impl Equivalent<LabelValues> for Wanted<'_> {
    #[inline]
    fn equivalent(&self, labels: &LabelValues) -> bool {
        labels.are(self.0)
    }
}

impl<V> Default for Index<V> {
    fn default() -> Self {
        // What is removed is given to other threads to drop at once, not in batches: a batch of a thread that has ended waits for the
        // next one that gets its number.
        let collector = Collector::new().batch_size(1);
        let map = HashMap::builder().collector(collector);
        Self(map.hasher(RandomState::default()).build())
    }
}

impl<V: Send + Sync> Index<V> {
    /// Calls `found` with the value of these label values. The value is not dropped during the call.
    #[inline]
    pub(crate) fn get<R>(&self, values: &[&str], found: impl FnOnce(Option<&V>) -> R) -> R {
        if PHASE.get() == Phase::Prepared {
            return found(self.0.get(&Wanted(values), &self.0.guard()));
        }
        self.get_unprepared(values, found)
    }

    #[cold]
    fn get_unprepared<R>(&self, values: &[&str], found: impl FnOnce(Option<&V>) -> R) -> R {
        let wanted = Wanted(values);
        match self.guard() {
            Pinned::Local(guard) => found(self.0.get(&wanted, &guard)),
            Pinned::Owned(guard) => found(self.0.get(&wanted, &guard)),
        }
    }

    /// Adds a value that is not there yet.
    pub(crate) fn insert(&self, labels: LabelValues, value: V) {
        match self.guard() {
            Pinned::Local(guard) => drop(self.0.insert(labels, value, &guard)),
            Pinned::Owned(guard) => drop(self.0.insert(labels, value, &guard)),
        }
    }

    /// Removes a value.
    pub(crate) fn remove(&self, values: &[&str]) {
        let wanted = Wanted(values);
        match self.guard() {
            Pinned::Local(guard) => drop(self.0.remove(&wanted, &guard)),
            Pinned::Owned(guard) => drop(self.0.remove(&wanted, &guard)),
        }
    }

    fn guard(&self) -> Pinned<'_> {
        if PHASE.get() == Phase::Prepared || self.prepare() {
            Pinned::Local(self.0.guard())
        } else {
            Pinned::Owned(self.0.owned_guard())
        }
    }

    /// Prepares the thread for guards of its own. `false`: it is ending, and can have none.
    #[cold]
    fn prepare(&self) -> bool {
        if PHASE.get() == Phase::New {
            PHASE.set(Phase::Prepared);
            let before = BEFORE.try_with(|_| ()).is_ok();
            if before {
                drop(self.0.guard());
            }
            if !before || AFTER.try_with(|_| ()).is_err() {
                PHASE.set(Phase::Ending);
            }
        }
        PHASE.get() == Phase::Prepared
    }
}

/// Keeps what a look-up finds.
enum Pinned<'a> {
    Local(LocalGuard<'a>),
    /// Belongs to no thread, and takes a lock.
    Owned(OwnedGuard<'a>),
}

/// What the thread's own guards can rely on: the map keeps a number for each thread in a thread-local, which must not be asked for
/// once it is destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    Prepared,
    Ending,
}

/// Says, when it is destroyed, that the thread is ending.
struct SaysEnding;

impl Drop for SaysEnding {
    fn drop(&mut self) {
        PHASE.set(Phase::Ending);
    }
}

thread_local! {
    static PHASE: Cell<Phase> = const { Cell::new(Phase::New) };
    /// Registered before and after the map's thread-local: one of the two is destroyed before it, in whatever order a system
    /// destroys them.
    static BEFORE: SaysEnding = const { SaysEnding };
    static AFTER: SaysEnding = const { SaysEnding };
}

impl<V> fmt::Debug for Index<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("len", &self.0.len())
            .finish_non_exhaustive()
    }
}
