//! Many connections in one thread: entering, sending, and what becomes of what they are sent.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use paltalkd::model::Uid;
use tokio::net::TcpStream;

use crate::common::{self, FIRST_ROOM, Program, cpu_of, frame};
use crate::floor::frames;
use crate::irc;

/// The packets that a run counts or sends.
pub(crate) mod kind {
    pub(crate) const IM_IN: u16 = 0x0014;
    pub(crate) const BUDDY_LIST: u16 = 0x0043;
    pub(crate) const ROOM_USER_JOINED: u16 = 0x0137;
    pub(crate) const ROOM_USER_LEFT: u16 = 0x0140;
    pub(crate) const ROOM_USER_LIST: u16 = 0x0154;
    pub(crate) const ROOM_MESSAGE_IN: u16 = 0x015e;
    pub(crate) const STATUS: u16 = 0x0190;
}

/// Digits of a time stamp at the beginning of a text.
pub(crate) const STAMP: usize = 16;
/// Where the text of a message stands in what comes in.
pub(crate) const ROOM_TEXT: usize = 8;
pub(crate) const IM_TEXT: usize = 4;

/// How a server is spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wire {
    /// Paltalk 5.0, with a sign-in.
    Paltalk,
    /// The frames of a floor.
    Floor,
    /// IRC.
    Irc,
}

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
}

impl Client {
    /// Sends all of it, waiting for room in the socket.
    pub(crate) async fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
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

    /// Sends it if the socket takes it now; whether it did.
    pub(crate) async fn offer(&self, bytes: &[u8]) -> bool {
        match self.stream.try_write(bytes) {
            Ok(count) if count == bytes.len() => true,
            // Half a packet has to be finished, or the stream breaks.
            Ok(count) => self.send(&bytes[count..]).await.is_ok(),
            Err(_) => false,
        }
    }
}

/// What all connections of a run share.
pub(crate) struct Tally {
    pub(crate) deliveries: Cell<u64>,
    pub(crate) closed: Cell<u64>,
    pub(crate) times: RefCell<Histogram<u64>>,
    /// Microseconds that each sign-in took.
    pub(crate) sign_ins: RefCell<Histogram<u64>>,
    pub(crate) start: Instant,
    scratch: RefCell<Vec<u8>>,
}

impl Tally {
    /// Microseconds since the run began.
    pub(crate) fn now(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    /// Counts a delivery.
    pub(crate) fn count(&self) -> u64 {
        let count = self.deliveries.get() + 1;
        self.deliveries.set(count);
        count
    }

    /// Takes the time from a stamp until now.
    pub(crate) fn time(&self, stamp: Option<&[u8]>) {
        let stamp = stamp.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u64>().ok());
        if let Some(stamp) = stamp {
            _ = self.times.borrow_mut().record(self.now().saturating_sub(stamp));
        }
    }

    /// The time as text.
    pub(crate) fn stamp(&self) -> String {
        format!("{:0STAMP$}", self.now())
    }
}

/// Looks at a packet: the number of the client that got it, its type, its payload.
pub(crate) type Look = Rc<dyn Fn(usize, u16, &[u8])>;

/// Connections to one server.
pub(crate) struct Crowd {
    pub(crate) wire: Wire,
    pub(crate) clients: Vec<Rc<Client>>,
    pub(crate) tally: Rc<Tally>,
}

/// Connections that are made at the same time.
const AT_ONCE: usize = 64;

impl Crowd {
    /// Connects and signs in one client for each uid.
    pub(crate) async fn gather(address: SocketAddr, wire: Wire, uids: &[Uid]) -> anyhow::Result<Crowd> {
        let mut clients = Vec::with_capacity(uids.len());
        let mut sign_ins = Histogram::new(3)?;
        for chunk in uids.chunks(AT_ONCE) {
            let tasks: Vec<_> =
                chunk.iter().map(|uid| tokio::task::spawn_local(connect(address, wire, *uid))).collect();
            for task in tasks {
                let (client, took) = task.await??;
                clients.push(Rc::new(client));
                sign_ins.record(took)?;
            }
        }
        let tally = Rc::new(Tally {
            deliveries: Cell::default(),
            closed: Cell::default(),
            times: RefCell::new(Histogram::new(3)?),
            sign_ins: RefCell::new(sign_ins),
            start: Instant::now(),
            scratch: RefCell::new(vec![0; 256 * 1024]),
        });
        Ok(Crowd { wire, clients, tally })
    }

    /// Reads for everybody from now on.
    pub(crate) fn listen(&self, look: impl Fn(usize, u16, &[u8]) + 'static) {
        let look: Look = Rc::new(look);
        for (number, client) in self.clients.iter().enumerate() {
            let (client, tally) = (Rc::clone(client), Rc::clone(&self.tally));
            tokio::task::spawn_local(read(number, client, tally, self.wire, Rc::clone(&look)));
        }
    }

    /// Has everybody enter the room that `room` names for his number, and waits until it is quiet.
    pub(crate) async fn enter(&self, room: impl Fn(usize) -> usize) -> anyhow::Result<()> {
        for (number, client) in self.clients.iter().enumerate() {
            client.send(&self.entry(room(number))).await?;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(())
    }

    /// What enters a room.
    pub(crate) fn entry(&self, room: usize) -> Vec<u8> {
        let number = FIRST_ROOM + room as u32;
        match self.wire {
            Wire::Paltalk => common::join(number, 2090),
            Wire::Floor => frame(frames::ENTER, &number.to_be_bytes()),
            Wire::Irc => irc::join(room),
        }
    }

    /// A message to a room, of `bytes` bytes that begin with the time.
    pub(crate) fn message(&self, room: usize, bytes: usize) -> Vec<u8> {
        let mut text = self.tally.stamp().into_bytes();
        text.resize(bytes.max(STAMP), b'x');
        if self.wire == Wire::Irc {
            return irc::message(room, &text);
        }
        let number = FIRST_ROOM + room as u32;
        frame(0xfea2, &[&number.to_be_bytes()[..], &text].concat())
    }

    /// Waits until so many deliveries are counted, or none has come for a second.
    pub(crate) async fn settle(&self, expected: u64) {
        let (mut last, mut since) = (self.tally.deliveries.get(), Instant::now());
        while last < expected && since.elapsed() < Duration::from_secs(1) {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let now = self.tally.deliveries.get();
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
    }
}

/// Connects and signs in; says how many microseconds that took.
async fn connect(address: SocketAddr, wire: Wire, uid: Uid) -> anyhow::Result<(Client, u64)> {
    let begin = Instant::now();
    let stream = match wire {
        Wire::Paltalk => common::sign_in(address, uid).await?,
        Wire::Floor => TcpStream::connect(address).await?,
        Wire::Irc => irc::sign_in(address, uid).await?,
    };
    stream.set_nodelay(true)?;
    Ok((Client { stream }, begin.elapsed().as_micros() as u64))
}

/// Reads for a client. All clients share one buffer; only the beginning of a packet that has not come
/// whole is kept.
async fn read(number: usize, client: Rc<Client>, tally: Rc<Tally>, wire: Wire, look: Look) {
    let mut partial: Vec<u8> = Vec::new();
    while client.stream.readable().await.is_ok() {
        let mut scratch = tally.scratch.borrow_mut();
        let held = partial.len();
        scratch[..held].copy_from_slice(&partial);
        match client.stream.try_read(&mut scratch[held..]) {
            Ok(0) => break,
            Ok(count) => {
                let bytes = &scratch[..held + count];
                let used = match wire {
                    Wire::Irc => irc::split(number, bytes, &client, &look),
                    _ => split(number, bytes, &look),
                };
                if used == bytes.len() {
                    partial = Vec::new();
                } else {
                    partial = bytes[used..].to_vec();
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    tally.closed.set(tally.closed.get() + 1);
}

/// Shows the whole packets among some bytes; returns how many bytes they have.
fn split(number: usize, bytes: &[u8], look: &Look) -> usize {
    let mut at = 0;
    while let Some(header) = bytes.get(at..at + 6) {
        let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let Some(payload) = bytes.get(at + 6..at + 6 + length) else { break };
        look(number, u16::from_be_bytes([header[0], header[1]]), payload);
        at += 6 + length;
    }
    at
}

/// The numbers that stand behind `key` in the records of a packet.
pub(crate) fn numbers(payload: &[u8], key: &[u8]) -> impl Iterator<Item = u32> {
    memchr::memmem::find_iter(payload, key).filter_map(move |at| {
        let digits = payload[at + key.len()..].iter().take_while(|byte| byte.is_ascii_digit());
        let text: Vec<u8> = digits.copied().collect();
        std::str::from_utf8(&text).ok()?.parse().ok()
    })
}

/// Resident memory of a server, in KiB.
pub(crate) fn resident(program: &Program) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.child.id())).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// CPU of a server and of this tool between two moments.
pub(crate) struct Meter {
    begin: Instant,
    server: f64,
    own: f64,
}

impl Meter {
    pub(crate) fn start(program: &Program) -> Meter {
        Meter { begin: Instant::now(), server: program.cpu(), own: cpu_of("self") }
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.begin.elapsed().as_secs_f64()
    }

    /// CPU seconds of the server.
    pub(crate) fn cpu(&self, program: &Program) -> f64 {
        program.cpu() - self.server
    }

    /// What part of a core this tool took, in percent: near 100 it is the bottleneck.
    pub(crate) fn own_percent(&self) -> f64 {
        (cpu_of("self") - self.own) / self.seconds() * 100.0
    }
}
