//! What admins of rooms do, and those try who are none.

use super::*;

impl Evening {
    /// Something that only admins may do. Whoever does not see himself as one must change nothing.
    pub(super) fn administrate(&mut self) {
        let Some(mut conn) = self.anybody() else { return };
        let admins: Vec<(ConnId, RoomId)> = self
            .clients
            .values()
            .flat_map(|client| client.windows.iter().map(move |(room, window)| (client.conn, *room, window)))
            .filter(|(_, _, window)| window.admin)
            .map(|(conn, room, _)| (conn, room))
            .collect();
        let mut room = self.some_room(conn);
        if let (true, Some(admin)) = (self.dice.percent(75), self.dice.pick(&admins)) {
            (conn, room) = (admin.0, Some(admin.1));
        }
        let Some(room) = room else { return };
        let mut uid = self.some_member(room).unwrap_or(Uid::FIRST_PERSON);
        if self.dice.percent(45) {
            // Few are admins, and fewest by somebody's grace: without this, hardly anything would happen to
            // one of them.
            let granted = self.dice.percent(50);
            let room = self.state.room(room);
            let admins = room.iter().flat_map(|room| room.members.iter().map(move |member| (room, member)));
            let admins = admins.filter(|(room, member)| {
                let by_right = is_staff(member.uid) || room.is_owner(member.uid);
                member.admin && !(granted && by_right)
            });
            let admins: Vec<Uid> = admins.map(|(_, member)| member.uid).collect();
            uid = self.dice.pick(&admins).copied().unwrap_or(uid);
        }
        let on = self.dice.percent(50);
        let all = self.dice.percent(10);
        let owners_only = |command: &RoomCommand| matches!(command, RoomCommand::SetAdmin { .. });
        let command = match self.dice.below(49) {
            0..4 => RoomCommand::LowerAllHands,
            4..8 => RoomCommand::SetAllMics(on),
            8..11 => RoomCommand::NewUserMic(on),
            11..17 => RoomCommand::RedDot { uid: if all { Uid::EVERYBODY } else { uid }, on },
            17..19 => RoomCommand::RedDotTakesText(on),
            19 => RoomCommand::RedDotTakesVideo(on),
            20..24 => RoomCommand::Bounce(uid),
            24 => RoomCommand::BounceReason { uid, reason: b"rude".to_vec() },
            25..29 => {
                let kind = if on { ExclusionKind::Bounce } else { ExclusionKind::Ban };
                let kept: Vec<Uid> = self
                    .state
                    .room(room)
                    .map(|room| room.exclusions(kind).keys().copied().collect())
                    .unwrap_or_default();
                RoomCommand::LetIn { kind, uid: if all { None } else { self.dice.pick(&kept).copied() } }
            }
            29..31 => RoomCommand::AdminInfo,
            31..37 => RoomCommand::SetAdmin { uid, on },
            37..39 => RoomCommand::SetTopic(format!("Topic {}", self.dice.below(9)).into_bytes()),
            39..42 => {
                let target = person(number_of(uid));
                RoomCommand::Ban { target, staff: is_staff(uid) }
            }
            42..47 => RoomCommand::SetAdmin { uid, on: false },
            _ if self.dice.percent(40) => RoomCommand::Close,
            _ => return,
        };
        let me = &self.clients[&conn];
        let (my_uid, window) = (me.uid, me.windows.get(&room));
        let is_admin = window.is_some_and(|window| window.admin);
        let is_owner = self.state.room(room).is_some_and(|room| room.is_owner(my_uid));
        let staff = is_staff(my_uid);
        let entitled = is_admin && (!owners_only(&command) || is_owner || staff);
        let before = format!("{:?}", self.state.room(room));
        let out = matches!(command, RoomCommand::Bounce(_) | RoomCommand::Ban { .. });
        let target = self.state.room(room).and_then(|room| room.member_of(uid)).copied();
        let unmakes = matches!(command, RoomCommand::SetAdmin { on: false, .. });
        let silences = matches!(command, RoomCommand::RedDot { on: true, .. });
        let told = self.room(conn, room, command);
        if entitled && unmakes {
            let target = self.state.room(room).and_then(|room| room.member_of(uid)).copied();
            let by_right = is_staff(uid) || self.state.room(room).is_some_and(|room| room.is_owner(uid));
            assert!(by_right || target.is_none_or(|target| !target.admin), "{uid} is an admin still");
        }
        if entitled && silences {
            let target = self.state.room(room).and_then(|room| room.member_of(uid)).copied();
            let heard = target.filter(|target| !target.admin && target.may_speak());
            assert!(heard.is_none(), "{uid} was given a red dot and may speak");
        }
        if !entitled {
            assert!(told.is_empty(), "{my_uid} has moved others in {room} without right");
            assert_eq!(
                format!("{:?}", self.state.room(room)),
                before,
                "{my_uid} has changed {room} without right"
            );
        } else if let (true, Some(target)) = (out && target.is_some_and(|target| target.admin), target) {
            // Thrown out although he was an admin: only by somebody above him.
            let inside = self.state.room(room).is_some_and(|room| room.is_member(target.conn));
            assert!(inside || staff || is_owner, "{my_uid} has thrown out his like");
        }
    }
}
