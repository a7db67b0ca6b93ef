//! Compressed pages, whose cost is what changed.
//!
//! A page is cut into stretches: a large part of a family is one, and what lies between large parts is cut at every
//! [`FAMILIES`]th family, and at every [`PARTS`]th part of a family. A large part keeps its compressed form. The other
//! stretches are compared with those of the last page, one by one in their order, and taken over where they are the same.

use crate::deflate::{Deflated, Deflater, HEADER, trailer};
use crate::published::Published;
use crate::rendered::part::Part;
use crate::rendered::{Owner, Piece, Rendered};
use crate::sample::{CACHES, Encoder};
use std::array;
use std::mem;
use std::ptr;
use std::sync::Arc;

/// Parts with so many bytes are compressed by themselves.
const LARGE: usize = 8 * 1024;

/// Families in a stretch: of single metrics, some kilobytes.
const FAMILIES: usize = 32;

/// Parts of one family in a stretch: some kilobytes.
const PARTS: usize = 8;

/// What a registry keeps of the last compressed page in each format.
pub(super) struct CompressedCaches([Published<Stretches>; CACHES]);

impl Default for CompressedCaches {
    fn default() -> Self {
        Self(array::from_fn(|_| Published::new(Arc::default())))
    }
}

impl CompressedCaches {
    /// Compresses a page in this encoder's format. `keep`: whether the next page may take over what did not change. Of two threads
    /// that do this at the same time, each does it by itself.
    pub(super) fn compress(&self, page: &Rendered, encoder: &dyn Encoder, keep: bool) -> Rendered {
        let published = &self.0[encoder.cache()];
        let (compressed, stretches) = compress(page, &published.load());
        if keep {
            published.store(Arc::new(stretches));
        }
        compressed
    }
}

/// The stretches of a page that are no large parts.
#[derive(Default)]
pub(super) struct Stretches(Vec<Arc<Stretch>>);

struct Stretch {
    /// The same objects as the page's: they are shared, not copied.
    pieces: Vec<Owner>,
    deflated: Deflated,
}

/// A page, cut.
enum Cut<'a> {
    Large(&'a Arc<Part>),
    Pieces(Vec<Piece<'a>>),
}

/// Compresses a page, and returns its stretches for the next one. `last`: those of another page, usually the one before.
pub(super) fn compress(page: &Rendered, last: &Stretches) -> (Rendered, Stretches) {
    let mut deflater = Deflater::default();
    let mut stretches = Vec::new();
    let cuts = cut(page);
    for cut in &cuts {
        match cut {
            Cut::Large(part) => {
                part.deflated
                    .get_or_set(|| Box::new(deflater.deflate([&*part.bytes])));
            }
            Cut::Pieces(pieces) => {
                let before = last.0.get(stretches.len());
                let before = before.filter(|before| before.consists_of(pieces));
                stretches.push(before.cloned().unwrap_or_else(|| {
                    let bytes = pieces.iter().map(|piece| piece.bytes());
                    Arc::new(Stretch {
                        deflated: deflater.deflate(bytes),
                        pieces: pieces.iter().map(|piece| piece.owner()).collect(),
                    })
                }));
            }
        }
    }
    let mut between = stretches.iter();
    let deflated = cuts.iter().filter_map(|cut| match cut {
        Cut::Large(part) => part.deflated.get(),
        Cut::Pieces(_) => between.next().map(|stretch| &stretch.deflated),
    });
    let deflated: Vec<&Deflated> = deflated.collect();
    let bytes = deflated.iter().map(|deflated| Arc::clone(&deflated.bytes));
    let bytes = bytes.chain([trailer(deflated.iter().copied())]);
    (
        Rendered::of_bytes(HEADER, bytes.collect()),
        Stretches(stretches),
    )
}

fn cut(page: &Rendered) -> Vec<Cut<'_>> {
    let mut cuts = Vec::new();
    let (mut pieces, mut families, mut parts) = (Vec::new(), 0_usize, 0_usize);
    for piece in page.pieces() {
        let large = match piece {
            Piece::Part(part) if part.bytes.len() >= LARGE => Some(part),
            _ => None,
        };
        let head = matches!(piece, Piece::Head(_));
        let mut full = head && families > 0 && families.is_multiple_of(FAMILIES);
        families += usize::from(head);
        if head {
            parts = 0;
        } else if matches!(piece, Piece::Part(_)) {
            full = parts > 0 && parts.is_multiple_of(PARTS);
            parts += 1;
        }
        if (large.is_some() || full) && !pieces.is_empty() {
            cuts.push(Cut::Pieces(mem::take(&mut pieces)));
        }
        match large {
            Some(part) => cuts.push(Cut::Large(part)),
            None => pieces.push(piece),
        }
    }
    if !pieces.is_empty() {
        cuts.push(Cut::Pieces(pieces));
    }
    cuts
}

impl Stretch {
    /// Whether it is made of these bytes.
    fn consists_of(&self, pieces: &[Piece<'_>]) -> bool {
        let same = |(ours, theirs): (&Owner, &Piece<'_>)| {
            let (ours, theirs) = (ours.bytes(), theirs.bytes());
            ptr::eq(ours, theirs) || ours == theirs
        };
        self.pieces.len() == pieces.len() && self.pieces.iter().zip(pieces).all(same)
    }
}
