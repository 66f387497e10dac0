//! The names of log files, and which of them have to go.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const MILLIS_PER_DAY: u64 = 24 * 60 * 60 * 1000;
const DAY_LENGTH: usize = 10;
const STEM: &str = "paltalkd.";
const SUFFIX: &str = ".log";
/// What the name of a compressed file ends with.
pub(super) const COMPRESSED: &str = ".zst";
/// What the name of a file ends with while it is being compressed.
pub(super) const UNFINISHED: &str = ".zst.new";

/// One log file: `paltalkd.<day>.log`, `paltalkd.<day>.1.log` and so on, with `.zst` once it is
/// compressed. The order is that in which they were written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Name {
    /// The day in UTC, as in `2026-11-21`.
    pub(super) day: String,
    /// Which file of the day, from 0.
    pub(super) number: u32,
    /// Whether it is compressed.
    pub(super) compressed: bool,
}

impl Name {
    /// The first file of the day that is so many days after 1970-01-01.
    pub(super) fn first_of(day: u64) -> Name {
        let stamp = crate::model::Timestamp(day.saturating_mul(MILLIS_PER_DAY)).rfc3339();
        let day = stamp.get(..DAY_LENGTH).unwrap_or(&stamp).to_owned();
        Name { day, number: 0, compressed: false }
    }

    /// What the name of a file says; `None` if it is no log file.
    pub(super) fn parse(name: &str) -> Option<Name> {
        let rest = name.strip_prefix(STEM)?;
        let (rest, compressed) = match rest.strip_suffix(COMPRESSED) {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let rest = rest.strip_suffix(SUFFIX)?;
        let (day, number) = (rest.get(..DAY_LENGTH)?, rest.get(DAY_LENGTH..)?);
        day.parse::<jiff::civil::Date>().ok()?;
        let number = match number.strip_prefix('.') {
            Some(digits) => digits.parse().ok().filter(|number: &u32| number.to_string() == digits)?,
            None => number.is_empty().then_some(0)?,
        };
        Some(Name { day: day.to_owned(), number, compressed })
    }

    /// The next file of the same day.
    pub(super) fn next(&self) -> Name {
        Name { number: self.number.saturating_add(1), compressed: false, ..self.clone() }
    }

    pub(super) fn path(&self, directory: &Path) -> PathBuf {
        let number = if self.number == 0 { String::new() } else { format!(".{}", self.number) };
        let compressed = if self.compressed { COMPRESSED } else { "" };
        directory.join(format!("{STEM}{}{number}{SUFFIX}{compressed}", self.day))
    }
}

/// The day in UTC, counted from 1970-01-01, at a moment of the calendar.
pub(super) fn day_of(now: crate::model::Timestamp) -> u64 {
    now.0 / MILLIS_PER_DAY
}

/// What of `files`, each with its size, is too much: all but those of the last `keep` days, and then the
/// oldest until the rest has no more than `total` bytes. The file that is being written to stays.
pub(super) fn surplus(
    files: &[(Name, u64)],
    active: Option<&Name>,
    keep: Option<usize>,
    total: Option<usize>,
) -> Vec<Name> {
    let days: BTreeSet<&str> = files.iter().map(|(name, _)| name.day.as_str()).collect();
    let first = keep.and_then(|keep| days.iter().rev().nth(keep.saturating_sub(1)).copied());
    let mut sorted: Vec<&(Name, u64)> = files.iter().collect();
    sorted.sort();
    let mut bytes: u64 = sorted.iter().map(|(_, size)| size).sum();
    let total = total.map_or(u64::MAX, |total| total as u64);
    let mut gone = Vec::new();
    for (name, size) in sorted {
        let too_old = first.is_some_and(|first| name.day.as_str() < first);
        if Some(name) != active && (too_old || bytes > total) {
            bytes = bytes.saturating_sub(*size);
            gone.push(name.clone());
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        assert_eq!(Name::first_of(20_778).path(Path::new("")), Path::new("paltalkd.2026-11-21.log"));
        for text in [
            "paltalkd.2026-11-21.log",
            "paltalkd.2026-11-21.7.log",
            "paltalkd.2026-11-21.log.zst",
            "paltalkd.2026-11-21.12.log.zst",
        ] {
            assert_eq!(name(text).path(Path::new("")), Path::new(text));
        }
        for text in [
            "paltalkd.log",
            "paltalkd.2026-13-21.log",
            "paltalkd.2026-11-21.07.log",
            "paltalkd.2026-11-21.+7.log",
            "paltalkd.2026-11-21..log",
            "paltalkd.2026-11-21x.log",
            "paltalkd.2026-11-21.log.zst.new",
            "paltalkd.2026-11-21.log.gz",
            "notes.txt",
            "paltalkd.é026-11-21.log",
        ] {
            assert_eq!(Name::parse(text), None, "{text}");
        }
        assert!(name("paltalkd.2026-11-21.9.log") < name("paltalkd.2026-11-21.10.log"));
        assert!(name("paltalkd.2026-11-21.9.log") < name("paltalkd.2026-11-22.log"));
    }

    proptest! {
        #[test]
        fn what_stays_is_the_newest_and_fits(
            sizes in proptest::collection::vec((0u64..40, 0u32..3, 0u64..1000), 0..30),
            keep in proptest::option::of(1usize..10),
            total in proptest::option::of(1usize..5000),
        ) {
            let mut files: Vec<(Name, u64)> = sizes
                .into_iter()
                .map(|(day, number, size)| (Name { number, ..Name::first_of(day) }, size))
                .collect();
            files.sort();
            files.dedup_by(|a, b| a.0 == b.0);
            let active = files.last().map(|(name, _)| name.clone());
            let gone = surplus(&files, active.as_ref(), keep, total);
            let stay = files.get(gone.len()..).unwrap_or_default();
            prop_assert!(files.iter().take(gone.len()).map(|(name, _)| name).eq(&gone), "the oldest go");
            prop_assert!(active.is_none() || !stay.is_empty(), "the active one stays");
            let days: BTreeSet<&str> = stay.iter().map(|(name, _)| name.day.as_str()).collect();
            prop_assert!(keep.is_none_or(|keep| days.len() <= keep));
            let bytes: u64 = stay.iter().map(|(_, size)| size).sum();
            prop_assert!(stay.len() <= 1 || total.is_none_or(|total| bytes <= total as u64));
            // Not more than needed.
            if let Some((name, size)) = gone.len().checked_sub(1).and_then(|last| files.get(last)) {
                let day_fits = keep.is_none_or(|keep| days.contains(name.day.as_str()) || days.len() < keep);
                prop_assert!(!day_fits || total.is_some_and(|total| bytes + size > total as u64));
            }
        }
    }
}
