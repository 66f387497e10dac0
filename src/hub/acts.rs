//! Acts that pass the guard: what it is asked, and what its refusals bring.
//!
//! Whoever passes something on from one user to others calls [`State::judge`] first, and before it looks
//! at anything that depends on the others: a refusal must not tell whether they are there. A refusal is
//! told where the user wrote, by whoever asked.

use std::time::Duration;

use crate::config::Spam;
use crate::model::{Author, LinkRight, Now, Obstacle, RoomId, SlowMode, Uid, from_cp1252};
use crate::protocol::{PacketType, markup};
use crate::store::{Change, FilterAction, FilterConsequence, MuteKind, OffenceRecord, StrikeRecord};

use super::directory::service_im;
use super::feed::EventKind;
use super::guard::{Act, ActKind, Aftermath, Match, Refusal, Verdict};
use super::rooms::Rank;
use super::rules::Rules;
use super::sanctions::{Sanction, entry, user};
use super::staff::{Via, together};
use super::{ConnId, Effect, Effects, Event, Person, Session, State};

/// What the names of the detectors' settings begin with in the store.
pub(super) const ANTISPAM: &str = "antispam.";
/// The name of the setting of the whole server's slowmode, in seconds.
const SLOWMODE: &str = "slowmode";
/// The most characters of a message that staff are shown.
const SHOWN: usize = 200;

/// What is asked of the guard, besides by whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) kind: ActKind,
    /// The room in which it happens.
    pub(super) room: Option<RoomId>,
    /// What is said, with markup.
    pub(super) text: Option<&'a [u8]>,
    /// Whether the client says it by itself.
    pub(super) automatic: bool,
}

impl Asked<'_> {
    /// An act without a text in no room.
    pub(super) fn new(kind: ActKind) -> Self {
        Asked { kind, room: None, text: None, automatic: false }
    }
}

/// What the store has for the guard.
#[derive(Debug, Default)]
pub struct GuardRecords {
    /// What the limits hold against people.
    pub strikes: Vec<(Uid, StrikeRecord)>,
    /// What the detectors hold against people.
    pub offences: Vec<(Uid, OffenceRecord)>,
    /// Settings that were changed at run time.
    pub settings: Vec<(String, String)>,
    /// Filters and links that do not count.
    pub rules: Rules,
}

impl State {
    /// Puts the limits and what was kept in force. To be done before anybody signs in. Returns what is
    /// wrong with settings that cannot be used, each for the log.
    pub fn guard_with(&mut self, now: Now, limits: Spam, records: GuardRecords) -> Vec<String> {
        let GuardRecords { strikes, offences, settings, rules } = records;
        self.guard.set_limits(limits);
        for (uid, record) in strikes {
            self.guard.restore(now, uid, record);
        }
        self.guard.detectors.offences = super::guard::detect::Offences::load(offences);
        self.install_rules(rules);
        self.apply_settings(settings)
    }

    /// Takes over settings that were changed at run time, as far as they concern the guard. Returns what
    /// is wrong with those that cannot be used.
    pub(super) fn apply_settings(&mut self, settings: Vec<(String, String)>) -> Vec<String> {
        let mut wrong = Vec::new();
        for (name, value) in settings {
            if let Some(name) = name.strip_prefix(ANTISPAM) {
                wrong.extend(self.guard.detectors.settings.set(name, &value).err());
            } else if name == SLOWMODE {
                match value.parse().ok().and_then(SlowMode::new) {
                    Some(slowmode) => self.guard.set_slowmode(None, slowmode),
                    None => wrong.push(format!("the slowmode of the server is \"{value}\"")),
                }
            }
        }
        wrong
    }

    /// Says whether rooms for adults take only those of whom staff know that they are.
    pub fn require_verified_adults(&mut self, on: bool) {
        self.adults_verified = on;
    }

    /// Puts other filters and another list of links in force.
    pub fn install_rules(&mut self, rules: Rules) {
        self.guard.filters = rules.filters;
        self.guard.detectors.whitelist = rules.whitelist;
    }

    /// Changes a setting of the detectors, by the names of
    /// [`Settings::values`](super::guard::detect::Settings::values). Returns the change that is to be made
    /// durable; or what is wrong, for whoever tried.
    pub(super) fn set_antispam(&mut self, name: &str, value: &str) -> Result<Change, String> {
        let settings = &mut self.guard.detectors.settings;
        settings.set(name, value)?;
        let value = settings.values().into_iter().find(|(known, ..)| *known == name);
        let value = value.map_or_else(String::new, |(_, value, _)| value);
        Ok(Change::SetSetting { name: format!("{ANTISPAM}{name}"), value })
    }

    /// Sets or ends the slowmode of the whole server. Returns the change that is to be made durable.
    pub(super) fn set_server_slowmode(&mut self, slowmode: SlowMode) -> Change {
        self.guard.set_slowmode(None, slowmode);
        let name = SLOWMODE.to_owned();
        match slowmode.is_off() {
            true => Change::ClearSetting { name },
            false => Change::SetSetting { name, value: slowmode.seconds().to_string() },
        }
    }

    /// Brings the guard's slowmode of a room up to what the room says; a room that is gone has none.
    pub(super) fn renew_slowmode(&mut self, id: RoomId) {
        let slowmode = self.rooms.get(&id).map(|room| room.slowmode).unwrap_or_default();
        self.guard.set_slowmode(Some(id), slowmode);
    }

    /// Asks the guard about what the user of `conn` wants to do, and does all that follows from a
    /// refusal but telling him: that text is the error.
    pub(super) fn judge(
        &mut self,
        now: Now,
        conn: ConnId,
        asked: Asked<'_>,
        effects: &mut Effects,
    ) -> Result<(), String> {
        let Some(session) = self.session(conn) else { return Err("Please sign in again.".to_owned()) };
        let (person, roles) = (session.person, session.roles);
        let uid = person.uid;
        if matches!(asked.kind, ActKind::FileOffer | ActKind::Call)
            && let Some(why) = self.no_media(now, uid)
        {
            effects.push(Effect::Refused(Obstacle::Mute));
            return Err(why);
        }
        let room = asked.room.and_then(|id| self.rooms.get(&id));
        let rank = asked.room.and_then(|id| self.rank(conn, id)).unwrap_or(Rank::Member);
        let linker = room.is_some_and(|room| room.linkers.contains(&uid));
        let no_links = match room.map(|room| room.links) {
            _ if rank >= Rank::Admin => None,
            Some(LinkRight::Admins) => Some("Only admins may post links in this room."),
            Some(LinkRight::Members) if !linker => {
                Some("Only admins, and those to whom they give the right, may post links in this room.")
            }
            _ => None,
        };
        let text = asked.text.map(markup::strip);
        let act = Act {
            uid,
            roles,
            room: asked.room,
            spared_slowmode: rank >= Rank::Admin,
            text: text.as_deref(),
            rating: room.map(|room| room.rating),
            no_links,
            automatic: asked.automatic,
        };
        let mute = self.sanctions.mute(now.wall, uid, MuteKind::Text);
        match self.guard.judge(now, &act, mute) {
            Verdict::Accept { matches } => {
                self.note_matches(person, asked, &matches, effects);
                Ok(())
            }
            Verdict::Refuse(refusal) => {
                effects.push(Effect::Refused(refusal.obstacle));
                Err(self.follow(now, conn, person, asked, *refusal, effects))
            }
        }
    }

    /// Why nothing that the user of `conn` writes is shown to others, if he is muted: for what is shown and
    /// is no message. It is counted as refused then.
    pub(super) fn muted(&self, now: Now, conn: ConnId, effects: &mut Effects) -> Option<String> {
        let Session { person, roles, .. } = self.session(conn)?;
        let mute = self.sanctions.mute(now.wall, person.uid, MuteKind::Text);
        let (obstacle, why) = self.guard.silenced(now, person.uid, *roles, mute)?;
        effects.push(Effect::Refused(obstacle));
        Some(why)
    }

    /// Does what a refusal brings besides words, which are returned.
    fn follow(
        &mut self,
        now: Now,
        conn: ConnId,
        person: Person,
        asked: Asked<'_>,
        refusal: Refusal,
        effects: &mut Effects,
    ) -> String {
        let Refusal { text: told, mute, aftermath, .. } = refusal;
        let uid = person.uid;
        let via = &mut Via::Chat(conn);
        let request = asked.kind.packets().first().copied().unwrap_or(PacketType::ROOM_MESSAGE_OUT);
        let sanction = |time, reason: String, details: String| Sanction {
            by: Author::System,
            target: person,
            time,
            reason,
            details,
        };
        match aftermath {
            Aftermath::None => {}
            Aftermath::Struck(struck) => {
                let change = Change::PutStrikes { uid, record: struck.record };
                let (why, details) = (struck.violation.name().to_owned(), struck.log.clone());
                let made = entry(now, "strike", Author::System, Some(user(person)), why, details);
                let change = Change::WithAudit { changes: vec![change], entries: vec![made] };
                effects.push(Effect::Commit { conn, request, change });
                effects.event(self.event_in(EventKind::Strike, asked).by(person).saying(struck.log));
            }
            Aftermath::Offence { detector, record } => {
                let said = format!("{detector}: {told}");
                effects.event(self.event_in(EventKind::Filter, asked).by(person).saying(said));
                // One change: after a crash there is no offence without the mute that it brought.
                let mut changes = vec![Change::PutOffences { uid, record }];
                if mute.is_some() {
                    let sanction = sanction(mute, detector.replace('_', " "), told.clone());
                    self.mute(now, &mut Via::Desk(&mut changes), MuteKind::Text, sanction, effects);
                }
                if let Some(change) = together(changes) {
                    effects.push(Effect::Commit { conn, request, change });
                }
            }
            Aftermath::Filtered(matches) => {
                self.note_matches(person, asked, &matches, effects);
                let Some(worst) = matches.iter().find(|found| found.action == FilterAction::Block) else {
                    return told;
                };
                let sanction =
                    |time| sanction(time, "not allowed here".to_owned(), format!("filter {}", worst.id));
                match worst.consequence {
                    FilterConsequence::Delete => {}
                    FilterConsequence::Warn => _ = self.warn(now, via, sanction(None), effects),
                    FilterConsequence::Mute { .. } => {
                        self.mute(now, via, MuteKind::Text, sanction(mute), effects);
                    }
                    FilterConsequence::Ban { seconds } => {
                        let time = seconds.map(|seconds| Duration::from_secs(seconds.into()));
                        self.ban_account(now, via, sanction(time), effects);
                    }
                }
            }
        }
        told
    }

    /// Counts filters that have matched, and tells staff of those of which they want to know.
    fn note_matches(&mut self, person: Person, asked: Asked<'_>, matches: &[Match], effects: &mut Effects) {
        for found in matches {
            self.count_hit(found.id);
            let event = self.event_in(EventKind::Filter, asked).by(person);
            let event = event.saying(format!("filter {}", found.id));
            if found.action == FilterAction::Notify {
                let place = match &event.room {
                    Some((_, room)) => format!("in {room}"),
                    None => "to one person".to_owned(),
                };
                let said = asked.text.map(markup::strip).unwrap_or_default();
                let said: String = from_cp1252(&said).chars().take(SHOWN).collect();
                let nickname = person.nickname;
                let packet = service_im(&format!("Filter {}: {nickname} wrote {place}: {said}", found.id));
                let staff = self.sessions().filter(|session| session.roles.is_staff());
                effects.push(Effect::ToMany { to: staff.map(|session| session.conn).collect(), packet });
            }
            effects.event(event);
        }
    }

    fn event_in(&self, kind: EventKind, asked: Asked<'_>) -> Event {
        let event = Event::new(kind);
        match asked.room.and_then(|id| self.rooms.get(&id)) {
            Some(room) => event.in_room(room.id, &room.name),
            None => event,
        }
    }

    /// Counts a message of the user of `conn` that was accepted.
    pub(super) fn count_message(&mut self, conn: ConnId, effects: &mut Effects) {
        effects.push(Effect::Accepted);
        if let Some(session) = self.session_mut(conn) {
            session.messages += 1;
        }
    }
}
