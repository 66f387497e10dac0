//! Every file of a store, damaged in every way: afterwards everything acknowledged is there, or the
//! store refuses to open, says why, and opens again once the file has been put back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout)]

mod store_common;

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use paltalkd::store::{OpenReport, SCHEMA, Store, StoreOptions};
use store_common::{content, copy_dir, create, fill_range, options};

type Content = BTreeMap<String, String>;

/// What happens to one file or directory.
#[derive(Clone, Debug)]
enum Damage {
    Flip { offset: usize, bit: u8 },
    Cut(usize),
    Zero(usize, usize),
    Missing,
}

fn settings(path: &Path, snapshots: bool) -> StoreOptions {
    let snapshot_bytes = if snapshots { 6_000 } else { 1 << 30 };
    StoreOptions { segment_bytes: 3_000, snapshot_bytes, ..options(path) }
}

/// Makes a store; it is closed properly, or copied while open with an index that lags behind.
fn make(dir: &Path, snapshots: bool, clean: bool) -> (PathBuf, Content) {
    let (live, base) = (dir.join("live"), dir.join("base"));
    let (store, _) = Store::open(settings(&live, snapshots)).unwrap();
    fill_range(&store, 0..45);
    store.close().unwrap();
    let (store, _) = Store::open(settings(&live, snapshots)).unwrap();
    fill_range(&store, 45..60);
    let content = content(&store);
    if clean {
        store.close().unwrap();
    }
    copy_dir(&live, &base);
    (base, content)
}

fn hit(path: &Path, damage: &Damage) {
    if let Damage::Missing = damage {
        return if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
    }
    let mut bytes = fs::read(path).unwrap();
    match *damage {
        Damage::Flip { offset, bit } => bytes[offset] ^= 1 << bit,
        Damage::Cut(length) => bytes.truncate(length),
        Damage::Zero(from, to) => bytes[from..to].fill(0),
        Damage::Missing => {}
    }
    fs::write(path, bytes).unwrap();
}

/// The cases for one file: bits flipped where something stands, the end cut off or zeroed.
fn cases(path: &Path, density: usize) -> Vec<Damage> {
    let bytes = fs::read(path).unwrap();
    let length = bytes.len();
    let mut cases = vec![Damage::Missing, Damage::Cut(0)];
    if length == 0 {
        return cases;
    }
    let written: Vec<usize> = (0..length).filter(|&at| bytes[at] != 0).collect();
    for n in 0..density.min(written.len()) {
        let offset = written[n * written.len() / density.min(written.len())];
        cases.push(Damage::Flip { offset, bit: (n * 3 % 8) as u8 });
    }
    for back in [1, 7, 40, 300, 5_000, length / 2, length * 9 / 10] {
        let end = *written.last().unwrap() + 1;
        if back < end {
            cases.push(Damage::Cut(end - back));
            cases.push(Damage::Zero(end - back, end));
        }
    }
    cases.push(Damage::Zero(0, length.min(64)));
    cases.push(Damage::Zero(0, length));
    cases
}

fn open(dir: &Path, snapshots: bool) -> Result<(Content, OpenReport), String> {
    let result = catch_unwind(AssertUnwindSafe(|| Store::open(settings(dir, snapshots))));
    let (store, report) = result.expect("opening panicked").map_err(|error| error.to_string())?;
    let content = content(&store);
    store.close().unwrap();
    Ok((content, report))
}

struct Case {
    relative: PathBuf,
    damage: Damage,
}

/// Runs one case; the text says how it ended.
fn run(base: &Path, wanted: &Content, snapshots: bool, case: &Case) -> Result<&'static str, String> {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("copy");
    copy_dir(base, &copy);
    let path = copy.join(&case.relative);
    hit(&path, &case.damage);
    match open(&copy, snapshots) {
        Ok((found, report)) => {
            if report.fresh || found != *wanted {
                return Err(format!("opened with other content: {report:?}"));
            }
            let rebuilt = report.rebuilt.is_some();
            let repaired = !report.repairs.is_empty();
            match open(&copy, snapshots) {
                Ok((found, report)) if found == *wanted && report.rebuilt.is_none() => {}
                other => {
                    return Err(format!("the repair did not last: {:?}", other.map(|(_, report)| report)));
                }
            }
            Ok(match (rebuilt, repaired) {
                (true, _) => "rebuilt",
                (_, true) => "repaired",
                _ => "unharmed",
            })
        }
        Err(message) => {
            let name = copy.to_str().unwrap();
            if !message.contains(name) || !message.contains("restore") {
                return Err(format!("not a helpful refusal: {message}"));
            }
            let good = base.join(&case.relative);
            if good.is_dir() {
                copy_dir(&good, &path);
            } else {
                fs::copy(&good, &path).unwrap();
            }
            match open(&copy, snapshots) {
                Ok((found, _)) if found == *wanted => Ok("refused"),
                other => Err(format!("the refusal {message:?} broke something: {other:?}")),
            }
        }
    }
}

fn files_below(root: &Path, dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(root, &path, found);
        } else if path.file_name().unwrap() != "lock" {
            found.push(path.strip_prefix(root).unwrap().to_owned());
        }
    }
}

fn matrix(snapshots: bool, clean: bool) {
    // More cases on request, for a thorough search.
    let density = std::env::var("STORE_DAMAGE_DENSITY").map_or(6, |value| value.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let (base, wanted) = make(dir.path(), snapshots, clean);
    let mut files = Vec::new();
    files_below(&base, &base, &mut files);
    files.sort();
    let mut all: Vec<Case> = ["journal", "snapshot", "sled"]
        .map(|name| Case { relative: PathBuf::from(name), damage: Damage::Missing })
        .into();
    for relative in files {
        let in_journal = relative.starts_with("journal");
        let density = if in_journal { density / 2 } else { density };
        for damage in cases(&base.join(&relative), density) {
            all.push(Case { relative: relative.clone(), damage });
        }
    }
    let next = AtomicUsize::new(0);
    let endings: Mutex<BTreeMap<(String, &'static str), usize>> = Mutex::default();
    let failures: Mutex<Vec<String>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(case) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let part = case.relative.iter().next().unwrap().to_str().unwrap().to_owned();
                    match run(&base, &wanted, snapshots, case) {
                        Ok(ending) => *endings.lock().unwrap().entry((part, ending)).or_default() += 1,
                        Err(text) => failures.lock().unwrap().push(format!(
                            "{} {:?}: {text:.800}",
                            case.relative.display(),
                            case.damage
                        )),
                    }
                }
            });
        }
    });
    let (endings, failures) = (endings.into_inner().unwrap(), failures.into_inner().unwrap());
    println!("snapshots {snapshots}, clean {clean}: {} cases, {endings:?}", all.len());
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
    let ended = |part: &str, ending| endings.contains_key(&(part.to_owned(), ending));
    assert!(ended("sled", "rebuilt") && ended("identity", "refused"), "{endings:?}");
}

#[test]
fn damage_after_a_clean_end() {
    matrix(false, true);
}

#[test]
fn damage_after_a_clean_end_with_snapshots() {
    matrix(true, true);
}

#[test]
fn damage_after_a_crash() {
    matrix(false, false);
}

#[test]
fn damage_after_a_crash_with_snapshots() {
    matrix(true, false);
}

#[test]
fn of_the_indexes_that_were_replaced_the_last_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (base, wanted) = make(dir.path(), false, true);
    let aside = || -> Vec<PathBuf> {
        let entries = fs::read_dir(&base).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.to_string_lossy().contains("sled.damaged-")).collect()
    };
    for _ in 0..3 {
        let mut files = Vec::new();
        files_below(&base.join("sled"), &base.join("sled"), &mut files);
        let file = files.iter().max_by_key(|file| fs::metadata(base.join("sled").join(file)).unwrap().len());
        hit(&base.join("sled").join(file.unwrap()), &Damage::Cut(0));
        let (store, report) = Store::open(settings(&base, false)).unwrap();
        let kept = report.rebuilt.and_then(|rebuilt| rebuilt.aside).expect("it was not rebuilt");
        assert_eq!(aside(), [kept]);
        assert_eq!(content(&store), wanted);
        store.close().unwrap();
    }
}

#[test]
fn everything_but_the_identity_gone_is_no_new_store() {
    let dir = tempfile::tempdir().unwrap();
    let (base, _) = make(dir.path(), true, true);
    for name in ["journal", "snapshot", "sled", "mark"] {
        hit(&base.join(name), &Damage::Missing);
    }
    let message = open(&base, true).unwrap_err();
    assert!(message.contains("missing") && message.contains("restore"), "{message}");
}

/// Replaces a line of a store's identity, as if the store had been made so.
fn edit_identity(store: &Path, line: &str, other: &str) {
    let path = store.join("identity");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(line), "{text}");
    let text = text.replace(line, other);
    let body = &text[..text.rfind("crc ").unwrap()];
    fs::write(&path, format!("{body}crc {:08x}\n", crc32fast::hash(body.as_bytes()))).unwrap();
}

#[test]
fn a_newer_schema_is_refused_with_both_versions() {
    let dir = tempfile::tempdir().unwrap();
    let (base, _) = make(dir.path(), false, true);
    edit_identity(&base, &format!("schema {SCHEMA}"), "schema 99");
    let message = open(&base, false).unwrap_err();
    assert!(message.contains("schema 99") && message.contains(&format!("up to {SCHEMA}")), "{message}");
}

#[test]
fn an_older_schema_is_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let (base, _) = make(dir.path(), false, true);
    edit_identity(&base, &format!("schema {SCHEMA}"), "schema 1");
    open(&base, false).unwrap();
    assert!(
        fs::read_to_string(base.join("identity")).unwrap().contains(&format!("schema {SCHEMA}\n")),
        "older programs must not open it"
    );
}

#[test]
fn a_creation_that_was_interrupted_starts_again() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(options(dir.path())).unwrap();
    drop(store);
    edit_identity(dir.path(), "state ready", "state creating");
    let (store, report) = Store::open(options(dir.path())).unwrap();
    assert!(report.fresh);
    create(&store, "Alice");
}

#[test]
fn an_index_of_another_store_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let (base, wanted) = make(dir.path(), false, true);
    let other = dir.path().join("other");
    let (store, _) = Store::open(options(&other)).unwrap();
    fill_range(&store, 0..10);
    drop(store);
    hit(&base.join("sled"), &Damage::Missing);
    copy_dir(&other.join("sled"), &base.join("sled"));
    let (found, report) = open(&base, false).unwrap();
    assert_eq!(found, wanted);
    assert!(report.rebuilt.unwrap().reason.contains("another store"));
}

#[test]
fn a_full_check_finds_a_bad_snapshot_while_there_is_still_time() {
    let dir = tempfile::tempdir().unwrap();
    let (base, wanted) = make(dir.path(), true, true);
    let snapshots = base.join("snapshot");
    let path = fs::read_dir(&snapshots).unwrap().next().unwrap().unwrap().path();
    hit(&path, &Damage::Flip { offset: 1000, bit: 3 });
    let check = StoreOptions { full_check: true, ..settings(&base, true) };
    let (store, report) = Store::open(check.clone()).unwrap();
    assert!(report.checked && report.repairs[0].contains("snapshot"), "{report:?}");
    store.close().unwrap();
    hit(&base.join("sled"), &Damage::Missing);
    let (store, report) = Store::open(check).unwrap();
    assert!(report.rebuilt.is_some() && report.repairs.is_empty(), "{report:?}");
    assert_eq!(content(&store), wanted);
}
