//! gzip in pieces (RFC 1952): stretches of text that are compressed one by one and put together later.
//!
//! Each stretch is a deflate stream of its own, which refers to nothing outside and ends at a byte's boundary (a flush adds an empty
//! block that is not the last one). So stretches make one stream when they follow one another, and their checksums can be combined.

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use std::io::Write;
use std::mem;
use std::sync::Arc;

/// What a gzip member begins with: deflate, no name, no time, an unknown system.
pub(crate) const HEADER: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The last block, an empty one.
const LAST_BLOCK: [u8; 2] = [3, 0];

/// A stretch, compressed.
#[derive(Debug)]
pub(crate) struct Deflated {
    pub(crate) bytes: Arc<[u8]>,
    /// Of the stretch as it was.
    crc: Crc,
}

/// Compresses stretches. It is made when the first one comes: it takes 300 KB.
#[derive(Default)]
pub(crate) struct Deflater(Option<DeflateEncoder<Vec<u8>>>);

impl Deflater {
    /// A stretch that consists of these pieces.
    pub(crate) fn deflate<'a>(&mut self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Deflated {
        // The fastest level: text of metrics becomes a fifth larger than by the default one, in a quarter of the time.
        let new = || DeflateEncoder::new(Vec::new(), Compression::fast());
        let encoder = self.0.get_or_insert_with(new);
        let mut crc = Crc::new();
        // Writing to a Vec cannot fail.
        for piece in pieces {
            crc.update(piece);
            let _ = encoder.write_all(piece);
        }
        let _ = encoder.flush();
        let bytes = mem::take(encoder.get_mut()).into();
        // This ends the stream, in a buffer that nobody needs.
        let _ = encoder.reset(Vec::new());
        Deflated { bytes, crc }
    }
}

/// What a gzip member ends with, after these stretches.
pub(crate) fn trailer<'a>(stretches: impl IntoIterator<Item = &'a Deflated>) -> Arc<[u8]> {
    let mut crc = Crc::new();
    stretches
        .into_iter()
        .for_each(|stretch| crc.combine(&stretch.crc));
    // The length is modulo 2^32.
    let (sum, len) = (crc.sum().to_le_bytes(), crc.amount().to_le_bytes());
    [&LAST_BLOCK[..], &sum, &len].concat().into()
}
