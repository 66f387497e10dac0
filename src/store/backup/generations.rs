//! Backups of a directory by their names: `paltalkd-YYYYMMDDTHHMMSSZ.backup`, the time in UTC.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::write::{PARTIAL, partial_name};
use crate::model::Timestamp;

const PREFIX: &str = "paltalkd-";
const SUFFIX: &str = ".backup";
const STAMP: &str = "%Y%m%dT%H%M%SZ";

/// One backup of several in a directory, known by the time in its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Generation {
    /// The time, in whole seconds.
    pub made: Timestamp,
}

impl Generation {
    /// The backup of this moment.
    pub fn at(moment: Timestamp) -> Generation {
        Generation { made: Timestamp(moment.0 - moment.0 % 1000) }
    }

    /// The name of the file, without a directory.
    pub fn file_name(self) -> String {
        format!("{PREFIX}{}{SUFFIX}", stamp(self.made))
    }

    /// The generation of that name; `None` if it is not exactly such a name.
    pub fn parse(name: &str) -> Option<Generation> {
        let stamp = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
        let time =
            jiff::civil::DateTime::strptime(STAMP, stamp).ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        let made = Timestamp(u64::try_from(time.timestamp().as_millisecond()).ok()?);
        let found = Generation { made };
        (found.file_name() == name).then_some(found)
    }
}

/// A moment as it stands in names: `20261121T124500Z`.
pub(super) fn stamp(moment: Timestamp) -> String {
    let millis = i64::try_from(moment.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX).strftime(STAMP).to_string()
}

/// The generations in `directory`, oldest first. Other files are passed over.
///
/// # Errors
///
/// If the directory cannot be read.
pub fn generations(directory: &Path) -> io::Result<Vec<Generation>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if let Some(generation) = entry.file_name().to_str().and_then(Generation::parse)
            && entry.file_type()?.is_file()
        {
            found.push(generation);
        }
    }
    found.sort();
    Ok(found)
}

/// Which of `found` are to be deleted so that `keep` remain, oldest first. `made`, the one that was
/// made just now, always remains and counts, even if a clock that was wrong left later ones.
pub fn surplus(found: &[Generation], made: Generation, keep: usize) -> Vec<Generation> {
    let mut others: Vec<Generation> = found.iter().copied().filter(|it| *it != made).collect();
    others.sort();
    others.dedup();
    others.truncate(others.len().saturating_sub(keep.saturating_sub(1)));
    others
}

/// How long to wait at `now` until the next of the backups that are made every `every`; `newest` is
/// the last one there is. Nothing if one was missed. Never longer than `every`, whatever the clock
/// was when the last one was made.
pub fn next_run(newest: Option<Generation>, now: Timestamp, every: Duration) -> Duration {
    let Some(newest) = newest else { return Duration::ZERO };
    let due = newest.made.after(every).0;
    Duration::from_millis(due.saturating_sub(now.0)).min(every)
}

/// What interrupted backups to `target` left: its own temporary file, and if it is a generation those
/// of the others.
pub(super) fn leftovers(target: &Path) -> Vec<PathBuf> {
    let own = partial_name(target);
    let is_generation = |name: &str| Generation::parse(name).is_some();
    if !target.file_name().and_then(|name| name.to_str()).is_some_and(is_generation) {
        return vec![own].into_iter().filter(|path| path.is_file()).collect();
    }
    let dir = target.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A directory that cannot be read will be complained about when the file is made.
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter(|entry| {
            let name = entry.file_name();
            name.to_str().and_then(|name| name.strip_suffix(PARTIAL)).is_some_and(is_generation)
        })
        .map(|entry| entry.path())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_exact() {
        let made = Generation::at(Timestamp(1_100_003_600_999));
        assert_eq!(made.file_name(), "paltalkd-20041109T123320Z.backup");
        assert_eq!(Generation::parse("paltalkd-20041109T123320Z.backup"), Some(made));
        for other in [
            "paltalkd-20041109T123320Z.backup.partial",
            "paltalkd-20041109T123320.backup",
            "paltalkd-2004119T123320Z.backup",
            "paltalkd-20041309T123320Z.backup",
            "paltalkd-20041109T123360Z.backup",
            "paltalkd-19041109T123320Z.backup",
            "paltalkd-.backup",
            "other-20041109T123320Z.backup",
            "",
        ] {
            assert_eq!(Generation::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_missed_run_is_due_at_once() {
        let hour = Duration::from_secs(3600);
        let newest = Some(Generation { made: Timestamp(10_000_000) });
        assert_eq!(next_run(None, Timestamp(5), hour), Duration::ZERO);
        assert_eq!(next_run(newest, Timestamp(10_000_000), hour), hour);
        assert_eq!(next_run(newest, Timestamp(11_800_000), hour), hour / 2);
        assert_eq!(next_run(newest, Timestamp(13_600_000), hour), Duration::ZERO);
        assert_eq!(next_run(newest, Timestamp(99_000_000), hour), Duration::ZERO);
        assert_eq!(next_run(newest, Timestamp(1), hour), hour, "the clock was wrong when it was made");
    }

    proptest! {
        #[test]
        fn the_newest_remain(times in proptest::collection::btree_set(0u64..1000, 1..30), pick: prop::sample::Index, keep in 0usize..12) {
            let all: Vec<Generation> = times.iter().map(|at| Generation { made: Timestamp(at * 1000) }).collect();
            let made = all[pick.index(all.len())];
            let gone = surplus(&all, made, keep);
            prop_assert!(!gone.contains(&made));
            prop_assert_eq!(all.len() - gone.len(), keep.clamp(1, all.len()));
            let oldest_left = all.iter().find(|it| **it != made && !gone.contains(it));
            prop_assert!(oldest_left.is_none_or(|left| gone.iter().all(|it| it < left)));
        }

        #[test]
        fn names_read_back(seconds in 0u64..200_000_000_000) {
            let made = Generation::at(Timestamp(seconds * 1000));
            prop_assert_eq!(Generation::parse(&made.file_name()), Some(made));
        }
    }
}
