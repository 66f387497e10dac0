//! What has to hold against people and for everybody, written down as it was imposed and lifted: a plain
//! book beside the one of the hub, into which it never looks. What comes of an order or of a forbidden word
//! is foretold. Only that somebody was too fast is heard from the hub; how long he is muted for it is worked
//! out here. What the store is known to have goes before all that.

use super::*;
use crate::config::Moderation;
use crate::hub::doubt::Truth;
use crate::hub::staff::{MAINTENANCE_GRACE, MAINTENANCE_SETTING};
use crate::store::{BanTarget, MuteKind, Sanctions, StrikeRecord};

/// How somebody stands with the limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Struck {
    strikes: u8,
    stage: u16,
    violations: u32,
    at: Timestamp,
    /// The end of the mute, as time since the start.
    until: Duration,
}

impl Struck {
    /// As a daemon finds it that starts now.
    fn of(now: Now, record: &StrikeRecord) -> Struck {
        let StrikeRecord { strikes, stage, violations, last_at: at, .. } = *record;
        let left = record.muted_until.map_or(0, |until| until.0.saturating_sub(now.wall.0));
        let struck = Struck { strikes, stage, violations, at, until: Duration::ZERO };
        Struck { until: now.uptime + Duration::from_millis(left).min(struck.mute()), ..struck }
    }

    fn mute(self) -> Duration {
        Duration::from_secs(match (self.strikes, self.stage) {
            (0, 0) => 0,
            (_, 0) => 15,
            (_, 1) => 60,
            (_, stage) => 300 * (u64::from(stage) - 1),
        })
    }

    fn level(self) -> (u8, u16, u32, Timestamp) {
        (self.strikes, self.stage, self.violations, self.at)
    }
}

/// What holds, in force or run out.
#[derive(Default, Debug)]
pub(super) struct Ledger {
    /// With the end, if there is one; and so are bans.
    pub(super) mutes: BTreeMap<(Uid, MuteKind), Option<Timestamp>>,
    pub(super) bans: BTreeMap<BanTarget, Option<Timestamp>>,
    pub(super) warnings: BTreeMap<Uid, u32>,
    strikes: BTreeMap<Uid, Struck>,
    /// Seconds that everybody waits between two messages.
    pub(super) slowmode: u64,
    /// If there is maintenance, when those are put out who are inside.
    pub(super) maintenance: Option<Option<Duration>>,
}

fn holds(until: Option<Timestamp>, now: Timestamp) -> bool {
    until.is_none_or(|until| now < until)
}

impl Ledger {
    /// What a daemon has to go by that starts now.
    pub(super) fn of(now: Now, disk: &Disk) -> Ledger {
        let mut ledger = Ledger::default();
        for (uid, sanctions) in &disk.accounts {
            ledger.hold(now, *uid, sanctions);
        }
        ledger.bans.extend(disk.networks.iter().map(|(target, ban)| (*target, ban.until)));
        ledger.set(now, &disk.settings());
        // Nobody is inside yet.
        ledger.maintenance = ledger.maintenance.map(|_| None);
        ledger
    }

    pub(super) fn muted(&self, now: Now, uid: Uid, kind: MuteKind) -> bool {
        self.mutes.get(&(uid, kind)).is_some_and(|until| holds(*until, now.wall))
    }

    /// Whether somebody was muted and no longer is.
    pub(super) fn was_muted(&self, now: Now, uid: Uid) -> bool {
        self.mutes.get(&(uid, MuteKind::Text)).is_some_and(|until| !holds(*until, now.wall))
    }

    /// Whether nothing of somebody may reach anybody.
    pub(super) fn silent(&self, now: Now, uid: Uid) -> bool {
        self.muted(now, uid, MuteKind::Text)
            || self.strikes.get(&uid).is_some_and(|struck| now.uptime < struck.until)
    }

    /// The ban that keeps somebody out, however he comes; with its end.
    pub(super) fn ban(&self, now: Timestamp, number: u32) -> Option<BanTarget> {
        let targets = [BanTarget::Account(person(number).uid), network(number)];
        targets.into_iter().find(|target| self.bans.get(target).is_some_and(|until| holds(*until, now)))
    }

    /// Whether somebody who is not staff may not be inside.
    pub(super) fn is_closed(&self, now: Now) -> bool {
        self.maintenance.is_some_and(|out| out.is_none_or(|at| now.uptime >= at))
    }

    /// One more warning, of which the third is a ban. Returns whether it was.
    pub(super) fn warn(&mut self, now: Now, uid: Uid) -> bool {
        let Moderation { warnings_before_ban, warning_ban } = Moderation::default();
        let count = self.warnings.entry(uid).or_default();
        *count += 1;
        let banned = Some(*count) == warnings_before_ban;
        if banned {
            self.warnings.remove(&uid);
            let until = warning_ban.map(|time| now.wall.after(time));
            self.bans.insert(BanTarget::Account(uid), until);
        }
        banned
    }

    /// Somebody broke a limit. Returns for how long he is muted.
    pub(super) fn strike(&mut self, now: Now, uid: Uid) -> Duration {
        let muted = self.silent(now, uid);
        assert!(!muted, "{uid} is muted and struck again");
        let struck = self.strikes.entry(uid).or_default();
        (struck.strikes, struck.stage) = match (struck.strikes, struck.stage) {
            (strikes @ ..2, 0) => (strikes + 1, 0),
            (_, stage) => (0, stage + 1),
        };
        struck.violations += 1;
        struck.at = now.wall;
        struck.until = now.uptime + struck.mute();
        struck.mute()
    }

    pub(super) fn clear_strikes(&mut self, uid: Uid) {
        self.strikes.remove(&uid);
    }

    /// What the store has takes the place of what was written here.
    pub(super) fn believe(&mut self, now: Now, truth: &Truth) {
        match truth {
            Truth::Account(uid, sanctions) => self.hold(now, *uid, sanctions),
            Truth::Network(target, ban) => {
                self.bans.remove(target);
                self.bans.extend(ban.iter().map(|ban| (*target, ban.until)));
            }
            Truth::Settings(settings) => self.set(now, settings),
            Truth::Room(..) | Truth::Lists(..) => {}
        }
    }

    fn hold(&mut self, now: Now, uid: Uid, sanctions: &Sanctions) {
        let Sanctions { ban, mutes, warnings, strikes, .. } = sanctions;
        let account = BanTarget::Account(uid);
        self.bans.remove(&account);
        self.bans.extend(ban.iter().map(|ban| (account, ban.until)));
        self.mutes.retain(|(other, _), _| *other != uid);
        self.mutes.extend(mutes.iter().map(|mute| ((uid, mute.kind), mute.until)));
        self.warnings.remove(&uid);
        self.warnings.extend((!warnings.is_empty()).then_some((uid, warnings.len() as u32)));
        let known = self.strikes.remove(&uid);
        if let Some(record) = strikes {
            let kept = Struck::of(now, record);
            // A mute that is known goes on, whatever became of the calendar.
            let known = known.filter(|known| known.level() == kept.level());
            self.strikes.insert(uid, known.unwrap_or(kept));
        }
    }

    fn set(&mut self, now: Now, settings: &[(String, String)]) {
        let value = |wanted: &str| settings.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
        self.slowmode = value("slowmode").map_or(0, |seconds| seconds.parse().unwrap());
        let again = || Some(now.uptime + MAINTENANCE_GRACE);
        self.maintenance = value(MAINTENANCE_SETTING).map(|_| self.maintenance.unwrap_or_else(again));
    }

    /// Nothing else holds than what the store has.
    pub(super) fn must_be(&self, kept: &Ledger) {
        assert_eq!(self.mutes, kept.mutes);
        assert_eq!(self.bans, kept.bans);
        assert_eq!(self.warnings, kept.warnings);
        let levels = |ledger: &Ledger| -> Vec<(Uid, (u8, u16, u32, Timestamp))> {
            ledger.strikes.iter().map(|(uid, struck)| (*uid, struck.level())).collect()
        };
        assert_eq!(levels(self), levels(kept), "strikes");
        assert_eq!(self.slowmode, kept.slowmode, "slowmode");
        assert_eq!(self.maintenance.is_some(), kept.maintenance.is_some(), "maintenance");
    }
}

/// Where somebody comes from, with his neighbour.
pub(super) fn network(number: u32) -> BanTarget {
    BanTarget::Network(format!("{}/31", address(number & !1)).parse().unwrap())
}

pub(super) fn address(number: u32) -> std::net::Ipv4Addr {
    [10, 0, (number >> 8) as u8, number as u8].into()
}
