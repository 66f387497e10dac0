//! A daemon in a process of its own.

use std::fs;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use paltalkd::config::Config;
use paltalkd::model::{Roles, Timestamp, Uid};
use paltalkd::store::{Change, Store, StoreOptions};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Client, make_account};

/// A daemon in a process of its own. It is killed with the test.
pub struct Process {
    child: Child,
    pub log: Lines<BufReader<ChildStderr>>,
    ready: Value,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A configuration on free ports, with `more` in it.
pub fn configure(directory: &Path, more: &str) {
    let text = format!(
        "[chat]\nlisten = [\"127.0.0.1:0\"]\n[voice]\nlisten_tcp = []\nlisten_udp = []\n\
         [http]\nlisten = [\"127.0.0.1:0\"]\n{more}"
    );
    fs::write(directory.join("config.toml"), text).unwrap();
}

/// A log that tests can read.
pub const LOG: &str = "[log]\nformat = \"json\"\n";

impl Process {
    pub fn start(directory: &Path, prepare: impl FnOnce(&mut Command)) -> Process {
        Process::run(directory, Command::new(env!("CARGO_BIN_EXE_paltalkd")), prepare)
    }

    /// As [`Process::start`], but by another program, which runs it with the arguments that follow its own.
    pub fn run(directory: &Path, command: Command, prepare: impl FnOnce(&mut Command)) -> Process {
        let mut process = Process::spawn(directory, command, prepare);
        process.await_ready();
        process
    }

    /// As [`Process::run`], but nobody has waited until it is ready.
    pub fn spawn(directory: &Path, mut command: Command, prepare: impl FnOnce(&mut Command)) -> Process {
        command.current_dir(directory).arg("serve").stdin(Stdio::null()).stderr(Stdio::piped());
        command.env_remove("PALTALKD_CONFIG").env_remove("NOTIFY_SOCKET").env_remove("WATCHDOG_USEC");
        prepare(&mut command);
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Process { child, log, ready: Value::Null }
    }

    /// Waits until it serves.
    pub fn await_ready(&mut self) {
        self.ready = self.line("ready");
    }

    /// The next line with this message.
    pub fn line(&mut self, message: &str) -> Value {
        let mut last = Value::Null;
        while let Some(fields) = self.next_line() {
            if fields["message"] == message {
                return fields;
            }
            last = fields;
        }
        panic!("the daemon ended before it said {message:?}; the last that it said was {last}");
    }

    /// The next line of any kind, which has to be JSON as everything that it says; `None` at its end.
    fn next_line(&mut self) -> Option<Value> {
        let line = self.log.next()?.unwrap();
        let value: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Some(value["fields"].clone())
    }

    pub fn address(&self, of: &str) -> SocketAddr {
        self.ready[of].as_str().unwrap().trim_matches(['[', ']']).parse().unwrap()
    }

    pub fn sign_in(&self, uid: Uid) -> Client {
        let mut client = Client::connect(self.address("chat"));
        client.sign_in(uid);
        client
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The number of the process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub fn code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    pub fn health(&self) -> String {
        let mut stream = TcpStream::connect(self.address("http")).unwrap();
        stream.write_all(b"GET /health HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

/// An account in the store of a daemon that has not been started yet.
pub fn account(directory: &Path, nickname: &str) -> Uid {
    account_with(directory, nickname, Roles::default())
}

/// As [`account`], with roles.
pub fn account_with(directory: &Path, nickname: &str, roles: Roles) -> Uid {
    let config = Config::default();
    let path = directory.join(config.store_path());
    let (store, _) = Store::open(StoreOptions::new(path)).unwrap();
    store.commit_blocking(Change::Seed { at: Timestamp::now() }).unwrap();
    let uid = make_account(&store, nickname, roles);
    store.close().unwrap();
    uid
}

/// A daemon with Alice signed in, who is all there is.
pub fn with_alice(directory: &Path) -> (Process, Client) {
    configure(directory, LOG);
    let alice = account(directory, "Alice");
    let daemon = Process::start(directory, |_| {});
    let client = daemon.sign_in(alice);
    (daemon, client)
}
