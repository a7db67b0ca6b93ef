//! The trace that a request belongs to, as its client says (W3C Trace Context). The latency histogram keeps it as an exemplar.

use hyper::HeaderMap;
use std::sync::Arc;

/// `trace-id` and `parent-id` of a `traceparent` header: 32 and 16 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    /// The first 55 bytes of the header, all ASCII.
    header: Arc<str>,
}

impl Trace {
    /// The trace of a request, if it has one that is recorded: the header is valid, and its flag `sampled` is set.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let header = headers.get("traceparent")?.to_str().ok()?;
        let (known, further) = header.split_at_checked(55)?;
        let fields: Vec<_> = known.split('-').collect();
        let [version, trace, parent, flags] = fields[..] else {
            return None;
        };
        let is_hex = |field: &str| {
            field
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_valid = fields.iter().all(|field| is_hex(field))
            && fields.iter().map(|field| field.len()).eq([2, 32, 16, 2])
            // Later versions may have further fields.
            && (further.is_empty() || version != "00" && further.starts_with('-'))
            && version != "ff"
            && [trace, parent].iter().all(|id| id.bytes().any(|byte| byte != b'0'));
        let is_sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        (is_valid && is_sampled).then(|| Self {
            header: known.into(),
        })
    }

    /// The labels of an exemplar.
    pub(crate) fn labels(&self) -> [(&str, &str); 2] {
        [
            ("trace_id", &self.header[3..35]),
            ("span_id", &self.header[36..52]),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn of(header: &str) -> Option<Trace> {
        let mut headers = HeaderMap::new();
        headers.insert(
            "traceparent",
            HeaderValue::from_bytes(header.as_bytes()).unwrap(),
        );
        Trace::of(&headers)
    }

    #[test]
    fn a_valid_header_has_two_identifiers() {
        let labels = [
            ("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"),
            ("span_id", "00f067aa0ba902b7"),
        ];
        // As it is; with a flag that is not defined; of a later version.
        for header in [
            VALID.to_owned(),
            VALID.replace("-01", "-ff"),
            VALID.replace("00-4b", "cc-4b"),
            VALID.replace("00-4b", "cc-4b") + "-further",
        ] {
            assert_eq!(of(&header).unwrap().labels(), labels, "{header}");
        }
    }

    #[test]
    fn other_headers_are_ignored() {
        assert_eq!(Trace::of(&HeaderMap::new()), None);
        for (part, other) in [
            ("-01", "-00"),       // not sampled
            ("00-4b", "ff-4b"),   // a version that is not allowed
            ("4bf9", "4BF9"),     // capital letters
            ("4bf9", "4bg9"),     // no digit
            ("-01", ""),          // too short
            ("-01", "-011"),      // too long
            ("-01", "-01-x"),     // a field that the version does not have
            ("4bf92f", "4bf9-f"), // a field too many
            ("00f067aa0ba902b7", "0000000000000000"),
            (
                "4bf92f3577b34da6a3ce929d0e0e4736",
                "00000000000000000000000000000000",
            ),
            ("6-00f067aa0ba902b7", "60-0f067aa0ba902b7"), // fields of another length
            ("4bf92f", "4bf9\u{e4}"),                     // not ASCII
        ] {
            let header = VALID.replace(part, other);
            assert_ne!(header, VALID);
            assert_eq!(of(&header), None, "{header}");
        }
    }
}
