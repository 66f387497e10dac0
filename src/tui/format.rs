//! Numbers, times and texts as people read them.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::model::Timestamp;

/// A count in at most five columns: `999`, `1.2k`, `34.5k`, `1.2M`.
pub(super) fn count(value: u64) -> String {
    if value < 1000 {
        value.to_string()
    } else {
        scaled(value as f64, 1000.0, &["", "k", "M", "G", "T", "P", "E"])
    }
}

/// A rate in at most five columns: `0`, `0.4`, `12.3`, `1.2k`.
pub(super) fn rate(value: f64) -> String {
    if !value.is_finite() || value < 0.05 {
        return "0".to_owned();
    }
    if value < 99.95 {
        return format!("{value:.1}");
    }
    count(value.round() as u64)
}

/// A percentage: `0.4%`, `12%`.
pub(super) fn percent(value: f64) -> String {
    if !value.is_finite() || value < 0.05 {
        return "0%".to_owned();
    }
    if value < 9.95 { format!("{value:.1}%") } else { format!("{value:.0}%") }
}

/// A size: `512 B`, `4.1 MiB`.
pub(super) fn bytes(value: u64) -> String {
    if value < 1024 {
        return format!("{value} B");
    }
    scaled(value as f64, 1024.0, &["", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"])
}

/// A size in five columns: `512`, `4.1K`, `23M`.
pub(super) fn short_bytes(value: u64) -> String {
    if value < 1000 {
        value.to_string()
    } else {
        scaled(value as f64, 1024.0, &["", "K", "M", "G", "T", "P", "E"])
    }
}

/// `value` with one digit behind the point below 100, and the unit that keeps it short.
fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut units = units.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    // What would round up to the next unit belongs there.
    while value >= step - 0.5 || (unit.is_empty() && value >= 1000.0) {
        let Some(next) = units.next() else { break };
        value /= step;
        unit = next;
    }
    if value < 99.95 { format!("{value:.1}{unit}") } else { format!("{value:.0}{unit}") }
}

/// A time in at most six columns: `42s`, `3m12s`, `5h04m`, `3d07h`, `412d`.
pub(super) fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        86_400..8_640_000 => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A short time: `850µs`, `1.3ms`, `2.0s`.
pub(super) fn micros(value: u64) -> String {
    match value {
        0..1000 => format!("{value}µs"),
        1000..100_000 => format!("{:.1}ms", value as f64 / 1e3),
        100_000..1_000_000 => format!("{}ms", value / 1000),
        _ => format!("{:.1}s", value as f64 / 1e6),
    }
}

/// The time to somewhere and back in at most five columns: `<1ms`, `3.4ms`, `12ms`, `320ms`, `1.2s`.
pub(super) fn round_trip(micros: u64) -> String {
    match micros {
        0..1_000 => "<1ms".to_owned(),
        1_000..9_950 => format!("{:.1}ms", micros as f64 / 1e3),
        9_950..999_500 => format!("{:.0}ms", micros as f64 / 1e3),
        999_500..99_950_000 => format!("{:.1}s", micros as f64 / 1e6),
        _ => format!("{}s", micros / 1_000_000),
    }
}

/// The time of day in UTC: `12:33:20`.
pub(super) fn clock(at: Timestamp) -> String {
    at.rfc3339().get(11..19).unwrap_or("--:--:--").to_owned()
}

/// The columns that `text` takes on a terminal.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// `text` in at most `columns`; what is cut off leaves `more` at its end.
pub(super) fn clip(text: &str, columns: usize, more: &str) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(width(more));
    let mut clipped = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        used += width(grapheme);
        if used > room {
            break;
        }
        clipped.push_str(grapheme);
    }
    if width(more) <= columns {
        clipped.push_str(more);
    }
    clipped
}

/// `text` in lines of at most `columns`, broken at spaces where there are any.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_inclusive(' ') {
            if width(&line) + width(word.trim_end()) > columns && !line.is_empty() {
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
            }
            // A grapheme can have three columns and more; one that no line takes is taken apart.
            let parts = word.graphemes(true).flat_map(|grapheme| {
                let whole = width(grapheme) <= columns;
                grapheme.split_inclusive(move |_| !whole)
            });
            for part in parts {
                if width(&line) + width(part) > columns && !line.is_empty() && part != " " {
                    lines.push(std::mem::take(&mut line));
                }
                line.push_str(part);
            }
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_read_well() {
        let counts = [0, 999, 1000, 1249, 34_500, 999_499, 999_500, 1_200_000, u64::MAX].map(count);
        assert_eq!(counts, ["0", "999", "1.0k", "1.2k", "34.5k", "999k", "1.0M", "1.2M", "18.4E"]);
        assert_eq!(
            [0.0, 0.04, 0.42, 12.34, 123.4, 12_345.0, f64::NAN].map(rate),
            ["0", "0", "0.4", "12.3", "123", "12.3k", "0"]
        );
        assert_eq!(
            [0, 1023, 1024, 4_300_000, 48 << 30].map(bytes),
            ["0 B", "1023 B", "1.0 KiB", "4.1 MiB", "48.0 GiB"]
        );
        assert_eq!(
            [0, 999, 1000, 1023, 5000, 4_300_000].map(short_bytes),
            ["0", "999", "1.0K", "1.0K", "4.9K", "4.1M"]
        );
        assert_eq!(
            [0, 59, 192, 18_240, 284_400, 9_000_000].map(duration),
            ["0s", "59s", "3m12s", "5h04m", "3d07h", "104d"]
        );
        assert_eq!(
            [0, 850, 1300, 250_000, 2_000_000].map(micros),
            ["0µs", "850µs", "1.3ms", "250ms", "2.0s"]
        );
        assert_eq!(
            [0, 999, 1420, 9949, 9950, 48_200, 999_400, 1_200_000, 120_000_000].map(round_trip),
            ["<1ms", "<1ms", "1.4ms", "9.9ms", "10ms", "48ms", "999ms", "1.2s", "120s"]
        );
        assert_eq!([0.0, 0.42, 9.94, 12.4, 180.0].map(percent), ["0%", "0.4%", "9.9%", "12%", "180%"]);
        assert_eq!(clock(Timestamp(1_100_003_600_000)), "12:33:20");
    }

    #[test]
    fn texts_are_measured_in_columns() {
        assert_eq!(clip("Zoë", 3, "…"), "Zoë");
        assert_eq!(clip("中文字", 5, "…"), "中文…");
        assert_eq!(clip("中文字", 4, "…"), "中…");
        assert_eq!(clip("ab", 0, "…"), "");
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
    }

    #[test]
    fn a_grapheme_wider_than_the_line_is_taken_apart() {
        // A spade and a mark that Unicode joins to whatever stands before it.
        let lines = wrap("\u{1fa8f}\u{113cc}", 2);
        assert!(lines.iter().all(|line| width(line) <= 2), "{lines:?}");
        assert_eq!(lines.concat(), "\u{1fa8f}\u{113cc}");
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_it_may(text in any::<String>(), columns in 0usize..40) {
            let text = crate::model::display_safe(&text);
            prop_assert!(width(&clip(&text, columns, "…")) <= columns);
            for line in wrap(&text, columns.max(2)) {
                prop_assert!(width(&line) <= columns.max(2), "{line:?}");
            }
        }

        #[test]
        fn numbers_keep_their_columns(value in any::<u64>()) {
            prop_assert!(width(&count(value)) <= 5);
            prop_assert!(width(&short_bytes(value)) <= 5);
            prop_assert!(value > 9_999_000_000 || width(&round_trip(value)) <= 5);
            prop_assert!(width(&bytes(value)) <= 8);
            prop_assert!(value > 86_400 * 99_999 || width(&duration(value)) <= 6);
        }
    }
}
