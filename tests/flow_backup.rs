//! The daemon makes its backups by itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use paltalkd::store::backup::{generations, verify};
use support::Server;

#[test]
fn a_backup_that_was_missed_is_made_at_the_start() {
    let server = Server::start_with(|config| config.backup.directory = Some("copies".into()));
    let alice = server.account("Alice");
    let copies = server.data_dir().join("copies");
    server.wait_for("a backup", |_| generations(&copies).is_ok_and(|found| !found.is_empty()));
    let first = generations(&copies).unwrap()[0];
    verify(&copies.join(first.file_name()), &mut |_| {}).unwrap();
    // The daemon goes on as ever, and knows at the next start that one is there.
    server.sign_in(alice).sync();
    let dir = server.stop();
    let server = Server::start_in(dir, |config| config.backup.directory = Some("copies".into()));
    server.sign_in(alice).sync();
    assert_eq!(generations(&copies).unwrap(), [first]);
    server.stop();
}
