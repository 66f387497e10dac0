//! Texts as they are compared, when it must not matter how they were written.

/// The lower-case letter of Windows-1252.
pub const fn lower(byte: u8) -> u8 {
    match byte {
        0xc0..=0xd6 | 0xd8..=0xde => byte + 0x20,
        0x8a | 0x8c | 0x8e => byte + 0x10,
        0x9f => 0xff,
        _ => byte.to_ascii_lowercase(),
    }
}

/// Whether a byte shows nothing: control bytes, the five that Windows-1252 leaves empty (among
/// them, under Windows-1256, the ones that join and direct letters), and the soft hyphen.
pub const fn is_invisible(byte: u8) -> bool {
    matches!(byte, 0x00..=0x1f | 0x7f | 0x81 | 0x8d | 0x8f | 0x90 | 0x9d | 0xad)
}

/// Whether a byte separates words on the screen and shows nothing else.
const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0xa0)
}

/// What is written for a byte: 0 if it is left out, a blank for what separates words.
#[expect(clippy::indexing_slicing, reason = "computed by the compiler, and the loop ends with the table")]
const FOLDED: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        let this = byte as u8;
        table[byte] = if is_blank(this) {
            b' '
        } else if is_invisible(this) {
            0
        } else {
            lower(this)
        };
        byte += 1;
    }
    table
};

/// Writes `text` into `folded`, which is emptied before: letters in lower case, any run of blanks
/// and line breaks as one blank, invisible bytes left out, no blank at either end.
pub fn fold_into(text: &[u8], folded: &mut Vec<u8>) {
    // Written without a branch per byte: each takes the next place, which the one after it takes again
    // if it was not to be kept. What was in the buffer need not be cleared for that.
    folded.resize(text.len(), 0);
    let (mut length, mut last) = (0, b' ');
    for byte in text {
        let shown = FOLDED.get(usize::from(*byte)).copied().unwrap_or_default();
        if let Some(place) = folded.get_mut(length) {
            *place = shown;
        }
        length += usize::from(shown != 0 && (shown != b' ' || last != b' '));
        last = if shown == 0 { last } else { shown };
    }
    folded.truncate(length);
    if folded.last() == Some(&b' ') {
        folded.pop();
    }
}

/// As [`fold_into`], into a new buffer.
pub fn fold(text: &[u8]) -> Vec<u8> {
    let mut folded = Vec::new();
    fold_into(text, &mut folded);
    folded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::text::{from_cp1252, to_cp1252};
    use super::*;

    #[test]
    fn lower_case_is_that_of_the_alphabet() {
        for byte in 0..=255u8 {
            let expected = to_cp1252(&from_cp1252(&[byte]).to_lowercase());
            assert_eq!(vec![lower(byte)], expected, "{byte:02x}");
        }
    }

    #[test]
    fn writing_does_not_matter() {
        assert_eq!(fold(b"  Buy\r\n\xa0\xa0NOW\xad, \xc9t\x01\x81\xc9 "), b"buy now, \xe9t\xe9");
        assert_eq!(fold(b"\t \r\n"), b"");
    }

    proptest! {
        #[test]
        fn folding_twice_is_folding_once(text: Vec<u8>) {
            let once = fold(&text);
            prop_assert!(once.len() <= text.len());
            prop_assert!(!once.iter().any(|byte| is_invisible(*byte)));
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn what_a_buffer_held_before_does_not_matter(
            before: Vec<u8>,
            text in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b' '), Just(0xa0)], 0..60),
        ) {
            let shown = text.iter().filter(|byte| is_blank(**byte) || !is_invisible(**byte));
            let words = shown.map(|byte| if is_blank(*byte) { b' ' } else { lower(*byte) }).collect::<Vec<_>>();
            let words = words.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect::<Vec<_>>();
            let mut buffer = before;
            fold_into(&text, &mut buffer);
            prop_assert_eq!(buffer, words.join(&b' '));
        }
    }
}
