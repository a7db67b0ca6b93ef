//! Families: look-up, creation, removal, cells that are given to another series, the cap.

use super::{Forgotten, Metrics, ModelThread, NOW, Tally, explore, in_slot, spawn};
use crate::engine::counter::handles::CellHandle;
use crate::engine::counter::page::Page;
use crate::engine::family::cap::{Cap, Places};
use crate::engine::family::cells::{CellKind, CellList, Cells};
use crate::engine::family::expiry::{Expires, IdleTime};
use crate::engine::family::{Family as EngineFamily, Full, Listed, Members};
use crate::engine::histogram::Recorder;
use crate::engine::read_order::{PageGroup, ReadCache};
use crate::engine::readout::{CellsRead, PagesRead};
use crate::engine::throughput::Tracker;
use crate::engine::versioned::Version;
use crate::sync::{AtomicU64, Relaxed};
use loom::sync::Arc;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

type Family = EngineFamily<Cells<CellHandle, u64>>;
type Cache = ReadCache<Recorder<Tally>, Tracker<Forgotten>>;

/// A registry with a family, after a single counter, or before it.
struct Model {
    family: std::sync::Arc<Family>,
    single: std::sync::Arc<Page>,
    version: std::sync::Arc<Version>,
    metrics: Metrics,
    returned: AtomicU64,
}

fn model(kind: CellKind, max: usize) -> Arc<Model> {
    expiring(kind, max, None)
}

fn expiring(kind: CellKind, max: usize, idle: Option<Duration>) -> Arc<Model> {
    sharing(kind, max, idle, &Places::new(10).into())
}

/// `places`: the registry's.
fn sharing(
    kind: CellKind,
    max: usize,
    idle: Option<Duration>,
    places: &std::sync::Arc<Places>,
) -> Arc<Model> {
    let (version, rebuilds) = Default::default();
    let page = || Page::of_family(std::sync::Arc::default());
    let cells = Cells::new(kind, &rebuilds, page, |cell| cell, |bits| bits);
    let cap = Cap::new(
        max,
        std::sync::Arc::clone(places),
        (kind == CellKind::Counter).then_some(1),
    );
    let family = std::sync::Arc::new(EngineFamily::new(
        cells,
        &version,
        cap,
        idle.map(IdleTime::new),
    ));
    let single = std::sync::Arc::new(Page::new(std::sync::Arc::default()));
    let groups = [
        PageGroup::Family(std::sync::Arc::clone(&family) as _),
        PageGroup::Page(std::sync::Arc::clone(&single)),
    ];
    let metrics = Metrics {
        rebuilds,
        pages: groups.into_iter().collect(),
        ..Metrics::default()
    };
    Arc::new(Model {
        family,
        single,
        version,
        metrics,
        returned: AtomicU64::new(0),
    })
}

/// The series that a reading of a family shows, with their values.
fn series(read: &CellsRead) -> Vec<(String, u64)> {
    let positions = 0..read.list.series.positions();
    let shown = positions.filter_map(|position| read.series(position));
    let shown = shown.map(|(labels, value)| (labels.get(0).to_owned(), value));
    shown.collect()
}

/// Those of metrics that are one family.
fn shown(metrics: &Metrics, cache: &mut Cache) -> Vec<(String, u64)> {
    let readout = metrics.sources().read(cache, NOW);
    let [PagesRead::Family(family)] = &*readout.pages else {
        unreachable!("a family")
    };
    series(family)
}

fn add(thread: ModelThread<'_>, cell: &CellHandle, n: u64) {
    cell.page().add(thread, cell.index(), n);
}

impl Model {
    fn with(&self, value: &str) -> CellHandle {
        self.family
            .get_or_create(&[value], None)
            .expect("it is not full")
    }

    fn count(&self, by: usize, value: &str) {
        in_slot(by, |thread| add(thread, &self.with(value), 1));
    }

    fn remove(&self, value: &str) -> Option<u64> {
        let removed = self.family.remove(&[value], NOW)?;
        // Relaxed: added up after the join.
        self.returned.fetch_add(removed, Relaxed);
        Some(removed)
    }

    /// The series that a reading shows, with their values; and the single counter.
    fn read(&self, cache: &mut Cache) -> (Vec<(String, u64)>, u64) {
        let readout = self.metrics.sources().read(cache, NOW);
        let [PagesRead::Family(family), single] = &*readout.pages else {
            unreachable!("a family and a page")
        };
        (series(family), single.cell(0))
    }

    /// What the series hold, what removals returned, and what is detached.
    fn total(&self) -> u64 {
        let (sum, detached) = self
            .family
            .read(|cells| (cells.sum(NOW), cells.detached(NOW)));
        // Relaxed: all threads have ended.
        sum + self.returned.load(Relaxed) + detached
    }
}

/// Two threads need the same series, which does not exist, and write to it: it is created once. Fails without the second look-up
/// under the lock.
#[test]
fn two_create_one() {
    explore("family::two_create_one", 3, 10, || {
        let model = model(CellKind::Counter, 9);
        let threads = [0, 1].map(|by| spawn(&model, move |model| model.count(by, "same")));
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        let shown = model.read(&mut Cache::default()).0;
        assert_eq!(shown, [("same".to_owned(), 2)]);
    });
}

/// A thread creates a series; another one finds it without the lock, and takes a snapshot, unless the version says that the one from
/// before is current. The series is in it. Fails if a series is found before it is listed and the version raised.
#[test]
fn what_was_found_is_in_the_next_snapshot() {
    explore(
        "family::what_was_found_is_in_the_next_snapshot",
        3,
        10,
        || {
            let model = model(CellKind::Counter, 9);
            let before = model.version.get();
            let creator = spawn(&model, |model| drop(model.with("x")));
            let reader = spawn(&model, move |model| {
                let found = model
                    .family
                    .lookup()
                    .find(&["x"], None, |found| found.is_some());
                if found {
                    assert_ne!(
                        model.version.get(),
                        before,
                        "found, and not in a current snapshot"
                    );
                    let shown = model.read(&mut Cache::default()).0;
                    assert_eq!(shown.len(), 1, "found, and not listed");
                }
            });
            creator.join().unwrap();
            reader.join().unwrap();
        },
    );
}

/// One thread looks a series up twice and writes to it, while another removes and creates it. Every write is in a
/// series, was returned, or is detached; and there is one series of these labels, which can be found. Fails if list and index are not
/// changed under one lock.
#[test]
fn creation_races_removal() {
    explore("family::creation_races_removal", 2, 50, || {
        let model = model(CellKind::Counter, 9);
        model.count(0, "x");
        let writer = spawn(&model, |model| (0..2).for_each(|_| model.count(0, "x")));
        let remover = spawn(&model, |model| {
            model.remove("x");
            model.count(1, "x");
        });
        writer.join().unwrap();
        remover.join().unwrap();
        assert_eq!(model.total(), 4);
        let shown = model.read(&mut Cache::default()).0;
        let found = model
            .family
            .lookup()
            .find(&["x"], None, |found| found.map(CellHandle::value));
        assert_eq!(
            shown,
            [("x".to_owned(), found.expect("it was created again"))]
        );
    });
}

/// A series is removed while a handle of it is written to and dropped. Then series are created until one has its cell. The writes
/// are returned or detached, and never the other series'. Fails if the cell is given away while a handle is left, or with the count
/// of handles Relaxed on either side.
#[test]
fn what_a_dropped_handle_wrote_is_detached() {
    explore(
        "family::what_a_dropped_handle_wrote_is_detached",
        2,
        50,
        || {
            let model = model(CellKind::Counter, 9);
            let handle = model.with("x");
            let writer = spawn(&model, move |_| {
                in_slot(0, |thread| add(thread, &handle, 1));
            });
            let remover = spawn(&model, |model| {
                model.remove("x");
                let next = model.with("y");
                assert_eq!(
                    next.value(),
                    0,
                    "the removed series' write counts for another"
                );
                next
            });
            writer.join().unwrap();
            let next = remover.join().unwrap();
            assert_eq!(
                next.value(),
                0,
                "the removed series' write counts for another"
            );
            assert_eq!(model.total(), 1);
        },
    );
}

/// A reading that began before a series was removed does not show what the next series on its cell has. Fails if the next series begins
/// with what the cell held.
#[test]
fn an_index_is_not_reused_under_a_rebuild() {
    explore(
        "family::an_index_is_not_reused_under_a_rebuild",
        2,
        50,
        || {
            let model = model(CellKind::Counter, 9);
            model.count(0, "x");
            let changer = spawn(&model, |model| {
                assert_eq!(model.remove("x"), Some(1));
                model.count(0, "y");
                model.count(0, "y");
            });
            let reader = spawn(&model, |model| {
                let mut cache = Cache::default();
                for _ in 0..2 {
                    for (labels, value) in model.read(&mut cache).0 {
                        let most = if labels == "x" { 1 } else { 2 };
                        assert!(value <= most, "{value} of {labels}");
                    }
                }
                cache
            });
            changer.join().unwrap();
            let mut cache = reader.join().unwrap();
            assert_eq!(model.read(&mut cache).0, [("y".to_owned(), 2)]);
            assert_eq!(model.total(), 3);
        },
    );
}

/// The same, with a change that comes when the reading has copied the list: no thread is needed for that. Fails if the cell is given away
/// before that reading has ended, or if a reading begins after the lists were copied.
#[test]
fn a_cell_is_kept_until_a_rebuild_has_ended() {
    explore(
        "family::a_cell_is_kept_until_a_rebuild_has_ended",
        0,
        1,
        || {
            let model = model(CellKind::Counter, 9);
            model.count(0, "x");
            let changed = Arc::clone(&model);
            let metrics = changing(&model, move || {
                assert_eq!(changed.remove("x"), Some(1));
                (0..2).for_each(|_| changed.count(0, "y"));
            });
            let mut cache = Cache::default();
            assert_eq!(shown(&metrics, &mut cache), [("x".to_owned(), 1)]);
            assert_eq!(shown(&metrics, &mut cache), [("y".to_owned(), 2)]);
            // Now it is free.
            model.count(0, "z");
            assert_eq!(model.family.list().series.positions(), 2);
            assert_eq!(model.total(), 4);
        },
    );
}

/// A series is created and written to when a reading has copied the list, before it reads the cells. What changed on the page since an earlier
/// reading is what its series hold, and no more. Fails if all cells of a page are compared.
#[test]
fn what_changed_on_a_page_is_of_its_series() {
    explore(
        "family::what_changed_on_a_page_is_of_its_series",
        0,
        1,
        || {
            let model = model(CellKind::Counter, 9);
            model.count(0, "x");
            let earlier = model.metrics.sources().read(&mut Cache::default(), NOW);
            model.count(0, "x");
            let changed = Arc::clone(&model);
            let changing = changing(&model, move || changed.count(0, "y"));
            let later = changing.sources().read(&mut Cache::default(), NOW);
            let [earlier, later] = [&earlier, &later].map(|readout| {
                let family = readout.pages[0].family().expect("the first is a family");
                family.part(0).expect("it has a page")
            });
            let kept = earlier.keep();
            assert!(kept.has_series_of(later));
            assert_eq!(kept.changes(later).collect::<Vec<_>>(), [(0, 1, 2)]);
        },
    );
}

/// A registry of the model's family alone, which is changed when its list has been copied for the first time.
fn changing(model: &Model, change: impl FnOnce() + 'static) -> Metrics {
    let changing = Changing {
        family: std::sync::Arc::clone(&model.family),
        change: Mutex::new(Some(Box::new(change))),
    };
    Metrics {
        rebuilds: std::sync::Arc::clone(&model.metrics.rebuilds),
        pages: [PageGroup::Family(std::sync::Arc::new(changing))]
            .into_iter()
            .collect(),
        ..Metrics::default()
    }
}

/// See [`changing`].
struct Changing {
    family: std::sync::Arc<Family>,
    change: Mutex<Option<Box<dyn FnOnce()>>>,
}

// SAFETY: a model of one thread.
unsafe impl Send for Changing {}
// SAFETY: as above.
unsafe impl Sync for Changing {}

impl fmt::Debug for Changing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.family.fmt(f)
    }
}

impl Listed<CellList> for Changing {
    fn list(&self) -> std::sync::Arc<CellList> {
        let list = self.family.list();
        if let Some(change) = self.change.lock().unwrap().take() {
            change();
        }
        list
    }

    fn cap(&self) -> &Cap {
        self.family.cap()
    }
}

/// Many series come and go: their pages do as well, whatever a reader remembers of them, but not one whose cell a handle holds. Fails if
/// no page is given back, if one is although the page before it is in use, or if a page that is new is held for one that was there before.
#[test]
fn pages_at_the_end_are_given_back() {
    explore("family::pages_at_the_end_are_given_back", 0, 1, || {
        let model = model(CellKind::Counter, 99);
        let pages = |model: &Model| model.family.list().pages.len();
        // Looks at four removed series, and at four more.
        let look = |model: &Model| {
            drop(model.with("other"));
            model.remove("other");
        };
        let mut cache = Cache::default();
        let names: Vec<_> = (0..6).map(|number| number.to_string()).collect();
        let count = |n: u64| {
            for name in &names {
                in_slot(0, |thread| add(thread, &model.with(name), n));
            }
        };
        count(5);
        assert_eq!((pages(&model), model.read(&mut cache).0.len()), (3, 6));
        let held = model.with("2");
        for name in &names {
            assert_eq!(model.remove(name), Some(5));
        }
        (0..3).for_each(|_| look(&model));
        // One is in use, the last one is kept.
        assert_eq!(pages(&model), 3);
        in_slot(0, |thread| add(thread, &held, 1));
        drop(held);
        (0..3).for_each(|_| look(&model));
        assert_eq!(pages(&model), 1);
        // As many writes as before.
        count(1);
        assert_eq!(pages(&model), 3);
        let shown = model.read(&mut cache).0;
        assert!(shown.iter().all(|(_, value)| *value == 1), "{shown:?}");
        assert_eq!((shown.len(), model.total()), (6, 37));
    });
}

/// A gauge's cell is given to another series while a reader reads all. No reading that shows the second series shows the first one's
/// value as its. Fails if the cell is not cleared, if its page's epoch does not say so, or with either Relaxed.
#[test]
fn a_gauge_is_reused() {
    explore("family::a_gauge_is_reused", 2, 50, || {
        let model = model(CellKind::Whole, 9);
        let set = |model: &Model, value: &str, to| {
            let cell = model.with(value);
            cell.page().create_gauges();
            in_slot(0, |thread| cell.page().set_gauge(thread, cell.index(), to));
        };
        set(&model, "x", 7);
        let mut cache = Cache::default();
        model.read(&mut cache);
        let changer = spawn(&model, |model| {
            model.remove("x");
            drop(model.with("y"));
        });
        let reader = spawn(&model, move |model| {
            let shown = model.read(&mut cache).0;
            let wrong = ("y".to_owned(), 7);
            assert!(!shown.contains(&wrong), "the removed series' value");
            cache
        });
        changer.join().unwrap();
        let mut cache = reader.join().unwrap();
        assert_eq!(model.read(&mut cache).0, [("y".to_owned(), 0)]);
    });
}

/// A thread creates a series of A, writes to it, and then to B, which is registered later. No reading shows more of B than of A.
/// Fails if A's list is an older one than its cells need.
#[test]
fn a_new_series_before_b() {
    explore("family::a_new_series_before_b", 2, 50, || {
        let model = model(CellKind::Counter, 9);
        let mut cache = Cache::default();
        model.read(&mut cache);
        let writer = spawn(&model, |model| {
            model.count(0, "a");
            in_slot(0, |thread| model.single.add(thread, 0, 1));
        });
        let reader = spawn(&model, move |model| {
            let (a, b) = model.read(&mut cache);
            let a: u64 = a.iter().map(|(_, value)| value).sum();
            assert!(b <= a, "{b} of B, {a} of A");
        });
        writer.join().unwrap();
        reader.join().unwrap();
    });
}

/// Two threads need three series of a family that may have two, and one of them removes one and needs another. There are never
/// more than two and the overflow series, and no count is lost. Fails if a place is taken without an exchange, or not given back.
#[test]
fn the_cap_holds() {
    explore("family::the_cap_holds", 2, 50, || {
        let model = model(CellKind::Counter, 2);
        model.count(0, "x");
        let first = spawn(&model, |model| model.count(0, "y"));
        let second = spawn(&model, |model| model.count(1, "z"));
        first.join().unwrap();
        second.join().unwrap();
        assert_eq!(model.total(), 3);
        let overflow = model
            .family
            .lookup()
            .find(&["overflow"], None, |found| found.map(CellHandle::value));
        assert_eq!((model.family.read(Members::len), overflow), (3, Some(1)));
        assert_eq!(model.family.cap().overflowed(), 1);
        model.remove("x");
        model.count(0, "w");
        let found = model
            .family
            .lookup()
            .find(&["w"], None, |found| found.is_some());
        assert!(found, "the removed series' place is not free");
    });
}

/// Two families take the last place of their registry at the same moment: one gets it. Fails if a place is taken without a check.
#[test]
fn the_registrys_cap_holds() {
    explore("family::the_registrys_cap_holds", 2, 10, || {
        let places = Places::new(1).into();
        let families = [0, 1].map(|_| sharing(CellKind::Counter, 9, None, &places));
        let threads = [0, 1].map(|by| spawn(&families[by], move |model| model.count(by, "x")));
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        let has_place = |model: &&Arc<Model>| {
            let lookup = model.family.lookup();
            lookup.find(&["x"], None, |found| found.is_some())
        };
        assert_eq!(families.iter().filter(has_place).count(), 1);
    });
}

/// A family of gauges that is full refuses look-ups of further series, whichever thread is first.
#[test]
fn a_full_family_of_gauges_refuses() {
    explore("family::a_full_family_of_gauges_refuses", 3, 5, || {
        let model = model(CellKind::Whole, 1);
        let threads = ["x", "y"].map(|value| {
            spawn(&model, move |model| {
                match model.family.get_or_create(&[value], None) {
                    Ok(_) => true,
                    Err(Full) => false,
                }
            })
        });
        let made = threads.map(|thread| thread.join().unwrap());
        assert_eq!(made.iter().filter(|made| **made).count(), 1);
    });
}

/// A series that is idle expires while a thread looks it up and keeps a handle: what the thread writes is what further look-ups find. Without
/// handles it is gone, and nothing is lost. Fails if a series with handles is removed, or a leaving one is created again.
#[test]
fn a_series_expires_without_handles() {
    explore("family::a_series_expires_without_handles", 3, 100, || {
        let model = expiring(CellKind::Counter, 1, Some(Duration::ZERO));
        model.count(0, "idle");
        let writer = spawn(&model, |model| {
            let cell = model.with("idle");
            in_slot(0, |thread| add(thread, &cell, 1));
            cell
        });
        let sweeper = spawn(&model, |model| model.family.sweep(NOW));
        sweeper.join().unwrap();
        let cell = writer.join().unwrap();
        // The writer comes too early for the place that its series leaves, and too late for the series.
        let turned_away = model.family.cap().overflowed();
        let value = model.with("idle").value();
        assert!(value + turned_away >= 1, "not the writer's series");
        model.family.sweep(NOW);
        assert!(model.with("idle").value() >= value, "it is held");
        drop(cell);
        model.family.sweep(NOW);
        assert_eq!(model.read(&mut Cache::default()).0, []);
        assert_eq!(model.total(), 2);
    });
}
