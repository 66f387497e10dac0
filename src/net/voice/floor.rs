//! Who speaks: the first to speak holds the floor until he has been silent for a moment.

use std::time::{Duration, Instant};

use crate::model::Uid;

/// How long the floor stays with a speaker after his last packet. Clients send one every 80 ms and
/// take the speaking mark away after the same time (PROTOCOL 12.4).
pub(super) const HOLD: Duration = Duration::from_millis(450);

/// The speakers of one room, each with the time of his last packet.
#[derive(Default, Debug)]
pub(super) struct Floor {
    holders: Vec<(Uid, Instant)>,
}

impl Floor {
    /// Whether `uid` may be heard at `now`, when `speakers` may speak at once. If so, the floor is
    /// his, or stays his.
    pub(super) fn take(&mut self, now: Instant, uid: Uid, speakers: u16) -> bool {
        self.holders.retain(|(_, last)| now.saturating_duration_since(*last) < HOLD);
        if let Some((_, last)) = self.holders.iter_mut().find(|(holder, _)| *holder == uid) {
            *last = now;
            return true;
        }
        let free = self.holders.len() < usize::from(speakers);
        if free {
            self.holders.push((uid, now));
        }
        free
    }

    /// Takes the floor from everybody of whom `keep` does not approve.
    pub(super) fn retain(&mut self, keep: impl Fn(Uid) -> bool) {
        self.holders.retain(|(uid, _)| keep(*uid));
    }

    /// How many speak at `now`.
    pub(super) fn speaking(&self, now: Instant) -> usize {
        self.holders.iter().filter(|(_, last)| now.saturating_duration_since(*last) < HOLD).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: Uid = Uid(1);
    const BOB: Uid = Uid(2);
    const CARL: Uid = Uid(3);

    #[test]
    fn the_floor_passes_on_after_silence_only() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut floor = Floor::default();
        assert!(floor.take(at(0), ALICE, 1));
        assert!(!floor.take(at(10), BOB, 1));
        assert!(floor.take(at(400), ALICE, 1));
        assert!(!floor.take(at(849), BOB, 1), "not 450 ms after her last packet");
        assert_eq!((floor.speaking(at(849)), floor.speaking(at(850))), (1, 0));
        assert!(floor.take(at(850), BOB, 1));
        assert!(!floor.take(at(851), ALICE, 1));
        // Being refused holds nothing.
        assert!(floor.take(at(1300), ALICE, 1));
    }

    #[test]
    fn a_room_may_let_several_speak() {
        let now = Instant::now();
        let mut floor = Floor::default();
        assert!(floor.take(now, ALICE, 2) && floor.take(now, BOB, 2));
        assert!(!floor.take(now, CARL, 2));
        assert_eq!(floor.speaking(now), 2);
        floor.retain(|uid| uid != ALICE);
        assert!(floor.take(now, CARL, 2));
        assert!(!floor.take(now, CARL, 0) || floor.speaking(now) == 2);
    }

    #[test]
    fn time_that_goes_back_harms_nothing() {
        let start = Instant::now();
        let mut floor = Floor::default();
        assert!(floor.take(start + HOLD, ALICE, 1));
        assert!(!floor.take(start, BOB, 1));
        assert!(floor.take(start, ALICE, 1));
    }
}
