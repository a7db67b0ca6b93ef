//! The metrics of one kind: families by name, and the facade's handles by key.

use crate::labels::member;
use crate::names::sanitize_metric;
use epoch_metrics::{Family, Member, RegisterError};
use foldhash::fast::RandomState;
use metrics::Key;
use papaya::HashMap;

/// Why a metric is refused: the value of a label.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal {
    /// A metric of another kind, or one that was registered in another way, has the name.
    NameTaken,
    /// There is no such name, even with `_` for what is illegal.
    InvalidName,
    /// The family has as many series as it may have, and gauges have no overflow series.
    TooManySeries,
}

impl Refusal {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::NameTaken => "name_taken",
            Self::InvalidName => "invalid_name",
            Self::TooManySeries => "too_many_series",
        }
    }

    fn from_error(error: &RegisterError) -> Self {
        match error {
            RegisterError::InvalidName { .. } => Self::InvalidName,
            _ => Self::NameTaken,
        }
    }
}

/// Families whose members are `M`, whose handles are `H`. `T`: what the families have in addition.
#[derive(Debug)]
pub(crate) struct Families<M: Member, T, H> {
    /// By names as they are exposed. What was refused once stays refused.
    by_name: HashMap<String, Result<Registered<M, T>, Refusal>, RandomState>,
    /// Only of series that exist, so that the families' caps bound them.
    handles: HashMap<Key, H, RandomState>,
}

impl<M: Member, T, H> Default for Families<M, T, H> {
    fn default() -> Self {
        Self {
            by_name: HashMap::default(),
            handles: HashMap::default(),
        }
    }
}

/// A family, and what it has in addition.
pub(crate) type Registered<M, T> = (Family<M>, T);

impl<M: Member, T: Clone, H: Clone> Families<M, T, H> {
    /// The handle of a series that exists.
    #[inline]
    pub(crate) fn find(&self, key: &Key) -> Option<H> {
        self.handles.pin().get(key).cloned()
    }

    /// The handle of a series that may be new. `register` registers the family of this name; `hold` makes the handle.
    #[cold]
    pub(crate) fn create(
        &self,
        key: &Key,
        register: impl FnOnce(String) -> Result<Registered<M, T>, Refusal>,
        hold: impl FnOnce(M, T) -> H,
    ) -> Result<H, Refusal> {
        let name = sanitize_metric(key.name());
        let known = self.known(&name);
        let (family, further) = known.unwrap_or_else(|| register(name))?;
        // Names of labels are made legal, and their number is free: only a cap can refuse a series.
        let (member, own) = member(&family, key).map_err(|_| Refusal::TooManySeries)?;
        let handle = hold(member, further);
        if own {
            self.handles.pin().insert(key.to_retained(), handle.clone());
        }
        Ok(handle)
    }

    /// What a registration under this name returned, if there was one.
    pub(crate) fn known(&self, name: &str) -> Option<Result<Registered<M, T>, Refusal>> {
        self.by_name.pin().get(name).cloned()
    }

    /// Keeps what a registration returned.
    pub(crate) fn keep(
        &self,
        name: String,
        registered: Result<Registered<M, T>, RegisterError>,
    ) -> Result<Registered<M, T>, Refusal> {
        let registered = registered.map_err(|error| Refusal::from_error(&error));
        self.by_name.pin().insert(name, registered.clone());
        registered
    }

    /// The names of the families that are registered.
    pub(crate) fn names(&self) -> Vec<String> {
        let by_name = self.by_name.pin();
        let registered = by_name.iter().filter(|(_, family)| family.is_ok());
        registered.map(|(name, _)| name.clone()).collect()
    }

    /// Whether a family is registered under this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        matches!(self.by_name.pin().get(name), Some(Ok(_)))
    }
}
