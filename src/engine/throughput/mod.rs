//! Throughput: one ring of seconds for each thread, and how all rings are read.
//!
//! **Reading.** `calls` of all rings first, then the totals, then the seconds: what is added from the first load on is read
//! again next time, because the snapshot remembers the older number of calls. A snapshot is current while that number is
//! still the sum, and the second is the same.
//!
//! **Reset** stores into no ring. Under the lock it reads everything once, for both sides of the cut, and remembers it as what
//! no longer counts; then it bumps the generation.
//!
//! [`Tracker`] has no ordering of its own; those of the cells are in [`ring`].
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | calls, before the total and the seconds | program order, Acquire | a completed addition is missing until the next one | `throughput::a_snapshot_is_not_marked_clean` |

pub(crate) mod ring;

use super::generation::Generation;
use super::slot::adaptive::Promotion;
use super::slot::once_box::OnceBox;
use super::slot::owner::{CurrentThread, first_write};
use super::slot::per_slot::PerSlot;
use super::slot::slot_word::SlotWord;
use super::snapshot_cache::SnapshotCache;
use ring::{Ring, RingReader, RingWriter};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// When something is read, by both methods of the clock. The two are for different purposes and are never compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// By the method that writers ask for their second.
    pub(crate) coarse: Duration,
    /// By the method that ages are measured with.
    pub(crate) exact: Duration,
}

/// What was read of all rings: one side of a snapshot or of a reset.
pub(crate) struct Amounts<'a> {
    /// How often something was added, at least.
    pub(crate) calls: u64,
    /// Everything ever added.
    pub(crate) total: u64,
    /// What was added in a second.
    pub(crate) in_second: &'a dyn Fn(u64) -> u64,
}

/// Makes snapshots of amounts, and remembers between them what a reset left behind, and what rates decay from.
pub(crate) trait Summarize {
    type Snapshot;

    /// A snapshot at the time `now`.
    fn summarize(&mut self, now: Moment, amounts: &Amounts<'_>) -> Self::Snapshot;
    /// From now on counts only what comes on top of `amounts`. `seconds`: what is in every second, by its
    /// [`stamp`](ring::stamp).
    fn reset(&mut self, now: Moment, amounts: &Amounts<'_>, seconds: HashMap<u64, u64>);
    /// The calls that were read for a snapshot, and its second.
    fn epoch(snapshot: &Self::Snapshot) -> (u64, u64);
}

/// See the module's header.
#[derive(Debug)]
pub(crate) struct Tracker<S: Summarize> {
    rings: PerSlot<OnceBox<Ring>>,
    promotion: Arc<Promotion>,
    cache: SnapshotCache<S, S::Snapshot>,
}

impl<S: Summarize> Tracker<S> {
    /// `created`: the time of the first, empty snapshot.
    pub(crate) fn new(mut summary: S, created: Moment, promotion: Arc<Promotion>) -> Self {
        let empty = summary.summarize(
            created,
            &Amounts {
                calls: 0,
                total: 0,
                in_second: &|_| 0,
            },
        );
        Self {
            rings: PerSlot::default(),
            promotion,
            cache: SnapshotCache::new(summary, empty),
        }
    }

    /// Adds an amount that was finished in `second`.
    #[inline]
    pub(crate) fn add(&self, thread: impl CurrentThread, second: u64, amount: u64) {
        match self.rings.own_inline(thread.owner()) {
            Some((_, ring)) => RingWriter(ring).add(second, amount),
            None => self.add_slow(thread, second, amount),
        }
    }

    #[inline(never)]
    fn add_slow(&self, thread: impl CurrentThread, second: u64, amount: u64) {
        if let Some((_, ring)) = self.rings.get(thread.owner().slot()) {
            return RingWriter(ring).add(second, amount);
        }
        let key = (std::ptr::from_ref(self).cast(), 0);
        first_write(thread, key, amount, |owner, amount| {
            let create = || Ring::new(SlotWord::new(&self.promotion, owner));
            let (_, ring) = self.rings.get_or_create(owner, create);
            RingWriter(ring).add(second, amount);
        });
    }

    /// Whether a snapshot that was loaded before this call holds everything, and is of this second.
    pub(crate) fn is_current(&self, snapshot: &S::Snapshot, second: u64) -> bool {
        S::epoch(snapshot) == (self.calls(), second)
    }

    /// The published snapshot if it is current or `within_staleness`, otherwise a new one.
    ///
    /// `second`: now, or a moment ago; all that a hit needs. `now` is called before anything is locked, and only if a new
    /// snapshot is needed.
    pub(crate) fn read(
        &self,
        within_staleness: impl Fn(&S::Snapshot) -> bool,
        second: u64,
        now: impl FnOnce() -> Moment,
    ) -> Arc<S::Snapshot> {
        let published = self.cache.latest();
        if self.is_current(&published, second) || within_staleness(&published) {
            return published;
        }
        // The request first: a rebuild that started before it is not of a later second than `now`, and may be replaced.
        let request = self.cache.request();
        let now = now();
        let second = now.coarse.as_secs();
        // One that was rebuilt after the request holds everything, but another reader's time may be of an earlier second.
        let serves = |published: &_, newer| {
            newer && S::epoch(published).1 >= second
                || self.is_current(published, second)
                || within_staleness(published)
        };
        self.cache.answer(request, serves, |summary, _| {
            // Before the amounts: what is added from here on is read again next time.
            let calls = self.calls();
            let in_second = |second| self.in_second(second);
            summary.summarize(
                now,
                &Amounts {
                    calls,
                    total: self.total(),
                    in_second: &in_second,
                },
            )
        })
    }

    /// The last published snapshot.
    pub(crate) fn latest(&self) -> Arc<S::Snapshot> {
        self.cache.latest()
    }

    /// Forgets what was added so far and returns it, then bumps the generation. `now`: read while nothing was locked.
    pub(crate) fn reset(&self, now: Moment, generation: &Generation) -> S::Snapshot {
        let before = self.cache.update(|summary, _| {
            // Before the amounts, as in `read`; and these are read once, for both sides of the cut.
            let calls = self.calls();
            let (total, seconds) = (self.total(), self.seconds());
            let in_second = |second| seconds.get(&ring::stamp(second)).copied().unwrap_or(0);
            let amounts = Amounts {
                calls,
                total,
                in_second: &in_second,
            };
            let before = summary.summarize(now, &amounts);
            summary.reset(now, &amounts, seconds.clone());
            (summary.summarize(now, &amounts), before)
        });
        // After the empty snapshot was published.
        generation.bump();
        before
    }

    fn calls(&self) -> u64 {
        self.fold(|sum, ring| sum.wrapping_add(ring.calls()))
    }

    fn total(&self) -> u64 {
        self.fold(|sum, ring| sum.wrapping_add(ring.total()))
    }

    fn in_second(&self, second: u64) -> u64 {
        self.fold(|sum, ring| sum.saturating_add(ring.in_second(second)))
    }

    fn fold(&self, add: impl Fn(u64, RingReader<'_>) -> u64) -> u64 {
        let mut sum = 0;
        self.rings
            .for_each(|_, _, ring| sum = add(sum, RingReader(ring)));
        sum
    }

    /// What is in every second, by its stamp.
    fn seconds(&self) -> HashMap<u64, u64> {
        let mut seconds = HashMap::new();
        self.rings.for_each(|_, _, ring| {
            RingReader(ring)
                .seconds()
                .for_each(|(stamp, amount)| *seconds.entry(stamp).or_default() += amount);
        });
        seconds
    }
}
