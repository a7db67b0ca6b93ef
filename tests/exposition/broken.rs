//! The validator itself: what it must reject, each for its reason, and what it must accept.

use crate::validator::{OPEN_METRICS, Rule, Syntax, TEXT, valid, validate};
use std::collections::HashSet;

const TEXT_1: Syntax = TEXT.with_utf8();
const OPEN_METRICS_UTF8: Syntax = OPEN_METRICS.with_utf8();

/// A gauge `a`, which each of these texts begins with.
const GAUGE: &str = "# HELP a A.\n# TYPE a gauge\n";
const COUNTER: &str = "# HELP a_total A.\n# TYPE a_total counter\n";
const HISTOGRAM: &str = "# HELP a A.\n# TYPE a histogram\n";
const SUMMARY: &str = "# HELP a A.\n# TYPE a summary\n";
/// Of OpenMetrics, where the family has no suffix.
const TOTAL: &str = "# HELP a A.\n# TYPE a counter\n";

#[test]
fn what_is_broken_is_rejected_for_its_reason() {
    let mut rules = HashSet::new();
    for (before, text, rule) in broken_texts() {
        rules.insert(rule);
        reject(TEXT, &format!("{before}{text}"), rule);
    }
    for (before, text, rule) in broken_in_both() {
        rules.insert(rule);
        reject(TEXT, &format!("{before}{text}"), rule);
        reject(OPEN_METRICS, &format!("{before}{text}# EOF\n"), rule);
    }
    for (before, text, rule) in broken_open_metrics() {
        rules.insert(rule);
        reject(OPEN_METRICS, &format!("{before}{text}"), rule);
    }
    let last = Rule::ExemplarSyntax as usize;
    assert_eq!(rules.len(), last + 1, "a rule has no text that breaks it");
}

fn reject(syntax: Syntax, text: &str, rule: Rule) {
    match validate(text, syntax) {
        Ok(_) => panic!("{rule:?} goes unnoticed in\n{text}"),
        Err(fault) => assert_eq!(fault.rule, rule, "{} in\n{text}", fault.place),
    }
}

type Broken = (&'static str, &'static str, Rule);

fn broken_in_both() -> Vec<Broken> {
    vec![
        (GAUGE, "\na 1\n", Rule::BlankLine),
        (GAUGE, "# A remark.\na 1\n", Rule::Comment),
        ("#TYPE a gauge\n", "", Rule::Comment),
        ("#  TYPE a gauge\n", "", Rule::Comment),
        (GAUGE, "a  1\n", Rule::Blank),
        (GAUGE, "a 1 \n", Rule::Timestamp),
        (GAUGE, "a\n", Rule::Blank),
        (GAUGE, "a{}1\n", Rule::Blank),
        ("# HELP a\n", "", Rule::Blank),
        (GAUGE, "9a 1\n", Rule::Name),
        (GAUGE, "a.b 1\n", Rule::Name),
        (GAUGE, "{x=\"y\"} 1\n", Rule::Name),
        ("# HELP a-b A.\n", "", Rule::Name),
        (GAUGE, "{\"a\"} 1\n", Rule::QuotedName),
        (GAUGE, "a{\"x.y\"=\"z\"} 1\n", Rule::QuotedName),
        ("# HELP \"a.b\" A.\n", "", Rule::QuotedName),
        (GAUGE, "a{9=\"x\"} 1\n", Rule::LabelName),
        (GAUGE, "a{x:y=\"x\"} 1\n", Rule::LabelName),
        (GAUGE, "a{=\"x\"} 1\n", Rule::LabelName),
        (GAUGE, "a{x=\"y\",} 1\n", Rule::LabelName),
        (GAUGE, "a{x=\"y\", z=\"y\"} 1\n", Rule::LabelName),
        (GAUGE, "a{x=y} 1\n", Rule::LabelSyntax),
        (GAUGE, "a{x=\"y} 1\n", Rule::LabelSyntax),
        (GAUGE, "a{x=\"y\"z=\"y\"} 1\n", Rule::LabelSyntax),
        (GAUGE, "a{x=\"y\"b\"} 1\n", Rule::LabelSyntax),
        (GAUGE, "a{x=\"y\",x=\"z\"} 1\n", Rule::DuplicateLabel),
        (GAUGE, "a{x=\"\\t\"} 1\n", Rule::Escape),
        ("# HELP a \\t\n", "", Rule::Escape),
        (GAUGE, "a one\n", Rule::Number),
        (GAUGE, "a 1_000\n", Rule::Number),
        (GAUGE, "a inf\n", Rule::Number),
        (GAUGE, "a 0x10\n", Rule::Number),
        (GAUGE, "a 1 later\n", Rule::Timestamp),
        ("# HELP a A.\n", GAUGE, Rule::SecondHelp),
        ("# TYPE a gauge\n", GAUGE, Rule::SecondType),
        ("# TYPE a gauge\n", "a 1\n", Rule::MissingHelp),
        ("# HELP a A.\n", "a 1\n", Rule::MissingType),
        ("# HELP a A.\n", "", Rule::MissingType),
        ("a 1\n", "", Rule::MissingType),
        (GAUGE, "b 1\n", Rule::MissingType),
        ("# HELP a A.\n# TYPE a number\n", "", Rule::UnknownType),
        (GAUGE, "a 1\n# HELP a A.\n", Rule::LateMetadata),
        (
            GAUGE,
            "a{x=\"1\"} 1\n# TYPE a gauge\na{x=\"2\"} 1\n",
            Rule::LateMetadata,
        ),
        (
            GAUGE,
            "a 1\n# HELP b B.\n# TYPE b gauge\na{x=\"y\"} 2\n",
            Rule::SecondFamily,
        ),
        (
            GAUGE,
            "# HELP b B.\n# TYPE b gauge\nb 1\n# HELP a A.\n",
            Rule::SecondFamily,
        ),
        (
            HISTOGRAM,
            "# HELP a_count B.\n# TYPE a_count gauge\n",
            Rule::NameClash,
        ),
        (
            "# HELP a_sum A.\n# TYPE a_sum gauge\n",
            SUMMARY,
            Rule::NameClash,
        ),
        (GAUGE, "a_sum 1\n", Rule::Suffix),
        (GAUGE, "ab 1\n", Rule::Suffix),
        (HISTOGRAM, "a 1\n", Rule::Suffix),
        (SUMMARY, "a_bucket{le=\"+Inf\"} 1\n", Rule::Suffix),
        (GAUGE, "a 1\na 1\n", Rule::DuplicateSeries),
        (GAUGE, "a{x=\"\"} 1\na 1\n", Rule::DuplicateSeries),
        (
            GAUGE,
            "a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 1\n",
            Rule::DuplicateSeries,
        ),
        (
            SUMMARY,
            "a_sum{x=\"1\"} 0\na_sum{x=\"2\"} 0\na_count{x=\"1\"} 0\n",
            Rule::ScatteredSeries,
        ),
        (HISTOGRAM, "a_bucket 1\n", Rule::MissingBound),
        (
            HISTOGRAM,
            "a_bucket{quantile=\"1.0\"} 1\n",
            Rule::MissingBound,
        ),
        (SUMMARY, "a{le=\"1.0\"} 1\n", Rule::MissingQuantile),
        (HISTOGRAM, "a_bucket{le=\"1\"} 1\n", Rule::NotCanonical),
        (HISTOGRAM, "a_bucket{le=\"1.50\"} 1\n", Rule::NotCanonical),
        (
            HISTOGRAM,
            "a_bucket{le=\"0.10000000000000001\"} 1\n",
            Rule::NotCanonical,
        ),
        (
            HISTOGRAM,
            "a_bucket{le=\"1000000.0\"} 1\n",
            Rule::NotCanonical,
        ),
        (HISTOGRAM, "a_bucket{le=\"1e+6\"} 1\n", Rule::NotCanonical),
        (HISTOGRAM, "a_bucket{le=\"10e+05\"} 1\n", Rule::NotCanonical),
        (HISTOGRAM, "a_bucket{le=\"1e06\"} 1\n", Rule::NotCanonical),
        (HISTOGRAM, "a_bucket{le=\"1e+006\"} 1\n", Rule::NotCanonical),
        (
            HISTOGRAM,
            "a_bucket{le=\"1.0e+06\"} 1\n",
            Rule::NotCanonical,
        ),
        (
            HISTOGRAM,
            "a_bucket{le=\"18446744073709551615\"} 1\n",
            Rule::NotCanonical,
        ),
        (
            HISTOGRAM,
            "a_bucket{le=\"0.00001\"} 1\n",
            Rule::NotCanonical,
        ),
        (HISTOGRAM, "a_bucket{le=\"Inf\"} 1\n", Rule::NotCanonical),
        (HISTOGRAM, "a_bucket{le=\"NaN\"} 1\n", Rule::NotCanonical),
        (SUMMARY, "a{quantile=\"1\"} 1\n", Rule::NotCanonical),
        (
            HISTOGRAM,
            "a_bucket{le=\"2.0\"} 1\na_bucket{le=\"1.0\"} 1\n",
            Rule::Unsorted,
        ),
        (
            SUMMARY,
            "a{quantile=\"0.9\"} 1\na{quantile=\"0.5\"} 1\n",
            Rule::Unsorted,
        ),
        (
            HISTOGRAM,
            "a_bucket{le=\"1.0\"} 2\na_bucket{le=\"+Inf\"} 1\n",
            Rule::NotMonotone,
        ),
        (
            SUMMARY,
            "a{quantile=\"0.5\"} 2\na{quantile=\"0.9\"} 1\n",
            Rule::NotMonotone,
        ),
        (
            HISTOGRAM,
            "a_bucket{le=\"1.0\"} 1\na_sum 1\na_count 1\n",
            Rule::MissingInfinity,
        ),
        (HISTOGRAM, "a_sum 1\na_count 1\n", Rule::MissingInfinity),
        (
            HISTOGRAM,
            "a_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 2\n",
            Rule::InfinityIsNotTheCount,
        ),
        (
            HISTOGRAM,
            "a_bucket{le=\"+Inf\"} 1\na_count 1\n",
            Rule::CountWithoutSum,
        ),
        (
            HISTOGRAM,
            "a_bucket{le=\"+Inf\"} 1\na_sum 1\n",
            Rule::CountWithoutSum,
        ),
        (SUMMARY, "a{quantile=\"0.5\"} 2\n", Rule::MissingTotals),
        (SUMMARY, "a{quantile=\"1.5\"} 2\n", Rule::QuantileOutOfRange),
        (HISTOGRAM, "a_bucket{le=\"+Inf\"} 1.5\n", Rule::NotAnInteger),
        (HISTOGRAM, "a_bucket{le=\"+Inf\"} NaN\n", Rule::NotAnInteger),
        (
            HISTOGRAM,
            "a_bucket{le=\"+Inf\"} +Inf\n",
            Rule::NotAnInteger,
        ),
        (SUMMARY, "a_count -1\n", Rule::NotAnInteger),
        (HISTOGRAM, "a_sum NaN\n", Rule::ImpossibleSum),
        (
            HISTOGRAM,
            "a_bucket{le=\"1.0\"} 1\na_bucket{le=\"+Inf\"} 1\na_sum -1\na_count 1\n",
            Rule::ImpossibleSum,
        ),
    ]
}

fn broken_texts() -> Vec<Broken> {
    vec![
        (GAUGE, "a 1", Rule::UnfinishedLine),
        (GAUGE, "a 1 1.5\n", Rule::Timestamp),
        (GAUGE, "# UNIT a a\n", Rule::Comment),
        (GAUGE, "a 1\n# EOF\n", Rule::Comment),
        (COUNTER, "a_total -1\n", Rule::NegativeCounter),
        (
            COUNTER,
            "a_total 1 # {x=\"y\"} 1\n",
            Rule::ExemplarMisplaced,
        ),
        (HISTOGRAM, "a_bucket{le=\"+Inf\"} 1\n", Rule::MissingTotals),
    ]
}

fn broken_open_metrics() -> Vec<Broken> {
    const LONG: &str = "a_total 1 # {x=\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
                        aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"} 1\n# EOF\n";
    vec![
        (GAUGE, "a 1\n", Rule::MissingEof),
        ("", "", Rule::MissingEof),
        (GAUGE, "# EOF\na 1\n", Rule::TextAfterEof),
        (GAUGE, "# EOF\n# EOF\n", Rule::TextAfterEof),
        ("# HELP a \"A\"\n", "", Rule::Escape),
        (
            "# UNIT a_seconds seconds\n",
            "# UNIT a_seconds seconds\n",
            Rule::SecondUnit,
        ),
        ("# UNIT a seconds\n", "", Rule::Unit),
        ("# UNIT a_seconds bytes\n", "", Rule::Unit),
        ("# UNIT aseconds seconds\n", "", Rule::Unit),
        ("# UNIT a_ \n", "", Rule::Unit),
        (TOTAL, "a 1\n", Rule::Suffix),
        (TOTAL, "a_total NaN\n# EOF\n", Rule::NegativeCounter),
        (TOTAL, "a_created 1\n# EOF\n", Rule::MissingTotals),
        (
            TOTAL,
            "# HELP a_created A.\n# TYPE a_created gauge\n# EOF\n",
            Rule::NameClash,
        ),
        (
            TOTAL,
            "# HELP a_total A.\n# TYPE a_total counter\n# EOF\n",
            Rule::NameClash,
        ),
        (TOTAL, LONG, Rule::ExemplarTooLong),
        (TOTAL, "a_total 1 # x 1\n# EOF\n", Rule::ExemplarSyntax),
        (
            TOTAL,
            "a_total 1 # {x=\"y\"}\n# EOF\n",
            Rule::ExemplarSyntax,
        ),
        (
            TOTAL,
            "a_total 1 # {x=\"y\"} 1 now\n# EOF\n",
            Rule::Timestamp,
        ),
        (
            TOTAL,
            "a_created 1 # {x=\"y\"} 1\n# EOF\n",
            Rule::ExemplarMisplaced,
        ),
        (GAUGE, "a 1 # {x=\"y\"} 1\n# EOF\n", Rule::ExemplarMisplaced),
        (
            SUMMARY,
            "a_count 1 # {x=\"y\"} 1\n# EOF\n",
            Rule::ExemplarMisplaced,
        ),
    ]
}

#[test]
fn what_is_right_is_accepted() {
    for text in [
        "",
        "# HELP a \"A\" \\\\ \\n\n# TYPE a gauge\na NaN\na{x=\"\\\\\\n\\\"}\"} -1.5e-07 1700000000000\n",
        "# HELP a A.\n# TYPE a summary\na{quantile=\"0.5\"} NaN\na{quantile=\"1.0\"} NaN\na_sum 0\na_count 0\n",
        "# HELP a A.\n# TYPE a histogram\na_bucket{le=\"1e-05\"} 0\na_bucket{le=\"0.0001\"} 1\na_bucket{le=\"2.5e+15\"} 1\n\
         a_bucket{le=\"+Inf\"} 2\na_sum 1e+300\na_count 2\n",
    ] {
        valid(text, TEXT);
        valid(text, TEXT_1);
    }
    let quoted = "# HELP \"a.b\" A.\n# TYPE \"a.b\" gauge\n{\"a.b\",\"x y\"=\"\\\"\",z=\"1\"} 1\n{\"a.b\"} 2\n";
    let families = valid(quoted, TEXT_1);
    assert_eq!(families["a.b"].samples[0].labels["x y"], "\"");
    let counter = "# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds \\\"A\\\"\na_seconds_total 1 # {x=\"y\"} 0.5 \
                   1700000000.123\na_seconds_created 1700000000\n";
    let histogram = "# TYPE b histogram\n# HELP b B.\nb_bucket{le=\"-1.0\"} 1 # {} -2\nb_bucket{le=\"+Inf\"} 1\nb_count 1\nb_sum -2\n";
    let families = valid(&format!("{counter}{histogram}# EOF\n"), OPEN_METRICS);
    assert_eq!(families["a_seconds"].unit, "seconds");
    assert_eq!(families["a_seconds"].help, "\"A\"");
    let exemplar = families["a_seconds"].samples[0].exemplar.as_ref();
    let exemplar = exemplar.expect("an exemplar");
    assert_eq!((&*exemplar.labels["x"], exemplar.value), ("y", 0.5));
    assert_eq!(exemplar.time, Some(1_700_000_000.123));
    valid(&format!("{quoted}# EOF\n"), OPEN_METRICS_UTF8);
}
