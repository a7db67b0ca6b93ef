//! What is recorded: the same in every run.

/// How many values a pass goes through.
pub(crate) const COUNT: usize = 1024;

/// What a contender takes: nanoseconds, seconds, or nothing for a counter.
pub(crate) trait Sample: Copy + Send + Sync {
    fn of_nanos(nanos: u64) -> Self;
}

impl Sample for u64 {
    fn of_nanos(nanos: u64) -> Self {
        nanos
    }
}

impl Sample for f64 {
    fn of_nanos(nanos: u64) -> Self {
        nanos as f64 / 1e9
    }
}

impl Sample for () {
    fn of_nanos(_: u64) -> Self {}
}

/// Latencies in nanoseconds: lognormal, median 1 ms, sigma 1.
pub(crate) fn lognormal(count: usize) -> Vec<u64> {
    let mut random = SplitMix(42);
    (0..count)
        .map(|_| (1e6 * random.normal().exp()) as u64)
        .collect()
}

/// Two latencies in turn: what a load that hardly varies records.
pub(crate) fn two_values(count: usize) -> Vec<u64> {
    [1_000_000, 1_300_000]
        .into_iter()
        .cycle()
        .take(count)
        .collect()
}

pub(crate) fn samples<S: Sample>(nanos: &[u64]) -> Vec<S> {
    nanos.iter().copied().map(S::of_nanos).collect()
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    /// More than 0, at most 1.
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// A standard normal deviate, by Box and Muller.
    fn normal(&mut self) -> f64 {
        let (radius, angle) = (
            (-2.0 * self.unit().ln()).sqrt(),
            std::f64::consts::TAU * self.unit(),
        );
        radius * angle.cos()
    }
}
