//! Load for the voice service: rooms with one speaker each, beside a bare loop over sockets.
//!
//! The tool makes a store with accounts and rooms of its own, starts the daemon on it, signs in the
//! clients and has the speakers talk. In the same run it does the same with a process that does
//! nothing but receive a packet and send it to every listener with plain blocking calls. The two take
//! turns; CPU time is that of the whole process, from `/proc`. Run it with `scripts/voice-load`.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use clap::{Parser, ValueEnum};
use hdrhistogram::Histogram;
use paltalkd::model::{CategoryId, Nickname, Rating, Roles, RoomId, RoomKind, RoomName, Timestamp, Uid};
use paltalkd::protocol::cipher::{self, Variant};
use paltalkd::store::{Applied, Change, NewAccount, PasswordHash, RoomRecord, Store, StoreOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::LocalSet;

/// Load for the voice service, beside a bare loop over sockets.
#[derive(Parser)]
struct Options {
    /// The daemon's program.
    #[arg(long, default_value = "target/release/paltalkd")]
    daemon: PathBuf,
    /// Listeners in each room, one run for each number.
    #[arg(long, value_delimiter = ',', default_values_t = [10, 250])]
    listeners: Vec<usize>,
    /// What the clients use.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Transport::Udp, Transport::Tcp])]
    transport: Vec<Transport>,
    /// Packets passed on per second, all rooms together.
    #[arg(long, default_value_t = 40_000)]
    rate: usize,
    /// Seconds that are measured in each turn.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Turns of the bare loop and of the daemon.
    #[arg(long, default_value_t = 4)]
    turns: u32,
    /// Be the bare loop; the tool calls itself with this.
    #[arg(long, hide = true)]
    bare: Option<Transport>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
enum Transport {
    Udp,
    Tcp,
}

impl std::fmt::Display for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if *self == Transport::Udp { "udp" } else { "tcp" })
    }
}

const PASSWORD: &[u8] = b"loadtest";
const FIRST_ROOM: u32 = 100_000;
/// Packets per second of one speaker; below what the daemon allows one.
const SPEAKER_RATE: usize = 40;
const SPEECH: usize = 148;
/// Where the time of sending stands in speech: in the first frame, behind its first byte.
const STAMP: usize = 13;

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    raise_descriptor_limit();
    match options.bare {
        Some(Transport::Udp) => return bare_udp(),
        Some(Transport::Tcp) => return bare_tcp(),
        None => {}
    }
    println!(
        "                          |   CPU us a packet   packets a   | bare, ms    | paltalkd, ms| added, ms |"
    );
    println!(
        "transport listeners rooms |    bare paltalkd ratio CPU-second  |   p50   p99 |   p50   p99 |       p99 | lost"
    );
    for transport in &options.transport {
        for listeners in &options.listeners {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            LocalSet::new().block_on(&runtime, run(&options, *transport, *listeners))?;
        }
    }
    Ok(())
}

async fn run(options: &Options, transport: Transport, listeners: usize) -> anyhow::Result<()> {
    let rooms = options.rate.div_ceil(SPEAKER_RATE * listeners);
    let dir = tempfile::tempdir()?;
    let uids = prepare(dir.path(), rooms, listeners + 1)?;
    let mut daemon = Program::daemon(&options.daemon, dir.path())?;
    let mut bare = Program::bare(transport)?;
    let mut by_daemon = at_daemon(&daemon, transport, &uids, listeners).await?;
    let mut by_bare = at_bare(&bare, transport, rooms, listeners).await?;
    // What the listeners said to be known must be forgotten; the floor with it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    talk(&mut by_bare, &bare, 1).await?;
    talk(&mut by_daemon, &daemon, 1).await?;
    let (mut sum_bare, mut sum_daemon) = (Figures::default(), Figures::default());
    for _ in 0..options.turns {
        sum_bare.add(talk(&mut by_bare, &bare, options.seconds).await?);
        sum_daemon.add(talk(&mut by_daemon, &daemon, options.seconds).await?);
    }
    let [bare_half, bare_late] = sum_bare.latency();
    let [half, late] = sum_daemon.latency();
    println!(
        "{transport:<9} {listeners:>9} {rooms:>5} | {:>7.2} {:>8.2} {:>5.2} {:>11.0} \
         | {bare_half:>5.2} {bare_late:>5.2} | {half:>5.2} {late:>5.2} | {:>9.2} | {} {}",
        sum_bare.micros(),
        sum_daemon.micros(),
        sum_daemon.micros() / sum_bare.micros(),
        1e6 / sum_daemon.micros(),
        late - bare_late,
        sum_bare.lost(),
        sum_daemon.lost(),
    );
    daemon.stop();
    bare.stop();
    Ok(())
}

#[derive(Default)]
struct Figures {
    expected: u64,
    received: u64,
    cpu: f64,
    /// p50 and p99 of each turn, in microseconds.
    turns: Vec<[u64; 2]>,
}

impl Figures {
    /// The medians over the turns of p50 and p99, in milliseconds: one turn in which the machine had
    /// other work does not decide.
    fn latency(&self) -> [f64; 2] {
        [0, 1].map(|index| {
            let mut values: Vec<u64> = self.turns.iter().map(|turn| turn[index]).collect();
            values.sort_unstable();
            values.get(values.len() / 2).map_or(0.0, |value| *value as f64 / 1000.0)
        })
    }

    fn add(&mut self, other: Figures) {
        self.expected += other.expected;
        self.received += other.received;
        self.cpu += other.cpu;
        self.turns.extend(other.turns);
    }

    fn micros(&self) -> f64 {
        self.cpu / self.received as f64 * 1e6
    }

    fn lost(&self) -> i64 {
        self.expected as i64 - self.received as i64
    }
}

/// Speakers and listeners at one server.
struct Stage {
    speakers: Vec<Speaker>,
    listeners: usize,
    shared: Rc<Shared>,
    /// Connections that have to stay open.
    _kept: Vec<Rc<TcpStream>>,
}

struct Shared {
    received: Cell<u64>,
    latency: RefCell<Histogram<u64>>,
    start: Instant,
}

impl Shared {
    fn new() -> anyhow::Result<Rc<Shared>> {
        Ok(Rc::new(Shared {
            received: Cell::default(),
            latency: RefCell::new(Histogram::new(3)?),
            start: Instant::now(),
        }))
    }

    fn heard(&self, speech: &[u8]) {
        let count = self.received.get() + 1;
        self.received.set(count);
        // Every eighth is enough for percentiles and costs little.
        if count.is_multiple_of(8) {
            let stamp = u64::from_be_bytes(speech[STAMP..STAMP + 8].try_into().expect("eight bytes"));
            let now = self.start.elapsed().as_micros() as u64;
            _ = self.latency.borrow_mut().record(now.saturating_sub(stamp));
        }
    }
}

struct Speaker {
    voice: Voice,
    uid: u32,
    sequence: u16,
}

enum Voice {
    Udp(Rc<UdpSocket>, SocketAddr),
    Tcp(Rc<TcpStream>),
}

fn speech(uid: u32, sequence: u16, stamp: u64) -> [u8; 4 + SPEECH] {
    let mut packet = [0; 4 + SPEECH];
    packet[3] = SPEECH as u8;
    let speech = &mut packet[4..];
    speech[..2].copy_from_slice(&[0x80, 3]);
    speech[2..4].copy_from_slice(&sequence.to_be_bytes());
    speech[8..12].copy_from_slice(&uid.to_be_bytes());
    for frame in 0..4 {
        speech[12 + 33 * frame] = 0xd0;
    }
    speech[STAMP..STAMP + 8].copy_from_slice(&stamp.to_be_bytes());
    speech[144..].copy_from_slice(&uid.to_le_bytes());
    packet
}

/// Has all speakers of a stage talk for some seconds, evenly spread over time.
async fn talk(stage: &mut Stage, program: &Program, seconds: u64) -> anyhow::Result<Figures> {
    let (received, cpu) = (stage.shared.received.get(), program.cpu());
    stage.shared.latency.borrow_mut().reset();
    let begin = Instant::now();
    let rate = (stage.speakers.len() * SPEAKER_RATE) as f64;
    let (mut sent, mut skipped) = (0usize, 0);
    let total = (rate * seconds as f64) as usize;
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    while sent < total {
        ticks.tick().await;
        let due = ((begin.elapsed().as_secs_f64() * rate) as usize).min(total);
        while sent < due {
            let index = sent % stage.speakers.len();
            sent += 1;
            let speaker = &mut stage.speakers[index];
            speaker.sequence = speaker.sequence.wrapping_add(1);
            let now = stage.shared.start.elapsed().as_micros() as u64;
            let packet = speech(speaker.uid, speaker.sequence, now);
            let done = match &speaker.voice {
                Voice::Udp(socket, to) => socket.try_send_to(&packet[4..], *to),
                Voice::Tcp(stream) => stream.try_write(&packet),
            };
            match done {
                Ok(count) => ensure!(count >= SPEECH, "half a packet was written"),
                Err(_) => skipped += 1,
            }
        }
    }
    let expected = ((sent - skipped) * stage.listeners) as u64;
    let waited = Instant::now();
    while stage.shared.received.get() - received < expected && waited.elapsed() < Duration::from_millis(600) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let latency = stage.shared.latency.borrow();
    Ok(Figures {
        expected,
        received: stage.shared.received.get() - received,
        cpu: program.cpu() - cpu,
        turns: vec![[0.5, 0.99].map(|quantile| latency.value_at_quantile(quantile))],
    })
}

fn hear_udp(socket: UdpSocket, shared: Rc<Shared>) -> Rc<UdpSocket> {
    let socket = Rc::new(socket);
    let hearing = Rc::clone(&socket);
    tokio::task::spawn_local(async move {
        let mut buffer = [0; 256];
        while hearing.readable().await.is_ok() {
            while let Ok(count) = hearing.try_recv(&mut buffer) {
                if count == SPEECH {
                    shared.heard(&buffer);
                }
            }
        }
    });
    socket
}

fn hear_tcp(stream: &Rc<TcpStream>, shared: Rc<Shared>) {
    let stream = Rc::clone(stream);
    tokio::task::spawn_local(async move {
        let mut buffer = [0; 8 * (4 + SPEECH)];
        let mut held = 0;
        while stream.readable().await.is_ok() {
            match stream.try_read(&mut buffer[held..]) {
                Ok(0) => return,
                Ok(count) => {
                    held += count;
                    let whole = held - held % (4 + SPEECH);
                    buffer[..whole].chunks(4 + SPEECH).for_each(|packet| shared.heard(&packet[4..]));
                    buffer.copy_within(whole..held, 0);
                    held -= whole;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    });
}

async fn at_daemon(
    daemon: &Program,
    transport: Transport,
    uids: &[Uid],
    listeners: usize,
) -> anyhow::Result<Stage> {
    let shared = Shared::new()?;
    let (mut speakers, mut kept) = (Vec::new(), Vec::new());
    for (number, uid) in uids.iter().enumerate() {
        let room = FIRST_ROOM + (number / (listeners + 1)) as u32;
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let port = if transport == Transport::Udp { socket.local_addr()?.port() } else { 0 };
        let (chat, access) = enter(daemon.address, *uid, room, port).await?;
        let word = |at: usize| u16::from_be_bytes([access[at], access[at + 1]]);
        let voice = match transport {
            Transport::Udp => {
                let server = SocketAddr::from(([127, 0, 0, 1], word(10)));
                socket.send_to(&speech(uid.0, 0, 0)[4..], server).await?;
                Voice::Udp(hear_udp(socket, Rc::clone(&shared)), server)
            }
            Transport::Tcp => {
                let mut stream = TcpStream::connect(("127.0.0.1", word(14))).await?;
                stream.set_nodelay(true)?;
                stream.write_all(&[room.to_be_bytes(), uid.0.to_be_bytes()].concat()).await?;
                let stream = Rc::new(stream);
                hear_tcp(&stream, Rc::clone(&shared));
                kept.push(Rc::clone(&stream));
                Voice::Tcp(stream)
            }
        };
        if number % (listeners + 1) == 0 {
            speakers.push(Speaker { voice, uid: uid.0, sequence: 0 });
        }
        // What the room tells its members is read and forgotten.
        tokio::task::spawn_local(async move {
            let mut buffer = [0; 4096];
            let mut chat = chat;
            while chat.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
        });
    }
    Ok(Stage { speakers, listeners, shared, _kept: kept })
}

async fn at_bare(
    bare: &Program,
    transport: Transport,
    rooms: usize,
    listeners: usize,
) -> anyhow::Result<Stage> {
    let shared = Shared::new()?;
    let (mut speakers, mut kept) = (Vec::new(), Vec::new());
    for room in 0..rooms as u32 {
        for number in 0..=listeners as u32 {
            let opening = [room.to_be_bytes(), u32::from(number == listeners as u32).to_be_bytes()].concat();
            let voice = match transport {
                Transport::Udp => {
                    let socket = UdpSocket::bind("127.0.0.1:0").await?;
                    if number < listeners as u32 {
                        socket.send_to(&opening, bare.address).await?;
                    }
                    Voice::Udp(hear_udp(socket, Rc::clone(&shared)), bare.address)
                }
                Transport::Tcp => {
                    let mut stream = TcpStream::connect(bare.address).await?;
                    stream.set_nodelay(true)?;
                    stream.write_all(&opening).await?;
                    let stream = Rc::new(stream);
                    hear_tcp(&stream, Rc::clone(&shared));
                    kept.push(Rc::clone(&stream));
                    Voice::Tcp(stream)
                }
            };
            if number == listeners as u32 {
                speakers.push(Speaker { voice, uid: room, sequence: 0 });
            }
        }
    }
    Ok(Stage { speakers, listeners, shared, _kept: kept })
}

/// The bare loop over UDP: eight bytes enter a room, speech goes to everybody in it.
fn bare_udp() -> anyhow::Result<()> {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
    socket2::SockRef::from(&socket).set_recv_buffer_size(1 << 20)?;
    println!("{}", socket.local_addr()?);
    let mut rooms: HashMap<u32, Vec<SocketAddr>> = HashMap::new();
    let mut buffer = [0; 256];
    loop {
        let (count, from) = socket.recv_from(&mut buffer)?;
        let word = |at: usize| u32::from_be_bytes(buffer[at..at + 4].try_into().expect("four bytes"));
        if count == 8 {
            rooms.entry(word(0)).or_default().push(from);
        } else if let Some(listeners) = rooms.get(&word(8)) {
            for listener in listeners {
                _ = socket.send_to(&buffer[..count], listener);
            }
        }
    }
}

/// The bare loop over TCP: a thread for each speaker.
fn bare_tcp() -> anyhow::Result<()> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    let mut rooms: HashMap<u32, Arc<Mutex<Vec<std::net::TcpStream>>>> = HashMap::new();
    for stream in listener.incoming() {
        let mut stream = stream?;
        stream.set_nodelay(true)?;
        let mut opening = [0; 8];
        stream.read_exact(&mut opening)?;
        let room = u32::from_be_bytes(opening[..4].try_into()?);
        let room = Arc::clone(rooms.entry(room).or_default());
        if opening[7] == 0 {
            room.lock().expect("no panic").push(stream);
            continue;
        }
        std::thread::spawn(move || {
            let mut packet = [0; 4 + SPEECH];
            while stream.read_exact(&mut packet).is_ok() {
                for listener in room.lock().expect("no panic").iter_mut() {
                    _ = listener.write_all(&packet);
                }
            }
        });
    }
    Ok(())
}

/// A server under load.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    fn daemon(program: &Path, dir: &Path) -> anyhow::Result<Program> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let config = format!(
            "[server]\ndata_dir = {dir:?}\n[chat]\nlisten = [\"{address}\"]\n\
             [voice]\nlisten_tcp = [\"127.0.0.1:0\"]\nlisten_udp = [\"127.0.0.1:0\"]\nprobe_udp = false\n\
             [http]\nlisten = []\n[limits]\nmax_connections = 0\npackets_per_second = 0\n\
             [log]\nlevel = \"warn\"\ndirectory = \"\"\n",
        );
        let path = dir.join("load.toml");
        std::fs::write(&path, config)?;
        let child = Command::new(program)
            .args(["serve", "--config"])
            .arg(&path)
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let start = Instant::now();
        while std::net::TcpStream::connect(address).is_err() {
            ensure!(start.elapsed() < Duration::from_secs(20), "the daemon does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Program { child, address })
    }

    fn bare(transport: Transport) -> anyhow::Result<Program> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--bare", &transport.to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        Ok(Program { child, address: line.trim().parse()? })
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

    fn stop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Fills a store with accounts and voice rooms. The passwords have hashes that cost nearly nothing
/// to check.
fn prepare(dir: &Path, rooms: usize, members: usize) -> anyhow::Result<Vec<Uid>> {
    let (store, _) = Store::open(StoreOptions::new(dir.join("store")))?;
    store.commit_blocking(Change::Seed { at: Timestamp::now() })?;
    let argon2 =
        Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).expect("parameters"));
    let hash = argon2.hash_password(PASSWORD).map_err(|error| anyhow::anyhow!("{error}"))?.to_string();
    let (sender, receiver) = std::sync::mpsc::channel();
    for number in 0..rooms * members {
        let account = NewAccount {
            nickname: Nickname::from_text(&format!("voice{number}"))?,
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
    for number in 0..rooms {
        let room = RoomRecord {
            id: RoomId(FIRST_ROOM + number as u32),
            name: RoomName::new(format!("Voice {number}").as_bytes()).context("room name")?,
            kind: RoomKind::Voice,
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

/// Signs in and enters a room; what RoomVoiceConnInfo says comes back.
async fn enter(chat: SocketAddr, uid: Uid, room: u32, udp_port: u16) -> anyhow::Result<(TcpStream, Vec<u8>)> {
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
    let join = [&room.to_be_bytes()[..], &[0; 4], &udp_port.to_be_bytes()].concat();
    stream.write_all(&frame(0xfb84, &login)).await?;
    wait_for(&mut stream, 0x0043).await?;
    stream.write_all(&frame(0xfeca, &join)).await?;
    let access = wait_for(&mut stream, 0x013b).await?;
    Ok((stream, access))
}

fn frame(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend([0, 0x47]);
    bytes.extend((payload.len() as u16).to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Reads packets up to the first of type `kind`, whose payload is returned.
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

fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
