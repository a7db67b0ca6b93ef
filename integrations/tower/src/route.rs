//! The series of one method and route, and where they are found.

use crate::families::{Families, STATUSES, Status};
use epoch_metrics::{Counter, InFlight};
use epoch_metrics::{Family, FamilyOptions, Histogram, Member};
use foldhash::fast::RandomState;
use papaya::{Equivalent, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The series of one method and route. Each is looked up when it is first needed.
#[derive(Debug)]
pub(crate) struct Route {
    families: Arc<Families>,
    method: &'static str,
    route: Box<str>,
    requests: [OnceLock<Counter>; STATUSES],
    /// Empty for requests without a complete response.
    durations: [OnceLock<Histogram>; STATUSES],
    request_sizes: OnceLock<Histogram>,
    response_sizes: OnceLock<Histogram>,
}

impl Route {
    fn new(families: &Arc<Families>, method: &'static str, route: &str) -> Self {
        Self {
            families: Arc::clone(families),
            method,
            route: route.into(),
            requests: Default::default(),
            durations: Default::default(),
            request_sizes: OnceLock::new(),
            response_sizes: OnceLock::new(),
        }
    }

    /// The time now.
    pub(crate) fn now(&self) -> Duration {
        self.families.clock.now()
    }

    /// Counts a request as active until the guard is dropped.
    pub(crate) fn active(&self) -> InFlight {
        self.families.active.track()
    }

    /// Counts a request that ended.
    pub(crate) fn ended(&self, status: Status) {
        let labels = [self.method, &*self.route, status.label()];
        let requests = &self.requests[status as usize];
        if let Some(requests) = held(requests, &self.families.requests, &labels) {
            requests.inc();
        }
    }

    /// Records a complete response.
    pub(crate) fn answered(&self, class: Status, took: Duration, bytes: u64) {
        let labels = [self.method, &*self.route, class.label()];
        let durations = &self.durations[class as usize];
        if let Some(durations) = held(durations, &self.families.durations, &labels) {
            durations.record_duration(took);
        }
        let sizes = &self.families.response_sizes;
        if let Some(sizes) = held(&self.response_sizes, sizes, &labels[..2]) {
            sizes.record(bytes);
        }
    }

    /// Records how much of a request's body was read.
    pub(crate) fn request_size(&self, bytes: u64) {
        let (labels, sizes) = ([self.method, &*self.route], &self.families.request_sizes);
        if let Some(sizes) = held(&self.request_sizes, sizes, &labels) {
            sizes.record(bytes);
        }
    }
}

/// The member of the family that has these labels, which is looked up once. There always is one: the number of values is right,
/// and no family is one of gauges.
fn held<'a, M: Member>(
    cell: &'a OnceLock<M>,
    family: &Family<M>,
    labels: &[&str],
) -> Option<&'a M> {
    if cell.get().is_none() {
        // Of two threads the second one finds the first one's.
        let _ = cell.set(family.with(labels).ok()?);
    }
    cell.get()
}

/// The routes that requests had.
#[derive(Debug)]
pub(crate) struct Routes {
    families: Arc<Families>,
    known: HashMap<(&'static str, Box<str>), Arc<Route>, RandomState>,
}

/// A method and a route as they are looked up.
#[derive(Hash)]
struct Wanted<'a>(&'static str, &'a str);

impl Equivalent<(&'static str, Box<str>)> for Wanted<'_> {
    fn equivalent(&self, key: &(&'static str, Box<str>)) -> bool {
        (self.0, self.1) == (key.0, &*key.1)
    }
}

impl Routes {
    /// As many as a family has series. The series of further routes are looked up for each request.
    const MAX: usize = FamilyOptions::DEFAULT_MAX_SERIES;

    pub(crate) fn new(families: Families) -> Self {
        Self {
            families: Arc::new(families),
            known: HashMap::default(),
        }
    }

    pub(crate) fn find(&self, method: &'static str, route: &str) -> Arc<Route> {
        let known = self.known.pin();
        if let Some(found) = known.get(&Wanted(method, route)) {
            return Arc::clone(found);
        }
        let new = Arc::new(Route::new(&self.families, method, route));
        if known.len() < Self::MAX {
            known.insert((method, route.into()), Arc::clone(&new));
        }
        new
    }
}
