//! Throughput.

use super::explore;
use crate::ring::Ring;
use loom::sync::Arc;
use loom::thread;

/// A thread adds three times, over two seconds, while a reader looks: what is counted as a call is in the total and in its
/// second, and seconds never mix. Fails with `calls` Relaxed on either side, or published before the amounts.
#[test]
fn counted_is_visible() {
    explore("ring::counted_is_visible", 3, 100, || {
        let ring = Arc::new(Ring::default());
        let writer = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                ring.add(1, 10);
                ring.add(1, 10);
                ring.add(2, 10);
            })
        };
        let reader = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                let calls = ring.calls();
                let (total, first, second) = (ring.total(), ring.in_second(1), ring.in_second(2));
                assert!(total >= calls * 10, "{calls} calls, a total of {total}");
                assert!(first + second >= calls * 10, "{calls} calls, {first} and {second} in their seconds");
                assert!(first <= 20 && second <= 10, "seconds mixed: {first} and {second}");
            })
        };
        writer.join().unwrap();
        reader.join().unwrap();
        assert_eq!((ring.calls(), ring.total(), ring.in_second(1), ring.in_second(2)), (3, 30, 20, 10));
    });
}
