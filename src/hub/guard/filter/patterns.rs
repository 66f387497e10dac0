//! Regular expressions, all at once.

use std::fmt::Write as _;

use regex::bytes::{RegexBuilder, RegexSet, RegexSetBuilder};

use crate::model::{fold, from_cp1252, to_cp1252};

/// Bytes of memory that one expression may compile to.
const SIZE: usize = 128 << 10;
/// Bytes of memory that all of them may compile to.
const SIZE_TOGETHER: usize = 16 << 20;
/// Bytes of memory for the states met while matching.
const STATES: usize = 8 << 20;

/// The compiled expressions, each with the number it was given.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    set: RegexSet,
    numbers: Vec<usize>,
}

/// Reads an expression as staff write it, for texts of Windows-1252.
pub(super) fn read(text: &str) -> Result<String, String> {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() {
            pattern.push(character);
            continue;
        }
        match to_cp1252(character.encode_utf8(&mut [0; 4]))[..] {
            [byte] if byte >= 0x80 && from_cp1252(&[byte]).starts_with(character) => {
                // Writing to a String cannot fail.
                _ = write!(pattern, "\\x{:02x}", fold::lower(byte));
            }
            _ => return Err(format!("the clients cannot write \"{character}\" (Windows-1252)")),
        }
    }
    let compiled = RegexBuilder::new(&pattern)
        .unicode(false)
        .case_insensitive(true)
        .size_limit(SIZE)
        .build()
        .map_err(|error| error.to_string())?;
    // It would match whatever anybody writes.
    if pattern.trim().is_empty() || compiled.is_match(b"") {
        return Err("the expression matches nothing at all, that is, everything".to_owned());
    }
    Ok(pattern)
}

impl Patterns {
    pub(super) fn compile(patterns: Vec<(usize, String)>) -> Result<Patterns, String> {
        let set = RegexSetBuilder::new(patterns.iter().map(|(_, pattern)| pattern))
            .unicode(false)
            .case_insensitive(true)
            .size_limit(SIZE_TOGETHER)
            .dfa_size_limit(STATES)
            .build()
            .map_err(|error| format!("the regular expressions are too much together: {error}"))?;
        Ok(Patterns { set, numbers: patterns.into_iter().map(|(number, _)| number).collect() })
    }

    /// Adds the numbers of the expressions that match a folded text to `found`.
    pub(super) fn find(&self, folded: &[u8], found: &mut Vec<usize>) {
        if !self.numbers.is_empty() && self.set.is_match(folded) {
            found.extend(self.set.matches(folded).iter().filter_map(|index| self.numbers.get(index)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_that_grows_too_large_is_refused_alone_and_with_others() {
        assert!(read("((a{99}){99}){99}").unwrap_err().contains("size limit"));
        let large = read("(spam|eggs){50}").unwrap();
        let many = |count| (0..count).map(|number| (number, large.clone())).collect();
        assert!(Patterns::compile(many(10)).is_ok());
        assert!(Patterns::compile(many(1_000)).unwrap_err().contains("too much together"));
    }
}
