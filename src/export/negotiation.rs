//! Which format a scraper gets, from the values of its `Accept` and `Accept-Encoding` headers (RFC 9110).
//!
//! A format is served to those who name it, the text format 0.0.4 to everybody else: a wildcard, an unknown type or version, and
//! a header that cannot be read all mean text. A scrape never fails because of its headers.

use crate::sample::escaping::Escaping;
use std::cmp::Reverse;

/// A format that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    /// Prometheus' text format 0.0.4.
    Text,
    /// The same as 1.0.0, which has quoted names.
    QuotedText,
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' protobuf messages.
    #[cfg(feature = "protobuf")]
    Protobuf,
}

/// What a scraper gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Negotiated {
    pub(crate) media: Media,
    /// How names are written; `None` if it was not asked for: [`Escaping::Underscores`].
    pub(crate) escaping: Option<Escaping>,
    pub(crate) gzip: bool,
}

/// The best of what is asked for. Each item is the value of one header line.
pub(crate) fn negotiate(
    accept: impl IntoIterator<Item: AsRef<str>>,
    accept_encoding: impl IntoIterator<Item: AsRef<str>>,
) -> Negotiated {
    let mut named: Vec<Offer> = Vec::new();
    for line in accept {
        for offer in split(line.as_ref(), ',').filter_map(Offer::read) {
            match named.iter_mut().find(|other| other.media == offer.media) {
                // The more specific range decides, the first one of several.
                Some(other) if offer.specificity > other.specificity => *other = offer,
                Some(_) => {}
                None => named.push(offer),
            }
        }
    }
    let asked = named
        .iter()
        .enumerate()
        .filter(|(_, offer)| offer.quality > 0);
    let best = asked.max_by_key(|(at, offer)| (offer.quality, offer.specificity, Reverse(*at)));
    Negotiated {
        media: best.map_or(Media::Text, |(_, offer)| offer.media),
        escaping: best.and_then(|(_, offer)| offer.escaping),
        gzip: cfg!(feature = "gzip") && accepts_gzip(accept_encoding),
    }
}

/// A media range that means one of the formats.
#[derive(Debug)]
struct Offer {
    media: Media,
    escaping: Option<Escaping>,
    /// In thousandths.
    quality: u16,
    /// Of two ranges that mean the same format, the one with the higher number counts.
    specificity: u8,
}

impl Offer {
    /// `None`: the range means no format that there is.
    fn read(range: &str) -> Option<Self> {
        let mut parts = split(range, ';');
        let range = parts.next()?.to_ascii_lowercase();
        let mut parameters = Vec::new();
        for part in parts.filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=')?;
            parameters.push((key.trim().to_ascii_lowercase(), unquoted(value.trim())));
        }
        let parameter = |key: &str| {
            let mut found = parameters.iter().filter(|(name, _)| name == key);
            found.next().map(|(_, value)| *value)
        };
        let quality = parameter("q").map_or(Some(1000), thousandths)?;
        let escaping = parameter("escaping").and_then(Escaping::of_word);
        let (media, specificity) = match (&*range, parameter("version")) {
            ("*/*", _) => (Media::Text, 0),
            ("text/*", _) => (Media::Text, 1),
            ("text/plain", None) => (Media::Text, 2),
            ("text/plain", Some("0.0.4")) => (Media::Text, 3),
            ("text/plain", Some("1.0.0")) => (Media::QuotedText, 3),
            ("application/openmetrics-text", None) => (Media::OpenMetrics, 2),
            ("application/openmetrics-text", Some("1.0.0")) => (Media::OpenMetrics, 3),
            #[cfg(feature = "protobuf")]
            ("application/vnd.google.protobuf", _)
                if parameter("proto") == Some("io.prometheus.client.MetricFamily")
                    && parameter("encoding") == Some("delimited") =>
            {
                (Media::Protobuf, 3)
            }
            _ => return None,
        };
        // Version 0.0.4 has no quoted names.
        let quoted = media == Media::Text && escaping == Some(Escaping::AllowUtf8);
        Some(Self {
            media,
            escaping: if quoted {
                Some(Escaping::Underscores)
            } else {
                escaping
            },
            quality,
            specificity,
        })
    }
}

/// Whether gzip is acceptable, and not less welcome than an answer as it is.
fn accepts_gzip(lines: impl IntoIterator<Item: AsRef<str>>) -> bool {
    let (mut gzip, mut any, mut identity) = (None, None, None);
    for line in lines {
        for coding in split(line.as_ref(), ',') {
            let (name, parameter) = coding.split_once(';').unwrap_or((coding, "q=1"));
            let quality = parameter.trim().strip_prefix(['q', 'Q']);
            let quality = quality.and_then(|value| value.trim().strip_prefix('='));
            let Some(quality) = quality.and_then(|value| thousandths(value.trim())) else {
                continue;
            };
            let place = match &*name.trim().to_ascii_lowercase() {
                "gzip" | "x-gzip" => &mut gzip,
                "*" => &mut any,
                "identity" => &mut identity,
                _ => continue,
            };
            place.get_or_insert(quality);
        }
    }
    let gzip = gzip.or(any).unwrap_or(0);
    gzip > 0 && gzip >= identity.unwrap_or(0)
}

/// A quality in thousandths: a number from 0 to 1 with up to three decimals.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let valid = matches!(whole, "0" | "1") && decimals.len() <= 3 && digits(decimals);
    let quality: u16 = format!("{whole}{decimals:0<3}").parse().ok()?;
    (valid && quality <= 1000).then_some(quality)
}

/// The parts between separators that are outside quotes, without blanks around them.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = text.split(move |c| {
        let separates = c == separator && !quoted;
        quoted ^= c == '"' && !escaped;
        escaped = quoted && c == '\\' && !escaped;
        separates
    });
    parts.map(str::trim)
}

/// The value of a parameter. No value that means something here has characters which quotes would have to escape.
fn unquoted(value: &str) -> &str {
    let inside = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    inside.unwrap_or(value)
}
