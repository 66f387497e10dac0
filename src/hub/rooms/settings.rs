//! What a room is like: settings, and whether they are kept.

use crate::store::{Change, ExclusionKind};

use super::super::{Effect, Effects, Room, State};
use super::duty::{Asker, Deed};
use super::rights::Power;

impl State {
    /// Gives a setting of a room, which the audit log knows by `name`, this value, for good if the room is
    /// permanent. Returns whether it had another. The caller has checked that he who asks may do that.
    pub(in super::super) fn set<T: PartialEq>(
        &mut self,
        asker: Asker,
        (name, setting): (&'static str, impl FnOnce(&mut Room) -> &mut T),
        value: T,
        effects: &mut Effects,
    ) -> bool {
        let id = asker.room;
        let Some(room) = self.rooms.get_mut(&id) else { return false };
        let setting = setting(room);
        if *setting == value {
            return false;
        }
        *setting = value;
        self.renew_slowmode(id);
        let kept = self.rooms.get(&id).filter(|room| room.permanent);
        let changes = kept.map(|room| Change::PutRoom(room.record())).into_iter().collect();
        // What admins of a room may set, its owner may, too.
        self.commit_deed(asker, changes, Deed::new(Power::Settings, "set_room", name), effects);
        true
    }

    /// Makes a temporary room permanent, with all that belongs to it, or the other way round: then it
    /// vanishes when the last member leaves. Returns whether that changes anything. The caller has
    /// checked that he who asks may do that.
    pub(in super::super) fn set_permanent(&mut self, asker: Asker, on: bool, effects: &mut Effects) -> bool {
        let id = asker.room;
        let Some(room) = self.rooms.get_mut(&id).filter(|room| room.permanent != on) else { return false };
        room.permanent = on;
        let change = if on { Change::PutRoom(room.record()) } else { Change::DeleteRoom(id) };
        let details = if on { "permanent" } else { "temporary" };
        let deed = Deed::new(Power::Permanence, "set_room", details);
        self.commit_deed(asker, vec![change], deed, effects);
        let Some(room) = self.rooms.get(&id).filter(|_| on) else { return true };
        let Asker { conn, request, .. } = asker;
        let mut commit = |change| effects.push(Effect::Commit { conn, request, change });
        for kind in [ExclusionKind::Bounce, ExclusionKind::Ban] {
            for entry in room.exclusions(kind).values().cloned() {
                commit(Change::Exclude { room: id, kind, entry });
            }
        }
        true
    }
}
