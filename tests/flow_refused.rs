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
    // Calls with video end as if the other had declined.
    a.send(0xfd44, &[&bob.0.to_be_bytes()[..], &[8, 42]].concat());
    assert_eq!(a.sync(), [packet(0x02bd, &[bob.0])]);
    // The rest has no refusal that the client could show: silence, and nothing happens.
    let silent: [(u16, Vec<u8>); 6] = [
        (0xf5d8, with_text(&[0x0d, 0], b"")),
        (0xff38, b"email=friend@example.org\norigin=255".to_vec()),
        (0xf632, with_text(&[OAK, 0x0001_0001], b"")),
        (0xe886, with_text(&[OAK], b"")),
        (0xe884, with_text(&[OAK], b"")),
        (0xf768, [&[0, 1][..], b"code"].concat()),
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
