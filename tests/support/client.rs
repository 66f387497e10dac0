//! A client as a real one behaves, and what the server says to it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};

use paltalkd::model::Uid;
use paltalkd::protocol::cipher::{self, Variant};
use socket2::{Domain, Socket, Type};

use super::{DEADLINE, GREETINGS, PASSWORD, V50};

/// A packet from the server.
#[derive(Clone, PartialEq, Eq)]
pub struct Packet {
    pub kind: u16,
    pub payload: Vec<u8>,
}

impl std::fmt::Debug for Packet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04x} {:?}", self.kind, String::from_utf8_lossy(&self.payload))
    }
}

impl Packet {
    /// The big-endian u32 at `offset`.
    pub fn u32(&self, offset: usize) -> u32 {
        u32::from_be_bytes(self.payload[offset..offset + 4].try_into().unwrap())
    }

    /// The payload from `offset` as text.
    pub fn text(&self, offset: usize) -> String {
        paltalkd::model::from_cp1252(&self.payload[offset..])
    }
}

/// What the server says with these u32 fields.
pub fn packet(kind: u16, fields: &[u32]) -> Packet {
    Packet { kind, payload: fields.iter().flat_map(|field| field.to_be_bytes()).collect() }
}

/// The status of a user as his pals are told it.
pub fn status(uid: Uid, status: u32) -> Packet {
    packet(0x0190, &[uid.0, status])
}

/// The types of some packets, in order.
pub fn kinds(packets: &[Packet]) -> Vec<u16> {
    packets.iter().map(|packet| packet.kind).collect()
}

/// The only packet of type `kind` among some.
pub fn only(packets: &[Packet], kind: u16) -> &Packet {
    let found: Vec<&Packet> = packets.iter().filter(|packet| packet.kind == kind).collect();
    assert_eq!(found.len(), 1, "{kind:04x} in {packets:?}");
    found[0]
}

/// The request and code of a ReturnCode, and its text.
pub fn return_code(packet: &Packet) -> (u16, u16, String) {
    assert_eq!(packet.kind, 0x0064, "{packet:?}");
    let words = packet.u32(0);
    ((words >> 16) as u16, words as u16, packet.text(4))
}

/// A scripted client on a real socket.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Whether anything came.
    heard: bool,
    pub version: u16,
    pub uid: Uid,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        Client::try_connect(address).unwrap()
    }

    pub fn connect_from(address: SocketAddr, source: Ipv4Addr) -> Client {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
        socket.connect(&address.into()).unwrap();
        Client::over(socket.into())
    }

    pub fn try_connect(address: SocketAddr) -> Option<Client> {
        let client = Client::over(TcpStream::connect(address).ok()?);
        client.stream.set_nodelay(true).ok()?;
        Some(client)
    }

    /// A client over a connection that was made already.
    pub fn over(stream: TcpStream) -> Client {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Client { stream, buffer: Vec::new(), heard: false, version: V50, uid: Uid(0) }
    }

    pub fn frame(&self, kind: u16, payload: &[u8]) -> Vec<u8> {
        let mut bytes = kind.to_be_bytes().to_vec();
        bytes.extend(self.version.to_be_bytes());
        bytes.extend((payload.len() as u16).to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    pub fn send(&mut self, kind: u16, payload: &[u8]) {
        let bytes = self.frame(kind, payload);
        self.send_raw(&bytes);
    }

    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends, not minding whether the server has hung up already.
    pub fn try_send_raw(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// The next packet; `None` at the end of the connection.
    pub fn next(&mut self) -> Option<Packet> {
        loop {
            if let Some(header) = self.buffer.get(..6) {
                let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
                if self.buffer.len() >= 6 + length {
                    let kind = u16::from_be_bytes([header[0], header[1]]);
                    let payload = self.buffer[6..6 + length].to_vec();
                    self.buffer.drain(..6 + length);
                    self.heard = true;
                    return Some(Packet { kind, payload });
                }
            }
            let mut chunk = [0; 16384];
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing more came: {error}"),
            }
        }
    }

    /// The packets up to and including the first of type `kind`.
    pub fn until(&mut self, kind: u16) -> Vec<Packet> {
        let mut packets = Vec::new();
        loop {
            let packet = self.next().unwrap_or_else(|| panic!("closed before {kind:04x}; got {packets:?}"));
            let found = packet.kind == kind;
            packets.push(packet);
            if found {
                return packets;
            }
        }
    }

    /// The first packet of type `kind`, others passed over.
    pub fn expect(&mut self, kind: u16) -> Packet {
        self.until(kind).pop().unwrap()
    }

    /// Everything until the server closes the connection.
    pub fn rest(&mut self) -> Vec<Packet> {
        std::iter::from_fn(|| self.next()).collect()
    }

    /// Everything that the server had to say to what was sent before. The answer to the last
    /// request of a connection comes after the effects of all earlier ones.
    pub fn sync(&mut self) -> Vec<Packet> {
        self.send(0xfeb6, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        let mut packets = self.until(0x014b);
        packets.pop();
        packets
    }

    /// Hello, challenge; returns the challenge.
    pub fn challenge(&mut self, uid: Uid) -> u16 {
        self.uid = uid;
        self.send(0xff9c, &uid.0.to_be_bytes());
        self.expect(0xff8b);
        self.wish(uid)
    }

    pub fn login(&mut self, challenge: u16, password: &str) {
        self.login_as(self.uid, challenge, password);
    }

    /// Sends the password with a uid that may be another one than that of the wish.
    pub fn login_as(&mut self, uid: Uid, challenge: u16, password: &str) {
        let mut payload = uid.0.to_be_bytes().to_vec();
        payload.extend(cipher::encode(Variant::One, challenge, password.as_bytes(), 1).unwrap());
        self.send(0xfb84, &payload);
    }

    /// The next packet. Whoever has said nothing for half a second is greeted, which a slow machine may do
    /// before it reads what was sent first.
    fn answer(&mut self) -> Packet {
        let heard = self.heard;
        loop {
            let packet = self.next().expect("no answer");
            if heard || !GREETINGS.contains(&packet.kind) {
                return packet;
            }
        }
    }

    /// Asks which uid a nickname has; the answer.
    pub fn look_up(&mut self, nickname: &str) -> Packet {
        let mut payload = 1u32.to_be_bytes().to_vec();
        payload.extend(paltalkd::model::to_cp1252(nickname));
        self.send(0xfb95, &payload);
        self.answer()
    }

    /// Says that it wants to sign in; returns the challenge.
    pub fn wish(&mut self, uid: Uid) -> u16 {
        self.uid = uid;
        let mut wish = uid.0.to_be_bytes().to_vec();
        wish.extend([0, 0, 0, 1, 0, 0]);
        self.send(0xfb96, &wish);
        let challenge = self.answer();
        assert_eq!((challenge.kind, challenge.payload.len()), (0x0474, 7));
        challenge_of(&challenge.payload[4..7])
    }

    /// Signs in as a 5.0 client does; returns what came after the password.
    pub fn sign_in(&mut self, uid: Uid) -> Vec<Packet> {
        let challenge = self.challenge(uid);
        self.login(challenge, PASSWORD);
        let mut packets = self.until(0x04a6);
        packets.extend(self.sync());
        packets
    }

    pub fn im(&mut self, to: Uid, text: &str) {
        let mut payload = to.0.to_be_bytes().to_vec();
        payload.extend(text.bytes());
        self.send(0xffec, &payload);
    }

    /// Sends a packet that consists of u32 fields.
    pub fn send_u32(&mut self, kind: u16, fields: &[u32]) {
        let payload: Vec<u8> = fields.iter().flat_map(|field| field.to_be_bytes()).collect();
        self.send(kind, &payload);
    }

    /// Enters a room; returns what came up to the user list.
    pub fn join(&mut self, room: u32) -> Vec<Packet> {
        self.ask_to_join(room, "");
        self.until(0x0154)
    }

    pub fn ask_to_join(&mut self, room: u32, lockword: &str) {
        let mut payload = room.to_be_bytes().to_vec();
        payload.extend([0, 0, 0, 0, 0x08, 0x2a]);
        payload.extend(lockword.bytes());
        self.send(0xfeca, &payload);
    }

    pub fn say(&mut self, room: u32, text: &str) {
        let mut payload = room.to_be_bytes().to_vec();
        payload.extend(text.bytes());
        self.send(0xfea2, &payload);
    }

    pub fn close(self) {
        _ = self.stream.shutdown(Shutdown::Both);
    }

    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

pub fn challenge_of(digits: &[u8]) -> u16 {
    std::str::from_utf8(digits).unwrap().parse::<u16>().unwrap() - 509
}

/// The records of a list as (key, value) lines.
pub fn records(payload: &[u8]) -> Vec<Vec<(String, String)>> {
    payload
        .split(|byte| *byte == 0xc8)
        .filter(|record| !record.is_empty())
        .map(|record| {
            record
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
                .map(|line| {
                    let line = paltalkd::model::from_cp1252(line);
                    let (key, value) = line.split_once('=').unwrap_or((&line, ""));
                    (key.to_owned(), value.to_owned())
                })
                .collect()
        })
        .collect()
}

/// The value of `key` in a record.
pub fn value<'a>(record: &'a [(String, String)], key: &str) -> &'a str {
    record.iter().find(|(name, _)| name == key).map_or("", |(_, value)| value)
}

/// The payloads of the packets of type `kind` that the server sent in a recording.
pub fn recorded(name: &str, kind: u16) -> Vec<Vec<u8>> {
    let path = format!("{}/tests/data/captures/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let lines = std::fs::read_to_string(path).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let of_kind = |line: &serde_json::Value| {
        line["dir"] == "s2c" && line["type"].as_str() == Some(format!("{kind:#06x}").as_str())
    };
    let unhex = |line: serde_json::Value| {
        let hex = line["hex"].as_str().unwrap().to_owned();
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    };
    lines.filter(of_kind).map(unhex).collect()
}

/// A payload: some words, and then text or whatever else.
pub fn with_text(words: &[u32], text: &[u8]) -> Vec<u8> {
    let mut payload: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    payload.extend(text);
    payload
}

/// A temporary room with the password "sesame", as a 5.0 client asked for it in the recording of a room being
/// opened.
pub const LAB_ROOM: &[u8] = b"\x00\x03\x00\x00\x75\x32\x00\x00\x08\x2aGLab Room\nsesame";
