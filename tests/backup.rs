//! Backups of stores, also while they change; every kind of damage to the file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout)]

mod store_common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use paltalkd::model::{CategoryId, MessageText, Privacy, Rating, RoomId, RoomKind, RoomName, Timestamp, Uid};
use paltalkd::store::backup::{BackupError, Generation, verify};
use paltalkd::store::{Change, Exclusion, ExclusionKind, Phase, RoomRecord, Store, StoreOptions, check};
use proptest::prelude::*;
use store_common::backups::*;
use store_common::changes::any_change;
use store_common::{all, check_references, content, create, fill_range, name, new_account, options};

/// A store with what is left of some changes and with rows in every table.
fn fill_at_random(path: &Path, changes: Vec<Change>) -> Store {
    let store = open(path);
    for name in ["Alice", "Bob", "Carol"] {
        create(&store, name);
    }
    // Changes that a rule forbids are part of life.
    all(&store, changes);
    fill_range(&store, 0..16);
    let (kind, by, at) = (ExclusionKind::Bounce, Uid::FIRST_PERSON, Timestamp(1));
    let someone = create(&store, "Someone");
    let entry =
        Exclusion { uid: someone, nickname: name("Someone"), until: None, by, at, reason: Vec::new() };
    store.commit_blocking(Change::Exclude { room: RoomId(450), kind, entry }).unwrap();
    for (table, rows) in store.counts() {
        assert!(rows > 0, "{table} is empty");
    }
    store
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_store_comes_back_as_it_was(changes in proptest::collection::vec(any_change(), 0..120)) {
        let dir = tempfile::tempdir().unwrap();
        let (path, file) = (dir.path().join("store"), dir.path().join("file"));
        let store = fill_at_random(&path, changes);
        check_references(&store);
        let wanted = content(&store);
        let made = store.backup(&file, NOW, &mut |_| {}).unwrap();
        prop_assert_eq!(made.manifest.counts(), store.counts());
        store.close().unwrap();
        let other = dir.path().join("other");
        let restored = restore_to(&other, &file, false).unwrap();
        prop_assert_eq!(&restored.backup.manifest, &made.manifest);
        prop_assert_eq!(restored.kept, None);
        prop_assert_eq!(restored_content(&other), wanted);
        // Tables are compared by number and hash of their entries: every key and every value.
        let again = open(&other).backup(&dir.path().join("again"), NOW, &mut |_| {}).unwrap().manifest;
        prop_assert_eq!(again.counts(), made.manifest.counts());
        prop_assert_eq!(again.sequence, made.manifest.sequence);
        prop_assert_eq!(again.same_content(&made.manifest), true);
    }
}

#[test]
fn a_backup_is_all_or_nothing_and_private() {
    let dir = tempfile::tempdir().unwrap();
    let (path, file, _) = backed_up(dir.path());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let store = open(&path);
    let mut phases = Vec::new();
    let made = store
        .backup(&file, NOW, &mut |progress| {
            assert!(progress.done <= progress.of);
            phases.push(progress.phase);
        })
        .unwrap();
    phases.dedup();
    assert_eq!(phases, [Phase::Write, Phase::Verify]);
    assert_eq!(made.bytes, fs::metadata(&file).unwrap().len());
    assert_eq!(verify(&file, &mut |_| {}).unwrap(), made);
    assert_eq!(names(dir.path()), ["one.backup", "store"].map(str::to_owned).into());

    // What a killed backup left goes; what others are writing, and what is no backup, stays.
    fs::write(dir.path().join("one.backup.partial"), b"half").unwrap();
    store.backup(&file, NOW, &mut |_| {}).unwrap();
    assert!(!dir.path().join("one.backup.partial").exists());
    let generation = dir.path().join(Generation::at(NOW).file_name());
    let earlier = Generation::at(Timestamp(NOW.0 - 5_000)).file_name() + ".partial";
    let busy = Generation::at(Timestamp(NOW.0 - 9_000)).file_name() + ".partial";
    fs::write(dir.path().join(&earlier), b"half").unwrap();
    let held = fs::File::create(dir.path().join(&busy)).unwrap();
    held.lock().unwrap();
    fs::write(dir.path().join("mine.partial"), b"no").unwrap();
    store.backup(&generation, NOW, &mut |_| {}).unwrap();
    let left = names(dir.path());
    assert!(!left.contains(&earlier) && left.contains(&busy) && left.contains("mine.partial"), "{left:?}");

    let letter = dir.path().join("letter.txt");
    fs::write(&letter, b"Dear all").unwrap();
    let refused = store.backup(&letter, NOW, &mut |_| {});
    assert!(matches!(refused, Err(BackupError::Occupied(_))), "{refused:?}");
    assert_eq!(fs::read(&letter).unwrap(), b"Dear all");
    let refused = store.backup(dir.path(), NOW, &mut |_| {});
    assert!(matches!(refused, Err(BackupError::Occupied(_))), "{refused:?}");
    let refused = store.backup(&dir.path().join("no/such/dir"), NOW, &mut |_| {});
    assert!(matches!(refused, Err(BackupError::Io { .. })), "{refused:?}");
    store.close().unwrap();
    let refused = store.backup(&file, NOW, &mut |_| {});
    assert!(matches!(refused, Err(BackupError::Store(_))), "{refused:?}");
    assert!(verify(&file, &mut |_| {}).is_ok() && !dir.path().join("one.backup.partial").exists());
}

#[test]
fn any_damage_to_the_file_is_found() {
    // More cases on request, for a thorough search.
    let density: usize = std::env::var("STORE_DAMAGE_DENSITY").map_or(6, |value| value.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let (_, file, _) = backed_up(dir.path());
    let whole = fs::read(&file).unwrap();
    let bad = dir.path().join("bad");
    let check = |bytes: &[u8], what: String| {
        fs::write(&bad, bytes).unwrap();
        match verify(&bad, &mut |_| {}) {
            Ok(_) => panic!("{what}: not found"),
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains("bad") && !matches!(error, BackupError::Io { .. }), "{what}: {text}");
            }
        }
        let store = dir.path().join("never");
        restore_to(&store, &bad, true).unwrap_err();
        assert!(!store.exists(), "{what}: something was made");
    };
    let every = (whole.len() / (density * 200)).max(1);
    for at in (0..whole.len()).filter(|at| at % every == 0 || *at < 200 || at + 100 > whole.len()) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        check(&bytes, format!("byte {at} of {}", whole.len()));
        check(&whole[..at], format!("cut to {at} of {}", whole.len()));
        if at % 8 == 0 {
            let mut bytes = whole.clone();
            bytes.remove(at);
            check(&bytes, format!("byte {at} taken out"));
        }
    }
    check(&[&whole[..], b"x"].concat(), "a byte more".to_owned());
    check(&[&whole[..], &whole[..]].concat(), "twice".to_owned());
    check(&vec![0; whole.len()], "zeros".to_owned());
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_backup_under_load_shows_one_moment() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let store = open(&path);
    fill_range(&store, 0..20);
    let first = create(&store, "first");
    let last_of = |number: u32| if number.is_multiple_of(2) { first } else { Uid(first.0 + 1) };
    assert_eq!(create(&store, "second"), Uid(first.0 + 1));
    // Enough that an export has many pieces.
    for number in 0..2_500 {
        store.submit(Change::CreateAccount(new_account(&format!("crowd{number}"))), |_| {});
    }
    create(&store, "crowd");
    let stop = AtomicBool::new(false);
    let files: Vec<PathBuf> = (0..4).map(|number| dir.path().join(format!("{number}.backup"))).collect();
    std::thread::scope(|scope| {
        // Also if something below fails.
        let _stop = SetOnDrop(&stop);
        let writer = scope.spawn(|| {
            let at = Timestamp(1);
            for number in 0u32.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                // The second of each pair is made after the first and stands before it in the order of
                // keys, or the other way round: whoever reads while they are made sees one without the
                // other.
                let late = create(&store, &format!("late{number}"));
                let text = MessageText::new(number.to_string().as_bytes()).unwrap();
                let waiting = Change::StoreOffline { to: late, from: first, at, text: text.clone() };
                store.commit_blocking(waiting).unwrap();
                let privacy = if number.is_multiple_of(2) { Privacy::Pals } else { Privacy::Transfers };
                store.commit_blocking(Change::SetPrivacy { uid: late, privacy }).unwrap();
                store.commit_blocking(Change::AddPal { uid: late, pal: last_of(number), at }).unwrap();
                store.commit_blocking(Change::SetPrivacy { uid: first, privacy }).unwrap();
                // Rooms stand after accounts in the order of keys, those who are kept out after rooms.
                let room = RoomId(1_000 + number);
                let named = RoomName::new(format!("Room {number}").as_bytes()).unwrap();
                let record =
                    RoomRecord::new(room, named, RoomKind::Text, CategoryId(30), Rating::General, at);
                store.commit_blocking(Change::PutRoom(record)).unwrap();
                for kind in [ExclusionKind::Bounce, ExclusionKind::Ban] {
                    let (nickname, reason) = (name("Someone"), Vec::new());
                    let entry = Exclusion { uid: late, nickname, until: None, by: first, at, reason };
                    store.commit_blocking(Change::Exclude { room, kind, entry }).unwrap();
                }
                if number % 3 == 0 {
                    store.commit_blocking(Change::DeleteAccount { uid: late }).unwrap();
                    store.commit_blocking(Change::DeleteRoom(room)).unwrap();
                }
                // A full mailbox is no fault here.
                let _ = store.commit_blocking(Change::StoreOffline { to: first, from: first, at, text });
            }
        });
        for file in &files {
            let mut seen = 0;
            store
                .backup(file, NOW, &mut |progress| {
                    // Once in each piece: wait until something has changed, so that this is no race.
                    if progress.phase == Phase::Write {
                        let before = store.counts();
                        while store.counts() == before && !writer.is_finished() {
                            std::thread::yield_now();
                        }
                        seen += 1;
                    }
                })
                .unwrap();
            assert!(seen > 5, "{seen} pieces");
        }
    });
    store.close().unwrap();
    for (number, file) in files.iter().enumerate() {
        let path = dir.path().join(format!("restored{number}"));
        restore_to(&path, file, false).unwrap();
        let (store, _) = Store::open(StoreOptions { full_check: true, ..options(&path) }).unwrap();
        check_references(&store);
        let reader = store.reader();
        let mut late = BTreeMap::new();
        for account in reader.accounts() {
            let account = account.unwrap();
            if let Some(number) = account.nickname.to_string().strip_prefix("late") {
                late.insert(number.parse::<u32>().unwrap(), account.uid);
            }
        }
        // Of the series everything is there up to some point, and nothing after it: only the last may
        // be without what followed it.
        let newest = late.keys().last().copied().unwrap_or_default();
        assert!(number == 0 || newest > 0, "nothing changed during backup {number}");
        for number in 0..newest {
            match late.get(&number) {
                Some(uid) => {
                    assert_ne!(number % 3, 0, "{number} was deleted before {newest} came");
                    let pals = reader.pals(*uid).unwrap();
                    assert!(pals.iter().any(|pal| pal.0 == last_of(number)), "{number} has no pal");
                }
                None => assert_eq!(number % 3, 0, "{number} is missing, {newest} is there"),
            }
        }
        store.close().unwrap();
    }
}

#[test]
fn reading_a_store_changes_nothing_and_names_the_fault() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _, _) = backed_up(dir.path());
    let before = tree(&path);
    let checked = check(&options(&path), &mut |_| {}).unwrap();
    assert_eq!((checked.problems.len(), checked.notes.len()), (0, 0), "{checked:?}");
    let count = |name| checked.counts.iter().find(|(table, _)| *table == name).unwrap().1;
    assert!(count("accounts") > 30 && checked.records > 100 && checked.sequence > 40);
    assert_eq!(tree(&path), before);

    let journal = fs::read_dir(path.join("journal")).unwrap().next().unwrap().unwrap().path();
    let index = path.join("sled/db");
    for (file, at, told) in [
        (&journal, 500, "journal has a damaged or incomplete record at byte"),
        (&index, fs::metadata(&index).unwrap().len() as usize / 100, "index"),
        (&path.join("mark"), 10, "mark"),
    ] {
        let good = fs::read(file).unwrap();
        let mut bad = good.clone();
        let last = bad.iter().rposition(|byte| *byte != 0).unwrap();
        let slots = [at.min(last), if told == "mark" { 4096 + 10 } else { last / 2 }];
        for at in slots {
            bad[at] ^= 0x10;
        }
        fs::write(file, &bad).unwrap();
        let before = tree(&path);
        let checked = check(&options(&path), &mut |_| {}).unwrap();
        assert!(checked.problems.iter().any(|problem| problem.contains(told)), "{told}: {checked:?}");
        assert_eq!(tree(&path), before, "{told}");
        fs::write(file, good).unwrap();
    }
    fs::remove_dir_all(path.join("sled")).unwrap();
    let checked = check(&options(&path), &mut |_| {}).unwrap();
    assert!(!checked.problems.is_empty() && !path.join("sled").exists());
    let store = open(&path);
    assert!(check(&options(&path), &mut |_| {}).is_err(), "in use");
    store.close().unwrap();
}
