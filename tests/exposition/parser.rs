//! A strict parser of Prometheus' text format 0.0.4, and its checks.

use std::collections::{BTreeMap, HashMap, HashSet};

pub(crate) type Families = HashMap<String, Family>;
pub(crate) type Labels = BTreeMap<String, String>;

#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) help: String,
    pub(crate) kind: String,
    /// In the order of the text.
    pub(crate) samples: Vec<Sample>,
}

#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) value: f64,
    /// The value as it was written.
    pub(crate) text: String,
}

/// Parses Prometheus' text format 0.0.4 and panics at anything that the format, or good custom, forbids.
pub(crate) fn parse(text: &str) -> Families {
    let families = parse_any(text);
    for (name, family) in &families {
        assert_eq!(
            name.ends_with("_total"),
            family.kind == "counter",
            "{name} is a {}",
            family.kind
        );
    }
    families
}

/// [`parse`] for names of which nobody says that they follow a custom.
pub(crate) fn parse_any(text: &str) -> Families {
    assert!(
        text.is_empty() || text.ends_with('\n'),
        "the last line has no end"
    );
    let mut families = Families::new();
    let mut series = HashSet::new();
    let mut current = String::new();
    // A line ends with a line feed and with nothing else: a carriage return is a character like any other.
    let mut lines = text.split_terminator('\n');
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("HELP has a name and a text");
            let kind = lines
                .next()
                .and_then(|line| line.strip_prefix("# TYPE "))
                .expect("TYPE comes after HELP");
            let kind = kind
                .strip_prefix(name)
                .and_then(|kind| kind.strip_prefix(' '))
                .expect("TYPE of the same family");
            assert!(
                ["counter", "gauge", "histogram", "summary"].contains(&kind),
                "{kind}"
            );
            let family = Family {
                help: unescape(help, false),
                kind: kind.to_owned(),
                samples: Vec::new(),
            };
            assert!(
                families.insert(name.to_owned(), family).is_none(),
                "{name} a second time"
            );
            current = name.to_owned();
        } else {
            let sample = parse_sample(line);
            let name = &sample.name;
            let family = families
                .get_mut(&current)
                .expect("a family begins with HELP and TYPE");
            let suffix = name
                .strip_prefix(&*current)
                .unwrap_or_else(|| panic!("{name} among the samples of {current}"));
            let suffixes: &[&str] = match &*family.kind {
                "histogram" => &["_bucket", "_sum", "_count"],
                "summary" => &["", "_sum", "_count"],
                _ => &[""],
            };
            assert!(suffixes.contains(&suffix), "{name} in a {}", family.kind);
            assert!(
                series.insert((name.clone(), sample.labels.clone())),
                "{line} a second time"
            );
            family.samples.push(sample);
        }
    }
    for (name, family) in &families {
        check_family(name, family);
    }
    families
}

fn parse_sample(line: &str) -> Sample {
    let name_end = line
        .find(['{', ' '])
        .expect("a name, and what comes after it");
    let (name, mut rest) = line.split_at(name_end);
    assert!(!name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()));
    assert!(
        name.chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':'),
        "{name}"
    );
    let mut labels = Labels::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest
                .split_once("=\"")
                .expect("a label's name and its value");
            assert!(
                !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'),
                "{label}"
            );
            let end = closing_quote(after);
            assert!(
                labels
                    .insert(label.to_owned(), unescape(&after[..end], true))
                    .is_none(),
                "{label} twice"
            );
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
    Sample {
        name: name.to_owned(),
        labels,
        value: number(value),
        text: value.to_owned(),
    }
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

pub(crate) fn number(text: &str) -> f64 {
    match text {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        "NaN" => f64::NAN,
        _ => {
            assert!(
                text.chars()
                    .all(|c| c.is_ascii_digit() || "+-.e".contains(c)),
                "{text} is no number"
            );
            text.parse()
                .unwrap_or_else(|_| panic!("{text} is no number"))
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
    let digits = |text: &str| {
        text.chars()
            .filter(char::is_ascii_digit)
            .collect::<String>()
            .trim_matches('0')
            .to_owned()
    };
    let (mantissa, exponent) = text
        .split_once('e')
        .map_or((text, None), |(m, e)| (m, Some(e)));
    let shortest = format!("{value:e}");
    assert_eq!(
        digits(mantissa),
        digits(shortest.split_once('e').unwrap().0),
        "{text} has digits too many or too few"
    );
    let needs_exponent = value != 0.0 && !(1e-4..1e6).contains(&value);
    assert_eq!(exponent.is_some(), needs_exponent, "{text}");
    match exponent {
        Some(exponent) => {
            assert!(
                exponent.starts_with(['+', '-']) && exponent.len() >= 3,
                "{text}: a sign and two digits"
            );
            assert!(
                exponent.len() == 3 || !exponent[1..].starts_with('0'),
                "{text}"
            );
            let whole = mantissa.split('.').next().unwrap();
            assert!(whole.len() == 1 && whole != "0", "{text}");
            assert!(
                !mantissa.contains('.') || !mantissa.ends_with('0'),
                "{text}"
            );
        }
        None => {
            let (_, fraction) = mantissa
                .split_once('.')
                .unwrap_or_else(|| panic!("{text} without a point"));
            assert!(fraction == "0" || !fraction.ends_with('0'), "{text}");
        }
    }
}

/// Bound or quantile (NaN where there is none), and value.
type Samples = Vec<(f64, f64)>;

fn check_family(name: &str, family: &Family) {
    let mut by_series: HashMap<Labels, HashMap<&str, Samples>> = HashMap::new();
    for Sample {
        name: sample,
        labels,
        value,
        ..
    } in &family.samples
    {
        let mut labels = labels.clone();
        let mut bound = f64::NAN;
        for (kind, label) in [("histogram", "le"), ("summary", "quantile")] {
            if let Some(text) = (family.kind == kind)
                .then(|| labels.remove(label))
                .flatten()
            {
                check_canonical(&text);
                bound = number(&text);
            }
        }
        let suffix = sample.strip_prefix(name).unwrap();
        by_series
            .entry(labels)
            .or_default()
            .entry(suffix)
            .or_default()
            .push((bound, *value));
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
                buckets
                    .windows(2)
                    .all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1),
                "{name} {buckets:?}"
            );
            assert_eq!(
                *buckets.last().unwrap(),
                (f64::INFINITY, alone("_count")),
                "{name}: +Inf is the count"
            );
            alone("_sum");
        } else if family.kind == "summary" {
            // Without samples all quantiles are NaN.
            let rises = |low: f64, high: f64| low <= high || (low.is_nan() && high.is_nan());
            assert!(
                samples[""]
                    .windows(2)
                    .all(|pair| pair[0].0 < pair[1].0 && rises(pair[0].1, pair[1].1)),
                "{name}"
            );
            alone("_sum");
            alone("_count");
        }
    }
}

/// The value of the one sample with this name and exactly these labels.
pub(crate) fn value(families: &Families, name: &str, labels: &[(&str, &str)]) -> f64 {
    let labels: Labels = labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let samples = families.values().flat_map(|family| &family.samples);
    let mut found = samples.filter(|sample| sample.name == name && sample.labels == labels);
    let value = found
        .next()
        .unwrap_or_else(|| panic!("no {name} with {labels:?}"))
        .value;
    assert!(found.next().is_none());
    value
}
