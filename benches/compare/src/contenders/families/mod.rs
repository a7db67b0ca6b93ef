//! Families: metrics of one name, told apart by two labels whose values are known only when they are used.

pub(crate) mod counters;
pub(crate) mod histograms;
mod label_sets;

use super::Contender;
use crate::values::Sample;
use std::hint::black_box;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const NAMES: [&str; 2] = ["route", "status"];

/// The values of the labels. They live as long as the program, since some libraries keep such values without a copy.
pub(crate) type Labels = [&'static str; 2];

/// The labels of so many series: five statuses a route. The routes are never freed.
pub(crate) fn labels(series: usize) -> Vec<Labels> {
    const STATUSES: [&str; 5] = ["200", "204", "404", "500", "503"];
    (0..series.div_ceil(STATUSES.len()))
        .flat_map(|i| {
            let route: &'static str = format!("/items/{i}").leak();
            STATUSES.map(|status| [route, status])
        })
        .take(series)
        .collect()
}

/// A family of one library, as its documentation uses it.
pub(crate) trait Family: Send + Sync + 'static {
    const NAME: &'static str;
    /// What is recorded.
    type Value: Sample;

    fn new() -> Self;

    /// Looks a series up, makes it if it is new, and records into it.
    fn record(&self, labels: Labels, value: Self::Value);

    /// The page, or `None` if the library has none.
    fn render(&self) -> Option<Vec<u8>>;

    /// Renders a page as a server would that writes it piece by piece, and returns its length in bytes.
    fn page_len(&self) -> usize {
        black_box(self.render()).map_or(0, |page| page.len())
    }
}

/// A family whose series can be held.
pub(crate) trait Handles: Family {
    /// How its series are recorded into.
    type Metric: Contender<Value = Self::Value>;
    /// What a held series is called.
    const HELD: &'static str = <Self::Metric as Contender>::NAME;

    fn handle(&self, labels: Labels) -> <Self::Metric as Contender>::Handle;
}

/// How many series the families have that are called one by one.
pub(crate) const SERIES: usize = 256;

/// Labels that are handed out in turn.
struct Turns {
    labels: Vec<Labels>,
    next: AtomicUsize,
}

impl Turns {
    fn new(series: usize) -> Self {
        Self {
            labels: labels(series),
            next: AtomicUsize::new(0),
        }
    }

    fn next(&self) -> Labels {
        self.labels[self.next.fetch_add(1, Relaxed) % self.labels.len()]
    }
}

/// [`SERIES`] series of a family: each handle is that of the next one.
pub(crate) struct Held<F> {
    family: F,
    turns: Turns,
}

impl<F: Handles> Contender for Held<F> {
    const NAME: &'static str = F::HELD;
    type Value = F::Value;
    type Handle = <F::Metric as Contender>::Handle;

    fn new() -> Self {
        Self {
            family: F::new(),
            turns: Turns::new(SERIES),
        }
    }

    fn handle(&self) -> Self::Handle {
        self.family.handle(self.turns.next())
    }

    #[inline(always)]
    fn record(handle: &mut Self::Handle, value: F::Value) {
        F::Metric::record(handle, value);
    }
}

/// Metrics that are in no family: each handle is that of a new one.
pub(crate) struct Apart<C>(PhantomData<fn() -> C>);

impl<C: Contender> Contender for Apart<C> {
    const NAME: &'static str = C::NAME;
    type Value = C::Value;
    type Handle = C::Handle;

    fn new() -> Self {
        Self(PhantomData)
    }

    fn handle(&self) -> C::Handle {
        C::new().handle()
    }

    #[inline(always)]
    fn record(handle: &mut C::Handle, value: C::Value) {
        C::record(handle, value);
    }
}

/// A series that is looked up for every record. There are [`SERIES`]; the handles are those of the first `USED`, in turn.
pub(crate) struct LookUp<F, const USED: usize> {
    family: Arc<F>,
    turns: Turns,
}

impl<F: Family, const USED: usize> Contender for LookUp<F, USED>
where
    F::Value: Default,
{
    const NAME: &'static str = F::NAME;
    type Value = F::Value;
    type Handle = (Arc<F>, Labels);

    fn new() -> Self {
        let family = F::new();
        labels(SERIES)
            .into_iter()
            .for_each(|labels| family.record(labels, F::Value::default()));
        Self {
            family: Arc::new(family),
            turns: Turns::new(USED),
        }
    }

    fn handle(&self) -> Self::Handle {
        (Arc::clone(&self.family), self.turns.next())
    }

    #[inline(always)]
    fn record((family, labels): &mut Self::Handle, value: F::Value) {
        family.record(*labels, value);
    }
}
