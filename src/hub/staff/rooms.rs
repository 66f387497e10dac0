//! Permanent rooms, made and changed by operators while people are in them.

use std::mem;

use crate::model::{
    Author, CategoryId, LinkRight, Now, Rating, RoomId, RoomName, SlowMode, Speakers, Uid, to_cp1252,
};
use crate::protocol::ServerPacket;
use crate::store::{Change, ExclusionKind, RoomRecord};

use super::super::feed::{Event, EventKind};
use super::super::rooms::notice;
use super::super::sanctions::entry;
use super::super::{Effect, Effects, Person, Room, State};
use super::act::with_entry;
use super::server::room_target;
use super::{ActError, Via};

/// What is changed about a permanent room. What is `None` stays as it was; an inner `None` takes something
/// away. Texts are Windows-1252 and were checked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RoomSettings {
    /// The name.
    pub name: Option<RoomName>,
    /// The line at the top of the window; empty for none.
    pub topic: Option<Vec<u8>>,
    /// What newcomers are told; empty for nothing.
    pub welcome: Option<Vec<u8>>,
    /// Whom it is for.
    pub rating: Option<Rating>,
    /// The word that opens it.
    pub lockword: Option<Option<Vec<u8>>>,
    /// Whose it is.
    pub owner: Option<Option<Person>>,
    /// The number that makes people admins, 1 to 9999.
    pub admin_code: Option<Option<u16>>,
    /// The category it is listed in.
    pub category: Option<CategoryId>,
    /// How many may speak at once.
    pub speakers: Option<Speakers>,
    /// How long people wait between two messages.
    pub slowmode: Option<SlowMode>,
    /// Who may post links.
    pub links: Option<LinkRight>,
    /// Takes the right to post links from everybody who was given it.
    pub no_linkers: bool,
    /// Whether newcomers may speak.
    pub new_user_mic: Option<bool>,
    /// Whether a red dot takes away text, too.
    pub reddot_text: Option<bool>,
    /// Whether a red dot takes away video, too.
    pub reddot_video: Option<bool>,
}

impl RoomSettings {
    /// Gives a room these settings, and says which of them it did not have.
    pub fn apply(&self, room: &mut RoomRecord) -> Vec<&'static str> {
        let mut changed = Changed(Vec::new());
        changed.set("name", &mut room.name, self.name.clone());
        changed.set("topic", &mut room.topic, self.topic.clone());
        changed.set("welcome", &mut room.welcome, self.welcome.clone());
        changed.set("rating", &mut room.rating, self.rating);
        changed.set("lockword", &mut room.lockword, self.lockword.clone());
        changed.set("owner", &mut room.owner, self.owner.map(|owner| owner.map(|it| it.uid)));
        changed.set("admin code", &mut room.admin_code, self.admin_code);
        changed.set("category", &mut room.category, self.category);
        changed.set("speakers", &mut room.speakers, self.speakers);
        changed.set("slowmode", &mut room.slowmode, self.slowmode);
        changed.set("links", &mut room.links, self.links);
        changed.set("linkers", &mut room.linkers, self.no_linkers.then(Default::default));
        changed.set("new user mic", &mut room.new_user_mic, self.new_user_mic);
        changed.set("reddot text", &mut room.reddot_text, self.reddot_text);
        changed.set("reddot video", &mut room.reddot_video, self.reddot_video);
        changed.0
    }

    /// The changes of the store that come with a changed room: nobody is kept out of a room of his own by
    /// what was before.
    pub fn changes(before: Option<Uid>, room: RoomRecord) -> Vec<Change> {
        let (id, new_owner) = (room.id, room.owner.filter(|owner| Some(*owner) != before));
        let let_in = |uid| {
            [ExclusionKind::Bounce, ExclusionKind::Ban].map(|kind| Change::LetIn {
                room: id,
                kind,
                uid: Some(uid),
            })
        };
        let mut changes = vec![Change::PutRoom(room)];
        changes.extend(new_owner.into_iter().flat_map(let_in));
        changes
    }
}

struct Changed(Vec<&'static str>);

impl Changed {
    fn set<T: PartialEq>(&mut self, name: &'static str, setting: &mut T, value: Option<T>) {
        if let Some(value) = value.filter(|value| value != setting) {
            *setting = value;
            self.0.push(name);
        }
    }
}

impl State {
    pub(super) fn create_by_staff(
        &mut self,
        now: Now,
        author: &Author,
        record: RoomRecord,
        owner: Option<Person>,
        via: &mut Via<'_>,
        effects: &mut Effects,
    ) -> Result<String, ActError> {
        let id = record.id;
        if self.rooms.contains_key(&id) {
            return Err(ActError::Failed(format!("There is a room {id} already.")));
        }
        self.check_place(&record)?;
        let room = Room::permanent(record.clone(), owner);
        let (name, target) = (room.name.clone(), room_target(&room));
        self.rooms.insert(id, room);
        self.renew_slowmode(id);
        effects.event(Event::new(EventKind::RoomOpened).by(author).in_room(id, &name).saying("permanent"));
        let made = entry(now, "create_room", author.clone(), Some(target), String::new(), String::new());
        via.commit(with_entry(vec![Change::PutRoom(record)], made), effects);
        Ok(format!("created {name} (room {id})"))
    }

    pub(super) fn set_by_staff(
        &mut self,
        now: Now,
        author: &Author,
        id: RoomId,
        settings: &RoomSettings,
        via: &mut Via<'_>,
        effects: &mut Effects,
    ) -> Result<String, ActError> {
        let Some(room) = self.room(id).filter(|room| room.permanent) else {
            return Err(ActError::NotFound(format!("There is no permanent room {id}.")));
        };
        let before = room.record();
        let mut record = before.clone();
        let changed = settings.apply(&mut record);
        if changed.is_empty() {
            // Nothing is written, but that somebody has asked for it.
            let made =
                entry(now, "set_room", author.clone(), Some(room_target(room)), String::new(), String::new());
            let told = format!("{} (room {id}) was so already", room.name);
            via.commit(Change::Audit(made), effects);
            return Ok(told);
        }
        self.check_place(&record)?;
        let owner = settings.owner;
        let Some(room) = self.rooms.get_mut(&id) else {
            return Err(ActError::NotFound(format!("There is no permanent room {id}.")));
        };
        let owner = owner.unwrap_or(room.owner);
        renew(room, record.clone(), owner, before.owner);
        let details = changed.join(", ");
        let (name, target) = (room.name.clone(), room_target(room));
        self.renew_slowmode(id);
        if before.topic != record.topic {
            let packet = ServerPacket::RoomTopic(id, Uid::SYSTEM, record.topic.clone());
            effects.push(Effect::ToRoom { room: id, except: None, packet });
        }
        self.follow_owner(id, before.owner, effects);
        effects.push(Effect::VoiceChanged(id));
        let text = format!("This room has been changed by those who run the place: {details}.");
        let packet = notice(id, &to_cp1252(&text));
        effects.push(Effect::ToRoom { room: id, except: None, packet });
        let event = Event::new(EventKind::RoomChanged).by(author).in_room(id, &name);
        effects.event(event.saying(details.clone()));
        let made = entry(now, "set_room", author.clone(), Some(target), String::new(), details.clone());
        via.commit(with_entry(RoomSettings::changes(before.owner, record), made), effects);
        Ok(format!("{name} (room {id}) is changed: {details}"))
    }

    /// Says why a room cannot be there under this name and in this category, if it cannot.
    fn check_place(&self, record: &RoomRecord) -> Result<(), ActError> {
        let known = self.categories.iter().any(|category| category.id == record.category);
        if !known || record.category.is_top_rooms() {
            return Err(ActError::Invalid("Rooms cannot be in this category.".to_owned()));
        }
        let same = |room: &&Room| {
            room.id != record.id
                && !room.kind.is_private()
                && room.name.as_bytes().eq_ignore_ascii_case(record.name.as_bytes())
        };
        match self.rooms.values().find(same).filter(|_| !record.kind.is_private()) {
            Some(other) => Err(ActError::Failed(format!("the room {} has this name already", other.id))),
            None => Ok(()),
        }
    }
}

/// Has a room be as it is kept from now on, with everybody who is inside.
fn renew(room: &mut Room, record: RoomRecord, owner: Option<Person>, before: Option<Uid>) {
    let old = mem::replace(room, Room::permanent(record, owner));
    room.members = old.members;
    room.messages = old.messages;
    room.invited = old.invited;
    room.red_dots = old.red_dots;
    room.bounces = old.bounces;
    room.bans = old.bans;
    if let Some(owner) = owner.filter(|owner| Some(owner.uid) != before) {
        room.bounces.remove(&owner.uid);
        room.bans.remove(&owner.uid);
    }
}
