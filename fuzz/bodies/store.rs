//! The files of a store beside its index, which is built from them: damage may make a store refuse to open, and
//! whatever opens can be read, closed, checked and opened again as it was. The first byte says what the input is:
//! the records of a journal as they stand in the file; or changes, for which journal or snapshot are made with
//! checksums that hold; or one of the small files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use paltalkd::model::Uid;
use paltalkd::store::{
    AuditQuery, BanTarget, ExclusionKind, OpenError, Reader, Store, StoreError, StoreOptions, TABLES, check,
};

const STORE: [u8; 16] = [7; 16];
/// More would only take time.
const CHANGES: usize = 64;

/// One for each process, which therefore must not run this on two threads at once.
static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| {
    // Where there is one, a file system without a disk.
    let memory = PathBuf::from("/dev/shm");
    let directory = if memory.is_dir() { memory } else { std::env::temp_dir() };
    directory.join(format!("paltalkd-fuzz-{}.store", std::process::id()))
});

/// A change of one key; without a value it goes.
type Change = (Vec<u8>, Option<Vec<u8>>);

fn sealed(bytes: &[u8]) -> Vec<u8> {
    [bytes, &crc32fast::hash(bytes).to_le_bytes()].concat()
}

fn crc(parts: &[&[u8]]) -> [u8; 4] {
    let mut crc = crc32fast::Hasher::new();
    parts.iter().for_each(|part| crc.update(part));
    crc.finalize().to_le_bytes()
}

/// Changes as they stand in `bytes`: length of the key, length of the value and whether there is one, both. No value
/// is ever without the byte for its version.
fn changes(bytes: &[u8]) -> Vec<Change> {
    let (mut found, mut rest) = (Vec::new(), bytes);
    while let [key, value, tail @ ..] = rest {
        let (key, tail) = tail.split_at(usize::from(key % 64).min(tail.len()));
        let there = value & 0x80 == 0;
        let length = if there { usize::from(value % 128).min(tail.len()) } else { 0 };
        let (value, tail) = tail.split_at(length);
        rest = tail;
        let value = if value.is_empty() { &[1] } else { value };
        found.push((key.to_vec(), there.then(|| sealed(value))));
        if found.len() == CHANGES {
            break;
        }
    }
    found
}

/// The form of a list of changes that journal and snapshot share; no length in it is above 250.
fn listed(changes: &[Change]) -> Vec<u8> {
    let mut bytes = vec![changes.len() as u8];
    for (key, value) in changes {
        bytes.push(key.len() as u8);
        bytes.extend(key);
        match value {
            None => bytes.push(0),
            Some(value) => {
                bytes.extend([1, value.len() as u8]);
                bytes.extend(value);
            }
        }
    }
    bytes
}

fn segment(first: u64, records: &[u8]) -> Vec<u8> {
    let header = [&b"PTJL"[..], &1u32.to_le_bytes(), &STORE, &first.to_le_bytes()].concat();
    [&sealed(&header), records].concat()
}

/// The records of a journal, some changes in each.
fn records(first: u64, changes: &[Change]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, group) in (0..).zip(changes.chunks(8)) {
        let sequence = first.wrapping_add(number);
        let body = listed(group);
        let (length, sequence) = ((body.len() as u32).to_le_bytes(), sequence.to_le_bytes());
        bytes.extend(length);
        bytes.extend(crc(&[&STORE, &length, &sequence, &body]));
        bytes.extend(sequence);
        bytes.extend(body);
    }
    bytes
}

/// The hash of an entry, as the sums of snapshots are made of.
fn entry_hash(key: &[u8], value: &[u8]) -> u64 {
    [key, value].iter().fold(0x9e37_79b9_7f4a_7c15, |mut state: u64, bytes| {
        let mut padded = bytes.to_vec();
        padded.resize((bytes.len() / 8 + 1) * 8, 0);
        padded.extend((bytes.len() as u64).to_le_bytes());
        for word in padded.as_chunks::<8>().0 {
            state = (state ^ u64::from_le_bytes(*word)).wrapping_mul(0xff51_afd7_ed55_8ccd);
            state ^= state >> 29;
        }
        state
    })
}

/// A snapshot as of the sequence `base`. It is good if each entry has a value.
fn snapshot(base: u64, entries: &[Change]) -> Vec<u8> {
    let number = |number: u64| number.to_le_bytes();
    let mut bytes = [&b"PTSN"[..], &1u32.to_le_bytes(), &STORE, &number(base)].concat();
    bytes.extend(crc(&[&STORE, &number(0), &bytes]));
    if !entries.is_empty() {
        let body = listed(entries);
        bytes.extend((body.len() as u32).to_le_bytes());
        bytes.extend(crc(&[&STORE, &number(1), &body]));
        bytes.extend(body);
    }
    let hash = entries
        .iter()
        .fold(0, |hash, (key, value)| hash ^ entry_hash(key, value.as_deref().unwrap_or_default()));
    let footer = [&b"PTSE"[..], &number(base), &number(entries.len() as u64), &number(hash)].concat();
    bytes.extend_from_slice(&footer);
    bytes.extend(crc(&[&STORE, &number(0), &footer]));
    bytes
}

fn mark(sequence: u64) -> Vec<u8> {
    let numbers = [1u64.to_le_bytes(), sequence.to_le_bytes()].concat();
    sealed(&[&b"PTMK"[..], &STORE, &numbers, &[0; 5]].concat())
}

fn identity(schema: u32) -> Vec<u8> {
    let title = "paltalkd store - keep this file; without it the store will not open";
    let id: String = STORE.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!("{title}\nid {id}\nschema {schema}\nstate ready\n");
    format!("{text}crc {:08x}\n", crc32fast::hash(text.as_bytes())).into_bytes()
}

fn lay(root: &Path, files: &[(&str, Vec<u8>)]) {
    _ = fs::remove_dir_all(root);
    for directory in ["journal", "snapshot"] {
        fs::create_dir_all(root.join(directory)).expect("a directory can be made");
    }
    for (name, bytes) in files {
        fs::write(root.join(name), bytes).expect("a small file can be written");
    }
}

fn open(root: &Path) -> Result<(Store, bool), OpenError> {
    let options = StoreOptions { cache_bytes: 1 << 20, reader_threads: 1, ..StoreOptions::new(root) };
    Store::open(options).map(|(store, report)| (store, report.clean && report.rebuilt.is_none()))
}

/// Reads whatever there is, as far as it can be read.
fn read(reader: &Reader) {
    fn tell<T>(found: Result<T, StoreError>) -> Option<T> {
        found.map_err(|error| assert!(!error.to_string().is_empty())).ok()
    }
    for account in tell(reader.accounts_after(None, CHANGES)).into_iter().flatten() {
        let uid = account.uid;
        assert_eq!(tell(reader.account(uid)).flatten().map(|found| found.uid), Some(uid));
        tell(reader.sign_in(uid));
        tell(reader.pal_of(uid));
        tell(reader.blocked_by(uid));
        tell(reader.sanctions(uid));
        tell(reader.ban(BanTarget::Account(uid)));
    }
    for uid in [Uid(0), Uid(1_000_002), Uid(u32::MAX)] {
        tell(reader.offline(uid));
        tell(reader.offline_count(uid));
        tell(reader.offline_from(uid, CHANGES));
    }
    tell(reader.accounts_by_prefix(b"", CHANGES));
    tell(reader.categories());
    tell(reader.rooms());
    for kind in [ExclusionKind::Bounce, ExclusionKind::Ban] {
        tell(reader.exclusions(kind));
    }
    tell(reader.bans());
    tell(reader.mutes());
    tell(reader.warnings_after(None, CHANGES));
    tell(reader.strikes_after(None, CHANGES));
    tell(reader.top_offenders(CHANGES));
    tell(reader.settings());
    tell(reader.filters());
    tell(reader.links());
    tell(reader.audit(&AuditQuery::default()));
}

pub fn run(data: &[u8]) {
    let [kind, how, rest @ ..] = data else { return };
    let how = u64::from(*how);
    let first = "journal/00000000000000000001.log";
    let mut expected = None;
    let mut files = vec![("identity", identity(3))];
    match kind % 4 {
        0 => {
            let last = ["journal/00000000000000000001.log", "journal/18446744073709551615.log"];
            let at = (how & 1) as usize;
            files.push((last[at], segment([1, u64::MAX][at], rest)));
            if how & 2 == 0 {
                files.push(("mark", mark(how >> 2)));
            }
        }
        1 => {
            let changes = changes(rest);
            let mut there = BTreeMap::new();
            for (key, value) in &changes {
                match value {
                    Some(value) => there.insert(key, value),
                    None => there.remove(key),
                };
            }
            let known =
                there.keys().all(|key| key.first().is_some_and(|byte| usize::from(*byte) < TABLES.len()));
            expected = known.then_some(there.len() as u64);
            files.push((first, segment(1, &records(1, &changes))));
            files.push(("mark", mark(changes.len().div_ceil(8) as u64)));
        }
        2 => {
            let changes = changes(rest);
            let (entries, changes) = changes.split_at((how as usize % 4).min(changes.len()));
            let mut entries = entries.to_vec();
            if how & 16 == 0 {
                entries.sort();
            }
            // At the end of all numbers, too.
            let (base, names) = if how & 4 == 0 {
                (5, ["snapshot/00000000000000000005.snap", "journal/00000000000000000006.log"])
            } else {
                let base = u64::MAX - 2 + (how >> 3 & 1) * 2;
                let names = ["snapshot/18446744073709551613.snap", "journal/18446744073709551614.log"];
                let last = ["snapshot/18446744073709551615.snap", "journal/18446744073709551615.log"];
                (base, if base == u64::MAX { last } else { names })
            };
            let next = base.saturating_add(1);
            files.push((names[0], snapshot(base, &entries)));
            files.push((names[1], segment(next, &records(next, changes))));
            files.push(("mark", mark(base)));
        }
        _ => {
            let name = ["identity", "mark", "snapshot/00000000000000000000.snap", first][how as usize % 4];
            files.retain(|(kept, _)| *kept != name);
            if name != first {
                files.push((first, segment(1, b"")));
            }
            files.push((name, rest.to_vec()));
        }
    }
    let root = DIRECTORY.as_path();
    lay(root, &files);
    match open(root) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok((store, _)) => {
            read(&store.reader());
            let counts = store.counts();
            let sum: u64 = counts.iter().map(|(_, count)| count).sum();
            assert!(expected.is_none_or(|expected| sum == expected), "{sum} of {expected:?}");
            store.close().expect("what was opened can be closed");
            drop(store);
            let checked = check(&StoreOptions::new(root), &mut |_| {}).expect("what was closed can be read");
            assert_eq!(checked.problems, [""; 0]);
            assert_eq!(checked.counts, counts);
            let (store, clean) = open(root).expect("what was closed can be opened");
            assert!(clean && store.counts() == counts);
            store.close().expect("what was opened can be closed");
        }
    }
    _ = fs::remove_dir_all(root);
}
