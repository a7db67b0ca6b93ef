//! Numbers, and the one form of those that are labels.

/// A value; `None` if it is not written as one.
pub(crate) fn number(text: &str) -> Option<f64> {
    match text {
        "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        _ => {
            let legal = |c: char| c.is_ascii_digit() || "+-.e".contains(c);
            text.parse().ok().filter(|_| text.chars().all(legal))
        }
    }
}

/// Whether an `le` or a `quantile` is written as Go's `%g` does it: no shorter form, an exponent only where `%g` has one, and
/// `.0` where there would be neither point nor exponent.
pub(super) fn is_canonical(text: &str) -> bool {
    let Some(value) = number(text).filter(|value| !value.is_nan()) else {
        return false;
    };
    if value.is_infinite() {
        return true;
    }
    let (mantissa, exponent) = match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let shortest = format!("{value:e}");
    let shortest = shortest.split('e').next().unwrap_or_default();
    let needs_exponent = value != 0.0 && !(1e-4..1e6).contains(&value.abs());
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let form = match exponent {
        Some(exponent) => {
            let digits = exponent.trim_start_matches(['+', '-']);
            let whole = whole.trim_start_matches('-');
            digits.len() + 1 == exponent.len()
                && (digits.len() == 2 || (digits.len() == 3 && !digits.starts_with('0')))
                && whole.len() == 1
                && whole != "0"
                && fraction.is_none_or(|fraction| !fraction.ends_with('0'))
        }
        None => fraction.is_some_and(|fraction| fraction == "0" || !fraction.ends_with('0')),
    };
    form && exponent.is_some() == needs_exponent && digits(mantissa) == digits(shortest)
}

/// The digits that count.
fn digits(text: &str) -> String {
    let digits = text.chars().filter(char::is_ascii_digit);
    digits.collect::<String>().trim_matches('0').to_owned()
}
