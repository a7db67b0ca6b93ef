//! The label values of one series, in one allocation.
//!
//! ```text
//! for two values: | width | number of values | end of value 0 | end of value 1 | value 0 | value 1 |
//!                  1 byte   `width` bytes each, 1 or 4; ends count from value 0      UTF-8
//! ```

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use triomphe::ThinArc;

/// The values of a series' labels, in the order of the label names. Clones share the allocation. One pointer: there are three for each
/// series of a million.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct LabelValues(ThinArc<(), u8>);

/// Bytes of a number where 1 byte does not do.
const WIDE: usize = size_of::<u32>();

/// How label values are hashed, packed or not.
#[inline]
pub(crate) fn hash_values<'a, H: Hasher>(values: impl Iterator<Item = &'a str>, state: &mut H) {
    // Without the ending that `str` adds: the hasher of the index tells ["ab", "c"] from ["a", "bc"] by the lengths.
    values.for_each(|value| state.write(value.as_bytes()));
}

/// Whether two texts are the same. Label values are short: a call of the system's comparison takes longer than what is compared.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    fn word<const N: usize>(text: &[u8], at: usize) -> Option<[u8; N]> {
        text.get(at..at + N)?.try_into().ok()
    }
    match a.len() {
        len if len != b.len() => false,
        0 => true,
        len @ 1..=3 => (a[0], a[len / 2], a[len - 1]) == (b[0], b[len / 2], b[len - 1]),
        // The two words overlap, and cover everything.
        len @ 4..=7 => word::<4>(a, 0) == word(b, 0) && word::<4>(a, len - 4) == word(b, len - 4),
        len @ 8..=16 => word::<8>(a, 0) == word(b, 0) && word::<8>(a, len - 8) == word(b, len - 8),
        _ => a == b,
    }
}

impl LabelValues {
    /// # Panics
    /// If the values have 4 GiB or more.
    pub(crate) fn new<S: Borrow<str>>(values: &[S]) -> Self {
        if values.is_empty() {
            return Self::default();
        }
        let lens = values.iter().map(|value| value.borrow().len());
        let text: usize = lens.clone().sum();
        let narrow = text.max(values.len()) <= usize::from(u8::MAX);
        let width = if narrow { 1 } else { WIDE };
        let mut packed = Vec::with_capacity(1 + width * (1 + values.len()) + text);
        packed.push(width as u8);
        let ends = lens.scan(0, |end, len| {
            *end += len;
            Some(*end)
        });
        for number in std::iter::once(values.len()).chain(ends) {
            let number =
                u32::try_from(number).expect("the label values of a series are below 4 GiB");
            packed.extend_from_slice(&number.to_le_bytes()[..width]);
        }
        let texts = values.iter().map(|value| value.borrow().as_bytes());
        texts.for_each(|text| packed.extend_from_slice(text));
        Self(ThinArc::from_header_and_slice((), &packed))
    }

    #[inline]
    fn packed(&self) -> &[u8] {
        &self.0.slice
    }

    /// How many there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.number(0).unwrap_or(0)
    }

    /// The number of values, and then their ends.
    #[inline]
    fn number(&self, at: usize) -> Option<usize> {
        let packed = self.packed();
        if *packed.first()? == 1 {
            return Some(usize::from(*packed.get(1 + at)?));
        }
        let start = 1 + WIDE * at;
        let number = packed.get(start..start + WIDE)?;
        Some(u32::from_le_bytes(number.try_into().ok()?) as usize)
    }

    /// The bytes of one value, which are those of a `str`.
    #[inline]
    fn bytes(&self, at: usize) -> Option<&[u8]> {
        let width = usize::from(*self.packed().first()?);
        let text = 1 + width * (1 + self.len());
        let start = if at == 0 { 0 } else { self.number(at)? };
        self.packed().get(text + start..text + self.number(at + 1)?)
    }

    /// One value.
    ///
    /// # Panics
    /// If there are fewer.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> &str {
        assert!(at < self.len(), "a series has a value for each label");
        let bytes = self.bytes(at).unwrap_or_default();
        // SAFETY: `new` copied these bytes, between these ends, from a `str`.
        unsafe { std::str::from_utf8_unchecked(bytes) }
    }

    #[inline]
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        (0..self.len()).map(|at| self.get(at))
    }

    /// Whether these are the values.
    #[inline]
    pub(crate) fn are(&self, values: &[&str]) -> bool {
        let [1, count, rest @ ..] = self.packed() else {
            return self.are_wide(values);
        };
        let count = usize::from(*count);
        let Some((ends, text)) = rest.split_at_checked(count) else {
            return false;
        };
        let mut start = 0;
        count == values.len()
            && ends.iter().zip(values).all(|(end, value)| {
                let text = text.get(start..usize::from(*end));
                start = usize::from(*end);
                text.is_some_and(|text| same(text, value.as_bytes()))
            })
    }

    /// [`Self::are`], if the numbers do not fit into a byte each, or there are no values.
    #[cold]
    fn are_wide(&self, values: &[&str]) -> bool {
        let are = |(at, value): (usize, &&str)| self.bytes(at) == Some(value.as_bytes());
        self.len() == values.len() && values.iter().enumerate().all(are)
    }

    /// Whether both are clones of one.
    pub(crate) fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self.packed(), other.packed())
    }
}

impl Default for LabelValues {
    fn default() -> Self {
        Self(ThinArc::from_header_and_slice((), &[]))
    }
}

impl Hash for LabelValues {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_values(self.iter(), state);
    }
}

impl fmt::Debug for LabelValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
