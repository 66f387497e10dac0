//! Rooms as people and scripts see them.

use serde::Serialize;

use super::super::account::yes_no;
use crate::control::wire::{PermanentRoom, PermanentRoomDetail, RoomPerson, RoomSettings};
use crate::model::RoomKind;

const KINDS: [(RoomKind, &str); 4] = [
    (RoomKind::Voice, "voice"),
    (RoomKind::Text, "text"),
    (RoomKind::PrivateVoice, "private-voice"),
    (RoomKind::PrivateText, "private-text"),
];

/// The kind of this name.
pub(super) fn kind(text: &str) -> Result<RoomKind, String> {
    let found = KINDS.iter().find(|(_, name)| *name == text).map(|(kind, _)| *kind);
    found.ok_or_else(|| "write voice, text, private-voice or private-text".to_owned())
}

pub(super) const HEADINGS: [&str; 7] = ["ID", "NAME", "CATEGORY", "KIND", "RATING", "LOCKED", "OWNER"];

/// A room in a list.
pub(super) fn row(room: &PermanentRoom) -> Vec<String> {
    vec![
        room.id.to_string(),
        room.name.clone(),
        room.category.to_string(),
        kind_of(room),
        room.rating.to_string(),
        yes_no(room.locked),
        owner(room),
    ]
}

fn kind_of(room: &PermanentRoom) -> String {
    let kind = if room.voice { "voice" } else { "text" };
    if room.private { format!("private-{kind}") } else { kind.to_owned() }
}

fn owner(room: &PermanentRoom) -> String {
    room.owner.as_ref().map_or_else(none, person)
}

fn person(person: &RoomPerson) -> String {
    person.nickname.clone().unwrap_or_else(|| format!("{} (no account)", person.uid))
}

/// A room by itself, as one object.
#[derive(Serialize)]
pub(super) struct Details {
    #[serde(flatten)]
    room: PermanentRoom,
    #[serde(flatten)]
    settings: RoomSettings,
}

impl Details {
    pub(super) fn of(found: PermanentRoomDetail) -> Details {
        Details { room: found.room, settings: found.settings }
    }

    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        let Details { room, settings } = self;
        let or_none = |text: &str| if text.is_empty() { none() } else { text.to_owned() };
        let linkers: Vec<String> = settings.linkers.iter().map(person).collect();
        let slow_mode = match settings.slowmode {
            0 => "off".to_owned(),
            seconds => format!("{seconds} s"),
        };
        let category = settings.category_name.as_deref().unwrap_or("gone");
        vec![
            ("Id", room.id.to_string()),
            ("Name", room.name.clone()),
            ("Kind", kind_of(room)),
            ("Category", format!("{} ({category})", room.category)),
            ("Rating", room.rating.to_string()),
            ("Topic", or_none(&room.topic)),
            ("Welcome", or_none(&settings.welcome)),
            ("Lockword", settings.lockword.clone().unwrap_or_else(none)),
            ("Owner", owner(room)),
            ("Admin code", settings.admin_code.map_or_else(none, |code| code.to_string())),
            ("Speakers", room.speakers.to_string()),
            ("Slow mode", slow_mode),
            ("Links", settings.links.name().to_owned()),
            ("May post links", or_none(&linkers.join(", "))),
            ("Newcomers may speak", yes_no(settings.new_user_mic)),
            ("Red dot takes text", yes_no(settings.reddot_text)),
            ("Red dot takes video", yes_no(settings.reddot_video)),
            ("Bounced", settings.bounces.to_string()),
            ("Banned", settings.bans.to_string()),
            ("Created", settings.created.clone()),
        ]
    }
}

fn none() -> String {
    "-".to_owned()
}
