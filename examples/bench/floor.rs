//! The floors: what the sockets alone cost. Bare loops without accounts, rooms' rules or anything else,
//! each a process of its own that does nothing but pass bytes on.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};

use clap::ValueEnum;
use mio::net::{TcpListener as MioListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::voice::{PACKET, SPEECH};

/// What a floor does.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum Floor {
    /// Frames to everybody else in a room, one write for each.
    Each,
    /// Frames to everybody else in a room, one write for all that one turn of the loop brings.
    Batch,
    /// Speech to everybody else in a room, over UDP.
    Udp,
    /// Speech to everybody else in a room, over TCP.
    Tcp,
}

/// Runs a floor until it is killed; its address goes to standard output first.
pub(crate) fn run(floor: Floor) -> anyhow::Result<()> {
    match floor {
        Floor::Each => frames(false),
        Floor::Batch => frames(true),
        Floor::Udp => speech_udp(),
        Floor::Tcp => speech_tcp(),
    }
}

struct Member {
    stream: TcpStream,
    room: u32,
    /// The part of a frame that has come.
    held: Vec<u8>,
    /// What waits to be written.
    waiting: Vec<u8>,
    dirty: bool,
}

impl Member {
    /// Writes what waits, as far as the socket takes it.
    fn flush(&mut self) {
        self.dirty = false;
        let mut written = 0;
        while written < self.waiting.len() {
            match self.stream.write(&self.waiting[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {
                    written = self.waiting.len();
                }
            }
        }
        self.waiting.drain(..written);
    }

    /// Sends a frame: now if nothing waits before it.
    fn send(&mut self, frame: &[u8]) {
        if !self.waiting.is_empty() {
            self.waiting.extend_from_slice(frame);
            return;
        }
        match self.stream.write(frame) {
            Ok(count) if count == frame.len() => {}
            Ok(count) => self.waiting.extend_from_slice(&frame[count..]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.waiting.extend_from_slice(frame),
            Err(_) => {}
        }
    }
}

/// Frames of type 0 enter a room, all others go to everybody else in it, as many bytes longer as the
/// server's frames are longer than the clients'.
fn frames(batch: bool) -> anyhow::Result<()> {
    const LISTENER: Token = Token(usize::MAX);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    listener.set_nonblocking(true)?;
    let mut listener = MioListener::from_std(listener);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut members: Vec<Option<Member>> = Vec::new();
    let mut rooms: HashMap<u32, Vec<usize>> = HashMap::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut dirty: Vec<usize> = Vec::new();
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    let token = Token(members.len());
                    poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
                    let (held, waiting) = (Vec::new(), Vec::new());
                    members.push(Some(Member { stream, room: 0, held, waiting, dirty: false }));
                }
                continue;
            }
            let index = event.token().0;
            let mut frames = Vec::new();
            let mut gone = false;
            if let Some(Some(member)) = members.get_mut(index) {
                if event.is_writable() {
                    member.flush();
                }
                loop {
                    match member.stream.read(&mut buffer) {
                        Ok(0) => gone = true,
                        Ok(count) => {
                            member.held.extend_from_slice(&buffer[..count]);
                            continue;
                        }
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        Err(_) => gone = true,
                    }
                    break;
                }
                let mut at = 0;
                while let Some(header) = member.held.get(at..at + 6) {
                    let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
                    let Some(payload) = member.held.get(at + 6..at + 6 + length) else { break };
                    if header[..2] == [0, 0] {
                        member.room = u32::from_be_bytes([payload[0], payload[1], payload[2], payload[3]]);
                        rooms.entry(member.room).or_default().push(index);
                    } else {
                        let mut frame = vec![0x01, 0x5e, 0, 0x47];
                        frame.extend((length as u16 + 4).to_be_bytes());
                        frame.extend(&payload[..4]);
                        frame.extend((index as u32).to_be_bytes());
                        frame.extend(&payload[4..]);
                        frames.push(frame);
                    }
                    at += 6 + length;
                }
                member.held.drain(..at);
            }
            let room = members.get(index).and_then(Option::as_ref).map_or(0, |member| member.room);
            let others = rooms.get(&room).map_or(&[][..], Vec::as_slice);
            for frame in frames {
                for other in others.iter().filter(|other| **other != index) {
                    let Some(Some(member)) = members.get_mut(*other) else { continue };
                    if batch {
                        member.waiting.extend_from_slice(&frame);
                        if !member.dirty {
                            member.dirty = true;
                            dirty.push(*other);
                        }
                    } else {
                        member.send(&frame);
                    }
                }
            }
            if gone && let Some(place) = members.get_mut(index) {
                *place = None;
            }
        }
        for index in dirty.drain(..) {
            if let Some(Some(member)) = members.get_mut(index) {
                member.flush();
            }
        }
    }
}

/// Eight bytes enter a room, speech goes to everybody in it.
fn speech_udp() -> anyhow::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket2::SockRef::from(&socket).set_recv_buffer_size(1 << 20)?;
    println!("{}", socket.local_addr()?);
    let mut rooms: HashMap<u32, Vec<SocketAddr>> = HashMap::new();
    let mut buffer = [0; 256];
    loop {
        let (count, from) = socket.recv_from(&mut buffer)?;
        let word = |at: usize| u32::from_be_bytes(buffer[at..at + 4].try_into().expect("four bytes"));
        if count == 8 {
            rooms.entry(word(0)).or_default().push(from);
        } else if count == SPEECH
            && let Some(listeners) = rooms.get(&word(8))
        {
            for listener in listeners {
                _ = socket.send_to(&buffer[..count], listener);
            }
        }
    }
}

/// A thread for each speaker, which writes to all listeners of the room.
fn speech_tcp() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
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
            let mut packet = [0; PACKET];
            while stream.read_exact(&mut packet).is_ok() {
                for listener in room.lock().expect("no panic").iter_mut() {
                    _ = listener.write_all(&packet);
                }
            }
        });
    }
    Ok(())
}
