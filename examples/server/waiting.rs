//! Which connections wait for their clients, and which of them has waited longest.
//!
//! A connection that waits for its client can be closed when its place is needed; one that the server works for cannot. The
//! acceptor decides, and the connection's own task may get a request at the same moment: one atomic per connection tells
//! which of the two was first.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The server works for the client.
const WORKING: u64 = u64::MAX;
/// The acceptor needed the place.
const CLOSED: u64 = u64::MAX - 1;

/// One connection's state. Relaxed throughout: the value is all there is, nothing else is published by it.
#[derive(Debug)]
pub(crate) struct Waiting(AtomicU64);

impl Waiting {
    /// A new connection waits for its first request.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(next()))
    }

    /// The client has just done something, or got something to read: from here on it is waited for anew.
    pub(crate) fn restart(&self) {
        let waits = |state| (state != CLOSED).then(next);
        // An error says that the connection is being closed, and stays so. Relaxed: see the type.
        let _ = self.0.fetch_update(Relaxed, Relaxed, waits);
    }

    /// The server begins to work for the client, until [`Self::restart`]; `false` if the connection is being closed.
    pub(crate) fn work(&self) -> bool {
        let works = |state| (state != CLOSED).then_some(WORKING);
        // Relaxed: see the type.
        self.0.fetch_update(Relaxed, Relaxed, works).is_ok()
    }

    /// Since when the client is waited for: less is longer ago. `None` if it is not.
    pub(crate) fn since(&self) -> Option<u64> {
        // Relaxed: `close` checks it again.
        Some(self.0.load(Relaxed)).filter(|since| *since < CLOSED)
    }

    /// Closes the connection if it has been waiting since `since`, without a pause.
    pub(crate) fn close(&self, since: u64) -> bool {
        // Relaxed: see the type.
        self.0
            .compare_exchange(since, CLOSED, Relaxed, Relaxed)
            .is_ok()
    }
}

/// Numbers what happens, in about the order in which it does.
fn next() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // Relaxed: only that each number is given once matters.
    NEXT.fetch_add(1, Relaxed)
}
