//! Load for a daemon: signs in many clients, has them chat in rooms, and prints what it cost.
//!
//! The tool makes a store with accounts and rooms of its own, starts the daemon on it, and reads the
//! daemon's CPU time and memory from `/proc`. Run it with `scripts/load`.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use clap::Parser;
use hdrhistogram::Histogram;
use paltalkd::model::{CategoryId, Nickname, Rating, Roles, RoomId, RoomKind, RoomName, Timestamp, Uid};
use paltalkd::protocol::cipher::{self, Variant};
use paltalkd::store::{Applied, Change, NewAccount, PasswordHash, RoomRecord, Store, StoreOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// Load for a daemon: signs in many clients, has them chat in rooms, prints what it cost.
#[derive(Parser)]
struct Options {
    /// The daemon's program.
    #[arg(long, default_value = "target/release/paltalkd")]
    daemon: PathBuf,
    /// Clients signed in.
    #[arg(long, default_value_t = 5000)]
    clients: usize,
    /// Clients in each room.
    #[arg(long, default_value_t = 100)]
    room: usize,
    /// Room messages sent per second, by all clients together.
    #[arg(long, default_value_t = 20_000)]
    rate: u64,
    /// Seconds of chat that are measured; as many again, at most 3, go before.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Bytes of text in a message.
    #[arg(long, default_value_t = 80)]
    bytes: usize,
}

const PASSWORD: &[u8] = b"loadtest";
const FIRST_ROOM: u32 = 100_000;
/// Marks where the time stamp stands in a message.
const STAMP: usize = 16;

#[derive(Default)]
struct Counts {
    deliveries: u64,
    sent: u64,
    skipped: u64,
    closed: u64,
    measuring: bool,
}

struct Shared {
    counts: RefCell<Counts>,
    latency: RefCell<Histogram<u64>>,
    start: Instant,
    scratch: RefCell<Vec<u8>>,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    raise_descriptor_limit();
    let dir = tempfile::tempdir()?;
    let uids = prepare(&options, dir.path())?;
    let mut daemon = Daemon::start(&options, dir.path())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = LocalSet::new().block_on(&runtime, run(&options, &daemon, uids));
    daemon.stop();
    result
}

/// Fills a store with accounts and rooms. The passwords have hashes that cost nearly nothing to
/// check, so that a run measures the server and not Argon2id.
fn prepare(options: &Options, dir: &Path) -> anyhow::Result<Vec<Uid>> {
    let (store, _) = Store::open(StoreOptions::new(dir.join("store")))?;
    store.commit_blocking(Change::Seed { at: Timestamp::now() })?;
    let argon2 =
        Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).expect("parameters"));
    let hash = argon2.hash_password(PASSWORD).map_err(|error| anyhow::anyhow!("{error}"))?.to_string();
    let (sender, receiver) = std::sync::mpsc::channel();
    for number in 0..options.clients {
        let account = NewAccount {
            nickname: Nickname::from_text(&format!("load{number}"))?,
            password: PasswordHash::new(hash.clone()),
            email: None,
            roles: Roles::default(),
            created: Timestamp::now(),
        };
        let sender = sender.clone();
        store.submit(Change::CreateAccount(account), move |result| _ = sender.send(result));
        if number % 1000 == 999 {
            // The store's queue is bounded; an empty commit waits until it has been worked off.
            store.commit_blocking(Change::Seed { at: Timestamp::now() })?;
        }
    }
    drop(sender);
    let mut uids = Vec::new();
    for result in receiver {
        if let Applied::Created(uid) = result? {
            uids.push(uid);
        }
    }
    for number in 0..options.clients.div_ceil(options.room) {
        let room = RoomRecord {
            id: RoomId(FIRST_ROOM + number as u32),
            name: RoomName::new(format!("Load {number}").as_bytes()).context("room name")?,
            kind: RoomKind::Text,
            category: CategoryId(30_028),
            rating: Rating::General,
            topic: Vec::new(),
            welcome: Vec::new(),
            lockword: None,
            owner: None,
            admin_code: None,
            new_user_mic: true,
            reddot_text: false,
            reddot_video: false,
            created: Timestamp::now(),
        };
        store.commit_blocking(Change::PutRoom(room))?;
    }
    store.close()?;
    Ok(uids)
}

struct Daemon {
    child: Child,
    chat: SocketAddr,
}

impl Daemon {
    fn start(options: &Options, dir: &Path) -> anyhow::Result<Daemon> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let chat = SocketAddr::from(([127, 0, 0, 1], port));
        let config = format!(
            "[server]\ndata_dir = {dir:?}\n[chat]\nlisten = [\"{chat}\"]\n\
             [voice]\nlisten_tcp = []\nlisten_udp = []\n[http]\nlisten = []\n\
             [limits]\nmax_connections = 0\npackets_per_second = 0\n[log]\nlevel = \"warn\"\ndirectory = \"\"\n",
        );
        let path = dir.join("load.toml");
        std::fs::write(&path, config)?;
        let child = Command::new(&options.daemon)
            .args(["serve", "--config"])
            .arg(&path)
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", options.daemon.display()))?;
        let daemon = Daemon { child, chat };
        let start = Instant::now();
        while std::net::TcpStream::connect(chat).is_err() {
            ensure!(start.elapsed() < Duration::from_secs(20), "the daemon does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(daemon)
    }

    /// CPU seconds used so far, user and system.
    fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks =
            |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
        // utime and stime are fields 14 and 15; the kernel counts them in hundredths for user space.
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Resident memory in KiB.
    fn rss(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    fn stop(&mut self) {
        _ = Command::new("kill").arg(self.child.id().to_string()).status();
        _ = self.child.wait();
    }
}

async fn run(options: &Options, daemon: &Daemon, uids: Vec<Uid>) -> anyhow::Result<()> {
    let shared = Rc::new(Shared {
        counts: RefCell::default(),
        latency: RefCell::new(Histogram::new(3)?),
        start: Instant::now(),
        scratch: RefCell::new(vec![0; 256 * 1024]),
    });
    let rss_before = daemon.rss();
    let cpu_before = daemon.cpu();
    let begin = Instant::now();
    let mut clients = Vec::with_capacity(uids.len());
    for chunk in uids.chunks(50) {
        let tasks: Vec<_> =
            chunk.iter().map(|uid| tokio::task::spawn_local(sign_in(daemon.chat, *uid))).collect();
        for task in tasks {
            clients.push(Rc::new(task.await??));
        }
    }
    let sign_in_time = begin.elapsed();
    let sign_in_cpu = daemon.cpu() - cpu_before;
    for client in &clients {
        tokio::task::spawn_local(read(Rc::clone(client), Rc::clone(&shared)));
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (rss_quiet, cpu_quiet) = (daemon.rss(), daemon.cpu());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let idle_cpu = (daemon.cpu() - cpu_quiet) / 2.0;
    println!("clients signed in          {:>12}", clients.len());
    println!("  time                     {:>10.2} s", sign_in_time.as_secs_f64());
    println!("  CPU per sign-in          {:>9.0} us", sign_in_cpu / clients.len() as f64 * 1e6);
    println!("  resident before          {:>8} KiB", rss_before);
    println!("  resident, all quiet      {:>8} KiB", rss_quiet);
    let each = (rss_quiet.saturating_sub(rss_before)) as f64 / clients.len() as f64;
    println!("  resident per client      {each:>8.2} KiB");
    println!("  CPU, all quiet           {:>8.2} % of a core", idle_cpu * 100.0);

    for (number, client) in clients.iter().enumerate() {
        let room = FIRST_ROOM + (number / options.room) as u32;
        let mut payload = room.to_be_bytes().to_vec();
        payload.extend([0, 0, 0, 0, 0x08, 0x2a]);
        client.write_all(&frame(0xfeca, &payload)).await?;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;

    let warm_up = options.seconds.min(3);
    let sender = tokio::task::spawn_local(send(
        clients.clone(),
        Rc::clone(&shared),
        options.rate,
        options.bytes,
        options.room,
        Duration::from_secs(warm_up + options.seconds),
    ));
    tokio::time::sleep(Duration::from_secs(warm_up)).await;
    shared.counts.borrow_mut().measuring = true;
    let (deliveries, cpu, own, begin) =
        (shared.counts.borrow().deliveries, daemon.cpu(), own_cpu(), Instant::now());
    tokio::time::sleep(Duration::from_secs(options.seconds)).await;
    shared.counts.borrow_mut().measuring = false;
    let elapsed = begin.elapsed().as_secs_f64();
    let counts = shared.counts.borrow();
    let delivered = (counts.deliveries - deliveries) as f64;
    let used = daemon.cpu() - cpu;
    let latency = shared.latency.borrow();
    println!("rooms of {:<5}", options.room);
    println!("  messages offered         {:>12} /s", options.rate);
    println!("  deliveries               {:>12.0} /s", delivered / elapsed);
    println!("  deliveries per CPU-second{:>12.0}", delivered / used);
    println!("  CPU per million          {:>10.2} s", used / delivered * 1e6);
    println!("  daemon CPU               {:>9.0} % of a core", used / elapsed * 100.0);
    println!("  load tool CPU            {:>9.0} % of a core", (own_cpu() - own) / elapsed * 100.0);
    for (name, quantile) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)] {
        println!(
            "  latency {name}              {:>9.2} ms",
            latency.value_at_quantile(quantile) as f64 / 1000.0
        );
    }
    println!("  resident                 {:>8} KiB", daemon.rss());
    println!("  sends skipped, closed    {:>7} {:>6}", counts.skipped, counts.closed);
    drop(counts);
    sender.abort();
    Ok(())
}

/// A client whose socket is used without borrowing it mutably.
struct Client {
    stream: TcpStream,
}

impl Client {
    async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.writable().await?;
            match self.stream.try_write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn frame(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend([0, 0x47]);
    bytes.extend((payload.len() as u16).to_be_bytes());
    bytes.extend(payload);
    bytes
}

async fn sign_in(chat: SocketAddr, uid: Uid) -> anyhow::Result<Client> {
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
    Ok(Client { stream })
}

/// Reads packets up to the first of type `kind`, whose payload is returned. What comes in the same
/// read behind it is left to the reader that takes over, which starts at a packet boundary.
async fn wait_for(stream: &mut TcpStream, kind: u16) -> anyhow::Result<Vec<u8>> {
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

/// Counts what a client is sent. All clients share one buffer; only the beginning of a packet
/// that has not come whole is kept.
async fn read(client: Rc<Client>, shared: Rc<Shared>) {
    let mut partial: Vec<u8> = Vec::new();
    loop {
        if client.stream.readable().await.is_err() {
            break;
        }
        let mut scratch = shared.scratch.borrow_mut();
        let held = partial.len();
        scratch[..held].copy_from_slice(&partial);
        match client.stream.try_read(&mut scratch[held..]) {
            Ok(0) => break,
            Ok(count) => {
                let used = count_packets(&scratch[..held + count], &shared);
                partial.clear();
                partial.extend_from_slice(&scratch[used..held + count]);
                if partial.is_empty() {
                    partial = Vec::new();
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    shared.counts.borrow_mut().closed += 1;
}

fn count_packets(bytes: &[u8], shared: &Shared) -> usize {
    let mut at = 0;
    let mut messages = 0;
    let now = shared.start.elapsed().as_micros() as u64;
    let measuring = shared.counts.borrow().measuring;
    while let Some(header) = bytes.get(at..at + 6) {
        let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let Some(payload) = bytes.get(at + 6..at + 6 + length) else { break };
        if header[..2] == [0x01, 0x5e] && payload.len() >= 8 + STAMP {
            messages += 1;
            // Every sixteenth is enough for percentiles and costs little.
            if measuring && at.is_multiple_of(16) {
                let stamp =
                    std::str::from_utf8(&payload[8..8 + STAMP]).ok().and_then(|text| text.parse().ok());
                if let Some(stamp) = stamp {
                    _ = shared.latency.borrow_mut().record(now.saturating_sub(stamp));
                }
            }
        }
        at += 6 + length;
    }
    shared.counts.borrow_mut().deliveries += messages;
    at
}

/// Sends room messages at an even rate, each from the next client of the next room.
async fn send(
    clients: Vec<Rc<Client>>,
    shared: Rc<Shared>,
    rate: u64,
    bytes: usize,
    room: usize,
    time: Duration,
) {
    let begin = Instant::now();
    let mut sent = 0u64;
    let rooms = clients.len().div_ceil(room);
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    while begin.elapsed() < time {
        ticks.tick().await;
        let due = (begin.elapsed().as_secs_f64() * rate as f64) as u64;
        // A tool that falls behind must not catch up with a burst nobody asked for.
        sent = sent.max(due.saturating_sub(rate / 10));
        while sent < due {
            let index = sent as usize;
            let number = (index % rooms) * room + (index / rooms) % room;
            sent += 1;
            let Some(client) = clients.get(number) else { continue };
            let mut payload = (FIRST_ROOM + (number / room) as u32).to_be_bytes().to_vec();
            payload.extend(format!("{:0STAMP$}", shared.start.elapsed().as_micros()).bytes());
            payload.resize(4 + bytes.max(STAMP), b'x');
            let message = frame(0xfea2, &payload);
            match client.stream.try_write(&message) {
                Ok(count) if count == message.len() => shared.counts.borrow_mut().sent += 1,
                Ok(count) => {
                    // A packet half written has to be finished, or the stream breaks.
                    _ = client.write_all(&message[count..]).await;
                }
                Err(_) => shared.counts.borrow_mut().skipped += 1,
            }
        }
    }
}

fn own_cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
