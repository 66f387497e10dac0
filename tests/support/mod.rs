//! A daemon in this process on free ports; `client` is one as a real one behaves.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod client;
pub mod flood;
pub mod process;
pub mod program;
pub mod skipped;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use paltalkd::config::{Changes, Config, Spam};
use paltalkd::daemon::{Daemon, Farewell, Stop};
use paltalkd::metrics::Metrics;
use paltalkd::model::{
    CategoryId, Nickname, Rating, Role, Roles, RoomId, RoomKind, RoomName, Timestamp, Uid,
};
use paltalkd::store::{Applied, Change, NewAccount, PasswordHash, RoomRecord, Store, StoreOptions};
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub use client::*;

/// How long anything may take before a test fails.
pub const DEADLINE: Duration = Duration::from_secs(20);
/// Kinds of events that tell how the machine is, which no test knows.
pub const TROUBLES: [&str; 2] = ["health", "store"];
/// How whoever says nothing at first is greeted.
pub const GREETINGS: [u16; 2] = [0x0075, 0xff8b];
/// The password of every account that [`Server::account`] makes.
pub const PASSWORD: &str = "h2kclan";

/// How long a test goes on that can be made longer: `scripts/torture` sets `PALTALKD_TORTURE` to seconds.
/// `None` is the short form.
pub fn torture() -> Option<Duration> {
    let seconds = std::env::var("PALTALKD_TORTURE").ok()?;
    Some(Duration::from_secs(seconds.parse().expect("PALTALKD_TORTURE is a number of seconds")))
}

/// That it took less than a second since `began`. Under torture only: a machine that does other work beside the
/// tests may take longer for anything.
pub fn within_a_second(began: Instant) {
    let took = began.elapsed();
    assert!(torture().is_none() || took < Duration::from_secs(1), "{took:?}");
}

/// Rounds of a test: `short` of them, and more until the time of [`torture`] is over.
pub fn rounds(short: usize) -> impl Iterator<Item = usize> {
    let (began, time) = (Instant::now(), torture().unwrap_or_default());
    (0..).take_while(move |round| *round < short || began.elapsed() < time)
}

/// How many of something take part: `short`, or `long` under [`torture`].
pub fn crowd(short: usize, long: usize) -> usize {
    if torture().is_some() { long } else { short }
}

pub const V50: u16 = 0x47;
pub const V51: u16 = 0x4b;

/// A running daemon with a directory of its own.
pub struct Server {
    pub chat: SocketAddr,
    pub http: SocketAddr,
    daemon: Option<Daemon>,
    runtime: Runtime,
    dir: TempDir,
}

impl Server {
    pub fn start() -> Server {
        Server::start_with(|_| {})
    }

    /// Starts with a configuration that `change` has had its say in.
    pub fn start_with(change: impl FnOnce(&mut Config)) -> Server {
        Server::start_in(tempfile::tempdir().unwrap(), change)
    }

    /// Starts on a store that `prepare` has filled: rooms are read when the daemon starts.
    pub fn start_prepared(prepare: impl FnOnce(&Store)) -> Server {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.server.data_dir = dir.path().to_owned();
        let (store, _) = Store::open(StoreOptions::new(config.store_path())).unwrap();
        store.commit_blocking(Change::Seed { at: Timestamp::now() }).unwrap();
        prepare(&store);
        store.close().unwrap();
        drop(store);
        Server::start_in(dir, |_| {})
    }

    /// Starts on a directory that an earlier server may have left.
    pub fn start_in(dir: TempDir, change: impl FnOnce(&mut Config)) -> Server {
        let mut config = Config::default();
        // One test sends in a second what people send in minutes.
        config.limits.packets_per_second = None;
        config.spam = Spam::off();
        config.server.data_dir = dir.path().to_owned();
        config.chat.listen = vec!["127.0.0.1:0".parse().unwrap()];
        config.http.listen = vec!["127.0.0.1:0".parse().unwrap()];
        config.voice.listen_tcp = Vec::new();
        config.voice.listen_udp = Vec::new();
        config.store.cache = 4 << 20;
        change(&mut config);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let daemon = runtime.block_on(Daemon::start(&config)).unwrap();
        let (chat, http) = (daemon.chat_addresses()[0], daemon.http_addresses()[0]);
        Server { chat, http, daemon: Some(daemon), runtime, dir }
    }

    pub fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().unwrap()
    }

    pub fn store(&self) -> &Store {
        self.daemon().store()
    }

    pub fn metrics(&self) -> &Metrics {
        self.daemon().metrics()
    }

    pub fn data_dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    pub fn account(&self, nickname: &str) -> Uid {
        self.account_with(nickname, &[])
    }

    pub fn account_with(&self, nickname: &str, roles: &[Role]) -> Uid {
        make_account(self.store(), nickname, roles.iter().copied().collect())
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.chat)
    }

    /// A signed-in 5.0 client.
    pub fn sign_in(&self, uid: Uid) -> Client {
        let mut client = self.connect();
        client.sign_in(uid);
        client
    }

    /// A signed-in 5.0 client on the machine with the address `source`, one of 127.0.0.0/8.
    pub fn sign_in_from(&self, uid: Uid, source: Ipv4Addr) -> Client {
        let mut client = Client::connect_from(self.chat, source);
        client.sign_in(uid);
        client
    }

    /// A signed-in 5.1 client.
    pub fn sign_in_51(&self, uid: Uid) -> Client {
        let mut client = self.connect();
        client.version = V51;
        client.sign_in(uid);
        client
    }

    /// Waits until `condition` holds.
    pub fn wait_for(&self, what: &str, mut condition: impl FnMut(&Server) -> bool) {
        let start = Instant::now();
        while !condition(self) {
            assert!(start.elapsed() < DEADLINE, "timed out waiting for {what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Starts a second daemon on the same directory.
    pub fn start_another(&self) -> anyhow::Result<()> {
        let mut config = Config::default();
        config.server.data_dir = self.dir.path().to_owned();
        config.chat.listen = vec!["127.0.0.1:0".parse()?];
        config.http.listen = Vec::new();
        config.voice.listen_tcp = Vec::new();
        config.voice.listen_udp = Vec::new();
        self.runtime.block_on(Daemon::start(&config)).map(|_| ())
    }

    /// Stops the daemon in good order and returns its directory.
    pub fn stop(self) -> TempDir {
        self.stop_with(&Stop::default()).1
    }

    /// Stops the daemon as asked; returns how it went, and its directory.
    pub fn stop_with(mut self, stop: &Stop) -> (Farewell, TempDir) {
        let daemon = self.daemon.take().unwrap();
        let farewell = self.runtime.block_on(daemon.stop_with(stop)).unwrap();
        (farewell, std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap()))
    }

    /// Has another configuration take effect.
    pub fn reload(&self, change: impl FnOnce(&mut Config)) -> Changes {
        let mut config = Config::clone(&self.daemon().config().borrow());
        change(&mut config);
        self.runtime.block_on(self.daemon().reload(&config))
    }
}

/// A room for [`Server::start_prepared`].
pub fn room(id: u32, kind: RoomKind, category: u16, name: &str, lockword: Option<&str>) -> RoomRecord {
    let name = RoomName::new(name.as_bytes()).unwrap();
    RoomRecord {
        topic: b"Topic".to_vec(),
        lockword: lockword.map(|word| word.into()),
        ..RoomRecord::new(RoomId(id), name, kind, CategoryId(category), Rating::General, Timestamp::now())
    }
}

/// An account whose password is [`PASSWORD`] under a hash that costs nearly nothing.
pub fn make_account(store: &Store, nickname: &str, roles: Roles) -> Uid {
    let account = NewAccount {
        nickname: Nickname::from_text(nickname).unwrap(),
        password: cheap_hash(PASSWORD),
        email: None,
        roles,
        created: Timestamp::now(),
    };
    match store.commit_blocking(Change::CreateAccount(account)).unwrap() {
        Applied::Created(uid) => uid,
        other => panic!("{other:?}"),
    }
}

pub fn cheap_hash(password: &str) -> PasswordHash {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
    PasswordHash::new(argon2.hash_password(password.as_bytes()).unwrap().to_string())
}

/// The two users of the recordings, with their uids.
pub fn two(server: &Server) -> (Uid, Uid) {
    let (netstorm, medianoche) = (server.account("NetStorm"), server.account("Medianoche"));
    assert_eq!((netstorm, medianoche), (Uid(1_000_002), Uid(1_000_003)));
    (netstorm, medianoche)
}
