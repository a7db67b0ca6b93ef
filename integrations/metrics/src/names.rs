//! Names as Prometheus accepts them, made by the rules of metrics-exporter-prometheus.

use metrics::Unit;
use std::collections::HashSet;

/// A metric's name with `_` for each character that it may not have.
pub(crate) fn sanitize_metric(name: &str) -> String {
    sanitize(name, |c| c == ':')
}

/// A label's name with `_` for each character that it may not have.
pub(crate) fn sanitize_label(name: &str) -> String {
    sanitize(name, |_| false)
}

/// `further`: what is legal besides letters, digits and `_`.
fn sanitize(name: &str, further: fn(char) -> bool) -> String {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || further(c);
    let mut first = true;
    name.chars()
        .map(|c| {
            let kept = legal(c) && !(first && c.is_ascii_digit());
            first = false;
            if kept { c } else { '_' }
        })
        .collect()
}

/// A metric's name with its unit, before a suffix that names a part of the metric, unless the unit is there already.
pub(crate) fn with_unit(name: String, unit: Unit) -> String {
    let unit = match unit {
        Unit::Count => return name,
        Unit::Percent => "ratio",
        unit => unit.as_str(),
    };
    let suffixes = ["_sum", "_count", "_bucket", "_total"];
    let parts = suffixes
        .iter()
        .find_map(|suffix| Some((name.strip_suffix(suffix)?, *suffix)));
    let (base, suffix) = parts.unwrap_or((&name, ""));
    if base.ends_with(unit) {
        return name;
    }
    format!("{base}_{unit}{suffix}")
}

/// A page in text format 0.0.4, with these counters' names without `_total`.
pub(crate) fn without_total(page: &str, counters: &HashSet<String>) -> String {
    let mut shorter = String::with_capacity(page.len());
    // The counter whose lines these are.
    let mut counter = None;
    for line in page.split_inclusive('\n') {
        let described = ["# HELP ", "# TYPE "]
            .into_iter()
            .find_map(|head| Some((head, line.strip_prefix(head)?)));
        let (head, rest) = described.unwrap_or(("", line));
        if described.is_some() {
            let name = rest.split(' ').next().unwrap_or_default();
            counter = counters.get(name);
        }
        shorter.push_str(head);
        // All lines up to the next description are samples of the counter, which begin with its name.
        match counter.and_then(|name| Some((name, rest.strip_prefix(&**name)?))) {
            Some((name, rest)) => {
                shorter.push_str(name.strip_suffix("_total").unwrap_or(name));
                shorter.push_str(rest);
            }
            None => shorter.push_str(rest),
        }
    }
    shorter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_lose_their_suffix() {
        let page = "# HELP a_total # TYPE a_total counter\n# TYPE a_total counter\na_total{b=\"a_total 1\"} 1\n\
                    # HELP a_total_size x\n# TYPE a_total_size gauge\na_total_size 1\n\
                    # TYPE b_total counter\nb_total 2\n";
        let expected = "# HELP a # TYPE a_total counter\n# TYPE a counter\na{b=\"a_total 1\"} 1\n\
                        # HELP a_total_size x\n# TYPE a_total_size gauge\na_total_size 1\n\
                        # TYPE b_total counter\nb_total 2\n";
        assert_eq!(
            without_total(page, &HashSet::from(["a_total".to_owned()])),
            expected
        );
    }

    #[test]
    fn names_become_legal() {
        for (name, expected) in [
            ("http.requests-total", "http_requests_total"),
            ("1st", "_st"),
            ("a1:b2", "a1:b2"),
            ("größe", "gr__e"),
            ("", ""),
        ] {
            assert_eq!(sanitize_metric(name), expected);
        }
        assert_eq!(sanitize_label("a:b"), "a_b");
        assert_eq!(sanitize_label("2xx"), "_xx");
    }

    #[test]
    fn units_come_before_suffixes() {
        for (name, unit, expected) in [
            ("latency", Unit::Seconds, "latency_seconds"),
            ("latency_seconds", Unit::Seconds, "latency_seconds"),
            ("sent_total", Unit::Bytes, "sent_bytes_total"),
            ("sent_bytes_total", Unit::Bytes, "sent_bytes_total"),
            ("busy", Unit::Percent, "busy_ratio"),
            ("jobs", Unit::Count, "jobs"),
        ] {
            assert_eq!(with_unit(name.to_owned(), unit), expected);
        }
    }
}
