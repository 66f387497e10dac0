//! Whether everybody in a room hears each line that is said there: those who speak number their lines, and who
//! listens notices a gap.

use std::collections::HashMap;

use crate::crowd::STAMP;

/// Digits of the number of a stay, and of a line in it.
const DIGITS: usize = 6;

/// What one says: the number of his stay in the room where he is, and of his next line there.
#[derive(Clone, Copy, Default)]
pub(crate) struct Speaker {
    stay: u32,
    next: u32,
}

impl Speaker {
    /// He goes to another room.
    pub(crate) fn moves(&mut self) {
        *self = Speaker { stay: self.stay + 1, next: 0 };
    }

    /// The text of his next line, of `bytes` bytes; behind the time is its number.
    pub(crate) fn line(&self, stamp: String, bytes: usize) -> Vec<u8> {
        let mut text = format!("{stamp}{:0DIGITS$}{:0DIGITS$}", self.stay, self.next).into_bytes();
        text.resize(bytes.max(text.len()), b'x');
        text
    }

    /// The line was sent.
    pub(crate) fn said(&mut self) {
        self.next += 1;
    }
}

/// What one who listens has heard of another.
#[derive(Clone, Copy)]
struct Heard {
    /// The stay in which it was; any, if nothing was said yet.
    stay: Option<u32>,
    /// The line that is next.
    next: u32,
}

/// What one who listens has heard since he came into the room. Of those who were there before him he knows
/// nothing until they say something.
#[derive(Default)]
pub(crate) struct Listener {
    room: u32,
    others: HashMap<u32, Heard>,
}

impl Listener {
    /// He has come into a room.
    pub(crate) fn enters(&mut self, room: u32) {
        *self = Listener { room, ..Listener::default() };
    }

    /// Somebody else, who has said nothing yet, is there, too.
    pub(crate) fn is_joined(&mut self, room: u32, other: u32) {
        if room == self.room {
            self.others.insert(other, Heard { stay: None, next: 0 });
        }
    }

    /// Hears a line; how many of the same speaker he has missed before it.
    pub(crate) fn hears(&mut self, room: u32, speaker: u32, text: &[u8]) -> u32 {
        let number = |at: usize| std::str::from_utf8(text.get(at..at + DIGITS)?).ok()?.parse::<u32>().ok();
        let (Some(stay), Some(line)) = (number(STAMP), number(STAMP + DIGITS)) else { return 0 };
        if room != self.room {
            return 0;
        }
        match self.others.insert(speaker, Heard { stay: Some(stay), next: line + 1 }) {
            None => 0,
            Some(last) if last.stay == Some(stay) => line.saturating_sub(last.next),
            Some(_) => line,
        }
    }

    /// How many lines he has missed at last, if those who are in his room have said what `speaker` tells.
    pub(crate) fn missing(&self, speaker: impl Fn(u32) -> Option<Speaker>) -> u32 {
        let ends = self.others.iter().filter_map(|(other, heard)| Some((heard, speaker(*other)?)));
        let same = ends.filter(|(heard, said)| heard.stay.is_none_or(|stay| stay == said.stay));
        same.map(|(heard, said)| said.next.saturating_sub(heard.next)).sum()
    }
}
