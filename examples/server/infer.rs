//! Inferences: `/infer` for one, `/batch` for several in one body (`parts.rs` has the format).

use crate::answers::{Answer, respond, text, unavailable};
use crate::body::{self, BodyError};
use crate::metrics::Metrics;
use crate::models::KINDS;
use crate::parts;
use crate::queue::Refused;
use crate::record::{Origin, Record};
use crate::service::Server;
use crate::waiting::Waiting;
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::{Request, StatusCode};
use std::sync::Arc;

/// The input of one inference.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) model: String,
    /// Words in the text.
    pub(crate) tokens: u64,
}

impl Wanted {
    /// The input for a text, and for a model other than the default.
    pub(crate) fn new(model: Option<&str>, text: &[u8]) -> Self {
        Self {
            model: model.unwrap_or(KINDS[0].name).to_owned(),
            tokens: words(text),
        }
    }
}

/// Why an inference failed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    Model,
    Queue(Refused),
}

impl Failure {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Model => StatusCode::BAD_REQUEST,
            Self::Queue(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The reason, as a line of text.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Model => "no such model: there are base, small, large, chat, code and math\n",
            Self::Queue(refused) => refused.reason(),
        }
    }
}

/// Answers a request to `/infer`. Answers with status 200 are counted by [`Record::inferred`].
pub(crate) async fn one<R: Record>(
    server: &Server<R>,
    request: Request<Incoming>,
    waiting: &Waiting,
) -> Answer {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let origin = Origin {
        is_part: false,
        trace: server.record.trace(request.headers()),
    };
    let (model, in_query) = model_of(&query);
    // Everything but a body takes its words from the query, so that load generators need no body.
    let wanted = if request.body().is_end_stream() {
        Wanted::new(model, in_query.as_bytes())
    } else {
        match body::read(request.into_body()).await {
            Ok(body) => Wanted::new(model, &body),
            Err(error) => return refuse(&server.metrics, error),
        }
    };
    begin(waiting).await;
    match infer(server, &wanted, &origin).await {
        Ok(answer) => respond(StatusCode::OK, "application/json", answer),
        Err(Failure::Queue(refused)) => unavailable(refused),
        Err(failure) => text(failure.status(), failure.reason()),
    }
}

/// Answers a request to `/batch`.
pub(crate) async fn several<R: Record>(
    server: &Arc<Server<R>>,
    request: Request<Incoming>,
    waiting: &Waiting,
) -> Answer {
    let origin = Origin {
        is_part: true,
        trace: server.record.trace(request.headers()),
    };
    let body = match body::read(request.into_body()).await {
        Ok(body) => body,
        Err(error) => return refuse(&server.metrics, error),
    };
    begin(waiting).await;
    parts::answer(server, &body, &origin).await
}

/// Marks the request as complete. From now on its connection is not closed to make room for another one.
async fn begin(waiting: &Waiting) {
    if !waiting.work() {
        // The connection's task is being aborted.
        std::future::pending::<()>().await;
    }
}

/// Queues an inference and waits for its answer, which is a line with a JSON object.
pub(crate) async fn infer<R: Record>(
    server: &Server<R>,
    wanted: &Wanted,
    origin: &Origin,
) -> Result<String, Failure> {
    let record = &*server.record;
    let model = server.models.get(&wanted.model, record).await;
    let model = model.ok_or(Failure::Model)?;
    // The latency starts here: the controller must not take slow clients, or models that are slow to load, for slow batches.
    let arrived = record.now();
    let turns = wanted.tokens.saturating_mul(model.turns_per_token);
    let answer = server.queue.submit(turns).map_err(Failure::Queue)?;
    let answer = answer.await.map_err(|_| Failure::Queue(Refused::Closed))?;
    let latency = record.inferred(arrived, answer.id, wanted.tokens, origin);
    Ok(format!(
        "{{\"id\":{},\"batch\":{},\"tokens\":{},\"model\":\"{}\",\"latency_ms\":{:.3}}}\n",
        answer.id,
        answer.batch,
        wanted.tokens,
        model.name,
        latency.as_secs_f64() * 1e3
    ))
}

/// Splits a query that begins with `model=` into the name of the model and the rest.
fn model_of(query: &str) -> (Option<&str>, &str) {
    match query.strip_prefix("model=") {
        Some(named) => {
            let (model, rest) = named.split_once('&').unwrap_or((named, ""));
            (Some(model), rest)
        }
        None => (None, query),
    }
}

/// Words, separated as in texts or as in queries; at least one, since nothing is work too.
fn words(text: &[u8]) -> u64 {
    let separator = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'+' | b'&');
    text.split(separator)
        .filter(|word| !word.is_empty())
        .count()
        .max(1) as u64
}

/// Counts a body that could not be read, and answers with the reason.
fn refuse(metrics: &Metrics, error: BodyError) -> Answer {
    let errors = &metrics.client_errors;
    let (counter, mut answer) = match error {
        // It may have ended only its own half of the connection.
        BodyError::HungUp => (
            &errors.hung_up,
            text(StatusCode::BAD_REQUEST, "the body ended early\n"),
        ),
        BodyError::TooLarge => (
            &errors.oversized_body,
            text(StatusCode::PAYLOAD_TOO_LARGE, "a body has at most 64 KiB\n"),
        ),
        BodyError::TooSlow => (
            &errors.timed_out,
            text(StatusCode::REQUEST_TIMEOUT, "the body took too long\n"),
        ),
        BodyError::Malformed => (
            &errors.malformed,
            text(StatusCode::BAD_REQUEST, "malformed body\n"),
        ),
    };
    counter.inc();
    // What is left of the body is not a request.
    answer
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}
