//! What the hub has in memory and the store may not have.
//!
//! The hub changes its memory first and hands the change to the store then; nobody reads that it is
//! done before the store has it. If the store does not take it, because it is busy or because a rule of
//! its own forbids it, memory is ahead of what would be there after a restart. What the change was about
//! is then in [`Doubt`]: it is read back, off the hub, and what the store has takes the place of what
//! the hub had. So nothing holds that nobody was told is done.

use std::collections::BTreeSet;

use crate::model::{CloseReason, Now, RoomId, SlowMode, Timestamp, Uid};
use crate::protocol::ServerPacket;
use crate::store::{Ban, BanTarget, Change, ExclusionKind, Reader, Sanctions, StoreError};

use super::contacts::Lists;
use super::guard::detect::Settings;
use super::sanctions::banned_text;
use super::staff::MAINTENANCE_SETTING;
use super::{Effect, Effects, Person, Room, State};

/// Something of which memory may say something else than the store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Doubt {
    /// What is held against an account.
    Account(Uid),
    /// The ban of a network.
    Network(BanTarget),
    /// Whether a room is permanent, what it is like then, and who is kept out of it.
    Room(RoomId),
    /// The settings that are changed at run time.
    Settings,
    /// The pals, blocks and privacy of an account, which a newer session of it may have taken over.
    Lists(Uid),
}

/// What the store has of something that was in doubt.
#[derive(Debug)]
pub enum Truth {
    /// What is held against an account.
    Account(Uid, Box<Sanctions>),
    /// The ban of a network.
    Network(BanTarget, Option<Ban>),
    /// A permanent room without its members; `None` if there is no such permanent room.
    Room(RoomId, Option<Box<Room>>),
    /// The settings that were changed at run time.
    Settings(Vec<(String, String)>),
    /// The pals, blocks and privacy of an account; `None` if there is no such account.
    Lists(Uid, Option<Box<Lists>>),
}

/// What a change is about, of all that the hub keeps in memory for longer than a session. A session ends
/// when a change of its own is not stored, but the next one of the same user may have its lists already.
pub fn doubts(change: &Change) -> BTreeSet<Doubt> {
    let one = |doubt| BTreeSet::from([doubt]);
    let ban = |target: &BanTarget| match target {
        BanTarget::Account(uid) => Doubt::Account(*uid),
        BanTarget::Network(_) => Doubt::Network(target.canonical()),
    };
    match change {
        Change::PutBan(put) => one(ban(&put.target)),
        Change::LiftBan { target } => one(ban(target)),
        Change::PutMute { uid, .. }
        | Change::LiftMute { uid, .. }
        | Change::AddWarning { uid, .. }
        | Change::ClearWarnings { uid }
        | Change::PutStrikes { uid, .. }
        | Change::ClearStrikes { uid }
        | Change::PutOffences { uid, .. }
        | Change::ClearOffences { uid: Some(uid) } => one(Doubt::Account(*uid)),
        Change::PutRoom(record) => one(Doubt::Room(record.id)),
        Change::DeleteRoom(room) | Change::Exclude { room, .. } | Change::LetIn { room, .. } => {
            one(Doubt::Room(*room))
        }
        Change::SetSetting { .. } | Change::ClearSetting { .. } => one(Doubt::Settings),
        Change::AddPal { uid, .. }
        | Change::RemovePal { uid, .. }
        | Change::Block { uid, .. }
        | Change::Unblock { uid, .. }
        | Change::SetPrivacy { uid, .. } => one(Doubt::Lists(*uid)),
        Change::WithAudit { changes, .. } => changes.iter().flat_map(doubts).collect(),
        _ => BTreeSet::new(),
    }
}

impl Doubt {
    /// Asks the store. Blocks: not for the hub.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn ask(self, reader: &Reader) -> Result<Truth, StoreError> {
        Ok(match self {
            Doubt::Account(uid) => Truth::Account(uid, Box::new(reader.sanctions(uid)?)),
            Doubt::Network(target) => Truth::Network(target, reader.ban(target)?),
            Doubt::Room(id) => {
                let rooms = read_rooms(reader, |room| room == id)?;
                Truth::Room(id, rooms.into_iter().next().map(Box::new))
            }
            Doubt::Settings => Truth::Settings(reader.settings()?),
            Doubt::Lists(uid) => Truth::Lists(uid, Lists::read(reader, uid)?.map(Box::new)),
        })
    }
}

impl Truth {
    /// What was in doubt.
    pub fn about(&self) -> Doubt {
        match self {
            Truth::Account(uid, _) => Doubt::Account(*uid),
            Truth::Network(target, _) => Doubt::Network(*target),
            Truth::Room(room, _) => Doubt::Room(*room),
            Truth::Settings(_) => Doubt::Settings,
            Truth::Lists(uid, _) => Doubt::Lists(*uid),
        }
    }
}

/// The permanent rooms that are `wanted`, by number, without members, as the store has them. Blocks.
///
/// # Errors
///
/// If the store cannot be read.
pub fn read_rooms(reader: &Reader, wanted: impl Fn(RoomId) -> bool) -> Result<Vec<Room>, StoreError> {
    let now = Timestamp::now();
    let mut rooms = Vec::new();
    for record in reader.rooms()?.into_iter().filter(|record| wanted(record.id)) {
        let owner = match record.owner {
            Some(uid) => reader.account(uid)?.map(|account| Person { uid, nickname: account.nickname }),
            None => None,
        };
        rooms.push(Room::permanent(record, owner));
    }
    rooms.sort_unstable_by_key(|room| room.id);
    for kind in [ExclusionKind::Bounce, ExclusionKind::Ban] {
        for (room, entry) in reader.exclusions(kind)?.into_iter().filter(|(_, entry)| entry.holds(now)) {
            let found = rooms.binary_search_by_key(&room, |room| room.id).ok();
            if let Some(room) = found.and_then(|at| rooms.get_mut(at)) {
                room.exclusions_mut(kind).insert(entry.uid, entry);
            }
        }
    }
    Ok(rooms)
}

impl State {
    /// Puts what the store has in the place of what is in memory.
    pub fn believe(&mut self, now: Now, truth: Truth, effects: &mut Effects) {
        match truth {
            Truth::Account(uid, sanctions) => self.believe_account(now, uid, *sanctions, effects),
            Truth::Network(target, ban) => self.believe_ban(now, target, ban),
            Truth::Room(id, Some(room)) => self.believe_room(now, id, *room, effects),
            Truth::Room(id, None) => {
                if let Some(room) = self.rooms.get_mut(&id) {
                    room.permanent = false;
                }
                self.after_last_member(id);
                // The room may be gone.
                effects.push(Effect::VoiceChanged(id));
            }
            Truth::Lists(uid, Some(lists)) => self.believe_lists(uid, *lists, effects),
            // Who is signed in to an account that is gone is being signed out.
            Truth::Lists(_, None) => {}
            Truth::Settings(settings) => {
                self.guard.detectors.settings = Settings::default();
                self.guard.set_slowmode(None, SlowMode::OFF);
                let message = settings.iter().find(|(name, _)| name == MAINTENANCE_SETTING);
                self.believe_maintenance(now, message.map(|(_, message)| message.clone()));
                for wrong in self.apply_settings(settings) {
                    tracing::warn!(?wrong, "a setting in the store cannot be used");
                }
            }
        }
    }

    fn believe_account(&mut self, now: Now, uid: Uid, kept: Sanctions, effects: &mut Effects) {
        let Sanctions { ban, mutes, warnings, strikes, offences } = kept;
        let voiceless = self.no_media(now, uid).is_some();
        self.sanctions.believe(uid, mutes, warnings.len());
        if (self.no_media(now, uid).is_some()) != voiceless {
            self.renew_voice(now, uid, effects);
        }
        self.guard.believe(now, uid, strikes);
        self.guard.detectors.offences.restore(uid, offences);
        self.believe_ban(now, BanTarget::Account(uid), ban);
        let ban = self.sanctions.bans().account(now.wall, uid);
        if let (Some(ban), Some(conn)) = (ban, self.session_of(uid).map(|session| session.conn)) {
            self.put_off(conn, CloseReason::Banned, &banned_text(now.wall, &ban), effects);
        }
    }

    fn believe_ban(&mut self, now: Now, target: BanTarget, ban: Option<Ban>) {
        match ban {
            Some(ban) => drop(self.sanctions.bans().put(now.wall, ban)),
            None => self.sanctions.bans().lift(target),
        }
    }

    fn believe_room(&mut self, now: Now, id: RoomId, kept: Room, effects: &mut Effects) {
        let (told, owner) = match self.rooms.get_mut(&id) {
            Some(room) => {
                let (told, owner) = (room.topic != kept.topic, room.owner.map(|owner| owner.uid));
                let Room { members, invited, red_dots, messages, .. } = std::mem::replace(room, kept);
                (room.members, room.invited, room.red_dots, room.messages) =
                    (members, invited, red_dots, messages);
                (told, owner)
            }
            None => {
                self.rooms.insert(id, kept);
                (false, None)
            }
        };
        self.renew_slowmode(id);
        self.follow_owner(id, owner, effects);
        effects.push(Effect::VoiceChanged(id));
        let Some(room) = self.rooms.get(&id) else { return };
        if told {
            let packet = ServerPacket::RoomTopic(id, Uid::SYSTEM, room.topic.clone());
            effects.push(Effect::ToRoom { room: id, except: None, packet });
        }
        // Who was let in by what was not kept is out again.
        let excluded = room.members.iter().filter(|member| room.exclusion(member.uid, now.wall).is_some());
        let out: Vec<_> = excluded.map(|member| (member.conn, member.uid)).collect();
        for (conn, uid) in out {
            let staff = self.session_of(uid).is_some_and(|session| session.roles.is_staff());
            if !staff {
                self.shut_out(conn, id, b"You may not be in this room.", effects);
            }
        }
    }
}
