//! Repetition: the same text too often among a user's last messages.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hasher};
use std::time::Duration;

use encoding_rs::WINDOWS_1252;

use crate::config::Spam;

/// After an hour nobody remembers what was said, and neither does this: a daily "good morning" is
/// no repetition, even of somebody who says nothing else.
pub(super) const REMEMBERED: Duration = Duration::from_secs(60 * 60);

/// A text, normalised, as a hash of 64 bits. Collisions are as good as impossible by chance, and who
/// makes one on purpose has only his own message refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    /// Of a text in Windows-1252 without markup. Upper and lower case are the same, and blanks and
    /// control bytes do not count, so that neither hides a repetition.
    pub(super) fn of(text: &[u8]) -> Fingerprint {
        let mut hasher = DefaultHasher::new();
        let mut folded = Vec::with_capacity(text.len());
        if text.is_ascii() {
            folded.extend(text.iter().filter(|byte| byte.is_ascii_graphic()).map(u8::to_ascii_lowercase));
        } else {
            let text = WINDOWS_1252.decode_without_bom_handling(text).0;
            let seen = |c: &char| !c.is_whitespace() && !c.is_control() && *c != '\u{ad}';
            let mut buffer = [0; 4];
            for c in text.chars().filter(seen).flat_map(char::to_lowercase) {
                folded.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
            }
        }
        hasher.write(&folded);
        Fingerprint(hasher.finish())
    }
}

/// How many accepted texts are compared with a new one, which is itself the last of
/// [`Spam::COMPARED`].
const BEFORE: usize = Spam::COMPARED as usize - 1;

/// A user's last accepted texts, oldest first.
#[derive(Default, Debug)]
pub(super) struct Texts(VecDeque<(Duration, Fingerprint)>);

impl Texts {
    /// Whether `text` would stand among the last [`Spam::COMPARED`] messages, itself counted, as often
    /// as the limit forbids.
    pub(super) fn repeats(&self, limits: &Spam, now: Duration, text: Fingerprint) -> bool {
        let Some(limit) = limits.duplicate_messages else { return false };
        let remembered = self.0.iter().filter(|(at, _)| now.saturating_sub(*at) < REMEMBERED);
        let said = remembered.filter(|(_, said)| *said == text).count();
        u32::try_from(said).unwrap_or(u32::MAX).saturating_add(1) >= limit
    }

    pub(super) fn accept(&mut self, now: Duration, text: Fingerprint) {
        self.forget(now);
        while self.0.len() >= BEFORE {
            self.0.pop_front();
        }
        self.0.push_back((now, text));
    }

    /// Drops what is forgotten. Returns whether anything is left.
    pub(super) fn forget(&mut self, now: Duration) -> bool {
        while self.0.front().is_some_and(|(at, _)| now.saturating_sub(*at) >= REMEMBERED) {
            self.0.pop_front();
        }
        !self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_the_same_is_the_same() {
        for (one, other, same) in [
            (&b"Buy now"[..], &b"buy  NOW "[..], true),
            (b"buynow", b"b u y\tn\x07o w", true),
            (b"\xc9t\xe9", b"\xe9T\xc9", true),
            (b"caf\xe9", b"caf\xe9\xa0\xad", true),
            (b"caf\xe9", b"cafe", false),
            (b"lol", b"lol!", false),
            (b":)", b":(", false),
            (b"", b"   ", true),
        ] {
            assert_eq!(Fingerprint::of(one) == Fingerprint::of(other), same, "{one:?} {other:?}");
        }
    }
}
