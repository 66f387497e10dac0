//! The two reversible encodings that clients apply to passwords and a few other strings
//! (ENCODING). They hide nothing from anybody who sees the traffic.

mod codebook;
mod keytext;

pub use codebook::{Codebook, CodebookSeed};
pub use keytext::{Variant, check_digits, decode, decode_without_key_text, encode};

/// The challenges a server issues (ENCODING 3.2): with these, every text that can be encoded stays
/// inside the key text.
pub const CHALLENGES: std::ops::RangeInclusive<u16> = 1..=226;

/// The most characters of an encoded text (ENCODING 5).
pub const MAX_TEXT: usize = 128;

/// What is added to a challenge before its three digits go out (ENCODING 3.1).
const CHALLENGE_OFFSET: u16 = 509;

/// Why a text cannot be encoded or decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CipherError {
    /// Nothing there; an empty text has no encoded form.
    #[error("the text is empty")]
    Empty,
    /// More than [`MAX_TEXT`] characters.
    #[error("the text is too long")]
    TooLong,
    /// Not a whole number of four-digit groups, or fewer groups than the encoding needs.
    #[error("the text is not made of whole groups")]
    Groups,
    /// Something other than a decimal digit.
    #[error("the text holds something other than digits")]
    Digits,
    /// The challenge points outside the key text or the codebook.
    #[error("the challenge is out of range")]
    Challenge,
    /// A character whose sum has no three digits (ENCODING 4.2).
    #[error("the text cannot be encoded with this challenge")]
    Sum,
}

/// The three digits that tell a client its challenge.
pub fn challenge_digits(challenge: u16) -> [u8; 3] {
    let number = challenge.saturating_add(CHALLENGE_OFFSET).min(999);
    [number / 100, number / 10 % 10, number % 10].map(|digit| b'0' + digit as u8)
}

/// The challenge that a client reads from three digits.
pub fn challenge_from_digits(digits: [u8; 3]) -> Option<u16> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0u16, |number, digit| number * 10 + u16::from(digit - b'0'));
    number.checked_sub(CHALLENGE_OFFSET)
}

/// The groups of an encoded text, checked for length and digits, each as four numbers.
fn groups(digits: &[u8], most: usize) -> Result<impl Iterator<Item = [u8; 4]>, CipherError> {
    if digits.is_empty() {
        return Err(CipherError::Empty);
    }
    if digits.len() > most * 4 {
        return Err(CipherError::TooLong);
    }
    let (groups, rest) = digits.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(CipherError::Groups);
    }
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(CipherError::Digits);
    }
    Ok(groups.iter().map(|group| group.map(|digit| digit - b'0')))
}

/// The number of three digits.
fn three(hundreds: u8, tens: u8, ones: u8) -> i32 {
    i32::from(hundreds) * 100 + i32::from(tens) * 10 + i32::from(ones)
}
