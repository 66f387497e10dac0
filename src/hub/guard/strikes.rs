//! Strikes and stages: what violations bring, per account.
//!
//! Strikes 1 and 2 mute for 15 seconds. Strike 3 mutes for a minute, opens stage 1 and sets the
//! strikes back to 0. From stage 1 on every violation raises the stage: stage 2 mutes for 5 minutes,
//! stage 3 for 10, stage n for (n - 1) times 5. Nothing escalates during a mute.
//!
//! With a decay configured ([`Spam::decay`](crate::config::Spam)), a strike, or without strikes a
//! stage, is forgiven each time that long has passed since the end of the last mute. It is worked
//! out when it is asked for: a record says how things stood at the last violation.

use std::collections::hash_map::Entry;
use std::time::Duration;

use rustc_hash::FxHashMap;

use crate::model::{Now, Timestamp, Uid};
use crate::store::StrikeRecord;

use super::spam::Violation;
use super::words::words;

/// As many strikes open the first stage.
const STRIKES: u8 = 3;
const STRIKE_MUTE: Duration = Duration::from_secs(15);
const FIRST_STAGE_MUTE: Duration = Duration::from_secs(60);
const STAGE_STEP: Duration = Duration::from_secs(5 * 60);

/// How far somebody has got: strikes before the first stage, the stage after.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Level {
    strikes: u8,
    stage: u16,
}

impl Level {
    fn of(record: &StrikeRecord) -> Level {
        match record.stage {
            // A record from elsewhere may hold more than there can be.
            0 => Level { strikes: record.strikes.min(STRIKES - 1), stage: 0 },
            stage => Level { strikes: 0, stage },
        }
    }

    fn raised(self) -> Level {
        match self {
            Level { stage: 0, strikes } if strikes + 1 < STRIKES => Level { strikes: strikes + 1, stage: 0 },
            Level { stage, .. } => Level { strikes: 0, stage: stage.saturating_add(1) },
        }
    }

    fn lowered(self, steps: u128) -> Level {
        let less = |level: u16| u16::try_from(u128::from(level).saturating_sub(steps)).unwrap_or(0);
        match self.stage {
            0 => Level { strikes: u8::try_from(less(self.strikes.into())).unwrap_or(0), stage: 0 },
            stage => Level { strikes: 0, stage: less(stage) },
        }
    }

    /// The mute of a violation that has led here.
    fn mute(self) -> Duration {
        match (self.strikes, self.stage) {
            (0, 0) => Duration::ZERO,
            (_, 0) => STRIKE_MUTE,
            (_, 1) => FIRST_STAGE_MUTE,
            (_, stage) => STAGE_STEP.saturating_mul(u32::from(stage) - 1),
        }
    }

    /// As in the log line.
    fn logged(self) -> String {
        match self.stage {
            0 => format!("strike={}/{STRIKES}", self.strikes),
            1 => format!("strike={STRIKES}/{STRIKES} stage=1"),
            stage => format!("stage={stage}"),
        }
    }

    /// For the user to read.
    fn told(self) -> String {
        match self.stage {
            0 => format!("strike {} of {STRIKES}", self.strikes),
            1 => format!("strike {STRIKES} of {STRIKES}, stage 1; mutes get longer from here"),
            stage => format!("stage {stage}"),
        }
    }
}

/// What a violation has brought.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Struck {
    /// The limit that was broken.
    pub violation: Violation,
    /// How the account stands now; to be kept.
    pub record: StrikeRecord,
    /// The line for the log, without names:
    /// `rate-limit violation: COOLDOWN delta=432ms min=750ms strike=1/3 mute=15s`.
    pub log: String,
}

#[derive(Debug)]
struct Offender {
    record: StrikeRecord,
    /// The end of the mute, as uptime.
    until: Duration,
    /// The time without violation after the mute that went by before this daemon started.
    carried: Duration,
}

impl Offender {
    fn level(&self, decay: Option<Duration>, now: Now) -> Level {
        let level = Level::of(&self.record);
        let Some(decay) = decay.filter(|decay| !decay.is_zero()) else { return level };
        let quiet = self.carried.saturating_add(now.uptime.saturating_sub(self.until));
        level.lowered(quiet.as_nanos() / decay.as_nanos())
    }
}

/// Everybody who was ever struck and not cleared since.
#[derive(Default, Debug)]
pub(super) struct Strikes(FxHashMap<Uid, Offender>);

impl Strikes {
    /// How long the machine's mute of a user lasts yet.
    pub(super) fn muted(&self, now: Now, uid: Uid) -> Option<Duration> {
        let left = self.0.get(&uid)?.until.saturating_sub(now.uptime);
        (!left.is_zero()).then_some(left)
    }

    /// The refusal that somebody reads who is muted for `left`.
    pub(super) fn told(&self, uid: Uid, left: Duration) -> String {
        let level = self.0.get(&uid).map(|offender| Level::of(&offender.record)).unwrap_or_default();
        format!("You cannot send anything for {} yet ({}).", words(left), level.told())
    }

    /// Punishes a violation. Returns it with the mute, and with what the user reads.
    pub(super) fn strike(
        &mut self,
        decay: Option<Duration>,
        now: Now,
        uid: Uid,
        violation: Violation,
    ) -> (Struck, Duration, String) {
        let offender = self.0.entry(uid).or_insert_with(|| Offender {
            record: StrikeRecord::default(),
            until: Duration::ZERO,
            carried: Duration::ZERO,
        });
        let level = offender.level(decay, now).raised();
        let mute = level.mute();
        offender.until = now.uptime.saturating_add(mute);
        offender.carried = Duration::ZERO;
        offender.record = StrikeRecord {
            strikes: level.strikes,
            stage: level.stage,
            muted_until: Some(now.wall.after(mute)),
            violations: offender.record.violations.saturating_add(1),
            last_reason: violation.name().to_owned(),
            last_detail: violation.detail(),
            last_at: now.wall,
        };
        let log = format!("rate-limit violation: {violation} {} mute={}s", level.logged(), mute.as_secs());
        let why = violation.why();
        let text = format!("{why} You cannot send anything for {} ({}).", words(mute), level.told());
        (Struck { violation, record: offender.record.clone(), log }, mute, text)
    }

    /// Takes over a record that was kept, unless the account is known already: what is known is
    /// newer. However the calendar was changed meanwhile, what is left of the mute is never longer
    /// than the mute was.
    pub(super) fn restore(&mut self, now: Now, uid: Uid, record: StrikeRecord) {
        let Entry::Vacant(vacant) = self.0.entry(uid) else { return };
        let until = record.muted_until.unwrap_or(now.wall);
        let left = between(now.wall, until).min(Level::of(&record).mute());
        let carried = between(until, now.wall);
        vacant.insert(Offender { record, until: now.uptime.saturating_add(left), carried });
    }

    /// Takes over a record that is kept, or that there is none, unless it is the one that is known.
    pub(super) fn believe(&mut self, now: Now, uid: Uid, record: Option<StrikeRecord>) {
        if self.0.get(&uid).map(|offender| &offender.record) == record.as_ref() {
            return;
        }
        self.clear(uid);
        if let Some(record) = record {
            self.restore(now, uid, record);
        }
    }

    /// How an account stands, forgiveness included.
    pub(super) fn record(&self, decay: Option<Duration>, now: Now, uid: Uid) -> Option<StrikeRecord> {
        let offender = self.0.get(&uid)?;
        let Level { strikes, stage } = offender.level(decay, now);
        // The end of a mute is told as the daemon's own clock has it.
        let left = offender.until.saturating_sub(now.uptime);
        let muted_until = (!left.is_zero()).then(|| now.wall.after(left));
        Some(StrikeRecord { strikes, stage, muted_until, ..offender.record.clone() })
    }

    /// Forgets strikes, stage and mute of an account. Returns whether there was anything.
    pub(super) fn clear(&mut self, uid: Uid) -> bool {
        self.0.remove(&uid).is_some()
    }
}

/// The time from `earlier` to `later`; zero if that is negative.
fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::from_millis(later.0.saturating_sub(earlier.0))
}
