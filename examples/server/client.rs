//! An HTTP client with one connection, used by the built-in load and by the benchmark.

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HOST;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::net::SocketAddr;
use tokio::net::TcpStream;

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// A client with a connection that is kept alive and replaced when it is lost.
pub(crate) struct Client {
    address: SocketAddr,
    host: String,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    /// A client that connects when it sends its first request.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            host: address.to_string(),
            connection: None,
        }
    }

    /// Sends a text, and waits for the whole answer.
    ///
    /// # Errors
    /// If there is no answer, or its status is not a success. The connection is then closed.
    pub(crate) async fn post(&mut self, target: &str, text: &'static str) -> Result<(), Failure> {
        let sent = self.try_post(target, text).await;
        if sent.is_err() {
            self.connection = None;
        }
        sent
    }

    async fn try_post(&mut self, target: &str, text: &'static str) -> Result<(), Failure> {
        // The server closes idle connections; then a new one is opened.
        let usable = match &mut self.connection {
            Some(sender) => sender.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            self.connection = Some(connect(self.address).await?);
        }
        let sender = self.connection.as_mut().ok_or("not connected")?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(target)
            .header(HOST, &self.host);
        let response = sender.send_request(request.body(Full::from(text))?).await?;
        let accepted = response.status().is_success();
        // The body is read to its end; otherwise the connection could not be reused.
        response.into_body().collect().await?;
        if accepted {
            Ok(())
        } else {
            Err("refused".into())
        }
    }
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // The sender reports its errors as well.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

/// Xorshift, a small pseudo-random generator with a seed. It saves a dependency.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Above 0, up to 1.
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// An exponentially distributed number: the pauses between independent events are distributed like that.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -self.unit().ln() * mean
    }
}
