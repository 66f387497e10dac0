//! The store as a whole: closing and opening, its threads and queues, its files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod store_common;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::mpsc;

use paltalkd::model::{Nickname, Privacy, Uid};
use paltalkd::store::{Applied, Change, OpenError, Store, StoreError, StoreOptions};
use store_common::{content, create, fill, new_account, options};

#[test]
fn a_closed_store_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(options(dir.path())).unwrap();
    fill(&store, 40);
    let before = content(&store);
    let (id, counts) = (store.id(), store.counts());
    let reader = store.reader();
    store.close().unwrap();
    assert_eq!(store.close(), Ok(()));
    assert_eq!(store.commit_blocking(Change::DeleteAccount { uid: Uid(9) }), Err(StoreError::Closed));
    assert_eq!(reader.account(Uid(9)), Err(StoreError::Closed));
    for _ in 0..3 {
        let (store, report) = Store::open(options(dir.path())).unwrap();
        assert!(report.clean && !report.fresh && report.rebuilt.is_none(), "{report:?}");
        assert_eq!((report.replayed, report.repairs.len()), (0, 0));
        assert_eq!(
            (content(&store), store.id(), store.counts()),
            (before.clone(), id.clone(), counts.clone())
        );
    }
}

#[test]
fn one_process_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(options(dir.path())).unwrap();
    let error = Store::open(options(dir.path())).err().unwrap();
    assert!(matches!(error, OpenError::Locked { .. }));
    assert!(error.to_string().contains(dir.path().to_str().unwrap()), "{error}");
    drop(store);
    assert!(Store::open(options(dir.path())).is_ok());
}

#[test]
fn many_threads_get_one_name_once() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(StoreOptions { snapshot_bytes: 20_000, ..options(dir.path()) }).unwrap();
    let created: Vec<usize> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let store = store.clone();
                scope.spawn(move || {
                    let make = |n: &usize| {
                        store.commit_blocking(Change::CreateAccount(new_account(&format!("name{n}")))).is_ok()
                    };
                    (0..100).filter(make).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(created.iter().sum::<usize>(), 100);
    let before = content(&store);
    drop(store);
    let (store, _) = Store::open(options(dir.path())).unwrap();
    assert_eq!(content(&store), before);
}

#[test]
fn old_segments_go_when_a_snapshot_has_them() {
    let dir = tempfile::tempdir().unwrap();
    let small = StoreOptions { snapshot_bytes: 4_000, segment_bytes: 1_000, ..options(dir.path()) };
    let (store, _) = Store::open(small.clone()).unwrap();
    fill(&store, 120);
    let before = content(&store);
    drop(store);
    let files = |name: &str| std::fs::read_dir(dir.path().join(name)).unwrap().count();
    assert!(!dir.path().join("journal/00000000000000000001.log").exists());
    assert!((1..=2).contains(&files("snapshot")));
    std::fs::remove_dir_all(dir.path().join("sled")).unwrap();
    let (store, report) = Store::open(small).unwrap();
    assert!(report.rebuilt.is_some());
    assert_eq!(content(&store), before);
}

#[test]
fn async_callers_are_served() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let (store, _) = Store::open(options(dir.path())).unwrap();
    runtime.block_on(async {
        let made = store.commit(Change::CreateAccount(new_account("Alice"))).await;
        assert_eq!(made, Ok(Applied::Created(Uid::FIRST_PERSON)));
        let found = store.read(|reader| reader.account(Uid::FIRST_PERSON)).await.unwrap().unwrap().unwrap();
        assert_eq!(found.nickname, Nickname::from_text("Alice").unwrap());
        let panicked = store.read(|_| -> u8 { std::panic::resume_unwind(Box::new(())) }).await;
        assert_eq!(panicked, Err(StoreError::Failed));
        assert_eq!(store.read(|_| 7).await, Ok(7));
        assert!(!*store.failed().borrow());
        store.close().unwrap();
        assert_eq!(store.read(|_| 7).await, Err(StoreError::Closed));
        assert_eq!(store.commit(Change::DeleteAccount { uid: Uid(5) }).await, Err(StoreError::Closed));
    });
}

#[test]
fn a_full_queue_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(StoreOptions { queue: 2, ..options(dir.path()) }).unwrap();
    let (hold, held) = mpsc::channel::<()>();
    let (started, start) = mpsc::channel();
    // The writer stands still in this completion until `hold` is dropped.
    store.submit(Change::DeleteAccount { uid: Uid(5) }, move |_| {
        started.send(()).unwrap();
        let _ = held.recv();
    });
    start.recv().unwrap();
    let (sender, answers) = mpsc::channel();
    for _ in 0..5 {
        let sender = sender.clone();
        store.submit(Change::DeleteAccount { uid: Uid(5) }, move |result| sender.send(result).unwrap());
    }
    drop((hold, sender));
    let busy = answers.into_iter().filter(|answer| *answer == Err(StoreError::Busy)).count();
    assert_eq!(busy, 3);
}

#[test]
fn an_index_that_is_mostly_waste_is_built_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(options(dir.path())).unwrap();
    fill(&store, 10);
    let before = content(&store);
    assert!(!store.space().unwrap().is_wasteful());
    store.close().unwrap();
    let counts = store.counts();
    drop(store);

    // An index of a few hundred KiB for a journal of a few: waste, but for its size.
    let eager = StoreOptions { compact_above: 0, ..options(dir.path()) };
    // A disk that does not take it is no reason not to start.
    let in_the_way = dir.path().join("snapshot/snapshot.new");
    std::fs::create_dir(&in_the_way).unwrap();
    let (store, report) = Store::open(eager.clone()).unwrap();
    assert_eq!((report.compacted, report.rebuilt), (None, None));
    assert_eq!((content(&store), store.counts()), (before.clone(), counts.clone()));
    drop(store);
    std::fs::remove_dir(in_the_way).unwrap();
    let (store, report) = Store::open(eager.clone()).unwrap();
    let (old, new) = report.compacted.unwrap_or_else(|| panic!("{report} {:?}", store.space()));
    assert!(old > 0 && new > 0, "{report}");
    assert_eq!((report.rebuilt, report.repairs), (None, Vec::new()));
    assert_eq!((content(&store), store.counts()), (before.clone(), counts));
    assert!(!dir.path().join("sled.wasteful").exists());
    let bob = create(&store, "Bob Later");
    drop(store);

    // Killed between the two moves: the next start builds the index from snapshot and journal.
    std::fs::rename(dir.path().join("sled"), dir.path().join("sled.wasteful")).unwrap();
    let (store, report) = Store::open(options(dir.path())).unwrap();
    assert!(report.rebuilt.is_some(), "{report}");
    assert!(store.reader().account(bob).unwrap().is_some());
    assert!(!dir.path().join("sled.wasteful").exists());
    let ids =
        |content: &std::collections::BTreeMap<String, String>| content.keys().cloned().collect::<Vec<_>>();
    assert!(ids(&before).iter().all(|key| content(&store).contains_key(key)));
}

#[test]
fn nobody_else_may_look_into_a_store_wherever_it_is() {
    let dir = tempfile::tempdir().unwrap();
    // Made by somebody else, for everybody.
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let (store, _) = Store::open(options(dir.path())).unwrap();
    create(&store, "Alice");
    drop(store);
    for part in ["journal", "snapshot", "sled"] {
        assert_eq!(mode(&dir.path().join(part)), 0o700, "{part}");
    }
}

#[test]
fn a_store_is_settled_when_nothing_is_on_its_way() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(options(dir.path())).unwrap();
    let alice = create(&store, "Alice");
    let as_of = |store: &Store| store.reader().sign_in(alice).unwrap().unwrap().as_of;
    // Each has its answer before the next is asked.
    store.commit_blocking(Change::Barrier).unwrap();
    let before = as_of(&store).unwrap();
    assert!(store.is_as_of(before));
    let (go_on, wait) = mpsc::channel::<()>();
    let (seen, answer) = mpsc::channel();
    store.submit(Change::Barrier, move |_| wait.recv().unwrap());
    assert_eq!(as_of(&store), Some(before), "a question changes nothing");
    let reader = store.reader();
    store.submit(Change::SetPrivacy { uid: alice, privacy: Privacy::Pals }, move |_| {
        // Whoever has the answer, and asks after that, sees what he was told.
        let found = reader.sign_in(alice).unwrap().unwrap();
        seen.send((found.account.privacy, found.as_of)).unwrap();
    });
    assert_eq!(as_of(&store), None);
    assert!(!store.is_as_of(before));
    go_on.send(()).unwrap();
    let (privacy, after) = answer.recv().unwrap();
    assert_eq!(privacy, Privacy::Pals);
    assert!(after.is_some_and(|after| after != before && store.is_as_of(after)));
    let busy = Change::DeleteAccount { uid: Uid(77) };
    assert!(store.commit_blocking(busy).is_err());
    assert!(as_of(&store).is_some(), "what was refused is no longer on its way");
}
