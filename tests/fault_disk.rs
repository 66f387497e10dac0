//! A disk that is full, and one that may only be read: real ones, in memory, where the system allows it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

use paltalkd::config::Config;
use paltalkd::model::{Role, Roles, Timestamp, Uid};
use paltalkd::password;
use paltalkd::store::{Change, PasswordHash, Store, StoreOptions};
use rustix::process::{Resource, Rlimit, prlimit};
use support::process::{LOG, Process, configure};
use support::program::program;
use support::skipped::not_checked;
use support::*;

/// The daemon's exit code when the store cannot write.
const STORE_FAILED: Option<i32> = Some(6);

/// A file system of its own, in memory, that goes with it.
struct Disk {
    shell: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    mount: tempfile::TempDir,
}

impl Disk {
    /// `None`, said aloud, where the system does not let this user mount anything: then `what` is not
    /// checked.
    fn new(mebibytes: u32, what: &str) -> Option<Disk> {
        let mount = tempfile::tempdir().unwrap();
        let path = mount.path().to_str().unwrap().to_owned();
        let order = format!("mount -t tmpfs -o size={mebibytes}m,mode=750 tmpfs {path}");
        Disk::mounted(mount, &order).map_err(|why| not_checked(what, &why)).ok()
    }

    /// One that can be [`Frozen`]: a file with a file system in it.
    fn in_a_file(what: &str) -> Option<Disk> {
        let mount = tempfile::tempdir().unwrap();
        let path = mount.path().to_str().unwrap().to_owned();
        let make = format!("truncate -s 64M {path}.image && mkfs.ext4 -q -F {path}.image");
        let order =
            format!("{make} && mount -o loop {path}.image {path}; rm -f {path}.image; mountpoint -q {path}");
        Disk::mounted(mount, &order).map_err(|why| not_checked(what, &why)).ok()
    }

    fn mounted(mount: tempfile::TempDir, order: &str) -> Result<Disk, String> {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut shell = command.spawn().map_err(|error| format!("cannot run unshare: {error}"))?;
        let orders = shell.stdin.take().unwrap();
        let answers = BufReader::new(shell.stdout.take().unwrap());
        let mut disk = Disk { shell, orders, answers, mount };
        if disk.order(order) {
            return Ok(disk);
        }
        Err("this user may not mount a file system here".to_owned())
    }

    fn order(&mut self, order: &str) -> bool {
        let mut answer = String::new();
        writeln!(self.orders, "{order} && echo done || echo failed").is_ok()
            && self.answers.read_line(&mut answer).is_ok()
            && answer == "done\n"
    }

    /// Whether it may be written from now on.
    fn allow_writing(&mut self, allowed: bool) {
        let mode = if allowed { "rw" } else { "ro" };
        let order = format!("mount -o remount,{mode} {}", self.mount.path().display());
        assert!(self.order(&order), "{order}");
    }

    /// Where it is for everybody else.
    fn path(&self) -> PathBuf {
        Path::new("/proc")
            .join(self.shell.id().to_string())
            .join("root")
            .join(self.mount.path().strip_prefix("/").unwrap())
    }

    /// Fills it but for some bytes; what is returned has to be deleted to make room.
    fn fill(&self, left: u64) -> PathBuf {
        let path = self.path().join("ballast");
        let mut ballast = File::create(&path).unwrap();
        let chunk = vec![0; 1 << 16];
        while ballast.write_all(&chunk).is_ok() {}
        let length = ballast.metadata().unwrap().len();
        ballast.set_len(length.saturating_sub(left)).unwrap();
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        _ = self.shell.kill();
        _ = self.shell.wait();
    }
}

/// A disk that finishes no write until this is dropped.
struct Frozen<'a>(&'a mut Disk);

impl<'a> Frozen<'a> {
    fn new(disk: &'a mut Disk) -> Frozen<'a> {
        let order = format!("fsfreeze -f {}", disk.mount.path().display());
        assert!(disk.order(&order), "{order}");
        Frozen(disk)
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        let order = format!("fsfreeze -u {}", self.0.mount.path().display());
        // Who waits for the disk cannot even be killed.
        assert!(self.0.order(&order), "{order}");
    }
}

/// Somebody who changes his list of pals and remembers what he was told is done.
struct Changer {
    uid: Uid,
    others: Vec<Uid>,
    pals: BTreeSet<Uid>,
    /// Being changed, without an answer.
    open: Option<Uid>,
    acknowledged: usize,
}

impl Changer {
    /// Puts him, and those he makes pals, into a new store.
    fn new(directory: &Path) -> Changer {
        let (store, _) =
            Store::open(StoreOptions::new(directory.join(Config::default().store_path()))).unwrap();
        store.commit_blocking(Change::Seed { at: Timestamp::now() }).unwrap();
        let uid = make_account(&store, "Alice", Roles::default());
        // The limits of messages spare them.
        let talkative = Roles::default().with(Role::Trusted);
        let others = (0..30).map(|number| make_account(&store, &format!("Pal{number}"), talkative)).collect();
        store.close().unwrap();
        Changer { uid, others, pals: BTreeSet::new(), open: None, acknowledged: 0 }
    }

    /// Changes the list until the connection ends, or `most` times; returns what came then.
    fn work(&mut self, chat: SocketAddr, most: usize) -> Vec<Packet> {
        let mut client = Client::connect(chat);
        client.sign_in(self.uid);
        for _ in 0..most {
            let other = self.others[self.acknowledged % self.others.len()];
            let kind = if self.pals.contains(&other) { 0xffbe } else { 0xffbd };
            self.open = Some(other);
            let mut frames = client.frame(kind, &other.0.to_be_bytes());
            // The answer to the second request says that the first is durable.
            frames.extend(client.frame(0xfeb6, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]));
            client.try_send_raw(&frames);
            let mut last_words = Vec::new();
            loop {
                match client.next() {
                    Some(packet) if packet.kind == 0x014b => break,
                    Some(packet) => last_words.push(packet),
                    None => return last_words,
                }
            }
            if !self.pals.remove(&other) {
                self.pals.insert(other);
            }
            self.open = None;
            self.acknowledged += 1;
        }
        Vec::new()
    }

    /// Everything that was acknowledged is there, and nothing else but what was open.
    fn check(&mut self, directory: &Path) {
        let (store, _) =
            Store::open(StoreOptions::new(directory.join(Config::default().store_path()))).unwrap();
        let pals = store.reader().pals(self.uid).unwrap();
        let pals: BTreeSet<Uid> = pals.into_iter().map(|(uid, _)| uid).collect();
        let differing: Vec<&Uid> = pals.symmetric_difference(&self.pals).collect();
        assert!(differing.iter().all(|uid| Some(**uid) == self.open), "{differing:?}, open {:?}", self.open);
        store.close().unwrap();
        self.pals = pals;
        self.open = None;
    }
}

/// How a daemon that does not come up ends, and what it told; `None` if it serves, and was killed then.
fn refused(directory: &Path) -> Option<(Option<i32>, String)> {
    let mut child = program(directory).arg("serve").stderr(Stdio::piped()).spawn().unwrap();
    let mut told = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.contains("\"message\":\"ready\"") {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        told += &line;
    }
    Some((child.wait().unwrap().code(), told))
}

fn command(directory: &Path, args: &[&str]) -> Output {
    program(directory).args(args).output().unwrap()
}

#[test]
fn a_full_disk_ends_the_daemon_and_nothing_acknowledged_with_it() {
    let Some(disk) = Disk::new(32, "a full disk") else { return };
    let path = disk.path();
    configure(&path, &format!("[limits]\npackets_per_second = 0\n{LOG}directory = \"\"\n"));
    let mut alice = Changer::new(&path);
    for round in rounds(2) {
        let mut daemon = Process::start(&path, |_| {});
        alice.work(daemon.address("chat"), 50);
        // Who looks is told before it is too late.
        assert!(daemon.health().contains("disk_space: only"), "{}", daemon.health());
        let status = String::from_utf8(command(&path, &["status"]).stdout).unwrap();
        assert!(status.contains("disk_space"), "{status}");
        let before = alice.acknowledged;
        let ballast = disk.fill(20_000 * (round as u64 % 4));
        alice.work(daemon.address("chat"), usize::MAX);
        assert!(round % 4 == 0 || alice.acknowledged > before, "there was room for some");
        daemon.line("the store has failed and accepts nothing any more");
        // The index may complain after that.
        daemon.line("ended: the store cannot write any more");
        assert_eq!(daemon.code(), STORE_FAILED);
        drop(daemon);
        // Whether it can be opened now depends on what is left; if not, the reason is told.
        let opened = Store::open(StoreOptions::new(path.join(Config::default().store_path()))).map(drop);
        if let Err(error) = opened {
            assert!(error.to_string().contains("No space left"), "{error}");
            // The next start may find room: it deletes what this one has put aside.
            if let Some((code, told)) = refused(&path) {
                assert!(code == Some(1) && told.contains("No space left"), "{code:?}: {told}");
            }
        }
        fs::remove_file(ballast).unwrap();
        alice.check(&path);
        // Starts that repair leave one thing behind, however many there are.
        let store = fs::read_dir(path.join(Config::default().store_path())).unwrap();
        let names = store.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let aside: Vec<String> = names.filter(|name| name.starts_with("sled.damaged-")).collect();
        assert!(aside.len() <= 1, "{aside:?}");
    }
}

#[test]
fn a_disk_that_may_only_be_read_is_refused_and_served_again() {
    let Some(mut disk) = Disk::new(32, "a disk that may only be read") else { return };
    let path = disk.path();
    configure(&path, &format!("{LOG}directory = \"\"\n"));
    let mut alice = Changer::new(&path);
    let mut daemon = Process::start(&path, |_| {});
    alice.work(daemon.address("chat"), 10);
    daemon.signal(rustix::process::Signal::KILL);
    daemon.code();
    disk.allow_writing(false);
    let (code, told) = refused(&path).expect("it serves from a disk that may only be read");
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("server.data_dir") && told.contains("Read-only"), "{told}");
    disk.allow_writing(true);
    alice.check(&path);
    let daemon = Process::start(&path, |_| {});
    alice.work(daemon.address("chat"), 10);
    assert_eq!(alice.acknowledged, 20);
}

#[test]
fn a_disk_that_hangs_keeps_answers_back_and_nothing_else() {
    let Some(mut disk) = Disk::in_a_file("a disk that hangs") else { return };
    let path = disk.path();
    configure(&path, &format!("[health]\ndisk_warn = 0\ndisk_degraded = 0\n{LOG}directory = \"\"\n"));
    let mut alice = Changer::new(&path);
    let mut daemon = Process::start(&path, |_| {});
    let chat = daemon.address("chat");
    alice.work(chat, 10);
    let [one, two, three] = [0, 1, 2].map(|number| alice.others[number]);
    let [mut speaker, mut listener, mut waiting] = [one, two, three].map(|uid| {
        let mut client = Client::connect(chat);
        client.sign_in(uid);
        client
    });
    for round in rounds(1) {
        waiting.sync();
        let frozen = Frozen::new(&mut disk);
        waiting.send(0xffbd, &one.0.to_be_bytes());
        waiting.send(0xfeb6, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        daemon.line("the store takes more than 2 seconds to answer; look at disk and load");
        let health = daemon.health();
        assert!(health.contains(" 503 ") && health.contains("store_slow"), "{health}");
        let status = command(&path, &["--socket", "data/control.sock", "status"]);
        assert!(String::from_utf8(status.stdout).unwrap().contains("store_slow"));
        let text = format!("can you hear me {round}?");
        speaker.im(two, &text);
        assert_eq!(listener.expect(0x0014).text(4), text);
        waiting.stream().set_nonblocking(true).unwrap();
        let early = waiting.stream().peek(&mut [0]);
        assert!(early.is_err(), "nothing is told to be done that is not");
        waiting.stream().set_nonblocking(false).unwrap();
        drop(frozen);
        waiting.expect(0x014b);
        while daemon.line("well again")["cause"] != "store_slow" {}
        assert!(daemon.health().contains(" 200 "));
        waiting.send(0xffbe, &one.0.to_be_bytes());
        waiting.sync();
    }
    // The disk goes last.
    drop(daemon);
    alice.check(&path);
}

#[test]
fn files_that_cannot_grow_are_like_a_full_disk() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    configure(path, &format!("[limits]\npackets_per_second = 0\n{LOG}directory = \"\"\n"));
    let mut alice = Changer::new(path);
    for _ in rounds(1) {
        // The shell passes on that the system is to say so instead of killing it.
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_paltalkd")]);
        let mut daemon = Process::run(path, shell, |_| {});
        let journal = fs::read_dir(path.join(Config::default().store_path()).join("journal")).unwrap();
        let longest = journal.map(|entry| entry.unwrap().metadata().unwrap().len()).max().unwrap();
        // In the middle of a record.
        let limit = Some(longest + 1_234);
        prlimit(Some(daemon.pid()), Resource::Fsize, Rlimit { current: limit, maximum: limit }).unwrap();
        alice.work(daemon.address("chat"), usize::MAX);
        daemon.line("the store has failed and accepts nothing any more");
        // The index may complain after that.
        daemon.line("ended: the store cannot write any more");
        assert_eq!(daemon.code(), STORE_FAILED);
        alice.check(path);
    }
}

#[test]
fn without_memory_nobody_is_told_a_lie_and_nothing_acknowledged_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    configure(path, &format!("[limits]\npackets_per_second = 0\n{LOG}directory = \"\"\n"));
    let mut alice = Changer::new(path);
    let (store, _) = Store::open(StoreOptions::new(path.join(Config::default().store_path()))).unwrap();
    let bob = make_account(&store, "Bob", Roles::default());
    let password = PasswordHash::new(password::Hasher::default().hash(PASSWORD.as_bytes()).unwrap());
    store.commit_blocking(Change::SetPassword { uid: bob, hash: password }).unwrap();
    store.close().unwrap();
    drop(store);
    for round in rounds(2) {
        // All memory from one place, so that none is set aside where the limit does not count.
        let mut daemon = Process::start(path, |command| {
            command.env("MALLOC_ARENA_MAX", "1");
        });
        alice.work(daemon.address("chat"), 20);
        let mut client = Client::connect(daemon.address("chat"));
        let challenge = client.challenge(bob);
        let statm = fs::read_to_string(format!("/proc/{}/statm", daemon.pid().as_raw_nonzero())).unwrap();
        let pages: u64 = statm.split(' ').next().unwrap().parse().unwrap();
        // Enough for frames, perhaps not for the hash of a password: 19 MiB.
        let limit = Some((pages * 4096).saturating_add((round as u64 % 8) << 20));
        prlimit(Some(daemon.pid()), Resource::As, Rlimit { current: limit, maximum: None }).unwrap();
        client.login(challenge, PASSWORD);
        // Served, told to come again, or the end of all: neither silence for ever nor a word that the
        // password is wrong.
        let answer = client.next();
        let wrong = |answer: &Packet| answer.kind == 0x0064 && answer.text(4).contains("incorrect");
        assert!(!answer.as_ref().is_some_and(wrong), "{answer:?}");
        if answer.is_none() {
            assert_eq!(daemon.code(), None, "it was ended by a signal");
        } else if answer.is_some_and(|answer| answer.kind == 0x0064) {
            // Well again when there is memory again.
            let unlimited = Rlimit { current: None, maximum: None };
            prlimit(Some(daemon.pid()), Resource::As, unlimited).unwrap();
            client.login(challenge, PASSWORD);
            client.expect(0x04a6);
        }
        drop(daemon);
        alice.check(path);
    }
}
