//! Values that are made once.

use super::explore;
use crate::per_thread::SetOnce;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

/// Two threads make the same value: both use the one that was first, and see it as it was made. Fails if the second uses its
/// own, or with the ordering of the success or of the failure Relaxed (loom reports the value read while it is written).
#[test]
fn two_set_one() {
    explore("per_thread::two_set_one", 3, 10, || {
        let once: Arc<SetOnce<UnsafeCell<usize>>> = Arc::default();
        let set = |mine: usize| {
            let once = Arc::clone(&once);
            thread::spawn(move || {
                let value = UnsafeCell::new(0);
                // SAFETY: nobody else has it yet; and loom is to see a write.
                value.with_mut(|value| unsafe { *value = mine });
                // SAFETY: nobody writes any more; if loom disagrees, that is the failure.
                once.set(Box::new(value)).with(|value| unsafe { *value })
            })
        };
        let [first, second] = [set(1), set(2)].map(|thread| thread.join().unwrap());
        assert_eq!(first, second, "each has its own");
    });
}

/// A thread makes the value while another looks. Fails with `get`, or the success of `set`, Relaxed.
#[test]
fn made_before_it_is_seen() {
    explore("per_thread::made_before_it_is_seen", 3, 5, || {
        let once: Arc<SetOnce<UnsafeCell<usize>>> = Arc::default();
        let maker = {
            let once = Arc::clone(&once);
            thread::spawn(move || {
                let value = UnsafeCell::new(0);
                // SAFETY: as above.
                value.with_mut(|value| unsafe { *value = 7 });
                once.set(Box::new(value));
            })
        };
        let reader = {
            let once = Arc::clone(&once);
            thread::spawn(move || {
                // SAFETY: as above.
                let seen = once.get().map(|value| value.with(|value| unsafe { *value }));
                assert!(seen.is_none_or(|seen| seen == 7));
            })
        };
        maker.join().unwrap();
        reader.join().unwrap();
        assert!(once.get().is_some());
    });
}
