//! HdrHistogram's own implementation, in Java, reads the logs, and computes the percentile distribution that is written here.

use crate::spread;
use epoch_metrics::{HdrLogWriter, HistogramOptions, HistogramSnapshot, Registry, Unit};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

/// Decodes the text of a line of a log.
pub(crate) fn base64(text: &str) -> Vec<u8> {
    let number = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        other => panic!("{other} is no base64"),
    };
    let digits: Vec<u32> = text
        .trim_end_matches('=')
        .bytes()
        .map(|byte| number(byte).into())
        .collect();
    let whole = |chunk: &[u32]| {
        let bits = chunk
            .iter()
            .enumerate()
            .fold(0, |bits, (at, digit)| bits | digit << (18 - 6 * at));
        let bytes = bits.to_be_bytes();
        bytes[1..chunk.len()].to_vec()
    };
    digits.chunks(4).flat_map(whole).collect()
}

#[test]
fn base64_is_decoded() {
    assert_eq!(base64("aGVsbG8="), b"hello");
    assert_eq!(base64("//79"), [255, 254, 253]);
    assert_eq!(base64("AA=="), [0]);
}

/// The percentile distribution that Java computes of the intervals of a log with this tag.
fn processed(log: &Path, tag: Option<&str>, ratio: f64) -> String {
    let jar = std::env::var("EPOCH_HDR_JAR")
        .unwrap_or_else(|_| "/usr/share/java/hdrhistogram.jar".to_owned());
    let out = log.with_extension("out");
    let mut java = Command::new("java");
    java.args(["-cp", &jar, "org.HdrHistogram.HistogramLogProcessor", "-i"])
        .arg(log);
    java.arg("-o")
        .arg(&out)
        .args(["-outputValueUnitRatio", &ratio.to_string()]);
    java.args(tag.into_iter().flat_map(|tag| ["-tag", tag]));
    let output = java
        .output()
        .unwrap_or_else(|error| panic!("java does not run: {error}"));
    assert!(output.status.success(), "{output:?}");
    let text = std::fs::read_to_string(out.with_extension("out.hgrm"));
    text.unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Numbers by line. The mean, the deviation and the number of buckets are left out: Java's are of buckets, and of a range that grew.
fn numbers(hgrm: &str) -> Vec<Vec<f64>> {
    let is_wanted = |line: &&str| !line.starts_with('#') || line.contains("Max");
    let lines = hgrm.lines().filter(is_wanted);
    let lines = lines.filter(|line| !line.is_empty() && !line.contains("Percentile"));
    let number = |word: &str| word.trim_matches([',', ']']).parse::<f64>().ok();
    lines
        .map(|line| line.split_whitespace().filter_map(number).collect())
        .collect()
}

fn assert_same(java: &str, snapshot: &HistogramSnapshot) {
    let mut ours = Vec::new();
    snapshot.write_hgrm(&mut ours).unwrap();
    let ours = String::from_utf8(ours).unwrap();
    let (found, expected) = (numbers(java), numbers(&ours));
    assert!(expected.len() > 20);
    assert_eq!(found.len(), expected.len(), "{java}\n{ours}");
    let total = snapshot.count() as f64;
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found.len(), expected.len(), "{found:?} {expected:?}");
        // Printed digits of halves are rounded up by Java, and to even by Rust.
        let near = |(found, expected): (&f64, &f64)| {
            (found - expected).abs() <= 0.010_000_1 + expected * 1e-6
        };
        if !found.iter().zip(expected).all(near) {
            // Exactly this fraction of the values lies at or below the end of one bucket. There, an error in the last digit of a float decides
            // whether a line shows that bucket or the next one that is not empty.
            assert!(
                (found[1] - expected[1]).abs() < 1e-9,
                "{found:?} {expected:?}"
            );
            assert!(
                (found[1] * total - found[2]).abs() < 1e-6,
                "{found:?} {expected:?}"
            );
        }
    }
}

#[test]
#[ignore = "needs HdrHistogram for Java (Debian: libhdrhistogram-java); with it: cargo test --features hdr-log --test hdr -- --include-ignored"]
fn java_reads_logs_and_computes_the_same_distribution() {
    let folder = std::env::temp_dir().join(format!("epoch-metrics-hdr-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("intervals.hlog");
    let second = Duration::from_secs(1);
    let start = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let mut log = HdrLogWriter::new(std::fs::File::create(&path).unwrap(), start).unwrap();
    let registry = Registry::new();
    let options = HistogramOptions::durations().significant_digits(3);
    let latency = registry.histogram("latency", "Latency.", options).unwrap();
    let options = HistogramOptions::values(0, 1_000_000).unit(Unit::Bytes);
    let sizes = registry.histogram("sizes", "Sizes.", options).unwrap();
    let (mut before, mut sizes_before) = (latency.snapshot(), sizes.snapshot());
    for number in 0..4_u64 {
        (0..5_000 * number).for_each(|value| latency.record((value * value) << number));
        (0..1_000).for_each(|value| sizes.record(value * (1 + number)));
        let (now, sizes_now) = (latency.snapshot(), sizes.snapshot());
        let from = number as u32 * second;
        log.write(&now.since(&before).unwrap(), None, from, second)
            .unwrap();
        log.write(
            &sizes_now.since(&sizes_before).unwrap(),
            Some("sizes"),
            from,
            second,
        )
        .unwrap();
        (before, sizes_before) = (now, sizes_now);
    }
    drop(log);
    assert_same(&processed(&path, None, 1e6), &before);
    assert_same(&processed(&path, Some("sizes"), 1.0), &sizes_before);

    // One interval for each number of digits, over many octaves.
    for digits in 1..=4 {
        let path = folder.join(format!("digits{digits}.hlog"));
        let mut log = HdrLogWriter::new(std::fs::File::create(&path).unwrap(), start).unwrap();
        let snapshot = spread(digits);
        log.write(&snapshot, None, Duration::ZERO, second).unwrap();
        drop(log);
        assert_same(&processed(&path, None, 1.0), &snapshot);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
