//! A strict validator of text expositions: what the specifications demand, and where they leave a choice, what good custom is.
//!
//! It reads Prometheus' text format 0.0.4 and 1.0.0 (quoted UTF-8 names), and OpenMetrics 1.0 with and without such names. Stricter
//! than the specifications: a family has both `HELP` and `TYPE`, `le` and `quantile` are in the one canonical form in every
//! format, and there are no other comments, blank lines, further blanks or trailing commas.

mod checked;
mod family;
mod fault;
mod line;
mod number;

pub(crate) use checked::Checked;
pub(crate) use fault::{Fault, Rule};
use fault::{ensure, fault};
use line::{Line, unescape};
pub(crate) use number::number;
use std::collections::{BTreeMap, HashMap, HashSet};

pub(crate) type Families = HashMap<String, Family>;
pub(crate) type Labels = BTreeMap<String, String>;

/// What is written in a format.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Syntax {
    pub(crate) open_metrics: bool,
    /// Whether names may be quoted.
    pub(crate) utf8: bool,
}

pub(crate) const TEXT: Syntax = Syntax {
    open_metrics: false,
    utf8: false,
};

pub(crate) const OPEN_METRICS: Syntax = Syntax {
    open_metrics: true,
    utf8: false,
};

impl Syntax {
    pub(crate) const fn with_utf8(self) -> Self {
        Self { utf8: true, ..self }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) help: String,
    pub(crate) kind: String,
    pub(crate) unit: String,
    /// In the order of the text.
    pub(crate) samples: Vec<Sample>,
}

#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) value: f64,
    /// The value as it was written.
    pub(crate) text: String,
    pub(crate) exemplar: Option<Exemplar>,
}

#[derive(Debug)]
pub(crate) struct Exemplar {
    pub(crate) labels: Labels,
    pub(crate) value: f64,
    /// In seconds.
    pub(crate) time: Option<f64>,
}

/// A family that is being read.
#[derive(Default)]
struct Open {
    name: String,
    help: Option<String>,
    kind: Option<String>,
    unit: Option<String>,
    samples: Vec<Sample>,
}

/// All families of a text, by the name in their `TYPE` line.
pub(crate) fn validate(text: &str, syntax: Syntax) -> Result<Families, Fault> {
    ensure(
        text.is_empty() || text.ends_with('\n'),
        Rule::UnfinishedLine,
        text,
    )?;
    let mut families = Families::new();
    let mut names = HashSet::new();
    let mut open: Option<Open> = None;
    let mut ended = false;
    // A line ends with a line feed and with nothing else: a carriage return is a character like any other.
    for line in text.split_terminator('\n') {
        ensure(!ended, Rule::TextAfterEof, line)?;
        ensure(!line.is_empty(), Rule::BlankLine, line)?;
        if syntax.open_metrics && line == "# EOF" {
            ended = true;
            continue;
        }
        let Some(comment) = line.strip_prefix('#') else {
            let sample = Line::new(line, line, syntax).sample()?;
            let name = open.as_ref().map(|open| &*open.name);
            let known = name.is_some_and(|name| sample.name.starts_with(name));
            let before = families.iter().any(|(name, family)| {
                let suffix = sample.name.strip_prefix(&**name);
                suffix.is_some_and(|it| family::suffixes(&family.kind, syntax).contains(&it))
            });
            if !known && before {
                return fault(Rule::SecondFamily, line);
            }
            match open.as_mut().filter(|_| known) {
                Some(open) => open.add(sample, syntax, line)?,
                None => return fault(Rule::MissingType, line),
            }
            continue;
        };
        let comment = comment.strip_prefix(' ').unwrap_or_default();
        let (word, rest) = comment.split_once(' ').unwrap_or_default();
        let described = matches!(word, "HELP" | "TYPE") || (syntax.open_metrics && word == "UNIT");
        ensure(described, Rule::Comment, line)?;
        let (name, text) = Line::new(line, rest, syntax).metadata()?;
        if open.as_ref().is_none_or(|open| open.name != name) {
            close(open.take(), &mut families, &mut names, syntax)?;
            ensure(!families.contains_key(&name), Rule::SecondFamily, line)?;
        }
        let open = open.get_or_insert_with(|| Open {
            name,
            ..Open::default()
        });
        open.describe(word, text, syntax, line)?;
    }
    close(open, &mut families, &mut names, syntax)?;
    ensure(ended || !syntax.open_metrics, Rule::MissingEof, text)?;
    Ok(families)
}

impl Open {
    fn describe(
        &mut self,
        word: &str,
        text: &str,
        syntax: Syntax,
        line: &str,
    ) -> Result<(), Fault> {
        ensure(self.samples.is_empty(), Rule::LateMetadata, line)?;
        let (place, text, second) = match word {
            "HELP" => {
                let help = unescape(text, syntax.open_metrics, line)?;
                (&mut self.help, help, Rule::SecondHelp)
            }
            "TYPE" => {
                let known = ["counter", "gauge", "histogram", "summary"].contains(&text);
                ensure(known, Rule::UnknownType, line)?;
                (&mut self.kind, text.to_owned(), Rule::SecondType)
            }
            _ => {
                let suffix = self.name.strip_suffix(text);
                let fits = suffix.is_some_and(|name| name.ends_with('_') && name.len() > 1);
                ensure(fits && !text.is_empty(), Rule::Unit, line)?;
                (&mut self.unit, text.to_owned(), Rule::SecondUnit)
            }
        };
        ensure(place.replace(text).is_none(), second, line)
    }

    fn add(&mut self, sample: Sample, syntax: Syntax, line: &str) -> Result<(), Fault> {
        let Some(kind) = &self.kind else {
            return fault(Rule::MissingType, line);
        };
        let suffix = sample.name.strip_prefix(&*self.name).unwrap_or_default();
        let known = family::suffixes(kind, syntax).contains(&suffix);
        ensure(known, Rule::Suffix, line)?;
        self.samples.push(sample);
        Ok(())
    }
}

/// Checks a family that is complete, and takes its names.
fn close(
    open: Option<Open>,
    families: &mut Families,
    names: &mut HashSet<String>,
    syntax: Syntax,
) -> Result<(), Fault> {
    let Some(open) = open else {
        return Ok(());
    };
    let name = open.name;
    let Some(kind) = open.kind else {
        return fault(Rule::MissingType, &name);
    };
    let Some(help) = open.help else {
        return fault(Rule::MissingHelp, &name);
    };
    let mut taken: HashSet<&str> = HashSet::from([""]);
    taken.extend(family::suffixes(&kind, syntax));
    for suffix in taken {
        let free = names.insert(format!("{name}{suffix}"));
        ensure(free, Rule::NameClash, &name)?;
    }
    let family = Family {
        help,
        kind,
        unit: open.unit.unwrap_or_default(),
        samples: open.samples,
    };
    family::check(&name, &family, syntax)?;
    families.insert(name, family);
    Ok(())
}

/// [`validate`], which must succeed.
pub(crate) fn valid(text: &str, syntax: Syntax) -> Families {
    match validate(text, syntax) {
        Ok(families) => families,
        Err(fault) => panic!("{:?}: {} in\n{text}", fault.rule, fault.place),
    }
}

/// The families of a page in the text format 0.0.4. Counters, and nothing else, are called `_total`.
pub(crate) fn parse(text: &str) -> Families {
    let families = valid(text, TEXT);
    for (name, family) in &families {
        let total = name.ends_with("_total");
        assert_eq!(total, family.kind == "counter", "{name}: {}", family.kind);
    }
    families
}

/// The value of the one sample with this name and exactly these labels.
pub(crate) fn value(families: &Families, name: &str, labels: &[(&str, &str)]) -> f64 {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let labels: Labels = labels.iter().map(owned).collect();
    let samples = families.values().flat_map(|family| &family.samples);
    let mut found = samples.filter(|sample| sample.name == name && sample.labels == labels);
    let Some(sample) = found.next() else {
        panic!("no {name} with {labels:?}")
    };
    assert!(found.next().is_none());
    sample.value
}
