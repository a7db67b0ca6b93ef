//! Rendered pages: bytes that were rendered once, and are shared from then on.
//!
//! A page is what its format begins with, families, and what its format ends with. A family is a head, parts, and a foot; a part is
//! the bytes of some of its series. A registry keeps all of them, so what did not change goes from one page to the next without
//! being copied.

pub(crate) mod part;
pub(crate) mod parts;

use crate::sample::Encoder;
use crate::sample::description::FamilyDescription;
use part::Part;
use parts::Parts;
use std::fmt;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

/// The bytes of one family.
#[derive(Debug, Default)]
pub(crate) struct FamilyText {
    head: Arc<[u8]>,
    pub(crate) parts: Parts,
    foot: &'static [u8],
    pub(crate) len: usize,
}

/// Families that follow one another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Families {
    pub(crate) list: Arc<[Arc<FamilyText>]>,
    /// Bytes of all of them, with what separates them.
    len: usize,
}

/// A page in one format: immutable bytes, which pages share as far as they are equal.
///
/// A clone copies no bytes, and neither does a server that writes the [`chunks`](Self::chunks).
///
/// ```
/// use epoch_metrics::{Format, Registry};
///
/// let registry = Registry::new();
/// registry.counter("requests", "Requests answered.")?.inc();
/// let page = registry.page().render(Format::Prometheus);
/// assert_eq!(page.len(), page.chunks().map(|chunk| chunk.len()).sum());
/// assert!(page.to_vec().starts_with(b"# HELP requests_total "));
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct Rendered {
    begin: &'static [u8],
    separator: &'static [u8],
    end: &'static [u8],
    runs: Vec<Families>,
    /// A compressed page has these instead of families.
    #[cfg(feature = "gzip")]
    bytes: Arc<[Arc<[u8]>]>,
    len: usize,
}

/// Bytes of a [`Rendered`] page. They stay valid for as long as this lives.
///
/// ```
/// use epoch_metrics::{Format, Registry};
///
/// let registry = Registry::new();
/// registry.counter("requests", "Requests answered.")?;
/// let first = registry.page().render(Format::Prometheus).chunks().next().expect("there is a family");
/// assert!(first.starts_with(b"# HELP requests_total "));
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct RenderedChunk(Owner);

/// What a [`RenderedChunk`] keeps alive.
#[derive(Clone)]
pub(crate) enum Owner {
    Static(&'static [u8]),
    Head(Arc<[u8]>),
    Part(Arc<Part>),
    #[cfg(feature = "gzip")]
    Bytes(Arc<[u8]>),
}

/// A [`RenderedChunk`] that is borrowed.
#[derive(Clone, Copy)]
pub(crate) enum Piece<'a> {
    Static(&'static [u8]),
    Head(&'a Arc<[u8]>),
    Part(&'a Arc<Part>),
    #[cfg(feature = "gzip")]
    Bytes(&'a Arc<[u8]>),
}

impl FamilyText {
    pub(crate) fn new(
        parts: Parts,
        description: &FamilyDescription,
        encoder: &dyn Encoder,
    ) -> Self {
        let body = parts.bytes(encoder.separator().len());
        let mut out = Vec::new();
        encoder.begin_family(description, body, &mut out);
        let foot = encoder.end_family();
        Self {
            len: out.len() + body + foot.len(),
            head: out.into(),
            parts,
            foot,
        }
    }

    /// Families of one name as one. `description`: the first one's.
    pub(crate) fn join<'a>(
        mut texts: impl Iterator<Item = &'a Arc<Self>> + Clone,
        description: &FamilyDescription,
        encoder: &dyn Encoder,
    ) -> Arc<Self> {
        let parts = texts.clone().flat_map(|text| text.parts.iter().cloned());
        match (texts.next(), texts.next()) {
            (Some(one), None) => Arc::clone(one),
            _ => Arc::new(Self::new(parts.collect(), description, encoder)),
        }
    }

    fn pieces<'a>(
        self: &'a Arc<Self>,
        separator: &'static [u8],
    ) -> impl Iterator<Item = Piece<'a>> {
        let parts = self.parts.iter().filter(|part| !part.bytes.is_empty());
        let parts = parts
            .enumerate()
            .flat_map(move |(number, part)| [before(number, separator), Piece::Part(part)]);
        let head = std::iter::once(Piece::Head(&self.head));
        head.chain(parts).chain([Piece::Static(self.foot)])
    }
}

impl Families {
    pub(crate) fn new(list: Arc<[Arc<FamilyText>]>, encoder: &dyn Encoder) -> Self {
        let lens = list.iter().map(|family| family.len);
        let len = total(lens, encoder.separator());
        Self { list, len }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

/// Bytes of things of these lengths, with what separates them.
fn total(lens: impl Iterator<Item = usize>, separator: &[u8]) -> usize {
    let (count, bytes) = lens.fold((0_usize, 0), |(count, bytes), len| (count + 1, bytes + len));
    bytes + count.saturating_sub(1) * separator.len()
}

/// What stands before the thing of this number.
fn before(number: usize, separator: &'static [u8]) -> Piece<'static> {
    Piece::Static(if number == 0 { b"" } else { separator })
}

impl Rendered {
    pub(crate) fn new(runs: Vec<Families>, encoder: &dyn Encoder) -> Self {
        let (begin, separator, end) = (encoder.begin(), encoder.separator(), encoder.end());
        let lens = runs.iter().filter(|run| !run.list.is_empty());
        let len = begin.len() + total(lens.map(|run| run.len), separator) + end.len();
        Self {
            begin,
            separator,
            end,
            runs,
            #[cfg(feature = "gzip")]
            bytes: Arc::default(),
            len,
        }
    }

    /// A page that consists of these bytes.
    #[cfg(feature = "gzip")]
    pub(crate) fn of_bytes(begin: &'static [u8], bytes: Arc<[Arc<[u8]>]>) -> Self {
        let len = begin.len() + bytes.iter().map(|bytes| bytes.len()).sum::<usize>();
        Self {
            begin,
            separator: b"",
            end: b"",
            runs: Vec::new(),
            bytes,
            len,
        }
    }

    /// How many bytes the page has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing on the page.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The page's bytes, piece by piece, none of them empty.
    pub fn chunks(&self) -> impl Iterator<Item = RenderedChunk> {
        self.pieces().map(|piece| RenderedChunk(piece.owner()))
    }

    /// The page as one buffer.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len);
        self.pieces()
            .for_each(|piece| out.extend_from_slice(piece.bytes()));
        out
    }

    /// Writes the page.
    ///
    /// # Errors
    /// Those of `out`.
    ///
    /// ```
    /// use epoch_metrics::{Format, Registry};
    ///
    /// let mut file = Vec::new();
    /// Registry::new().page().render(Format::Prometheus).write_to(&mut file)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn write_to(&self, out: &mut impl io::Write) -> io::Result<()> {
        self.pieces()
            .try_for_each(|piece| out.write_all(piece.bytes()))
    }

    pub(crate) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let separator = self.separator;
        let families = self.runs.iter().flat_map(|run| run.list.iter());
        let families = families.enumerate().flat_map(move |(number, family)| {
            std::iter::once(before(number, separator)).chain(family.pieces(separator))
        });
        let begin = std::iter::once(Piece::Static(self.begin));
        let all = begin.chain(families);
        #[cfg(feature = "gzip")]
        let all = all.chain(self.bytes.iter().map(Piece::Bytes));
        let all = all.chain([Piece::Static(self.end)]);
        all.filter(|piece| !piece.bytes().is_empty())
    }
}

impl<'a> Piece<'a> {
    pub(crate) fn bytes(self) -> &'a [u8] {
        match self {
            Self::Static(bytes) => bytes,
            Self::Head(head) => head,
            Self::Part(part) => &part.bytes,
            #[cfg(feature = "gzip")]
            Self::Bytes(bytes) => bytes,
        }
    }

    pub(crate) fn owner(self) -> Owner {
        match self {
            Self::Static(bytes) => Owner::Static(bytes),
            Self::Head(head) => Owner::Head(Arc::clone(head)),
            Self::Part(part) => Owner::Part(Arc::clone(part)),
            #[cfg(feature = "gzip")]
            Self::Bytes(bytes) => Owner::Bytes(Arc::clone(bytes)),
        }
    }
}

impl Owner {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Static(bytes) => bytes,
            Self::Head(head) => head,
            Self::Part(part) => &part.bytes,
            #[cfg(feature = "gzip")]
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl Deref for RenderedChunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl AsRef<[u8]> for RenderedChunk {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rendered")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RenderedChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RenderedChunk")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
