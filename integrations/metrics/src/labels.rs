//! The series of a key: its labels, with names that the registry accepts.

use crate::names::sanitize_label;
use epoch_metrics::{Family, LabelError, Member};
use metrics::Key;

/// What Prometheus puts before the name of a label that clashes with one that it sets itself.
const EXPORTED: &str = "exported_";

/// The member of the family that has the labels of the key, and whether it is theirs alone: beyond the family's cap many keys share
/// the overflow series.
///
/// Of labels whose names become equal, the last one counts. A label that the page or the registry sets itself, such as `le` of a
/// histogram, or whose name Prometheus reserves, gets `exported_` before its name.
pub(crate) fn member<M: Member>(family: &Family<M>, key: &Key) -> Result<(M, bool), LabelError> {
    let mut labels: Vec<(String, &str)> = Vec::new();
    for label in key.labels() {
        let name = sanitize_label(label.key());
        match labels.iter_mut().find(|(taken, _)| *taken == name) {
            Some(same) => same.1 = label.value(),
            None => labels.push((name, label.value())),
        }
    }
    loop {
        let pairs: Vec<(&str, &str)> = labels
            .iter()
            .map(|(name, value)| (&**name, *value))
            .collect();
        let refused = match family.with_labels(&pairs) {
            Ok(member) => {
                let own = matches!(family.get_with_labels(&pairs), Ok(Some(_)));
                return Ok((member, own));
            }
            Err(LabelError::InvalidLabel { label }) => label,
            Err(error) => return Err(error),
        };
        rename(&mut labels, &refused);
    }
}

/// Renames a label to a longer name that no other label has.
fn rename(labels: &mut [(String, &str)], refused: &str) {
    let mut free = format!("{EXPORTED}{refused}");
    while labels.iter().any(|(taken, _)| *taken == free) {
        free.insert_str(0, EXPORTED);
    }
    if let Some(label) = labels.iter_mut().find(|(name, _)| name == refused) {
        label.0 = free;
    }
}
