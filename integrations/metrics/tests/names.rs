//! Counters are shown under the names that they were given, by the handle; by the registry itself as OpenMetrics demands it.

use epoch_metrics::Registry;
use epoch_metrics_facade::PrometheusBuilder;
use metrics::{counter, gauge, with_local_recorder};

fn count() {
    counter!("jobs", "queue" => "} app_jobs_total 7").increment(1);
    counter!("sent_total").increment(2);
    gauge!("depth").set(3.0);
}

#[test]
fn names_are_kept_beside_other_metrics_of_the_registry() {
    let registry = Registry::builder().prefix("app").unwrap().build();
    registry
        .counter("own", "Not of the facade.")
        .unwrap()
        .add(4);
    let builder = PrometheusBuilder::new().registry(&registry);
    let recorder = builder.build_recorder().unwrap();
    with_local_recorder(&recorder, count);

    let kept = recorder.handle().render();
    for line in [
        "# TYPE app_jobs counter",
        "app_jobs{queue=\"} app_jobs_total 7\"} 1",
        "app_sent_total 2",
        "app_depth 3",
        "app_own_total 4",
    ] {
        assert!(kept.lines().any(|of| of == line), "{line} in {kept}");
    }
    let changed = kept.replace("app_jobs{", "app_jobs_total{");
    let changed = changed.replace("TYPE app_jobs ", "TYPE app_jobs_total ");
    let changed = changed.replace("HELP app_jobs ", "HELP app_jobs_total ");
    assert_eq!(changed, registry.render_prometheus());
    assert!(registry.render_openmetrics().contains("app_jobs_total{"));
}

#[test]
fn a_counter_of_both_names_has_the_longer_one() {
    let recorder = PrometheusBuilder::new().build_recorder().unwrap();
    with_local_recorder(&recorder, || {
        counter!("jobs").increment(1);
        counter!("jobs_total").increment(2);
    });
    let page = recorder.handle().render();
    assert!(page.contains("\njobs_total 3\n"), "{page}");
    assert!(!page.contains("\njobs "), "{page}");
}
