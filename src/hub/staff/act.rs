//! The one way of every action.

use std::time::Duration;

use crate::model::{Author, CloseReason, Now, Uid, from_cp1252, sanitise, to_cp1252};
use crate::store::{AuditEntry, AuditTarget, BanTarget, Change, MuteKind, REASON_MAX};

use super::super::feed::{Event, EventKind};
use super::super::sanctions::{Sanction, Warned, because, entry, for_how_long, user, why};
use super::super::{Effect, Effects, State};
use super::{ActError, Action, Actor, BanWhom, Subject, Trier, Via};

/// The longest time of a mute or ban that is not for good.
const LONGEST: Duration = Duration::from_secs(3650 * 24 * 3600);
/// What somebody reads whose mute is lifted.
const UNMUTED: &str = "You are not muted any more.";
/// How often what one account tries without right is recorded.
const REFUSALS: Duration = Duration::from_secs(10 * 60);

impl State {
    /// Does something for staff or an operator, with its entry in the audit log, and says what happened.
    /// What has to become durable for that goes by way of `via`; the answer must not be given before.
    ///
    /// # Errors
    ///
    /// See [`ActError`]. What somebody may not do is recorded; otherwise nothing has happened.
    pub fn act(
        &mut self,
        now: Now,
        actor: &Actor,
        action: Action,
        via: &mut Via<'_>,
        effects: &mut Effects,
    ) -> Result<String, ActError> {
        let permission = action.permission();
        let refusal = if !actor.standing.has(permission) {
            Some(permission.refusal())
        } else {
            action.subject().filter(|subject| !actor.standing.outranks(subject.roles)).map(|subject| {
                format!("{} belongs to the staff and does not stand below you.", subject.person.nickname)
            })
        };
        if let Some(text) = refusal {
            let target = action.subject().map(|subject| subject.person);
            let target = target.map(user);
            self.note_refused(now, &actor.author, permission.name(), target, via, effects);
            return Err(ActError::Forbidden(text));
        }
        if action.subject().is_some_and(|subject| subject.person.uid == Uid::SERVICE) {
            return Err(ActError::Invalid("That is the service user.".to_owned()));
        }
        self.perform(now, actor, action, via, effects)
    }

    fn perform(
        &mut self,
        now: Now,
        actor: &Actor,
        action: Action,
        via: &mut Via<'_>,
        effects: &mut Effects,
    ) -> Result<String, ActError> {
        let author = &actor.author;
        let sanction = |target: &Subject, time, reason: &str| Sanction {
            by: author.clone(),
            target: target.person,
            time,
            reason: clean(reason),
            details: String::new(),
        };
        match action {
            Action::Kick { user, reason } => self.kick(now, author, &user, &clean(&reason), via, effects),
            Action::Ban { whom: BanWhom::User(user), time, reason } => {
                let sanction = sanction(&user, checked(time)?, &reason);
                self.room_for_ban(now.wall, BanTarget::Account(user.person.uid))?;
                self.ban_account(now, via, sanction, effects);
                Ok(format!("banned {user} {}", for_how_long(time)))
            }
            Action::Ban { whom: BanWhom::Network(network), time, reason } => {
                self.ban_network(now, actor, network, checked(time)?, &clean(&reason), via, effects)
            }
            Action::Unban { whom, reason } => self.unban(now, author, &whom, clean(&reason), via, effects),
            Action::Mute { user, kind, time, reason } => {
                let sanction = sanction(&user, checked(time)?, &reason);
                self.mute(now, via, kind, sanction, effects);
                let what = match kind {
                    MuteKind::Text => "muted",
                    MuteKind::Media => "took voice, files and calls from",
                };
                Ok(format!("{what} {user} {}", for_how_long(time)))
            }
            Action::Unmute { user, kind, reason } => {
                self.unmute(now, author, &user, (kind, clean(&reason)), via, effects)
            }
            Action::Warn { user, reason } => {
                match self.warn(now, via, sanction(&user, None, &reason), effects) {
                    Warned::Count(1) => Ok(format!("warned {user}, who has 1 warning now")),
                    Warned::Count(count) => Ok(format!("warned {user}, who has {count} warnings now")),
                    Warned::Banned => Ok(format!("warned {user} once too often: banned")),
                }
            }
            Action::ClearWarnings(subject) => {
                if self.sanctions.forget_warnings(subject.person.uid) == 0 {
                    return Err(ActError::NotFound(format!("{subject} has no warnings.")));
                }
                let change = Change::ClearWarnings { uid: subject.person.uid };
                let what = ("clear_warnings", "warnings", String::new());
                self.record_clear(now, author, &subject, what, vec![change], via, effects);
                self.tell(subject.person.uid, "Your warnings have been cleared.", effects);
                Ok(format!("cleared the warnings of {subject}"))
            }
            Action::ClearStrikes { user: subject, reason } => {
                let uid = subject.person.uid;
                let mut changes =
                    vec![Change::ClearStrikes { uid }, Change::ClearOffences { uid: Some(uid) }];
                let muted = self.is_muted_for_offence(now, uid);
                self.guard.clear(uid);
                self.guard.detectors.reset(uid);
                if muted {
                    self.sanctions.lift_mute(now.wall, uid, MuteKind::Text);
                    changes.push(Change::LiftMute { uid, kind: MuteKind::Text });
                }
                let what = ("clear_strikes", "strikes and offences", clean(&reason));
                self.record_clear(now, author, &subject, what, changes, via, effects);
                if muted {
                    self.tell(uid, UNMUTED, effects);
                }
                Ok(format!("cleared the strikes and offences of {subject}"))
            }
            Action::Exempt { user: subject, on } => {
                let uid = subject.person.uid;
                // Clearing would leave an exemption in the store.
                let record = self.guard.detectors.offences.set_exempt(uid, on).unwrap_or_default();
                let change = Change::PutOffences { uid, record };
                let (action, what) = if on { ("exempt", "off") } else { ("unexempt", "on") };
                let event = Event::new(EventKind::Staff).by(author).about(subject.person);
                effects.event(event.saying(format!("the detectors are {what}")));
                let target = Some(user(subject.person));
                let made = entry(now, action, author.clone(), target, String::new(), String::new());
                via.commit(with_entry(vec![change], made), effects);
                Ok(format!("the detectors are {what} for {subject}"))
            }
            Action::CloseRoom { room, reason } => {
                self.close_by_staff(now, author, room, &clean(&reason), via, effects)
            }
            Action::DeleteRoom { room, reason } => {
                self.delete_by_staff(now, author, room, &clean(&reason), via, effects)
            }
            Action::LockRoom { room, lockword, reason } => {
                let lock = (lockword.as_deref(), clean(&reason));
                self.lock_by_staff(now, author, room, lock, via, effects)
            }
            Action::CreateRoom { record, owner } => {
                self.create_by_staff(now, author, *record, owner, via, effects)
            }
            Action::SetRoom { room, settings } => {
                self.set_by_staff(now, author, room, &settings, via, effects)
            }
            Action::Slowmode { room, seconds, reason } => {
                self.slow_by_staff(now, author, room, (seconds, &clean(&reason)), via, effects)
            }
            Action::Broadcast { room, text } => self.broadcast(now, author, room, &text, via, effects),
            Action::Maintenance { on, message } => {
                self.set_maintenance(now, author, on, &clean(&message), via, effects)
            }
            Action::Antispam { name, value } => {
                self.antispam(now, author, &name, value.as_deref(), via, effects)
            }
            Action::PutFilter { id, filter } => self.put_filter(now, author, id, *filter, via, effects),
            Action::DeleteFilter { id, text } => {
                let target = Some(AuditTarget::Other(format!("filter {id}")));
                let made = entry(now, "filter_delete", author.clone(), target, String::new(), text.clone());
                self.record(made, vec![Change::DeleteFilter { id }], via, effects);
                effects.push(Effect::RenewRules);
                Ok(format!("deleted filter {id}: {text}"))
            }
            Action::Link { kind, text, allow } => self.link(now, author, kind, &text, allow, via, effects),
        }
    }

    /// Whether it is the last offence that has muted an account, and neither a filter nor somebody.
    fn is_muted_for_offence(&self, now: Now, uid: Uid) -> bool {
        let brought = self.guard.detectors.offences.record(uid).muted_until;
        let mute = self.sanctions.mute(now.wall, uid, MuteKind::Text);
        mute.is_some_and(|mute| mute.by == Author::System && mute.until.is_some() && mute.until == brought)
    }

    fn kick(
        &mut self,
        now: Now,
        author: &Author,
        subject: &Subject,
        reason: &str,
        via: &mut Via<'_>,
        effects: &mut Effects,
    ) -> Result<String, ActError> {
        let Some(session) = self.session_of(subject.person.uid) else {
            return Err(ActError::NotFound(format!("{} is not signed in.", subject.person.nickname)));
        };
        let (conn, rooms) = (session.conn, session.rooms.len());
        effects.event(Event::new(EventKind::Kick).by(author).about(subject.person).saying(reason));
        let details = format!("in {rooms} rooms, from {}", session.peer.to_canonical());
        let target = Some(user(subject.person));
        let made = entry(now, "kick", author.clone(), target, reason.to_owned(), details);
        via.commit(Change::Audit(made), effects);
        let text = format!("You have been disconnected by those who run the place.{}", why(reason));
        self.put_off(conn, CloseReason::Kicked, &text, effects);
        Ok(format!("kicked {subject}, left {rooms} room{}", if rooms == 1 { "" } else { "s" }))
    }

    fn unmute(
        &mut self,
        now: Now,
        author: &Author,
        subject: &Subject,
        (kind, reason): (MuteKind, String),
        via: &mut Via<'_>,
        effects: &mut Effects,
    ) -> Result<String, ActError> {
        let uid = subject.person.uid;
        let (action, told, state) = match kind {
            MuteKind::Text => ("unmute", UNMUTED, "muted"),
            MuteKind::Media => (
                "unmute_media",
                "You can use voice, files and calls again.",
                "kept from voice, files and calls",
            ),
        };
        if !self.sanctions.lift_mute(now.wall, uid, kind) {
            return Err(ActError::NotFound(format!("{subject} is not {state} by staff.")));
        }
        effects.event(Event::new(EventKind::Unmute).by(author).about(subject.person).saying(reason.clone()));
        let target = Some(user(subject.person));
        let made = entry(now, action, author.clone(), target, reason, String::new());
        via.commit(with_entry(vec![Change::LiftMute { uid, kind }], made), effects);
        self.tell(uid, told, effects);
        if kind == MuteKind::Media {
            self.renew_voice(now, uid, effects);
        }
        Ok(format!("{subject} is not {state} any more"))
    }

    #[allow(clippy::too_many_arguments, reason = "who, when and where, beside what")]
    fn record_clear(
        &mut self,
        now: Now,
        author: &Author,
        subject: &Subject,
        (action, what, reason): (&str, &str, String),
        changes: Vec<Change>,
        via: &mut Via<'_>,
        effects: &mut Effects,
    ) {
        let event = Event::new(EventKind::Clear).by(author).about(subject.person);
        effects.event(event.saying(because(what, &reason)));
        let target = Some(user(subject.person));
        let made = entry(now, action, author.clone(), target, reason, String::new());
        via.commit(with_entry(changes, made), effects);
    }

    /// Records that somebody tried what he may not; of one account or operator now and then, since anybody can
    /// try.
    pub(in super::super) fn note_refused(
        &mut self,
        now: Now,
        author: &Author,
        what: &str,
        target: Option<AuditTarget>,
        via: &mut Via<'_>,
        effects: &mut Effects,
    ) {
        let trier = match author {
            Author::Staff { uid, .. } => Some(Trier::Account(*uid)),
            Author::Operator { uid, .. } => Some(Trier::Operator(*uid)),
            Author::System => None,
        };
        self.refusals.retain(|_, last| now.uptime < last.saturating_add(REFUSALS));
        if let Some(trier) = trier {
            if self.refusals.contains_key(&trier) {
                return;
            }
            self.refusals.insert(trier, now.uptime);
        }
        effects.event(Event::new(EventKind::Refused).by(author).saying(what));
        let made = entry(now, "refused", author.clone(), target, String::new(), what.to_owned());
        via.commit(Change::Audit(made), effects);
    }
}

/// Changes together with their entry, which is written even if there was nothing to change.
pub(in super::super) fn with_entry(mut changes: Vec<Change>, entry: AuditEntry) -> Change {
    changes.push(Change::Audit(entry));
    Change::WithAudit { changes, entries: Vec::new() }
}

/// A time that is one.
fn checked(time: Option<Duration>) -> Result<Option<Duration>, ActError> {
    match time {
        Some(time) if time.is_zero() || time > LONGEST => {
            Err(ActError::Invalid("A time is at least a second and at most 3650 days.".to_owned()))
        }
        time => Ok(time),
    }
}

/// A reason as it is kept: one line of what the clients can show.
fn clean(text: &str) -> String {
    from_cp1252(&sanitise::line(&to_cp1252(text), REASON_MAX))
}
