//! Times as people read them.

use std::time::Duration;

const UNITS: [(u64, &str); 4] = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];

/// A time in words, as in "1 minute 5 seconds": its two largest units, rounded up, so that whoever
/// waits that long has waited long enough; at least a second.
pub(in super::super) fn words(time: Duration) -> String {
    let mut seconds = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)).max(1);
    // What the second unit cannot show counts as one more of it.
    if let Some(at) = UNITS.iter().position(|(size, _)| seconds >= *size)
        && let Some((small, _)) = UNITS.get(at + 1)
    {
        seconds = seconds.div_ceil(*small).saturating_mul(*small);
    }
    let mut parts = Vec::new();
    for (size, name) in UNITS {
        let count = seconds / size;
        seconds %= size;
        if count > 0 {
            parts.push(format!("{count} {name}{}", if count == 1 { "" } else { "s" }));
        }
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well_and_never_promise_too_little() {
        for (millis, text) in [
            (0, "1 second"),
            (1, "1 second"),
            (1_000, "1 second"),
            (1_001, "2 seconds"),
            (15_000, "15 seconds"),
            (59_001, "1 minute"),
            (65_000, "1 minute 5 seconds"),
            (300_000, "5 minutes"),
            (3_599_001, "1 hour"),
            (3_600_001, "1 hour 1 minute"),
            (9_000_000, "2 hours 30 minutes"),
            (86_400_000 * 7, "7 days"),
            (86_400_000 + 1, "1 day 1 hour"),
        ] {
            assert_eq!(words(Duration::from_millis(millis)), text);
        }
        assert!(!words(Duration::MAX).is_empty());
    }
}
