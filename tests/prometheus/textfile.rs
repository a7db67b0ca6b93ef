//! A page in a file, which Prometheus reads by way of a node exporter.

use crate::monitor::Prometheus;
use crate::subjects::NASTY;
use epoch_metrics::Registry;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::thread;

/// A node exporter with the textfile collector and no other. It is killed when the check ends, and its folder removed.
struct NodeExporter {
    child: Child,
    folder: PathBuf,
    address: String,
}

impl NodeExporter {
    /// Starts one at a free port, which its log names.
    fn start() -> Self {
        let folder = format!("node-exporter-{}", process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
        fs::create_dir_all(&folder).expect("a folder");
        let mut child = Command::new("prometheus-node-exporter")
            .args([
                "--web.listen-address=127.0.0.1:0",
                "--collector.disable-defaults",
            ])
            .arg("--collector.textfile")
            .arg(format!(
                "--collector.textfile.directory={}",
                folder.display()
            ))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let log = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut lines = log.lines().map_while(Result::ok);
        let address = lines.by_ref().find_map(|line| {
            let (_, address) = line.split_once("msg=\"Listening on\" address=")?;
            Some(address.to_owned())
        });
        // A pipe that nobody reads would stop the process.
        thread::spawn(move || lines.for_each(drop));
        let started = Self {
            child,
            folder,
            address: address.unwrap_or_default(),
        };
        assert!(!started.address.is_empty(), "it does not listen");
        started
    }
}

impl Drop for NodeExporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

pub(crate) fn comes_back() {
    let exporter = NodeExporter::start();
    // A process that was killed while it wrote left this behind. Nobody reads it.
    let left = exporter.folder.join(".job.prom.1.0.tmp");
    fs::write(left, "half a li").expect("it can be written");

    let registry = Registry::new();
    let jobs = registry.counter_family("jobs", "Jobs of a \\ kind.\n", &["kind"]);
    let jobs = jobs.expect("it is valid");
    let write = |count: u64| {
        for (number, kind) in (1..).zip(NASTY) {
            jobs.with(&[kind]).expect("it is valid").add(number * count);
        }
        let written = registry
            .page()
            .write_textfile(exporter.folder.join("job.prom"));
        written.expect("it can be written");
    };
    write(1);
    let target = &exporter.address;
    let prometheus = Prometheus::start(
        &format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs: [{{job_name: test, static_configs: [{{targets: [{target:?}]}}]}}]\n"
        ),
        &[],
    );
    let total: u64 = (1..=NASTY.len() as u64).sum();
    prometheus.wait_for("sum(jobs_total)", total as f64);
    // Written again, and read as a whole again.
    write(9);
    let moment = prometheus.wait_for("sum(jobs_total)", 10.0 * total as f64);
    let answer = moment.query("jobs_total");
    let found = answer
        .iter()
        .map(|series| (series.label("kind"), series.value));
    let expected = (1..).zip(NASTY);
    let expected = expected.map(|(number, kind)| (kind, f64::from(10 * number)));
    assert_eq!(
        BTreeMap::from_iter(found),
        expected.collect::<BTreeMap<_, _>>()
    );
    assert_eq!(moment.value("node_textfile_scrape_error"), 0.0);
}
