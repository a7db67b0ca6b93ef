//! Which threads own cells: what is promised, as users see it.

use epoch_metrics::{Counter, Ownership, Page, Registry, RegistryBuilder};
use std::time::{Duration, Instant};

/// What takes a second or two has failed by then.
const PATIENCE: Duration = Duration::from_secs(60);

/// A registry, and a counter in it.
fn counter(options: RegistryBuilder) -> (Registry, Counter) {
    let registry = options.build();
    let counter = registry.counter("requests", "").unwrap();
    (registry, counter)
}

/// What one of the library's own metrics shows; zero if it is not shown.
fn own(registry: &Registry, name: &str) -> u64 {
    let page = registry.render_prometheus();
    let line = page.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0, |value| value.trim().parse().unwrap())
}

fn owners(registry: &Registry) -> u64 {
    own(registry, "epoch_metrics_owned_cells ")
}

fn bytes(registry: &Registry) -> u64 {
    own(registry, "epoch_metrics_owned_bytes ")
}

fn refused(registry: &Registry) -> u64 {
    own(registry, "epoch_metrics_owned_cells_refused_total ")
}

/// Counts until `done`, looking now and then. Returns how often it counted.
fn count_until(counters: &[&Counter], done: impl Fn() -> bool) -> u64 {
    let (mut counted, since) = (0, Instant::now());
    while !done() {
        assert!(since.elapsed() < PATIENCE, "it never comes");
        for _ in 0..100_000 {
            counters.iter().for_each(|counter| counter.inc());
        }
        counted += 100_000;
    }
    counted
}

#[test]
fn a_thread_that_counts_for_a_second_is_promoted() {
    let (registry, counter) = counter(Registry::builder());
    counter.inc();
    assert_eq!((owners(&registry), bytes(&registry)), (0, 0));
    let counted = count_until(&[&counter], || owners(&registry) > 0);
    assert_eq!(owners(&registry), 1);
    assert!(bytes(&registry) >= 2_048, "{} bytes", bytes(&registry));
    counter.add(1);
    assert_eq!(counter.get(), counted + 2);
    // Another thread starts with the shared cells.
    let clone = counter.clone();
    std::thread::spawn(move || clone.inc()).join().unwrap();
    assert_eq!((owners(&registry), counter.get()), (1, counted + 3));
}

#[test]
fn a_thread_without_room_stays_with_the_shared_cells() {
    let (registry, counter) = counter(Registry::builder().owned_bytes(1_000));
    let counted = count_until(&[&counter], || refused(&registry) > 0);
    assert_eq!((owners(&registry), bytes(&registry)), (0, 0));
    assert_eq!(counter.get(), counted);
}

#[test]
fn never_is_never() {
    let (shared, never) = counter(Registry::builder().ownership(Ownership::Never));
    let (registry, adaptive) = counter(Registry::builder());
    never.warm();
    // Whoever counts often enough for the one would do so for the other.
    let counted = count_until(&[&never, &adaptive], || owners(&registry) > 0);
    assert_eq!((owners(&shared), refused(&shared)), (0, 0));
    assert_eq!((never.get(), adaptive.get()), (counted, counted));
}

#[test]
fn always_is_from_the_first_write_on_whatever_the_room() {
    let options = Registry::builder().ownership(Ownership::Always);
    let (registry, counter) = counter(options.owned_bytes(0));
    counter.inc();
    assert_eq!((owners(&registry), counter.get()), (1, 1));
}

#[test]
fn warming_makes_the_calling_threads_cells() {
    let (registry, counter) = counter(Registry::builder().owned_bytes(0));
    counter.warm();
    counter.warm();
    assert_eq!((owners(&registry), counter.get()), (1, 0));
    counter.add(7);
    assert_eq!(counter.get(), 7);
}

#[test]
fn own_metrics_of_merged_pages_are_added_up() {
    let registries = ["one", "other"].map(|name| {
        let registry = Registry::builder().prefix("same").unwrap().build();
        registry.counter(name, "").unwrap().warm();
        registry
    });
    let page = Page::merge(registries.iter().map(Registry::page)).unwrap();
    let text = page.render_prometheus();
    for line in [
        "# TYPE same_epoch_metrics_owned_cells gauge",
        "same_epoch_metrics_owned_cells 2",
        "# TYPE same_epoch_metrics_owned_bytes gauge",
    ] {
        assert_eq!(
            text.lines().filter(|found| *found == line).count(),
            1,
            "{line}: {text}"
        );
    }
}

/// Threads that are promoted at different moments, and others that never are, lose nothing, and no reading goes back.
#[test]
fn promotions_lose_nothing_and_no_reading_goes_back() {
    let (registry, counter) = counter(Registry::builder());
    let total: u64 = std::thread::scope(|scope| {
        let hot: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| count_until(&[&counter], || owners(&registry) >= 2)))
            .collect();
        let cold = scope.spawn(|| {
            let mut counted = 0;
            while owners(&registry) < 2 {
                counter.inc();
                counted += 1;
                std::thread::yield_now();
            }
            counted
        });
        let reader = scope.spawn(|| {
            let mut last = 0;
            while owners(&registry) < 2 {
                let now = counter.get();
                assert!(now >= last, "{now} after {last}");
                last = now;
            }
        });
        reader.join().unwrap();
        hot.into_iter()
            .chain([cold])
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(counter.get(), total);
}
