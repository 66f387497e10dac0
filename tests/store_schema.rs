//! A store that an older program wrote is taken over, with everything in it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod store_common;

use std::fs;
use std::path::Path;

use paltalkd::model::{Timestamp, Uid};
use paltalkd::store::{Applied, AuditQuery, Change, ExclusionKind, SCHEMA, Store};
use store_common::{audit, content, copy_dir, count, name, options};

/// What a program with schema 2 left after a proper stop: 14 accounts with lists and messages, a
/// category, a room with bans.
const SCHEMA_2: &str = "tests/data/store-schema-2";

fn taken_over(without: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    copy_dir(&Path::new(env!("CARGO_MANIFEST_DIR")).join(SCHEMA_2), &root);
    for part in without {
        let path = root.join(part);
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
    }
    let (store, report) = Store::open(options(&root)).unwrap();
    assert!(report.clean && !report.fresh && report.repairs.is_empty(), "{report:?}");
    assert_eq!(report.rebuilt.is_some(), without.contains(&"sled"), "{report:?}");
    assert!(fs::read_to_string(root.join("identity")).unwrap().contains(&format!("schema {SCHEMA}\n")));
    let expected = [
        ("counters", 2),
        ("accounts", 14),
        ("nicknames", 14),
        ("pals", 10),
        ("pal_of", 10),
        ("blocks", 3),
        ("blocked_by", 3),
        ("offline", 3),
        ("rooms", 1),
        ("categories", 1),
        ("bounces", 0),
        ("bans", 3),
        ("audit", 0),
    ];
    for (table, entries) in expected {
        assert_eq!(count(&store, table), entries, "{table}");
    }
    let reader = store.reader();
    let zoe = reader.account_by_name(&name("zoë").key()).unwrap().unwrap();
    assert_eq!((zoe.uid, zoe.nickname), (Uid(1_000_017), name("Zoë")));
    assert_eq!(reader.offline(Uid(1_000_005)).unwrap()[0].text.as_bytes(), b"hello 3");
    assert_eq!(reader.exclusions(ExclusionKind::Ban).unwrap()[0].1.reason, b"loud");
    assert_eq!(reader.sanctions(zoe.uid).unwrap(), Default::default());
    assert_eq!(reader.audit(&AuditQuery::default()).unwrap(), Default::default());
    // The tables that are new take entries, and these last.
    let logged = store.commit_blocking(Change::Audit(audit("start", 1, None)));
    assert_eq!(logged, Ok(Applied::Audited(1)));
    store_common::fill_range(&store, 100..110);
    let before = content(&store);
    drop(store);
    let (store, report) = Store::open(options(&root)).unwrap();
    assert!(report.clean && report.rebuilt.is_none(), "{report:?}");
    assert_eq!(content(&store), before);
    drop(store);
    fs::remove_dir_all(root.join("sled")).unwrap();
    let (store, report) = Store::open(options(&root)).unwrap();
    assert!(report.rebuilt.is_some(), "{report:?}");
    assert_eq!(content(&store), before);
    assert_eq!(
        store.reader().audit(&AuditQuery::default()).unwrap().records.last().unwrap().entry.at,
        Timestamp(1)
    );
}

#[test]
fn a_store_of_schema_2_is_taken_over() {
    taken_over(&[]);
}

#[test]
fn its_index_is_read_in_full_when_it_must_be() {
    taken_over(&["sled.seal"]);
}

#[test]
fn its_index_is_built_again_from_snapshot_and_journal() {
    taken_over(&["sled"]);
}

/// What a program with schema 3 left after a proper stop: as in that of schema 2, with sanctions, filters,
/// links, settings and an audit log.
const SCHEMA_3: &str = "tests/data/store-schema-3";

const COUNTS_3: [(&str, u64); 13] = [
    ("accounts", 16),
    ("pals", 13),
    ("blocks", 4),
    ("offline", 4),
    ("rooms", 1),
    ("bans", 4),
    ("account_bans", 7),
    ("network_bans", 5),
    ("mutes", 5),
    ("warnings", 5),
    ("filters", 3),
    ("links", 3),
    ("audit", 8),
];

#[test]
fn a_store_of_schema_3_is_taken_over() {
    for without in [None, Some("sled.seal"), Some("sled")] {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("store");
        copy_dir(&Path::new(env!("CARGO_MANIFEST_DIR")).join(SCHEMA_3), &root);
        if let Some(part) = without {
            let path = root.join(part);
            if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
        }
        let (store, report) = Store::open(options(&root)).unwrap();
        assert!(report.clean && !report.fresh && report.repairs.is_empty(), "{report:?}");
        assert_eq!(report.rebuilt.is_some(), without == Some("sled"), "{report:?}");
        for (table, entries) in COUNTS_3 {
            assert_eq!(count(&store, table), entries, "{table}");
        }
        let reader = store.reader();
        let person = reader.account_by_name(&name("person16").key()).unwrap().unwrap();
        let before = reader.account_by_name(&name("person15").key()).unwrap().unwrap();
        assert_eq!(reader.pals(person.uid).unwrap(), [(before.uid, name("person15"))]);
        let sanctions = reader.sanctions(before.uid).unwrap();
        assert_eq!(sanctions.ban.unwrap().reason, "loud");
        let last = reader.audit(&AuditQuery::default()).unwrap().records.remove(0);
        assert_eq!((last.entry.action.as_str(), last.entry.at), ("ban", Timestamp(16)));
        assert_eq!(reader.settings().unwrap().len(), 3);
        // It goes on as any store does.
        store_common::fill_range(&store, 100..103);
        let before = content(&store);
        drop(store);
        let (store, report) = Store::open(options(&root)).unwrap();
        assert!(report.clean && report.rebuilt.is_none(), "{report:?}");
        assert_eq!(content(&store), before);
    }
}
