//! Commands of those who run the place, about people: kick, ban, mute, warn, and what is held against
//! whom.

use ipnet::IpNet;

use crate::model::{Now, from_cp1252, network};
use crate::store::{BanTarget, MuteKind};

use super::super::guard::words::words;
use super::super::lookup::{Finding, Lookup, Question};
use super::super::staff::{self, ActError, Action, Actor, BanWhom, Via};
use super::super::{Effect, Effects, State};
use super::table::StaffCommand;
use super::who::{known, person, split_word, time};
use super::{Call, Place};

/// Lines of a list at most.
pub(super) const LINES: usize = 25;
/// Commands of one connection that may wait for the store.
const ASKING: u32 = 16;
const BUSY: &str = "The server is busy. Please try again in a moment.";

/// Why a command goes no further.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    /// It was not written as it has to be.
    Usage,
    /// For a reason that the one who typed it reads.
    Says(String),
    /// It needs this first.
    Ask(Question),
}

impl Stop {
    pub(super) fn busy() -> Stop {
        Stop::Says(BUSY.to_owned())
    }
}

impl From<ActError> for Stop {
    fn from(error: ActError) -> Stop {
        Stop::Says(error.to_string())
    }
}

/// A command of staff: what it answers, a line each.
pub(super) type StaffRun = fn(&mut State, &Staff<'_>, &mut Effects) -> Result<String, Stop>;

/// A command that somebody may use who belongs to the staff.
pub(super) struct Staff<'a> {
    pub(super) now: Now,
    pub(super) actor: Actor,
    pub(super) call: &'a Call<'a>,
    /// What follows the command's name and, if a word after it chose the command, that word.
    pub(super) line: String,
}

impl Staff<'_> {
    pub(super) fn act(
        &self,
        state: &mut State,
        action: Action,
        effects: &mut Effects,
    ) -> Result<String, Stop> {
        let done = state.act(self.now, &self.actor, action, &mut Via::Chat(self.call.conn), effects);
        done.map(|text| capital(&text)).map_err(Stop::from)
    }

    /// The finding, once it is there.
    pub(super) fn found(&self, question: impl FnOnce() -> Question) -> Result<&Finding, Stop> {
        match self.call.found {
            Some(Finding::Failed) => Err(Stop::busy()),
            Some(finding) => Ok(finding),
            None => Err(Stop::Ask(question())),
        }
    }
}

/// Runs a command of staff for whoever typed it, if he may.
pub(super) fn run(state: &mut State, call: &Call<'_>, command: &StaffCommand, effects: &mut Effects) {
    let StaffCommand { words, usage, permission, run, .. } = *command;
    let now = call.now;
    let Some(session) = state.session(call.conn) else { return };
    let actor = Actor::in_chat(session).filter(|actor| actor.standing.has(permission));
    let Some(actor) = actor else {
        let author = staff::author(session);
        let via = &mut Via::Chat(call.conn);
        state.note_refused(now, &author, permission.name(), None, via, effects);
        return call.answer(&permission.refusal(), effects);
    };
    let mut line = from_cp1252(&call.rest());
    if !words.is_empty() {
        line = split_word(&line).1.to_owned();
    }
    let staff = Staff { now, actor, call, line };
    // What was typed later must not overtake what waits for the store.
    let waits = !call.resumed && state.asking.contains_key(&call.conn);
    let result = if waits { Err(Stop::Ask(Question::Turn)) } else { run(state, &staff, effects) };
    // Whoever has put himself out of the room in which he typed, or has left it since, reads the answer still.
    let place = match call.place {
        Place::Room(room) if !state.is_member(call.conn, room) => Place::Service,
        place => place,
    };
    let call = &Call { place, ..*call };
    match result {
        Ok(text) | Err(Stop::Says(text)) => {
            for line in text.lines() {
                call.answer(line, effects);
            }
        }
        Err(Stop::Usage) => call.answer(&format!("Write {usage}"), effects),
        // What was found was not what it asked for; asking again would find no end.
        Err(Stop::Ask(_)) if call.found.is_some() => call.answer(BUSY, effects),
        Err(Stop::Ask(question)) => {
            let asking = state.asking.entry(call.conn).or_default();
            if *asking >= ASKING && !call.resumed {
                return call.answer(BUSY, effects);
            }
            *asking += 1;
            let (conn, typed) = (call.conn, call.typed());
            effects.push(Effect::Lookup(Box::new(Lookup { conn, typed, question })));
        }
    }
}

pub(super) fn kick(state: &mut State, staff: &Staff<'_>, effects: &mut Effects) -> Result<String, Stop> {
    let (user, reason) = person(state, staff.call, &staff.line)?;
    staff.act(state, Action::Kick { user, reason: reason.to_owned() }, effects)
}

/// A network or address at the beginning of a line, and what follows.
fn split_network(line: &str) -> Option<(IpNet, &str)> {
    let (word, rest) = split_word(line);
    Some((network(word)?, rest))
}

pub(super) fn ban(state: &mut State, staff: &Staff<'_>, effects: &mut Effects) -> Result<String, Stop> {
    let (whom, rest) = whom(state, staff)?;
    let (time, reason) = time(rest);
    staff.act(state, Action::Ban { whom, time, reason: reason.to_owned() }, effects)
}

pub(super) fn unban(state: &mut State, staff: &Staff<'_>, effects: &mut Effects) -> Result<String, Stop> {
    let (whom, _) = whom(state, staff)?;
    staff.act(state, Action::Unban { whom, reason: String::new() }, effects)
}

fn whom<'a>(state: &State, staff: &'a Staff<'_>) -> Result<(BanWhom, &'a str), Stop> {
    if let Some((network, rest)) = split_network(&staff.line) {
        return Ok((BanWhom::Network(network), rest));
    }
    let (user, rest) = person(state, staff.call, &staff.line)?;
    Ok((BanWhom::User(user), rest))
}

pub(super) fn bans(state: &mut State, staff: &Staff<'_>, _: &mut Effects) -> Result<String, Stop> {
    let bans = state.sanctions.bans().all(staff.now.wall);
    let page = page(&staff.line)?;
    let lines = bans.iter().map(|ban| {
        let target = match (ban.target, ban.nickname) {
            (_, Some(nickname)) => nickname.to_string(),
            (BanTarget::Account(uid), None) => format!("uid {uid}"),
            (BanTarget::Network(network), None) => network.to_string(),
        };
        let until = ban.until.map_or("for good".to_owned(), |until| format!("until {}", until.utc()));
        format!("{target} {until}, by {}: {}", ban.by, ban.reason)
    });
    Ok(listed("ban", lines.collect(), page))
}

pub(super) fn mute(state: &mut State, staff: &Staff<'_>, effects: &mut Effects) -> Result<String, Stop> {
    mute_kind(state, staff, MuteKind::Text, effects)
}

pub(super) fn restrict(state: &mut State, staff: &Staff<'_>, effects: &mut Effects) -> Result<String, Stop> {
    mute_kind(state, staff, MuteKind::Media, effects)
}

fn mute_kind(
    state: &mut State,
    staff: &Staff<'_>,
    kind: MuteKind,
    effects: &mut Effects,
) -> Result<String, Stop> {
    let (user, rest) = person(state, staff.call, &staff.line)?;
    let (time, reason) = time(rest);
    staff.act(state, Action::Mute { user, kind, time, reason: reason.to_owned() }, effects)
}

pub(super) fn unmute(state: &mut State, staff: &Staff<'_>, effects: &mut Effects) -> Result<String, Stop> {
    let (user, _) = person(state, staff.call, &staff.line)?;
    staff.act(state, Action::Unmute { user, kind: MuteKind::Text, reason: String::new() }, effects)
}

pub(super) fn unrestrict(
    state: &mut State,
    staff: &Staff<'_>,
    effects: &mut Effects,
) -> Result<String, Stop> {
    let (user, _) = person(state, staff.call, &staff.line)?;
    staff.act(state, Action::Unmute { user, kind: MuteKind::Media, reason: String::new() }, effects)
}

pub(super) fn warn(state: &mut State, staff: &Staff<'_>, effects: &mut Effects) -> Result<String, Stop> {
    let (user, reason) = person(state, staff.call, &staff.line)?;
    if reason.is_empty() {
        return Err(Stop::Says("Say why: he reads it.".to_owned()));
    }
    staff.act(state, Action::Warn { user, reason: reason.to_owned() }, effects)
}

pub(super) fn warnings(state: &mut State, staff: &Staff<'_>, _: &mut Effects) -> Result<String, Stop> {
    let (known, _) = known(state, staff.call, &staff.line)?;
    let name = known.subject.person.nickname;
    let warnings = known.sanctions.warnings;
    let lines = warnings
        .iter()
        .rev()
        .map(|warning| format!("{} by {}: {}", warning.at.utc(), warning.by, warning.reason));
    Ok(listed(&format!("warning of {name}"), lines.collect(), 1))
}

pub(super) fn strikes(state: &mut State, staff: &Staff<'_>, _: &mut Effects) -> Result<String, Stop> {
    let line = |name: &str, record: &crate::store::StrikeRecord| {
        format!(
            "{name}: {} strikes, stage {}, {} violations, the last {} {} at {}",
            record.strikes,
            record.stage,
            record.violations,
            record.last_reason,
            record.last_detail,
            record.last_at.utc()
        )
    };
    if staff.line.is_empty() {
        let Finding::Strikes(found) = staff.found(|| Question::Strikes)? else { return Err(Stop::busy()) };
        let lines = found.iter().map(|(nickname, uid, record)| {
            line(&nickname.map_or(format!("uid {uid}"), |nickname| nickname.to_string()), record)
        });
        return Ok(listed("record of strikes", lines.collect(), 1));
    }
    let (known, _) = known(state, staff.call, &staff.line)?;
    let name = known.subject.person.nickname.to_string();
    Ok(match &known.sanctions.strikes {
        Some(record) => line(&name, record),
        None => format!("{name} has no strikes."),
    })
}

pub(super) fn clear(state: &mut State, staff: &Staff<'_>, effects: &mut Effects) -> Result<String, Stop> {
    let (what, rest) = split_word(&staff.line);
    let (subject, _) = match what.to_ascii_lowercase().as_str() {
        "warnings" | "strikes" => person(state, staff.call, rest)?,
        _ => return Err(Stop::Usage),
    };
    let action = match what.eq_ignore_ascii_case("warnings") {
        true => Action::ClearWarnings(subject),
        false => Action::ClearStrikes { user: subject, reason: String::new() },
    };
    staff.act(state, action, effects)
}

pub(super) fn info(state: &mut State, staff: &Staff<'_>, _: &mut Effects) -> Result<String, Stop> {
    let (known, _) = known(state, staff.call, &staff.line)?;
    let subject = known.subject;
    let uid = subject.person.uid;
    let roles: Vec<&str> = subject.roles.iter().map(crate::model::Role::name).collect();
    let roles = if roles.is_empty() { "no roles".to_owned() } else { roles.join(", ") };
    let mut text = format!("{subject}: {roles}, account made {}", known.created.utc());
    match state.session_of(uid) {
        Some(session) => {
            let row = state.user_row(staff.now, session.conn);
            let row = row.ok_or_else(Stop::busy)?;
            let rooms: Vec<String> = row.rooms.iter().map(ToString::to_string).collect();
            let since = words(std::time::Duration::from_secs(row.connected_seconds));
            text += &format!("\nSigned in for {since} from {} with {}", row.address, row.client);
            text += &format!(", {} messages, rooms: {}", row.messages, rooms.join(", "));
        }
        None => text += "\nNot signed in",
    }
    let held = state.sanctions.of(staff.now.wall, uid);
    if let Some(ban) = held.ban {
        text += &format!("\n{} ({})", super::super::sanctions::banned_text(staff.now.wall, &ban), ban.by);
    }
    for mute in &held.mutes {
        text += &format!("\n{} ({})", super::super::sanctions::muted_text(staff.now.wall, mute), mute.by);
    }
    text += &format!("\n{} warnings", held.warnings);
    if let Some(strikes) = &known.sanctions.strikes {
        text += &format!(", {} strikes, stage {}", strikes.strikes, strikes.stage);
    }
    if let Some(offences) = known.sanctions.offences {
        text += &format!(", {} offences", offences.offences);
        text += if offences.exempt { ", passed over by the detectors" } else { "" };
    }
    Ok(text)
}

/// The page that a line asks for; the first if it is empty.
pub(super) fn page(line: &str) -> Result<usize, Stop> {
    match line.trim() {
        "" => Ok(1),
        line => line.parse().ok().filter(|page| *page > 0).ok_or(Stop::Usage),
    }
}

/// A page of a list, with how many there are.
pub(super) fn listed(what: &str, lines: Vec<String>, page: usize) -> String {
    let (count, plural) = (lines.len(), if lines.len() == 1 { "" } else { "s" });
    let what = match what.split_once(" of ") {
        Some((what, whose)) => format!("{what}{plural} of {whose}"),
        None => format!("{what}{plural}"),
    };
    let shown = lines.into_iter().skip(page.saturating_sub(1).saturating_mul(LINES)).take(LINES);
    let mut text = format!("{count} {what}");
    if count > LINES {
        text += &format!(", page {page} of {}", count.div_ceil(LINES));
    }
    for line in shown {
        text.push('\n');
        text += &line;
    }
    text
}

/// A sentence with a capital at its beginning and a full stop.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => String::new(),
    }
}
