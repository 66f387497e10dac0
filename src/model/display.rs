use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar;

/// The most marks that stay on one letter; more would climb over the lines around.
const MARKS: usize = 2;

/// Text that other people chose, so that it can be shown on a terminal: nothing in it steers the terminal,
/// turns the reading order, hides, or climbs over other lines. Control characters become visible symbols
/// (`␛` for escape), what has no symbol becomes `\u{fffd}`.
pub fn display_safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut marks = MARKS;
    for c in text.chars() {
        let shown = match c {
            '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
            '\x7f' => '\u{2421}',
            _ if c.is_control() || hides(c) => '\u{fffd}',
            _ => c,
        };
        if shown.width() == Some(0) {
            // A mark without a letter before it would go on what stands there already.
            if marks >= MARKS {
                if safe.is_empty() {
                    safe.push('\u{fffd}');
                }
                continue;
            }
            marks += 1;
        } else {
            marks = 0;
        }
        safe.push(shown);
    }
    safe
}

/// JSON with what [`display_safe`] would replace written as `\uXXXX`, which means the same to whoever reads JSON.
/// Line feeds between values stay.
pub fn json_safe(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_control() && c != '\n' || hides(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Whether `c` is invisible, or changes what stands around it.
fn hides(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(display_safe("Zoë \x1b[2J\u{9b}1m\u{202e}x\n"), "Zoë ␛[2J\u{fffd}1m\u{fffd}x␊");
        assert_eq!(display_safe("\u{301}e\u{301}\u{302}\u{303}\u{304}n"), "\u{fffd}e\u{301}\u{302}n");
        assert_eq!(display_safe("bob\u{200b}\u{feff}"), "bob\u{fffd}\u{fffd}");
        assert_eq!(display_safe("中文 👍"), "中文 👍");
    }

    proptest! {
        #[test]
        fn what_is_safe_stays_as_it_is(text in any::<String>()) {
            let safe = display_safe(&text);
            prop_assert!(!safe.chars().any(|c| c.is_control() || hides(c)));
            prop_assert_eq!(display_safe(&safe), safe);
        }

        #[test]
        fn json_means_the_same_and_steers_nothing(text in any::<String>(), c in any::<char>()) {
            let text = format!("{text}{c}\u{202e}\u{9b}\u{e0001}\x7f");
            let safe = json_safe(&serde_json::to_string_pretty(&[&text]).unwrap());
            prop_assert!(!safe.chars().any(|c| c != '\n' && c.is_control() || hides(c)), "{safe}");
            prop_assert_eq!(serde_json::from_str::<[String; 1]>(&safe).unwrap(), [text]);
        }
    }
}
