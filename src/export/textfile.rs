//! A page in a file, for the textfile collector of Prometheus' node exporter.
//!
//! The collector reads a file whenever it is scraped. It must never find half a page, so the page is written to another file of the
//! same folder, which then takes the name: on one file system a rename replaces a file at once.

use crate::error::TextfileError;
use crate::export::Format;
use crate::registry::Page;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Names that are tried for the temporary file. One is taken while another thread writes the same path, and after a process of the
/// same id was killed.
const ATTEMPTS: u32 = 100;

impl Page {
    /// Writes the page to a file, in Prometheus' text format 0.0.4, for the [textfile collector] of Prometheus' node exporter: the
    /// way for a job to be measured that ends before anybody scrapes it.
    ///
    /// A reader of `path` finds the file as it was before or the whole page, never part of it, even if the process is killed or the
    /// machine stops: the page goes to a temporary file in the same folder, `.{name}.{process id}.{number}.tmp`, which is flushed to
    /// the disk and then renamed to `path`. The collector does not read temporary files. If writing fails the temporary file is
    /// removed and `path` is left as it was; if the process is killed the temporary file can stay behind. Several processes may
    /// write the same path: the last one wins. It blocks for as long as the disk takes.
    ///
    /// The file is new each time, with the permissions that the process gives to new files; the node exporter must be able to read it.
    /// Files of one folder share a page: two of them must not have the same series. Give each job's registry a prefix or a constant
    /// label, and [`without_own_metrics`](crate::RegistryBuilder::without_own_metrics) leaves out the library's own series.
    ///
    /// # Errors
    /// If the file's name does not end in `.prom`, since the collector would ignore it, and if the file cannot be written or renamed.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::builder().prefix("backup")?.without_own_metrics().build();
    /// registry.gauge("last_success_timestamp_seconds", "When the last backup succeeded.")?.set(1_764_460_800);
    /// let folder = std::env::temp_dir().join(format!("textfile-{}", std::process::id()));
    /// std::fs::create_dir_all(&folder)?;
    /// registry.page().write_textfile(folder.join("backup.prom"))?;
    /// let text = std::fs::read_to_string(folder.join("backup.prom"))?;
    /// assert!(text.ends_with("\nbackup_last_success_timestamp_seconds 1764460800\n"));
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// [textfile collector]: https://github.com/prometheus/node_exporter#textfile-collector
    pub fn write_textfile(&self, path: impl AsRef<Path>) -> Result<(), TextfileError> {
        let path = path.as_ref();
        let Some(name) = path
            .file_name()
            .filter(|_| path.extension() == Some(OsStr::new("prom")))
        else {
            let path = path.to_owned();
            return Err(TextfileError::NotRead { path });
        };
        let (temporary, file) =
            create(path, name).map_err(|(path, error)| TextfileError::Write { path, error })?;
        let replaced = self
            .fill(file)
            .map_err(|error| TextfileError::Write {
                path: temporary.clone(),
                error,
            })
            .and_then(|()| {
                fs::rename(&temporary, path).map_err(|error| TextfileError::Replace {
                    path: path.to_owned(),
                    error,
                })
            });
        if replaced.is_err() {
            // The first error is the one to report.
            let _ = fs::remove_file(&temporary);
        }
        replaced?;
        sync_folder(path);
        Ok(())
    }

    /// Writes the page, and returns when the disk has it. Without that, a machine that stops after the rename may come back with an
    /// empty file.
    fn fill(&self, file: File) -> io::Result<()> {
        let mut out = io::BufWriter::new(file);
        self.render(Format::Prometheus).write_to(&mut out)?;
        out.into_inner()?.sync_all()
    }
}

/// A new file beside `path`. The error has the path that could not be created.
fn create(path: &Path, name: &OsStr) -> Result<(PathBuf, File), (PathBuf, io::Error)> {
    let process = std::process::id();
    let mut attempt = 0;
    loop {
        let mut temporary = OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{process}.{attempt}.tmp"));
        let temporary = path.with_file_name(temporary);
        match File::create_new(&temporary) {
            Ok(file) => return Ok((temporary, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < ATTEMPTS => {
                attempt += 1;
            }
            Err(error) => return Err((temporary, error)),
        }
    }
}

/// Makes the new name itself durable, where folders can be flushed. The page has been replaced already; without this, a machine that
/// stops may come back with the page before, which is whole as well, so an error changes no promise.
fn sync_folder(path: &Path) {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let here = Path::new(".");
        let folder = if folder == Path::new("") {
            here
        } else {
            folder
        };
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    #[cfg(not(unix))]
    let _ = path;
}
