//! The budget of owned cells.

use super::{explore, spawn};
use crate::engine::slot::adaptive::Promotion;
use crate::ownership::Ownership;
use loom::sync::Arc;

/// Two threads ask for room that is left for one of them, and keep it to the end. One gets it, and all is given back. Fails if the
/// room is taken without an exchange of the value that was checked.
#[test]
fn the_limit_holds() {
    explore("adaptive::the_limit_holds", 3, 5, || {
        let promotion = Arc::new(std::sync::Arc::new(Promotion::new(Ownership::Adaptive, 3)));
        let [first, second] =
            [(); 2].map(|()| spawn(&promotion, |promotion| promotion.try_room(2)));
        let rooms = [first.join().unwrap(), second.join().unwrap()];
        assert_eq!(rooms.iter().flatten().count(), 1);
        let usage = promotion.budget.usage();
        assert_eq!((usage.bytes, usage.owners, usage.refused), (2, 1, 1));
        drop(rooms);
        let usage = promotion.budget.usage();
        assert_eq!((usage.bytes, usage.owners), (0, 0));
    });
}
