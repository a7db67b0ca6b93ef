//! Several inferences in one body: a client that has many at the same time needs one connection for all of them.
//!
//! The body of `POST /batch` consists of JSON lines, at most [`MAX_PARTS`]. Each line is an object with the string `text` and, for a
//! model other than the default, the string `model`. Empty lines are skipped.
//!
//! ```text
//! {"text": "to be or not to be"}
//! {"text": "print 1", "model": "code"}
//! {"txt": "a mistake"}
//! ```
//!
//! The answer has a line for each of them, in the same order: the answer of `/infer`, or a status and an error. An invalid line does not
//! affect the others.
//!
//! ```text
//! {"id":7,"batch":2,"tokens":6,"model":"base","latency_ms":0.412}
//! {"id":8,"batch":2,"tokens":2,"model":"code","latency_ms":0.413}
//! {"status":400,"error":"unknown key: a part has text and model"}
//! ```

use crate::answers::{Answer, respond, text};
use crate::infer::{self, Failure, Wanted};
use crate::record::{Origin, Record};
use crate::service::Server;
use hyper::StatusCode;
use serde_json::{Map, Value};
use std::sync::Arc;
use tokio::task::JoinSet;

/// The largest number of parts in a body; the largest batch has as many requests.
const MAX_PARTS: usize = 64;

/// Status and reason of a part that failed.
type Problem = (StatusCode, &'static str);

/// Serves all parts concurrently. If the client hangs up, the remaining ones are cancelled.
pub(crate) async fn answer<R: Record>(
    server: &Arc<Server<R>>,
    body: &[u8],
    origin: &Origin,
) -> Answer {
    let lines = body.split(|byte| *byte == b'\n');
    let lines: Vec<_> = lines.filter(|line| !line.trim_ascii().is_empty()).collect();
    if lines.is_empty() {
        return text(StatusCode::BAD_REQUEST, "a body has at least one part\n");
    }
    if lines.len() > MAX_PARTS {
        return text(
            StatusCode::PAYLOAD_TOO_LARGE,
            "a body has at most 64 parts\n",
        );
    }
    let mut answers = vec![String::new(); lines.len()];
    let mut serving = JoinSet::new();
    for (at, line) in lines.into_iter().enumerate() {
        match wanted(line) {
            Ok(wanted) => {
                let (server, origin) = (Arc::clone(server), origin.clone());
                serving.spawn(async move { (at, infer::infer(&*server, &wanted, &origin).await) });
            }
            Err(reason) => answers[at] = failed(server, (StatusCode::BAD_REQUEST, reason)),
        }
    }
    while let Some(served) = serving.join_next().await {
        let Ok((at, served)) = served else {
            return text(StatusCode::INTERNAL_SERVER_ERROR, "a part was lost\n");
        };
        let problem = |failure: Failure| failed(server, (failure.status(), failure.reason()));
        answers[at] = served.unwrap_or_else(problem);
    }
    respond(
        StatusCode::OK,
        "application/x-ndjson",
        answers.concat().into_bytes(),
    )
}

/// Counts a failed part, and returns its line of the answer.
fn failed<R>(server: &Server<R>, (status, reason): Problem) -> String {
    server.metrics.part_failed(status);
    // Reasons are constants without characters that JSON escapes, apart from the line break.
    let (status, reason) = (status.as_u16(), reason.trim_end());
    format!("{{\"status\":{status},\"error\":\"{reason}\"}}\n")
}

/// Parses a line.
///
/// # Errors
/// The reason why it is invalid. It contains nothing of the line itself.
fn wanted(line: &[u8]) -> Result<Wanted, &'static str> {
    let Ok(part) = serde_json::from_slice::<Map<String, Value>>(line) else {
        return Err("a part is an object of JSON, on a line of its own");
    };
    if part.keys().any(|key| key != "text" && key != "model") {
        return Err("unknown key: a part has text and model");
    }
    let Some(Value::String(text)) = part.get("text") else {
        return Err("a part has a string: text");
    };
    match part.get("model") {
        None => Ok(Wanted::new(None, text.as_bytes())),
        Some(Value::String(model)) => Ok(Wanted::new(Some(model), text.as_bytes())),
        Some(_) => Err("a model is named by a string"),
    }
}
