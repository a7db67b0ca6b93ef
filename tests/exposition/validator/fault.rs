//! Why a text is not a valid exposition.

/// A rule that a text breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Rule {
    // Lines.
    UnfinishedLine,
    BlankLine,
    Comment,
    MissingEof,
    TextAfterEof,
    Blank,
    // Names, labels, values.
    Name,
    QuotedName,
    LabelName,
    LabelSyntax,
    DuplicateLabel,
    Escape,
    Number,
    Timestamp,
    // Families.
    SecondHelp,
    SecondType,
    SecondUnit,
    MissingHelp,
    MissingType,
    UnknownType,
    LateMetadata,
    SecondFamily,
    NameClash,
    Unit,
    // Samples of a family.
    Suffix,
    DuplicateSeries,
    ScatteredSeries,
    // Values.
    NegativeCounter,
    NotAnInteger,
    MissingBound,
    MissingQuantile,
    NotCanonical,
    Unsorted,
    NotMonotone,
    MissingInfinity,
    InfinityIsNotTheCount,
    CountWithoutSum,
    MissingTotals,
    QuantileOutOfRange,
    ImpossibleSum,
    // Exemplars.
    ExemplarMisplaced,
    ExemplarTooLong,
    ExemplarSyntax,
}

/// A broken rule, and where it is broken.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) rule: Rule,
    /// The line, or the family.
    pub(crate) place: String,
}

pub(crate) fn fault<T>(rule: Rule, place: &str) -> Result<T, Fault> {
    let place = place.to_owned();
    Err(Fault { rule, place })
}

/// An error unless the condition holds.
pub(crate) fn ensure(condition: bool, rule: Rule, place: &str) -> Result<(), Fault> {
    if condition {
        Ok(())
    } else {
        fault(rule, place)
    }
}
