//! Label values in one allocation.

use crate::engine::family::labels::{LabelValues, hash_values};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Lengths around those that a byte holds, texts of more than one byte a character, and many values.
#[test]
fn what_is_packed_is_unpacked() {
    let long = "é".repeat(200);
    let many = vec!["v"; 300];
    let cases: [&[&str]; 9] = [
        &[],
        &[""],
        &["", ""],
        &["GET", "200"],
        &["ü", "", "日本"],
        &[&"a".repeat(255)],
        &[&"a".repeat(255), "b"],
        &[&long, &long, ""],
        &many,
    ];
    for values in cases {
        let packed = LabelValues::new(values);
        assert_eq!(packed.len(), values.len());
        assert_eq!(packed.iter().collect::<Vec<_>>(), values);
        assert!(packed.are(values));
        for other in cases {
            assert_eq!(
                packed.are(other),
                values == other,
                "{values:?} and {other:?}"
            );
            assert_eq!(packed == LabelValues::new(other), values == other);
        }
        let (mut ours, mut theirs) = (DefaultHasher::new(), DefaultHasher::new());
        packed.hash(&mut ours);
        hash_values(values.iter().copied(), &mut theirs);
        assert_eq!(ours.finish(), theirs.finish());
    }
}

/// Values that are the same text one after the other are different.
#[test]
fn values_do_not_run_into_each_other() {
    let packed = LabelValues::new(&["ab", "c"]);
    for other in [&["a", "bc"][..], &["abc", ""], &["", "abc"], &["abc"]] {
        assert!(!packed.are(other), "{other:?}");
        assert_ne!(packed, LabelValues::new(other));
    }
}
