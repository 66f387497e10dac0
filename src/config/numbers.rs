//! Counts, times and sizes.

use std::time::Duration;

use super::values::{Codec, Problems, Value, kind, quote};

fn integer(value: &Value<'_>) -> Option<i128> {
    let number = value.get_ref().as_integer()?;
    i128::from_str_radix(number.as_str(), number.radix()).ok()
}

/// A count; zero switches it off.
pub(super) struct Count;

impl<T: TryFrom<i128> + Copy + std::fmt::Display> Codec<Option<T>> for Count {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<Option<T>> {
        match integer(value) {
            Some(0) => Some(None),
            Some(number) if number < 0 => {
                problems.note(value, "must not be negative (0 switches it off)");
                None
            }
            Some(number) => {
                let number = T::try_from(number).map_err(|_| "is too large".to_owned());
                problems.check(value, number).map(Some)
            }
            None => {
                problems.note(value, format!("must be a whole number, not {}", kind(value)));
                None
            }
        }
    }

    fn show(&self, value: &Option<T>) -> String {
        value.map_or_else(|| "0".to_owned(), |number| number.to_string())
    }
}

/// A count between two bounds; zero switches it off.
pub(super) struct CountWithin {
    /// The smallest that makes sense, short of none.
    pub(super) least: u32,
    /// The largest that is allowed.
    pub(super) most: u32,
}

impl Codec<Option<u32>> for CountWithin {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<Option<u32>> {
        let count: Option<u32> = Count.read(value, problems)?;
        if count.is_some_and(|count| !(self.least..=self.most).contains(&count)) {
            let CountWithin { least, most } = self;
            problems.note(value, format!("must be {least} to {most}, or 0 for no limit"));
            return None;
        }
        Some(count)
    }

    fn show(&self, value: &Option<u32>) -> String {
        Count.show(value)
    }
}

/// A time up to a bound; zero switches it off.
pub(super) struct TimeUpTo(pub(super) Duration);

impl Codec<Option<Duration>> for TimeUpTo {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<Option<Duration>> {
        let time = Time.read(value, problems)?;
        if time.is_some_and(|time| time > self.0) {
            problems.note(value, format!("must be at most {}", Time.show(&Some(self.0))));
            return None;
        }
        Some(time)
    }

    fn show(&self, value: &Option<Duration>) -> String {
        Time.show(value)
    }
}

/// A time; zero switches it off.
pub(super) struct Time;

/// Longer times would overflow the clocks that they are added to.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

impl Codec<Option<Duration>> for Time {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<Option<Duration>> {
        if integer(value) == Some(0) {
            return Some(None);
        }
        let text = problems.text(value, "a time like \"30s\"")?;
        let time = match text.trim() {
            "0" => Ok(Duration::ZERO),
            text => humantime::parse_duration(text)
                .map_err(|_| format!("{} is not a time like \"750ms\", \"30s\" or \"5m\"", quote(text))),
        };
        let time = problems.check(value, time)?;
        if time > LONGEST {
            problems.note(value, "is longer than a hundred years (\"0s\" is never)");
            return None;
        }
        Some((!time.is_zero()).then_some(time))
    }

    fn show(&self, value: &Option<Duration>) -> String {
        const UNITS: [(u128, &str); 6] = [
            (86_400_000_000_000, "d"),
            (3_600_000_000_000, "h"),
            (60_000_000_000, "m"),
            (1_000_000_000, "s"),
            (1_000_000, "ms"),
            (1_000, "us"),
        ];
        let nanos = value.map_or(0, |time| time.as_nanos());
        if nanos == 0 {
            return quote("0s");
        }
        let (size, unit) =
            UNITS.into_iter().find(|(size, _)| nanos.is_multiple_of(*size)).unwrap_or((1, "ns"));
        quote(&format!("{}{unit}", nanos / size))
    }
}

/// A number of bytes; zero switches it off.
pub(super) struct Bytes {
    /// The fewest bytes that make sense, short of none.
    pub(super) at_least: u64,
}

impl Codec<Option<usize>> for Bytes {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<Option<usize>> {
        let size = RequiredBytes { at_least: 0 }.read(value, problems)?;
        if size > 0 && size < self.at_least {
            let least = RequiredBytes { at_least: 0 }.show(&self.at_least);
            problems.note(value, format!("must be at least {least}, or 0 for no limit"));
            return None;
        }
        let size = problems.check(value, usize::try_from(size).map_err(|_| "is too large".to_owned()))?;
        Some((size > 0).then_some(size))
    }

    fn show(&self, value: &Option<usize>) -> String {
        RequiredBytes { at_least: 0 }.show(&value.map_or(0, |size| size as u64))
    }
}

/// A number of bytes that cannot be switched off.
pub(super) struct RequiredBytes {
    /// The fewest bytes that make sense.
    pub(super) at_least: u64,
}

const SIZES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

impl Codec<u64> for RequiredBytes {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<u64> {
        let size = match integer(value) {
            Some(number) => u64::try_from(number).map_err(|_| "is not a possible size".to_owned()),
            None => parse_size(problems.text(value, "a size like \"256KiB\"")?),
        };
        let size = problems.check(value, size)?;
        if size < self.at_least {
            problems.note(value, format!("must be at least {}", self.show(&self.at_least)));
            return None;
        }
        Some(size)
    }

    fn show(&self, value: &u64) -> String {
        let binary =
            SIZES.into_iter().take(3).find(|(_, factor)| *value > 0 && value.is_multiple_of(*factor));
        let (unit, factor) = binary.unwrap_or(("B", 1));
        quote(&format!("{}{unit}", value / factor))
    }
}

fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim();
    let factor = if unit.is_empty() {
        Some(1)
    } else {
        SIZES.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, factor)| factor)
    };
    match (number.parse::<u64>(), factor) {
        (Ok(number), Some(factor)) => {
            number.checked_mul(factor).ok_or_else(|| format!("{} is too large", quote(text)))
        }
        _ => Err(format!("{} is not a size like \"256KiB\" (B, KB, MB, GB, KiB, MiB, GiB)", quote(text))),
    }
}
