//! How long windows may be: of throughputs and of histograms.

use crate::error::OptionsError;
use std::time::Duration;

/// The windows, if they are whole seconds from one to `max_seconds`, each of them once.
pub(super) fn valid_windows(
    windows: &[Duration],
    max_seconds: u64,
) -> Result<Box<[Duration]>, OptionsError> {
    let repeated = |&(i, window): &(usize, &Duration)| windows[..i].contains(window);
    if let Some((_, window)) = windows.iter().enumerate().find(repeated) {
        return Err(OptionsError::DuplicateWindow { window: *window });
    }
    let is_valid = |window: &Duration| {
        window.subsec_nanos() == 0 && (1..=max_seconds).contains(&window.as_secs())
    };
    match windows.iter().find(|window| !is_valid(window)) {
        Some(&window) => Err(OptionsError::Window {
            window,
            max_seconds,
        }),
        None => Ok(windows.into()),
    }
}
