//! A group of metrics at a Pushgateway, and the three requests that change it.

use crate::error::{GroupError, PushError};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use epoch_metrics::{Format, PROMETHEUS_CONTENT_TYPE, Page};
use std::fmt;
use std::io::Read;
use std::time::Duration;
use ureq::http::{Response, Uri};
use ureq::{Agent, Body};

/// How long a request may take unless the caller says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes that are kept of an answer which says why.
const MESSAGE: u64 = 1 << 10;

/// A group of metrics at a Prometheus Pushgateway: the job's name, and the labels that tell its instances apart.
///
/// The gateway adds the group's labels to every series of the group, in place of labels of the same names that the series has.
///
/// ```no_run
/// use epoch_metrics::Registry;
/// use epoch_metrics_push::Pushgateway;
/// use std::time::Duration;
///
/// let registry = Registry::builder().without_own_metrics().build();
/// registry.counter("backup_files", "Files saved.")?.add(1_234);
/// let gateway = Pushgateway::new("http://127.0.0.1:9091", "backup")?
///     .group_by("path", "/var/tmp")?
///     .timeout(Duration::from_secs(3));
/// gateway.push(&registry.page())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Pushgateway {
    agent: Agent,
    /// With the group's labels, which are the path.
    url: String,
    labels: Vec<String>,
    timeout: Duration,
}

impl Pushgateway {
    /// The group of this job at the gateway of this address, such as `http://127.0.0.1:9091`. An address may have a path, if the gateway
    /// has a prefix, and a name and a password: `http://user:password@host`. Nothing is sent yet.
    ///
    /// # Errors
    /// If the address is not one of `http`, or has a query or a fragment, and if the job has no name. `https` is not supported.
    ///
    /// ```
    /// use epoch_metrics_push::Pushgateway;
    ///
    /// let gateway = Pushgateway::new("http://127.0.0.1:9091/prefix", "backup")?;
    /// assert_eq!(format!("{gateway:?}"), r#"Pushgateway { labels: ["job"], timeout: 10s, .. }"#);
    /// # Ok::<(), epoch_metrics_push::GroupError>(())
    /// ```
    pub fn new(url: &str, job: &str) -> Result<Self, GroupError> {
        let parsed: Uri = url.parse().map_err(|_| GroupError::InvalidUrl)?;
        let http = parsed.scheme_str() == Some("http");
        let host = parsed.host().is_some_and(|host| !host.is_empty());
        if !http || !host || url.contains(['?', '#']) {
            return Err(GroupError::InvalidUrl);
        }
        if job.is_empty() {
            return Err(GroupError::EmptyJob);
        }
        let config = Agent::config_builder()
            // What refuses says why in its body.
            .http_status_as_error(false)
            // A redirected PUT would become a GET, or be sent to whom the job does not know.
            .max_redirects(0)
            // A job pushes once or twice: no connection is kept.
            .max_idle_connections(0);
        let mut gateway = Self {
            agent: config.build().new_agent(),
            url: format!("{}/metrics", url.trim_end_matches('/')),
            labels: Vec::new(),
            timeout: TIMEOUT,
        };
        gateway.append("job", job);
        Ok(gateway)
    }

    /// Adds a label to the group: groups that differ in a value are kept apart. The order does not matter. A label with an empty value
    /// is one that the series do not have.
    ///
    /// # Errors
    /// If it is not the name of a label (ASCII letters, digits and `_`; the first no digit, and not the first two `_`), or one that the
    /// group has already, as it has `job`.
    ///
    /// ```
    /// use epoch_metrics_push::{GroupError, Pushgateway};
    ///
    /// let gateway = Pushgateway::new("http://127.0.0.1:9091", "backup")?.group_by("path", "/var/tmp")?;
    /// let error = gateway.group_by("job", "other").unwrap_err();
    /// assert_eq!(error, GroupError::DuplicateLabel { label: "job".to_owned() });
    /// # Ok::<(), GroupError>(())
    /// ```
    pub fn group_by(mut self, label: &str, value: &str) -> Result<Self, GroupError> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let begins = !label.starts_with(|first: char| first.is_ascii_digit());
        if label.is_empty() || !begins || label.starts_with("__") || !label.bytes().all(word) {
            let label = label.to_owned();
            return Err(GroupError::InvalidLabel { label });
        }
        if self.labels.iter().any(|known| known == label) {
            let label = label.to_owned();
            return Err(GroupError::DuplicateLabel { label });
        }
        self.append(label, value);
        Ok(self)
    }

    /// How long a request may take from its beginning to the end of the answer: 10 s unless this says otherwise.
    ///
    /// ```
    /// use epoch_metrics_push::Pushgateway;
    /// use std::time::Duration;
    ///
    /// let gateway = Pushgateway::new("http://127.0.0.1:9091", "backup")?.timeout(Duration::from_secs(3));
    /// # let _ = gateway;
    /// # Ok::<(), epoch_metrics_push::GroupError>(())
    /// ```
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Replaces all metrics of the group by the page (PUT). It blocks until the gateway has answered.
    ///
    /// # Errors
    /// If the gateway cannot be reached, does not answer in time, or refuses the page: it contradicts another group, as a counter
    /// contradicts a gauge of its name.
    ///
    /// ```no_run
    /// # use epoch_metrics::Registry;
    /// # use epoch_metrics_push::Pushgateway;
    /// # let registry = Registry::new();
    /// let gateway = Pushgateway::new("http://127.0.0.1:9091", "backup")?;
    /// gateway.push(&registry.page())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn push(&self, page: &Page) -> Result<(), PushError> {
        self.send(self.agent.put(&self.url), page)
    }

    /// Replaces the families of the group that the page has, and keeps its others (POST). It blocks until the gateway has answered.
    ///
    /// # Errors
    /// As [`Self::push`].
    ///
    /// ```no_run
    /// # use epoch_metrics::Registry;
    /// # use epoch_metrics_push::Pushgateway;
    /// # let registry = Registry::new();
    /// // A first step pushed what it had; the time of the last success stays, whatever the steps push.
    /// let gateway = Pushgateway::new("http://127.0.0.1:9091", "backup")?;
    /// gateway.add(&registry.page())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add(&self, page: &Page) -> Result<(), PushError> {
        self.send(self.agent.post(&self.url), page)
    }

    /// Removes the group with all its metrics (DELETE), if there is one. It blocks until the gateway has answered; the gateway removes
    /// the group shortly afterwards, and before it takes the next push.
    ///
    /// # Errors
    /// If the gateway cannot be reached, does not answer in time, or refuses.
    ///
    /// ```no_run
    /// # use epoch_metrics_push::Pushgateway;
    /// Pushgateway::new("http://127.0.0.1:9091", "backup")?.delete()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn delete(&self) -> Result<(), PushError> {
        let request = self.agent.delete(&self.url).config();
        let request = request.timeout_global(Some(self.timeout)).build();
        self.answered(request.call())
    }

    fn send(
        &self,
        request: ureq::RequestBuilder<ureq::typestate::WithBody>,
        page: &Page,
    ) -> Result<(), PushError> {
        let request = request.config().timeout_global(Some(self.timeout)).build();
        let request = request.content_type(PROMETHEUS_CONTENT_TYPE);
        self.answered(request.send(&page.render(Format::Prometheus).to_vec()[..]))
    }

    /// Whether it succeeded.
    fn answered(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<(), PushError> {
        let mut answer = answer.map_err(|error| match error {
            ureq::Error::Timeout(_) => PushError::TimedOut {
                timeout: self.timeout,
            },
            error => PushError::Unreachable {
                error: error.into(),
            },
        })?;
        if answer.status().is_success() {
            return Ok(());
        }
        let mut message = Vec::new();
        // What can be read of it: the status is what counts.
        let body = answer.body_mut().as_reader();
        let _ = body.take(MESSAGE).read_to_end(&mut message);
        Err(PushError::Refused {
            status: answer.status().as_u16(),
            message: String::from_utf8_lossy(&message).trim().to_owned(),
        })
    }

    /// Adds a label to the path. Always in base64: `/` and an empty value can be written in no other way, and the rest as well in this
    /// one. An empty value is one `=`.
    fn append(&mut self, label: &str, value: &str) {
        let encoded = URL_SAFE_NO_PAD.encode(value);
        let encoded = if value.is_empty() { "=" } else { &encoded };
        self.url.push_str(&format!("/{label}@base64/{encoded}"));
        self.labels.push(label.to_owned());
    }
}

/// Without the address, which can contain a password.
impl fmt::Debug for Pushgateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pushgateway")
            .field("labels", &self.labels)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
