//! Reads a request's body: bounded in size and in time.

use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use std::time::Duration;

/// Bytes that a body may have.
pub(crate) const LIMIT: usize = 64 << 10;
/// Bytes that are read of a body that is too large. A client that is still sending when its connection is closed may lose
/// the answer that says why, so a body that is a little too large is read to its end, and thrown away.
const TOLERATED: usize = 1 << 20;
/// How long a client may take to send a body: enough for 64 KiB over the slowest modem, and not for ever.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no body.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// Larger than [`LIMIT`], announced or not.
    TooLarge,
    /// Not complete within [`TIMEOUT`].
    TooSlow,
    /// Not what HTTP says a body looks like.
    Malformed,
    /// The connection ended first.
    HungUp,
}

/// The body.
///
/// # Errors
/// See [`BodyError`].
pub(crate) async fn read(body: Incoming) -> Result<Vec<u8>, BodyError> {
    // Announced as far too large: not a byte of it is read, and `Expect: 100-continue` gets no encouragement.
    if body.size_hint().lower() > TOLERATED as u64 {
        return Err(BodyError::TooLarge);
    }
    tokio::time::timeout(TIMEOUT, read_all(body))
        .await
        .unwrap_or(Err(BodyError::TooSlow))
}

async fn read_all(mut body: Incoming) -> Result<Vec<u8>, BodyError> {
    let mut bytes = Vec::new();
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            if is_malformed(&error) {
                BodyError::Malformed
            } else {
                BodyError::HungUp
            }
        })?;
        // Trailers are none of our business.
        let Ok(data) = frame.into_data() else {
            continue;
        };
        length += data.len();
        if length > TOLERATED {
            return Err(BodyError::TooLarge);
        }
        if length <= LIMIT {
            bytes.extend_from_slice(&data);
        }
    }
    if length > LIMIT {
        Err(BodyError::TooLarge)
    } else {
        Ok(bytes)
    }
}

/// Tells a chunk that is no chunk from a connection that ended: both are errors of the body, and the cause tells.
fn is_malformed(error: &hyper::Error) -> bool {
    use std::error::Error;
    use std::io::{self, ErrorKind};
    let cause = error
        .source()
        .and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| {
        matches!(
            cause.kind(),
            ErrorKind::InvalidInput | ErrorKind::InvalidData
        )
    })
}
