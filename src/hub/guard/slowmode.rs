//! Slowmode: the least time between two messages of one user, in a room or on the whole server.

use std::time::Duration;

use rustc_hash::FxHashMap;

use crate::model::{Now, RoomId, Uid};

use super::chain::SWEEP_AT_LEAST;
use super::words::words;

/// Not a time that a slowmode can have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("slowmode takes 1 to 3600 seconds")]
pub struct SlowmodeError;

/// The time between messages that is set somewhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Slowmode(Duration);

impl Slowmode {
    /// The longest, in seconds.
    pub const MAX_SECONDS: u64 = 3600;

    /// Takes 1 to [`Slowmode::MAX_SECONDS`] whole seconds.
    pub fn new(time: Duration) -> Result<Slowmode, SlowmodeError> {
        let whole = time.subsec_nanos() == 0 && (1..=Self::MAX_SECONDS).contains(&time.as_secs());
        if whole { Ok(Slowmode(time)) } else { Err(SlowmodeError) }
    }

    /// The time.
    pub fn time(self) -> Duration {
        self.0
    }
}

/// Where a slowmode holds: in a room, or everywhere.
pub(super) type Place = Option<RoomId>;

/// All slowmodes, and who has sent what when, where that matters.
#[derive(Default, Debug)]
pub(super) struct Slowmodes {
    // Uids and room ids are given out by the server, so that nobody can choose them to collide.
    set: FxHashMap<Place, Slowmode>,
    last: FxHashMap<(Uid, Place), Duration>,
    /// Acceptances until the next sweep.
    sweep_in: usize,
}

impl Slowmodes {
    pub(super) fn set(&mut self, place: Place, slowmode: Option<Slowmode>) {
        match slowmode {
            Some(slowmode) => {
                self.set.insert(place, slowmode);
            }
            None => {
                self.set.remove(&place);
                self.last.retain(|(_, at), _| *at != place);
            }
        }
    }

    pub(super) fn at(&self, place: Place) -> Option<Slowmode> {
        self.set.get(&place).copied()
    }

    /// The longer of the times to wait, with the place that makes one wait.
    pub(super) fn wait(&self, now: Now, uid: Uid, room: Place) -> Option<(Duration, Place)> {
        if self.set.is_empty() {
            return None;
        }
        let waits = places(room).into_iter().flatten().filter_map(|place| {
            let least = self.set.get(&place)?.0;
            let last = self.last.get(&(uid, place))?;
            let left = least.saturating_sub(now.uptime.saturating_sub(*last));
            (!left.is_zero()).then_some((left, place))
        });
        waits.max()
    }

    /// What somebody reads who has to wait.
    pub(super) fn told(&self, left: Duration, place: Place) -> String {
        let least = self.at(place).map_or(Duration::ZERO, Slowmode::time);
        let (least, left) = (words(least), words(left));
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
                set.get(place).is_some_and(|least| now.uptime.saturating_sub(*last) < least.0)
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
        slowmodes.set(None, Slowmode::new(Duration::from_secs(1)).ok());
        for number in 0..10_000u32 {
            let uptime = Duration::from_millis(u64::from(number) * 10);
            slowmodes.accept(Now { wall: Timestamp(0), uptime }, Uid(number), Some(RoomId(1)));
            // 100 have to wait at any time.
            assert!(slowmodes.last.len() <= 100 + SWEEP_AT_LEAST.max(100));
        }
        slowmodes.set(None, None);
        assert!(slowmodes.last.is_empty());
    }
}
