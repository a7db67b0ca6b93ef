//! Values that are made once.

use super::{explore, spawn};
use crate::engine::slot::once_box::OnceBox;
use loom::cell::UnsafeCell;
use loom::sync::Arc;

/// A box with a value whose initialisation loom sees.
fn made(value: usize) -> Box<UnsafeCell<usize>> {
    let cell = UnsafeCell::new(0);
    // SAFETY: no other thread has the cell yet.
    cell.with_mut(|cell| unsafe { *cell = value });
    Box::new(cell)
}

fn value(of: &UnsafeCell<usize>) -> usize {
    // SAFETY: the cell is not written to any more. If loom disagrees, the model fails.
    of.with(|value| unsafe { *value })
}

/// Two threads make the same value: both use the one that was first, as it was made. Fails if the second uses its own, or
/// with the ordering of the success or of the failure Relaxed (loom reports the value read while it is written).
#[test]
fn two_set_one() {
    explore("once_box::two_set_one", 3, 10, || {
        let once: Arc<OnceBox<UnsafeCell<usize>>> = Arc::default();
        let [first, second] =
            [1, 2].map(|mine| spawn(&once, move |once| value(once.set(made(mine)))));
        assert_eq!(
            first.join().unwrap(),
            second.join().unwrap(),
            "each has its own"
        );
    });
}

/// A thread makes the value while another reads it. Fails with `get`, or the success of `set`, Relaxed.
#[test]
fn made_before_it_is_seen() {
    explore("once_box::made_before_it_is_seen", 3, 5, || {
        let once: Arc<OnceBox<UnsafeCell<usize>>> = Arc::default();
        let maker = spawn(&once, |once| {
            once.set(made(7));
        });
        let reader = spawn(&once, |once| {
            assert!(once.get().is_none_or(|made| value(made) == 7))
        });
        maker.join().unwrap();
        reader.join().unwrap();
        assert!(once.get().is_some());
    });
}
