//! The series of a family.

use super::{explore, spawn};
use crate::engine::series_map::SeriesMap;
use crate::sync::{AtomicUsize, Relaxed};
use loom::sync::Arc;

struct Family {
    series: SeriesMap<usize>,
    created: AtomicUsize,
}

impl Family {
    /// The series with this label value: the number of its creation.
    fn get(&self, value: &str) -> usize {
        self.series.get_or_create(&[value], |labels| {
            assert_eq!(&*labels[0], value);
            // Relaxed: called under the lock.
            self.created.fetch_add(1, Relaxed)
        })
    }
}

/// Two threads need the same series, which does not exist, and then one more each: the first is created once, and both threads
/// get it. Fails without the second look-up under the write lock.
#[test]
fn two_create_one() {
    explore("series_map::two_create_one", 3, 10, || {
        let family = Arc::new(Family {
            series: SeriesMap::default(),
            created: AtomicUsize::new(0),
        });
        let [first, second] = ["first", "second"].map(|own| {
            spawn(&family, move |family| {
                let (shared, own) = (family.get("shared"), family.get(own));
                assert_ne!(shared, own, "two series are one");
                shared
            })
        });
        assert_eq!(
            first.join().unwrap(),
            second.join().unwrap(),
            "two series with the same labels"
        );
        assert_eq!(family.created.load(Relaxed), 3);
    });
}
