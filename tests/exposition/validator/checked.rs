//! Text that is checked when it is taken.

use super::{OPEN_METRICS, TEXT, valid};
use epoch_metrics::{MetricsCollector, Page, Registry};

/// Renders as `render_prometheus` does, and validates the page in both text formats.
pub(crate) trait Checked {
    fn checked_text(&self) -> String;
}

impl Checked for Page {
    fn checked_text(&self) -> String {
        let text = self.render_prometheus();
        valid(&text, TEXT);
        valid(&self.render_openmetrics(), OPEN_METRICS);
        text
    }
}

impl Checked for Registry {
    fn checked_text(&self) -> String {
        self.page().checked_text()
    }
}

impl Checked for MetricsCollector {
    fn checked_text(&self) -> String {
        self.page().checked_text()
    }
}
