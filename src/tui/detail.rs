//! Everything about one user, room or event.

use crate::control::wire::{RoomDetail, StrikeRow, UserDetail};
use crate::hub::FeedEntry;
use crate::model::{Role, RoomId, Status, Timestamp, Uid};

use super::doc::{Doc, Scroll};
use super::feed::{kind_name, level_name, sentence};
use super::format::{bytes, clock, count, duration, round_trip};
use super::keys::DetailKind;
use super::theme::Tone;

/// A page about a user or a room, opened over a pane.
#[derive(Clone, Debug)]
pub(super) struct Detail {
    pub(super) kind: DetailKind,
    pub(super) id: u32,
    pub(super) name: String,
    pub(super) data: Data,
    pub(super) scroll: Scroll,
}

/// What is known so far.
#[derive(Clone, Debug)]
pub(super) enum Data {
    /// Nothing yet.
    Awaited,
    User(Box<UserDetail>),
    Room(Box<RoomDetail>),
}

impl Detail {
    pub(super) fn user(uid: Uid, name: &str) -> Detail {
        Detail::new(DetailKind::User, uid.0, name)
    }

    pub(super) fn room(id: RoomId, name: &str) -> Detail {
        Detail::new(DetailKind::Room, id.0, name)
    }

    fn new(kind: DetailKind, id: u32, name: &str) -> Detail {
        Detail { kind, id, name: name.to_owned(), data: Data::Awaited, scroll: Scroll::default() }
    }

    /// The users or rooms that one can go to from here.
    pub(super) fn links(&self) -> Vec<(DetailKind, u32, String)> {
        match &self.data {
            Data::Awaited => Vec::new(),
            Data::User(user) => {
                user.rooms.iter().map(|(id, name)| (DetailKind::Room, id.0, name.clone())).collect()
            }
            Data::Room(room) => {
                let members = room.members.iter();
                members.map(|member| (DetailKind::User, member.uid.0, member.nickname.clone())).collect()
            }
        }
    }

    /// The page as a text of so many columns.
    pub(super) fn doc(&self, width: u16, gone: bool) -> Doc {
        let mut doc = Doc::new(width);
        if gone {
            let what = match self.kind {
                DetailKind::User => "signed out",
                DetailKind::Room => "closed",
            };
            doc.text(&format!("▲ {} since; this is how it was last", what), Tone::Warn);
        }
        match &self.data {
            Data::Awaited => doc.text("asking the server…", Tone::Dim),
            Data::User(user) => user_page(&mut doc, user),
            Data::Room(room) => room_page(&mut doc, room),
        }
        doc
    }
}

fn user_page(doc: &mut Doc, user: &UserDetail) {
    doc.heading("User");
    doc.field("Name", &user.nickname, Tone::Strong);
    doc.field("Id", &user.uid.to_string(), Tone::Text);
    if !user.roles.is_empty() {
        let roles: Vec<&str> = user.roles.iter().map(|role: &Role| role.name()).collect();
        doc.field("Roles", &roles.join(", "), Tone::Accent);
    }
    doc.field("Registered", &user.created.utc(), Tone::Text);
    if let Some(address) = user.address {
        doc.field("Address", &address.to_string(), Tone::Text);
    }
    match &user.row {
        None => doc.field("State", "not signed in", Tone::Dim),
        Some(row) => {
            let (state, tone) = match row.status {
                Status::Online => ("● online", Tone::Good),
                Status::Away => ("○ away", Tone::Warn),
                Status::Dnd => ("✗ do not disturb", Tone::Bad),
                Status::Invisible => ("· invisible", Tone::Dim),
            };
            doc.field("State", state, tone);
            doc.field("Client", &row.client, Tone::Text);
            doc.heading("Connection");
            doc.field("Online", &duration(row.connected_seconds), Tone::Text);
            doc.field("Idle", &duration(row.idle_seconds), Tone::Text);
            doc.field("Messages", &count(row.messages), Tone::Text);
            doc.field("Received", &bytes(row.bytes_in), Tone::Text);
            doc.field("Sent", &bytes(row.bytes_out), Tone::Text);
            doc.field("Waiting", &bytes(row.pending_bytes), Tone::Text);
            if let Some(time) = row.rtt_micros {
                doc.field("Round trip", &round_trip(time.into()), Tone::Text);
            }
            if row.muted_seconds > 0 {
                doc.field("Muted", &format!("▲ {} left", duration(row.muted_seconds)), Tone::Bad);
            }
        }
    }
    doc.heading(&format!("Rooms ({})", user.rooms.len()));
    for (id, name) in &user.rooms {
        doc.field(&id.to_string(), name, Tone::Text);
    }
    doc.heading("Limits");
    match &user.strikes {
        Some(strikes) => strike_lines(doc, strikes),
        None => doc.text("never caught", Tone::Dim),
    }
    if !user.sanctions.is_empty() || !user.warnings.is_empty() {
        doc.heading("Sanctions and warnings");
        for sanction in &user.sanctions {
            doc.text(&crate::model::display_safe(sanction), Tone::Warn);
        }
        for (at, by, why) in &user.warnings {
            doc.field(&day(*at), &format!("warned by {by}: {why}"), Tone::Text);
        }
    }
    events(doc, &user.events);
}

fn strike_lines(doc: &mut Doc, strikes: &StrikeRow) {
    let tone = if strikes.strikes > 0 || strikes.stage > 0 { Tone::Warn } else { Tone::Text };
    doc.field("Strikes", &format!("{} of 3, stage {}", strikes.strikes, strikes.stage), tone);
    doc.field("Violations", &strikes.violations.to_string(), Tone::Text);
    if strikes.muted_seconds > 0 {
        doc.field("Muted", &format!("▲ {} left", duration(strikes.muted_seconds)), Tone::Bad);
    }
    doc.field("Last limit", &format!("{} {}", strikes.last_reason, strikes.last_detail), Tone::Text);
    if let Some(at) = &strikes.last_at {
        doc.field("At", at, Tone::Dim);
    }
}

fn room_page(doc: &mut Doc, room: &RoomDetail) {
    let row = &room.row;
    doc.heading("Room");
    doc.field("Name", &row.name, Tone::Strong);
    doc.field("Id", &row.id.to_string(), Tone::Text);
    doc.field("Category", &row.category, Tone::Text);
    doc.field("Rating", &row.rating.to_string(), Tone::Text);
    let words = [
        (row.voice, "voice"),
        (!row.voice, "text only"),
        (row.permanent, "permanent"),
        (row.private, "private"),
        (row.locked, "locked"),
    ];
    let words: Vec<&str> = words.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
    doc.field("Kind", &words.join(", "), Tone::Text);
    if let Some(owner) = &row.owner {
        doc.field("Owner", owner, Tone::Text);
    }
    if !row.topic.is_empty() {
        doc.field("Topic", &row.topic, Tone::Text);
    }
    if !room.welcome.is_empty() {
        doc.field("Welcome", &room.welcome, Tone::Text);
    }
    let slow =
        if room.slowmode == 0 { "off".to_owned() } else { format!("{} s between messages", room.slowmode) };
    doc.field("Slow mode", &slow, Tone::Text);
    doc.field("Messages", &count(row.messages), Tone::Text);
    let (tcp, udp) = room.listeners;
    doc.field("Listeners", &format!("{tcp} over TCP, {udp} over UDP"), Tone::Text);
    doc.heading(&format!("Members ({})", room.members.len()));
    if room.members.is_empty() {
        doc.text("nobody is here", Tone::Dim);
    }
    for member in &room.members {
        let words = [
            (member.admin, "admin"),
            (member.hand, "hand up"),
            (!member.mic, "no mic"),
            (member.red_dot, "red dot"),
            (member.invisible, "unseen"),
        ];
        let words: Vec<&str> = words.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
        let value = if words.is_empty() {
            member.nickname.clone()
        } else {
            format!("{}  ({})", member.nickname, words.join(", "))
        };
        doc.field(&member.uid.to_string(), &value, Tone::Text);
    }
    if !room.kept_out.is_empty() {
        doc.heading("Kept out");
        for (name, until, why) in &room.kept_out {
            let until = until.map_or("for good".to_owned(), |until| format!("until {}", until.utc()));
            doc.text(&crate::model::display_safe(&format!("{name} {until}: {why}")), Tone::Text);
        }
    }
    events(doc, &room.events);
}

fn events(doc: &mut Doc, events: &[FeedEntry]) {
    doc.heading("Last events");
    if events.is_empty() {
        doc.text("nothing yet", Tone::Dim);
    }
    for entry in events.iter().rev() {
        doc.field(&clock(entry.at), &format!("{}  {}", kind_name(entry.kind), sentence(entry)), Tone::Text);
    }
}

/// One event in full.
pub(super) fn event_page(entry: &FeedEntry, width: u16) -> Doc {
    let mut doc = Doc::new(width);
    doc.field("What", &kind_name(entry.kind), Tone::Strong);
    doc.field("When", &entry.at.utc(), Tone::Text);
    doc.field("Level", level_name(entry.kind.level()), Tone::Text);
    let named = |name: &str, uid: Option<Uid>| uid.map_or(name.to_owned(), |uid| format!("{name} ({uid})"));
    if let Some(actor) = &entry.actor {
        doc.field("Who", &named(actor, entry.actor_uid), Tone::Text);
    }
    if let Some(target) = &entry.target {
        doc.field("Whom", &named(target, entry.target_uid), Tone::Text);
    }
    if let (Some(name), Some(id)) = (&entry.room_name, entry.room) {
        doc.field("Room", &format!("{name} ({id})"), Tone::Text);
    }
    doc.field("Text", &entry.text, Tone::Text);
    doc.field("Number", &entry.seq.to_string(), Tone::Dim);
    doc
}

fn day(at: Timestamp) -> String {
    at.utc().get(..10).unwrap_or_default().to_owned()
}
