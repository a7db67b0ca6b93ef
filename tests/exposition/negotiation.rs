//! What scrapers get for the headers that they send.

use crate::validator::{OPEN_METRICS, Syntax, TEXT, valid};
use epoch_metrics::{Registry, Scrape};

const TEXT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
const TEXT_UTF8: &str = "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8";
const OPEN: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const OPEN_UTF8: &str =
    "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8";
const PROTOBUF: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// Where the format is compiled in.
fn protobuf(otherwise: &'static str) -> &'static str {
    if cfg!(feature = "protobuf") {
        PROTOBUF
    } else {
        otherwise
    }
}

fn registry() -> Registry {
    let registry = Registry::new();
    registry.counter("jobs", "Jobs.").unwrap().add(3);
    registry
}

fn scrape(accept: &str, accept_encoding: &str) -> Scrape {
    registry().scrape([accept], [accept_encoding])
}

#[test]
fn scrapers_get_what_they_ask_for() {
    for (who, accept, expected) in [
        (
            "Prometheus 2.42",
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            OPEN,
        ),
        (
            "Prometheus 2.42 with native histograms",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,\
             application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            protobuf(OPEN),
        ),
        (
            "Prometheus 3.0",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            OPEN_UTF8,
        ),
        (
            "Prometheus 3 with native histograms",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,\
             application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            protobuf(OPEN_UTF8),
        ),
        (
            "Prometheus 3 that prefers text",
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,\
             application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.4,*/*;q=0.3",
            TEXT_UTF8,
        ),
        (
            "VictoriaMetrics",
            "text/plain;version=0.0.4;q=1,*/*;q=0.1",
            TEXT_TYPE,
        ),
        (
            "Telegraf",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,\
             text/plain;version=0.0.4;q=0.3",
            protobuf(TEXT_TYPE),
        ),
        ("curl", "*/*", TEXT_TYPE),
        (
            "Firefox",
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
            TEXT_TYPE,
        ),
        (
            "Chrome",
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,\
             application/signed-exchange;v=b3;q=0.7",
            TEXT_TYPE,
        ),
        ("nobody", "", TEXT_TYPE),
    ] {
        let scrape = scrape(accept, "");
        assert_eq!(scrape.content_type(), expected, "{who}");
    }
    // No header at all.
    let none: [&str; 0] = [];
    let scrape = registry().scrape(none, none);
    assert_eq!(
        (scrape.content_type(), scrape.content_encoding()),
        (TEXT_TYPE, None)
    );
}

#[test]
fn headers_are_read_as_the_specification_says() {
    for (accept, expected) in [
        // Qualities decide, and only then the order.
        ("text/plain;q=0.5, application/openmetrics-text;q=0.6", OPEN),
        (
            "text/plain;q=0.6, application/openmetrics-text;q=0.5",
            TEXT_TYPE,
        ),
        ("text/plain, application/openmetrics-text", TEXT_TYPE),
        ("application/openmetrics-text, text/plain", OPEN),
        (
            "application/openmetrics-text;q=1.000,text/plain;q=0.999",
            OPEN,
        ),
        (
            "text/plain;q=0.001,application/openmetrics-text;q=0",
            TEXT_TYPE,
        ),
        // A range that is more specific counts, wherever it stands.
        (
            "*/*, application/openmetrics-text;q=0.9, text/plain;version=0.0.4;q=0.1",
            OPEN,
        ),
        (
            "text/plain;version=0.0.4;q=0.1, text/*, application/openmetrics-text;q=0.9",
            OPEN,
        ),
        ("*/*, application/openmetrics-text", OPEN),
        // Case and blanks do not matter where the specification says so, and quotes are none of the value.
        (
            "Application/OpenMetrics-Text ; Version=\"1.0.0\" ; Q=0.5",
            OPEN,
        ),
        (
            "application/openmetrics-text; charset=\"a,b;c\\\"\"; version=1.0.0",
            OPEN,
        ),
        // Versions that there are not.
        ("application/openmetrics-text;version=0.0.1", TEXT_TYPE),
        ("application/openmetrics-text;version=2.0.0", TEXT_TYPE),
        (
            "text/plain;version=2.0.0, application/openmetrics-text;q=0.1",
            OPEN,
        ),
        // Schemes.
        ("text/plain;version=1.0.0;escaping=allow-utf-8", TEXT_UTF8),
        (
            "application/openmetrics-text;escaping=allow-utf-8",
            OPEN_UTF8,
        ),
        (
            "application/openmetrics-text;escaping=dots",
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=dots",
        ),
        ("application/openmetrics-text;escaping=other", OPEN),
        (
            "text/plain;version=0.0.4;escaping=values",
            "text/plain; version=0.0.4; charset=utf-8; escaping=values",
        ),
        // Version 0.0.4 has no quoted names.
        (
            "text/plain;version=0.0.4;escaping=allow-utf-8",
            "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
        ),
        (
            "text/plain;version=1.0.0",
            "text/plain; version=1.0.0; charset=utf-8; escaping=underscores",
        ),
        // Protobuf in other encodings.
        ("application/vnd.google.protobuf", TEXT_TYPE),
        (
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
            TEXT_TYPE,
        ),
        // What cannot be read.
        ("application/openmetrics-text;q=2", TEXT_TYPE),
        ("application/openmetrics-text;q=-1", TEXT_TYPE),
        ("application/openmetrics-text;q=0.1234", TEXT_TYPE),
        ("application/openmetrics-text;q=", TEXT_TYPE),
        (
            "application/openmetrics-text;q=one, application/openmetrics-text;q=0.5",
            OPEN,
        ),
        ("application/openmetrics-text;version", TEXT_TYPE),
        ("\"application/openmetrics-text", TEXT_TYPE),
        (",;,;;=,", TEXT_TYPE),
        ("ünsinn", TEXT_TYPE),
    ] {
        assert_eq!(scrape(accept, "").content_type(), expected, "{accept}");
    }
    // Several lines are one list.
    let lines = ["text/plain;q=0.5", "application/openmetrics-text"];
    let none: [String; 0] = [];
    assert_eq!(registry().scrape(lines, none).content_type(), OPEN);
}

#[test]
fn bodies_are_compressed_for_those_who_ask() {
    for (accept_encoding, expected) in [
        ("gzip", true),
        ("GZIP", true),
        ("x-gzip", true),
        ("deflate, gzip;q=1.0, *;q=0.5", true),
        ("gzip, deflate, br, zstd", true),
        ("*", true),
        ("gzip;q=0.5, identity;q=0.5", true),
        ("identity, gzip", true),
        ("", false),
        ("identity", false),
        ("deflate, br", false),
        ("gzip;q=0", false),
        ("gzip; q=0.000, *", false),
        ("*;q=0", false),
        ("identity, gzip;q=0.5", false),
        ("gzip;q=2", false),
        ("gzipped", false),
    ] {
        let scrape = scrape("*/*", accept_encoding);
        let expected = (expected && cfg!(feature = "gzip")).then_some("gzip");
        assert_eq!(scrape.content_encoding(), expected, "{accept_encoding}");
        assert_eq!(scrape.vary(), "Accept, Accept-Encoding");
    }
}

#[test]
fn a_body_is_what_its_type_says() {
    const ALL: [(&str, Syntax); 4] = [
        ("text/plain", TEXT),
        (
            "text/plain;version=1.0.0;escaping=allow-utf-8",
            TEXT.with_utf8(),
        ),
        ("application/openmetrics-text", OPEN_METRICS),
        (
            "application/openmetrics-text;escaping=allow-utf-8",
            OPEN_METRICS.with_utf8(),
        ),
    ];
    for (accept, syntax) in ALL {
        let body = scrape(accept, "").into_body().to_vec();
        let families = valid(&String::from_utf8(body).unwrap(), syntax);
        let name = if syntax.open_metrics {
            "jobs"
        } else {
            "jobs_total"
        };
        assert_eq!(families[name].samples[0].value, 3.0);
    }
}
