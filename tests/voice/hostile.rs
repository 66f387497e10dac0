//! What no client does.

use super::*;

#[test]
fn what_was_said_is_not_said_again() {
    let server = start();
    let (mut alice, mut bob) = (talker(&server, "Alice"), talker(&server, "Bob"));
    let carl = udp_talker(&server, "Carl");
    wait_for_silence(&server);
    forget(&mut alice.voice);
    forget(&mut bob.voice);
    let late = || dropped(&server, Dropped::OutOfOrder);

    // Over UDP: the same again, from his own port and, with his source forged, from another.
    let speech = recorded(carl.uid);
    carl.says(&server, &speech[..3]);
    bob.hears(&speech[..3]);
    let (before, others) = (late(), dropped(&server, Dropped::OtherSource));
    let came = voice(&server).counters().packets_in.get();
    carl.says(&server, &[speech[2].clone(), speech[0].clone()]);
    let forger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let begin = Instant::now();
    for packet in &speech[..5] {
        forger.send_to(&packet[4..], udp(&server)).unwrap();
    }
    server.wait_for("all of it", |it| voice(it).counters().packets_in.get() == came + 7);
    server.wait_for("the drops", |_| late() == before + 2);
    // On a very slow machine Carl has been silent for so long that his port may have changed.
    if begin.elapsed() < Duration::from_secs(2) {
        server.wait_for("the forger", |it| dropped(it, Dropped::OtherSource) == others + 5);
        hears_nothing(&bob.voice);
    }
    forger.set_nonblocking(true).unwrap();
    assert_eq!(forger.recv_from(&mut [0; 1024]).unwrap_err().kind(), ErrorKind::WouldBlock);

    // Over TCP.
    wait_for_silence(&server);
    forget(&mut bob.voice);
    carl.forget();
    let speech = recorded(alice.uid);
    let before = late();
    alice.says(&[&speech[..4], &speech[..4]].concat());
    bob.hears(&speech[..4]);
    carl.hears(&speech[..4]);
    server.wait_for("the drops", |_| late() == before + 4);
    hears_nothing(&bob.voice);
    carl.hears_nothing();
}

#[test]
fn thousands_of_connections_from_one_address() {
    const TRIES: u64 = 3000;
    let server = start_with(|config| {
        config.limits.exempt = Vec::new();
        config.limits.connections_per_address = Some(3);
    });
    let (mut alice, mut bob) = (talker(&server, "Alice"), talker(&server, "Bob"));
    let elsewhere = Ipv4Addr::new(127, 0, 0, 9);
    let mut kept: Vec<TcpStream> = (0..12).map(|_| connect_from(elsewhere, tcp(&server))).collect();
    server.wait_for("all", |it| voice(it).connections().accepted.get() == 14);
    for _ in 0..TRIES {
        drop(connect_from(elsewhere, tcp(&server)));
    }
    server.wait_for("the refusals", |it| voice(it).connections().too_many.get() == TRIES);
    assert_eq!(voice(&server).connections().accepted.get(), 14);
    // Nobody else has noticed, and those who were in still are.
    let speech = recorded(alice.uid);
    alice.says(&speech[..3]);
    bob.hears(&speech[..3]);
    hears_nothing(&kept[0]);
    for stream in &mut kept {
        stream.write_all(&opening(OAK, Uid(77))).unwrap();
    }
    assert!(kept.iter_mut().all(is_closed));
    server.wait_for("their end", |it| voice(it).connections().refused.get() == 12);
}

#[test]
fn a_length_of_four_gigabytes_ends_the_connection_at_once() {
    let server = start();
    let mut bob = talker(&server, "Bob");
    for (number, word) in [u32::MAX, 0x8000_0000, 1501].into_iter().enumerate() {
        let mut alice = talker(&server, &format!("Alice{number}"));
        let speech = recorded(alice.uid);
        alice.says(&speech[..1]);
        bob.hears(&speech[..1]);
        // What is behind it is never taken for speech.
        alice.voice.write_all(&[&word.to_be_bytes()[..], &speech[1]].concat()).unwrap();
        assert!(is_closed(&mut alice.voice));
        server.wait_for("counting", |it| voice(it).connections().violations.get() == number as u64 + 1);
        assert_eq!(dropped(&server, Dropped::Length), number as u64 + 1);
        wait_for_silence(&server);
    }
    hears_nothing(&bob.voice);
}

#[test]
fn a_flood_of_datagrams_is_dropped_and_disturbs_nobody() {
    // What they carry makes no difference to those in the room; how much of it the system throws away, neither.
    const EACH: usize = 5_000;
    let server = start();
    let (mut alice, mut bob) = (talker(&server, "Alice"), talker(&server, "Bob"));
    let carl = udp_talker(&server, "Carl");
    wait_for_silence(&server);
    forget(&mut alice.voice);
    forget(&mut bob.voice);
    let (to, forged) = (udp(&server), recorded(carl.uid)[0][4..].to_vec());
    let strangers = recorded(Uid(77))[0][4..].to_vec();
    let junk = [forged, strangers, vec![0; 1400], Vec::new(), vec![0xff; 148]];
    /// Ends the flood, also after a failure.
    struct End<'a>(&'a AtomicBool);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let done = AtomicBool::new(false);
    let mut number = 0u16;
    for _ in rounds(1) {
        // Nothing is said twice.
        let speech: Vec<Vec<u8>> = recorded(alice.uid)
            .into_iter()
            .take(14)
            .map(|mut packet| {
                packet[6..8].copy_from_slice(&number.to_be_bytes());
                number = number.wrapping_add(1);
                packet
            })
            .collect();
        let before = [Dropped::Stranger, Dropped::Length, Dropped::NotSpeech].map(|it| dropped(&server, it));
        thread::scope(|scope| {
            let _end = End(&done);
            for last in [2, 3] {
                let (junk, done) = (&junk, &done);
                scope.spawn(move || {
                    let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, last), 0)).unwrap();
                    for number in 0.. {
                        if number >= EACH && done.load(Ordering::Relaxed) {
                            break;
                        }
                        // A full buffer is no reason to stop.
                        _ = socket.send_to(&junk[number % junk.len()], to);
                    }
                });
            }
            for packet in &speech[..12] {
                alice.says(slice::from_ref(packet));
                bob.hears(slice::from_ref(packet));
                alice.chat.sync();
            }
            let began = Instant::now();
            assert!(ask(&server, &["status", "--json"])["users_online"].is_number());
            within_a_second(began);
        });
        done.store(false, Ordering::Relaxed);
        for (reason, before) in
            [Dropped::Stranger, Dropped::Length, Dropped::NotSpeech].into_iter().zip(before)
        {
            assert!(dropped(&server, reason) > before, "{reason:?}");
        }
        // Datagrams of those who are known come through again.
        wait_for_silence(&server);
        forget(&mut alice.voice);
        carl.forget();
        carl.hears_nothing();
        alice.says(&speech[12..14]);
        bob.hears(&speech[12..14]);
        carl.hears(&speech[12..14]);
        wait_for_silence(&server);
    }
}
