//! The end of the process, and of the disk, in the middle of work.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout)]

mod store_common;

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;

use paltalkd::store::{Applied, Change, Store, StoreError, StoreOptions};
use store_common::{content, create, fill, name, new_account, options};

const DIRECTORY: &str = "STORE_CRASH_DIRECTORY";

fn settings(path: &Path) -> StoreOptions {
    StoreOptions { segment_bytes: 20_000, snapshot_bytes: 50_000, ..options(path) }
}

/// Not a test of its own: what the process does that [`a_killed_process_loses_nothing_acknowledged`]
/// kills. Makes accounts without end and prints the name of each one that was acknowledged.
#[test]
#[ignore = "run by another test"]
fn write_until_killed() {
    let Some(path) = std::env::var_os(DIRECTORY) else { return };
    let (store, _) = Store::open(settings(Path::new(&path))).unwrap();
    let begin: u64 = store.counts().iter().map(|(_, count)| count).sum();
    let mut out = std::io::stdout().lock();
    let mut waiting = VecDeque::new();
    for number in 0u64.. {
        let text = format!("r{begin}n{number}");
        let (sender, answer) = mpsc::channel();
        store.submit(Change::CreateAccount(new_account(&text)), move |result| {
            let _ = sender.send(result);
        });
        waiting.push_back((text, answer));
        if waiting.len() >= 100 {
            let (text, answer) = waiting.pop_front().unwrap();
            assert!(matches!(answer.recv().unwrap(), Ok(Applied::Created(_))));
            writeln!(out, "acknowledged {text}").unwrap();
        }
    }
}

#[test]
fn a_killed_process_loses_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 1..=6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["write_until_killed", "--exact", "--ignored", "--nocapture"])
            .env(DIRECTORY, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let heard = |line: &str| line.strip_prefix("acknowledged ").map(str::to_owned);
        let before = acknowledged.len();
        while acknowledged.len() < before + 150 * round {
            acknowledged.extend(heard(&lines.next().unwrap().unwrap()));
        }
        child.kill().unwrap();
        // What it said before the end counts, too; the last line may be torn.
        let rest: Vec<String> = lines.map_while(Result::ok).filter_map(|line| heard(&line)).collect();
        acknowledged.extend(rest.iter().take(rest.len().saturating_sub(1)).cloned());
        child.wait().unwrap();

        let (store, report) = Store::open(settings(dir.path())).unwrap();
        assert!(!report.clean && !report.fresh, "{report:?}");
        let reader = store.reader();
        for text in &acknowledged {
            assert!(reader.account_by_name(&name(text).key()).unwrap().is_some(), "{text}: {report:?}");
        }
    }
}

#[test]
fn a_store_that_cannot_write_says_so_and_stops() {
    let dir = tempfile::tempdir().unwrap();
    let small = StoreOptions { segment_bytes: 500, ..options(dir.path()) };
    let (store, _) = Store::open(small.clone()).unwrap();
    fill(&store, 10);
    let failed = store.failed();
    assert!(!*failed.borrow());
    let before = content(&store);
    // The next segment has nowhere to go.
    let journal = dir.path().join("journal");
    std::fs::rename(&journal, dir.path().join("elsewhere")).unwrap();
    let made = (0..10)
        .map(|n| store.commit_blocking(Change::CreateAccount(new_account(&format!("late{n}")))))
        .collect::<Vec<_>>();
    let good = made.iter().take_while(|answer| answer.is_ok()).count();
    assert!(good < 10 && made[good..].iter().all(|answer| *answer == Err(StoreError::Failed)), "{made:?}");
    assert!(*failed.borrow());
    assert_eq!(content(&store).len(), before.len() + good, "readers go on");
    let last = content(&store);
    assert_eq!(store.close(), Err(StoreError::Failed));
    drop(store);
    std::fs::rename(dir.path().join("elsewhere"), &journal).unwrap();
    let (store, report) = Store::open(small).unwrap();
    assert!(!report.clean);
    assert_eq!(content(&store), last);
    create(&store, "after");
}

#[test]
fn the_last_handle_may_go_in_a_completion() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(options(dir.path())).unwrap();
    let (sender, gone) = mpsc::channel();
    let handle = store.clone();
    let (release, released) = mpsc::channel::<()>();
    store.submit(Change::CreateAccount(new_account("Alice")), move |result| {
        let _ = released.recv();
        drop(handle);
        sender.send(result).unwrap();
    });
    drop(store);
    drop(release);
    assert!(gone.recv().unwrap().is_ok());
}
