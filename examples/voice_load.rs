//! Load for the voice service: rooms with one speaker each, beside a bare loop over sockets.
//!
//! The tool makes a store with accounts and rooms of its own, starts the daemon on it, signs in the
//! clients and has the speakers talk. In the same run it does the same with a process that does
//! nothing but receive a packet and send it to every listener with plain blocking calls. The two take
//! turns; CPU time is that of the whole process, from `/proc`. Run it with `scripts/voice-load`.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::{Parser, ValueEnum};
use hdrhistogram::Histogram;
use paltalkd::model::{RoomKind, Uid};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::LocalSet;

use common::{FIRST_ROOM, Program, join, prepare, raise_descriptor_limit, sign_in, wait_for};

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
    let uids = prepare(dir.path(), rooms * (listeners + 1), rooms, RoomKind::Voice)?;
    let voice = "listen_tcp = [\"127.0.0.1:0\"]\nlisten_udp = [\"127.0.0.1:0\"]\nprobe_udp = false";
    let daemon = Program::daemon(&options.daemon, dir.path(), voice)?;
    let bare = bare_program(transport)?;
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

/// The bare loop for a transport, as a process of its own.
fn bare_program(transport: Transport) -> anyhow::Result<Program> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["--bare", &transport.to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
    Ok(Program { child, address: line.trim().parse()? })
}

/// Signs in and enters a room; what RoomVoiceConnInfo says comes back.
async fn enter(chat: SocketAddr, uid: Uid, room: u32, udp_port: u16) -> anyhow::Result<(TcpStream, Vec<u8>)> {
    let mut stream = sign_in(chat, uid).await?;
    stream.write_all(&join(room, udp_port)).await?;
    let access = wait_for(&mut stream, 0x013b).await?;
    Ok((stream, access))
}
