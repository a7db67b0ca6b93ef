//! Histograms in HdrHistogram's formats, read back by its Rust crate and, in `java.rs`, by the implementation that defines them.

mod java;

use epoch_metrics::{
    HdrError, HdrLogWriter, Histogram, HistogramOptions, HistogramSnapshot, ManualClock, Registry,
};
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use proptest::prelude::*;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

fn histogram(options: HistogramOptions) -> Histogram {
    Registry::new()
        .histogram("values", "Values.", options)
        .unwrap()
}

/// A snapshot of values over many octaves.
fn spread(digits: u8) -> HistogramSnapshot {
    let options = HistogramOptions::default().significant_digits(digits);
    let histogram = histogram(options);
    // A multiplicative walk: the same values in each run.
    let mut state = 1_u64;
    for number in 0..20_000_u64 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        histogram.record((state >> 34) >> (number % 24));
    }
    (*histogram.snapshot()).clone()
}

/// A reader has the same counts in the same buckets, the same maximum, and quantiles within a bucket.
fn assert_same(read: &hdrhistogram::Histogram<u64>, snapshot: &HistogramSnapshot) {
    assert_eq!(read.len(), snapshot.count());
    assert_eq!(read.max(), snapshot.max().unwrap_or(0));
    let found: Vec<_> = read
        .iter_recorded()
        .map(|step| (step.value_iterated_to(), step.count_at_value()))
        .collect();
    let expected: Vec<_> = snapshot
        .buckets()
        .map(|bucket| (bucket.high, bucket.count))
        .collect();
    assert_eq!(found, expected);
    // HdrHistogram's quantile 0 is the low end of a bucket.
    for number in 1..=50 {
        let quantile = f64::from(number) / 50.0;
        let theirs = read.value_at_quantile(quantile);
        let Some(ours) = snapshot.quantile(quantile) else {
            // Of no values HdrHistogram answers 0, a snapshot nothing.
            assert_eq!((expected.len(), theirs), (0, 0));
            continue;
        };
        let position = |value| {
            expected
                .iter()
                .position(|(high, _)| *high == value)
                .unwrap()
        };
        assert!(
            position(ours).abs_diff(position(theirs)) <= 1,
            "{quantile}: {ours} {theirs}"
        );
    }
}

fn decode(encoded: &[u8]) -> hdrhistogram::Histogram<u64> {
    Deserializer::new().deserialize(&mut &*encoded).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn encoded_histograms_read_back_the_same(
        digits in 1_u8..=3,
        values in prop::collection::vec((0_u32..63, any::<u64>(), 1_u64..1_000), 0..200),
    ) {
        let histogram = histogram(HistogramOptions::default().significant_digits(digits));
        for (octave, bits, times) in values {
            let value = bits >> (63 - octave) >> 1;
            (0..times % 7).for_each(|_| histogram.record(value));
        }
        let snapshot = histogram.snapshot();
        assert_same(&decode(&snapshot.encode_hdr().unwrap()), &snapshot);
        assert_same(&decode(&snapshot.encode_hdr_compressed().unwrap()), &snapshot);
    }
}

#[test]
fn no_values_and_five_digits_and_explicit_ranges_read_back_the_same() {
    let nothing = histogram(HistogramOptions::default()).snapshot();
    assert_same(&decode(&nothing.encode_hdr().unwrap()), &nothing);
    assert_same(&decode(&nothing.encode_hdr_compressed().unwrap()), &nothing);
    for options in [
        HistogramOptions::values(0, 100_000_000).significant_digits(5),
        HistogramOptions::values(0, 0),
        HistogramOptions::values(1, 1),
        HistogramOptions::values(0, 3_600),
        HistogramOptions::values(0, i64::MAX as u64),
    ] {
        let histogram = histogram(options);
        (0..63).for_each(|octave| histogram.record((1 << octave) - 1));
        let snapshot = histogram.snapshot();
        assert_same(&decode(&snapshot.encode_hdr().unwrap()), &snapshot);
    }
}

#[test]
fn what_hdrhistogram_has_no_number_for_is_an_error() {
    let histogram = histogram(HistogramOptions::default());
    histogram.record(1 << 62);
    histogram.snapshot().encode_hdr().unwrap();
    histogram.record(1 << 63);
    let snapshot = histogram.snapshot();
    let high = snapshot.max().unwrap();
    for error in [
        snapshot.encode_hdr().unwrap_err(),
        snapshot.encode_hdr_compressed().unwrap_err(),
        snapshot.write_hgrm(io::sink()).unwrap_err(),
    ] {
        assert!(
            matches!(error, HdrError::ValueTooLarge { value } if value == high),
            "{error:?}"
        );
    }
    let mut log = HdrLogWriter::new(Vec::new(), UNIX_EPOCH).unwrap();
    let error = log
        .write(&snapshot, None, Duration::ZERO, Duration::ZERO)
        .unwrap_err();
    assert!(error.to_string().contains("2^63 - 1"));
    // A count that doubles 63 times. A difference: merged snapshots of histograms remember each of them.
    let one = self::histogram(HistogramOptions::values(1, 1));
    let nothing = one.snapshot();
    one.record(1);
    let mut many = one.snapshot().since(&nothing).unwrap();
    for _ in 0..62 {
        many = many.merge(&many).unwrap();
    }
    assert_eq!(decode(&many.encode_hdr().unwrap()).len(), 1 << 62);
    many = many.merge(&many).unwrap();
    let error = many.encode_hdr().unwrap_err();
    assert!(
        matches!(error, HdrError::CountTooLarge { count } if count == 1 << 63),
        "{error:?}"
    );
}

#[test]
fn tags_that_a_log_has_no_place_for_are_errors() {
    let snapshot = histogram(HistogramOptions::values(0, 9)).snapshot();
    let mut log = HdrLogWriter::new(Vec::new(), UNIX_EPOCH).unwrap();
    for tag in ["", "a b", "a,b", "a\nb", "a\rb"] {
        let error = log
            .write(&snapshot, Some(tag), Duration::ZERO, Duration::ZERO)
            .unwrap_err();
        assert!(
            matches!(&error, HdrError::InvalidTag { tag: found } if found == tag),
            "{error:?}"
        );
    }
    let text = String::from_utf8(log.into_inner()).unwrap();
    assert!(text.lines().all(|line| line.starts_with('#')), "{text}");
}

/// Takes the head, and then nothing.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self
            .0
            .checked_sub(bytes.len())
            .ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_writer_that_fails_is_an_error() {
    assert!(HdrLogWriter::new(Full(3), UNIX_EPOCH).is_err());
    let mut log = HdrLogWriter::new(Full(200), UNIX_EPOCH).unwrap();
    let snapshot = spread(3);
    let error = log
        .write(&snapshot, None, Duration::ZERO, Duration::ZERO)
        .unwrap_err();
    assert!(
        matches!(&error, HdrError::Write { error } if error.kind() == io::ErrorKind::StorageFull),
        "{error:?}"
    );
    assert!(matches!(
        snapshot.write_hgrm(Full(10)),
        Err(HdrError::Write { .. })
    ));
}

/// A log of windows, one for each second: the intervals are those of the windows, and their histograms add up to the whole.
#[test]
fn a_log_of_windows_reads_back() {
    let second = Duration::from_secs(1);
    let clock = Arc::new(ManualClock::new());
    let registry = Registry::builder().clock(clock.clone()).build();
    let options = HistogramOptions::durations().windows(&[second]);
    let latency = registry.histogram("latency", "Latency.", options).unwrap();
    let start = UNIX_EPOCH + Duration::from_millis(1_700_000_000_250);
    let mut log = HdrLogWriter::new(Vec::new(), start).unwrap();
    let mut windows = Vec::new();
    for number in 1..=5_u32 {
        (0..number).for_each(|_| latency.record_duration(number * Duration::from_micros(1_500)));
        clock.advance(second);
        registry.tick();
        let window = latency.window(second).unwrap();
        let tag = (number % 2 == 0).then_some("even");
        log.write(&window.snapshot, tag, (number - 1) * second, window.span)
            .unwrap();
        windows.push(window);
    }
    log.flush().unwrap();
    let bytes = log.into_inner();
    let text = str::from_utf8(&bytes).unwrap();
    assert_eq!(text.lines().count(), 4 + 5, "{text}");
    let mut entries = IntervalLogIterator::new(&bytes).map(Result::unwrap);
    let head = Duration::from_millis(1_700_000_000_250);
    assert_eq!(entries.next(), Some(LogEntry::StartTime(head)));
    assert_eq!(entries.next(), Some(LogEntry::BaseTime(head)));
    let mut read = 0;
    for (number, (entry, window)) in (0_u32..).zip(entries.zip(&windows)) {
        let LogEntry::Interval(interval) = entry else {
            panic!("{entry:?}");
        };
        assert_eq!(interval.start_timestamp(), number * second);
        assert_eq!((interval.duration(), window.span), (second, second));
        assert_eq!(
            interval.tag().map(|tag| tag.as_str()),
            (number % 2 == 1).then_some("even")
        );
        let millis = window.snapshot.max().unwrap() as f64 / 1e6;
        assert!((interval.max() - millis).abs() < 0.001);
        assert_eq!(window.snapshot.count(), u64::from(number) + 1);
        let encoded = interval.encoded_histogram();
        let decoded = java::base64(encoded);
        assert_same(&decode(&decoded), &window.snapshot);
        read += 1;
    }
    assert_eq!(read, 5);
}

#[test]
fn a_percentile_distribution_has_the_lines_of_the_plotter() {
    let histogram = histogram(HistogramOptions::values(0, 1_000));
    (1..=100).for_each(|value| histogram.record(value));
    let mut text = Vec::new();
    histogram.snapshot().write_hgrm(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines[..3],
        [
            "       Value     Percentile TotalCount 1/(1-Percentile)",
            "",
            "        1.00 0.000000000000          1           1.00",
        ]
    );
    assert!(
        lines.contains(&"       50.00 0.500000000000         50           2.00"),
        "{text}"
    );
    assert_eq!(
        lines[lines.len() - 4..],
        [
            "      100.00 1.000000000000        100",
            "#[Mean    =        50.50, StdDeviation   =        28.87]",
            "#[Max     =       100.00, Total count    =          100]",
            "#[Buckets =            3, SubBuckets     =          256]",
        ]
    );
    let mut empty = Vec::new();
    self::histogram(HistogramOptions::values(0, 9))
        .snapshot()
        .write_hgrm(&mut empty)
        .unwrap();
    assert_eq!(String::from_utf8(empty).unwrap().lines().count(), 2 + 3);
}
