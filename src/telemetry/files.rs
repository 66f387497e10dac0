//! Log files: a new one each day and whenever one has grown large, the old ones compressed and at last
//! deleted.

#[cfg(test)]
mod tests;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::names::{COMPRESSED, Name, UNFINISHED, day_of, surplus};
use crate::config::Log;
use crate::model::Timestamp;

/// Effort of the compression: logs shrink to about a tenth with little work.
const LEVEL: i32 = 3;

/// How large log files become and how long they stay.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Retention {
    /// The files of how many days stay; `None`: all.
    pub keep: Option<usize>,
    /// Bytes after which a file is followed by another; `None`: one file a day.
    pub max_size: Option<usize>,
    /// Bytes of all files together; `None`: no bound.
    pub total: Option<usize>,
}

impl Retention {
    /// What `[log]` asks for.
    pub fn of(config: &Log) -> Retention {
        Retention { keep: config.keep, max_size: config.max_size, total: config.total }
    }
}

/// What a look through the log files led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tidied {
    /// Files that were compressed.
    pub compressed: usize,
    /// Files that were deleted.
    pub deleted: usize,
    /// Bytes that became free.
    pub freed: u64,
}

/// The log files of one directory.
#[derive(Debug)]
pub struct LogFiles {
    directory: PathBuf,
    inner: Mutex<Inner>,
    /// Lines that could not be written.
    lost: AtomicUsize,
}

#[derive(Debug)]
struct Inner {
    retention: Retention,
    active: Option<Name>,
}

impl LogFiles {
    /// The log files in `directory`, which is made if it is missing.
    ///
    /// # Errors
    ///
    /// The directory cannot be made.
    pub fn new(directory: &Path, retention: Retention) -> io::Result<Arc<LogFiles>> {
        // Logs name people and their addresses: not for every user of the machine.
        DirBuilder::new().recursive(true).mode(0o750).create(directory)?;
        let inner = Mutex::new(Inner { retention, active: None });
        Ok(Arc::new(LogFiles { directory: directory.to_owned(), inner, lost: AtomicUsize::new(0) }))
    }

    /// Has other limits count from now on.
    pub fn set_retention(&self, retention: Retention) {
        self.lock().retention = retention;
    }

    /// Lines that could not be written since the start.
    pub fn lost(&self) -> usize {
        self.lost.load(Ordering::Relaxed)
    }

    /// Compresses the files of the past and deletes those that are too many. Blocks while the files are
    /// read, and while somebody else does the same.
    ///
    /// # Errors
    ///
    /// The first thing that went wrong; the rest was done all the same. A file is deleted only after its
    /// compressed copy has been synced, so whenever this ends, every line is in one of them.
    pub fn tidy(&self) -> io::Result<Tidied> {
        let held = File::open(&self.directory)?;
        held.lock()?;
        let (retention, active) = {
            let inner = self.lock();
            (inner.retention, inner.active.clone())
        };
        let mut tidied = Tidied::default();
        let mut result = self.delete_unfinished();
        let mut note = |outcome: io::Result<()>| {
            if result.is_ok() {
                result = outcome;
            }
        };
        let old = surplus(&self.list()?, active.as_ref(), retention.keep, None);
        note(self.delete(old, &mut tidied));
        for (name, size) in self.list()? {
            if !name.compressed && active.as_ref().is_some_and(|active| name < *active) {
                note(self.compress(&name).map(|now| {
                    tidied.compressed += 1;
                    tidied.freed += size.saturating_sub(now);
                }));
            }
        }
        let large = surplus(&self.list()?, active.as_ref(), None, retention.total);
        note(self.delete(large, &mut tidied));
        result.map(|()| tidied)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All log files with their sizes, oldest first.
    fn list(&self) -> io::Result<Vec<(Name, u64)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            if let Some(name) = entry.file_name().to_str().and_then(Name::parse) {
                found.push((name, entry.metadata()?.len()));
            }
        }
        found.sort();
        Ok(found)
    }

    fn delete(&self, names: Vec<Name>, tidied: &mut Tidied) -> io::Result<()> {
        for name in names {
            let path = name.path(&self.directory);
            tidied.freed += fs::metadata(&path)?.len();
            fs::remove_file(path)?;
            tidied.deleted += 1;
        }
        Ok(())
    }

    /// Deletes what a compression left that did not come to its end.
    fn delete_unfinished(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let of = name.to_str().and_then(|name| name.strip_suffix(UNFINISHED)).and_then(Name::parse);
            if of.is_some() {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Replaces a file by a compressed one and returns the size of that.
    fn compress(&self, name: &Name) -> io::Result<u64> {
        let path = name.path(&self.directory);
        let beside = |suffix: &str| {
            let mut path = path.clone().into_os_string();
            path.push(suffix);
            PathBuf::from(path)
        };
        let unfinished = beside(UNFINISHED);
        let mut from = File::open(&path)?;
        let to = OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(&unfinished)?;
        zstd::stream::copy_encode(&mut from, &to, LEVEL)?;
        to.sync_all()?;
        fs::rename(&unfinished, beside(COMPRESSED))?;
        File::open(&self.directory)?.sync_all()?;
        fs::remove_file(&path)?;
        Ok(to.metadata()?.len())
    }
}

/// Writes lines to the files of a [`LogFiles`], whichever is due. Each write is one line.
pub(super) struct RollingFile {
    files: Arc<LogFiles>,
    clock: Box<dyn FnMut() -> Timestamp + Send>,
    open: Open,
    tidying: Option<JoinHandle<()>>,
    /// The last attempt to begin a new file failed.
    stuck: bool,
}

struct Open {
    file: File,
    name: Name,
    size: u64,
    /// The day for which this file was last found to be the right one.
    day: u64,
}

impl RollingFile {
    /// Goes on in the file that is due by `clock`.
    pub(super) fn new(
        files: Arc<LogFiles>,
        mut clock: impl FnMut() -> Timestamp + Send + 'static,
    ) -> io::Result<RollingFile> {
        let day = day_of(clock());
        let newest = files.list()?.pop().map(|(name, _)| name);
        let today = Name::first_of(day);
        // Should the clock have gone back, the files must still be in order.
        let name = match newest {
            Some(newest) if newest.day >= today.day && newest.compressed => newest.next(),
            Some(newest) if newest.day >= today.day => newest,
            _ => today,
        };
        let open = Open::new(&files, name, day)?;
        let mut rolling = RollingFile { files, clock: Box::new(clock), open, tidying: None, stuck: false };
        rolling.tidy_beside();
        Ok(rolling)
    }

    fn roll_if_due(&mut self, more: usize) -> io::Result<()> {
        let day = day_of((self.clock)());
        let max = self.files.lock().retention.max_size.map_or(u64::MAX, |max| max as u64);
        let Open { name, size, day: seen, .. } = &mut self.open;
        let full = *size > 0 && size.saturating_add(more as u64) > max;
        if !full && day == *seen {
            return Ok(());
        }
        let today = Name::first_of(day);
        let next = if today.day > name.day {
            today
        } else if full {
            name.next()
        } else {
            *seen = day;
            return Ok(());
        };
        self.open = Open::new(&self.files, next, day)?;
        self.tidy_beside();
        Ok(())
    }

    /// Looks through the files on another thread: lines must not wait for that.
    fn tidy_beside(&mut self) {
        if self.tidying.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return;
        }
        let files = Arc::clone(&self.files);
        let thread = thread::Builder::new().name("log-tidy".to_owned()).spawn(move || {
            if let Err(error) = files.tidy() {
                tracing::warn!(%error, "cannot tidy up the log files");
            }
        });
        match thread {
            Ok(thread) => self.tidying = Some(thread),
            Err(error) => tracing::warn!(%error, "cannot start a thread"),
        }
    }
}

impl Open {
    fn new(files: &LogFiles, name: Name, day: u64) -> io::Result<Open> {
        let path = name.path(&files.directory);
        let file = OpenOptions::new().append(true).create(true).mode(0o640).open(path)?;
        let size = file.metadata()?.len();
        files.lock().active = Some(name.clone());
        Ok(Open { file, name, size, day })
    }
}

impl Write for RollingFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.roll_if_due(line.len()) {
            Ok(()) => self.stuck = false,
            // This one has to do. Said once: what is said here comes back as a line.
            Err(error) if !self.stuck => {
                self.stuck = true;
                tracing::warn!(%error, "cannot begin a new log file");
            }
            Err(_) => {}
        }
        if let Err(error) = self.open.file.write_all(line) {
            self.files.lost.fetch_add(1, Ordering::Relaxed);
            return Err(error);
        }
        self.open.size += line.len() as u64;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open.file.flush()
    }
}

impl Drop for RollingFile {
    fn drop(&mut self) {
        if let Some(thread) = self.tidying.take() {
            // It logs its errors itself.
            let _ = thread.join();
        }
    }
}
