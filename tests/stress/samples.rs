//! What is recorded, and what must be true of every snapshot of it.

use epoch_metrics::HistogramSnapshot;

pub(crate) const THREADS: u64 = 8;
/// Values that a thread goes round and round in.
pub(crate) const CYCLE: u64 = 16;

/// The i-th value of a thread. Each is below 256, where two digits give every value a bucket of its own, and no two
/// threads share one: what a snapshot holds of each thread can be read off its buckets.
pub(crate) fn value(thread: u64, i: u64) -> u64 {
    1 + thread * CYCLE + i % CYCLE
}

/// The sum of a thread's first `n` values.
pub(crate) fn sum_of(thread: u64, n: u64) -> u64 {
    (0..CYCLE).map(|i| cycled(n, i) * value(thread, i)).sum()
}

/// How many of the first `n` values are at place `i` of the cycle.
fn cycled(n: u64, i: u64) -> u64 {
    n / CYCLE + u64::from(i < n % CYCLE)
}

/// By bucket of [`value`]: how many.
pub(crate) type Counts = [u64; 256];

pub(crate) fn counts(snapshot: &HistogramSnapshot) -> Counts {
    let mut counts = [0; 256];
    for bucket in snapshot.buckets() {
        assert_eq!(bucket.low, bucket.high);
        counts[bucket.low as usize] = bucket.count;
    }
    counts
}

/// What must be true of every snapshot, whatever the writers are doing.
pub(crate) fn check(snapshot: &HistogramSnapshot, last: &mut Counts) {
    let counts = counts(snapshot);
    assert!(
        last.iter().zip(&counts).all(|(before, now)| before <= now),
        "a bucket went back"
    );
    assert_eq!(
        counts.iter().sum::<u64>(),
        snapshot.count(),
        "the buckets add up to the count"
    );
    let of_buckets: u128 = (0..)
        .zip(&counts)
        .map(|(value, count)| value * u128::from(*count))
        .sum();
    assert!(
        snapshot.uncertain() <= THREADS * 100,
        "{} uncertain",
        snapshot.uncertain()
    );
    assert!(snapshot.sum() <= of_buckets, "a sum ahead of its buckets");
    // A sample that is uncertain is in its bucket, and perhaps not in the sum.
    assert!(
        of_buckets - snapshot.sum() <= u128::from(snapshot.uncertain() * 255),
        "more missing from the sum than is admitted"
    );
    *last = counts;
}

/// That of each thread exactly the first samples are there, with no more exceptions than the snapshot admits. For
/// threads that recorded without interruption from one end of [`value`]'s sequence.
pub(crate) fn check_prefixes(snapshot: &HistogramSnapshot) {
    let counts = counts(snapshot);
    let mut exceptions = 0;
    for thread in 0..THREADS {
        let of_thread = |i| counts[value(thread, i) as usize];
        let n: u64 = (0..CYCLE).map(of_thread).sum();
        // The longest prefix that is wholly there.
        let prefix = (0..CYCLE).map(|i| of_thread(i) * CYCLE + i).min().unwrap();
        exceptions += n - prefix;
    }
    assert!(
        exceptions <= snapshot.uncertain(),
        "{exceptions} samples without all before them"
    );
}

/// How many snapshots there were, how many of them were exact, and how uncertain the others.
#[derive(Default)]
pub(crate) struct Seen {
    different: u64,
    exact: u64,
    uncertain: u64,
    most: u64,
}

impl Seen {
    pub(crate) fn note(&mut self, snapshot: &HistogramSnapshot) {
        self.different += 1;
        self.exact += u64::from(snapshot.uncertain() == 0);
        self.uncertain += snapshot.uncertain();
        self.most = self.most.max(snapshot.uncertain());
    }

    pub(crate) fn print(&self, of: &str) {
        let share = 100.0 * self.exact as f64 / self.different as f64;
        println!(
            "{of}: {} snapshots, {share:.2} % of them exact, {} samples uncertain in the others, at most {}",
            self.different, self.uncertain, self.most
        );
    }
}
