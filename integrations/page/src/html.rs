//! The HTML document, put together when the crate is compiled, and the headers to answer it with.

/// What the `<style>` element holds.
macro_rules! style {
    () => {
        concat!(
            include_str!("../vendor/uPlot.min.css"),
            include_str!("page/style.css")
        )
    };
}

/// What the first `<script>` element holds: the library that draws.
macro_rules! library {
    () => {
        include_str!("../vendor/uPlot.iife.min.js")
    };
}

/// What the second `<script>` element holds. Later files use what earlier ones define.
macro_rules! script {
    () => {
        concat!(
            include_str!("page/format.js"),
            include_str!("page/store.js"),
            include_str!("page/chart.js"),
            include_str!("page/lines.js"),
            include_str!("page/histogram.js"),
            include_str!("page/table.js"),
            include_str!("page/main.js")
        )
    };
}

/// The page: an HTML document in UTF-8 that loads nothing else.
///
/// It polls the relative URL `page.json`, so that one must be served beside it: a page at `/internal/page` polls
/// `/internal/page.json`. [`render_data`](crate::render_data) makes the answer.
///
/// ```
/// assert!(epoch_metrics_page::HTML.starts_with("<!doctype html>"));
/// ```
pub const HTML: &str = concat!(
    include_str!("page/head.html"),
    "<style>",
    style!(),
    "</style>\n",
    include_str!("page/body.html"),
    "<!-- uPlot 1.6.32, https://github.com/leeoniya/uPlot\n\n",
    include_str!("../vendor/uPlot.LICENSE"),
    "\n-->\n<script>",
    library!(),
    "</script>\n<script>",
    script!(),
    "</script>\n</body>\n</html>\n"
);

/// The value of the `Content-Security-Policy` header: the page runs its own scripts and no others, applies its own styles, connects to its own
/// origin alone, and cannot be framed. In browsers that enforce Trusted Types, none of its code can turn text into markup.
///
/// The hashes are those of the elements in [`HTML`]; a test computes them.
///
/// ```
/// assert!(epoch_metrics_page::CONTENT_SECURITY_POLICY.starts_with("default-src 'none'; "));
/// ```
pub const CONTENT_SECURITY_POLICY: &str = concat!(
    "default-src 'none'; ",
    "script-src 'sha256-GcjUxq2Ikpp59K5J1vcWFWbf0Lo9FcxJXpdPeH63jx8=' 'sha256-VoJSJng3NgwYxQDcoPbRmWt4hHCK/HlyqX+jVU3GCWM='; ",
    "style-src 'sha256-DJ3Y1ToqcUPpjiNzriLiPUdcDzY97EourvYgRtx1vbQ='; ",
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; ",
    "require-trusted-types-for 'script'; trusted-types 'none'"
);

/// The headers of the response that carries [`HTML`], names in lower case.
///
/// ```
/// assert!(epoch_metrics_page::HTML_HEADERS.contains(&("content-type", "text/html; charset=utf-8")));
/// ```
pub const HTML_HEADERS: [(&str, &str); 5] = [
    ("content-type", "text/html; charset=utf-8"),
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-cache"),
];

/// The headers of the response that carries what [`render_data`](crate::render_data) returns, names in lower case.
///
/// ```
/// assert!(epoch_metrics_page::DATA_HEADERS.contains(&("content-type", "application/json")));
/// ```
pub const DATA_HEADERS: [(&str, &str); 3] = [
    ("content-type", "application/json"),
    ("x-content-type-options", "nosniff"),
    ("cache-control", "no-store"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    use sha2::{Digest, Sha256};

    fn source(text: &str) -> String {
        format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)))
    }

    #[test]
    fn the_policy_names_the_hashes_of_scripts_and_styles() {
        let [style, library, script] = [style!(), library!(), script!()].map(source);
        for allowed in [
            format!("script-src {library} {script};"),
            format!("style-src {style};"),
        ] {
            assert!(
                CONTENT_SECURITY_POLICY.contains(&allowed),
                "the page has changed; the policy has to say: {allowed}"
            );
        }
    }

    #[test]
    fn elements_end_where_they_should() {
        for (element, count) in [("style", 1), ("script", 2)] {
            let (open, close) = (format!("<{element}"), format!("</{element}"));
            assert_eq!(HTML.matches(&open).count(), count, "{element}");
            assert_eq!(HTML.matches(&close).count(), count, "{element}");
        }
        assert_eq!(HTML.matches("<!--").count(), 1);
        assert_eq!(HTML.matches("-->").count(), 1);
    }
}
