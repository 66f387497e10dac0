//! A room with one of each who can be in it, and what it tells whom.

use super::*;
use crate::model::Role;
use crate::protocol::RoomJoined;

pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// Somebody who is only a member, the owner of [`ROOM`], an admin by grant and a member of staff,
/// all of them inside.
pub(super) struct Club {
    pub(super) world: World,
    pub(super) guest: ConnId,
    pub(super) owner: ConnId,
    pub(super) admin: ConnId,
    pub(super) staff: ConnId,
}

pub(super) const GUEST: u32 = 1;
pub(super) const OWNER: u32 = 2;
pub(super) const ADMIN: u32 = 3;
pub(super) const STAFF: u32 = 4;

impl Club {
    pub(super) fn new() -> Club {
        let mut world = World::new();
        world.state.rooms.get_mut(&ROOM).unwrap().owner = Some(person(OWNER));
        let guest = world.sign_in(GUEST, &[]).0;
        let owner = world.sign_in(OWNER, &[]).0;
        let admin = world.sign_in(ADMIN, &[]).0;
        let staff = world.sign_in_with(STAFF, &[], |sign_in| sign_in.roles = moderator()).0;
        for conn in [guest, owner, admin, staff] {
            world.join(conn, ROOM);
        }
        world.room(owner, ROOM, RoomCommand::SetAdmin { uid: person(ADMIN).uid, on: true });
        Club { world, guest, owner, admin, staff }
    }

    pub(super) fn act(&mut self, conn: ConnId, command: RoomCommand) -> Vec<Effect> {
        self.world.room(conn, ROOM, command)
    }

    pub(super) fn room(&self) -> &Room {
        self.world.state.room(ROOM).unwrap()
    }

    pub(super) fn member(&self, number: u32) -> Option<Member> {
        self.room().member_of(person(number).uid).copied()
    }

    pub(super) fn later(&mut self, time: Duration) {
        self.world.now.wall = self.world.now.wall.after(time);
        self.world.now.uptime += time;
    }
}

pub(super) fn moderator() -> Roles {
    Roles::default().with(Role::Moderator)
}

/// What goes to the whole room.
pub(super) fn to_room(effects: &[Effect]) -> Vec<&ServerPacket> {
    let packets = effects.iter().filter_map(|effect| match effect {
        Effect::ToRoom { packet, .. } => Some(packet),
        _ => None,
    });
    packets.collect()
}

pub(super) fn commits(effects: &[Effect]) -> Vec<&Change> {
    let changes = effects.iter().filter_map(|effect| match effect {
        Effect::Commit { change, .. } => Some(change),
        _ => None,
    });
    changes.collect()
}

pub(super) fn joined(effects: &[Effect], conn: ConnId) -> Option<&RoomJoined> {
    sent_to(effects, conn).into_iter().find_map(|packet| match packet {
        ServerPacket::RoomJoined(joined) => Some(&**joined),
        _ => None,
    })
}

/// The text of a refusal, if there is one.
pub(super) fn refused(effects: &[Effect], conn: ConnId) -> Option<String> {
    sent_to(effects, conn).into_iter().find_map(|packet| match packet {
        ServerPacket::ReturnCode { code: 1, data, .. } => Some(String::from_utf8_lossy(data).into_owned()),
        _ => None,
    })
}

/// What somebody reads who may not come in.
pub(super) fn refusal_of_join(world: &mut World, conn: ConnId, room: RoomId) -> String {
    refused(&world.join(conn, room), conn).expect("not refused")
}

pub(super) fn wish() -> NewRoom {
    NewRoom {
        kind: 3,
        category: CategoryId(30_018),
        rating: b'G',
        name: b"Lab Room".to_vec(),
        lockword: b"sesame".to_vec(),
        udp_port: 2090,
    }
}

pub(super) fn create(world: &mut World, conn: ConnId, wish: NewRoom) -> Vec<Effect> {
    world.directory(conn, DirectoryCommand::CreateRoom(Box::new(wish)))
}

pub(super) fn say(text: &str) -> RoomCommand {
    RoomCommand::Message(message(text))
}
