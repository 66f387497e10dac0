//! What a room is like: settings, and whether they are kept.

use crate::model::RoomId;
use crate::protocol::PacketType;
use crate::store::{Change, ExclusionKind};

use super::super::{ConnId, Effect, Effects, Room, State};

impl State {
    /// Gives a setting of a room this value, for good if the room is permanent. Returns whether it
    /// had another. The caller has checked that he who asks may do that.
    pub(in super::super) fn set<T: PartialEq>(
        &mut self,
        conn: ConnId,
        id: RoomId,
        request: PacketType,
        setting: impl FnOnce(&mut Room) -> &mut T,
        value: T,
        effects: &mut Effects,
    ) -> bool {
        let Some(room) = self.rooms.get_mut(&id) else { return false };
        let setting = setting(room);
        if *setting == value {
            return false;
        }
        *setting = value;
        self.renew_slowmode(id);
        if let Some(room) = self.rooms.get(&id).filter(|room| room.permanent) {
            effects.push(Effect::Commit { conn, request, change: Change::PutRoom(room.record()) });
        }
        true
    }

    /// Makes a temporary room permanent, with all that belongs to it, or the other way round: then it
    /// vanishes when the last member leaves. Returns whether that changes anything. The caller has
    /// checked that he who asks may do that.
    pub(in super::super) fn set_permanent(
        &mut self,
        conn: ConnId,
        id: RoomId,
        request: PacketType,
        on: bool,
        effects: &mut Effects,
    ) -> bool {
        let Some(room) = self.rooms.get_mut(&id).filter(|room| room.permanent != on) else { return false };
        room.permanent = on;
        let mut commit = |change| effects.push(Effect::Commit { conn, request, change });
        if !on {
            commit(Change::DeleteRoom(id));
            return true;
        }
        commit(Change::PutRoom(room.record()));
        for kind in [ExclusionKind::Bounce, ExclusionKind::Ban] {
            for entry in room.exclusions(kind).values().cloned() {
                commit(Change::Exclude { room: id, kind, entry });
            }
        }
        true
    }
}
