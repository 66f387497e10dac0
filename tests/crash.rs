//! The program is killed under load, many times; what it had acknowledged must be there afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout)]

#[path = "crash/operator.rs"]
mod operator;
#[path = "crash/postman.rs"]
mod postman;
mod support;
#[path = "crash/worker.rs"]
mod worker;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use operator::Operator;
use paltalkd::model::{Role, Roles, Timestamp, Uid};
use paltalkd::store::{AuditQuery, Change, Store, StoreOptions};
use postman::Postman;
use support::*;
use worker::{RawClient, Told, Worker};

/// Kills in the short form of the test.
const KILLS: usize = 8;
const WORKERS: usize = 4;

/// The program as an operator runs it.
struct Program {
    child: Child,
    chat: SocketAddr,
}

impl Program {
    /// Starts on `dir`; `Err` is what it said before it ended.
    fn start(dir: &Path) -> Result<Program, String> {
        let config = dir.join("test.toml");
        let data = dir.join("data");
        fs::write(
            &config,
            format!(
                "[server]\ndata_dir = {data:?}\n[chat]\nlisten = [\"127.0.0.1:0\"]\n\
                 [voice]\nlisten_tcp = []\nlisten_udp = []\n[http]\nlisten = []\n\
                 [store]\ncache = \"8MiB\"\n[limits]\npackets_per_second = 0\n[log]\ndirectory = \"\"\n"
            ),
        )
        .unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_paltalkd"))
            .args(["serve", "--config"])
            .arg(&config)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        while let Some(Ok(line)) = lines.next() {
            if let Some(rest) = line.split("chat=[").nth(1) {
                let chat = rest.split(']').next().unwrap().parse().unwrap();
                // The pipe has to be read on, or the program would wait for it one day.
                thread::spawn(move || lines.for_each(drop));
                return Ok(Program { child, chat });
            }
            said.push_str(&line);
            said.push('\n');
        }
        let status = child.wait().unwrap();
        Err(format!("{status}: {said}"))
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn open(dir: &Path) -> Store {
    Store::open(StoreOptions::new(dir.join("data/store"))).unwrap().0
}

/// The number at the end of a message.
fn number_of(text: &str) -> usize {
    text.rsplit(' ').next().unwrap().parse().unwrap_or_else(|_| panic!("{text}"))
}

/// Numbers as if by chance, the same in each run that begins with the same one.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % limit.max(1)
    }
}

/// Damages one file of the index; says how.
fn damage(store: &Path, chance: &mut Chance) -> String {
    let files = files_below(&store.join("sled"));
    let file = &files[chance.below(files.len() as u64) as usize];
    let length = fs::metadata(file).unwrap().len();
    let at = chance.below(length);
    let open = || fs::OpenOptions::new().write(true).open(file).unwrap();
    let how = match chance.below(4) {
        0 => {
            fs::remove_file(file).unwrap();
            "deleted"
        }
        1 => {
            open().set_len(at).unwrap();
            "cut short"
        }
        2 => {
            let mut bytes = fs::read(file).unwrap();
            if let Some(byte) = bytes.get_mut(at as usize) {
                *byte ^= 1 << chance.below(8);
            }
            fs::write(file, bytes).unwrap();
            "flipped a bit"
        }
        _ => {
            open().write_all_at(&[0; 512], at).unwrap();
            "zeroed"
        }
    };
    format!("{how} at {at} of {length}: {}", file.display())
}

/// Has everybody work, kills the program at any moment, and compares; again and again.
fn kill_and_check(damaging: bool) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.commit_blocking(Change::Seed { at: Timestamp::now() }).unwrap();
    let make = |name: String| make_account(&store, &name, Roles::default().with(Role::Trusted));
    let others: Vec<Uid> = (0..20).map(|number| make(format!("Other{number}"))).collect();
    (0..20).for_each(|number| _ = make(format!("Blocked{number}")));
    let mut workers: Vec<Worker> = (0..WORKERS)
        .map(|number| Worker {
            uid: make(format!("Worker{number}")),
            friend: make(format!("Friend{number}")),
            others: others.clone(),
            told: Told::default(),
        })
        .collect();
    let fetched = Arc::new(AtomicUsize::new(0));
    let mut postman =
        Postman::new(make("Writer".into()), make("Reader".into()), others[0], Arc::clone(&fetched));
    postman.befriend(&store);
    let targets = (0..7).map(|number| format!("Target{number}"));
    let mut operator =
        Operator::new(targets.map(|name| (make_account(&store, &name, Roles::default()), name)).collect());
    store.close().unwrap();
    drop(store);

    let seed = torture().map_or(0x5eed, |_| Timestamp::now().0);
    let mut chance = Chance(seed);
    let (mut kills, mut acknowledged) = (0, 0);
    for round in rounds(KILLS) {
        let mut program = Program::start(dir.path()).unwrap_or_else(|said| panic!("round {round}: {said}"));
        let (stop, data) = (AtomicBool::new(false), dir.path().join("data"));
        let run = Duration::from_millis(50 + chance.below(300));
        thread::scope(|scope| {
            let chat = program.chat;
            let stop = &stop;
            for (number, worker) in workers.iter_mut().enumerate() {
                scope.spawn(move || {
                    if number == 0 {
                        worker.register(chat, round, stop)
                    } else {
                        worker.work(chat, round, stop)
                    }
                });
            }
            let (operator, postman, data) = (&mut operator, &mut postman, &data);
            scope.spawn(move || operator.work(data, stop));
            scope.spawn(move || postman.work(chat, stop));
            // The moment of the kill is meant to be any moment, once everybody has begun.
            thread::sleep(run);
            let began = Instant::now();
            while fetched.load(Ordering::Relaxed) == 0 && began.elapsed() < DEADLINE {
                thread::sleep(Duration::from_millis(1));
            }
            program.kill();
            stop.store(true, Ordering::Relaxed);
        });
        kills += 1;
        let harm = damaging.then(|| damage(&dir.path().join("data/store"), &mut chance));
        // Every second time the program is the first that sees what is left, and is killed again.
        if round % 2 == 1 {
            let again = Program::start(dir.path());
            again.unwrap_or_else(|said| panic!("seed {seed}, round {round}, {harm:?}: {said}")).kill();
        }
        let (store, report) = Store::open(StoreOptions::new(dir.path().join("data/store")))
            .unwrap_or_else(|error| panic!("seed {seed}, round {round}, {harm:?}: {error}"));
        assert!(!report.fresh, "seed {seed}, round {round}, {harm:?}: {report:?}");
        workers.iter_mut().for_each(|worker| worker.check(&store));
        operator.check(&store);
        let waiting = store.reader().offline(postman.reader()).unwrap();
        let waiting =
            waiting.iter().map(|message| number_of(&String::from_utf8_lossy(message.text.as_bytes())));
        postman.settle(&waiting.collect::<Vec<_>>());
        acknowledged = workers.iter().map(|worker| worker.told.messages + worker.told.registered.len()).sum();
        store.close().unwrap();
        drop(store);
    }
    let (orders, fetched) = (operator.orders(), fetched.load(Ordering::Relaxed));
    println!(
        "{kills} kills: {acknowledged} accounts and messages, {orders} orders, {fetched} letters fetched"
    );
    assert!(acknowledged > 0 && orders > 0 && fetched > 0, "the workers did something");
}

#[test]
fn nothing_acknowledged_is_lost_by_kill() {
    kill_and_check(false);
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_and_a_damaged_index() {
    kill_and_check(true);
}

#[test]
fn what_staff_were_told_is_done_is_on_record_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.commit_blocking(Change::Seed { at: Timestamp::now() }).unwrap();
    let boss = make_account(&store, "Boss", [Role::Admin].into_iter().collect());
    for number in 0..10 {
        make_account(&store, &format!("Target{number}"), Roles::default());
    }
    store.close().unwrap();
    drop(store);
    let mut expected = Vec::new();
    for round in 0..3 {
        let mut program = Program::start(dir.path()).unwrap();
        let mut client = RawClient::sign_in(program.chat, boss).unwrap();
        for number in 0..10 {
            let (line, action, answer) = match (number + round) % 4 {
                0 => (format!("/warn Target{number} round {round}"), "warn", "arned"),
                1 => (format!("/mute Target{number} 1h"), "mute", "uted"),
                2 => (format!("/ban Target{number} 7d"), "ban", "anned"),
                _ => (format!("/broadcast round {round}"), "broadcast", "old"),
            };
            let payload = [&Uid::SERVICE.0.to_be_bytes()[..], line.as_bytes()].concat();
            client.send(0xffec, &payload).unwrap();
            let told = client.expect(0x0014).unwrap().text(4);
            assert!(told.contains(answer), "{line}: {told}");
            expected.push(action.to_owned());
        }
        program.kill();
        let store = open(dir.path());
        let page = store.reader().audit(&AuditQuery::default()).unwrap();
        let found: Vec<String> = page.records.into_iter().rev().map(|record| record.entry.action).collect();
        assert_eq!(found, expected);
        let bans = expected.iter().filter(|action| *action == "ban").count();
        assert!(!store.reader().bans().unwrap().is_empty() && store.reader().bans().unwrap().len() <= bans);
        store.close().unwrap();
    }
}

#[test]
fn a_damaged_index_is_rebuilt_and_the_program_serves_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.commit_blocking(Change::Seed { at: Timestamp::now() }).unwrap();
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

fn files_below(dir: &Path) -> Vec<std::path::PathBuf> {
    fs::read_dir(dir)
        .unwrap()
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { files_below(&path) } else { vec![path] }
        })
        .collect()
}
