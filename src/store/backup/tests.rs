use super::*;
use crate::model::Uid;
use crate::store::codec;
use crate::store::identity::{Identity, StoreId};
use crate::store::index::{Index, Pending, State};
use crate::store::shared::Layout;
use crate::store::tables::{self, SCHEMA, TABLES};
use crate::store::{Store, StoreOptions};
use proptest::prelude::*;
use sled::IVec;
use std::collections::BTreeMap;

const ID: StoreId = StoreId([7; 16]);

fn shared(dir: &Path, state: &mut State) -> Shared {
    let index = Index::open(&dir.join("sled"), 1 << 20).unwrap();
    index.apply(Pending::new(), state).unwrap();
    Shared::new(Layout { root: dir.to_owned() }, ID, index, state.tallies.clone())
}

fn change(shared: &Shared, state: &mut State, key: &[u8], value: Option<u32>) {
    change_all(shared, state, [(IVec::from(key), value)]);
}

/// Applies changes in one group, as the writer does.
fn change_all(shared: &Shared, state: &mut State, changes: impl IntoIterator<Item = (IVec, Option<u32>)>) {
    let sealed = |value| codec::encode_value(1, &value).unwrap();
    let pending: Pending = changes.into_iter().map(|(key, value)| (key, value.map(sealed))).collect();
    state.applied += pending.len() as u64;
    shared
        .with_index(|index| {
            let mut export = shared.export();
            let keep = |key: &IVec, old: Option<&IVec>| {
                if let Some(export) = export.as_mut() {
                    export.keep(key, old);
                }
            };
            index.apply_over(pending, state, keep).unwrap();
            Ok(())
        })
        .unwrap();
}

fn entries(shared: &Shared) -> BTreeMap<IVec, IVec> {
    shared.with_index(|index| Ok(index.entries().map(Result::unwrap).collect())).unwrap()
}

/// The key of an account, so spread that a piece ends between any two.
fn key(number: u16) -> IVec {
    tables::account_key(Uid(u32::from(number) * 5))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Between any two pieces anything may change: what comes out is what was there at the beginning.
    #[test]
    fn an_export_shows_the_moment_it_began(
        before in 500u16..2500,
        changes in proptest::collection::vec((0u16..3000, proptest::option::of(any::<u32>())), 0..200),
        pace in 1usize..60,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut state = State::new(ID, 0);
        let shared = shared(dir.path(), &mut state);
        change_all(&shared, &mut state, (0..before).map(|number| (key(number), Some(u32::from(number)))));
        let wanted = entries(&shared);
        let mut session = export::Session::begin(&shared).unwrap();
        prop_assert!(matches!(export::Session::begin(&shared), Err(BackupError::Busy)));
        prop_assert_eq!(session.state.applied, u64::from(before));
        let mut changes = changes.into_iter();
        let mut found = BTreeMap::new();
        loop {
            for (number, value) in changes.by_ref().take(pace) {
                change(&shared, &mut state, &key(number), value);
            }
            let Some(piece) = session.next().unwrap() else { break };
            found.extend(piece);
        }
        prop_assert_eq!(found, wanted);
        drop(session);
        prop_assert!(export::Session::begin(&shared).is_ok());
    }
}

/// A store as an older program left it.
fn older_backup(dir: &Path) -> PathBuf {
    let mut state = State::new(ID, 0);
    state.schema = 1;
    state.tallies.truncate(11);
    let shared = shared(&dir.join("old"), &mut state);
    change(&shared, &mut state, &tables::counter_key(tables::NEXT_UID), Some(1_000_050));
    // The index reports the schema of this program; the file is to say what the older one said.
    let mut session_state = state.clone();
    session_state.schema = 1;
    session_state.tallies.truncate(11);
    let manifest = Manifest::new(ID, &session_state, Timestamp(5_000));
    let path = dir.join("old.backup");
    let mut out = format::Hashing::new(std::fs::File::create(&path).unwrap());
    format::write_head(&mut out, &manifest).unwrap();
    let mut packer = zstd::Encoder::new(out, 1).unwrap();
    let ops: Vec<_> =
        entries(&shared).into_iter().map(|(key, value)| codec::Op { key, value: Some(value) }).collect();
    crate::store::snapshot::put_frame(&mut packer, ID, &mut 0, &ops).unwrap();
    let mut out = packer.finish().unwrap();
    std::io::Write::write_all(&mut out, &format::END).unwrap();
    let hash = out.hasher.finalize();
    std::io::Write::write_all(&mut out, hash.as_bytes()).unwrap();
    path
}

#[test]
fn a_backup_of_an_older_schema_is_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = older_backup(dir.path());
    let found = verify(&path, &mut |_| {}).unwrap();
    assert_eq!((found.manifest.schema, found.manifest.counts().len()), (1, 10));
    let options = StoreOptions::new(dir.path().join("new"));
    let restored = restore(&options, &path, false, Timestamp(9_000), &mut |_| {}).unwrap();
    assert_eq!(restored.kept, None);
    let (store, report) = Store::open(options).unwrap();
    assert!(
        !report.fresh && report.clean && report.rebuilt.is_none() && report.repairs.is_empty(),
        "{report:?}"
    );
    assert_eq!(store.id(), restored.id);
    let identity = std::fs::read_to_string(dir.path().join("new/identity")).unwrap();
    assert!(identity.contains(&format!("schema {SCHEMA}\n")), "{identity}");
    assert_eq!(store.counts().len(), TABLES.len() - 1);
    assert_eq!(store.counts()[0].1, 1);
}

#[test]
fn what_is_newer_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = older_backup(dir.path());
    let mut state = State::new(ID, 0);
    state.schema = SCHEMA + 1;
    let mut head = Vec::new();
    format::write_head(&mut head, &Manifest::new(ID, &state, Timestamp(1))).unwrap();
    let newer = dir.path().join("newer.backup");
    std::fs::write(&newer, &head).unwrap();
    let error = verify(&newer, &mut |_| {}).unwrap_err();
    assert!(matches!(error, BackupError::Newer { what: "schema", .. }), "{error}");
    let mut bytes = std::fs::read(path).unwrap();
    bytes[4] = 2;
    std::fs::write(&newer, &bytes).unwrap();
    let error = verify(&newer, &mut |_| {}).unwrap_err();
    assert!(matches!(error, BackupError::Newer { what: "format", .. }), "{error}");
    let options = StoreOptions::new(dir.path().join("new"));
    restore(&options, &newer, false, Timestamp(9_000), &mut |_| {}).unwrap_err();
    assert!(!dir.path().join("new").exists());
}

#[test]
fn a_store_of_a_newer_program_is_not_replaced_unasked() {
    let dir = tempfile::tempdir().unwrap();
    let path = older_backup(dir.path());
    let options = StoreOptions::new(dir.path().join("new"));
    drop(Store::open(options.clone()).unwrap());
    let identity = Identity { id: ID, schema: SCHEMA + 1, ready: true };
    identity.write(&options.path).unwrap();
    let refused = restore(&options, &path, false, Timestamp(9_000), &mut |_| {}).unwrap_err().to_string();
    assert!(refused.contains("newer program") && refused.contains("--force"), "{refused}");
    let restored = restore(&options, &path, true, Timestamp(9_000), &mut |_| {}).unwrap();
    assert!(restored.kept.unwrap().join("identity").exists());
    Store::open(options).unwrap();
}

/// Writes a file whose hash holds, with this head and these frames in it.
fn forged(path: &Path, tallied: &[u32], frames: &[Vec<codec::Op>]) {
    let mut state = State::new(ID, 3);
    for number in tallied {
        let value = codec::encode_value(1, number).unwrap();
        state.tally(&tables::account_key(Uid(*number)), &value, true).unwrap();
    }
    let mut out = format::Hashing::new(std::fs::File::create(path).unwrap());
    format::write_head(&mut out, &Manifest::new(ID, &state, Timestamp(1))).unwrap();
    let mut packer = zstd::Encoder::new(out, 1).unwrap();
    let mut count = 0;
    for frame in frames {
        crate::store::snapshot::put_frame(&mut packer, ID, &mut count, frame).unwrap();
    }
    let mut out = packer.finish().unwrap();
    std::io::Write::write_all(&mut out, &format::END).unwrap();
    let hash = out.hasher.finalize();
    std::io::Write::write_all(&mut out, hash.as_bytes()).unwrap();
}

fn op(number: u32) -> codec::Op {
    let value = codec::encode_value(1, &number).unwrap();
    codec::Op { key: tables::account_key(Uid(number)), value: Some(value) }
}

#[test]
fn a_file_that_was_made_up_is_seen_through() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("forged");
    forged(&path, &[1, 2, 3], &[vec![op(1), op(2)], vec![op(3)]]);
    verify(&path, &mut |_| {}).unwrap();
    let no_value = codec::Op { value: None, ..op(2) };
    let unknown = codec::Op { key: IVec::from(&[200, 1]), ..op(2) };
    let state = codec::Op { key: IVec::from(&[0]), ..op(2) };
    let bad_crc = codec::Op { value: Some(IVec::from(b"not sealed")), ..op(2) };
    for (tallied, frames, told) in [
        (&[1, 2][..], vec![vec![op(1)], vec![]], "empty"),
        (&[1, 2], vec![vec![op(2), op(1)]], "not in its place"),
        (&[1, 2], vec![vec![op(1), op(1)]], "not in its place"),
        (&[1], vec![vec![op(1), op(2)]], "more records"),
        (&[1], vec![vec![op(1)], vec![op(2)]], "after the last record"),
        (&[], vec![vec![op(1)]], "after the last record"),
        (&[1, 2], vec![vec![op(1)]], "cut short"),
        (&[1, 2], vec![vec![op(1), op(3)]], "another content"),
        (&[1, 2], vec![vec![op(1), no_value]], "no value"),
        (&[1, 2], vec![vec![op(1), unknown]], "no table"),
        (&[1, 2], vec![vec![state, op(1)]], "no table"),
        (&[1, 2], vec![vec![op(1), bad_crc]], "checksum"),
    ] {
        forged(&path, tallied, &frames);
        let error = verify(&path, &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains(told) && error.contains("damaged"), "{told}: {error}");
    }
}
