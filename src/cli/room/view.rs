//! Rooms as people and scripts see them. The names of the fields are a contract.

use serde::Serialize;

use super::super::account::yes_no;
use crate::model::{LinkRight, RoomKind, SlowMode, Speakers, Uid, from_cp1252};
use crate::store::{ExclusionKind, Reader, RoomRecord, StoreError};

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

/// An account that has to do with a room.
#[derive(Serialize)]
struct PersonView {
    uid: u32,
    /// `None` if the account is gone.
    nickname: Option<String>,
}

impl PersonView {
    fn read(reader: &Reader, uid: Uid) -> Result<PersonView, StoreError> {
        let nickname = reader.account(uid)?.map(|account| account.nickname.to_string());
        Ok(PersonView { uid: uid.0, nickname })
    }

    fn text(&self) -> String {
        self.nickname.clone().unwrap_or_else(|| format!("{} (no account)", self.uid))
    }
}

/// A room in a list.
#[derive(Serialize)]
pub(super) struct RoomView {
    id: u32,
    name: String,
    category: u16,
    rating: char,
    voice: bool,
    private: bool,
    locked: bool,
    permanent: bool,
    speakers: Speakers,
    topic: String,
    owner: Option<PersonView>,
}

/// A room by itself.
#[derive(Serialize)]
pub(super) struct Details {
    #[serde(flatten)]
    room: RoomView,
    category_name: Option<String>,
    welcome: String,
    lockword: Option<String>,
    admin_code: Option<u16>,
    new_user_mic: bool,
    reddot_text: bool,
    reddot_video: bool,
    slowmode: SlowMode,
    links: LinkRight,
    linkers: Vec<PersonView>,
    bounces: usize,
    bans: usize,
    created: String,
}

impl RoomView {
    pub(super) const HEADINGS: [&str; 7] = ["ID", "NAME", "CATEGORY", "KIND", "RATING", "LOCKED", "OWNER"];

    pub(super) fn read(reader: &Reader, room: &RoomRecord) -> Result<RoomView, StoreError> {
        Ok(RoomView {
            id: room.id.0,
            name: room.name.to_string(),
            category: room.category.0,
            rating: char::from(room.rating.wire()),
            voice: room.kind.has_voice(),
            private: room.kind.is_private(),
            locked: room.lockword.is_some(),
            permanent: true,
            speakers: room.speakers,
            topic: from_cp1252(&room.topic),
            owner: room.owner.map(|uid| PersonView::read(reader, uid)).transpose()?,
        })
    }

    pub(super) fn row(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.name.clone(),
            self.category.to_string(),
            self.kind(),
            self.rating.to_string(),
            yes_no(self.locked),
            self.owner(),
        ]
    }

    fn kind(&self) -> String {
        let kind = if self.voice { "voice" } else { "text" };
        if self.private { format!("private-{kind}") } else { kind.to_owned() }
    }

    fn owner(&self) -> String {
        self.owner.as_ref().map_or_else(none, PersonView::text)
    }
}

impl Details {
    pub(super) fn read(reader: &Reader, room: &RoomRecord) -> Result<Details, StoreError> {
        let category = reader.categories()?.into_iter().find(|category| category.id == room.category);
        let kept_out = |kind| -> Result<usize, StoreError> {
            Ok(reader.exclusions(kind)?.iter().filter(|(id, _)| *id == room.id).count())
        };
        let linkers = room.linkers.iter().map(|uid| PersonView::read(reader, *uid));
        Ok(Details {
            room: RoomView::read(reader, room)?,
            category_name: category.map(|category| from_cp1252(&category.name)),
            welcome: from_cp1252(&room.welcome),
            lockword: room.lockword.as_deref().map(from_cp1252),
            admin_code: room.admin_code,
            new_user_mic: room.new_user_mic,
            reddot_text: room.reddot_text,
            reddot_video: room.reddot_video,
            slowmode: room.slowmode,
            links: room.links,
            linkers: linkers.collect::<Result<_, _>>()?,
            bounces: kept_out(ExclusionKind::Bounce)?,
            bans: kept_out(ExclusionKind::Ban)?,
            created: room.created.rfc3339(),
        })
    }

    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        let room = &self.room;
        let or_none = |text: &str| if text.is_empty() { none() } else { text.to_owned() };
        let linkers: Vec<String> = self.linkers.iter().map(PersonView::text).collect();
        let slow_mode = match self.slowmode.seconds() {
            0 => "off".to_owned(),
            seconds => format!("{seconds} s"),
        };
        let category = self.category_name.as_deref().unwrap_or("gone");
        vec![
            ("Id", room.id.to_string()),
            ("Name", room.name.clone()),
            ("Kind", room.kind()),
            ("Category", format!("{} ({category})", room.category)),
            ("Rating", room.rating.to_string()),
            ("Topic", or_none(&room.topic)),
            ("Welcome", or_none(&self.welcome)),
            ("Lockword", self.lockword.clone().unwrap_or_else(none)),
            ("Owner", room.owner()),
            ("Admin code", self.admin_code.map_or_else(none, |code| code.to_string())),
            ("Speakers", room.speakers.get().to_string()),
            ("Slow mode", slow_mode),
            ("Links", self.links.name().to_owned()),
            ("May post links", or_none(&linkers.join(", "))),
            ("Newcomers may speak", yes_no(self.new_user_mic)),
            ("Red dot takes text", yes_no(self.reddot_text)),
            ("Red dot takes video", yes_no(self.reddot_video)),
            ("Bounced", self.bounces.to_string()),
            ("Banned", self.bans.to_string()),
            ("Created", self.created.clone()),
        ]
    }
}

fn none() -> String {
    "-".to_owned()
}
