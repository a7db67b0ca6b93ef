//! Texts that would do something if they were anything but texts.

use crate::chromium::Browser;
use crate::page;
use epoch_metrics::{HistogramOptions, Registry};
use serde_json::json;

/// Label values, help texts and, where these are allowed, names.
fn texts() -> Vec<String> {
    let texts = [
        "<img src=x onerror=\"window.executed=1\">",
        "<svg onload=window.executed=1>",
        "</script><script>window.executed=1</script>",
        "</textarea></style></title><iframe srcdoc='<script>parent.executed=1</script>'></iframe>",
        "\"><a href=\"javascript:window.executed=1\" autofocus onfocus=\"window.executed=1\">click</a>",
        "${window.executed=1}{{window.executed=1}}",
        "quotes \" ' ` \\ and\nnewlines\r\n\u{2028}\u{2029}",
        "nul \0 bell \u{7} escape \u{1b}[31m",
        "bidi \u{202e}gnp.exe\u{202c} \u{2066}x\u{2069} \u{200f}",
        "__proto__",
        "constructor",
        "",
    ];
    let long = ["x".repeat(10_000), "<b>".repeat(1 << 18)];
    texts.map(str::to_owned).into_iter().chain(long).collect()
}

/// Families of every kind of chart, with each text as a label value, a help text and a name.
fn registry() -> Registry {
    let registry = Registry::builder().utf8_names(true).build();
    let counters = registry
        .counter_family("counters", "</script>", &["label"])
        .unwrap();
    let gauges = registry.gauge_family("gauges", "<!--", &["label"]).unwrap();
    let modes = registry
        .gauge_family("some_mode", "]]>", &["mode"])
        .unwrap();
    let hits = registry
        .counter_family("hits", "", &["cache", "result"])
        .unwrap();
    let options = HistogramOptions::durations;
    let histograms = registry.histogram_family("times", "", options(), &["label"]);
    let histograms = histograms.unwrap();
    for (at, text) in texts().iter().enumerate() {
        counters.with(&[text]).unwrap().add(at as u64);
        gauges.with(&[text]).unwrap().set(at as i64);
        modes.with(&[text]).unwrap().set((at == 0).into());
        hits.with(&[text, "hit"]).unwrap().inc();
        histograms.with(&[text]).unwrap().record(1_000);
        if !text.is_empty() && text.len() < 1_000 {
            registry
                .counter(&format!("{text} counter"), text)
                .unwrap()
                .inc();
            registry
                .gauge(&format!("{text} gauge"), text)
                .unwrap()
                .set(1);
            let name = format!("{text} histogram");
            registry
                .histogram(&name, text, options())
                .unwrap()
                .record(1_000);
            let name = format!("{text} sizes");
            let sizes = registry.histogram(&name, text, HistogramOptions::values(0, 100));
            sizes.unwrap().record(7);
        }
    }
    registry
}

pub(crate) fn hostile_texts_stay_texts() {
    let registry = registry();
    let browser = Browser::start();
    page::open(&browser, &registry);
    let elements =
        "document.querySelectorAll('img, svg, iframe, a, b:not(.legend b), textarea').length";
    // Every choice of every chart, and all rows of the table.
    browser.wait_until(
        "[...document.querySelectorAll('#panels section')].every((section) => !section.hidden)",
    );
    let choices =
        "[...document.querySelectorAll('#panels select')].map((select) => select.options.length)";
    let choices: Vec<usize> = serde_json::from_value(browser.value(choices)).expect("numbers");
    assert!(choices.iter().sum::<usize>() > 40, "{choices:?}");
    for (panel, count) in choices.iter().enumerate() {
        for choice in 0..*count {
            browser.value(&format!(
                "{{ const select = document.querySelectorAll('#panels select')[{panel}]; \
                 select.selectedIndex = {choice}; select.dispatchEvent(new Event('change')); }}"
            ));
        }
    }
    // The last choice of the sizes has a name that is encoded in the query, and its buckets arrive.
    browser.wait_until(
        "histograms.every((panel) => panel.updates.some((update) => update.buckets?.length > 0))",
    );
    browser.value("document.getElementById('search').focus()");
    browser.write("counters label=");
    browser.wait_until("document.getElementById('found').textContent === '14 series'");
    let text = browser.value("document.getElementById('rows').textContent");
    let text = text.as_str().expect("a text");
    for shown in [
        "label=\"<img src=x onerror=\\\"window.executed=1\\\">\"",
        "label=\"</script><script>window.executed=1</script>\"",
        "and\\nnewlines\\u{d}\\n\\u{2028}\\u{2029}\"",
        "nul \\u{0} bell \\u{7} escape \\u{1b}[31m",
        "bidi \\u{202e}gnp.exe\\u{202c}",
        "label=\"__proto__\"",
        "xxx…\" (10,000 characters)",
        "<b><b…\" (786,432 characters)",
    ] {
        assert!(text.contains(shown), "{shown} in {text}");
    }
    assert!(text.len() < 20_000, "{}", text.len());
    assert_eq!(browser.value("typeof window.executed"), "undefined");
    assert_eq!(browser.value(elements), 0);
    assert_eq!(browser.value("document.scripts.length"), 2);
    assert_eq!(browser.complaints(), <[String; 0]>::default());

    // The policy would have stopped what the page's own code did not.
    for attempt in [
        "document.body.innerHTML = '<i>'",
        "document.createElement('script').text = 'window.executed = 1'",
        "eval('window.executed = 1')",
    ] {
        let expression = format!(
            "(() => {{ try {{ {attempt}; return 'done' }} catch (error) {{ return error.name }} }})()"
        );
        let call = json!({"expression": expression, "returnByValue": true, "allowUnsafeEvalBlockedByCSP": false});
        let result = browser.call("Runtime.evaluate", call);
        let outcome = result["result"]["value"].as_str().unwrap_or_default();
        assert!(outcome.ends_with("Error"), "{attempt}: {result}");
    }
    assert_eq!(browser.value("typeof window.executed"), "undefined");
}
