//! Files between two users over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use paltalkd::config::FileMode;
use paltalkd::model::Uid;
use support::*;

const LOCALHOST: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// The two users of the recordings, with their uids.
fn two(server: &Server) -> (Uid, Uid) {
    let (netstorm, medianoche) = (server.account("NetStorm"), server.account("Medianoche"));
    assert_eq!((netstorm, medianoche), (Uid(1_000_002), Uid(1_000_003)));
    (netstorm, medianoche)
}

fn with_port(peer: Uid, port: u16) -> Vec<u8> {
    [&peer.0.to_be_bytes()[..], &port.to_be_bytes()].concat()
}

/// The receiver's listener.
fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind((LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    got
}

fn header(name: &str, size: usize) -> Vec<u8> {
    [&(name.len() as u16).to_le_bytes()[..], name.as_bytes(), &(size as u32).to_le_bytes()].concat()
}

/// Offers and takes a file; returns the connection of the sender, where 01bc leads him.
fn connected(a: &mut Client, b: &mut Client, port: u16) -> TcpStream {
    a.send(0xfe43, &with_port(b.uid, 2090));
    b.until(0x01bd);
    b.send(0xfe44, &with_port(a.uid, port));
    let accepted = a.expect(0x01bc);
    assert_eq!((accepted.u32(0), accepted.payload.len()), (b.uid.0, 10));
    let [hi, lo] = accepted.payload[8..10] else { unreachable!() };
    let address = SocketAddr::from((Ipv4Addr::from_bits(accepted.u32(4)), u16::from_be_bytes([hi, lo])));
    TcpStream::connect(address).unwrap()
}

#[test]
fn packets_are_as_they_were_recorded() {
    let server = Server::start_with(|config| config.voice.files = FileMode::Direct);
    let (netstorm, medianoche) = two(&server);
    let at = Ipv4Addr::new(127, 77, 1, 2);
    let mut a = server.sign_in(netstorm);
    let mut b = server.sign_in_from(medianoche, at);

    // Taken, straight from one to the other.
    a.send(0xfe43, &with_port(medianoche, 2090));
    assert_eq!(a.sync(), []);
    let request = Packet { kind: 0x01bd, payload: recorded("file-reject", 0x01bd).remove(0) };
    assert_eq!(b.sync(), [request]);
    b.send(0xfe44, &with_port(netstorm, 2090));
    assert_eq!(b.sync(), []);
    let recorded_01bc = recorded("file-direct", 0x01bc).remove(0);
    let payload = [&recorded_01bc[..4], &at.octets(), &recorded_01bc[8..]].concat();
    assert_eq!(a.sync(), [Packet { kind: 0x01bc, payload }]);
    // What the receiver says when he has it.
    b.send_u32(0xfe45, &[netstorm.0]);
    assert_eq!((b.sync(), a.sync()), (vec![], vec![]));

    // Refused.
    a.send(0xfe43, &with_port(medianoche, 2090));
    b.until(0x01bd);
    b.send_u32(0xfe45, &[netstorm.0]);
    b.sync();
    let refused = Packet { kind: 0x01bb, payload: recorded("file-reject", 0x01bb).remove(0) };
    assert_eq!(a.sync(), [refused]);

    // The other way round, as recorded with a server between them.
    b.send(0xfe43, &with_port(netstorm, 2090));
    b.sync();
    let request = Packet { kind: 0x01bd, payload: recorded("file-through-server", 0x01bd).remove(0) };
    assert_eq!(a.sync(), [request]);
}

#[test]
fn a_file_comes_through_bit_for_bit() {
    let server = Server::start();
    let (netstorm, medianoche) = two(&server);
    let mut a = server.sign_in(netstorm);
    let mut b = server.sign_in(medianoche);
    let mut state = 1u32;
    let data: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(1_500_000)
    .collect();
    for round in 0..2 {
        let (listener, port) = listen();
        let mut sender = connected(&mut a, &mut b, port);
        let sent = data.clone();
        // Once as the client does it, four pieces and then blocks; once in one go.
        let sending = std::thread::spawn(move || {
            let header = header("C:\\Program Files\\lab file.txt", sent.len());
            if round == 0 {
                for piece in [&header[..2], &header[2..header.len() - 4], &header[header.len() - 4..]] {
                    sender.write_all(piece).unwrap();
                }
                sent.chunks(4096).for_each(|block| sender.write_all(block).unwrap());
            } else {
                sender.write_all(&[header, sent].concat()).unwrap();
            }
        });
        let mut receiver = accept(&listener);
        let got = read_to_end(&mut receiver);
        sending.join().unwrap();
        assert!(got == [header("lab file.txt", data.len()), data.clone()].concat(), "{}", got.len());
        // The receiver's client says this when it has everything, before or after it closes.
        if round == 0 {
            b.send_u32(0xfe45, &[netstorm.0]);
            b.sync();
            drop(receiver);
        } else {
            drop(receiver);
            b.send_u32(0xfe45, &[netstorm.0]);
            b.sync();
        }
        server.wait_for("the end", |server| server.metrics().files_carried.get() == round + 1);
        assert_eq!(a.sync(), [], "this is no refusal");
    }
    assert_eq!(server.metrics().file_bytes.get(), 3_000_000);
    assert_eq!(server.metrics().files_failed.get(), 0);
}

#[test]
fn a_file_that_does_not_come_through() {
    let server = Server::start();
    let (netstorm, medianoche) = two(&server);
    let mut a = server.sign_in(netstorm);
    let mut b = server.sign_in(medianoche);
    let rejected = packet(0x01bb, &[medianoche.0]);

    // The sender stops in the middle.
    let (listener, port) = listen();
    let mut sender = connected(&mut a, &mut b, port);
    sender.write_all(&[header("a", 1000), b"some".to_vec()].concat()).unwrap();
    let mut receiver = accept(&listener);
    drop(sender);
    assert_eq!(read_to_end(&mut receiver), [header("a", 1000), b"some".to_vec()].concat());
    assert_eq!(a.expect(0x01bb), rejected);

    // It is too large.
    let mut sender = connected(&mut a, &mut b, port);
    sender.write_all(&header("a", 2_000_000_000)).unwrap();
    assert_eq!(a.expect(0x01bb), rejected);

    // Nobody listens at the receiver's.
    drop(listener);
    let mut sender = connected(&mut a, &mut b, port);
    sender.write_all(&header("a", 10)).unwrap();
    assert_eq!(a.expect(0x01bb), rejected);

    // The receiver signs off in the middle: the connection goes with him.
    let (listener, port) = listen();
    let mut sender = connected(&mut a, &mut b, port);
    sender.write_all(&[header("a", 1000), b"some".to_vec()].concat()).unwrap();
    let _receiver = accept(&listener);
    b.close();
    assert_eq!(a.expect(0x01bb), rejected);
    sender.set_read_timeout(Some(DEADLINE)).unwrap();
    assert_eq!(sender.read(&mut [0]).unwrap_or(0), 0);
    server.wait_for("four ends", |server| server.metrics().files_failed.get() == 4);

    // Nobody there, oneself.
    a.send(0xfe43, &with_port(Uid(77), 2090));
    assert_eq!(a.sync(), [packet(0x01bb, &[77])]);
    a.send(0xfe43, &with_port(netstorm, 2090));
    assert_eq!(kinds(&a.sync()), [0x0064, 0x01bb]);
}

#[test]
fn files_can_be_switched_off() {
    let server = Server::start_with(|config| config.voice.files = FileMode::Off);
    let (netstorm, medianoche) = two(&server);
    let mut a = server.sign_in(netstorm);
    let mut b = server.sign_in(medianoche);
    a.send(0xfe43, &with_port(medianoche, 2090));
    assert_eq!(kinds(&a.sync()), [0x0064, 0x01bb]);
    assert_eq!(b.sync(), []);
}

#[test]
fn the_server_stops_while_a_file_is_under_way() {
    let server = Server::start();
    let (netstorm, medianoche) = two(&server);
    let mut a = server.sign_in(netstorm);
    let mut b = server.sign_in(medianoche);
    let (listener, port) = listen();
    let mut sender = connected(&mut a, &mut b, port);
    sender.write_all(&header("a", 1000)).unwrap();
    let mut receiver = accept(&listener);
    let mut got = header("b", 0);
    receiver.read_exact(&mut got).unwrap();
    assert_eq!(got, header("a", 1000));
    server.stop();
    assert!(read_to_end(&mut receiver).is_empty());
}
