//! Programs: operations on the metrics, and their generation.

use crate::setup::{KINDS, Setup, setup};
use crate::values::{Pick, any_size, burst_len, pick};
use epoch_metrics::{Clock as _, ManualClock};
use proptest::prelude::*;
use std::time::Duration;

/// What a thread is told to do. A `usize` that is not a burst's length says to which histogram, or member of `by_kind`.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Inc,
    Add(u64),
    Member(usize, u64),
    Set(i64),
    Raise(i64),
    Lower(i64),
    SetFloat(f64),
    AddFloat(f64),
    Record(usize, Pick),
    TryRecord(usize, Pick),
    /// So many values.
    Burst(usize, usize, Burst),
    Reject(usize),
    Duration(usize, Duration),
    /// Of durations; the clock's step falls into it.
    Timer(Tick, End),
    Finish(u64),
    Tick(Tick),
    ResetHistogram(usize),
    ResetThroughput,
    /// Ends the thread and starts another.
    Replace,
    ReadHistogram(usize),
    ReadLatest(usize),
    ReadThroughput,
    ReadCounter,
    ReadAll,
}

/// What happens to the clock.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tick {
    Forward(Duration),
    Back(Duration),
    /// To so many nanoseconds after, or before, the next second begins.
    Edge(i64),
}

impl Tick {
    pub(crate) fn apply(self, clock: &ManualClock) {
        let now = clock.now();
        match self {
            Self::Forward(by) => clock.advance(by),
            Self::Back(by) => clock.set(now.saturating_sub(by)),
            Self::Edge(nanos) => {
                let edge = Duration::from_secs(now.as_secs() + 1);
                let by = Duration::from_nanos(nanos.unsigned_abs());
                clock.set(if nanos < 0 { edge - by } else { edge + by });
            }
        }
    }
}

/// How a timer ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Stop,
    Drop,
    Discard,
}

/// What a burst's values are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Burst {
    Same(Pick),
    Spread(u64),
}

/// A third of the programs have a clock that goes back.
pub(crate) fn program() -> impl Strategy<Value = (Setup, Vec<(usize, Op)>)> {
    let ops = |back| proptest::collection::vec((0_usize..6, op(back)), 1..80);
    (setup(), prop_oneof![2 => ops(false), 1 => ops(true)])
}

fn op(back: bool) -> impl Strategy<Value = Op> {
    let number =
        || prop_oneof![3 => 0_u64..1000, 1 => (u64::MAX - 1000)..=u64::MAX, 1 => any_size()];
    let level = || prop_oneof![3 => -1000_i64..1000, 1 => any::<i64>(), 1 => Just(i64::MIN), 1 => Just(i64::MAX)];
    let float = || prop_oneof![3 => -100.0_f64..100.0, 1 => any::<f64>()];
    let burst =
        prop_oneof![1 => pick().prop_map(Burst::Same), 3 => any::<u64>().prop_map(Burst::Spread)];
    let duration = prop_oneof![
        4 => any_size().prop_map(Duration::from_nanos),
        1 => Just(Duration::ZERO),
        1 => Just(Duration::MAX),
        // Beyond 64 bits of nanoseconds, where the lower ones would be in range.
        1 => Just(Duration::from_nanos(u64::MAX) + Duration::from_nanos(1000)),
    ];
    let end = prop_oneof![3 => Just(End::Stop), 2 => Just(End::Drop), 1 => Just(End::Discard)];
    let amount = prop_oneof![8 => 0_u64..1_000_000, 1 => any_size()];
    let which = 0_usize..2;
    let write = prop_oneof![
        2 => Just(Op::Inc),
        2 => number().prop_map(Op::Add),
        1 => (0_usize..KINDS.len(), number()).prop_map(|(kind, n)| Op::Member(kind, n)),
        1 => level().prop_map(Op::Set),
        1 => level().prop_map(Op::Raise),
        1 => level().prop_map(Op::Lower),
        1 => float().prop_map(Op::SetFloat),
        1 => float().prop_map(Op::AddFloat),
        6 => (which.clone(), pick()).prop_map(|(which, pick)| Op::Record(which, pick)),
        2 => (which.clone(), pick()).prop_map(|(which, pick)| Op::TryRecord(which, pick)),
        6 => (which.clone(), burst_len(), burst).prop_map(|(which, n, burst)| Op::Burst(which, n, burst)),
        1 => which.clone().prop_map(Op::Reject),
        2 => (which.clone(), duration).prop_map(|(which, duration)| Op::Duration(which, duration)),
        2 => (tick(back), end).prop_map(|(tick, end)| Op::Timer(tick, end)),
        8 => amount.prop_map(Op::Finish),
    ];
    prop_oneof![
        40 => write,
        10 => tick(back).prop_map(Op::Tick),
        2 => which.clone().prop_map(Op::ResetHistogram),
        2 => Just(Op::ResetThroughput),
        3 => Just(Op::Replace),
        8 => which.clone().prop_map(Op::ReadHistogram),
        2 => which.prop_map(Op::ReadLatest),
        8 => Just(Op::ReadThroughput),
        2 => Just(Op::ReadCounter),
        4 => Just(Op::ReadAll),
    ]
}

fn tick(back: bool) -> impl Strategy<Value = Tick> {
    let forward = prop_oneof![
        3 => 0_u64..3,
        3 => 0_u64..1_500_000_000,
        3 => 1_000_000_000_u64..70_000_000_000,
        // Whole seconds, around what windows and rings are long.
        3 => prop_oneof![1_u64..=6, 28_u64..=32, 58_u64..=66, 125_u64..=130].prop_map(|s| s * 1_000_000_000),
        1 => 60_000_000_000_u64..40_000_000_000_000,
    ];
    let backward = prop_oneof![
        0_u64..2_000_000_000,
        1_000_000_000_u64..5_000_000_000,
        5_000_000_000_u64..200_000_000_000,
    ];
    let nanos = Duration::from_nanos;
    prop_oneof![
        6 => forward.prop_map(move |by| Tick::Forward(nanos(by))),
        2 => (-1_i64..=1).prop_map(Tick::Edge),
        if back { 3 } else { 0 } => backward.prop_map(move |by| Tick::Back(nanos(by))),
    ]
}
