//! The program is killed under load, many times; what it had acknowledged must be there afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout)]

#[path = "crash/operator.rs"]
mod operator;
#[path = "crash/postman.rs"]
mod postman;
mod support;

use std::collections::BTreeSet;
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
use paltalkd::model::{Nickname, Role, Roles, Timestamp, Uid};
use paltalkd::password;
use paltalkd::protocol::cipher::{self, Variant};
use paltalkd::store::{AuditQuery, Change, Store, StoreOptions};
use postman::Postman;
use support::*;

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

/// What one worker was told, and what it had asked for without an answer yet.
#[derive(Clone, Default)]
struct Told {
    pals: BTreeSet<Uid>,
    blocks: BTreeSet<Uid>,
    messages: usize,
    /// The pal or block that was being changed, and the message that was being sent.
    open_pal: Option<Uid>,
    open_block: Option<Uid>,
    open_message: bool,
    registered: Vec<(String, Uid)>,
}

struct Worker {
    uid: Uid,
    /// Never signs in; gets the worker's messages.
    friend: Uid,
    others: Vec<Uid>,
    told: Told,
}

impl Worker {
    /// Changes things until the connection breaks.
    fn work(&mut self, chat: SocketAddr, round: usize, stop: &AtomicBool) {
        let Some(mut client) = RawClient::sign_in(chat, self.uid) else { return };
        let mut step = round * 7919;
        while !stop.load(Ordering::Relaxed) {
            step += 1;
            let other = self.others[step % self.others.len()];
            let done = match step % 4 {
                0 => {
                    let adding = !self.told.pals.contains(&other);
                    self.told.open_pal = Some(other);
                    let done = client.act(if adding { 0xffbd } else { 0xffbe }, &other.0.to_be_bytes());
                    if done {
                        toggle(&mut self.told.pals, other);
                        self.told.open_pal = None;
                    }
                    done
                }
                1 => {
                    // A blocked user cannot be made a pal, so pals and blocks use other people.
                    let other = Uid(other.0 + self.others.len() as u32);
                    let adding = !self.told.blocks.contains(&other);
                    self.told.open_block = Some(other);
                    let done = client.act(if adding { 0xfe0c } else { 0xfdf8 }, &other.0.to_be_bytes());
                    if done {
                        toggle(&mut self.told.blocks, other);
                        self.told.open_block = None;
                    }
                    done
                }
                _ if self.told.messages < 190 => {
                    self.told.open_message = true;
                    let mut payload = self.friend.0.to_be_bytes().to_vec();
                    payload.extend(format!("message {}", self.told.messages + 1).bytes());
                    let done = client.act(0xffec, &payload);
                    if done {
                        self.told.messages += 1;
                        self.told.open_message = false;
                    }
                    done
                }
                _ => true,
            };
            if !done {
                return;
            }
        }
    }

    /// Registers accounts until the connection breaks.
    fn register(&mut self, chat: SocketAddr, round: usize, stop: &AtomicBool) {
        for number in 0.. {
            let nickname = format!("New{round}x{number}");
            if stop.load(Ordering::Relaxed) {
                return;
            }
            match RawClient::register(chat, &nickname) {
                Some(uid) => self.told.registered.push((nickname, uid)),
                None => return,
            }
        }
    }

    /// Compares what the worker was told with what the store holds.
    fn check(&mut self, store: &Store) {
        let reader = store.reader();
        let uids = |list: Vec<(Uid, Nickname)>| list.into_iter().map(|(uid, _)| uid).collect::<BTreeSet<_>>();
        let same = |found: &BTreeSet<Uid>, told: &BTreeSet<Uid>, open: Option<Uid>| {
            found.symmetric_difference(told).all(|uid| Some(*uid) == open)
        };
        let pals = uids(reader.pals(self.uid).unwrap());
        assert!(
            same(&pals, &self.told.pals, self.told.open_pal),
            "pals: {pals:?}, told {:?}",
            self.told.pals
        );
        let blocks = uids(reader.blocks(self.uid).unwrap());
        assert!(same(&blocks, &self.told.blocks, self.told.open_block), "blocks of {}", self.uid);
        let messages: Vec<String> = reader
            .offline(self.friend)
            .unwrap()
            .iter()
            .map(|message| String::from_utf8_lossy(message.text.as_bytes()).into_owned())
            .collect();
        let expected: Vec<String> = (1..=messages.len()).map(|number| format!("message {number}")).collect();
        assert_eq!(messages, expected, "each once and in order");
        let open = usize::from(self.told.open_message);
        assert!((self.told.messages..=self.told.messages + open).contains(&messages.len()));
        for (nickname, uid) in &self.told.registered {
            let account = reader.account(*uid).unwrap().unwrap_or_else(|| panic!("{nickname} is gone"));
            assert_eq!(account.nickname.to_string(), *nickname);
        }
        if let Some((_, uid)) = self.told.registered.last() {
            let hash = reader.account(*uid).unwrap().unwrap().password;
            assert_eq!(password::Hasher::default().verify(PASSWORD.as_bytes(), hash.as_str()), Ok(true));
        }
        // What was open is decided now.
        self.told = Told {
            pals,
            blocks,
            messages: messages.len(),
            registered: std::mem::take(&mut self.told.registered),
            ..Told::default()
        };
    }
}

fn toggle(set: &mut BTreeSet<Uid>, uid: Uid) {
    if !set.remove(&uid) {
        set.insert(uid);
    }
}

/// A client for whom a broken connection is nothing special.
struct RawClient(Client);

impl RawClient {
    fn sign_in(chat: SocketAddr, uid: Uid) -> Option<RawClient> {
        let mut client = RawClient(Client::try_connect(chat)?);
        let mut wish = uid.0.to_be_bytes().to_vec();
        wish.extend([0, 0, 0, 1, 0, 0]);
        client.send(0xff9c, &uid.0.to_be_bytes())?;
        client.send(0xfb96, &wish)?;
        let challenge = challenge_of(&client.expect(0x0474)?.payload[4..7]);
        let mut login = uid.0.to_be_bytes().to_vec();
        login.extend(cipher::encode(Variant::One, challenge, PASSWORD.as_bytes(), 1).unwrap());
        client.send(0xfb84, &login)?;
        client.expect(0x04a6)?;
        Some(client)
    }

    fn register(chat: SocketAddr, nickname: &str) -> Option<Uid> {
        let mut client = RawClient(Client::try_connect(chat)?);
        client.send(0xff9c, &Uid::NEW_USER.0.to_be_bytes())?;
        let digits = cipher::encode(Variant::One, 0, PASSWORD.as_bytes(), 1).unwrap();
        let form = format!("nickname={nickname}\nemail=\npassword={}", String::from_utf8(digits).unwrap());
        client.send(0xfb6e, form.as_bytes())?;
        let answer = client.expect(0x0064)?;
        (answer.payload.len() == 8 && answer.payload[2..4] == [0, 0]).then(|| Uid(answer.u32(4)))
    }

    /// Sends a request and another one; the answer to the second says that the first is durable.
    fn act(&mut self, kind: u16, payload: &[u8]) -> bool {
        self.send(kind, payload).is_some()
            && self.send(0xfeb6, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]).is_some()
            && self.expect(0x014b).is_some()
    }

    /// The numbers of the messages that come before the answer to a request.
    fn letters(&mut self) -> Option<Vec<usize>> {
        self.send(0xfeb6, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0])?;
        let mut numbers = Vec::new();
        loop {
            let packet = self.0.next()?;
            match packet.kind {
                0x014b => return Some(numbers),
                0x0014 => numbers.push(number_of(&packet.text(4))),
                _ => {}
            }
        }
    }

    fn hang_up(self) {
        self.0.close();
    }

    fn send(&mut self, kind: u16, payload: &[u8]) -> Option<()> {
        let frame = self.0.frame(kind, payload);
        self.0.try_send_raw(&frame).then_some(())
    }

    fn expect(&mut self, kind: u16) -> Option<Packet> {
        loop {
            let packet = self.0.next()?;
            if packet.kind == kind {
                return Some(packet);
            }
        }
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
