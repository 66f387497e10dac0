//! Messages that are all but the same.

use std::collections::VecDeque;
use std::time::Duration;

use rapidfuzz::distance::levenshtein::{Args, BatchComparator};

use super::super::moment::Moment;
use super::settings::Settings;

/// Bytes of a message that are compared. Longer ones are judged by their beginning.
const COMPARED: usize = 200;
/// Messages of one user that are remembered: more than anybody may send in a minute.
const REMEMBERED: usize = 32;

/// What a user said lately, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Said(VecDeque<Line>);

#[derive(Clone, Debug)]
struct Line {
    at: Moment,
    text: Vec<u8>,
}

/// How often each of 32 groups of bytes is in a text. Two texts are at least as many steps apart as
/// one has more of some groups than the other, which is found out much faster than how many it is.
type Letters = [u8; 32];

fn letters(text: &[u8]) -> Letters {
    let mut counts = Letters::default();
    for byte in text {
        if let Some(count) = counts.get_mut(usize::from(byte & 31)) {
            *count = count.saturating_add(1);
        }
    }
    counts
}

fn apart_at_least(one: &Letters, other: &Letters) -> usize {
    let (mut more, mut less) = (0u16, 0u16);
    for (one, other) in one.iter().zip(other) {
        more += u16::from(one.saturating_sub(*other));
        less += u16::from(other.saturating_sub(*one));
    }
    more.max(less).into()
}

/// What is compared of a text that [`fold`](crate::model::fold::fold) made.
pub(super) fn compared(folded: &[u8]) -> &[u8] {
    folded.get(..COMPARED).unwrap_or(folded)
}

impl Said {
    /// How many of the messages remembered are similar to `text`, which [`compared`] made, if that is
    /// `wanted` or more; otherwise 0.
    pub(super) fn similar(&self, now: Duration, settings: &Settings, text: &[u8], wanted: usize) -> usize {
        let recent = self.0.iter().rev().take_while(|line| line.at.until(now) < settings.flood_window());
        let as_long =
            recent.filter(|line| line.text.len().abs_diff(text.len()) <= steps(settings, &line.text, text));
        // An ordinary line ends here: few others are as long.
        if as_long.clone().take(wanted).count() < wanted {
            return 0;
        }
        let own = letters(text);
        let same_letters = as_long
            .filter(|line| apart_at_least(&letters(&line.text), &own) <= steps(settings, &line.text, text));
        let candidates: Vec<&Line> = same_letters.collect();
        if candidates.len() < wanted {
            return 0;
        }
        let mut comparator = None;
        let is_similar = |line: &&&Line| {
            if line.text == text {
                return true;
            }
            let args = Args::default().score_cutoff(steps(settings, &line.text, text));
            comparator
                .get_or_insert_with(|| BatchComparator::new(text.iter().copied()))
                .distance_with_args(line.text.iter().copied(), &args)
                .is_some()
        };
        let count = candidates.iter().filter(is_similar).count();
        if count < wanted { 0 } else { count }
    }

    /// Remembers an accepted message.
    pub(super) fn add(&mut self, now: Duration, settings: &Settings, text: &[u8]) {
        let is_over = |line: &Line| line.at.until(now) >= settings.flood_window();
        // The room of a forgotten message is used for the new one.
        let mut room = Vec::new();
        while self.0.len() >= REMEMBERED || self.0.front().is_some_and(is_over) {
            room = self.0.pop_front().map(|line| line.text).unwrap_or_default();
        }
        room.clear();
        room.extend_from_slice(text);
        self.0.push_back(Line { at: Moment::new(now), text: room });
    }

    /// Whether nothing in here counts any more.
    pub(super) fn is_over(&self, now: Duration, settings: &Settings) -> bool {
        self.0.back().is_none_or(|line| line.at.until(now) >= settings.flood_window())
    }
}

/// How many steps two similar texts may be apart.
fn steps(settings: &Settings, one: &[u8], other: &[u8]) -> usize {
    let percent = 100usize.saturating_sub(settings.flood_similarity as usize);
    one.len().max(other.len()) * percent / 100
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::fold::fold;

    /// Whether the second text is similar to the first.
    fn similar(first: &[u8], second: &[u8]) -> bool {
        let (mut said, settings) = (Said::default(), Settings::default());
        said.add(Duration::ZERO, &settings, compared(&fold(first)));
        said.similar(Duration::ZERO, &settings, compared(&fold(second)), 1) == 1
    }

    #[test]
    fn eighty_five_percent_is_similar_and_less_is_not() {
        let text = b"abcdefghijklmnopqrst";
        let changed = |count: usize| {
            let mut text = text.to_vec();
            text.iter_mut().take(count).for_each(|byte| *byte = b'#');
            text
        };
        assert!(similar(text, &changed(3)));
        assert!(!similar(text, &changed(4)));
        assert!(similar(b"abcdefghijklmnopq", text));
        assert!(!similar(b"abcdefghijklmnop", text));
        assert!(similar(b"Visit  MY room NOW\xa0\xadplease", b"visit my room now please"));
        assert!(!similar(b"haha", b"hahaha"));
    }

    #[test]
    fn long_messages_are_compared_by_their_beginnings() {
        let mut other = b"abcdefghij".repeat(400);
        assert_eq!(compared(&other).len(), COMPARED);
        other.truncate(2000);
        assert!(similar(&b"abcdefghij".repeat(400), &other));
    }

    proptest! {
        #[test]
        fn judged_like_the_textbook(a in "[abc]{1,30}", b in "[abc]{1,30}") {
            let close = strsim::levenshtein(&a, &b);
            let longer = a.len().max(b.len());
            prop_assert_eq!(similar(a.as_bytes(), b.as_bytes()), (longer - close) * 100 >= 85 * longer);
        }
    }
}
