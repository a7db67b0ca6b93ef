//! The text formats, read back by parsers that accept nothing but what the specifications say.

use epoch_metrics::{
    Counter, Family as Members, FloatGauge, Gauge, Histogram, HistogramOptions, LabelError, ManualClock,
    MetricsCollector, OptionsError, RegisterError, Registry, Throughput, Unit,
};
use hdrhistogram::Histogram as Hdr;
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

type Labels = BTreeMap<String, String>;

#[derive(Debug)]
struct Family {
    help: String,
    kind: String,
    /// In the order of the text.
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    name: String,
    labels: Labels,
    value: f64,
    /// The value as it was written.
    text: String,
}

/// Parses Prometheus' text format 0.0.4 and panics at anything that the format, or good custom, forbids.
fn parse(text: &str) -> HashMap<String, Family> {
    let families = parse_any(text);
    for (name, family) in &families {
        assert_eq!(name.ends_with("_total"), family.kind == "counter", "{name} is a {}", family.kind);
    }
    families
}

/// [`parse`] for names of which nobody says that they follow a custom.
fn parse_any(text: &str) -> HashMap<String, Family> {
    assert!(text.is_empty() || text.ends_with('\n'), "the last line has no end");
    let mut families: HashMap<String, Family> = HashMap::new();
    let mut series = HashSet::new();
    let mut current = String::new();
    // A line ends with a line feed and with nothing else: a carriage return is a character like any other.
    let mut lines = text.split_terminator('\n');
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("HELP has a name and a text");
            let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE ")).expect("TYPE comes after HELP");
            let kind =
                kind.strip_prefix(name).and_then(|kind| kind.strip_prefix(' ')).expect("TYPE of the same family");
            assert!(["counter", "gauge", "histogram", "summary"].contains(&kind), "{kind}");
            let family = Family { help: unescape(help, false), kind: kind.to_owned(), samples: Vec::new() };
            assert!(families.insert(name.to_owned(), family).is_none(), "{name} a second time");
            current = name.to_owned();
        } else {
            let sample = parse_sample(line);
            let name = &sample.name;
            let family = families.get_mut(&current).expect("a family begins with HELP and TYPE");
            let suffix =
                name.strip_prefix(&*current).unwrap_or_else(|| panic!("{name} among the samples of {current}"));
            let suffixes: &[&str] = match &*family.kind {
                "histogram" => &["_bucket", "_sum", "_count"],
                "summary" => &["", "_sum", "_count"],
                _ => &[""],
            };
            assert!(suffixes.contains(&suffix), "{name} in a {}", family.kind);
            assert!(series.insert((name.clone(), sample.labels.clone())), "{line} a second time");
            family.samples.push(sample);
        }
    }
    for (name, family) in &families {
        check_family(name, family);
    }
    families
}

fn parse_sample(line: &str) -> Sample {
    let name_end = line.find(['{', ' ']).expect("a name, and what comes after it");
    let (name, mut rest) = line.split_at(name_end);
    assert!(!name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()));
    assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':'), "{name}");
    let mut labels = Labels::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"").expect("a label's name and its value");
            assert!(!label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{label}");
            let end = closing_quote(after);
            assert!(labels.insert(label.to_owned(), unescape(&after[..end], true)).is_none(), "{label} twice");
            rest = &after[end + 1..];
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            rest = rest.strip_prefix(',').expect("a comma between labels");
        }
    }
    let value = rest.strip_prefix(' ').expect("one blank before the value");
    assert!(!value.contains(' '), "no timestamps are written: {line}");
    Sample { name: name.to_owned(), labels, value: number(value), text: value.to_owned() }
}

/// Where the first quote is that is not escaped.
fn closing_quote(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at,
            _ => {}
        }
    }
    panic!("no closing quote in {text}")
}

fn unescape(text: &str, quotes: bool) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next() {
                Some('\\') => '\\',
                Some('n') => '\n',
                Some('"') if quotes => '"',
                other => panic!("\\ before {other:?}"),
            },
            '"' if quotes => panic!("a bare quote"),
            c => c,
        });
    }
    out
}

fn number(text: &str) -> f64 {
    match text {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        "NaN" => f64::NAN,
        _ => {
            assert!(text.chars().all(|c| c.is_ascii_digit() || "+-.e".contains(c)), "{text} is no number");
            text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
        }
    }
}

/// `le` and `quantile` as Go's `%g`: what is there has no shorter form, an exponent only where `%g` has one, and `.0` where
/// there would be neither point nor exponent.
fn check_canonical(text: &str) {
    let value = number(text);
    if value.is_infinite() {
        assert_eq!(text, "+Inf");
        return;
    }
    let digits =
        |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>().trim_matches('0').to_owned();
    let (mantissa, exponent) = text.split_once('e').map_or((text, None), |(m, e)| (m, Some(e)));
    let shortest = format!("{value:e}");
    assert_eq!(digits(mantissa), digits(shortest.split_once('e').unwrap().0), "{text} has digits too many or too few");
    let needs_exponent = value != 0.0 && !(1e-4..1e6).contains(&value);
    assert_eq!(exponent.is_some(), needs_exponent, "{text}");
    match exponent {
        Some(exponent) => {
            assert!(exponent.starts_with(['+', '-']) && exponent.len() >= 3, "{text}: a sign and two digits");
            assert!(exponent.len() == 3 || !exponent[1..].starts_with('0'), "{text}");
            let whole = mantissa.split('.').next().unwrap();
            assert!(whole.len() == 1 && whole != "0", "{text}");
            assert!(!mantissa.contains('.') || !mantissa.ends_with('0'), "{text}");
        }
        None => {
            let (_, fraction) = mantissa.split_once('.').unwrap_or_else(|| panic!("{text} without a point"));
            assert!(fraction == "0" || !fraction.ends_with('0'), "{text}");
        }
    }
}

/// Bound or quantile (NaN where there is none), and value.
type Samples = Vec<(f64, f64)>;

fn check_family(name: &str, family: &Family) {
    let mut by_series: HashMap<Labels, HashMap<&str, Samples>> = HashMap::new();
    for Sample { name: sample, labels, value, .. } in &family.samples {
        let mut labels = labels.clone();
        let mut bound = f64::NAN;
        for (kind, label) in [("histogram", "le"), ("summary", "quantile")] {
            if let Some(text) = (family.kind == kind).then(|| labels.remove(label)).flatten() {
                check_canonical(&text);
                bound = number(&text);
            }
        }
        let suffix = sample.strip_prefix(name).unwrap();
        by_series.entry(labels).or_default().entry(suffix).or_default().push((bound, *value));
        if family.kind == "counter" {
            assert!(*value >= 0.0);
        }
    }
    for (labels, samples) in by_series {
        let alone = |suffix| match samples.get(suffix).map(Vec::as_slice) {
            Some([(_, value)]) => *value,
            other => panic!("{name}{suffix} {labels:?}: {other:?}"),
        };
        if family.kind == "histogram" {
            let buckets = &samples["_bucket"];
            assert!(
                buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1),
                "{name} {buckets:?}"
            );
            assert_eq!(*buckets.last().unwrap(), (f64::INFINITY, alone("_count")), "{name}: +Inf is the count");
            alone("_sum");
        } else if family.kind == "summary" {
            assert!(samples[""].windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1), "{name}");
            alone("_sum");
            alone("_count");
        }
    }
}

/// The value of the one sample with this name and exactly these labels.
fn value(families: &HashMap<String, Family>, name: &str, labels: &[(&str, &str)]) -> f64 {
    let labels: Labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let samples = families.values().flat_map(|family| &family.samples);
    let mut found = samples.filter(|sample| sample.name == name && sample.labels == labels);
    let value = found.next().unwrap_or_else(|| panic!("no {name} with {labels:?}")).value;
    assert!(found.next().is_none());
    value
}

const NASTY: [&str; 14] = [
    "",
    "plain",
    "\\",
    "\"",
    "\n",
    "a\\nb",
    "\\\"\n\"\\",
    "grüße, 世界 🦀 {x=\"y\"} # HELP",
    "tab\tand\rreturn\u{1}\u{7f}",
    "\r\n",
    "\\r\r",
    " \0 ",
    "\u{85}\u{2028}\u{2029}\u{feff}",
    "\"} 1\n# TYPE x counter\nx 1\n",
];

fn registry_with_everything() -> Registry {
    let clock = Arc::new(ManualClock::new());
    let registry = Registry::builder().clock(clock.clone()).build();
    registry.counter("jobs", "Jobs \\ with a backslash\nand a second \"line\".").unwrap().add(u64::MAX);
    registry.gauge("queue_length", "Grüße.").unwrap().set(i64::MIN);
    NASTY
        .iter()
        .enumerate()
        .for_each(|(i, text)| drop(registry.gauge(&format!("help_{i}"), &format!("Help: {text}")).unwrap()));
    for (name, value) in [
        ("ratio", 0.1 + 0.2),
        ("not_a_number", f64::NAN),
        ("upper", f64::INFINITY),
        ("lower", f64::NEG_INFINITY),
        ("tiny", 1.5e-300),
        ("huge", -1.5e300),
        ("million", 1e6),
    ] {
        registry.float_gauge(name, "A float.").unwrap().set(value);
    }
    let latency = registry.histogram("wait", "Waiting.", HistogramOptions::durations()).unwrap();
    for nanos in [1, 20_000, 1_000_000, 2_500_000_000, 3_600_000_000_000, 0, u64::MAX] {
        latency.record(nanos);
    }
    let size = HistogramOptions::values(0, u64::MAX).unit(Unit::Bytes).export_bounds(&[0, 1, 10, 1_000_000, 1 << 40]);
    let size = registry.histogram("size", "Sizes.", size).unwrap();
    for value in [0, 1, 2, 11, 12, 1 << 20, 1 << 50] {
        size.record(value);
    }
    registry.histogram("nothing", "Nobody records here.", HistogramOptions::values(0, 10)).unwrap();
    registry.counter_family("no_members", "A family without members.", &["x"]).unwrap();
    let counters = registry.counter_family("labelled", "By label.", &["one", "two"]).unwrap();
    let histograms =
        registry.histogram_family("spread", "By label.", HistogramOptions::values(1, 99), &["of"]).unwrap();
    for (i, text) in (1..).zip(NASTY) {
        counters.with(&[text, "same"]).unwrap().add(i);
        counters.with(&["same", text]).unwrap().add(100 * i);
        histograms.with(&[text]).unwrap().record(i);
    }
    let throughput = registry.throughput("finished", "Finished.").unwrap();
    throughput.add(5_000_000);
    clock.advance(Duration::from_secs(1));
    registry
}

#[test]
fn what_went_in_reads_back() {
    let families = parse(&registry_with_everything().render_prometheus());
    assert_eq!(families["jobs_total"].help, "Jobs \\ with a backslash\nand a second \"line\".");
    assert_eq!(families["queue_length"].help, "Grüße.");
    for (i, text) in NASTY.iter().enumerate() {
        assert_eq!(families[&format!("help_{i}")].help, format!("Help: {text}"));
    }
    assert_eq!(value(&families, "jobs_total", &[]), u64::MAX as f64);
    assert_eq!(value(&families, "queue_length", &[]), i64::MIN as f64);
    assert_eq!(value(&families, "ratio", &[]), 0.1 + 0.2, "every digit that is needed");
    assert!(value(&families, "not_a_number", &[]).is_nan());
    assert_eq!((value(&families, "upper", &[]), value(&families, "lower", &[])), (f64::INFINITY, f64::NEG_INFINITY));
    assert_eq!((value(&families, "tiny", &[]), value(&families, "huge", &[])), (1.5e-300, -1.5e300));
    for (i, text) in (1..).zip(NASTY) {
        assert_eq!(value(&families, "labelled_total", &[("one", text), ("two", "same")]), f64::from(i));
        assert_eq!(value(&families, "labelled_total", &[("one", "same"), ("two", text)]), f64::from(100 * i));
        assert_eq!(value(&families, "spread_sum", &[("of", text)]), f64::from(i));
        assert_eq!(value(&families, "spread_count", &[("of", text)]), 1.0);
    }
    assert!(families["no_members_total"].samples.is_empty());
    assert_eq!(value(&families, "wait_seconds_count", &[]), 5.0);
    assert_eq!(value(&families, "wait_seconds_sum", &[]), 3602.501020001);
    assert_eq!(value(&families, "nothing_count", &[]), 0.0);
    assert_eq!(value(&families, "finished_total", &[]), 5e6);
    assert_eq!(value(&families, "finished_per_second", &[("window", "30s")]), 5e6);
    let rejected = |metric| value(&families, "epoch_metrics_rejected_values_total", &[("metric", metric)]);
    assert_eq!((rejected("wait_seconds"), rejected("size_bytes"), rejected("spread")), (2.0, 0.0, 0.0));
}

/// Each bound is where a bucket ends, so the counts are exact for the bound that is written.
#[test]
fn buckets_count_what_lies_at_or_below_their_bound() {
    let families = parse(&registry_with_everything().render_prometheus());
    let recorded = |name: &str| -> Vec<f64> {
        match name {
            "wait_seconds" => vec![1e-9, 2e-5, 1e-3, 2.5, 3600.0],
            _ => vec![0.0, 1.0, 2.0, 11.0, 12.0, (1 << 20) as f64, (1_u64 << 50) as f64],
        }
    };
    for (name, bounds) in [("wait_seconds", 23 + 1), ("size_bytes", 5 + 1)] {
        let buckets: Vec<_> = families[name].samples.iter().filter(|sample| sample.name.ends_with("_bucket")).collect();
        assert_eq!(buckets.len(), bounds, "{name}");
        for bucket in buckets {
            let bound = number(&bucket.labels["le"]);
            let expected = recorded(name).iter().filter(|value| **value <= bound).count();
            assert_eq!(bucket.value, expected as f64, "{name} at or below {bound}");
        }
    }
}

/// Characters that mean something to one of the formats, or look as if they did, among others.
fn hostile() -> impl Strategy<Value = String> {
    const CHARS: [char; 24] = [
        '\0', '\t', '\n', '\r', '\u{1b}', '\u{7f}', '\u{85}', '\u{a0}', '\u{2028}', '\u{2029}', '\u{feff}', '"', '\\',
        '{', '}', ',', '=', '#', ' ', 'n', 'r', 'u', '_', ':',
    ];
    let control = proptest::char::range('\0', '\u{1f}');
    let other = prop_oneof![any::<char>(), proptest::char::range('a', 'z'), control];
    let char = prop_oneof![3 => proptest::sample::select(&CHARS[..]), 2 => other];
    let text = proptest::collection::vec(char, 0..12).prop_map(String::from_iter);
    (text, prop_oneof![30 => Just(1_usize), 1 => Just(3_000)]).prop_map(|(text, times)| text.repeat(times))
}

/// Names that get into each other's way, and some that are none.
fn name() -> impl Strategy<Value = String> {
    const STEMS: [&str; 6] = ["a", "b", "a_b", "a:b", "_", "A1"];
    const SUFFIXES: [&str; 12] = [
        "",
        "",
        "",
        "_total",
        "_total_total",
        "_sum",
        "_count",
        "_bucket",
        "_seconds",
        "_bytes",
        "_per_second",
        "_seconds_count",
    ];
    const OTHERS: [&str; 7] =
        ["", "_total", "9a", "a-b", "ä", "epoch_metrics_rejected_values", "epoch_metrics_rejected_values_total"];
    let legal =
        prop_oneof![4 => proptest::char::range('a', 'z'), 1 => proptest::sample::select(vec!['0', '9', '_', ':', 'Z'])];
    let stems = (proptest::sample::select(&STEMS[..]), proptest::sample::select(&SUFFIXES[..]));
    prop_oneof![
        8 => stems.prop_map(|(stem, suffix)| format!("{stem}{suffix}")),
        4 => proptest::collection::vec(legal, 1..12).prop_map(String::from_iter),
        1 => proptest::sample::select(&OTHERS[..]).prop_map(str::to_owned),
        1 => Just("long".repeat(2_000)),
        2 => hostile(),
    ]
}

fn label() -> impl Strategy<Value = String> {
    const LABELS: [&str; 13] =
        ["x", "y", "z", "X1", "_", "metric", "le", "quantile", "window", "__a", "a:b", "9", "series"];
    prop_oneof![9 => proptest::sample::select(&LABELS[..]).prop_map(str::to_owned), 1 => hostile()]
}

fn any_size() -> impl Strategy<Value = u64> {
    (0_u32..=64, any::<u64>()).prop_map(|(bits, n)| n.checked_shr(64 - bits).unwrap_or(0))
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Counter,
    Gauge,
    FloatGauge,
    Histogram,
    Throughput,
}

/// A registration to be tried, and what is then to be written to it.
#[derive(Clone, Debug)]
struct Wish {
    kind: Kind,
    name: String,
    help: String,
    /// A family's.
    labels: Option<Vec<String>>,
    members: Vec<[String; 4]>,
    unit: Unit,
    range: (u64, u64),
    digits: u8,
    recent: usize,
    bounds: Option<Vec<u64>>,
    windows: Vec<Duration>,
    /// Recorded, added, or set.
    values: Vec<u64>,
}

fn wish() -> impl Strategy<Value = Wish> {
    use proptest::collection::vec;
    let kinds = [Kind::Counter, Kind::Gauge, Kind::FloatGauge, Kind::Histogram, Kind::Histogram, Kind::Throughput];
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
            proptest::sample::select(vec![Unit::None, Unit::Seconds, Unit::Bytes]),
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

impl Wish {
    /// The name without, or with, the suffix that its kind says.
    fn base(&self) -> String {
        let unit = match (self.kind, self.unit) {
            (Kind::Counter | Kind::Throughput, _) => {
                return self.name.strip_suffix("_total").unwrap_or(&self.name).to_owned();
            }
            (Kind::Histogram, Unit::Seconds) => "_seconds",
            (Kind::Histogram, Unit::Bytes) => "_bytes",
            _ => "",
        };
        self.name.strip_suffix(unit).unwrap_or(&self.name).to_owned() + unit
    }

    /// All names that its exposition is to use, and its own.
    fn names(&self) -> Vec<String> {
        let suffixes: &[&str] = match self.kind {
            Kind::Counter => &["", "_total"],
            Kind::Gauge | Kind::FloatGauge => &[""],
            Kind::Histogram => &["", "_bucket", "_sum", "_count"],
            Kind::Throughput => &["", "_total", "_per_second"],
        };
        suffixes.iter().map(|suffix| self.base() + suffix).collect()
    }

    /// Everything for which it may be refused; it must be if there is anything.
    fn faults(&self, taken: &HashSet<String>) -> Vec<RegisterError> {
        let word = |text: &str, more: &str| {
            let rest = |c: char| matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | '_') || more.contains(c);
            text.chars().all(rest) && !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit())
        };
        let mut faults = Vec::new();
        if !word(&self.name, ":") || self.base().is_empty() {
            faults.push(RegisterError::InvalidName { name: self.name.clone() });
        }
        for (i, label) in self.labels.iter().flatten().enumerate() {
            let label = || label.clone();
            if !word(&label(), "") || label().starts_with("__") {
                faults.push(RegisterError::InvalidLabelName { label: label() });
            }
            if ["le", "quantile", "window"].contains(&&*label()) {
                faults.push(RegisterError::ReservedLabelName { label: label() });
            }
            if self.labels.iter().flatten().position(|first| *first == label()) != Some(i) {
                faults.push(RegisterError::DuplicateLabelName { label: label() });
            }
        }
        faults.extend(self.impossible().into_iter().map(RegisterError::Options));
        let taken = self.names().into_iter().filter(|name| taken.contains(name));
        faults.extend(taken.map(|name| RegisterError::Duplicate { name }));
        faults
    }

    fn impossible(&self) -> Vec<OptionsError> {
        let mut faults = Vec::new();
        let (min, max) = self.range;
        if self.kind == Kind::Throughput {
            let fine = |window: &Duration| (1..=60).any(|seconds| *window == Duration::from_secs(seconds));
            let wrong = self.windows.iter().filter(|window| !fine(window));
            faults.extend(wrong.map(|window| OptionsError::Window { window: *window }));
            let again = |(i, window): &(usize, &Duration)| self.windows[..*i].contains(window);
            let twice = self.windows.iter().enumerate().filter(again);
            faults.extend(twice.map(|(_, window)| OptionsError::DuplicateWindow { window: *window }));
        } else if self.kind == Kind::Histogram {
            if !(1..=5).contains(&self.digits) {
                faults.push(OptionsError::Digits { digits: self.digits });
            }
            if min > max {
                faults.push(OptionsError::EmptyRange { min, max });
            }
            if self.recent > 65_536 {
                faults.push(OptionsError::TooManyRecent { recent: self.recent });
            }
        }
        faults
    }

    fn options(&self) -> HistogramOptions {
        let options = HistogramOptions::values(self.range.0, self.range.1)
            .unit(self.unit)
            .significant_digits(self.digits)
            .recent(self.recent);
        match &self.bounds {
            Some(bounds) => options.export_bounds(bounds),
            None => options,
        }
    }

    fn register(&self, registry: &Registry) -> Result<Handle, RegisterError> {
        let (name, help) = (&*self.name, &*self.help);
        let Some(labels) = &self.labels else {
            return Ok(match self.kind {
                Kind::Counter => Handle::Counter(registry.counter(name, help)?),
                Kind::Gauge => Handle::Gauge(registry.gauge(name, help)?),
                Kind::FloatGauge => Handle::FloatGauge(registry.float_gauge(name, help)?),
                Kind::Histogram => Handle::Histogram(registry.histogram(name, help, self.options())?),
                Kind::Throughput => Handle::Throughput(registry.throughput_over(name, help, &self.windows)?),
            });
        };
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        Ok(match self.kind {
            Kind::Counter => Handle::Counters(registry.counter_family(name, help, &labels)?),
            Kind::Gauge => Handle::Gauges(registry.gauge_family(name, help, &labels)?),
            _ => Handle::Histograms(registry.histogram_family(name, help, self.options(), &labels)?),
        })
    }

    /// The high ends of the buckets that are to be exported.
    fn ends(&self) -> Vec<u64> {
        /// HdrHistogram's buckets of all values, by digits.
        static HDR: LazyLock<Vec<Hdr<u64>>> =
            LazyLock::new(|| (1..=5).map(|digits| Hdr::new_with_bounds(1, u64::MAX, digits).unwrap()).collect());
        let doublings = if self.unit == Unit::Seconds { 14..=36 } else { 0..=63 };
        let asked = self.bounds.clone().unwrap_or_else(|| doublings.map(|power| 1 << power).collect());
        let within = asked.into_iter().filter(|bound| self.range.0 <= *bound && *bound <= self.range.1);
        let mut ends: Vec<u64> =
            within.map(|bound| HDR[usize::from(self.digits) - 1].highest_equivalent(bound)).collect();
        // It saturates one too early in the last bucket of 64 bits.
        ends.iter_mut().filter(|end| **end == u64::MAX - 1).for_each(|end| *end = u64::MAX);
        ends.sort_unstable();
        ends.dedup();
        ends
    }
}

/// What a registration gave.
enum Handle {
    Counter(Counter),
    Gauge(Gauge),
    FloatGauge(FloatGauge),
    Histogram(Histogram),
    Throughput(Throughput),
    Counters(Members<Counter>),
    Gauges(Members<Gauge>),
    Histograms(Members<Histogram>),
}

impl Handle {
    fn write(&self, labels: &[&str], value: u64) {
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
    fn touch(&self, labels: &[&str]) {
        let too_many = [labels, &["too many"]].concat();
        let refused = match self {
            Self::Counters(family) => family.with(labels).and(family.with(&too_many)).err(),
            Self::Gauges(family) => family.with(labels).and(family.with(&too_many)).err(),
            Self::Histograms(family) => family.with(labels).and(family.with(&too_many)).err(),
            _ => return,
        };
        assert_eq!(refused, Some(LabelError::WrongCount { expected: labels.len(), given: labels.len() + 1 }));
    }
}

/// What was accepted, and everything that was written to each of its series.
struct Accepted {
    wish: Wish,
    series: Vec<(Vec<String>, Vec<u64>)>,
}

/// A value as it must read back.
#[derive(Debug)]
enum Shown {
    Whole(i128),
    Float(f64),
    /// Nanoseconds, written as seconds.
    Nanos(u64),
}

impl Shown {
    fn in_unit(value: u64, unit: Unit) -> Self {
        if unit == Unit::Seconds { Self::Nanos(value) } else { Self::Whole(value.into()) }
    }

    fn check(&self, text: &str) {
        match self {
            Self::Whole(n) => assert_eq!(text, n.to_string()),
            Self::Float(x) if x.is_nan() => assert_eq!(text, "NaN"),
            Self::Float(x) => assert_eq!(number(text).to_bits(), x.to_bits(), "{text}"),
            Self::Nanos(n) => {
                let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
                assert!(fraction.len() <= 9 && !fraction.ends_with('0'), "{text}");
                let nanos = format!("{whole}{fraction:0<9}");
                assert_eq!(nanos.parse(), Ok(*n), "{text}");
            }
        }
    }
}

/// A label that the exposition adds, and its value.
type Added = Option<(&'static str, String)>;

impl Accepted {
    fn labels(&self, values: &[String]) -> Labels {
        self.wish.labels.iter().flatten().cloned().zip(values.iter().cloned()).collect()
    }

    fn in_range(&self, values: &[u64]) -> Vec<u64> {
        let (min, max) = self.wish.range;
        values.iter().copied().filter(|value| min <= *value && *value <= max).collect()
    }

    fn rejected(&self) -> usize {
        self.series.iter().map(|(_, values)| values.len() - self.in_range(values).len()).sum()
    }

    fn total(values: &[u64]) -> u64 {
        values.iter().copied().fold(0, u64::wrapping_add)
    }

    /// What all of it comes to in the second that it was finished in.
    fn rate(values: &[u64]) -> f64 {
        values.iter().fold(0_u64, |sum, value| sum.saturating_add(*value).min((1 << 36) - 1)) as f64
    }

    /// Its families in the text, in order: name, help, type, samples with their suffix.
    #[expect(clippy::type_complexity, reason = "said once")]
    fn expected(&self) -> Vec<(String, String, &'static str, Vec<(&'static str, Labels, Added, Shown)>)> {
        let (wish, base) = (&self.wish, self.wish.base());
        let each = |shown: &dyn Fn(&[u64]) -> Vec<(&'static str, Added, Shown)>| {
            let of_series = |(labels, values): &(Vec<String>, Vec<u64>)| {
                let labels = self.labels(labels);
                shown(values).into_iter().map(move |(suffix, added, shown)| (suffix, labels.clone(), added, shown))
            };
            self.series.iter().flat_map(of_series).collect::<Vec<_>>()
        };
        let total = |values: &[u64]| vec![("", None, Shown::Whole(Self::total(values).into()))];
        let last = |values: &[u64]| values.last().copied().unwrap_or(0);
        let help = wish.help.clone();
        match wish.kind {
            Kind::Counter => vec![(base + "_total", help, "counter", each(&total))],
            Kind::Gauge => {
                let shown = |values: &[u64]| vec![("", None, Shown::Whole((last(values) as i64).into()))];
                vec![(base, help, "gauge", each(&shown))]
            }
            Kind::FloatGauge => {
                let shown = |values: &[u64]| vec![("", None, Shown::Float(f64::from_bits(last(values))))];
                vec![(base, help, "gauge", each(&shown))]
            }
            Kind::Histogram => vec![(base, help, "histogram", each(&|values| self.buckets(values)))],
            Kind::Throughput => {
                let rates = |values: &[u64]| {
                    let added = |window: &Duration| Some(("window", format!("{}s", window.as_secs())));
                    wish.windows.iter().map(|w| ("", added(w), Shown::Float(Self::rate(values)))).collect()
                };
                let separator = if help.is_empty() { "" } else { " " };
                let by_second = format!("{help}{separator}By second, over the last whole seconds.");
                vec![
                    (base.clone() + "_total", help, "counter", each(&total)),
                    (base + "_per_second", by_second, "gauge", each(&rates)),
                ]
            }
        }
    }

    fn buckets(&self, values: &[u64]) -> Vec<(&'static str, Added, Shown)> {
        let values = self.in_range(values);
        let count = |end: u64| Shown::Whole(values.iter().filter(|value| **value <= end).count() as i128);
        let scale = if self.wish.unit == Unit::Seconds { 1e9 } else { 1.0 };
        let bucket = |end| ("_bucket", Some(("le", (end as f64 / scale).to_string())), count(end));
        let mut shown: Vec<_> = self.wish.ends().into_iter().map(bucket).collect();
        shown.push(("_bucket", Some(("le", f64::INFINITY.to_string())), count(u64::MAX)));
        shown.push(("_sum", None, Shown::in_unit(Self::total(&values), self.wish.unit)));
        shown.push(("_count", None, count(u64::MAX)));
        shown
    }

    fn check_text(&self, families: &mut HashMap<String, Family>) {
        for (name, help, kind, samples) in self.expected() {
            let family = families.remove(&name).unwrap_or_else(|| panic!("no {name}"));
            assert_eq!((family.help, &*family.kind), (help, kind), "{name}");
            assert_eq!(family.samples.len(), samples.len(), "{name}");
            for (sample, (suffix, labels, added, shown)) in family.samples.into_iter().zip(samples) {
                let mut read = sample.labels;
                match added {
                    Some(("le", bound)) => {
                        let written = number(&read.remove("le").expect("a bucket's bound"));
                        assert_eq!(written, bound.parse::<f64>().unwrap(), "{name}");
                    }
                    Some((label, value)) => assert_eq!(read.remove(label), Some(value), "{name}"),
                    None => {}
                }
                assert_eq!((sample.name, read), (format!("{name}{suffix}"), labels));
                shown.check(&sample.text);
            }
        }
    }

    fn check_json(&self, family: &serde_json::Value) {
        let wish = &self.wish;
        let kind = match wish.kind {
            Kind::Counter => "counter",
            Kind::Gauge | Kind::FloatGauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Throughput => "throughput",
        };
        assert_eq!((&family["type"], &family["help"]), (&kind.into(), &(&*wish.help).into()));
        let series = family["series"].as_array().unwrap();
        assert_eq!(series.len(), self.series.len());
        for (series, (labels, values)) in series.iter().zip(&self.series) {
            let labels: serde_json::Map<_, _> = self.labels(labels).into_iter().map(|(k, v)| (k, v.into())).collect();
            assert_eq!(series["labels"], serde_json::Value::Object(labels));
            let (value, last) = (&series["value"], values.last().copied().unwrap_or(0));
            match wish.kind {
                Kind::Counter => assert_eq!(value.as_u64(), Some(Self::total(values))),
                Kind::Gauge => assert_eq!(value.as_i64(), Some(last as i64)),
                Kind::FloatGauge => check_float(value, f64::from_bits(last)),
                Kind::Histogram => self.check_json_histogram(value, values),
                Kind::Throughput => {
                    assert_eq!(value["total"].as_u64(), Some(Self::total(values)));
                    let rates = value["per_second"].as_object().unwrap();
                    assert_eq!(rates.len(), wish.windows.len());
                    for window in &wish.windows {
                        check_float(&rates[&format!("{}s", window.as_secs())], Self::rate(values));
                    }
                }
            }
        }
    }

    fn check_json_histogram(&self, value: &serde_json::Value, values: &[u64]) {
        let (scale, mut inside) = (if self.wish.unit == Unit::Seconds { 1e9 } else { 1.0 }, self.in_range(values));
        inside.sort_unstable();
        let (count, rejected) = (inside.len(), values.len() - inside.len());
        assert_eq!((&value["count"], &value["rejected"]), (&count.into(), &rejected.into()));
        check_float(&value["sum"], Self::total(&inside) as f64 / scale);
        let error = 1.0 + 1.0 / 10_f64.powi(self.wish.digits.into()) + 1e-12;
        let keys = [("p50", 500), ("p90", 900), ("p95", 950), ("p99", 990), ("p999", 999), ("max", 1000), ("min", 0)];
        for (key, per_mille) in keys {
            let rank = (per_mille * count).div_ceil(1000).max(1);
            let exact = inside.get(rank - 1).map_or(0.0, |value| *value as f64 / scale);
            let shown = value[key].as_f64().unwrap();
            assert!(exact / error <= shown && shown <= exact * error, "{key}: {shown} for {exact}");
        }
    }
}

/// serde_json reads floats to within one unit in the last place; JSON has no word for what is not finite.
fn check_float(read: &serde_json::Value, expected: f64) {
    if !expected.is_finite() {
        return assert!(read.is_null());
    }
    let read = read.as_f64().unwrap();
    assert!((read - expected).abs() <= expected.abs() * 1e-15 || expected.is_subnormal(), "{read} for {expected}");
}

/// Registers what can be, and writes to it.
fn fulfil(registry: &Registry, wishes: Vec<Wish>) -> Vec<Accepted> {
    let reserved = ["epoch_metrics_rejected_values", "epoch_metrics_rejected_values_total"];
    let mut taken: HashSet<String> = reserved.map(str::to_owned).into();
    let mut accepted = Vec::new();
    for wish in wishes {
        // What was refused has not taken its name: something with fewer faults can still have it.
        let plain = Wish { kind: Kind::Gauge, labels: None, ..wish.clone() };
        for wish in [wish, plain] {
            let faults = wish.faults(&taken);
            let handle = match wish.register(registry) {
                Ok(handle) => handle,
                Err(error) => {
                    assert!(faults.contains(&error), "{error:?}, where {faults:?} would be right");
                    assert!(!error.to_string().contains('\n'), "a message of one line: {error}");
                    continue;
                }
            };
            assert!(faults.is_empty(), "accepted in spite of {faults:?}");
            taken.extend(wish.names());
            accepted.push(write(&handle, wish));
            break;
        }
    }
    accepted
}

fn write(handle: &Handle, wish: Wish) -> Accepted {
    let mut series: Vec<(Vec<String>, Vec<u64>)> = Vec::new();
    let of_member = |member: &[String; 4]| member[..wish.labels.as_ref().map_or(0, Vec::len)].to_vec();
    let members = match &wish.labels {
        Some(_) => wish.members.iter().map(of_member).collect(),
        None => vec![Vec::new()],
    };
    for (i, member) in members.into_iter().enumerate() {
        let labels: Vec<&str> = member.iter().map(String::as_str).collect();
        handle.touch(&labels);
        let values = &wish.values[i.min(wish.values.len())..];
        values.iter().for_each(|value| handle.write(&labels, *value));
        match series.iter_mut().find(|(labels, _)| *labels == member) {
            Some((_, before)) => before.extend(values),
            None => series.push((member, values.to_vec())),
        }
    }
    Accepted { wish, series }
}

proptest! {
    // A registration that fails is made smaller for so long only.
    #![proptest_config(ProptestConfig { max_shrink_time: 20_000, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn whatever_is_accepted_reads_back(wishes in proptest::collection::vec(wish(), 1..8)) {
        let clock = Arc::new(ManualClock::new());
        let registry = Registry::builder().clock(clock.clone()).build();
        let accepted = fulfil(&registry, wishes);
        clock.advance(Duration::from_secs(1));

        let mut families = parse_any(&registry.render_prometheus());
        accepted.iter().for_each(|accepted| accepted.check_text(&mut families));
        let rejected = families.remove("epoch_metrics_rejected_values_total").map_or(Vec::new(), |family| family.samples);
        let rejected = rejected.into_iter().map(|sample| (sample.labels["metric"].clone(), sample.value));
        let histograms = accepted.iter().filter(|accepted| accepted.wish.kind == Kind::Histogram);
        let expected = histograms.map(|accepted| (accepted.wish.base(), accepted.rejected() as f64));
        prop_assert_eq!(rejected.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        prop_assert!(families.is_empty(), "nobody registered {families:?}");

        let json: serde_json::Value = serde_json::from_str(&registry.render_json()).unwrap();
        prop_assert_eq!(json.as_object().unwrap().len(), accepted.len());
        accepted.iter().for_each(|accepted| accepted.check_json(&json[&accepted.wish.base()]));
    }
}

fn busy_collector() -> MetricsCollector {
    let clock = Arc::new(ManualClock::new());
    let collector = MetricsCollector::builder().clock(clock.clone()).build().unwrap();
    for i in 1..=2_000 {
        clock.set(Duration::from_millis(i * 10));
        collector.record_latency(Duration::from_micros(i * 37 % 5_000 + 1));
        collector.record_batch_size(i % 33);
        collector.record_throughput(i, 1);
    }
    collector.record_latency(Duration::ZERO);
    collector.record_queue_depth(12);
    collector.record_mode_transition("low");
    collector.record_mode_transition("a \"mode\" with \\ and\nnewline");
    collector
}

#[test]
fn the_collectors_text_reads_back() {
    let empty = MetricsCollector::new();
    parse(&empty.export_prometheus());
    let collector = busy_collector();
    let families = parse(&collector.export_prometheus());
    let latency = collector.latency();
    for (quantile, expected) in [("0.5", latency.p50), ("0.95", latency.p95), ("0.99", latency.p99)] {
        let shown = value(&families, "server_request_latency_recent_seconds", &[("quantile", quantile)]);
        assert_eq!(shown, expected.as_secs_f64());
    }
    assert_eq!(value(&families, "server_request_latency_seconds_count", &[]), 2_000.0);
    assert_eq!(value(&families, "server_request_latency_recent_seconds_count", &[]), 2_000.0);
    assert_eq!(value(&families, "server_batch_size_count", &[]), 2_000.0);
    assert_eq!(value(&families, "server_tokens_total", &[]), 2_001_000.0);
    assert_eq!(value(&families, "server_requests_per_second", &[("window", "5s")]), 100.0);
    assert_eq!(value(&families, "server_queue_depth", &[]), 12.0);
    assert_eq!(value(&families, "server_mode", &[("mode", "a \"mode\" with \\ and\nnewline")]), 1.0);
    assert_eq!(value(&families, "server_mode_transitions_total", &[]), 1.0);
    assert_eq!(value(&families, "server_uptime_seconds", &[]), 20.0);
    let rejected = [("metric", "server_request_latency_seconds")];
    assert_eq!(value(&families, "epoch_metrics_rejected_values_total", &rejected), 1.0);
}

#[test]
fn nothing_changed_means_the_same_text() {
    let registry = registry_with_everything();
    assert_eq!(registry.render_prometheus(), registry.render_prometheus());
    assert_eq!(registry.render_json(), registry.render_json());
    assert_eq!(Registry::new().render_prometheus(), "");
    assert_eq!(Registry::new().render_json(), "{}");
}

/// Prometheus' own checker, which also lints names. Without it the test is skipped, but never under CI.
#[test]
fn promtool_has_no_objection() {
    for (what, text) in [
        ("a registry", registry_with_everything().render_prometheus()),
        ("a collector", busy_collector().export_prometheus()),
        ("an idle collector", MetricsCollector::new().export_prometheus()),
    ] {
        let mut command = Command::new("promtool");
        command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut promtool = match command.spawn() {
            Ok(promtool) => promtool,
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "promtool does not run: {error}");
                println!("skipped: promtool does not run here ({error}); Debian has it in the package prometheus");
                return;
            }
        };
        promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = promtool.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.is_empty(), "of {what} promtool says\n{said}");
    }
}

#[test]
fn a_registrys_json_reads_back() {
    let json: serde_json::Value = serde_json::from_str(&registry_with_everything().render_json()).unwrap();
    let series = |family: &str| json[family]["series"].as_array().unwrap().clone();
    let only = |family: &str| series(family)[0]["value"].clone();
    assert_eq!(json["jobs"]["type"], "counter");
    assert_eq!(json["jobs"]["help"], "Jobs \\ with a backslash\nand a second \"line\".");
    assert_eq!(only("jobs"), u64::MAX);
    assert_eq!(only("queue_length"), i64::MIN);
    assert_eq!(only("ratio"), 0.1 + 0.2);
    for name in ["not_a_number", "upper", "lower"] {
        assert!(only(name).is_null(), "JSON has no number for {name}");
    }
    // serde_json reads floats to within one unit in the last place.
    assert!((only("tiny").as_f64().unwrap() / 1.5e-300 - 1.0).abs() < 1e-15);
    assert!((only("huge").as_f64().unwrap() / -1.5e300 - 1.0).abs() < 1e-15);
    for (i, (text, pair)) in (1_u64..).zip(NASTY.iter().zip(series("labelled").chunks(2))) {
        assert_eq!((&pair[0]["labels"]["one"], &pair[0]["value"]), (&(*text).into(), &i.into()));
        assert_eq!((&pair[1]["labels"]["two"], &pair[1]["value"]), (&(*text).into(), &(100 * i).into()));
    }
    let wait = only("wait_seconds");
    assert_eq!((&wait["count"], &wait["rejected"]), (&5.into(), &2.into()));
    assert_eq!(wait["sum"].as_f64(), Some(3602.501020001));
    assert_eq!(only("size_bytes")["count"], 7);
    assert_eq!(json["nothing"]["series"][0]["value"]["mean"], 0);
    assert_eq!(
        (&json["no_members"]["series"], &only("finished")["total"]),
        (&serde_json::json!([]), &5_000_000.into())
    );
    assert_eq!(only("finished")["per_second"]["60s"].as_f64(), Some(5e6));
}

#[test]
fn a_collectors_json_reads_back() {
    let collector = busy_collector();
    let json: serde_json::Value = serde_json::from_str(&collector.export_json()).unwrap();
    let latency = collector.latency();
    let recent = &json["latency_seconds"]["recent"];
    assert_eq!(recent["count"], 1000);
    for (key, expected) in [("p50", latency.p50), ("p99", latency.p99), ("min", latency.min), ("mean", latency.mean)] {
        assert_eq!(recent[key].as_f64(), Some(expected.as_secs_f64()), "{key}");
    }
    assert_eq!(json["latency_seconds"]["lifetime"]["count"], 2_000);
    assert_eq!(json["latency_seconds"]["lifetime"]["rejected"], 1);
    let sizes = json["batch"]["distribution"].as_array().unwrap();
    assert_eq!(sizes.len(), 33);
    assert_eq!(sizes.iter().map(|size| size["count"].as_u64().unwrap()).sum::<u64>(), 2_000);
    assert_eq!((&json["queue_depth"], &json["mode_transitions"]["count"]), (&12.into(), &1.into()));
    assert_eq!(json["mode"], "a \"mode\" with \\ and\nnewline");
    assert_eq!(json["mode_transitions"]["last"][0]["from"], "low");
    assert_eq!(json["throughput"]["tokens"]["total"], 2_001_000);
    assert!(json["timestamp_seconds"].as_f64().unwrap() > 1.6e9);
    let idle: serde_json::Value = serde_json::from_str(&MetricsCollector::new().export_json()).unwrap();
    assert!(idle["mode"].is_null());
}

#[test]
fn many_threads_render_while_others_write() {
    let collector = MetricsCollector::new();
    let family = collector.registry().counter_family("events", "By kind.", &["kind"]).unwrap();
    let running = AtomicBool::new(true);
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let (collector, family, running) = (&collector, &family, &running);
            scope.spawn(move || {
                for i in 0.. {
                    if !running.load(SeqCst) {
                        break;
                    }
                    collector.record_latency(Duration::from_nanos(i % 1_000_000));
                    collector.record_batch_size(i % 50);
                    collector.record_throughput(1, 1);
                    family.with(&[&format!("{writer} {}", i % 200)]).unwrap().inc();
                }
            });
        }
        let readers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut last = 0.0;
                    for _ in 0..60 {
                        let families = parse(&collector.export_prometheus());
                        let count = value(&families, "server_request_latency_seconds_count", &[]);
                        assert!(count >= last, "{count} after {last}");
                        last = count;
                        serde_json::from_str::<serde_json::Value>(&collector.export_json()).unwrap();
                        serde_json::from_str::<serde_json::Value>(&collector.registry().render_json()).unwrap();
                    }
                })
            })
            .collect();
        for reader in readers {
            let finished = reader.join();
            if finished.is_err() {
                // Otherwise the writers would go on, and the failure never be reported.
                running.store(false, SeqCst);
            }
            finished.unwrap();
        }
        running.store(false, SeqCst);
    });
}
