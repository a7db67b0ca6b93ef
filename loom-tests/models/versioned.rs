//! A value whose version tells whether it changed.

use super::{explore, spawn};
use crate::engine::versioned::Versioned;
use crate::sync::{Acquire, AtomicBool, Release};
use loom::sync::Arc;

struct Catalog {
    entries: Versioned<Vec<u64>>,
    announced: AtomicBool,
}

impl Catalog {
    /// A copy of the entries, and its version.
    fn copy(&self) -> (Vec<u64>, usize) {
        let version = self.entries.version().get();
        (self.entries.read(Vec::clone), version)
    }
}

/// Two threads change the value and one of them announces it, while a third one copies the value and keeps the copy as long as
/// the version says that it is current. A copy that is current holds every announced change, and after the join every one.
/// Fails if the version is not raised, raised before the lock is taken, or
/// loaded after the copy.
#[test]
fn a_change_shows() {
    explore("versioned::a_change_shows", 3, 100, || {
        let catalog = Catalog {
            entries: Versioned::new(Vec::new()),
            announced: AtomicBool::new(false),
        };
        let catalog = Arc::new(catalog);
        let change = |catalog: &Catalog, entry: u64| -> Result<(), ()> {
            catalog.entries.change(|entries| {
                entries.push(entry);
                Ok(())
            })
        };
        let announcing = spawn(&catalog, move |catalog| {
            change(catalog, 1).unwrap();
            catalog.announced.store(true, Release);
        });
        let changing = spawn(&catalog, move |catalog| change(catalog, 2).unwrap());
        let reader = spawn(&catalog, |catalog| {
            let (entries, version) = catalog.copy();
            let announced = catalog.announced.load(Acquire);
            if announced && catalog.entries.version().get() == version {
                assert!(
                    entries.contains(&1),
                    "an announced change is missing from a current copy"
                );
            }
            (entries, version)
        });
        announcing.join().unwrap();
        changing.join().unwrap();
        let (entries, version) = reader.join().unwrap();
        assert_eq!(catalog.copy().0.len(), 2);
        if catalog.entries.version().get() == version {
            assert_eq!(entries.len(), 2, "{entries:?} in version {version}");
        }
    });
}

/// Two threads change a value each; both values share the version. Both changes raise it. Fails if the version is raised by a load
/// and a store.
#[test]
fn two_changes_are_two() {
    explore("versioned::two_changes_are_two", 3, 10, || {
        let version = std::sync::Arc::default();
        let values = [0, 1].map(|first| Versioned::sharing(first, &version));
        let values = Arc::new(values);
        let changes = [0, 1].map(|at| {
            spawn(&values, move |values| {
                let changed = values[at].change(|value| {
                    *value += 1;
                    Ok::<(), ()>(())
                });
                changed.unwrap();
            })
        });
        changes
            .into_iter()
            .for_each(|change| change.join().unwrap());
        assert_eq!(version.get(), 2);
    });
}
