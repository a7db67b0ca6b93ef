//! Who is compared: one small type for each, all driven by the same loop.

pub(crate) mod counters;
pub(crate) mod families;
mod hdr;
pub(crate) mod histograms;
pub(crate) mod pages;

use crate::values::Sample;
use std::hint::black_box;

/// A metric of one library.
pub(crate) trait Contender: Sync + Sized {
    const NAME: &'static str;
    /// What is recorded.
    type Value: Sample;
    /// What a thread records through.
    type Handle: Send;

    fn new() -> Self;

    fn handle(&self) -> Self::Handle;

    fn record(handle: &mut Self::Handle, value: Self::Value);

    /// Does what recording has put off, if it puts off anything.
    fn settle(&self) {}

    /// Reads the metric as a scrape would.
    fn scrape(&self) {
        self.settle();
    }
}

/// Records every value once: the loop that all contenders are timed in. The black box makes the compiler take handle and
/// values from memory anew each time, as a program would that did other things between.
#[inline(always)]
pub(crate) fn record_all<C: Contender>(handle: &mut C::Handle, values: &[C::Value]) {
    for &value in values {
        C::record(black_box(&mut *handle), value);
    }
}

/// `entries![make(arguments): A, B]` is `make::<A>(arguments)`, `make::<B>(arguments)` in a vector.
macro_rules! entries {
    ($make:ident $arguments:tt: $($contender:ty),* $(,)?) => {
        vec![$($make::<$contender> $arguments),*]
    };
}
pub(crate) use entries;
