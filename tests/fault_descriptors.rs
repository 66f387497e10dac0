//! Open files run short: connections of all kinds leave some over for the store and for operators.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use support::DEADLINE;
use support::process::{LOG, Process, account};
use support::program::program;

const ADD_PAL: u16 = 0xffbd;
const BUDDY_LIST: u16 = 0x0043;
/// As many as the process may open.
const FILES: usize = 256;

/// As many connections as there can never be, all open; the last was turned away.
fn crowd(address: SocketAddr) -> Vec<TcpStream> {
    let mut crowd: Vec<_> = (0..FILES + 50).map(|_| TcpStream::connect(address).unwrap()).collect();
    let last = crowd.last_mut().unwrap();
    last.set_read_timeout(Some(DEADLINE)).unwrap();
    // Those who came before were let in or turned away by then. It may be a reset.
    match last.read_to_end(&mut Vec::new()) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
    crowd
}

#[test]
fn however_many_come_the_store_and_operators_have_descriptors() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let config = format!(
        "[chat]\nlisten = [\"127.0.0.1:0\"]\n[voice]\nlisten_tcp = [\"127.0.0.1:0\"]\nlisten_udp = []\n\
         [http]\nlisten = [\"127.0.0.1:0\"]\n[limits]\nconnections_per_address = 0\n{LOG}"
    );
    fs::write(path.join("config.toml"), config).unwrap();
    let (alice, bob) = (account(path, "Alice"), account(path, "Bob"));
    let mut shell = Command::new("sh");
    let limited = format!("ulimit -n {FILES}; exec \"$0\" \"$@\"");
    shell.args(["-c", limited.as_str(), env!("CARGO_BIN_EXE_paltalkd")]);
    let daemon = Process::run(path, shell, |_| {});
    let mut client = daemon.sign_in(alice);

    let _chat = crowd(daemon.address("chat"));
    let _voice = crowd(daemon.address("voice_tcp"));
    let open = fs::read_dir(format!("/proc/{}/fd", daemon.pid().as_raw_nonzero())).unwrap().count();
    assert!(open > FILES / 2 && open + 20 < FILES, "{open} of {FILES} are open");

    client.send_u32(ADD_PAL, &[bob.0]);
    client.until(BUDDY_LIST);
    let status = program(path).args(["status", "--json"]).output().unwrap();
    assert!(status.status.success(), "{status:?}");
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(status.contains("too few files may be open"), "{status}");
    assert!(daemon.health().contains("too few files may be open"), "{}", daemon.health());
}
