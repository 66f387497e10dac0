//! People in rooms with a voice: over TCP, over UDP, as they were recorded.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use paltalkd::model::Uid;
use paltalkd::net::voice::{Dropped, Voice};
use socket2::{Domain, Socket, Type};

use super::support::program::program;
use super::support::*;

pub(super) const OAK: u32 = 50_001;
pub(super) const OTHER: u32 = 50_003;
pub(super) const HOLD: Duration = Duration::from_millis(450);

pub(super) fn start() -> Server {
    start_with(|_| {})
}

pub(super) fn start_with(change: impl FnOnce(&mut paltalkd::config::Config)) -> Server {
    Server::start_with(|config| {
        config.voice.listen_tcp = vec!["127.0.0.1:0".parse().unwrap()];
        config.voice.listen_udp = vec!["127.0.0.1:0".parse().unwrap()];
        config.voice.probe_udp = false;
        change(config);
    })
}

pub(super) fn voice(server: &Server) -> &Voice {
    server.daemon().voice().unwrap()
}

pub(super) fn dropped(server: &Server, reason: Dropped) -> u64 {
    voice(server).counters().dropped(reason)
}

/// What the command line answers.
pub(super) fn ask(server: &Server, args: &[&str]) -> serde_json::Value {
    let output = program(server.data_dir()).args(["--socket", "control.sock"]).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

pub(super) fn tcp(server: &Server) -> SocketAddr {
    server.daemon().voice_tcp_addresses()[0]
}

pub(super) fn udp(server: &Server) -> SocketAddr {
    server.daemon().voice_udp_addresses()[0]
}

/// What a 5.0 client was recorded saying over TCP, as if `uid` had said it.
pub(super) fn recorded(uid: Uid) -> Vec<Vec<u8>> {
    let text = include_str!("../data/captures/voice-tcp-talk.jsonl");
    let mut bytes = Vec::new();
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        if line["conn"] == "v1" && line["dir"] == "c2s" {
            let hex = line["hex"].as_str().unwrap();
            bytes.extend(
                (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()),
            );
        }
    }
    let packets: Vec<Vec<u8>> = bytes
        .chunks(152)
        .map(|packet| {
            let mut packet = packet.to_vec();
            assert_eq!((packet.len(), &packet[..4]), (152, &[0, 0, 0, 148][..]));
            packet[12..16].copy_from_slice(&uid.0.to_be_bytes());
            packet[148..152].copy_from_slice(&uid.0.to_le_bytes());
            packet
        })
        .collect();
    assert!(packets.len() > 20);
    packets
}

/// A chat connection from `address`, which need not be 127.0.0.1.
pub(super) fn connect_from(address: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((address, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Somebody in a room who listens over TCP.
pub(super) struct Talker {
    pub(super) chat: Client,
    pub(super) voice: TcpStream,
    pub(super) uid: Uid,
}

pub(super) fn opening(room: u32, uid: Uid) -> Vec<u8> {
    [room.to_be_bytes(), uid.0.to_be_bytes()].concat()
}

pub(super) fn talker(server: &Server, name: &str) -> Talker {
    talker_in(server, OAK, name)
}

pub(super) fn talker_in(server: &Server, room: u32, name: &str) -> Talker {
    let uid = server.account(name);
    let mut chat = server.sign_in(uid);
    chat.join(room);
    with_voice(server, room, chat)
}

/// Somebody who is in the room opens a voice connection.
pub(super) fn with_voice(server: &Server, room: u32, mut chat: Client) -> Talker {
    let uid = chat.uid;
    let before = voice(server).activity().tcp_listeners;
    let mut stream = connect_from(Ipv4Addr::LOCALHOST, tcp(server));
    stream.write_all(&opening(room, uid)).unwrap();
    server.wait_for("the voice connection", |it| voice(it).activity().tcp_listeners == before + 1);
    chat.sync();
    Talker { chat, voice: stream, uid }
}

impl Talker {
    pub(super) fn says(&mut self, packets: &[Vec<u8>]) {
        self.voice.write_all(&packets.concat()).unwrap();
    }

    pub(super) fn hears(&mut self, packets: &[Vec<u8>]) {
        let mut heard = vec![0; packets.len() * 152];
        self.voice.read_exact(&mut heard).unwrap();
        assert_eq!(heard, packets.concat(), "{}", self.uid);
    }
}

/// Whether the server closes the connection; whatever comes before is passed over.
pub(super) fn is_closed(stream: &mut TcpStream) -> bool {
    let mut rest = [0; 4096];
    loop {
        match stream.read(&mut rest) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return true,
            Err(error) => panic!("it stays open: {error}"),
        }
    }
}

/// Passes over what has come.
pub(super) fn forget(stream: &mut TcpStream) {
    stream.set_nonblocking(true).unwrap();
    while stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {}
    stream.set_nonblocking(false).unwrap();
}

pub(super) fn hears_nothing(stream: &TcpStream) {
    stream.set_nonblocking(true).unwrap();
    let kind = (&*stream).read(&mut [0; 1]).map_err(|error| error.kind());
    stream.set_nonblocking(false).unwrap();
    assert_eq!(kind, Err(ErrorKind::WouldBlock));
}

/// Somebody in a room who uses UDP.
pub(super) struct UdpTalker {
    /// While it is open he is in the room.
    pub(super) chat: Client,
    pub(super) socket: UdpSocket,
    pub(super) uid: Uid,
}

pub(super) fn join_with_port(chat: &mut Client, room: u32, port: u16) {
    let mut payload = room.to_be_bytes().to_vec();
    payload.extend([0, 0, 0, 0]);
    payload.extend(port.to_be_bytes());
    chat.send(0xfeca, &payload);
    chat.expect(0x013b);
    // Asked for in a later turn of the hub: the voice service knows of him by then.
    chat.sync();
}

pub(super) fn udp_talker(server: &Server, name: &str) -> UdpTalker {
    udp_talker_in(server, OAK, name)
}

pub(super) fn udp_talker_in(server: &Server, room: u32, name: &str) -> UdpTalker {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let uid = server.account(name);
    let mut chat = server.sign_in(uid);
    join_with_port(&mut chat, room, socket.local_addr().unwrap().port());
    let before = voice(server).activity().udp_listeners;
    // One packet shows that he uses UDP; whether he is heard does not matter.
    let mut packet = recorded(uid)[0].clone();
    let number = u16::from_be_bytes([packet[6], packet[7]]).wrapping_sub(1);
    packet[6..8].copy_from_slice(&number.to_be_bytes());
    socket.send_to(&packet[4..], udp(server)).unwrap();
    server.wait_for("the datagram", |it| voice(it).activity().udp_listeners == before + 1);
    chat.sync();
    UdpTalker { chat, socket, uid }
}

impl UdpTalker {
    pub(super) fn says(&self, server: &Server, packets: &[Vec<u8>]) {
        for packet in packets {
            self.socket.send_to(&packet[4..], udp(server)).unwrap();
        }
    }

    /// Passes over what has come.
    pub(super) fn forget(&self) {
        self.socket.set_nonblocking(true).unwrap();
        while self.socket.recv_from(&mut [0; 1024]).is_ok() {}
        self.socket.set_nonblocking(false).unwrap();
    }

    pub(super) fn hears_nothing(&self) {
        self.socket.set_nonblocking(true).unwrap();
        let kind = self.socket.recv_from(&mut [0; 1024]).map_err(|error| error.kind());
        self.socket.set_nonblocking(false).unwrap();
        assert_eq!(kind, Err(ErrorKind::WouldBlock));
    }

    pub(super) fn hears(&self, packets: &[Vec<u8>]) {
        for packet in packets {
            let mut heard = [0; 1024];
            let (count, _) = self.socket.recv_from(&mut heard).unwrap();
            assert_eq!(heard[..count], packet[4..]);
        }
    }
}

pub(super) fn wait_for_silence(server: &Server) {
    server.wait_for("silence", |it| voice(it).activity().streams == 0);
}
