//! Messages that are all but the same.

use std::collections::VecDeque;
use std::time::Duration;

use rapidfuzz::distance::levenshtein::{Args, BatchComparator};

use super::settings::Settings;

/// Bytes of a message that are compared. Longer ones are judged by their beginning.
const COMPARED: usize = 200;
/// Messages of one user that are remembered: more than anybody may send in a minute.
const REMEMBERED: usize = 32;

/// What a user said lately, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Said(VecDeque<(Duration, Box<[u8]>)>);

/// What is compared of a text that [`fold`](crate::model::fold::fold) made.
pub(super) fn compared(folded: &[u8]) -> &[u8] {
    folded.get(..COMPARED).unwrap_or(folded)
}

impl Said {
    /// How many of the messages remembered are similar to `text`, which [`compared`] made.
    pub(super) fn similar(&self, now: Duration, settings: &Settings, text: &[u8]) -> usize {
        let recent =
            self.0.iter().rev().take_while(|(at, _)| at.saturating_add(settings.flood_window()) > now);
        let mut comparator = None;
        recent
            .filter(|(_, said)| {
                let longer = said.len().max(text.len());
                let percent = 100usize.saturating_sub(settings.flood_similarity as usize);
                let most = longer * percent / 100;
                if said.len().abs_diff(text.len()) > most {
                    return false;
                }
                if **said == *text {
                    return true;
                }
                let args = Args::default().score_cutoff(most);
                comparator
                    .get_or_insert_with(|| BatchComparator::new(text.iter().copied()))
                    .distance_with_args(said.iter().copied(), &args)
                    .is_some()
            })
            .count()
    }

    /// Remembers an accepted message.
    pub(super) fn add(&mut self, now: Duration, settings: &Settings, text: &[u8]) {
        self.forget(now, settings);
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((now, text.into()));
    }

    /// Whether nothing in here counts any more.
    pub(super) fn is_over(&self, now: Duration, settings: &Settings) -> bool {
        self.0.back().is_none_or(|(at, _)| at.saturating_add(settings.flood_window()) <= now)
    }

    fn forget(&mut self, now: Duration, settings: &Settings) {
        let old = self.0.partition_point(|(at, _)| at.saturating_add(settings.flood_window()) <= now);
        self.0.drain(..old);
    }
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
        said.similar(Duration::ZERO, &settings, compared(&fold(second))) == 1
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
