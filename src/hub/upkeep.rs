//! What the guard needs now and then: voices that are given back, hits that are kept, people who are
//! forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{Now, RoomId, Uid, to_cp1252};
use crate::store::{Change, MuteKind};

use super::rooms::notice;
use super::{ConnId, Effect, Effects, State};

/// How often what the guard has counted is kept, and what it need not know any more is forgotten.
const ROUND: Duration = Duration::from_secs(60);

/// A change of the calendar against the daemon's own clock that is nobody's drift.
const STEP: Duration = Duration::from_secs(1);

/// What is done for the guard now and then.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    /// How often each filter has matched since that was kept last.
    hits: BTreeMap<u32, u64>,
    /// When the next round is due.
    round: Duration,
    /// Who gets his voice back when.
    voices: BTreeSet<(Duration, Uid)>,
    /// The calendar at the start of the daemon, as the clock has it now.
    clock: Option<Duration>,
}

impl State {
    /// Counts a filter that has matched.
    pub(super) fn count_hit(&mut self, filter: u32) {
        let hits = self.upkeep.hits.entry(filter).or_default();
        *hits = hits.saturating_add(1);
    }

    /// Why somebody may use neither voice nor files nor calls, if he may not.
    pub(super) fn no_media(&self, now: Now, uid: Uid) -> Option<String> {
        let mute = self.sanctions.mute(now.wall, uid, MuteKind::Media)?;
        let until = match mute.until {
            Some(until) => format!("until {}", until.utc()),
            None => "until staff allow it again".to_owned(),
        };
        let why = match mute.reason.trim_end_matches('.') {
            "" => String::new(),
            reason => format!(": {reason}"),
        };
        Some(format!("You cannot use voice, files or calls {until}{why}."))
    }

    /// Publishes the rooms of somebody anew who has got or lost a media restriction, and ends what he may not
    /// have any more.
    pub(super) fn renew_voice(&mut self, now: Now, uid: Uid, effects: &mut Effects) {
        let rooms = self.session_of(uid).map(|session| session.rooms.clone()).unwrap_or_default();
        for room in rooms {
            effects.push(Effect::VoiceChanged(room));
        }
        if self.no_media(now, uid).is_some() {
            self.end_media(uid, effects);
        }
        self.await_voice(now, uid);
    }

    /// Restrictions end by the calendar: when that is set, some end and some hold again.
    fn follow_calendar(&mut self, now: Now, effects: &mut Effects) {
        let clock = Duration::from_millis(now.wall.0).saturating_sub(now.uptime);
        let known = *self.upkeep.clock.get_or_insert(clock);
        if known.abs_diff(clock) < STEP {
            return;
        }
        self.upkeep.clock = Some(clock);
        // Of those who are away this is found out when they come.
        let mut restricted = self.sanctions.restricted();
        restricted.retain(|uid| self.session_of(*uid).is_some());
        for uid in restricted {
            self.renew_voice(now, uid, effects);
        }
    }

    /// Tells somebody who has come into a room with voice that he has none.
    pub(super) fn explain_silence(&mut self, now: Now, conn: ConnId, id: RoomId, effects: &mut Effects) {
        let Some(uid) = self.session(conn).map(|session| session.person.uid) else { return };
        if self.rooms.get(&id).is_some_and(|room| room.kind.has_voice())
            && let Some(why) = self.no_media(now, uid)
        {
            effects.send(conn, notice(id, &to_cp1252(&why)));
            self.await_voice(now, uid);
        }
    }

    fn await_voice(&mut self, now: Now, uid: Uid) {
        let mute = self.sanctions.mute(now.wall, uid, MuteKind::Media);
        if let Some(until) = mute.and_then(|mute| mute.until) {
            let left = Duration::from_millis(until.0.saturating_sub(now.wall.0));
            // Each time he comes into a room; he must not be able to fill the list.
            self.upkeep.voices.retain(|(_, other)| *other != uid);
            self.upkeep.voices.insert((now.uptime.saturating_add(left), uid));
        }
    }

    /// How many entries there are for people who get their voice back.
    #[cfg(test)]
    pub(super) fn voices_awaited(&self) -> usize {
        self.upkeep.voices.len()
    }

    /// When, in time since the start, [`State::keep_up`] will have something to do.
    pub(super) fn upkeep_due(&self) -> Option<Duration> {
        let round = (!self.upkeep.hits.is_empty()).then_some(self.upkeep.round);
        self.upkeep.voices.first().map(|(due, _)| *due).into_iter().chain(round).min()
    }

    /// Gives voices back, keeps what was counted, and forgets what need not be known any more.
    pub(super) fn keep_up(&mut self, now: Now, effects: &mut Effects) {
        self.follow_calendar(now, effects);
        while let Some((due, uid)) = self.upkeep.voices.first().copied().filter(|(due, _)| *due <= now.uptime)
        {
            self.upkeep.voices.remove(&(due, uid));
            self.renew_voice(now, uid, effects);
        }
        if now.uptime < self.upkeep.round {
            return;
        }
        self.upkeep.round = now.uptime.saturating_add(ROUND);
        if let Some(change) = self.take_hits() {
            effects.push(Effect::Keep(change));
        }
        for (uid, _) in self.guard.detectors.sweep(now) {
            effects.push(Effect::Keep(Change::ClearOffences { uid: Some(uid) }));
        }
    }

    /// How often filters have matched since this was asked last, to be kept.
    pub(super) fn take_hits(&mut self) -> Option<Change> {
        let hits = std::mem::take(&mut self.upkeep.hits);
        (!hits.is_empty()).then(|| Change::AddFilterHits(hits.into_iter().collect()))
    }
}
