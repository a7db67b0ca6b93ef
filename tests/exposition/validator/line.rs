//! One line: names, labels, escapes, values.

use super::fault::{Fault, Rule, ensure, fault};
use super::number::number;
use super::{Exemplar, Labels, Sample, Syntax};

/// Reads one line from left to right.
pub(super) struct Line<'a> {
    whole: &'a str,
    rest: &'a str,
    syntax: Syntax,
}

impl<'a> Line<'a> {
    pub(super) fn new(whole: &'a str, rest: &'a str, syntax: Syntax) -> Self {
        Self {
            whole,
            rest,
            syntax,
        }
    }

    fn ensure(&self, condition: bool, rule: Rule) -> Result<(), Fault> {
        ensure(condition, rule, self.whole)
    }

    fn take(&mut self, prefix: &str) -> bool {
        let rest = self.rest.strip_prefix(prefix);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, prefix: &str, rule: Rule) -> Result<(), Fault> {
        let taken = self.take(prefix);
        self.ensure(taken, rule)
    }

    /// What comes before the first of these characters.
    fn until(&mut self, ends: &[char]) -> &'a str {
        let at = self.rest.find(ends).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(at);
        self.rest = rest;
        word
    }

    /// The name of a family after `# HELP ` and its like, and the text behind it.
    pub(super) fn metadata(mut self) -> Result<(String, &'a str), Fault> {
        let name = if self.rest.starts_with('"') {
            self.quoted_name()?
        } else {
            let name = self.until(&[' ']);
            self.ensure(is_name(name), Rule::Name)?;
            name.to_owned()
        };
        self.expect(" ", Rule::Blank)?;
        Ok((name, self.rest))
    }

    /// `name{labels} value timestamp # {labels} value timestamp`.
    pub(super) fn sample(mut self) -> Result<Sample, Fault> {
        let mut name = self.until(&['{', ' ']).to_owned();
        let bare = !name.is_empty();
        self.ensure(!bare || is_name(&name), Rule::Name)?;
        let mut labels = Labels::new();
        if self.take("{") {
            if !bare {
                self.ensure(self.rest.starts_with('"'), Rule::Name)?;
                name = self.quoted_name()?;
                if !self.rest.starts_with('}') {
                    self.expect(",", Rule::LabelSyntax)?;
                }
            }
            labels = self.labels()?;
        }
        self.ensure(!name.is_empty(), Rule::Name)?;
        self.expect(" ", Rule::Blank)?;
        let text = self.until(&[' ']).to_owned();
        self.ensure(!text.is_empty(), Rule::Blank)?;
        let value = self.number(&text)?;
        if !self.rest.is_empty() && !self.rest.starts_with(" # ") {
            self.expect(" ", Rule::Blank)?;
            let timestamp = self.until(&[' ']);
            self.timestamp(timestamp)?;
        }
        let exemplar = self.exemplar()?;
        Ok(Sample {
            name,
            labels,
            value,
            text,
            exemplar,
        })
    }

    fn exemplar(&mut self) -> Result<Option<Exemplar>, Fault> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        self.expect(" # ", Rule::Blank)?;
        self.ensure(self.syntax.open_metrics, Rule::ExemplarMisplaced)?;
        self.expect("{", Rule::ExemplarSyntax)?;
        let labels = self.labels()?;
        let chars = labels
            .iter()
            .map(|(k, v)| k.chars().count() + v.chars().count());
        self.ensure(chars.sum::<usize>() <= 128, Rule::ExemplarTooLong)?;
        self.expect(" ", Rule::ExemplarSyntax)?;
        let value = self.until(&[' ']);
        let value = self.number(value)?;
        let mut time = None;
        if self.take(" ") {
            let timestamp = self.until(&[]);
            self.timestamp(timestamp)?;
            time = number(timestamp);
        }
        Ok(Some(Exemplar {
            labels,
            value,
            time,
        }))
    }

    /// The labels behind `{`, and the closing brace.
    fn labels(&mut self) -> Result<Labels, Fault> {
        let mut labels = Labels::new();
        if self.take("}") {
            return Ok(labels);
        }
        loop {
            let name = if self.rest.starts_with('"') {
                self.quoted_name()?
            } else {
                let name = self.until(&['=', ',', '}', '"', ' ']);
                self.ensure(is_label(name), Rule::LabelName)?;
                name.to_owned()
            };
            self.expect("=", Rule::LabelSyntax)?;
            let value = self.quoted()?;
            self.ensure(labels.insert(name, value).is_none(), Rule::DuplicateLabel)?;
            if self.take("}") {
                return Ok(labels);
            }
            self.expect(",", Rule::LabelSyntax)?;
        }
    }

    fn quoted_name(&mut self) -> Result<String, Fault> {
        self.ensure(self.syntax.utf8, Rule::QuotedName)?;
        let name = self.quoted()?;
        self.ensure(!name.is_empty(), Rule::Name)?;
        Ok(name)
    }

    /// A text in quotes.
    fn quoted(&mut self) -> Result<String, Fault> {
        self.expect("\"", Rule::LabelSyntax)?;
        let mut escaped = false;
        let end = self.rest.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let Some(end) = end else {
            return fault(Rule::LabelSyntax, self.whole);
        };
        let (inside, rest) = (&self.rest[..end], &self.rest[end + 1..]);
        self.rest = rest;
        unescape(inside, true, self.whole)
    }

    fn number(&self, text: &str) -> Result<f64, Fault> {
        number(text).map_or_else(|| fault(Rule::Number, self.whole), Ok)
    }

    /// Whole milliseconds in Prometheus' text format, seconds in OpenMetrics.
    fn timestamp(&self, text: &str) -> Result<(), Fault> {
        let valid = match self.syntax.open_metrics {
            true => number(text).is_some_and(f64::is_finite),
            false => text.parse::<i64>().is_ok(),
        };
        self.ensure(valid, Rule::Timestamp)
    }
}

/// Undoes the escapes of a text. `quotes`: whether a quote is escaped as well.
pub(super) fn unescape(text: &str, quotes: bool, line: &str) -> Result<String, Fault> {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next() {
                Some('\\') => '\\',
                Some('n') => '\n',
                Some('"') if quotes => '"',
                _ => return fault(Rule::Escape, line),
            },
            '"' if quotes => return fault(Rule::Escape, line),
            c => c,
        });
    }
    Ok(out)
}

fn is_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    !name.is_empty() && name.chars().all(legal) && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn is_label(name: &str) -> bool {
    is_name(name) && !name.contains(':')
}
