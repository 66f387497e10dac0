//! Who offended how often, and how long that mutes.

use std::time::Duration;

use rustc_hash::FxHashMap;

use crate::model::{Now, Uid};
use crate::store::OffenceRecord;

/// How long the first, second, third and fourth offence mute, and every one from the fifth on.
pub const LADDER: [Duration; 5] = [
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(24 * 60 * 60),
    Duration::from_secs(7 * 24 * 60 * 60),
];
/// Users whose offences are remembered. When there are more, those are forgotten whose last one is
/// longest ago.
const USERS: usize = 100_000;

/// How long the last of so many offences mutes; nothing if there is none.
pub(super) fn mute(offences: u32) -> Duration {
    let step = (offences as usize).checked_sub(1).map(|step| step.min(LADDER.len() - 1));
    step.and_then(|step| LADDER.get(step)).copied().unwrap_or_default()
}

/// The offences of all users. Changes return the record that is to be kept, or `None` where the
/// stored one is to be removed.
#[derive(Clone, Debug, Default)]
pub struct Offences(FxHashMap<Uid, OffenceRecord>);

impl Offences {
    /// The offences as they were kept.
    pub fn load(records: impl IntoIterator<Item = (Uid, OffenceRecord)>) -> Offences {
        Offences(records.into_iter().collect())
    }

    /// Takes over what was kept of a user, in the place of what is known.
    pub fn restore(&mut self, uid: Uid, record: Option<OffenceRecord>) {
        self.put(uid, record.unwrap_or_default());
    }

    /// What is known of a user.
    pub fn record(&self, uid: Uid) -> OffenceRecord {
        self.0.get(&uid).copied().unwrap_or_default()
    }

    /// Counts an offence, which mutes as [`LADDER`] says if `mutes`.
    pub fn offend(&mut self, now: Now, uid: Uid, mutes: bool) -> OffenceRecord {
        if self.0.len() >= USERS && !self.0.contains_key(&uid) {
            self.make_room();
        }
        let record = self.0.entry(uid).or_default();
        record.offences = record.offences.saturating_add(1);
        record.last_at = now.wall;
        record.muted_until = mutes.then(|| now.wall.after(mute(record.offences)));
        *record
    }

    /// Says whether the detectors leave a user alone.
    pub fn set_exempt(&mut self, uid: Uid, exempt: bool) -> Option<OffenceRecord> {
        let record = OffenceRecord { exempt, ..self.record(uid) };
        self.put(uid, record)
    }

    /// Forgets a user's offences; an exemption stays.
    pub fn reset(&mut self, uid: Uid) -> Option<OffenceRecord> {
        let exempt = self.record(uid).exempt;
        self.put(uid, OffenceRecord { exempt, ..OffenceRecord::default() })
    }

    /// Forgets the offences whose last is longer ago than `age`. Returns whose record changed, with
    /// what is to be kept.
    pub fn forget(&mut self, now: Now, age: Duration) -> Vec<(Uid, Option<OffenceRecord>)> {
        let old = |record: &OffenceRecord| record.offences > 0 && record.last_at.after(age) <= now.wall;
        let mut users: Vec<Uid> =
            self.0.iter().filter(|(_, record)| old(record)).map(|(uid, _)| *uid).collect();
        users.sort_unstable();
        users.into_iter().map(|uid| (uid, self.reset(uid))).collect()
    }

    fn put(&mut self, uid: Uid, record: OffenceRecord) -> Option<OffenceRecord> {
        if record == OffenceRecord::default() {
            self.0.remove(&uid);
            return None;
        }
        self.0.insert(uid, record);
        Some(record)
    }

    /// Drops a tenth of the users, so that a crowd of them costs no search each.
    fn make_room(&mut self) {
        let mut ages: Vec<_> = self
            .0
            .iter()
            .filter(|(_, record)| !record.exempt)
            .map(|(uid, record)| (record.last_at, *uid))
            .collect();
        ages.sort_unstable();
        ages.truncate(USERS / 10);
        for (_, uid) in ages {
            self.0.remove(&uid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn at(seconds: u64) -> Now {
        Now { wall: Timestamp(seconds * 1000), uptime: Duration::from_secs(seconds) }
    }

    #[test]
    fn the_ladder_has_five_steps() {
        let mut offences = Offences::default();
        assert_eq!(mute(offences.record(Uid(7)).offences), Duration::ZERO);
        for minutes in [5, 15, 60, 24 * 60, 7 * 24 * 60, 7 * 24 * 60, 7 * 24 * 60] {
            let time = Duration::from_secs(minutes * 60);
            let record = offences.offend(at(9), Uid(7), true);
            assert_eq!((mute(record.offences), record.muted_until), (time, Some(at(9).wall.after(time))));
        }
        assert_eq!(offences.offend(at(9), Uid(8), false).muted_until, None, "each for himself");
    }

    #[test]
    fn what_was_kept_goes_on_where_it_was() {
        let mut offences = Offences::default();
        offences.offend(at(1), Uid(7), true);
        let kept = offences.offend(at(2), Uid(7), true);
        let mut later = Offences::load([(Uid(7), kept)]);
        assert_eq!(later.record(Uid(7)), kept);
        assert_eq!(mute(later.offend(at(3), Uid(7), true).offences), LADDER[2]);
    }

    #[test]
    fn staff_can_forgive_and_exempt() {
        let mut offences = Offences::default();
        offences.offend(at(1), Uid(7), true);
        offences.offend(at(1), Uid(8), true);
        assert!(offences.set_exempt(Uid(7), true).unwrap().exempt);
        assert_eq!(offences.reset(Uid(7)), Some(OffenceRecord { exempt: true, ..Default::default() }));
        assert_eq!(offences.reset(Uid(8)), None);
        assert_eq!(offences.set_exempt(Uid(7), false), None);
        assert!(offences.0.is_empty());
    }

    #[test]
    fn old_offences_are_forgotten_and_exemptions_are_not() {
        let mut offences = Offences::default();
        offences.offend(at(10), Uid(7), true);
        offences.set_exempt(Uid(8), true);
        assert_eq!(offences.forget(at(19), Duration::from_secs(10)), []);
        assert_eq!(offences.forget(at(20), Duration::from_secs(10)), [(Uid(7), None)]);
        assert!(offences.record(Uid(8)).exempt);
    }

    #[test]
    fn a_crowd_has_a_bound() {
        let mut offences = Offences::default();
        offences.set_exempt(Uid(2), true);
        for uid in 3..=USERS as u32 + 10 {
            offences.offend(at(u64::from(uid)), Uid(uid), true);
        }
        assert!(offences.0.len() <= USERS);
        assert!(offences.record(Uid(2)).exempt);
        assert_eq!(offences.record(Uid(USERS as u32 + 10)).offences, 1);
        assert_eq!(offences.record(Uid(3)).offences, 0);
    }
}
