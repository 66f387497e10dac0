//! Voice calls between two users over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use paltalkd::config::CallMode;
use paltalkd::model::Uid;
use support::*;

const NETSTORM_AT: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 1);
const MEDIANOCHE_AT: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 2);

fn with_port(peer: Uid) -> Vec<u8> {
    [&peer.0.to_be_bytes()[..], &2090u16.to_be_bytes()].concat()
}

/// A recorded 01c1 or 01bc with another address in it.
fn at(address: Ipv4Addr, recorded: &[u8]) -> Vec<u8> {
    [&recorded[..4], &address.octets(), &recorded[8..]].concat()
}

#[test]
fn a_call_goes_as_it_was_recorded() {
    let server = Server::start();
    let (netstorm, medianoche) = two(&server);
    let mut a = server.sign_in_from(netstorm, NETSTORM_AT);
    let mut b = server.sign_in_from(medianoche, MEDIANOCHE_AT);
    a.send(0xfe3e, &with_port(medianoche));
    assert_eq!(a.sync(), []);
    let request = String::from_utf8(recorded("call-accepted", 0x01c2).remove(0)).unwrap();
    let own_ip = request.replace("172818433", &NETSTORM_AT.to_bits().to_string());
    let packets = b.sync();
    assert_eq!(kinds(&packets), [0x01c2]);
    assert_eq!(packets[0].text(0), own_ip);

    b.send(0xfe3f, &with_port(netstorm));
    assert_eq!(b.sync(), []);
    let accepted = Packet { kind: 0x01c1, payload: at(MEDIANOCHE_AT, &recorded("call-accepted", 0x01c1)[0]) };
    assert_eq!(a.sync(), [accepted]);

    a.send_u32(0xfe40, &[medianoche.0]);
    assert_eq!(a.sync(), []);
    let ended = Packet { kind: 0x01c3, payload: recorded("call-accepted", 0x01c3).remove(0) };
    assert_eq!(b.sync(), [ended]);
}

#[test]
fn a_call_is_declined_as_it_was_recorded() {
    let server = Server::start();
    let (netstorm, medianoche) = two(&server);
    let mut a = server.sign_in(netstorm);
    let mut b = server.sign_in(medianoche);
    let declined = Packet { kind: 0x01c0, payload: recorded("call-declined", 0x01c0).remove(0) };
    for decline in [0xfe3c, 0xfec3] {
        a.send(0xfe3e, &with_port(medianoche));
        a.sync();
        b.until(0x01c2);
        b.send_u32(decline, &[netstorm.0]);
        assert_eq!(b.sync(), []);
        assert_eq!(a.sync().as_slice(), std::slice::from_ref(&declined), "{decline:04x}");
    }
    // Nobody there.
    a.send(0xfe3e, &with_port(Uid(77)));
    assert_eq!(a.sync(), [packet(0x01c0, &[77])]);
    // Oneself.
    a.send(0xfe3e, &with_port(netstorm));
    let packets = a.sync();
    assert_eq!(kinds(&packets), [0x0064, 0x01c0]);
    assert_eq!(return_code(&packets[0]).0, 0xfe3e);
    // With video.
    a.send(0xfd44, &with_port(medianoche));
    assert_eq!(a.sync(), [packet(0x02bd, &[medianoche.0])]);
    assert_eq!(b.sync(), []);
}

#[test]
fn a_call_ends_with_a_connection() {
    let server = Server::start();
    let (netstorm, medianoche) = two(&server);
    let mut a = server.sign_in(netstorm);
    let mut b = server.sign_in(medianoche);
    a.send(0xfe3e, &with_port(medianoche));
    b.until(0x01c2);
    b.send(0xfe3f, &with_port(netstorm));
    a.until(0x01c1);
    a.close();
    assert_eq!(b.expect(0x01c3), packet(0x01c3, &[netstorm.0]));
    // Signing in again ends what the earlier connection began.
    let mut a = server.sign_in(netstorm);
    b.send(0xfe3e, &with_port(netstorm));
    a.until(0x01c2);
    let _again = server.sign_in(netstorm);
    assert_eq!(b.expect(0x01c0), packet(0x01c0, &[netstorm.0]));
}

#[test]
fn a_call_can_be_switched_off() {
    let server = Server::start_with(|config| config.voice.calls = CallMode::Off);
    let (netstorm, medianoche) = two(&server);
    let mut a = server.sign_in(netstorm);
    let mut b = server.sign_in(medianoche);
    a.send(0xfe3e, &with_port(medianoche));
    assert_eq!(kinds(&a.sync()), [0x0064, 0x01c0]);
    assert_eq!(b.sync(), []);
}

/// An address of 127.0.0.0/8 that no other test that runs now uses: the ports of calls are fixed.
fn own_address(number: u8) -> Ipv4Addr {
    let pid = std::process::id();
    let byte = |shift: u32, mask: u32| ((pid >> shift) & mask) as u8;
    Ipv4Addr::new(127, 64 + byte(14, 63), byte(6, 255), byte(0, 63) * 4 + number)
}

/// A client's sockets of a call: where it hears voice and control, and from where it sends.
struct Phone {
    voice: UdpSocket,
    control: UdpSocket,
    out: UdpSocket,
}

impl Phone {
    fn at(address: Ipv4Addr) -> Phone {
        let bind = |port: u16| {
            let socket = UdpSocket::bind((address, port)).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            socket
        };
        Phone { voice: bind(2090), control: bind(2091), out: bind(0) }
    }
}

fn datagram(socket: &UdpSocket) -> Option<(Vec<u8>, SocketAddr)> {
    let mut buffer = [0; 600];
    match socket.recv_from(&mut buffer) {
        Ok((length, source)) => Some((buffer[..length].to_vec(), source)),
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
            None
        }
    }
}

/// Sends the same again, as a real client does with its control, until it comes.
fn until_heard(out: &UdpSocket, bytes: &[u8], to: SocketAddr, hearing: &UdpSocket) -> SocketAddr {
    let start = Instant::now();
    loop {
        out.send_to(bytes, to).unwrap();
        // What was sent once more than needed may come in between.
        while let Some((heard, from)) = datagram(hearing) {
            if heard == bytes {
                return from;
            }
        }
        assert!(start.elapsed() < DEADLINE, "nothing was heard");
    }
}

fn voice(uid: Uid, sequence: u16) -> Vec<u8> {
    let mut bytes = vec![0x80, 3];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend((u32::from(sequence) * 640).to_be_bytes());
    bytes.extend(uid.0.to_be_bytes());
    bytes.resize(144, 0xd8);
    bytes
}

fn control(uid: Uid) -> Vec<u8> {
    let mut bytes = vec![0x80, 0xc9, 0, 1];
    bytes.extend(uid.0.to_be_bytes());
    bytes.extend([0x81, 0xca, 0, 8]);
    bytes.extend(uid.0.to_be_bytes());
    bytes.extend([1, 0, 3, 0, 6, 0x13]);
    bytes.extend(b"Paltalk for Windows\0\0\0");
    bytes
}

#[test]
fn a_call_through_the_server() {
    let [server_at, a_at, b_at] = [0, 1, 2].map(own_address);
    let server = Server::start_with(|config| {
        config.voice.calls = CallMode::Relay;
        config.chat.listen = vec![(server_at, 0).into()];
        config.voice.listen_udp = vec![(server_at, 2090).into()];
    });
    let (netstorm, medianoche) = two(&server);
    let mut a = server.sign_in_from(netstorm, a_at);
    let mut b = server.sign_in_from(medianoche, b_at);
    let (a_phone, b_phone) = (Phone::at(a_at), Phone::at(b_at));
    let [to_voice, to_control] = [2090, 2091].map(|port| SocketAddr::from((server_at, port)));

    a.send(0xfe3e, &with_port(medianoche));
    let ring = b.expect(0x01c2);
    assert!(ring.text(0).starts_with(&format!("ip={}\n", server_at.to_bits())), "{ring:?}");
    // Before the call is taken, nothing passes.
    a_phone.out.send_to(&control(netstorm), to_control).unwrap();
    server.wait_for("the drop", |server| server.metrics().call_datagrams_dropped.get() == 1);
    b.send(0xfe3f, &with_port(netstorm));
    let accepted = a.expect(0x01c1);
    assert_eq!(
        accepted.payload,
        [&medianoche.0.to_be_bytes()[..], &server_at.octets(), &2090u16.to_be_bytes()].concat()
    );

    // The caller's control starts the callee, who answers; then both talk.
    assert_eq!(until_heard(&a_phone.out, &control(netstorm), to_control, &b_phone.control), to_control);
    until_heard(&b_phone.out, &control(medianoche), to_control, &a_phone.control);
    for sequence in 0..20 {
        until_heard(&a_phone.out, &voice(netstorm, sequence), to_voice, &b_phone.voice);
        until_heard(&b_phone.out, &voice(medianoche, sequence), to_voice, &a_phone.voice);
    }

    // What was sent once more than needed.
    while datagram(&b_phone.voice).is_some() {}
    // Neither a stranger, nor one side in the other's name, nor voice of rooms.
    let before = server.metrics().call_datagrams_dropped.get();
    let stranger = UdpSocket::bind((own_address(3), 0)).unwrap();
    stranger.send_to(&voice(netstorm, 1), to_voice).unwrap();
    b_phone.out.send_to(&voice(netstorm, 1), to_voice).unwrap();
    let of_a_room = [voice(netstorm, 1), netstorm.0.to_le_bytes().to_vec()].concat();
    a_phone.out.send_to(&of_a_room, to_voice).unwrap();
    server.wait_for("the drops", |server| server.metrics().call_datagrams_dropped.get() >= before + 2);
    assert!(
        datagram(&b_phone.voice).is_none(),
        "voice of rooms comes on the same port and is no part of a call"
    );

    // Nothing passes when it is over.
    b.send_u32(0xfe40, &[netstorm.0]);
    assert_eq!(a.expect(0x01c3), packet(0x01c3, &[medianoche.0]));
    server.wait_for("the end", |server| {
        let before = server.metrics().call_datagrams_dropped.get();
        a_phone.out.send_to(&voice(netstorm, 100), to_voice).unwrap();
        server.wait_for("a verdict", |server| {
            let metrics = server.metrics();
            metrics.call_datagrams_dropped.get() > before || datagram(&b_phone.voice).is_some()
        });
        server.metrics().call_datagrams_dropped.get() > before
    });
    assert_eq!(server.chat.ip(), IpAddr::V4(server_at));
}
