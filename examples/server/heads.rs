//! Looks at each request's head before hyper does, and refuses those that two programs may read differently.
//!
//! hyper accepts a head that has both a Content-Length and a Transfer-Encoding, drops the length, and does not tell. A proxy in
//! front of the server may have believed the length: what it took for a body would here be the next request. hyper also
//! leaves the Host header to its caller. So this file stands between the socket and hyper, and follows where messages begin and
//! end. It parses nothing itself: httparse, which hyper uses too, does.
//!
//! A head reaches hyper when it is complete and good. In place of a refused one hyper gets bytes that are not HTTP, answers them
//! 400 and closes the connection. What httparse cannot read goes to hyper unchanged, which then fails at the same byte.

use httparse::{Header, Request, Status, parse_chunk_size, parse_headers};
use hyper::http::uri::Authority;
use std::io::Result;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// Bytes that a request's head may have.
pub(crate) const MAX_HEAD: usize = 16 << 10;
/// How long a client that is refused may go on sending.
const LINGER: Duration = Duration::from_secs(1);
/// Headers that a request may have: hyper's own limit.
const MAX_HEADERS: usize = 100;
/// What hyper gets in place of a refused head.
const NOT_HTTP: &[u8] = b"\0\r\n\r\n";
/// The end of a request whose first line is too long even to be read. hyper gets the line cut short, and `http.rs` answers that
/// its target is too long.
const CUT: &[u8] = b" HTTP/1.1\r\nhost: cut\r\n\r\n";

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Head,
    /// A body of known length, with the number of its bytes that are still to come.
    Body(u64),
    ChunkSize,
    /// A chunk and the end of its line.
    Chunk(u64),
    Trailers,
    /// Nothing that can be followed: all of it goes to hyper.
    Unknown,
    /// Nothing: what follows a refused head is not read.
    Refused,
}

/// What there is to say of the bytes at the beginning of a message.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Incomplete,
    /// So many bytes are a good head, after which this comes.
    Good(usize, Part),
    /// Clear to read, and not to be accepted.
    Refused,
    Unreadable,
}

/// A connection whose heads are checked.
#[derive(Debug)]
pub(crate) struct Checked {
    stream: TcpStream,
    /// Read, and not yet given to hyper.
    buffer: Vec<u8>,
    /// How many of these hyper may have.
    cleared: usize,
    part: Part,
    /// The client will send nothing more.
    ended: bool,
    /// How long what the client still sends is read and thrown away, before the connection is closed.
    linger: Option<Pin<Box<Sleep>>>,
}

/// How many of the `left` bytes of a part are available, and what the byte after them belongs to.
fn pass(available: usize, left: u64, more: fn(u64) -> Part, then: Part) -> (usize, Part) {
    let passed = left.min(available as u64);
    let next = match left - passed {
        0 => then,
        left => more(left),
    };
    (passed as usize, next)
}

impl Checked {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
            cleared: 0,
            part: Part::Head,
            ended: false,
            linger: None,
        }
    }

    /// Clears what can be cleared of the buffer, a part of a message at a time; nothing if more has to be read first.
    fn clear(&mut self) {
        let available = self.buffer.len();
        (self.cleared, self.part) = match self.part {
            Part::Head => return self.clear_head(),
            Part::Body(left) => pass(available, left, Part::Body, Part::Head),
            Part::ChunkSize => match parse_chunk_size(&self.buffer) {
                Ok(Status::Complete((length, 0))) => (length, Part::Trailers),
                Ok(Status::Complete((length, size))) => {
                    (length, Part::Chunk(size.saturating_add(2)))
                }
                Ok(Status::Partial) if available < MAX_HEAD => (0, Part::ChunkSize),
                _ => (available, Part::Unknown),
            },
            Part::Chunk(left) => pass(available, left, Part::Chunk, Part::ChunkSize),
            Part::Trailers => {
                match parse_headers(&self.buffer, &mut [httparse::EMPTY_HEADER; MAX_HEADERS]) {
                    Ok(Status::Complete((length, _))) => (length, Part::Head),
                    Ok(Status::Partial) if available < MAX_HEAD => (0, Part::Trailers),
                    _ => (available, Part::Unknown),
                }
            }
            Part::Unknown => (available, Part::Unknown),
            Part::Refused => (0, Part::Refused),
        };
    }

    fn clear_head(&mut self) {
        match verdict(&self.buffer) {
            Verdict::Good(length, next) => (self.cleared, self.part) = (length, next),
            Verdict::Refused => self.replace(NOT_HTTP.to_vec()),
            Verdict::Incomplete if self.buffer.len() < MAX_HEAD => (),
            Verdict::Incomplete if !self.buffer.contains(&b'\n') => {
                let mut line = self.buffer[..MAX_HEAD - CUT.len()].to_vec();
                line.extend_from_slice(CUT);
                self.replace(line);
            }
            // Larger than hyper accepts, or not HTTP: hyper says so.
            Verdict::Incomplete | Verdict::Unreadable => {
                (self.cleared, self.part) = (self.buffer.len(), Part::Unknown);
            }
        }
    }

    /// Completes when the client ends the connection, or its time is over.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let linger = self.linger.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        while linger.as_mut().poll(context).is_pending() {
            let mut bytes = [0; 4096];
            let mut read = ReadBuf::new(&mut bytes);
            let read_more = ready!(Pin::new(&mut self.stream).poll_read(context, &mut read));
            if read_more.is_err() || read.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(())
    }

    /// The last that hyper gets of this connection.
    fn replace(&mut self, buffer: Vec<u8>) {
        self.cleared = buffer.len();
        (self.buffer, self.part) = (buffer, Part::Refused);
    }
}

/// Judges the head at the beginning of `bytes`.
fn verdict(bytes: &[u8]) -> Verdict {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(Status::Partial) => Verdict::Incomplete,
        Err(_) => Verdict::Unreadable,
        Ok(Status::Complete(length)) => {
            after(&request).map_or(Verdict::Refused, |next| Verdict::Good(length, next))
        }
    }
}

/// What comes after a head; `None` if the head is refused.
fn after(request: &Request<'_, '_>) -> Option<Part> {
    let values = |name: &str| -> Vec<&[u8]> {
        let named = |header: &&Header<'_>| header.name.eq_ignore_ascii_case(name);
        let headers = request.headers.iter().filter(named);
        headers.map(|header| header.value.trim_ascii()).collect()
    };
    match values("host")[..] {
        [host] if is_host(host) => (),
        // Optional before HTTP/1.1.
        [] if request.version == Some(0) => (),
        _ => return None,
    }
    match (
        &values("content-length")[..],
        &values("transfer-encoding")[..],
    ) {
        ([], []) => Some(Part::Head),
        ([length], []) => body(length),
        ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") => Some(Part::ChunkSize),
        // Two lengths, a length and a coding, or a coding that nobody here can undo.
        _ => None,
    }
}

fn body(length: &[u8]) -> Option<Part> {
    if !length.iter().all(u8::is_ascii_digit) {
        return None;
    }
    match std::str::from_utf8(length).ok()?.parse().ok()? {
        0 => Some(Part::Head),
        length => Some(Part::Body(length)),
    }
}

/// A name or an address, perhaps with a port; or nothing, which HTTP allows.
fn is_host(host: &[u8]) -> bool {
    host.is_empty() || (!host.contains(&b'@') && Authority::try_from(host).is_ok())
}

impl AsyncRead for Checked {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        target: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        loop {
            if self.cleared == 0 && !self.buffer.is_empty() {
                self.clear();
            }
            if self.cleared == 0 && self.ended {
                // A part of a message that will never be complete; or nothing, which is how hyper learns of the end.
                self.cleared = self.buffer.len();
            }
            if self.cleared > 0 || self.ended || self.part == Part::Refused {
                let length = self.cleared.min(target.remaining());
                target.put_slice(&self.buffer[..length]);
                self.buffer.drain(..length);
                self.cleared -= length;
                return Poll::Ready(Ok(()));
            }
            let mut bytes = [0; 4096];
            let mut read = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut read))?;
            self.ended = read.filled().is_empty();
            self.buffer.extend_from_slice(read.filled());
        }
    }
}

impl AsyncWrite for Checked {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Says that the answer was the last one. A client in the middle of a message has a little time to read that: a system
    /// that closes a connection with something unread in it resets it, and the client may lose the answer.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        if self.linger.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        }
        if self.ended || self.part == Part::Head {
            return Poll::Ready(Ok(()));
        }
        self.poll_linger(context).map(Ok)
    }
}
