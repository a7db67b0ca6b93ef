//! The cache by itself: a number that threads raise, and a copy of it that readers share.

use super::explore;
use crate::cached::Cached;
use crate::sync::{Acquire, AtomicU64, Relaxed, Release};
use loom::sync::Arc;
use loom::thread;

fn read(cache: &Cached<u64, u64>, number: &AtomicU64) -> std::sync::Arc<u64> {
    cache.read(
        |held| *held == number.load(Acquire),
        |rebuilds, _| {
            *rebuilds += 1;
            number.load(Acquire)
        },
    )
}

/// Two readers find the same change: one rebuilds, the other gets the very same `Arc`. Fails without the second look inside
/// the gate.
#[test]
fn two_readers_one_rebuild() {
    explore("cached::two_readers_one_rebuild", 3, 50, || {
        let cache = Arc::new(Cached::new(0_u64, 0_u64));
        let number = Arc::new(AtomicU64::new(1));
        let reader = || {
            let (cache, number) = (Arc::clone(&cache), Arc::clone(&number));
            thread::spawn(move || read(&cache, &number))
        };
        let [first, second] = [reader(), reader()].map(|reader| reader.join().unwrap());
        assert_eq!((*first, *second), (1, 1));
        assert!(std::sync::Arc::ptr_eq(&first, &second), "two snapshots of one change");
        assert_eq!(cache.replace(|rebuilds, _| (None, *rebuilds)), 1, "rebuilds");
    });
}

/// A thread raises the number and reads, while another reader rebuilds: the thread gets at least its own number, whoever
/// published it, and never an older one than before. (With the epochs of several threads, where the order of the two loads
/// matters, it is `recorder::read_your_write_through_a_hit`.)
#[test]
fn read_your_write_through_a_hit() {
    explore("cached::read_your_write_through_a_hit", 3, 100, || {
        let cache = Arc::new(Cached::new(0_u64, 0_u64));
        let number = Arc::new(AtomicU64::new(0));
        let writer = {
            let (cache, number) = (Arc::clone(&cache), Arc::clone(&number));
            thread::spawn(move || {
                number.store(1, Release);
                assert!(*read(&cache, &number) >= 1, "own write missing");
                number.store(2, Release);
                assert!(*read(&cache, &number) >= 2, "own write missing");
            })
        };
        let reader = {
            let (cache, number) = (Arc::clone(&cache), Arc::clone(&number));
            thread::spawn(move || {
                let first = *read(&cache, &number);
                let second = *read(&cache, &number);
                assert!(first <= second, "went back");
            })
        };
        writer.join().unwrap();
        reader.join().unwrap();
        assert_eq!(*read(&cache, &number), 2);
        assert_eq!(number.load(Relaxed), 2);
    });
}
