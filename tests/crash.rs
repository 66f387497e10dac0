//! The program is killed under load, many times; what it had acknowledged must be there afterwards.
//!
//! Everybody who works with it keeps a [`ledger`] of what he has asked for and what was answered;
//! [`rounds`] has them work, kills, and gives each what [`found`] has read of all that is in the store
//! and in the audit log about whom and what he has to do with. docs/faults.md says which change is caused by whom.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout)]

#[path = "crash/client.rs"]
mod client;
#[path = "crash/found.rs"]
mod found;
#[path = "crash/house.rs"]
mod house;
#[path = "crash/ledger.rs"]
mod ledger;
#[path = "crash/member.rs"]
mod member;
#[path = "crash/operator.rs"]
mod operator;
#[path = "crash/owner.rs"]
mod owner;
#[path = "crash/people.rs"]
mod people;
#[path = "crash/postman.rs"]
mod postman;
#[path = "crash/program.rs"]
mod program;
#[path = "crash/rooms.rs"]
mod rooms;
#[path = "crash/rounds.rs"]
mod rounds;
#[path = "crash/staff.rs"]
mod staff;
mod support;
#[path = "crash/talker.rs"]
mod talker;
#[path = "crash/worker.rs"]
mod worker;

use std::fs;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use house::House;
use member::{Member, Registrar};
use operator::Operator;
use owner::{Host, Owner};
use paltalkd::model::{Role, Roles, Timestamp};
use paltalkd::store::{Change, Store, StoreOptions};
use postman::Postman;
use program::{Program, files_below, open};
use rounds::{Actor, kill_and_check};
use staff::Boss;
use support::*;
use talker::{Talker, Vice};
use tempfile::TempDir;
use worker::Worker;

/// Kills in the short form of the test.
const KILLS: usize = 4;

/// The number at the end of a message.
fn number_of(text: &str) -> usize {
    text.rsplit(' ').next().unwrap().parse().unwrap_or_else(|_| panic!("{text}"))
}

/// A store in which nobody is yet.
fn fresh() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.commit_blocking(Change::Seed { at: Timestamp::now() }).unwrap();
    (dir, store)
}

/// A store with all who work with it while it is open to everybody.
fn everybody() -> (TempDir, Store, Vec<Box<dyn Actor>>) {
    let (dir, store) = fresh();
    let mut actors: Vec<Box<dyn Actor>> = Vec::new();
    for number in 0..4 {
        actors.push(Box::new(Operator::new(&store, number)));
    }
    for number in 0..crowd(12, 30) {
        actors.push(Box::new(Worker::new(&store, number)));
    }
    for number in 0..2 {
        actors.push(Box::new(Boss::new(&store, number)));
    }
    for number in 0..2 {
        actors.push(Box::new(Owner::new(&store, number)));
    }
    actors.push(Box::new(Host::new(&store, 0)));
    actors.push(Box::new(Talker::new(&store, Vice::Haste)));
    actors.push(Box::new(Talker::new(&store, Vice::Links)));
    actors.push(Box::new(Registrar::new(0)));
    actors.push(Box::new(Member::new(&store, 0)));
    actors.push(Box::new(Postman::new(&store)));
    (dir, store, actors)
}

#[test]
fn nothing_acknowledged_is_lost_by_kill() {
    let (dir, store, actors) = everybody();
    println!("{}", kill_and_check(&dir, actors, store, KILLS, false));
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_and_a_damaged_index() {
    let (dir, store, actors) = everybody();
    println!("{}", kill_and_check(&dir, actors, store, KILLS, true));
}

#[test]
fn what_staff_were_told_is_done_is_on_record_after_a_kill() {
    let (dir, store) = fresh();
    // During maintenance only staff can sign in.
    let actors: Vec<Box<dyn Actor>> = vec![
        Box::new(House::new(&store)),
        Box::new(Operator::new(&store, 0)),
        Box::new(Boss::new(&store, 0)),
        Box::new(Boss::new(&store, 1)),
        Box::new(Host::new(&store, 0)),
    ];
    println!("{}", kill_and_check(&dir, actors, store, KILLS, false));
}

#[test]
fn a_damaged_index_is_rebuilt_and_the_program_serves_on() {
    let (dir, store) = fresh();
    let alice = make_account(&store, "Alice", Roles::default().with(Role::Trusted));
    let bob = make_account(&store, "Bob", Roles::default());
    store.commit_blocking(Change::AddPal { uid: alice, pal: bob, at: Timestamp::now() }).unwrap();
    store.close().unwrap();
    drop(store);
    for file in files_below(&dir.path().join("data/store/sled")) {
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[..bytes.len() / 3]).unwrap();
    }
    let program = Program::start(dir.path()).unwrap();
    let mut client = Client::connect(program.chat);
    let packets = client.sign_in(alice);
    let list = packets.iter().find(|packet| packet.kind == 0x0043).unwrap();
    assert!(records(&list.payload).iter().any(|record| value(record, "nickname") == "Bob"));
}

#[test]
fn a_store_that_cannot_be_made_whole_is_refused_with_advice() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    make_account(&store, "Alice", Roles::default());
    store.close().unwrap();
    drop(store);
    for part in ["sled", "journal", "snapshot"] {
        _ = fs::remove_dir_all(dir.path().join("data/store").join(part));
    }
    let said = Program::start(dir.path()).err().expect("it must not pass for a new store");
    assert!(said.contains("backup"), "{said}");
}

#[test]
fn the_program_stops_in_good_order_on_sigterm() {
    let dir = tempfile::tempdir().unwrap();
    let mut program = Program::start(dir.path()).unwrap();
    let mut client = Client::connect(program.chat);
    client.send(0xff9c, &[0; 4]);
    client.expect(0xff8b);
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(client.rest()));
    Command::new("kill").arg(program.child.id().to_string()).status().unwrap();
    let start = Instant::now();
    while program.child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < DEADLINE);
        thread::yield_now();
    }
    assert!(program.child.wait().unwrap().success());
    let last_words = receiver.recv_timeout(DEADLINE).unwrap();
    assert!(last_words.iter().any(|packet| packet.kind == 0x0027), "{last_words:?}");
    let (store, report) = Store::open(StoreOptions::new(dir.path().join("data/store"))).unwrap();
    assert!(report.clean, "{report:?}");
    assert_eq!(store.reader().categories().unwrap().len(), 30);
}
