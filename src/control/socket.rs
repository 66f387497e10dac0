//! The socket in the file system: one daemon has it, and nobody reaches it before its rights are set.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use rustix::fs::{FlockOperation, flock};

use super::access::group_number;

/// The longest path of a Unix socket, in bytes; Linux has room for 108 with the zero at the end.
const PATH_MAX: usize = 107;

/// A socket that listens. Dropping it takes the socket away and lets the next daemon in.
#[derive(Debug)]
pub struct Socket {
    path: PathBuf,
    /// Held as long as the socket is this daemon's.
    _lock: File,
}

impl Socket {
    /// Makes the socket at `path` in place of what an earlier daemon left there. Blocks; what listens does not.
    ///
    /// # Errors
    ///
    /// If another daemon has it, or it cannot be made; the text says what to do.
    pub fn bind(path: &Path, mode: u32, group: Option<&str>) -> anyhow::Result<(Socket, UnixListener)> {
        let shown = path.display();
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let Some(name) = path.file_name() else { bail!("{shown} (control.socket) does not name a file") };
        fs::create_dir_all(parent).with_context(|| format!("cannot make the directory of {shown}"))?;
        let mut lock_name = name.to_owned();
        lock_name.push(".lock");
        let lock = lock(&parent.join(lock_name), path)?;
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                bail!("{shown} (control.socket) is there and is no socket; move it away")
            }
            _ => {}
        }
        // Bound in a directory that only this user can look into, and moved when its rights are right:
        // at no time can somebody connect who may not. The move also replaces a stale socket at once.
        let private = parent.join(format!(".c{}", std::process::id()));
        _ = fs::remove_file(private.join("s"));
        _ = fs::remove_dir(&private);
        let made = DirBuilder::new().mode(0o700).create(&private);
        made.with_context(|| format!("cannot make {}", private.display()))?;
        let bound = prepare(&private.join("s"), path, mode, group);
        _ = fs::remove_file(private.join("s"));
        _ = fs::remove_dir(&private);
        let listener = bound?;
        listener.set_nonblocking(true)?;
        Ok((Socket { path: path.to_owned(), _lock: lock }, listener))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Whoever comes while the daemon goes should not find a socket where nobody listens.
        _ = fs::remove_file(&self.path);
    }
}

fn prepare(private: &Path, path: &Path, mode: u32, group: Option<&str>) -> anyhow::Result<UnixListener> {
    let shown = path.display();
    let length = path.as_os_str().len().max(private.as_os_str().len());
    if length > PATH_MAX {
        bail!("the path {shown} (control.socket) is too long for a socket; at most {PATH_MAX} bytes")
    }
    let listener = UnixListener::bind(private).with_context(|| format!("cannot make the socket {shown}"))?;
    if let Some(group) = group {
        let number = group_number(group, "control.group")?;
        chown(private, None, Some(number)).with_context(|| {
            format!("cannot give {shown} to the group {group} (control.group); is the daemon's user in it?")
        })?;
    }
    fs::set_permissions(private, Permissions::from_mode(mode))
        .with_context(|| format!("cannot set the permissions of {shown}"))?;
    fs::rename(private, path).with_context(|| format!("cannot move the socket to {shown}"))?;
    Ok(listener)
}

fn lock(file: &Path, socket: &Path) -> anyhow::Result<File> {
    let shown = file.display();
    let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(file);
    let lock = lock.with_context(|| format!("cannot open {shown}"))?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(error) if io::Error::from(error).kind() == io::ErrorKind::WouldBlock => {
            bail!(
                "another daemon is running here: it has the control socket {}; stop it first, or give this \
                 one another server.data_dir",
                socket.display()
            )
        }
        Err(error) => Err(io::Error::from(error)).with_context(|| format!("cannot lock {shown}")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[tokio::test]
    async fn one_daemon_at_a_time_and_a_stale_socket_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/control.sock");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // What a daemon that was killed has left.
        drop(UnixListener::bind(&path).unwrap());
        let stale = fs::metadata(&path).unwrap().ino();
        let (socket, _listener) = Socket::bind(&path, 0o640, None).unwrap();
        let found = fs::metadata(&path).unwrap();
        assert_eq!((found.permissions().mode() & 0o777, found.ino() == stale), (0o640, false));
        tokio::net::UnixStream::connect(&path).await.unwrap();
        let error = Socket::bind(&path, 0o640, None).unwrap_err().to_string();
        assert!(error.contains("another daemon") && error.contains("control.sock"), "{error}");
        drop(socket);
        assert!(!path.exists());
        drop(Socket::bind(&path, 0o600, None).unwrap());
        let left: Vec<_> =
            fs::read_dir(path.parent().unwrap()).unwrap().map(|it| it.unwrap().file_name()).collect();
        assert_eq!(left, ["control.sock.lock"]);
    }

    #[tokio::test]
    async fn what_cannot_be_a_socket_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "precious").unwrap();
        let error = Socket::bind(&file, 0o600, None).unwrap_err().to_string();
        assert!(error.contains("no socket"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
        let long = dir.path().join("x".repeat(120));
        assert!(Socket::bind(&long, 0o600, None).unwrap_err().to_string().contains("too long"));
        let error = Socket::bind(&dir.path().join("s"), 0o600, Some("no-such-group-here")).unwrap_err();
        assert!(error.to_string().contains("control.group"), "{error}");
    }
}
