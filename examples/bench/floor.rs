//! The floors: what the sockets and the disk alone cost. Bare loops without accounts, rooms' rules or
//! anything else, each a process of its own that does nothing but pass bytes on. None has more than one
//! thread, and none waits for one connection while another has something.

pub(crate) mod frames;
pub(crate) mod kept;
mod speech;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;

use clap::ValueEnum;
use mio::net::{TcpListener as MioListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

/// What a floor does.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum Floor {
    /// Frames to everybody else in a room, one write for each.
    Each,
    /// Frames to everybody else in a room, one write for all that one turn of the loop brings.
    Batch,
    /// Frames to a file, and answers when they are on the disk.
    Kept,
    /// Speech to everybody else in a room, over UDP.
    Udp,
    /// Speech to everybody else in a room, over TCP.
    Tcp,
}

/// Runs a floor until it is killed; its address goes to standard output first.
pub(crate) fn run(floor: Floor) -> anyhow::Result<()> {
    match floor {
        Floor::Each => frames::run(false),
        Floor::Batch => frames::run(true),
        Floor::Kept => kept::run(),
        Floor::Udp => speech::run_udp(),
        Floor::Tcp => speech::run_tcp(),
    }
}

struct Member {
    stream: TcpStream,
    /// What has come and is not used yet.
    held: Vec<u8>,
    /// What waits to be written.
    waiting: Vec<u8>,
    dirty: bool,
}

impl Member {
    /// Takes what has come; whether the connection goes on.
    fn read(&mut self, buffer: &mut [u8]) -> bool {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return false,
                Ok(count) => self.held.extend_from_slice(&buffer[..count]),
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
    }

    /// Writes what waits, as far as the socket takes it.
    fn flush(&mut self) {
        self.dirty = false;
        let mut written = 0;
        while written < self.waiting.len() {
            match self.stream.write(&self.waiting[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => written = self.waiting.len(),
            }
        }
        self.waiting.drain(..written);
    }
}

/// The connections of a floor, by the order in which they came.
#[derive(Default)]
struct Members {
    all: Vec<Option<Member>>,
    dirty: Vec<usize>,
}

impl Members {
    fn get(&mut self, index: usize) -> Option<&mut Member> {
        self.all.get_mut(index).and_then(Option::as_mut)
    }

    /// Sends some bytes: now, if nothing waits before them.
    fn send(&mut self, index: usize, bytes: &[u8]) {
        let Some(member) = self.get(index) else { return };
        if !member.waiting.is_empty() {
            member.waiting.extend_from_slice(bytes);
            return;
        }
        match member.stream.write(bytes) {
            Ok(count) if count == bytes.len() => {}
            Ok(count) => member.waiting.extend_from_slice(&bytes[count..]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => member.waiting.extend_from_slice(bytes),
            Err(_) => {}
        }
    }

    /// Sends some bytes at the end of this turn, with all else that is sent in it.
    fn send_later(&mut self, index: usize, bytes: &[u8]) {
        let Some(member) = self.get(index) else { return };
        member.waiting.extend_from_slice(bytes);
        if !std::mem::replace(&mut member.dirty, true) {
            self.dirty.push(index);
        }
    }

    fn end_turn(&mut self) {
        for index in std::mem::take(&mut self.dirty) {
            if let Some(member) = self.get(index) {
                member.flush();
            }
        }
    }
}

/// Serves connections. `take` is shown what a member has sent and returns how many bytes of that it has used;
/// `end` is called when one turn of the loop has been read.
fn serve(
    mut take: impl FnMut(&mut Members, usize, &[u8]) -> usize,
    mut end: impl FnMut(&mut Members) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    const LISTENER: Token = Token(usize::MAX);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    listener.set_nonblocking(true)?;
    let mut listener = MioListener::from_std(listener);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut members = Members::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    let token = Token(members.all.len());
                    poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
                    let (held, waiting) = (Vec::new(), Vec::new());
                    members.all.push(Some(Member { stream, held, waiting, dirty: false }));
                }
                continue;
            }
            let index = event.token().0;
            let Some(member) = members.get(index) else { continue };
            if event.is_writable() {
                member.flush();
            }
            let open = member.read(&mut buffer);
            let mut held = std::mem::take(&mut member.held);
            let used = take(&mut members, index, &held);
            held.drain(..used);
            if let Some(member) = members.get(index) {
                member.held = held;
            }
            if !open && let Some(place) = members.all.get_mut(index) {
                *place = None;
            }
        }
        end(&mut members)?;
        members.end_turn();
    }
}

/// The frames among some bytes, type and payload; `show` sees each. Returns how many bytes they have.
fn split(bytes: &[u8], mut show: impl FnMut(u16, &[u8])) -> usize {
    let mut at = 0;
    while let Some(header) = bytes.get(at..at + 6) {
        let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let Some(payload) = bytes.get(at + 6..at + 6 + length) else { break };
        show(u16::from_be_bytes([header[0], header[1]]), payload);
        at += 6 + length;
    }
    at
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[..4].try_into().expect("four bytes"))
}
