//! What a backup costs those who change the store meanwhile: latency of single commits without and with
//! a backup running, in turns, and the ratio of the two.
//!
//! `cargo run --release --example backup_stall -- --accounts 200000`
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use clap::Parser;
use hdrhistogram::Histogram;
use paltalkd::model::{Nickname, Privacy, Roles, Timestamp, Uid};
use paltalkd::store::{Change, NewAccount, PasswordHash, Store, StoreOptions};

/// Latency of commits without and with a backup running, in turns.
#[derive(Parser)]
struct Options {
    /// Accounts in the store.
    #[arg(long, default_value_t = 200_000)]
    accounts: u32,
    /// Turns of both kinds.
    #[arg(long, default_value_t = 5)]
    turns: u32,
    /// Commits per second.
    #[arg(long, default_value_t = 500)]
    rate: u32,
}

fn account(number: u32) -> NewAccount {
    NewAccount {
        nickname: Nickname::from_text(&format!("person{number}")).unwrap(),
        password: PasswordHash::new("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo"),
        email: Some(format!("person{number}@example.org")),
        roles: Roles::default(),
        created: Timestamp(0),
    }
}

fn fill(store: &Store, accounts: u32) {
    let (sender, answers) = mpsc::channel();
    let mut open = 0;
    for number in 0..accounts {
        while open >= 4000 {
            answers.recv().unwrap();
            open -= 1;
        }
        let sender = sender.clone();
        store.submit(Change::CreateAccount(account(number)), move |made| {
            sender.send(made.unwrap()).unwrap();
        });
        open += 1;
    }
    drop(sender);
    while answers.recv().is_ok() {}
}

/// Commits at a steady pace until `done`, measured from when each was due, so that a stall counts for
/// everything that waits behind it.
fn commits(store: &Store, options: &Options, seed: u32, done: impl Fn() -> bool) -> Histogram<u64> {
    let mut times = Histogram::new(3).unwrap();
    let pause = Duration::from_secs(1) / options.rate;
    let mut due = Instant::now();
    let mut number = seed;
    while !done() {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let uid = Uid(Uid::FIRST_PERSON.0 + number % options.accounts);
        let privacy = if number & 0x1_0000 == 0 { Privacy::Pals } else { Privacy::Transfers };
        store.commit_blocking(Change::SetPrivacy { uid, privacy }).unwrap();
        times.record(u64::try_from(due.elapsed().as_micros()).unwrap()).unwrap();
        due += pause;
    }
    times
}

fn main() {
    let options = Options::parse();
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(StoreOptions::new(dir.path().join("store"))).unwrap();
    fill(&store, options.accounts);
    let (mut without, mut with) = (Histogram::<u64>::new(3).unwrap(), Histogram::<u64>::new(3).unwrap());
    for turn in 0..options.turns {
        let finished = AtomicBool::new(false);
        let took = std::thread::scope(|scope| {
            let backup = scope.spawn(|| {
                let start = Instant::now();
                let made = store.backup(&dir.path().join("file"), Timestamp::now(), &mut |_| {}).unwrap();
                finished.store(true, Ordering::Relaxed);
                (start.elapsed(), made)
            });
            with.add(commits(&store, &options, turn, || finished.load(Ordering::Relaxed))).unwrap();
            let (took, made) = backup.join().unwrap();
            let (records, bytes) = (made.manifest.records(), made.bytes);
            println!("backup {turn}: {records} records, {bytes} bytes, {} ms", took.as_millis());
            took
        });
        let start = Instant::now();
        without.add(commits(&store, &options, turn, || start.elapsed() >= took)).unwrap();
    }
    println!("{:>10} {:>14} {:>14} {:>7}", "commits", "without us", "with us", "ratio");
    for (what, quantile) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)] {
        let (a, b) = (without.value_at_quantile(quantile), with.value_at_quantile(quantile));
        println!("{what:>10} {a:>14} {b:>14} {:>7.2}", b as f64 / a as f64);
    }
    store.close().unwrap();
}
