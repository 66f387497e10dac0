//! What a 5.x client can ask for and this server does not do: it says so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use support::*;

const OAK: u32 = 50_001;

#[test]
fn what_is_not_built_is_refused_and_never_pretended() {
    let server = Server::start();
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut a = server.sign_in(alice);
    let mut b = server.sign_in(bob);
    a.join(OAK);
    b.join(OAK);
    a.sync();
    let with_text = |words: &[u32], text: &[u8]| -> Vec<u8> {
        let mut payload: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        payload.extend(text);
        payload
    };
    // The user reads why.
    let refused: [(u16, Vec<u8>); 5] = [
        (0xfed4, [&[0, 3, 0, 0, 0x75, 0x32, 0, 0, 8, 42, b'G'][..], b"Lab Room\nsesame"].concat()),
        (0xfec4, with_text(&[bob.0, 1234, 0x082a], b"")),
        (0xfe98, with_text(&[OAK, bob.0], b"")),
        (0xfec9, b"aff=1\nname=The Lobby\ninvis=0\nport=2090\nlock=".to_vec()),
        (0xfed2, with_text(&[0x0001_0000, 0x082a_0001, bob.0], b"")),
    ];
    for (kind, payload) in &refused {
        a.send(*kind, payload);
        let packets = a.sync();
        let (request, code, text) = return_code(only(&packets, 0x0064));
        assert_eq!((request, code, packets.len()), (*kind, 1, 1));
        assert!(text.ends_with('.'), "{text}");
    }
    // Calls and files end as if the other had declined.
    let peer = [&bob.0.to_be_bytes()[..], &[8, 42]].concat();
    a.send(0xfe3e, &peer);
    assert_eq!(a.sync(), [packet(0x01c0, &[bob.0])]);
    a.send(0xfe43, &peer);
    assert_eq!(a.sync(), [packet(0x01bb, &[bob.0])]);
    // The rest has no refusal that the client could show: silence, and nothing happens.
    let silent: [(u16, Vec<u8>); 22] = [
        (0xfe3f, peer.clone()),
        (0xfe3c, with_text(&[bob.0], b"")),
        (0xfe40, with_text(&[bob.0], b"")),
        (0xfe44, peer.clone()),
        (0xfe45, with_text(&[bob.0], b"")),
        (0xfe72, with_text(&[OAK], b"")),
        (0xfe71, with_text(&[OAK], b"")),
        (0xfe82, with_text(&[OAK], b"")),
        (0xfe9d, with_text(&[OAK], &[0, 0])),
        (0xfe83, with_text(&[OAK, bob.0], b"")),
        (0xfe73, with_text(&[OAK, bob.0], b"")),
        (0xfe7a, with_text(&[OAK, bob.0], b"BR: rude")),
        (0xfe84, with_text(&[OAK, bob.0], b"")),
        (0xfc71, with_text(&[OAK, bob.0], b"")),
        (0xfc67, with_text(&[OAK, bob.0], b"")),
        (0xfc66, with_text(&[OAK], b"Bob")),
        (0xfc5c, with_text(&[OAK], &[0, 0])),
        (0xfea1, with_text(&[OAK], b"my topic")),
        (0xfe74, with_text(&[OAK, bob.0], &[0, 1])),
        (0xfecf, with_text(&[OAK, bob.0], b"spam")),
        (0xfc7c, with_text(&[OAK], b"")),
        (0xfc54, with_text(&[OAK], b"")),
    ];
    for (kind, payload) in &silent {
        a.send(*kind, payload);
        assert_eq!(a.sync(), [], "{kind:04x}");
    }
    assert_eq!(b.sync(), [], "and nobody else notices anything");
    assert_eq!(server.metrics().packets_malformed.get(), 0);
    a.say(OAK, "still here");
    a.sync();
    assert_eq!(b.sync().len(), 1);
    // What a 5.0 client sends by itself is no trouble either.
    for (kind, payload) in [(0xff60, &[][..]), (0xe7fa, &[]), (0xf7b7, &[1; 26]), (0xf448, &[0; 16])] {
        a.send(kind, payload);
    }
    assert_eq!(a.sync(), []);
    assert_eq!(server.metrics().packets_unknown.get(), 0);
}
