//! Pages in files, as the textfile collector of Prometheus' node exporter reads them.

#[path = "exposition/validator/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "the tests that read expositions use the rest"
)]
mod validator;

use epoch_metrics::{Registry, TextfileError};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

/// An empty folder, which is removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("textfile-{}-{name}", process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // Of an earlier process with this id, which was killed.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn page(&self) -> PathBuf {
        self.0.join("job.prom")
    }

    /// The names of its files, sorted.
    fn files(&self) -> Vec<String> {
        let names = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_file_has_the_page_and_is_alone() {
    let folder = Folder::new("page");
    let registry = Registry::new();
    let jobs = registry.counter("jobs", "Jobs done.").unwrap();
    for done in 1..=2 {
        jobs.inc();
        let page = registry.page();
        page.write_textfile(folder.page()).unwrap();
        let text = fs::read_to_string(folder.page()).unwrap();
        assert_eq!(text, page.render_prometheus());
        assert!(text.contains(&format!("\njobs_total {done}\n")));
        assert_eq!(folder.files(), ["job.prom"]);
    }
}

/// Many threads write while others read: every read is a whole page of one of the writers.
#[test]
fn a_reader_never_sees_part_of_a_page() {
    const SERIES: usize = 2_000;
    let folder = Folder::new("readers");
    let pages = [1, 2, 3].map(|value| {
        let registry = Registry::builder().without_own_metrics().build();
        let family = registry.gauge_family("share", "A share.", &["of"]).unwrap();
        // Pages differ in length: one written over another would leave a tail.
        for series in 0..SERIES * value {
            family
                .with(&[&series.to_string()])
                .unwrap()
                .set(value as i64);
        }
        registry.page()
    });
    pages[0].write_textfile(folder.page()).unwrap();
    let stopped = AtomicBool::new(false);
    let (mut reads, mut seen) = (0, [false; 4]);
    let started = Instant::now();
    thread::scope(|scope| {
        let _stop = StopOnDrop(&stopped);
        for page in &pages {
            let (folder, stopped) = (&folder, &stopped);
            scope.spawn(move || {
                while !stopped.load(SeqCst) {
                    page.write_textfile(folder.page()).unwrap();
                }
            });
        }
        while reads < 100 || seen.iter().filter(|seen| **seen).count() < 2 {
            let text = fs::read_to_string(folder.page()).expect("the file is always there");
            let families = validator::parse(&text);
            let samples = &families["share"].samples;
            let value = samples[0].value as usize;
            assert_eq!(samples.len(), SERIES * value);
            assert!(samples.iter().all(|sample| sample.value == value as f64));
            seen[value] = true;
            reads += 1;
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "always the same page"
            );
        }
    });
    assert_eq!(folder.files(), ["job.prom"]);
}

/// Ends the writers if a read fails.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

#[test]
fn errors_say_what_to_do_and_leave_the_file() {
    let folder = Folder::new("errors");
    let page = Registry::new().page();
    for wrong in ["job.txt", "job", ".prom", "..", ""] {
        let error = page.write_textfile(folder.0.join(wrong)).unwrap_err();
        assert!(matches!(error, TextfileError::NotRead { .. }), "{error}");
        assert!(error.to_string().contains("`.prom`"), "{error}");
        assert!(error.source().is_none());
    }
    assert!(folder.files().is_empty());

    let error = page
        .write_textfile(folder.0.join("missing/job.prom"))
        .unwrap_err();
    assert!(matches!(error, TextfileError::Write { .. }), "{error}");
    assert!(error.source().is_some());

    // A folder has the name. What was there stays there, and nothing else does.
    let taken = folder.0.join("taken.prom");
    fs::create_dir(&taken).unwrap();
    fs::write(taken.join("file"), "kept").unwrap();
    let error = page.write_textfile(&taken).unwrap_err();
    assert!(
        matches!(&error, TextfileError::Replace { path, .. } if *path == taken),
        "{error}"
    );
    assert_eq!(fs::read_to_string(taken.join("file")).unwrap(), "kept");
    assert_eq!(folder.files(), ["taken.prom"]);
}

/// A disk without room: the page before is kept, and no temporary file stays.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_page_before() {
    const PATH: &str = "EPOCH_TEXTFILE";
    if let Some(path) = std::env::var_os(PATH) {
        return write_beyond_the_limit(Path::new(&path));
    }
    let folder = Folder::new("full");
    let page = Registry::new().page();
    page.write_textfile(folder.page()).unwrap();
    let before = fs::read(folder.page()).unwrap();
    // This test again, as a process of its own, whose limit stands for the disk.
    let status = process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_full_disk_leaves_the_page_before"])
        .env(PATH, folder.page())
        .stdout(process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(fs::read(folder.page()).unwrap(), before);
    assert_eq!(folder.files(), ["job.prom"]);
}

/// Writes a page that is larger than the files which this process may write.
#[cfg(target_os = "linux")]
fn write_beyond_the_limit(path: &Path) {
    let registry = Registry::new();
    let family = registry.counter_family("jobs", "Jobs.", &["of"]).unwrap();
    (0..1_000).for_each(|series| family.with(&[&series.to_string()]).unwrap().inc());
    let limit = libc::rlimit {
        rlim_cur: 4_096,
        rlim_max: 4_096,
    };
    // SAFETY: reads the limit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) }, 0);
    // SAFETY: an ignored signal calls no code of this process.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    let error = registry.page().write_textfile(path).unwrap_err();
    let TextfileError::Write { error, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(error.raw_os_error(), Some(libc::EFBIG));
}
