//! The label values of one series, in one allocation.
//!
//! ```text
//! for two values: | start of value 0 | start of value 1 | end | value 0 | value 1 |
//!                   4 bytes each, counted from the first byte         UTF-8
//! ```

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The values of a series' labels, in the order of the label names. Clones share the allocation.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct LabelValues(Arc<[u8]>);

const WORD: usize = size_of::<u32>();

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
        let start = WORD * (values.len() + 1);
        let mut packed = Vec::with_capacity(start + lens.clone().sum::<usize>());
        let mut bound = start;
        for len in std::iter::once(0).chain(lens) {
            bound += len;
            let bound = u32::try_from(bound).expect("the label values of a series are below 4 GiB");
            packed.extend_from_slice(&bound.to_le_bytes());
        }
        let texts = values.iter().map(|value| value.borrow().as_bytes());
        texts.for_each(|text| packed.extend_from_slice(text));
        Self(packed.into())
    }

    /// How many there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self.bound(0) {
            Some(start) => start / WORD - 1,
            None => 0,
        }
    }

    #[inline]
    fn bound(&self, at: usize) -> Option<usize> {
        let word = self.0.get(WORD * at..WORD * (at + 1))?;
        Some(u32::from_le_bytes(word.try_into().ok()?) as usize)
    }

    /// The bytes of one value, which are those of a `str`.
    #[inline]
    fn bytes(&self, at: usize) -> Option<&[u8]> {
        self.0.get(self.bound(at)?..self.bound(at + 1)?)
    }

    /// One value.
    ///
    /// # Panics
    /// If there are fewer.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> &str {
        assert!(at < self.len(), "a series has a value for each label");
        let bytes = self.bytes(at).unwrap_or_default();
        // SAFETY: `new` copied these bytes, between these bounds, from a `str`.
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
