//! What the load tools share: a store to start from, the daemon under load, a client's first packets.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use paltalkd::model::{
    CategoryId, Nickname, Rating, Role, Roles, RoomId, RoomKind, RoomName, Timestamp, Uid,
};
use paltalkd::protocol::cipher::{self, Variant};
use paltalkd::store::{Applied, Change, NewAccount, PasswordHash, RoomRecord, Store, StoreOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PASSWORD: &[u8] = b"loadtest";
/// The rooms of a tool have the numbers from here on.
pub(crate) const FIRST_ROOM: u32 = 100_000;

/// A program under load.
pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    /// The name of each thread that was ever seen, and its nanoseconds on a core.
    threads: RefCell<HashMap<OsString, (String, u64)>>,
}

impl Program {
    pub(crate) fn new(child: Child, address: SocketAddr) -> Program {
        Program { child, address, threads: RefCell::default() }
    }

    /// Starts the daemon by `command` on `dir`, with `voice` as the settings of that section, and waits until
    /// it answers.
    pub(crate) fn start(command: Command, dir: &Path, voice: &str) -> anyhow::Result<Program> {
        let program = Program::spawn(command, dir, voice)?;
        let start = Instant::now();
        while std::net::TcpStream::connect(program.address).is_err() {
            ensure!(start.elapsed() < Duration::from_secs(20), "the daemon does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(program)
    }

    /// As [`Program::start`], without waiting.
    pub(crate) fn spawn(mut command: Command, dir: &Path, voice: &str) -> anyhow::Result<Program> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let config = format!(
            "[server]\ndata_dir = {dir:?}\n[chat]\nlisten = [\"{address}\"]\n[voice]\n{voice}\n\
             [http]\nlisten = []\n[limits]\nmax_connections = 0\npackets_per_second = 0\n\
             [log]\nlevel = \"warn\"\ndirectory = \"\"\n",
        );
        let path = dir.join("load.toml");
        std::fs::write(&path, config)?;
        command.args(["serve", "--config"]).arg(&path).stdout(Stdio::null());
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        Ok(Program::new(child, address))
    }

    /// CPU seconds used so far, user and system, to the nanosecond: what the kernel says of each thread.
    /// What threads used that have ended since they were last looked at is missing.
    pub(crate) fn cpu(&self) -> f64 {
        self.cpu_where(|_| true)
    }

    /// As [`Program::cpu`], of the threads whose names are `wanted`.
    pub(crate) fn cpu_where(&self, wanted: impl Fn(&str) -> bool) -> f64 {
        let mut threads = self.threads.borrow_mut();
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        for task in tasks.into_iter().flatten().flatten() {
            let read = |file| std::fs::read_to_string(task.path().join(file));
            let (Ok(name), Ok(text)) = (read("comm"), read("schedstat")) else { continue };
            if let Some(nanos) = text.split_whitespace().next().and_then(|number| number.parse().ok()) {
                threads.insert(task.file_name(), (name.trim_end().to_owned(), nanos));
            }
        }
        threads.values().filter(|(name, _)| wanted(name)).map(|(_, nanos)| nanos).sum::<u64>() as f64 / 1e9
    }

    fn stop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            _ = Command::new("kill").arg(self.child.id().to_string()).status();
            _ = self.child.wait();
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.stop();
    }
}

/// CPU seconds, user and system, of a process of `/proc`.
pub(crate) fn cpu_of(process: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    // utime and stime are fields 14 and 15; the kernel counts them in hundredths for user space.
    (ticks(11) + ticks(12)) / 100.0
}

/// Fills a store in `dir` with accounts and rooms. The passwords have hashes that cost nearly nothing
/// to check, so that a run measures the server and not Argon2id.
pub(crate) fn prepare(dir: &Path, accounts: usize, rooms: usize, kind: RoomKind) -> anyhow::Result<Vec<Uid>> {
    let (store, _) = Store::open(StoreOptions::new(dir.join("store")))?;
    store.commit_blocking(Change::Seed { at: Timestamp::now() })?;
    let argon2 =
        Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).expect("parameters"));
    let hash = argon2.hash_password(PASSWORD).map_err(|error| anyhow::anyhow!("{error}"))?.to_string();
    let (sender, receiver) = std::sync::mpsc::channel();
    for number in 0..accounts {
        let account = NewAccount {
            nickname: Nickname::from_text(&format!("load{number}"))?,
            password: PasswordHash::new(hash.clone()),
            email: None,
            // Load is not what people send; those who are trusted are spared the limits.
            roles: Roles::default().with(Role::Trusted),
            created: Timestamp::now(),
        };
        let sender = sender.clone();
        store.submit(Change::CreateAccount(account), move |result| _ = sender.send(result));
        if number % 1000 == 999 {
            // The store's queue is bounded; this waits until it has been worked off.
            store.commit_blocking(Change::Barrier)?;
        }
    }
    drop(sender);
    let mut uids = Vec::new();
    for result in receiver {
        if let Applied::Created(uid) = result? {
            uids.push(uid);
        }
    }
    for number in 0..rooms {
        let room = RoomRecord::new(
            RoomId(FIRST_ROOM + number as u32),
            RoomName::new(format!("Load {number}").as_bytes()).context("room name")?,
            kind,
            CategoryId(30_028),
            Rating::General,
            Timestamp::now(),
        );
        store.commit_blocking(Change::PutRoom(room))?;
    }
    store.close()?;
    Ok(uids)
}

/// A packet of a 5.0 client.
pub(crate) fn frame(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend([0, 0x47]);
    bytes.extend((payload.len() as u16).to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The packet that enters a room, for a client that hears voice on `udp_port`.
pub(crate) fn join(room: u32, udp_port: u16) -> Vec<u8> {
    frame(0xfeca, &[&room.to_be_bytes()[..], &[0; 4], &udp_port.to_be_bytes()].concat())
}

/// Connects and signs in, up to the pal list.
pub(crate) async fn sign_in(chat: SocketAddr, uid: Uid) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(chat).await?;
    stream.set_nodelay(true)?;
    let uid_bytes = uid.0.to_be_bytes();
    let mut wish = uid_bytes.to_vec();
    wish.extend([0, 0, 0, 1, 0, 0]);
    stream.write_all(&[frame(0xff9c, &uid_bytes), frame(0xfb96, &wish)].concat()).await?;
    let challenge = wait_for(&mut stream, 0x0474).await?;
    let digits: u16 = std::str::from_utf8(&challenge[4..7])?.parse()?;
    let mut login = uid_bytes.to_vec();
    login.extend(cipher::encode(Variant::One, digits - 509, PASSWORD, 1)?);
    stream.write_all(&frame(0xfb84, &login)).await?;
    wait_for(&mut stream, 0x0043).await?;
    Ok(stream)
}

/// Reads packets up to the first of type `kind`, whose payload is returned. What comes behind it is
/// left to whoever reads on, who starts at a packet boundary.
pub(crate) async fn wait_for(stream: &mut TcpStream, kind: u16) -> anyhow::Result<Vec<u8>> {
    loop {
        let mut header = [0; 6];
        stream.read_exact(&mut header).await?;
        let mut payload = vec![0; usize::from(u16::from_be_bytes([header[4], header[5]]))];
        stream.read_exact(&mut payload).await?;
        if u16::from_be_bytes([header[0], header[1]]) == kind {
            return Ok(payload);
        }
    }
}

/// Every client needs a descriptor.
pub(crate) fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
