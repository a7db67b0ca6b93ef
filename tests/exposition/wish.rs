//! Registrations of every kind, possible and not.

use epoch_metrics::{
    Counter, Family, FloatGauge, Gauge, Histogram, HistogramOptions, LabelError, OptionsError,
    RegisterError, Registry, Throughput, Unit,
};
use hdrhistogram::Histogram as Hdr;
use proptest::prelude::*;
use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    FloatGauge,
    Histogram,
    Throughput,
}

/// A registration to be tried, and what is then to be written to it.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) help: String,
    /// A family's.
    pub(crate) labels: Option<Vec<String>>,
    pub(crate) members: Vec<[String; 4]>,
    pub(crate) unit: Unit,
    pub(crate) range: (u64, u64),
    pub(crate) digits: u8,
    pub(crate) recent: usize,
    pub(crate) bounds: Option<Vec<u64>>,
    pub(crate) windows: Vec<Duration>,
    /// Recorded, added, or set.
    pub(crate) values: Vec<u64>,
}

impl Wish {
    /// The name without, or with, the suffix that its kind says.
    pub(crate) fn base(&self) -> String {
        let unit = match (self.kind, self.unit) {
            (Kind::Counter | Kind::Throughput, _) => {
                return self
                    .name
                    .strip_suffix("_total")
                    .unwrap_or(&self.name)
                    .to_owned();
            }
            (Kind::Histogram, Unit::Seconds) => "_seconds",
            (Kind::Histogram, Unit::Bytes) => "_bytes",
            _ => "",
        };
        self.name
            .strip_suffix(unit)
            .unwrap_or(&self.name)
            .to_owned()
            + unit
    }

    /// All names that its exposition is to use, and its own.
    pub(crate) fn names(&self) -> Vec<String> {
        let suffixes: &[&str] = match self.kind {
            Kind::Counter => &["", "_total", "_created"],
            Kind::Gauge | Kind::FloatGauge => &[""],
            Kind::Histogram => &["", "_bucket", "_sum", "_count", "_created"],
            Kind::Throughput => &["", "_total", "_created", "_per_second"],
        };
        suffixes.iter().map(|suffix| self.base() + suffix).collect()
    }

    /// Everything for which it may be refused; it must be if there is anything.
    pub(crate) fn faults(&self, taken: &HashSet<String>) -> Vec<RegisterError> {
        let word = |text: &str, more: &str| {
            let rest =
                |c: char| matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | '_') || more.contains(c);
            text.chars().all(rest)
                && !text.is_empty()
                && !text.starts_with(|c: char| c.is_ascii_digit())
        };
        let mut faults = Vec::new();
        if !word(&self.name, ":") || self.base().is_empty() {
            faults.push(RegisterError::InvalidName {
                name: self.name.clone(),
            });
        }
        for (i, label) in self.labels.iter().flatten().enumerate() {
            let label = || label.clone();
            if !word(&label(), "") || label().starts_with("__") {
                faults.push(RegisterError::InvalidLabelName { label: label() });
            }
            if self.kind == Kind::Histogram && label() == "le" {
                faults.push(RegisterError::ReservedLabelName { label: label() });
            }
            if self
                .labels
                .iter()
                .flatten()
                .position(|first| *first == label())
                != Some(i)
            {
                faults.push(RegisterError::DuplicateLabelName { label: label() });
            }
        }
        faults.extend(self.impossible().into_iter().map(RegisterError::Options));
        let taken = self.names().into_iter().filter(|name| taken.contains(name));
        faults.extend(taken.map(|name| RegisterError::Duplicate {
            name,
            differs: None,
        }));
        faults
    }

    /// Whether this registers what the other one has registered: then it gets the same metric.
    pub(crate) fn is_the_same(&self, other: &Self) -> bool {
        let options = match self.kind {
            Kind::Histogram => self.options() == other.options(),
            Kind::Throughput => self.windows == other.windows,
            Kind::Counter | Kind::Gauge | Kind::FloatGauge => true,
        };
        let help = self.help.is_empty() || self.help == other.help;
        let described = (self.kind, self.base(), &self.labels);
        described == (other.kind, other.base(), &other.labels) && help && options
    }

    fn impossible(&self) -> Vec<OptionsError> {
        let mut faults = Vec::new();
        let (min, max) = self.range;
        if self.kind == Kind::Throughput {
            let fine =
                |window: &Duration| (1..=60).any(|seconds| *window == Duration::from_secs(seconds));
            let wrong = self.windows.iter().filter(|window| !fine(window));
            faults.extend(wrong.map(|window| OptionsError::Window {
                window: *window,
                max_seconds: 60,
            }));
            let again = |(i, window): &(usize, &Duration)| self.windows[..*i].contains(window);
            let twice = self.windows.iter().enumerate().filter(again);
            faults
                .extend(twice.map(|(_, window)| OptionsError::DuplicateWindow { window: *window }));
        } else if self.kind == Kind::Histogram {
            if !(1..=5).contains(&self.digits) {
                faults.push(OptionsError::Digits {
                    digits: self.digits,
                });
            }
            if min > max {
                faults.push(OptionsError::EmptyRange { min, max });
            }
            if self.recent > 65_536 {
                faults.push(OptionsError::TooManyRecent {
                    recent: self.recent,
                    max: 65_536,
                });
            }
        }
        faults
    }

    fn options(&self) -> HistogramOptions {
        let (min, max) = self.range;
        let options = if self.unit == Unit::Seconds {
            let [min, max] = [min, max].map(Duration::from_nanos);
            HistogramOptions::durations().range(min, max).into()
        } else {
            HistogramOptions::values(min, max).unit(self.unit)
        };
        let options = options.significant_digits(self.digits).recent(self.recent);
        match &self.bounds {
            Some(bounds) => options.export_bounds(bounds),
            None => options,
        }
    }

    pub(crate) fn register(&self, registry: &Registry) -> Result<Handle, RegisterError> {
        let (name, help) = (&*self.name, &*self.help);
        let Some(labels) = &self.labels else {
            return Ok(match self.kind {
                Kind::Counter => Handle::Counter(registry.counter(name, help)?),
                Kind::Gauge => Handle::Gauge(registry.gauge(name, help)?),
                Kind::FloatGauge => Handle::FloatGauge(registry.float_gauge(name, help)?),
                Kind::Histogram => {
                    Handle::Histogram(registry.histogram(name, help, self.options())?)
                }
                Kind::Throughput => Handle::Throughput(registry.throughput_with_windows(
                    name,
                    help,
                    &self.windows,
                )?),
            });
        };
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        Ok(match self.kind {
            Kind::Counter => Handle::Counters(registry.counter_family(name, help, &labels)?),
            Kind::Gauge => Handle::Gauges(registry.gauge_family(name, help, &labels)?),
            _ => Handle::Histograms(registry.histogram_family(
                name,
                help,
                self.options(),
                &labels,
            )?),
        })
    }

    /// The bounds that are to be exported, and the largest value that counts as at or below each.
    pub(crate) fn bounds(&self) -> Vec<(u64, u64)> {
        let mut asked = self.bounds.clone().unwrap_or_else(|| self.decades());
        asked.sort_unstable();
        asked.dedup_by_key(|bound| self.le(*bound));
        asked
            .into_iter()
            .map(|bound| (bound, self.cut(bound)))
            .collect()
    }

    /// A bound as it is exported.
    pub(crate) fn le(&self, bound: u64) -> String {
        let scale = if self.unit == Unit::Seconds { 1e9 } else { 1.0 };
        (bound as f64 / scale).to_string()
    }

    /// 1, 2.5 (2 for whole numbers) and 5 in each decade, from the last at or below the range to the first at or above it.
    fn decades(&self) -> Vec<u64> {
        let two = if self.unit == Unit::Seconds { 25 } else { 20 };
        let tenths =
            (0..=19).flat_map(|decade| [10, two, 50].map(|step| step * 10_u128.pow(decade)));
        let whole = tenths
            .filter(|tenths| tenths % 10 == 0)
            .map(|tenths| tenths / 10);
        let all: Vec<u64> = whole.map_while(|bound| u64::try_from(bound).ok()).collect();
        let first = all.iter().rposition(|bound| *bound <= self.range.0);
        let rest = &all[first.unwrap_or(0)..];
        match rest.iter().position(|bound| *bound >= self.range.1) {
            Some(last) => rest[..=last].to_vec(),
            None => [rest, &[self.range.1]].concat(),
        }
    }

    /// Of the ends of the bucket that a bound falls into, the nearer one.
    fn cut(&self, bound: u64) -> u64 {
        /// HdrHistogram's buckets of all values, by digits.
        static HDR: LazyLock<Vec<Hdr<u64>>> = LazyLock::new(|| {
            (1..=5)
                .map(|digits| Hdr::new_with_bounds(1, u64::MAX, digits).unwrap())
                .collect()
        });
        let hdr = &HDR[usize::from(self.digits) - 1];
        let low = hdr.lowest_equivalent(bound);
        // It saturates one too early in the last bucket of 64 bits.
        let high = match hdr.highest_equivalent(bound) {
            high if high == u64::MAX - 1 => u64::MAX,
            high => high,
        };
        if bound - low >= high - bound {
            high
        } else {
            low - 1
        }
    }
}

/// What a registration gave.
pub(crate) enum Handle {
    Counter(Counter),
    Gauge(Gauge),
    FloatGauge(FloatGauge),
    Histogram(Histogram),
    Throughput(Throughput),
    Counters(Family<Counter>),
    Gauges(Family<Gauge>),
    Histograms(Family<Histogram>),
}

impl Handle {
    pub(crate) fn write(&self, labels: &[&str], value: u64) {
        match self {
            Self::Counter(counter) => counter.add(value),
            Self::Gauge(gauge) => gauge.set(value as i64),
            Self::FloatGauge(gauge) => gauge.set(f64::from_bits(value)),
            Self::Histogram(histogram) => histogram.record(value),
            Self::Throughput(throughput) => throughput.add(value),
            Self::Counters(family) => family.with(labels).unwrap().add(value),
            Self::Gauges(family) => family.with(labels).unwrap().set(value as i64),
            Self::Histograms(family) => family.with(labels).unwrap().record(value),
        }
    }

    /// Makes a family's member, and looks for one with a value too many.
    pub(crate) fn touch(&self, labels: &[&str]) {
        let too_many = [labels, &["too many"]].concat();
        let refused = match self {
            Self::Counters(family) => family.with(labels).and(family.with(&too_many)).err(),
            Self::Gauges(family) => family.with(labels).and(family.with(&too_many)).err(),
            Self::Histograms(family) => family.with(labels).and(family.with(&too_many)).err(),
            _ => return,
        };
        assert_eq!(
            refused,
            Some(LabelError::WrongCount {
                expected: labels.len(),
                given: labels.len() + 1
            })
        );
    }
}

pub(crate) fn wish() -> impl Strategy<Value = Wish> {
    use proptest::collection::vec;
    let kinds = [
        Kind::Counter,
        Kind::Gauge,
        Kind::FloatGauge,
        Kind::Histogram,
        Kind::Histogram,
        Kind::Throughput,
    ];
    let range = prop_oneof![
        6 => (any_size(), any_size()).prop_map(|(a, b)| (a.min(b), a.max(b))),
        2 => Just((0, u64::MAX)),
        1 => (any_size(), any_size()),
    ];
    let window = prop_oneof![
        12 => (1_u64..=60).prop_map(Duration::from_secs),
        1 => (0_u64..100_000).prop_map(Duration::from_millis),
        1 => Just(Duration::MAX),
    ];
    let windows = vec(window, 0..4);
    (
        (proptest::sample::select(kinds.to_vec()), name(), hostile(), proptest::option::of(vec(label(), 0..=3))),
        (vec([(); 4].map(|()| hostile()), 0..4), vec(any_size(), 0..20), windows),
        (
            proptest::sample::select(vec![Unit::Unitless, Unit::Seconds, Unit::Bytes]),
            range,
            prop_oneof![12 => 1_u8..=5, 1 => Just(0), 1 => 6_u8..],
            prop_oneof![12 => Just(0), 4 => 1_usize..100, 1 => Just(65_536), 1 => Just(65_537), 1 => Just(usize::MAX)],
            proptest::option::of(vec(any_size(), 0..8)),
        ),
    )
        .prop_map(
            |((kind, name, help, labels), (members, values, windows), (unit, range, digits, recent, bounds))| Wish {
                kind,
                name,
                help,
                // There are no families of these.
                labels: labels.filter(|_| !matches!(kind, Kind::FloatGauge | Kind::Throughput)),
                members,
                unit,
                range,
                digits,
                recent,
                bounds,
                windows,
                values,
            },
        )
}

/// Characters that mean something to one of the formats, or look as if they did, among others.
fn hostile() -> impl Strategy<Value = String> {
    const CHARS: [char; 24] = [
        '\0', '\t', '\n', '\r', '\u{1b}', '\u{7f}', '\u{85}', '\u{a0}', '\u{2028}', '\u{2029}',
        '\u{feff}', '"', '\\', '{', '}', ',', '=', '#', ' ', 'n', 'r', 'u', '_', ':',
    ];
    let control = proptest::char::range('\0', '\u{1f}');
    let other = prop_oneof![any::<char>(), proptest::char::range('a', 'z'), control];
    let char = prop_oneof![3 => proptest::sample::select(&CHARS[..]), 2 => other];
    let text = proptest::collection::vec(char, 0..12).prop_map(String::from_iter);
    (text, prop_oneof![30 => Just(1_usize), 1 => Just(3_000)])
        .prop_map(|(text, times)| text.repeat(times))
}

/// Names that get into each other's way, and some that are none.
fn name() -> impl Strategy<Value = String> {
    const STEMS: [&str; 6] = ["a", "b", "a_b", "a:b", "_", "A1"];
    const SUFFIXES: [&str; 13] = [
        "",
        "",
        "",
        "_total",
        "_total_total",
        "_sum",
        "_count",
        "_bucket",
        "_created",
        "_seconds",
        "_bytes",
        "_per_second",
        "_seconds_count",
    ];
    const OTHERS: [&str; 8] = [
        "",
        "_total",
        "9a",
        "a-b",
        "ä",
        "epoch_metrics_rejected_values",
        "epoch_metrics_rejected_values_total",
        "epoch_metrics_callback_panics",
    ];
    let legal = prop_oneof![4 => proptest::char::range('a', 'z'), 1 => proptest::sample::select(vec!['0', '9', '_', ':', 'Z'])];
    let stems = (
        proptest::sample::select(&STEMS[..]),
        proptest::sample::select(&SUFFIXES[..]),
    );
    prop_oneof![
        8 => stems.prop_map(|(stem, suffix)| format!("{stem}{suffix}")),
        4 => proptest::collection::vec(legal, 1..12).prop_map(String::from_iter),
        1 => proptest::sample::select(&OTHERS[..]).prop_map(str::to_owned),
        1 => Just("long".repeat(2_000)),
        2 => hostile(),
    ]
}

fn label() -> impl Strategy<Value = String> {
    const LABELS: [&str; 14] = [
        "x",
        "y",
        "z",
        "X1",
        "_",
        "metric",
        "exported_metric",
        "le",
        "quantile",
        "window",
        "__a",
        "a:b",
        "9",
        "series",
    ];
    prop_oneof![9 => proptest::sample::select(&LABELS[..]).prop_map(str::to_owned), 1 => hostile()]
}

fn any_size() -> impl Strategy<Value = u64> {
    (0_u32..=64, any::<u64>()).prop_map(|(bits, n)| n.checked_shr(64 - bits).unwrap_or(0))
}
