//! What is imposed on accounts and addresses: mutes, warnings, bans, by staff or by the machine.
//!
//! All of it is kept in memory, too, as far as it has to be looked at without waiting. Each imposition
//! is one change of the store together with its entry in the audit log, and whoever imposed it reads the
//! answer when that is durable. What has run out holds no longer from that moment on.

mod texts;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Moderation;
use crate::model::{Author, CloseReason, Now, Timestamp, Uid, to_cp1252};
use crate::protocol::ServerPacket;
use crate::store::{Ban, BanTarget, Change, Mute, MuteKind, REASON_MAX, Warning};

use super::directory::service_im;
use super::feed::{Event, EventKind};
use super::staff::{BanList, Via, together};
use super::{ConnId, Effect, Effects, Person, State};

pub use texts::for_how_long;
use texts::with_time;
pub(super) use texts::{banned_text, because, entry, muted_text, user, why};

/// After how many new mutes those are forgotten that have run out.
const SWEEP: usize = 1024;

/// Mutes and bans in force and the number of warnings, of whoever has some, signed in or not.
#[derive(Debug, Default)]
pub struct Sanctions {
    mutes: HashMap<(Uid, MuteKind), Mute>,
    warnings: HashMap<Uid, u32>,
    bans: Arc<BanList>,
    rules: Moderation,
}

/// What an account has against it that is kept in memory, for those who look.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Held {
    /// The ban of the account.
    pub ban: Option<Ban>,
    /// The mutes.
    pub mutes: Vec<Mute>,
    /// How many warnings it has.
    pub warnings: u32,
}

impl Sanctions {
    /// Takes over what the store has: mutes, bans, and how many warnings whom has.
    pub fn load(
        &mut self,
        mutes: impl IntoIterator<Item = (Uid, Mute)>,
        bans: impl IntoIterator<Item = Ban>,
        warnings: impl IntoIterator<Item = (Uid, usize)>,
    ) {
        self.mutes.extend(mutes.into_iter().map(|(uid, mute)| ((uid, mute.kind), mute)));
        for ban in bans {
            self.bans.put(ban.at, ban);
        }
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        self.warnings.extend(warnings.into_iter().map(|(uid, warnings)| (uid, count(warnings))));
    }

    /// Takes over what the store has against one account, in the place of what was known.
    pub(super) fn believe(&mut self, uid: Uid, mutes: Vec<Mute>, warnings: usize) {
        self.mutes.retain(|(other, _), _| *other != uid);
        self.forget_warnings(uid);
        let mutes = mutes.into_iter().map(|mute| (uid, mute));
        self.load(mutes, [], (warnings > 0).then_some((uid, warnings)));
    }

    /// Says how many warnings are a ban, and how long that is.
    pub fn set_rules(&mut self, rules: Moderation) {
        self.rules = rules;
    }

    /// The bans, which the accept loop looks at, too.
    pub fn bans(&self) -> &Arc<BanList> {
        &self.bans
    }

    /// The mute of this kind that holds for an account.
    pub fn mute(&self, now: Timestamp, uid: Uid, kind: MuteKind) -> Option<&Mute> {
        self.mutes.get(&(uid, kind)).filter(|mute| mute.holds(now))
    }

    /// Who has a restriction of voice, files and calls, in force or run out.
    pub(super) fn restricted(&self) -> Vec<Uid> {
        let restricted = self.mutes.keys().filter(|(_, kind)| *kind == MuteKind::Media);
        restricted.map(|(uid, _)| *uid).collect()
    }

    /// What holds against an account.
    pub fn of(&self, now: Timestamp, uid: Uid) -> Held {
        let mutes = MuteKind::ALL.into_iter().filter_map(|kind| self.mute(now, uid, kind).cloned());
        Held {
            ban: self.bans.account(now, uid),
            mutes: mutes.collect(),
            warnings: self.warnings.get(&uid).copied().unwrap_or(0),
        }
    }

    /// Forgets what has run out.
    pub fn expire(&mut self, now: Timestamp) {
        self.mutes.retain(|_, mute| mute.holds(now));
        self.bans.expire(now);
    }

    /// Forgets the number of somebody's warnings. Returns how many there were.
    pub(super) fn forget_warnings(&mut self, uid: Uid) -> u32 {
        self.warnings.remove(&uid).unwrap_or(0)
    }

    /// Takes a mute out if it is in force. Returns whether it was. One that has run out stays: the clock may be
    /// wrong.
    pub(super) fn lift_mute(&mut self, now: Timestamp, uid: Uid, kind: MuteKind) -> bool {
        let held = self.mute(now, uid, kind).is_some();
        if held {
            self.mutes.remove(&(uid, kind));
        }
        held
    }
}

/// Something to be imposed.
#[derive(Clone, Debug)]
pub(super) struct Sanction {
    /// By whom.
    pub(super) by: Author,
    /// Upon whom.
    pub(super) target: Person,
    /// For how long; for good if `None`.
    pub(super) time: Option<Duration>,
    /// Why.
    pub(super) reason: String,
    /// What else the audit log is to say.
    pub(super) details: String,
}

/// What a warning has brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Warned {
    /// The account has this many warnings now.
    Count(u32),
    /// It was one too many.
    Banned,
}

impl State {
    /// Mutes an account.
    pub(super) fn mute(
        &mut self,
        now: Now,
        via: &mut Via<'_>,
        kind: MuteKind,
        sanction: Sanction,
        effects: &mut Effects,
    ) {
        let Sanction { by, target, time, reason, details } = sanction;
        let until = time.map(|time| now.wall.after(time));
        let mute = Mute { kind, until, reason: reason.clone(), by: by.clone(), at: now.wall };
        let mutes = &mut self.sanctions.mutes;
        mutes.insert((target.uid, kind), mute.clone());
        if mutes.len().is_multiple_of(SWEEP) {
            mutes.retain(|_, mute| mute.holds(now.wall));
        }
        // What the machine imposes stands in the refusal that brought it.
        let told = (by != Author::System).then(|| muted_text(now.wall, &mute));
        let (action, what) = match kind {
            MuteKind::Text => ("mute", ""),
            MuteKind::Media => ("mute_media", "voice, files and calls: "),
        };
        let event = Event::new(EventKind::Mute).by(&by).about(target);
        effects.event(event.saying(because(&format!("{what}{}", for_how_long(time)), &reason)));
        let change = Change::PutMute { uid: target.uid, mute };
        let details = with_time(time, details);
        let entry = entry(now, action, by, Some(user(target)), reason, details);
        via.commit(Change::WithAudit { changes: vec![change], entries: vec![entry] }, effects);
        if let Some(told) = told {
            self.tell(target.uid, &told, effects);
        }
        if kind == MuteKind::Media {
            self.renew_voice(now, target.uid, effects);
        }
    }

    /// Warns an account; the last of too many warnings bans it.
    pub(super) fn warn(
        &mut self,
        now: Now,
        via: &mut Via<'_>,
        sanction: Sanction,
        effects: &mut Effects,
    ) -> Warned {
        let Sanction { by, target, reason, details, .. } = sanction;
        let count = self.sanctions.warnings.entry(target.uid).or_default();
        *count = count.saturating_add(1);
        let count = *count;
        effects.event(Event::new(EventKind::Warn).by(&by).about(target).saying(reason.clone()));
        let warning = Warning { at: now.wall, by: by.clone(), reason: reason.clone() };
        let change = Change::AddWarning { uid: target.uid, warning };
        let limit = self.sanctions.rules.warnings_before_ban;
        let of = limit.map_or(String::new(), |limit| format!(" of {limit}"));
        let told = format!("This is a warning ({count}{of}) from those who run the place.{}", why(&reason));
        let entry = entry(now, "warn", by, Some(user(target)), reason.clone(), details);
        let change = Change::WithAudit { changes: vec![change], entries: vec![entry] };
        if limit.is_none_or(|limit| count < limit) {
            via.commit(change, effects);
            self.tell(target.uid, &told, effects);
            return Warned::Count(count);
        }
        // The ban is what they were for; the next warning is the first again.
        self.sanctions.forget_warnings(target.uid);
        let last = if reason.is_empty() { String::new() } else { format!(". The last one: {reason}") };
        let reason = format!("{count} warnings{last}");
        let sanction = Sanction {
            by: Author::System,
            target,
            time: self.sanctions.rules.warning_ban,
            reason: reason.chars().take(REASON_MAX).collect(),
            details: String::new(),
        };
        let mut changes = vec![change, Change::ClearWarnings { uid: target.uid }];
        let mut then = Effects::default();
        self.ban_account(now, &mut Via::Desk(&mut changes), sanction, &mut then);
        if let Some(change) = together(changes) {
            via.commit(change, effects);
        }
        then.drain().for_each(|effect| effects.push(effect));
        Warned::Banned
    }

    /// Bans an account and ends its session.
    pub(super) fn ban_account(
        &mut self,
        now: Now,
        via: &mut Via<'_>,
        sanction: Sanction,
        effects: &mut Effects,
    ) {
        let Sanction { by, target, time, reason, details } = sanction;
        let ban = Ban {
            target: BanTarget::Account(target.uid),
            nickname: Some(target.nickname),
            until: time.map(|time| now.wall.after(time)),
            reason: reason.clone(),
            by: by.clone(),
            at: now.wall,
        };
        self.sanctions.bans.put(now.wall, ban.clone());
        let event = Event::new(EventKind::Ban).by(&by).about(target);
        effects.event(event.saying(because(&for_how_long(time), &reason)));
        let entry = entry(now, "ban", by, Some(user(target)), reason, with_time(time, details));
        let told = banned_text(now.wall, &ban);
        let change = Change::WithAudit { changes: vec![Change::PutBan(ban)], entries: vec![entry] };
        via.commit(change, effects);
        if let Some(conn) = self.session_of(target.uid).map(|session| session.conn) {
            self.put_off(conn, CloseReason::Banned, &told, effects);
        }
    }

    /// Ends somebody's session with these last words. He has left all rooms, calls and files then.
    pub(super) fn put_off(&mut self, conn: ConnId, reason: CloseReason, text: &str, effects: &mut Effects) {
        self.end_session(conn, Some(reason), effects);
        let last = ServerPacket::ServerDisconnect(to_cp1252(text));
        effects.push(Effect::Close { conn, reason, last });
    }

    /// Has the service user tell somebody something, if he is there.
    pub(super) fn tell(&self, uid: Uid, text: &str, effects: &mut Effects) {
        if let Some(session) = self.session_of(uid) {
            effects.send(session.conn, service_im(text));
        }
    }
}
