//! Slowmode: the least time between two messages of one user, in a room or on the whole server.

use std::time::Duration;

use rustc_hash::FxHashMap;

use crate::model::{Now, RoomId, SlowMode, Uid};

use super::chain::SWEEP_AT_LEAST;
use super::words::words;

/// Where a slowmode holds: in a room, or everywhere.
pub(super) type Place = Option<RoomId>;

/// All slowmodes, and who has sent what when, where that matters.
#[derive(Default, Debug)]
pub(super) struct Slowmodes {
    // Uids and room ids are given out by the server, so that nobody can choose them to collide.
    set: FxHashMap<Place, SlowMode>,
    last: FxHashMap<(Uid, Place), Duration>,
    /// Acceptances until the next sweep.
    sweep_in: usize,
}

impl Slowmodes {
    pub(super) fn set(&mut self, place: Place, slowmode: SlowMode) {
        if !slowmode.is_off() {
            self.set.insert(place, slowmode);
        } else if self.set.remove(&place).is_some() {
            self.last.retain(|(_, at), _| *at != place);
        }
    }

    pub(super) fn at(&self, place: Place) -> SlowMode {
        self.set.get(&place).copied().unwrap_or_default()
    }

    /// The longer of the times to wait, with the place that makes one wait.
    pub(super) fn wait(&self, now: Now, uid: Uid, room: Place) -> Option<(Duration, Place)> {
        if self.set.is_empty() {
            return None;
        }
        let waits = places(room).into_iter().flatten().filter_map(|place| {
            let least = self.set.get(&place)?.time();
            let last = self.last.get(&(uid, place))?;
            let left = least.saturating_sub(now.uptime.saturating_sub(*last));
            (!left.is_zero()).then_some((left, place))
        });
        waits.max()
    }

    /// What somebody reads who has to wait.
    pub(super) fn told(&self, left: Duration, place: Place) -> String {
        let (least, left) = (words(self.at(place).time()), words(left));
        let whose = if place.is_some() { "This room" } else { "The server" };
        format!("{whose} is in slowmode: one message every {least}. You can send again in {left}.")
    }

    pub(super) fn accept(&mut self, now: Now, uid: Uid, room: Place) {
        if self.set.is_empty() {
            return;
        }
        for place in places(room).into_iter().flatten() {
            if self.set.contains_key(&place) {
                self.last.insert((uid, place), now.uptime);
            }
        }
        // All entries are looked at only after as many acceptances: a constant share for each.
        self.sweep_in = self.sweep_in.saturating_sub(1);
        if self.sweep_in == 0 {
            let set = &self.set;
            self.last.retain(|(_, place), last| {
                set.get(place).is_some_and(|least| now.uptime.saturating_sub(*last) < least.time())
            });
            self.sweep_in = self.last.len().max(SWEEP_AT_LEAST);
        }
    }
}

/// The whole server, and the room if it is one.
fn places(room: Place) -> [Option<Place>; 2] {
    [Some(None), room.map(Some)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn who_need_not_wait_is_forgotten() {
        let mut slowmodes = Slowmodes::default();
        slowmodes.set(None, SlowMode::new(1).unwrap());
        for number in 0..10_000u32 {
            let uptime = Duration::from_millis(u64::from(number) * 10);
            slowmodes.accept(Now { wall: Timestamp(0), uptime }, Uid(number), Some(RoomId(1)));
            // 100 have to wait at any time.
            assert!(slowmodes.last.len() <= 100 + SWEEP_AT_LEAST.max(100));
        }
        slowmodes.set(None, SlowMode::OFF);
        assert!(slowmodes.last.is_empty());
    }
}
