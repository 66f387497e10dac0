//! The profiles of the voice service: rooms with one speaker each.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::ValueEnum;
use hdrhistogram::Histogram;
use paltalkd::model::Uid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::common::{FIRST_ROOM, join, sign_in, wait_for};
use crate::crowd::Meter;
use crate::report::Figures;
use crate::servers::{Launcher, Running, Server, Stage};

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// Most packets per second of one speaker; below what the daemon allows one.
const SPEAKER_RATE: f64 = 40.0;
/// Most packets per second to all listeners.
const HEARD_RATE: f64 = 40_000.0;
/// Bytes of speech in a packet: RTP, four frames of GSM, the speaker.
pub(crate) const SPEECH: usize = 148;
/// Bytes of a packet over TCP, with its length.
pub(crate) const PACKET: usize = 4 + SPEECH;
/// Where the time of sending stands in speech: in the first frame, behind its first byte.
const STAMP: usize = 13;

/// The configuration of a daemon that carries speech.
pub(crate) const VOICE: &str =
    "listen_tcp = [\"127.0.0.1:0\"]\nlisten_udp = [\"127.0.0.1:0\"]\nprobe_udp = false";

/// Speech in all rooms of the stage, each with a speaker and so many listeners.
pub(crate) async fn speech(
    launcher: &Launcher,
    server: Server,
    stage: &Stage,
    transport: Transport,
    listeners: usize,
    seconds: u64,
) -> anyhow::Result<Figures> {
    let running = launcher.start_with(server, stage, VOICE)?;
    let mut scene = if server == Server::Ours {
        at_daemon(&running, &stage.uids, FIRST_ROOM, transport, listeners).await?
    } else {
        at_floor(&running, stage, transport, listeners).await?
    };
    // What the listeners said to be known must be forgotten; the floor with it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let rate = SPEAKER_RATE.min(HEARD_RATE / (scene.speakers.len() * listeners) as f64);
    talk(&mut scene, &running, rate, 1).await?;
    let spoken = talk(&mut scene, &running, rate, seconds).await?;
    let heard = spoken.heard as f64;
    Ok(Figures::default()
        .latency(&scene.shared.times.borrow())
        .with("packets/s", heard / seconds as f64)
        .with("packets/CPU-s", heard / spoken.cpu)
        .with("us CPU/packet", spoken.cpu / heard * 1e6)
        .with("tool, % of a core", spoken.own)
        .with("packets lost", spoken.lost as f64))
}

/// Speakers and listeners at one server.
pub(crate) struct Scene {
    speakers: Vec<Speaker>,
    listeners: usize,
    pub(crate) shared: Rc<Shared>,
    /// Connections that have to stay open.
    _kept: Vec<Rc<TcpStream>>,
}

/// What the listeners have heard.
pub(crate) struct Shared {
    received: Cell<u64>,
    /// Microseconds from mouth to ear.
    pub(crate) times: RefCell<Histogram<u64>>,
    start: Instant,
}

impl Shared {
    fn new() -> anyhow::Result<Rc<Shared>> {
        Ok(Rc::new(Shared {
            received: Cell::default(),
            times: RefCell::new(Histogram::new(3)?),
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
            _ = self.times.borrow_mut().record(now.saturating_sub(stamp));
        }
    }
}

struct Speaker {
    line: Line,
    uid: u32,
    sequence: u16,
}

enum Line {
    Udp(Rc<UdpSocket>, SocketAddr),
    Tcp(Rc<TcpStream>),
}

fn packet(uid: u32, sequence: u16, stamp: u64) -> [u8; PACKET] {
    let mut packet = [0; PACKET];
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

/// What came of a talk.
pub(crate) struct Spoken {
    /// Packets that listeners got.
    pub(crate) heard: u64,
    /// Packets that were sent and not heard.
    pub(crate) lost: i64,
    /// Seconds of CPU of the server.
    cpu: f64,
    /// The tool's own share of a core, in percent.
    own: f64,
}

/// Has all speakers talk for some seconds, each with so many packets a second, evenly spread over time.
pub(crate) async fn talk(
    scene: &mut Scene,
    running: &Running,
    rate: f64,
    seconds: u64,
) -> anyhow::Result<Spoken> {
    let shared = Rc::clone(&scene.shared);
    let received = shared.received.get();
    shared.times.borrow_mut().reset();
    let meter = Meter::start(&running.program);
    let rate = scene.speakers.len() as f64 * rate;
    let (mut sent, mut skipped) = (0usize, 0);
    let total = (rate * seconds as f64) as usize;
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    while sent < total {
        ticks.tick().await;
        let due = ((meter.seconds() * rate) as usize).min(total);
        while sent < due {
            let index = sent % scene.speakers.len();
            sent += 1;
            let speaker = &mut scene.speakers[index];
            speaker.sequence = speaker.sequence.wrapping_add(1);
            let now = shared.start.elapsed().as_micros() as u64;
            let packet = packet(speaker.uid, speaker.sequence, now);
            let done = match &speaker.line {
                Line::Udp(socket, to) => socket.try_send_to(&packet[4..], *to),
                Line::Tcp(stream) => stream.try_write(&packet),
            };
            match done {
                Ok(count) => ensure!(count >= SPEECH, "half a packet was written"),
                Err(_) => skipped += 1,
            }
        }
    }
    let expected = ((sent - skipped) * scene.listeners) as u64;
    let waited = Instant::now();
    while shared.received.get() - received < expected && waited.elapsed() < Duration::from_millis(600) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let heard = shared.received.get() - received;
    Ok(Spoken {
        heard,
        lost: expected as i64 - heard as i64,
        cpu: meter.cpu(&running.program),
        own: meter.own_percent(),
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
        let mut buffer = [0; 8 * PACKET];
        let mut held = 0;
        while stream.readable().await.is_ok() {
            match stream.try_read(&mut buffer[held..]) {
                Ok(0) => return,
                Ok(count) => {
                    held += count;
                    let whole = held - held % PACKET;
                    buffer[..whole].chunks(PACKET).for_each(|packet| shared.heard(&packet[4..]));
                    buffer.copy_within(whole..held, 0);
                    held -= whole;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    });
}

/// Seats people in rooms from `first` on, in each a speaker and so many listeners.
pub(crate) async fn at_daemon(
    running: &Running,
    uids: &[Uid],
    first: u32,
    transport: Transport,
    listeners: usize,
) -> anyhow::Result<Scene> {
    let shared = Shared::new()?;
    let (mut speakers, mut kept) = (Vec::new(), Vec::new());
    for (number, uid) in uids.iter().enumerate() {
        let room = first + (number / (listeners + 1)) as u32;
        let socket = match transport {
            Transport::Udp => Some(UdpSocket::bind("127.0.0.1:0").await?),
            Transport::Tcp => None,
        };
        let port =
            socket.as_ref().map_or(Ok(0), |socket| socket.local_addr().map(|address| address.port()))?;
        let mut chat = sign_in(running.program.address, *uid).await?;
        chat.write_all(&join(room, port)).await?;
        let access = wait_for(&mut chat, 0x013b).await?;
        let word = |at: usize| u16::from_be_bytes([access[at], access[at + 1]]);
        let line = match socket {
            Some(socket) => {
                let server = SocketAddr::from(([127, 0, 0, 1], word(10)));
                socket.send_to(&packet(uid.0, 0, 0)[4..], server).await?;
                Line::Udp(hear_udp(socket, Rc::clone(&shared)), server)
            }
            None => {
                let mut stream = TcpStream::connect(("127.0.0.1", word(14))).await?;
                stream.set_nodelay(true)?;
                stream.write_all(&[room.to_be_bytes(), uid.0.to_be_bytes()].concat()).await?;
                let stream = Rc::new(stream);
                hear_tcp(&stream, Rc::clone(&shared));
                kept.push(Rc::clone(&stream));
                Line::Tcp(stream)
            }
        };
        if number % (listeners + 1) == 0 {
            speakers.push(Speaker { line, uid: uid.0, sequence: 0 });
        }
        // What the room tells its members is read and forgotten.
        tokio::task::spawn_local(async move {
            let mut buffer = [0; 4096];
            while chat.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
        });
    }
    Ok(Scene { speakers, listeners, shared, _kept: kept })
}

async fn at_floor(
    running: &Running,
    stage: &Stage,
    transport: Transport,
    listeners: usize,
) -> anyhow::Result<Scene> {
    let shared = Shared::new()?;
    let address = running.program.address;
    let rooms = (stage.uids.len() / (listeners + 1)) as u32;
    let (mut speakers, mut kept) = (Vec::new(), Vec::new());
    for room in 0..rooms {
        for number in 0..=listeners {
            let speaks = number == listeners;
            let opening = [room.to_be_bytes(), u32::from(speaks).to_be_bytes()].concat();
            let line = match transport {
                Transport::Udp => {
                    let socket = UdpSocket::bind("127.0.0.1:0").await?;
                    if !speaks {
                        socket.send_to(&opening, address).await?;
                    }
                    Line::Udp(hear_udp(socket, Rc::clone(&shared)), address)
                }
                Transport::Tcp => {
                    let mut stream = TcpStream::connect(address).await?;
                    stream.set_nodelay(true)?;
                    stream.write_all(&opening).await?;
                    let stream = Rc::new(stream);
                    hear_tcp(&stream, Rc::clone(&shared));
                    kept.push(Rc::clone(&stream));
                    Line::Tcp(stream)
                }
            };
            if speaks {
                speakers.push(Speaker { line, uid: room, sequence: 0 });
            }
        }
    }
    Ok(Scene { speakers, listeners, shared, _kept: kept })
}
