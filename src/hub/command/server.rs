//! Commands of those who run the place, about the server as a whole, and the audit log.

use std::time::Duration;

use crate::model::{SlowMode, Timestamp};
use crate::store::{AuditActor, AuditQuery, AuditRecord, AuditSubject};

use super::super::guard::words::words;
use super::super::lookup::{Finding, Question};
use super::super::staff::Action;
use super::super::{Effects, State};
use super::staff::{Staff, Stop, listed, page};
use super::who::{duration, split_word};

/// Entries of a page of the audit log.
const AUDIT_PAGE: usize = 15;

pub(super) fn users(state: &mut State, staff: &Staff<'_>, _: &mut Effects) -> Result<String, Stop> {
    let (start, rest) = match page(&staff.line) {
        Ok(number) => (String::new(), number.to_string()),
        Err(_) => {
            let (start, rest) = split_word(&staff.line);
            (start.to_lowercase(), rest.to_owned())
        }
    };
    let mut rows: Vec<_> = state.connections().filter_map(|conn| state.user_row(staff.now, conn)).collect();
    rows.retain(|row| row.nickname.to_lowercase().starts_with(&start));
    rows.sort_by_key(|row| row.nickname.to_lowercase());
    let lines = rows.iter().map(|row| {
        let roles: Vec<&str> = row.roles.iter().map(|role| role.name()).collect();
        let roles = if roles.is_empty() { String::new() } else { format!(", {}", roles.join(" ")) };
        let rooms: Vec<String> = row.rooms.iter().map(ToString::to_string).collect();
        let rooms = if rooms.is_empty() { String::new() } else { format!(", in {}", rooms.join(" ")) };
        format!(
            "{} (uid {}) from {}, client {}{roles}{rooms}",
            row.nickname, row.uid, row.address, row.client
        )
    });
    Ok(listed("user", lines.collect(), page(&rest)?))
}

pub(super) fn rooms(state: &mut State, staff: &Staff<'_>, _: &mut Effects) -> Result<String, Stop> {
    let mut rows = state.room_rows();
    rows.sort_by_key(|row| (std::cmp::Reverse(row.members), row.id));
    let lines = rows.iter().map(|row| {
        let kind = if row.voice { "voice" } else { "text" };
        let locked = if row.locked { ", locked" } else { "" };
        let private = if row.private { ", private" } else { "" };
        let owner = row.owner.as_ref().map_or(String::new(), |owner| format!(", of {owner}"));
        let Some(room) = state.room(row.id) else { return String::new() };
        let slow = match room.slowmode.seconds() {
            0 => String::new(),
            seconds => format!(", slowmode {seconds} s"),
        };
        let (id, name, members, rating) = (row.id, &row.name, row.members, row.rating);
        format!("{id} {name}: {members} inside, {rating}, {kind}{locked}{private}{owner}{slow}")
    });
    Ok(listed("room", lines.collect(), page(&staff.line)?))
}

pub(super) fn stats(state: &mut State, staff: &Staff<'_>, _: &mut Effects) -> Result<String, Stop> {
    let population = state.population();
    let bans = state.sanctions.bans().all(staff.now.wall).len();
    let mut text = format!(
        "{} users signed in, {} of them away, {} at most\n{} rooms with somebody in them\n{bans} bans in \
         force\nRunning for {}",
        population.online,
        population.away,
        population.peak,
        population.rooms_open,
        words(staff.now.uptime)
    );
    if let Some(message) = state.maintenance() {
        text += &format!("\nMaintenance: {message}");
    }
    Ok(text)
}

/// Whoever is muted does not speak as the server either.
fn not_muted(state: &State, staff: &Staff<'_>, effects: &mut Effects) -> Result<(), Stop> {
    state.muted(staff.now, staff.call.conn, effects).map_or(Ok(()), |why| Err(Stop::Says(why)))
}

pub(super) fn broadcast(state: &mut State, staff: &Staff<'_>, effects: &mut Effects) -> Result<String, Stop> {
    let text = staff.line.clone();
    if text.is_empty() {
        return Err(Stop::Usage);
    }
    not_muted(state, staff, effects)?;
    staff.act(state, Action::Broadcast { room: None, text }, effects)
}

pub(super) fn notice(state: &mut State, staff: &Staff<'_>, effects: &mut Effects) -> Result<String, Stop> {
    let Some(room) = staff.call.room().filter(|_| !staff.line.is_empty()) else { return Err(Stop::Usage) };
    not_muted(state, staff, effects)?;
    staff.act(state, Action::Broadcast { room: Some(room), text: staff.line.clone() }, effects)
}

pub(super) fn close(state: &mut State, staff: &Staff<'_>, effects: &mut Effects) -> Result<String, Stop> {
    let (id, reason) = split_word(&staff.line);
    let room = crate::model::RoomId(id.parse().map_err(|_| Stop::Usage)?);
    staff.act(state, Action::CloseRoom { room, reason: reason.to_owned() }, effects)
}

pub(super) fn maintenance(
    state: &mut State,
    staff: &Staff<'_>,
    effects: &mut Effects,
) -> Result<String, Stop> {
    let (switch, message) = split_word(&staff.line);
    let on = match switch.to_ascii_lowercase().as_str() {
        "on" => true,
        "off" => false,
        "" => {
            let text = match state.maintenance() {
                Some(message) => format!("There is maintenance: {message}"),
                None => "There is no maintenance.".to_owned(),
            };
            return Ok(text);
        }
        _ => return Err(Stop::Usage),
    };
    if on && !message.is_empty() {
        not_muted(state, staff, effects)?;
    }
    staff.act(state, Action::Maintenance { on, message: message.to_owned() }, effects)
}

pub(super) fn slowmode(state: &mut State, staff: &Staff<'_>, effects: &mut Effects) -> Result<String, Stop> {
    let seconds = match staff.line.trim() {
        "off" => 0,
        seconds => seconds.parse().ok().filter(|seconds| *seconds <= SlowMode::MAX).ok_or(Stop::Usage)?,
    };
    staff.act(state, Action::Slowmode { room: None, seconds, reason: String::new() }, effects)
}

pub(super) fn audit(_: &mut State, staff: &Staff<'_>, _: &mut Effects) -> Result<String, Stop> {
    let (query, wanted) = audit_query(staff.now.wall, &staff.line)?;
    let Finding::Audit(page) = staff.found(|| Question::Audit(Box::new(query)))? else {
        return Err(Stop::busy());
    };
    let mut lines: Vec<String> = page.records.iter().map(audit_line).collect();
    if lines.is_empty() {
        lines.push("Nothing was found.".to_owned());
    }
    if let Some(next) = page.next {
        let filters: Vec<&str> =
            wanted.split_whitespace().filter(|word| !word.starts_with("before=")).collect();
        lines.push(format!("For more write /auditlog {} before={next}", filters.join(" ")));
    }
    Ok(lines.join("\n"))
}

fn audit_line(record: &AuditRecord) -> String {
    let entry = &record.entry;
    let from = entry.actor.address().map_or(String::new(), |address| format!(" ({address})"));
    let about = entry.target.as_ref().map_or(String::new(), |target| format!(" {}", target.name()));
    let words = [&entry.reason, &entry.details].into_iter().filter(|text| !text.is_empty());
    let words: Vec<&str> = words.map(String::as_str).collect();
    let colon = if words.is_empty() { "" } else { ": " };
    let (seq, at, actor, action) = (record.seq, entry.at.utc(), &entry.actor, &entry.action);
    format!("#{seq} {at} {actor}{from} {action}{about}{colon}{}", words.join("; "))
}

/// Reads filters such as `action=ban by=Alice about="Bob Smith" since=7d until=1h before=120`.
fn audit_query(now: Timestamp, line: &str) -> Result<(AuditQuery, String), Stop> {
    let mut query = AuditQuery { limit: AUDIT_PAGE, ..AuditQuery::default() };
    let mut rest = line.trim();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or(Stop::Usage)?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or(Stop::Usage)?,
            None => split_word(after),
        };
        rest = after.trim();
        let ago = || duration(value).map(|time: Duration| now.before(time)).ok_or(Stop::Usage);
        match key.trim().to_ascii_lowercase().as_str() {
            "action" => query.action = Some(value.to_ascii_lowercase()),
            "by" => query.actor = Some(AuditActor::Named(value.to_owned())),
            "about" => query.target = Some(AuditSubject::Named(value.to_owned())),
            "since" => query.from = Some(ago()?),
            "until" => query.to = Some(ago()?),
            "before" => query.before = Some(value.parse().map_err(|_| Stop::Usage)?),
            _ => return Err(Stop::Usage),
        }
    }
    Ok((query, line.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_of_the_audit_log_are_read() {
        let now = Timestamp(10_000_000);
        let read = |line| audit_query(now, line).map(|(query, _)| query);
        let plain = AuditQuery { limit: AUDIT_PAGE, ..AuditQuery::default() };
        assert_eq!(read(""), Ok(plain.clone()));
        let all = "action=Ban by=Alice about=\"Bob Smith\" since=1h until=30m before=120";
        assert_eq!(
            read(all),
            Ok(AuditQuery {
                action: Some("ban".to_owned()),
                actor: Some(AuditActor::Named("Alice".to_owned())),
                target: Some(AuditSubject::Named("Bob Smith".to_owned())),
                from: Some(Timestamp(10_000_000 - 3_600_000)),
                to: Some(Timestamp(10_000_000 - 1_800_000)),
                before: Some(120),
                ..plain
            })
        );
        for wrong in ["ban", "what=ban", "since=yesterday", "before=x", "by=\"Alice"] {
            assert_eq!(read(wrong), Err(Stop::Usage), "{wrong}");
        }
    }
}
