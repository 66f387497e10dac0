//! Reading a whole store without changing it: what `verify` does.

use std::fs;
use std::path::{Path, PathBuf};

use super::backup::{Phase, Progress};
use super::error::OpenError;
use super::evidence::Evidence;
use super::identity::{Identity, StoreId};
use super::index::{Index, IndexError, State, guarded};
use super::shared::Layout;
use super::tables::{self, TABLES};
use super::{StoreOptions, codec, files, recover, snapshot};

/// More complaints than this about the index help nobody.
const FINDINGS_MAX: usize = 20;
/// The bytes of a key that are shown.
const KEY_SHOWN: usize = 24;

/// What [`check`] found in a store.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Checked {
    /// Entries in all tables.
    pub records: u64,
    /// How many entries each table has, by its name.
    pub counts: Vec<(&'static str, u64)>,
    /// The sequence of the last change.
    pub sequence: u64,
    /// What is wrong, and where; empty if all is well.
    pub problems: Vec<String>,
    /// What is not wrong, but worth a word.
    pub notes: Vec<String>,
}

/// Reads journal, snapshot and index of the store in `options.path` record by record. Nothing in it is
/// changed: the index is read from a copy, for which there must be room in the store's directory.
///
/// # Errors
///
/// [`OpenError`] if the store is in use, is not there, or cannot be read at all. What is wrong inside
/// of it is no error but in [`Checked::problems`].
pub fn check(options: &StoreOptions, progress: &mut dyn FnMut(Progress)) -> Result<Checked, OpenError> {
    let root = options.path.as_path();
    let layout = Layout { root: root.to_owned() };
    fs::metadata(root).map_err(OpenError::io("look into", root))?;
    let _lock = recover::lock(&layout)?;
    let Some(identity) = Identity::read(root)? else {
        return Err(OpenError::refused(
            root,
            format!("the file {} is missing", root.join("identity").display()),
        ));
    };
    if !identity.ready {
        return Err(OpenError::refused(root, "it was never completed"));
    }
    let mut checked = Checked::default();
    let evidence = Evidence::gather(&layout, identity.id)?;
    beside_the_index(&mut checked, &evidence, &layout, identity.id);
    let copy = Copy::make(&layout)?;
    match Index::open(&copy.path, options.cache_bytes) {
        Ok(index) => {
            let read = guarded(|| walk(&index, identity.id, &evidence, &mut checked, progress));
            if let Err(error) = read {
                checked.problems.push(format!("the index: {error}"));
            }
        }
        Err(error) => checked.problems.push(format!("the index {}: {error}", layout.sled().display())),
    }
    Ok(checked)
}

/// Journal, mark and snapshot.
fn beside_the_index(checked: &mut Checked, evidence: &Evidence, layout: &Layout, id: StoreId) {
    let Checked { problems, notes, .. } = checked;
    if evidence.mark.is_none() {
        problems.push(format!("the file {} is missing or damaged", layout.mark().display()));
    }
    let scan = &evidence.scan;
    let reached = evidence.base().map(|base| scan.reach(base));
    let complete = reached.is_some_and(|reached| reached >= evidence.needed);
    for damage in &scan.damage {
        let good_until = scan.spans.iter().filter(|span| span.path == damage.path).map(|span| span.bytes.end);
        let newest = scan
            .segments
            .last()
            .is_some_and(|(first, path)| *path == damage.path && scan.newest_good == Some(*first));
        // What was being written when the process ended; nobody was told that it was done.
        if complete && newest && good_until.max().is_none_or(|end| damage.offset >= end) {
            notes.push(format!("the journal has {damage}, which was never acknowledged"));
        } else {
            problems.push(format!("the journal has {damage}"));
        }
    }
    if let (false, Some(reached)) = (complete, reached) {
        let needed = evidence.needed;
        problems.push(format!("snapshot and journal hold changes up to {reached} of {needed}"));
    }
    let first = scan.spans.first().map_or(0, |span| span.first);
    let read = scan.replay::<recover::ReplayError>(first..=u64::MAX, id, |sequence, _| {
        checked.sequence = checked.sequence.max(sequence);
        Ok(())
    });
    if let Err(error) = read {
        problems.push(format!("the journal: {error}"));
    }
    match &evidence.snapshot {
        None => {}
        Some((path, None)) => problems.push(format!("the snapshot {} is damaged", path.display())),
        Some((path, Some(found))) => {
            if let Err(error) = snapshot::read(found, id, &|| false, |_| Ok(())) {
                problems.push(format!("the snapshot {}: {error}", path.display()));
            }
        }
    }
}

/// Every entry of the index, and whether each table has what its tally says.
fn walk(
    index: &Index,
    id: StoreId,
    evidence: &Evidence,
    checked: &mut Checked,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), IndexError> {
    let state = index.check_state(id)?;
    let of = state.records();
    let mut found = State::new(id, state.applied);
    let mut bad = 0;
    for entry in index.entries() {
        let (key, value) = entry?;
        let looked = codec::open_value(&value).map(|_| ()).and_then(|()| found.tally(&key, &value, true));
        if let Err(error) = looked {
            bad += 1;
            if bad <= FINDINGS_MAX {
                checked.problems.push(format!("the index: {error}: {}", describe(&key)));
            }
        }
        checked.records += 1;
        if checked.records.is_multiple_of(1024) {
            progress(Progress { phase: Phase::Verify, done: checked.records, of });
        }
    }
    progress(Progress { phase: Phase::Verify, done: checked.records, of });
    if bad > FINDINGS_MAX {
        checked.problems.push(format!("the index: {} more records like these", bad - FINDINGS_MAX));
    }
    let tallies = state.tallies.iter().zip(&found.tallies);
    for (table, (wanted, seen)) in TABLES.iter().zip(tallies).skip(1) {
        checked.counts.push((table.name, seen.count));
        if wanted.count != seen.count {
            let (seen, wanted) = (seen.count, wanted.count);
            checked.problems.push(format!("the index: table {}: {seen} of {wanted} records", table.name));
        } else if wanted.hash != seen.hash {
            checked.problems.push(format!("the index: table {}: records were changed", table.name));
        }
    }
    let reached = evidence.scan.reach(state.applied);
    if reached < evidence.needed {
        checked.problems.push(format!(
            "index and journal hold changes up to {reached}, but {} were acknowledged",
            evidence.needed
        ));
    } else if state.applied < evidence.needed {
        let behind = evidence.needed - state.applied;
        let text = format!("{behind} changes are in the journal but not in the index");
        // Normal after a crash, but a store that was closed has brought its index up to date.
        if evidence.mark.is_some_and(|mark| mark.clean) {
            checked.problems.push(text);
        } else {
            checked.notes.push(text);
        }
    }
    checked.sequence = checked.sequence.max(state.applied);
    Ok(())
}

/// The table and the rest of the key, for people.
pub(super) fn describe(key: &[u8]) -> String {
    let table = key.first().and_then(|byte| TABLES.get(usize::from(*byte)));
    let name = table.map_or("unknown table", |table| table.name);
    let rest = key.get(1..).unwrap_or_default();
    let shown: String = rest.iter().take(KEY_SHOWN).map(|byte| format!("{byte:02x}")).collect();
    let more = if rest.len() > KEY_SHOWN { "..." } else { "" };
    match tables::account_uid(key) {
        Some(uid) if key.first() == Some(&tables::ACCOUNTS) => format!("{name}, uid {uid}"),
        _ => format!("{name}, key {shown}{more}"),
    }
}

/// A copy of the index, which sled may write to; removed when dropped.
struct Copy {
    path: PathBuf,
}

impl Copy {
    fn make(layout: &Layout) -> Result<Copy, OpenError> {
        let path = layout.root.join("sled.verifying");
        remove_if_there(&path).map_err(OpenError::io("remove", &path))?;
        let copy = Copy { path };
        let sled = layout.sled();
        if sled.is_dir() {
            files::copy_tree(&sled, &copy.path).map_err(OpenError::io("copy", &sled))?;
        }
        Ok(copy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if let Err(error) = remove_if_there(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "cannot remove a copy of the index");
        }
    }
}

/// Removes a directory with everything below it, if it is there.
pub(super) fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
