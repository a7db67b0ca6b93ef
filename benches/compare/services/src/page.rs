//! What a service counted, read from its page.

/// What a service calls what it counts.
pub(crate) struct Names {
    pub(crate) requests: &'static str,
    pub(crate) in_flight: &'static str,
    pub(crate) route: &'static str,
}

/// The samples of a page that the table shows.
pub(crate) struct Page<'a> {
    /// Route, status and value of each series of requests.
    requests: Vec<(&'a str, &'a str, u64)>,
    in_flight: i64,
}

impl<'a> Page<'a> {
    pub(crate) fn new(page: &'a str, names: &Names) -> Self {
        let (mut requests, mut in_flight) = (Vec::new(), 0);
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let route = label(labels, names.route);
            if name == names.requests {
                let status = label(labels, "status");
                requests.push((route, status, value.parse().unwrap_or_default()));
            } else if name == names.in_flight && route != "/metrics" {
                in_flight += value.parse().unwrap_or(i64::MIN);
            }
        }
        Self {
            requests,
            in_flight,
        }
    }

    /// Requests of a route that were counted, by status.
    pub(crate) fn ended(&self, route: &str) -> String {
        let series = self.requests.iter().filter(|(of, ..)| *of == route);
        let counts: Vec<_> = series
            .map(|(_, status, count)| format!("{count}, as `{status}`"))
            .collect();
        if counts.is_empty() {
            "none".to_owned()
        } else {
            counts.join("; ")
        }
    }

    /// Requests that are counted as under way, but for the one for this page.
    pub(crate) fn in_flight(&self) -> i64 {
        self.in_flight
    }

    /// Series of requests that no route matches.
    pub(crate) fn unknown_routes(&self) -> usize {
        let known = ["/users/{id}", "/never", "/panic", "/metrics"];
        let unknown = |(route, ..): &&(&str, &str, u64)| !known.contains(route);
        self.requests.iter().filter(unknown).count()
    }
}

/// The value of a label. None of the values has a quotation mark or a comma.
fn label<'a>(labels: &'a str, name: &str) -> &'a str {
    let pairs = labels.trim_end_matches('}').split(',');
    let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
    let found = pairs.find(|(of, _)| *of == name);
    found.map_or("", |(_, value)| value.trim_matches('"'))
}
