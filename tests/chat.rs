//! The flows of the chat service over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use support::*;

#[test]
fn a_client_signs_in_and_talks() {
    let server = Server::start();
    let alice = server.account("Alice");
    let bob = server.account("Bob");
    let mut a = server.connect();
    let packets = a.sign_in(alice);
    println!("{packets:?}");
    let mut b = server.sign_in(bob);
    a.im(bob, "hello");
    let im = b.expect(0x0014);
    assert_eq!((im.u32(0), im.text(4).as_str()), (alice.0, "hello"));
    println!("{:?}", a.join(50_001));
    b.join(50_001);
    a.expect(0x0137);
    a.say(50_001, "hi all");
    let said = b.expect(0x015e);
    println!("{said:?}");
    server.stop();
}
