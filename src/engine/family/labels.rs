//! The label values of one series, in one allocation.
//!
//! ```text
//! for two values: | width | number of values | end of value 0 | end of value 1 | value 0 | value 1 |
//!                  1 byte   `width` bytes each, 1 or 4; ends count from value 0      UTF-8
//! ```

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The values of a series' labels, in the order of the label names. Clones share the allocation.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct LabelValues(Arc<[u8]>);

/// Bytes of a number where 1 byte does not do.
const WIDE: usize = size_of::<u32>();

/// How label values are hashed, packed or not.
pub(crate) fn hash_values<'a, H: Hasher>(values: impl Iterator<Item = &'a str>, state: &mut H) {
    // The ending tells ["ab", "c"] from ["a", "bc"]: it is no byte of UTF-8.
    values.for_each(|value| value.hash(state));
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
        Self(packed.into())
    }

    /// How many there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.number(0).unwrap_or(0)
    }

    /// The number of values, and then their ends.
    #[inline]
    fn number(&self, at: usize) -> Option<usize> {
        if *self.0.first()? == 1 {
            return Some(usize::from(*self.0.get(1 + at)?));
        }
        let start = 1 + WIDE * at;
        let number = self.0.get(start..start + WIDE)?;
        Some(u32::from_le_bytes(number.try_into().ok()?) as usize)
    }

    /// The bytes of one value, which are those of a `str`.
    #[inline]
    fn bytes(&self, at: usize) -> Option<&[u8]> {
        let width = usize::from(*self.0.first()?);
        let text = 1 + width * (1 + self.len());
        let start = if at == 0 { 0 } else { self.number(at)? };
        self.0.get(text + start..text + self.number(at + 1)?)
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
        self.len() == values.len()
            && (0..)
                .zip(values)
                .all(|(at, value)| self.bytes(at) == Some(value.as_bytes()))
    }

    /// Whether both are clones of one.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Default for LabelValues {
    fn default() -> Self {
        Self([].into())
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
