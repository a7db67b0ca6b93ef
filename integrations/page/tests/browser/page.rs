//! The page of registries that are made for the purpose.

use crate::chromium::Browser;
use crate::serve;
use epoch_metrics::{MetricsCollector, Registry};
use serde_json::json;
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

/// Opens the page of a registry and waits for its first numbers.
pub(crate) fn open(browser: &Browser, registry: &Registry) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let registry = registry.clone();
    thread::spawn(move || serve::serve(&listener, &registry));
    browser.open(&format!("http://{address}/"));
    browser.wait_until("document.querySelectorAll('#rows tr').length > 0");
}

fn collector() -> MetricsCollector {
    let collector = MetricsCollector::new();
    collector.record_latency(Duration::from_millis(3));
    collector.record_batch_size(4);
    collector.record_throughput(100, 1);
    collector.record_mode_transition("fast");
    collector.latency();
    collector
}

pub(crate) fn ten_thousand_series_are_searched_and_turned() {
    let registry = Registry::new();
    let jobs = registry.counter_family("jobs", "Jobs done.", &["queue"]);
    let jobs = jobs.unwrap();
    for queue in 0..10_000 {
        let job = jobs.with(&[&format!("queue-{queue:05}")]).unwrap();
        job.add(queue);
    }
    let browser = Browser::start();
    open(&browser, &registry);
    let first = "document.querySelector('#rows tr').textContent";
    let found = || browser.value("document.getElementById('found').textContent");
    assert!(browser.value("document.querySelectorAll('#rows tr').length") == 100);
    let series = browser.value("store.size").as_u64().expect("a number");
    assert!(series >= 10_000, "{series}");
    assert!(
        found()
            .as_str()
            .is_some_and(|text| text.starts_with("1 to 100 of 10,0"))
    );

    browser.value("document.getElementById('search').focus()");
    browser.write("QUEUE-07 99");
    browser.wait_until("document.getElementById('found').textContent === '19 series'");
    browser.value("document.getElementById('search').select()");
    browser.write("queue-07123");
    browser.wait_until("document.getElementById('found').textContent === '1 series'");
    let row = browser.value(first);
    let row = row.as_str().unwrap_or_default();
    assert!(
        row.starts_with("jobscounterqueue=\"queue-07123\"7,123"),
        "{row}"
    );
    browser.value("document.getElementById('search').select()");
    browser.write("queue-none");
    browser.wait_until("document.getElementById('found').textContent === 'no series match'");
    assert!(browser.value("document.querySelectorAll('#rows tr').length") == 0);

    browser.value("document.getElementById('search').select()");
    browser.write("queue-");
    browser.value("document.querySelector('[data-sort=value]').click()");
    browser.wait_until(&format!("{first}.includes('9,999')"));
    let sorted = "document.querySelector('[aria-sort]').textContent + document.querySelector('[aria-sort]').ariaSort";
    assert_eq!(browser.value(sorted), "Valuedescending");
    browser.value("document.getElementById('next').click()");
    browser.wait_until(&format!("{first}.includes('9,899')"));
    assert_eq!(found(), "101 to 200 of 10,000 series");

    // A value that changes shows by itself, with its rate, and moves to its place.
    browser.value("document.getElementById('previous').click()");
    jobs.with(&["queue-09899"]).unwrap().add(50);
    browser.wait_until(
        "[...document.querySelectorAll('#rows tr')].some((row) => /9,949[\\d.]*[1-9][\\d.]*.s/.test(row.textContent))",
    );
    assert_eq!(browser.complaints(), <[String; 0]>::default());
}

pub(crate) fn keyboards_and_screen_readers_reach_everything() {
    let collector = collector();
    let browser = Browser::start();
    open(&browser, collector.registry());
    browser.wait_until("!document.getElementById('hits').hidden");

    // Everything that can be operated is reached by Tab, and shows that it has the focus.
    let operable = "[...document.querySelectorAll('select, button, input, [tabindex]')].filter((one) => !one.disabled && one.checkVisibility()).length";
    let operable = browser.value(operable).as_u64().expect("a number");
    let mut reached = BTreeSet::new();
    for _ in 0..operable {
        browser.press("Tab");
        let focused = browser.value(
            "(() => { const one = document.activeElement; const style = getComputedStyle(one); \
             return [one.outerHTML.slice(0, 60) + (one.closest('section')?.id ?? ''), style.outlineStyle, parseFloat(style.outlineWidth)]; })()",
        );
        assert_eq!(focused[1], "solid", "{focused}");
        assert!(focused[2].as_f64() >= Some(2.0), "{focused}");
        reached.insert(focused[0].to_string());
    }
    assert_eq!(reached.len() as u64, operable, "{reached:#?}");

    browser.value("document.getElementById('pause').focus()");
    browser.press("Enter");
    browser.wait_until("document.querySelector('[role=status]').textContent === 'Paused'");
    assert_eq!(
        browser.value("document.getElementById('pause').ariaPressed"),
        "true"
    );
    browser.press("Enter");
    browser.wait_until("document.querySelector('[role=status]').textContent === 'Live'");

    // What assistive technology is told: a name for everything that has a role with one.
    let tree = browser.call("Accessibility.getFullAXTree", json!({}));
    let nodes = tree["nodes"].as_array().expect("an array");
    let named = [
        "combobox",
        "button",
        "searchbox",
        "region",
        "heading",
        "list",
    ];
    let mut roles = BTreeSet::new();
    for node in nodes.iter().filter(|node| node["ignored"] == false) {
        let role = node["role"]["value"].as_str().unwrap_or_default();
        if named.contains(&role) {
            let name = node["name"]["value"].as_str().unwrap_or_default();
            assert!(!name.is_empty(), "{node}");
            roles.insert(role);
        }
        // Canvases have their legends instead.
        assert_ne!(role.to_lowercase(), "canvas");
    }
    assert_eq!(roles, BTreeSet::from(named));
    let rows = nodes
        .iter()
        .filter(|node| node["role"]["value"] == "rowheader");
    assert!(rows.count() > 20);
    assert_eq!(browser.complaints(), <[String; 0]>::default());
}

/// The least contrast of all texts against what is behind them, by WCAG's formula, with the text.
const CONTRAST: &str = "(() => {
    const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
    const luminance = (color) => color.slice(0, 3).map((part) => part / 255)
        .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
    const behind = (one) => {
        for (; one; one = one.parentElement) {
            const color = rgb(getComputedStyle(one).backgroundColor);
            if (color.length === 3 || color[3] === 1) return color;
        }
        return [255, 255, 255];
    };
    let least = [100, ''];
    for (const one of document.querySelectorAll('body *')) {
        const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        if (!own || !one.checkVisibility() || one.disabled || one.closest('script, noscript, option')) continue;
        const [a, b] = [luminance(rgb(getComputedStyle(one).color)), luminance(behind(one))];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < least[0]) least = [contrast, one.outerHTML.slice(0, 200)];
    }
    return least;
})()";

pub(crate) fn a_phone_shows_it_in_the_dark() {
    let collector = collector();
    let browser = Browser::start();
    open(&browser, collector.registry());
    let background = "getComputedStyle(document.body).backgroundColor";
    for (scheme, dark) in [("light", false), ("dark", true)] {
        browser.prefer(scheme);
        let is_dark = browser.value(background) != "rgb(255, 255, 255)";
        assert_eq!(is_dark, dark, "{scheme}");
        let least = browser.value(CONTRAST);
        assert!(least[0].as_f64() >= Some(4.5), "{scheme}: {least}");
    }
    for width in [1280, 390, 320] {
        browser.resize(width, 844);
        browser.wait_until("[...document.querySelectorAll('#panels section:not([hidden]) .plot')].every((plot) => \
            Math.abs(plot.querySelector('canvas').getBoundingClientRect().width - plot.clientWidth) < 2)");
        let beyond = browser.value("document.documentElement.scrollWidth - innerWidth");
        assert!(beyond.as_i64() <= Some(0), "{beyond} pixels beyond {width}");
    }
    assert_eq!(browser.complaints(), <[String; 0]>::default());
}
