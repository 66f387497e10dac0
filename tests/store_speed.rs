//! Measurements; run with `cargo test --release --test store_speed -- --ignored --nocapture`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout)]

mod store_common;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use paltalkd::model::{MessageText, Privacy, Timestamp, Uid};
use paltalkd::store::{Change, Store, StoreError, StoreOptions};
use store_common::{create, new_account};

/// Submits `count` changes, keeping the queue as full as it will go, and waits for the last answer.
/// Returns changes per second; every one must succeed.
fn drive(store: &Store, count: u32, make: impl Fn(u32) -> Change) -> f64 {
    let (sender, answers) = mpsc::channel::<bool>();
    let start = Instant::now();
    let mut open = 0;
    for number in 0..count {
        while open >= 4000 {
            assert!(answers.recv().unwrap());
            open -= 1;
        }
        let sender = sender.clone();
        store.submit(make(number), move |result| {
            let _ = sender.send(!matches!(result, Err(StoreError::Busy | StoreError::Failed)));
        });
        open += 1;
    }
    while open > 0 {
        assert!(answers.recv().unwrap());
        open -= 1;
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}

fn report(what: &str, value: f64) {
    println!("{what:<50} {value:>12.0}");
}

#[test]
#[ignore = "a measurement"]
fn speed() {
    let accounts: u32 = std::env::var("STORE_ACCOUNTS").map_or(200_000, |value| value.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions::new(dir.path());
    let (store, _) = Store::open(options.clone()).unwrap();
    let made = drive(&store, accounts, |n| Change::CreateAccount(new_account(&format!("person{n}"))));
    report("accounts created per second", made);
    let uid = |number: u32| Uid(Uid::FIRST_PERSON.0 + number.wrapping_mul(7919) % accounts);
    let privacy = |n: u32| if n.is_multiple_of(2) { Privacy::Pals } else { Privacy::Transfers };
    let set = drive(&store, accounts, |n| Change::SetPrivacy { uid: uid(n), privacy: privacy(n) });
    report("settings changed per second", set);
    let text = MessageText::new(&[b'x'; 80]).unwrap();
    let kept = drive(&store, accounts, |n| Change::StoreOffline {
        to: uid(n),
        from: uid(n + 1),
        at: Timestamp(1),
        text: text.clone(),
    });
    report("offline messages kept per second", kept);
    let pals = drive(&store, accounts, |n| Change::AddPal { uid: uid(n), pal: uid(n + 1), at: Timestamp(1) });
    report("pals added per second", pals);
    let mut times: Vec<Duration> = (0..500)
        .map(|n| {
            let start = Instant::now();
            create(&store, &format!("single{n}"));
            start.elapsed()
        })
        .collect();
    times.sort();
    report("one at a time: median microseconds", times[250].as_micros() as f64);
    let reader = store.reader();
    let start = Instant::now();
    for n in 0..100_000 {
        assert!(reader.sign_in(uid(n)).unwrap().is_some());
    }
    report("sign-ins read per second", 1e5 / start.elapsed().as_secs_f64());
    let start = Instant::now();
    store.close().unwrap();
    report("close, milliseconds", start.elapsed().as_millis() as f64);
    for (what, full_check) in [("open, milliseconds", false), ("open with a full check, milliseconds", true)]
    {
        let start = Instant::now();
        let (store, opened) = Store::open(StoreOptions { full_check, ..options.clone() }).unwrap();
        report(what, start.elapsed().as_millis() as f64);
        println!("{opened:?}");
        store.close().unwrap();
    }
    std::fs::remove_dir_all(dir.path().join("sled")).unwrap();
    let start = Instant::now();
    let (store, opened) = Store::open(options).unwrap();
    report("open with the index gone, milliseconds", start.elapsed().as_millis() as f64);
    println!("{opened:?}");
    drop(store);
}
