//! Files between two users over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};

use paltalkd::config::FileMode;
use paltalkd::model::Uid;
use socket2::{Domain, Socket, Type};
use support::*;

fn with_port(peer: Uid, port: u16) -> Vec<u8> {
    [&peer.0.to_be_bytes()[..], &port.to_be_bytes()].concat()
}

/// The port on which clients listen for files, and the only one on this machine that the server uses.
const PORT: u16 = 2090;

/// The receiver's listener, at an address of 127.0.0.0/8 that nobody else has: its port is fixed.
fn listen() -> (TcpListener, Ipv4Addr) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = (std::process::id() << 8).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let [_, a, b, c] = number.to_be_bytes();
        let address = Ipv4Addr::new(127, a | 0x80, b, c);
        match TcpListener::bind((address, PORT)) {
            Ok(listener) => return (listener, address),
            Err(error) => assert_eq!(error.kind(), ErrorKind::AddrInUse),
        }
    }
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
fn connected(a: &mut Client, b: &mut Client) -> TcpStream {
    a.send(0xfe43, &with_port(b.uid, PORT));
    b.until(0x01bd);
    b.send(0xfe44, &with_port(a.uid, PORT));
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
    let (listener, at) = listen();
    let mut a = server.sign_in(netstorm);
    let mut b = server.sign_in_from(medianoche, at);
    let mut state = 1u32;
    let data: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(1_500_000)
    .collect();
    for round in 0..2 {
        let mut sender = connected(&mut a, &mut b);
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
    let (listener, at) = listen();
    let mut a = server.sign_in(netstorm);
    let mut b = server.sign_in_from(medianoche, at);
    let rejected = packet(0x01bb, &[medianoche.0]);

    // The sender stops in the middle.
    let mut sender = connected(&mut a, &mut b);
    sender.write_all(&[header("a", 1000), b"some".to_vec()].concat()).unwrap();
    let mut receiver = accept(&listener);
    drop(sender);
    assert_eq!(read_to_end(&mut receiver), [header("a", 1000), b"some".to_vec()].concat());
    assert_eq!(a.expect(0x01bb), rejected);

    // It is too large.
    let mut sender = connected(&mut a, &mut b);
    sender.write_all(&header("a", 2_000_000_000)).unwrap();
    assert_eq!(a.expect(0x01bb), rejected);

    // Nobody listens at the receiver's.
    drop(listener);
    let mut sender = connected(&mut a, &mut b);
    sender.write_all(&header("a", 10)).unwrap();
    assert_eq!(a.expect(0x01bb), rejected);

    // The receiver signs off in the middle: the connection goes with him.
    let listener = TcpListener::bind((at, PORT)).unwrap();
    let mut sender = connected(&mut a, &mut b);
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
    let (listener, at) = listen();
    let mut a = server.sign_in(netstorm);
    let mut b = server.sign_in_from(medianoche, at);
    let mut sender = connected(&mut a, &mut b);
    sender.write_all(&header("a", 1000)).unwrap();
    let mut receiver = accept(&listener);
    let mut got = header("b", 0);
    receiver.read_exact(&mut got).unwrap();
    assert_eq!(got, header("a", 1000));
    server.stop();
    assert!(read_to_end(&mut receiver).is_empty());
}

#[test]
fn nobody_reaches_other_services_of_the_servers_machine() {
    let server = Server::start();
    let (netstorm, medianoche) = two(&server);
    let mut a = server.sign_in(netstorm);
    // People who come through a proxy here have its address.
    let (listener, at) = listen();
    let mut b = server.sign_in_from(medianoche, at);
    let service = TcpListener::bind((at, 0)).unwrap();
    a.send(0xfe43, &with_port(medianoche, PORT));
    b.until(0x01bd);
    b.send(0xfe44, &with_port(netstorm, service.local_addr().unwrap().port()));
    let accepted = a.expect(0x01bc);
    let way = SocketAddr::from((
        Ipv4Addr::from_bits(accepted.u32(4)),
        u16::from_be_bytes(accepted.payload[8..10].try_into().unwrap()),
    ));
    let mut sender = TcpStream::connect(way).unwrap();
    sender.write_all(&[header("a", 4), b"some".to_vec()].concat()).unwrap();
    let mut receiver = accept(&listener);
    assert_eq!(read_to_end(&mut receiver), [header("a", 4), b"some".to_vec()].concat());
    drop(receiver);
    server.wait_for("the end", |server| server.metrics().files_carried.get() == 1);
    service.set_nonblocking(true).unwrap();
    assert_eq!(service.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_late_last_word_leaves_the_next_file_alone() {
    let server = Server::start();
    let (netstorm, medianoche) = two(&server);
    let (listener, at) = listen();
    let mut a = server.sign_in(netstorm);
    let mut b = server.sign_in_from(medianoche, at);
    let mut sender = connected(&mut a, &mut b);
    sender.write_all(&[header("a", 4), b"some".to_vec()].concat()).unwrap();
    let mut receiver = accept(&listener);
    read_to_end(&mut receiver);
    drop(receiver);
    server.wait_for("the end", |server| server.metrics().files_carried.get() == 1);
    a.send(0xfe43, &with_port(medianoche, PORT));
    assert_eq!(a.sync(), []);
    b.until(0x01bd);
    b.send_u32(0xfe45, &[netstorm.0]);
    assert_eq!((b.sync(), a.sync()), (vec![], vec![]), "this was about the first");
    b.send_u32(0xfe45, &[netstorm.0]);
    b.sync();
    assert_eq!(a.sync(), [packet(0x01bb, &[medianoche.0])], "and this about the second");
}

/// A signed-in client of version 7.
fn sign_in_7(server: &Server, uid: Uid) -> Client {
    let mut client = server.connect();
    client.version = 0x53;
    client.sign_in(uid);
    client
}

/// Where 138c leads somebody, after its peer, transfer and role were as expected.
fn led(client: &mut Client, peer: Uid, transfer: u32, role: u8) -> TcpStream {
    let told = client.expect(0x138c);
    let start = [&peer.0.to_be_bytes()[..], &transfer.to_be_bytes(), &[0, role]].concat();
    assert_eq!((&told.payload[..10], told.payload.len()), (&start[..], 16));
    let port = u16::from_be_bytes(told.payload[14..16].try_into().unwrap());
    let stream = TcpStream::connect((Ipv4Addr::from_bits(told.u32(10)), port)).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

fn hear(stream: &mut TcpStream, line: &str) {
    let mut got = vec![0; line.len()];
    stream.read_exact(&mut got).unwrap();
    assert_eq!(String::from_utf8_lossy(&got), line);
}

fn introduce(stream: &mut TcpStream, uid: Uid, transfer: u32) {
    hear(stream, "CONNECT\tOK\n");
    stream.write_all(format!("INTRO\t{}\t{transfer}\n", uid.0).as_bytes()).unwrap();
    hear(stream, "AUTH\tOK\n");
}

fn answer(sender: Uid, transfer: u32, accept: u16) -> Vec<u8> {
    [&sender.0.to_be_bytes()[..], &transfer.to_be_bytes(), &accept.to_be_bytes()].concat()
}

fn offer_7(to: Uid, name: &str) -> Vec<u8> {
    [&to.0.to_be_bytes()[..], name.as_bytes()].concat()
}

#[test]
fn newer_programs_send_files_in_their_own_way() {
    let server = Server::start();
    let (netstorm, medianoche) = two(&server);
    let (mut a, mut b) = (sign_in_7(&server, netstorm), sign_in_7(&server, medianoche));
    a.send(0xec77, &offer_7(medianoche, "C:\\labfile.txt"));
    let asked = b.expect(0x1389);
    let (peer, transfer) = (asked.u32(0), asked.u32(4));
    assert_eq!((peer, asked.text(8).as_str()), (netstorm.0, "labfile.txt\nNetStorm"));
    b.send(0xec76, &answer(netstorm, transfer, 1));
    let mut receiving = led(&mut b, netstorm, transfer, 0);
    let mut sending = led(&mut a, medianoche, transfer, 1);
    introduce(&mut receiving, medianoche, transfer);
    introduce(&mut sending, netstorm, transfer);
    hear(&mut sending, "SEND\tOK\n");
    let data: Vec<u8> = (0..100_000u32).map(|at| (at / 7) as u8).collect();
    let line = format!("SEND\t{netstorm}\t{medianoche}\tMedianoche\t{}\tC:\\labfile.txt\n", data.len());
    sending.write_all(&[line.as_bytes(), &data].concat()).unwrap();
    let expected = format!("SEND\t{netstorm}\t{medianoche}\tNetStorm\t{}\tlabfile.txt\n", data.len());
    assert!(read_to_end(&mut receiving) == [expected.as_bytes(), &data].concat());
    drop(receiving);
    server.wait_for("the end", |server| server.metrics().files_carried.get() == 1);
    assert_eq!((a.sync(), b.sync()), (vec![], vec![]));

    // Refused, and to nobody.
    a.send(0xec77, &offer_7(medianoche, "b.txt"));
    let transfer = b.expect(0x1389).u32(4);
    b.send(0xec76, &answer(netstorm, transfer, 0));
    assert_eq!(a.expect(0x138b), packet(0x138b, &[medianoche.0, transfer]));
    a.send(0xec77, &offer_7(Uid(77), "b.txt"));
    assert_eq!(a.expect(0x138b).u32(0), 77);
    // One that is not offered, and words that mean nothing.
    b.send(0xec76, &answer(netstorm, 4711, 1));
    assert_eq!(b.expect(0x138d).u32(4), 4711);
    b.send(0xec76, &[0; 3]);
    a.send(0xec77, &[0; 2]);
    assert_eq!((a.sync(), b.sync()), (vec![], vec![]), "and both are signed in still");

    // Whoever does not introduce himself as expected is sent away, and both are told.
    a.send(0xec77, &offer_7(medianoche, "c.txt"));
    let transfer = b.expect(0x1389).u32(4);
    b.send(0xec76, &answer(netstorm, transfer, 1));
    let mut receiving = led(&mut b, netstorm, transfer, 0);
    let mut sending = led(&mut a, medianoche, transfer, 1);
    hear(&mut sending, "CONNECT\tOK\n");
    sending.write_all(format!("INTRO\t{}\t{transfer}\n", medianoche.0).as_bytes()).unwrap();
    assert_eq!(a.expect(0x138b).u32(4), transfer);
    assert_eq!(b.expect(0x138d).u32(4), transfer);
    // Whatever the other was told before, his connection ends as well.
    while receiving.read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
    server.wait_for("its end", |server| server.metrics().files_failed.get() == 1);
}

#[test]
fn old_and_new_programs_send_each_other_files() {
    let server = Server::start();
    let (netstorm, medianoche) = two(&server);
    let (listener, at) = listen();
    let mut new = sign_in_7(&server, netstorm);
    let mut old = server.sign_in_from(medianoche, at);

    new.send(0xec77, &offer_7(medianoche, "C:\\a.txt"));
    old.until(0x01bd);
    old.send(0xfe44, &with_port(netstorm, PORT));
    let told = new.expect(0x138c);
    let port = u16::from_be_bytes(told.payload[14..16].try_into().unwrap());
    let mut sending = TcpStream::connect((Ipv4Addr::from_bits(told.u32(10)), port)).unwrap();
    sending.set_read_timeout(Some(DEADLINE)).unwrap();
    introduce(&mut sending, netstorm, told.u32(4));
    hear(&mut sending, "SEND\tOK\n");
    let line = format!("SEND\t{netstorm}\t{medianoche}\tx\t5\tC:\\a.txt\nhello");
    sending.write_all(line.as_bytes()).unwrap();
    let mut receiving = accept(&listener);
    assert_eq!(read_to_end(&mut receiving), [header("a.txt", 5), b"hello".to_vec()].concat());
    drop(receiving);
    server.wait_for("the end", |server| server.metrics().files_carried.get() == 1);

    old.send(0xfe43, &with_port(netstorm, PORT));
    let asked = new.expect(0x1389);
    assert_eq!(asked.text(8), "file\nMedianoche", "an older program tells the name later");
    new.send(0xec76, &answer(medianoche, asked.u32(4), 1));
    let mut receiving = led(&mut new, medianoche, asked.u32(4), 0);
    introduce(&mut receiving, netstorm, asked.u32(4));
    let accepted = old.expect(0x01bc);
    let port = u16::from_be_bytes(accepted.payload[8..10].try_into().unwrap());
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((at, 0)).into()).unwrap();
    socket.connect(&SocketAddr::from((Ipv4Addr::from_bits(accepted.u32(4)), port)).into()).unwrap();
    let mut sending = TcpStream::from(socket);
    sending.write_all(&[header("b.txt", 5), b"world".to_vec()].concat()).unwrap();
    let expected = format!("SEND\t{medianoche}\t{netstorm}\tMedianoche\t5\tb.txt\nworld");
    assert_eq!(String::from_utf8(read_to_end(&mut receiving)).unwrap(), expected);
    drop(receiving);
    server.wait_for("the end", |server| server.metrics().files_carried.get() == 2);
}
