//! Repetition: the same text too often among a user's last messages. It is refused, without a strike.

use std::collections::VecDeque;
use std::hash::Hasher;
use std::time::Duration;

use rustc_hash::FxHasher;

use crate::config::Spam;

use super::moment::Moment;

/// After an hour nobody remembers what was said, and neither does this: a daily "good morning" is
/// no repetition, even of somebody who says nothing else.
pub(super) const REMEMBERED: Duration = Duration::from_secs(60 * 60);

/// A text, normalised, as a hash of 64 bits. Collisions are as good as impossible by chance, and who
/// makes one on purpose has only his own message refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    /// Of a folded text. Blanks do not count, so that they hide no repetition either.
    pub(super) fn of(folded: &[u8]) -> Fingerprint {
        let mut hasher = FxHasher::default();
        // Where one part ends and the next begins must not depend on the blanks.
        let (mut part, mut length) = ([0; 64], 0);
        for byte in folded {
            if let Some(place) = part.get_mut(length) {
                *place = *byte;
            }
            length += usize::from(*byte != b' ');
            if length == part.len() {
                hasher.write(&part);
                length = 0;
            }
        }
        hasher.write(part.get(..length).unwrap_or_default());
        Fingerprint(hasher.finish())
    }
}

/// How many accepted texts are compared with a new one, which is itself the last of
/// [`Spam::COMPARED`].
const BEFORE: usize = Spam::COMPARED as usize - 1;

/// A user's last accepted texts, oldest first.
#[derive(Default, Debug)]
pub(super) struct Texts(VecDeque<(Moment, Fingerprint)>);

impl Texts {
    /// Whether `text` would stand among the last [`Spam::COMPARED`] messages, itself counted, as often
    /// as the limit forbids.
    pub(super) fn repeats(&self, limits: &Spam, now: Duration, text: Fingerprint) -> bool {
        let Some(limit) = limits.duplicate_messages else { return false };
        let same = self.0.iter().filter(|(_, said)| *said == text);
        let said = same.filter(|(at, _)| at.until(now) < REMEMBERED).count();
        u32::try_from(said).unwrap_or(u32::MAX).saturating_add(1) >= limit
    }

    pub(super) fn accept(&mut self, now: Duration, text: Fingerprint) {
        let is_over = |(at, _): &(Moment, Fingerprint)| at.until(now) >= REMEMBERED;
        while self.0.len() >= BEFORE || self.0.front().is_some_and(is_over) {
            self.0.pop_front();
        }
        self.0.push_back((Moment::new(now), text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fold::fold;

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
            (&[b'a'; 64], &[b'a'; 65], false),
            (&[b'a'; 127], &[b'a'; 128], false),
            (&b"a ".repeat(200), &b"a".repeat(200), true),
            (&b"a ".repeat(200), &b"a".repeat(201), false),
        ] {
            assert_eq!(
                Fingerprint::of(&fold(one)) == Fingerprint::of(&fold(other)),
                same,
                "{one:?} {other:?}"
            );
        }
    }
}
