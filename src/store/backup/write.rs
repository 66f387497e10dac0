//! Writing a backup.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::BackupError;
use super::export::Session;
use super::format::{self, Hashing, Manifest};
use super::{Phase, Progress, Summary, generations, read, stopping};
use crate::model::Timestamp;
use crate::store::codec::Op;
use crate::store::error::StoreError;
use crate::store::files;
use crate::store::shared::Shared;
use crate::store::snapshot::{self, SnapshotError};

/// What the temporary name ends with.
pub(super) const PARTIAL: &str = ".partial";
/// Of zstd: the usual one, some 200 MB/s.
const LEVEL: i32 = 3;
const BUFFER: usize = 256 * 1024;

/// See [`crate::store::Store::backup`].
pub(super) fn backup(
    shared: &Shared,
    path: &Path,
    now: Timestamp,
    progress: &mut dyn FnMut(Progress),
) -> Result<Summary, BackupError> {
    may_be_replaced(path)?;
    let partial = Partial::create(path)?;
    let written = write(shared, &partial, now, progress)?;
    let mut told = |done, of| progress(Progress { phase: Phase::Verify, done, of });
    let mut go_on = |_| if stopping(shared) { Err(StoreError::Closed.into()) } else { Ok(()) };
    let found = read::read::<BackupError>(&partial.path, &mut told, &mut go_on)?;
    if found.manifest != written {
        return Err(BackupError::Damaged {
            path: partial.path.clone(),
            what: "it reads back with another manifest".to_owned(),
            place: "in its head".to_owned(),
        });
    }
    if shared.has_failed() {
        return Err(StoreError::Failed.into());
    }
    partial.finish(path)?;
    Ok(Summary { path: path.to_owned(), ..found })
}

/// Nothing is overwritten but an older backup.
fn may_be_replaced(path: &Path) -> Result<(), BackupError> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(BackupError::Occupied(path.to_owned())),
        Ok(found) if found.len() == 0 => Ok(()),
        Ok(_) if read::is_backup(path).map_err(BackupError::io("read", path))? => Ok(()),
        Ok(_) => Err(BackupError::Occupied(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(BackupError::io("look for", path)(error)),
    }
}

fn write(
    shared: &Shared,
    partial: &Partial,
    now: Timestamp,
    progress: &mut dyn FnMut(Progress),
) -> Result<Manifest, BackupError> {
    let io = |error| BackupError::io("write", &partial.path)(error);
    let mut session = Session::begin(shared)?;
    let manifest = Manifest::new(shared.id, &session.state, now);
    let of = manifest.records();
    let mut out = Hashing::new(BufWriter::with_capacity(BUFFER, &partial.file));
    format::write_head(&mut out, &manifest).map_err(io)?;
    let mut packer = zstd::Encoder::new(out, LEVEL).map_err(io)?;
    let mut found = manifest.empty_state(shared.id);
    let (mut done, mut frames) = (0, 0);
    progress(Progress { phase: Phase::Write, done, of });
    while let Some(piece) = session.next()? {
        if piece.is_empty() {
            continue;
        }
        let mut ops = Vec::with_capacity(piece.len());
        for (key, value) in piece {
            found.tally(&key, &value, true).map_err(|error| BackupError::Inconsistent(error.to_string()))?;
            done += 1;
            ops.push(Op { key, value: Some(value) });
        }
        snapshot::put_frame(&mut packer, shared.id, &mut frames, &ops).map_err(|error| match error {
            SnapshotError::Io(error) => io(error),
            error => BackupError::Inconsistent(error.to_string()),
        })?;
        progress(Progress { phase: Phase::Write, done, of });
    }
    drop(session);
    manifest.compare(&found).map_err(BackupError::Inconsistent)?;
    let mut out = packer.finish().map_err(io)?;
    out.write_all(&format::END).map_err(io)?;
    let hash = out.hasher.finalize();
    out.write_all(hash.as_bytes()).map_err(io)?;
    out.flush().map_err(io)?;
    partial.file.sync_all().map_err(io)?;
    Ok(manifest)
}

/// The file under its temporary name, locked; removed when dropped unfinished.
struct Partial {
    path: PathBuf,
    file: File,
    finished: bool,
}

impl Partial {
    /// Makes it beside `target`, and removes what interrupted backups to the same place left.
    fn create(target: &Path) -> Result<Partial, BackupError> {
        for path in generations::leftovers(target) {
            // One that is still being written is locked.
            if File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
                fs::remove_file(&path).map_err(BackupError::io("remove", &path))?;
            }
        }
        let path = partial_name(target);
        let file = OpenOptions::new()
            .write(true)
            // Never through a link, and never into what somebody else is writing.
            .create_new(true)
            // Password hashes are in it.
            .mode(0o600)
            .open(&path)
            .map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => BackupError::Busy,
                _ => BackupError::io("make", &path)(error),
            })?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(BackupError::Busy),
            Err(TryLockError::Error(error)) => return Err(BackupError::io("lock", &path)(error)),
        }
        Ok(Partial { path, file, finished: false })
    }

    fn finish(mut self, target: &Path) -> Result<(), BackupError> {
        fs::rename(&self.path, target).map_err(BackupError::io("make", target))?;
        self.finished = true;
        let dir = target.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        files::sync_dir(dir).map_err(BackupError::io("sync", dir))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "cannot remove an unfinished backup");
        }
    }
}

/// The temporary name of `target`.
pub(super) fn partial_name(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(PARTIAL);
    PathBuf::from(name)
}
