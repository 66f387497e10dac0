//! Servers under load: ours on a store made for the profile, the floors, and the peer.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use paltalkd::model::{RoomKind, Uid};
use tempfile::TempDir;

use crate::common::{self, Program};
use crate::crowd::Wire;
use crate::floor::Floor;
use crate::irc;

/// What is put under load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Server {
    Ours,
    Floor(Floor),
    /// InspIRCd.
    Peer,
}

impl Server {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Server::Ours => "paltalkd",
            Server::Floor(Floor::Each) => "floor, a write for each",
            Server::Floor(Floor::Batch) => "floor, writes together",
            Server::Floor(Floor::Udp | Floor::Tcp | Floor::Kept) => "floor",
            Server::Peer => "InspIRCd",
        }
    }

    pub(crate) fn wire(self) -> Wire {
        match self {
            Server::Ours => Wire::Paltalk,
            Server::Floor(_) => Wire::Floor,
            Server::Peer => Wire::Irc,
        }
    }
}

/// A store that every round begins with.
pub(crate) struct Stage {
    dir: TempDir,
    pub(crate) uids: Vec<Uid>,
}

impl Stage {
    /// Makes a store with accounts and rooms.
    pub(crate) fn new(accounts: usize, rooms: usize, kind: RoomKind) -> anyhow::Result<Stage> {
        let dir = tempfile::tempdir()?;
        let uids = common::prepare(dir.path(), accounts, rooms, kind)?;
        Ok(Stage { dir, uids })
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A copy of the store for one round.
    pub(crate) fn copy(&self) -> anyhow::Result<TempDir> {
        let dir = tempfile::tempdir()?;
        let done =
            Command::new("cp").arg("-a").arg(self.dir.path().join("store")).arg(dir.path()).status()?;
        ensure!(done.success(), "the store could not be copied");
        // What a copy leaves the kernel to write would slow down what comes next.
        ensure!(Command::new("sync").status()?.success(), "the copy could not be synced");
        Ok(dir)
    }
}

/// How servers are started.
pub(crate) struct Launcher {
    pub(crate) daemon: PathBuf,
    /// The core that servers run on, if one only.
    pub(crate) core: Option<usize>,
}

/// A server that runs, with the directory it runs in.
pub(crate) struct Running {
    pub(crate) program: Program,
    pub(crate) dir: TempDir,
    pub(crate) server: Server,
}

/// No voice: for the profiles in which nobody talks.
pub(crate) const SILENT: &str = "listen_tcp = []\nlisten_udp = []";

impl Launcher {
    /// Starts a server; ours on a copy of the stage's store.
    pub(crate) fn start(&self, server: Server, stage: &Stage) -> anyhow::Result<Running> {
        self.start_with(server, stage, SILENT)
    }

    pub(crate) fn start_with(&self, server: Server, stage: &Stage, voice: &str) -> anyhow::Result<Running> {
        let (program, dir) = match server {
            Server::Ours => {
                let dir = stage.copy()?;
                (Program::start(self.command(), dir.path(), voice)?, dir)
            }
            Server::Floor(floor) => {
                let tool = std::env::current_exe()?;
                let mut child = irc::pinned(&tool.to_string_lossy(), self.core)
                    .args(["--be-floor", &format!("{floor:?}").to_lowercase()])
                    .stdout(Stdio::piped())
                    .spawn()?;
                let mut line = String::new();
                BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
                (Program::new(child, line.trim().parse()?), tempfile::tempdir()?)
            }
            Server::Peer => {
                let dir = tempfile::tempdir()?;
                (irc::server(dir.path(), self.core)?, dir)
            }
        };
        Ok(Running { program, dir, server })
    }

    fn command(&self) -> Command {
        irc::pinned(&self.daemon.to_string_lossy(), self.core)
    }

    /// Starts ours on the store in `dir`; how long it took until it said that it was ready.
    pub(crate) fn start_timed(&self, dir: &Path) -> anyhow::Result<(Program, Duration)> {
        let path = dir.join("ready");
        _ = std::fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path)?;
        socket.set_read_timeout(Some(Duration::from_secs(120)))?;
        let mut command = self.command();
        command.env("NOTIFY_SOCKET", &path);
        let begin = Instant::now();
        let program = Program::spawn(command, dir, SILENT)?;
        let mut buffer = [0; 4096];
        loop {
            let count = socket.recv(&mut buffer).context("the daemon never said that it was ready")?;
            if buffer[..count].split(|byte| *byte == b'\n').any(|line| line == b"READY=1") {
                return Ok((program, begin.elapsed()));
            }
        }
    }

    /// Has our daemon make a backup of itself.
    pub(crate) fn back_up(&self, running: &Running) -> anyhow::Result<Child> {
        let to = running.dir.path().join("copies");
        std::fs::create_dir_all(&to)?;
        let mut command = Command::new(&self.daemon);
        command.arg("backup").arg(to).args(["--keep", "1", "--config"]);
        command.arg(running.dir.path().join("load.toml")).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(command.spawn()?)
    }

    /// The figures of our daemon, asked of itself as JSON.
    pub(crate) fn ask(&self, running: &Running, subcommand: &str) -> anyhow::Result<serde_json::Value> {
        let output = Command::new(&self.daemon)
            .args([subcommand, "--json", "--config"])
            .arg(running.dir.path().join("load.toml"))
            .output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}
