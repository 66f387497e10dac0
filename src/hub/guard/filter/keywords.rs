//! All keywords in one pass.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::model::{fold, from_cp1252, to_cp1252};

/// Bytes of keywords up to which the automaton is a table with an entry for each byte in each state, which
/// is the fastest and takes a quarter of a kilobyte for each byte at most: 5 MiB.
const TABLE: usize = 20_000;

/// A keyword, folded, and where it asks for the edge of a word.
#[derive(Clone, Debug)]
pub(super) struct Keyword {
    text: Vec<u8>,
    edge_before: bool,
    edge_after: bool,
}

/// The compiled keywords, each with the number it was given.
#[derive(Debug, Default)]
pub(super) struct Keywords {
    automaton: Option<AhoCorasick>,
    words: Vec<(usize, Keyword)>,
}

/// Reads a keyword as staff write it.
pub(super) fn read(text: &str) -> Result<Keyword, String> {
    let bytes = to_cp1252(text);
    if from_cp1252(&bytes) != text {
        return Err("the keyword holds a character that the clients cannot write (Windows-1252)".to_owned());
    }
    let bytes = bytes.trim_ascii();
    let open_before = bytes.strip_prefix(b"*");
    let bytes = open_before.unwrap_or(bytes);
    let open_after = bytes.strip_suffix(b"*");
    let text = fold::fold(open_after.unwrap_or(bytes));
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| is_word(*byte));
    if !text.iter().any(|byte| *byte != b' ') {
        return Err("the keyword is empty".to_owned());
    }
    Ok(Keyword {
        edge_before: open_before.is_none() && edge(text.first()),
        edge_after: open_after.is_none() && edge(text.last()),
        text,
    })
}

impl Keywords {
    pub(super) fn compile(words: Vec<(usize, Keyword)>) -> Result<Keywords, String> {
        if words.is_empty() {
            return Ok(Keywords::default());
        }
        // One keyword may be part of another, so every match counts, overlapping ones too.
        let bytes: usize = words.iter().map(|(_, word)| word.text.len()).sum();
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind((bytes <= TABLE).then_some(AhoCorasickKind::DFA))
            .build(words.iter().map(|(_, word)| &word.text))
            .map_err(|error| format!("the keywords are too much together: {error}"))?;
        Ok(Keywords { automaton: Some(automaton), words })
    }

    /// Adds the numbers of the keywords in a folded text to `found`; possibly more than once.
    pub(super) fn find(&self, folded: &[u8], found: &mut Vec<usize>) {
        let Some(automaton) = &self.automaton else { return };
        let word_at = |at: Option<usize>| at.and_then(|at| folded.get(at)).is_some_and(|byte| is_word(*byte));
        for part in automaton.find_overlapping_iter(folded) {
            let Some((number, word)) = self.words.get(part.pattern().as_usize()) else { continue };
            let inside = word.edge_before && word_at(part.start().checked_sub(1))
                || word.edge_after && word_at(Some(part.end()));
            // A text of one keyword over and over would find it thousands of times.
            if !inside && found.last() != Some(number) {
                found.push(*number);
            }
        }
    }
}

/// Whether a folded byte is a letter or digit.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, 0xdf..=0xf6 | 0xf8..=0xff | 0x9a | 0x9c | 0x9e | 0x83 | 0xaa | 0xba | 0xb5)
}
