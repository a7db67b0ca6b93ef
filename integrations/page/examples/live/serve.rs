//! The least HTTP server that shows the page: it reads a request's first line and answers, a thread for each connection.

use epoch_metrics::Registry;
use epoch_metrics_page::{DATA_HEADERS, HTML, HTML_HEADERS, render_data};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// Answers until the process ends, or until the listener fails.
pub(crate) fn serve(listener: &TcpListener, registry: &Registry) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { return };
        let registry = registry.clone();
        // A browser that goes away in the middle of an answer is no reason to end.
        thread::spawn(move || answer(&stream, &registry));
    }
}

fn answer(mut stream: &TcpStream, registry: &Registry) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    while lines
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    let target = first.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (status, headers, body) = match path {
        "/" => ("200 OK", &HTML_HEADERS[..], HTML.to_owned()),
        "/page.json" => (
            "200 OK",
            &DATA_HEADERS[..],
            render_data(&registry.page(), query),
        ),
        _ => ("404 Not Found", &[][..], String::new()),
    };
    let mut head = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n{body}").as_bytes())
}
