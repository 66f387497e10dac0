//! What has to be true after every step, and at the end.

use super::*;

impl Evening {
    /// What every client shows is what is true.
    pub(super) fn check(&self) {
        self.state.check_invariants().unwrap();
        let ghosts = self.faults.ghosts.iter().filter(|ghost| self.state.session(**ghost).is_some());
        assert_eq!(self.state.users_online(), self.clients.len() + ghosts.count());
        for client in self.clients.values() {
            let session = self.state.session(client.conn).expect("a client without a session");
            let inside: BTreeSet<RoomId> = session.rooms.iter().copied().collect();
            let windows: BTreeSet<RoomId> = client.windows.keys().copied().collect();
            assert_eq!(windows, inside, "the windows of {}", client.uid);
            for (id, window) in &client.windows {
                let room = self.state.room(*id).unwrap();
                let me = room.member(client.conn).unwrap();
                assert_eq!(window.admin, me.admin, "the menu of {} in {id}", client.uid);
                assert_eq!(window.topic, room.topic);
                // Older clients know it of those only who had done it before they came.
                let shows_muted =
                    ServerPacket::RoomUserMute(*id, client.uid, true).is_known_to(client.dialect);
                let there: BTreeMap<Uid, Shown> = room
                    .members
                    .iter()
                    .filter(|member| !member.invisible || me.admin || member.conn == me.conn)
                    .map(|member| {
                        let wall = !member.may_speak();
                        let muted = match shows_muted {
                            true => member.muted,
                            false => window.users.get(&member.uid).is_some_and(|shown| shown.muted),
                        };
                        (member.uid, Shown { admin: member.admin, wall, hand: member.hand, muted })
                    })
                    .collect();
                assert_eq!(window.users, there, "{} sees {id} wrongly", client.uid);
            }
        }
        for (id, published) in &self.voice {
            assert_eq!(
                *published,
                self.state.voice_room(self.now.wall, *id),
                "the voice service knows {id} wrongly"
            );
        }
        self.check_speech();
        self.check_peers();
        self.check_doors();
        self.check_presence();
        for room in self.state.rooms.values().filter(|room| room.kind.has_voice()) {
            assert!(room.members.is_empty() || self.voice.contains_key(&room.id));
            for member in &room.members {
                let told = self.told_voice.contains(&(room.id, member.conn));
                assert!(told, "{} was not told of the voice of {}", member.uid, room.id);
            }
        }
        for room in self.state.rooms.values() {
            for member in &room.members {
                let staff = is_staff(member.uid);
                // Whoever was let in when it was later may be inside now that the clock was put back.
                let kept_out = room.exclusion(member.uid, self.faults.latest.max(self.now.wall));
                assert!(staff || kept_out.is_none(), "{} is inside: {kept_out:?}", member.uid);
            }
        }
    }

    /// After a restart permanent rooms would be what they are now.
    pub(super) fn check_disk(&self) {
        // Whoever has run out by a clock that was put back since may have been forgotten.
        let at = self.faults.latest.max(self.now.wall);
        let permanent = self.state.rooms.values().filter(|room| room.permanent);
        let rooms: BTreeMap<RoomId, RoomRecord> =
            permanent.clone().map(|room| (room.id, room.record())).collect();
        assert_eq!(rooms, self.disk.rooms);
        let mut kept_out = BTreeMap::new();
        for room in permanent {
            for kind in [ExclusionKind::Bounce, ExclusionKind::Ban] {
                for entry in room.exclusions(kind).values().filter(|entry| entry.holds(at)) {
                    kept_out.insert((kind, room.id, entry.uid), entry.clone());
                }
            }
        }
        let mut stored = self.disk.exclusions.clone();
        stored.retain(|_, entry| entry.holds(at));
        assert_eq!(kept_out, stored);
    }
}
