//! What few people do: saying what a room is like, opening private ones, switching the voice off.

use super::*;
use crate::hub::staff::{Action, Actor, RoomSettings, Standing, Via, together};
use crate::model::Author;

/// Who gives orders without being in the chat.
const NOBODY: ConnId = ConnId { slot: u32::MAX, generation: 0 };

/// Who may use a command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    Admins,
    Owner,
    Staff,
}

impl Evening {
    /// Whoever has no right to it must change nothing.
    pub(super) fn change_room(&mut self, conn: ConnId) {
        // Those in whose room it is, and staff, or it would hardly ever work.
        let staff_only = self.dice.percent(30);
        let owned: Vec<(ConnId, RoomId)> = (self.clients.values())
            .filter(|client| !staff_only || client.uid < person(STAFF).uid)
            .flat_map(|client| client.windows.iter().map(move |(room, window)| (client.conn, *room, window)))
            .filter(|(_, _, window)| window.admin)
            .map(|(conn, room, _)| (conn, room))
            .collect();
        let (conn, room) = match self.dice.percent(80).then(|| self.dice.pick(&owned).copied()).flatten() {
            Some(found) => found,
            None => match self.some_room(conn) {
                Some(room) => (conn, room),
                None => return,
            },
        };
        let other = self.some_member(room).unwrap_or(Uid::FIRST_PERSON);
        let nickname = person(other.0 - person(0).uid.0).nickname;
        let on = if self.dice.percent(60) { "on" } else { "off" };
        let what = if staff_only && self.dice.percent(50) { 0 } else { self.dice.below(10) };
        let (line, whose) = match what {
            0 | 1 => (format!("/permanent {on}"), For::Staff),
            2 => (format!("/speakers {}", self.dice.below(10)), For::Owner),
            3 => ("/lock sesame".to_owned(), For::Owner),
            4 => ("/unlock".to_owned(), For::Owner),
            5 => ("/welcome <<pb>pimg>".to_owned(), For::Owner),
            6 => ("/rating R".to_owned(), For::Owner),
            7 => ("/links members".to_owned(), For::Owner),
            8 => (format!("/link {nickname} {on}"), For::Admins),
            _ => (format!("/slowmode {}", self.dice.below(5000)), For::Admins),
        };
        let me = &self.clients[&conn];
        let is_admin = me.windows.get(&room).is_some_and(|window| window.admin);
        let is_owner = self.state.room(room).is_some_and(|room| room.is_owner(me.uid));
        let is_staff = me.uid < person(STAFF).uid;
        let entitled = is_admin
            && match whose {
                For::Admins => true,
                For::Owner => is_owner || is_staff,
                For::Staff => is_staff,
            };
        let before = format!("{:?}", self.state.room(room));
        let kept = self.disk.rooms.contains_key(&room);
        let told = self.room(conn, room, RoomCommand::Message(message(&line)));
        if !entitled {
            assert!(told.is_empty(), "{line} was shown to others");
            assert_eq!(format!("{:?}", self.state.room(room)), before, "{line} without right");
        } else if before != format!("{:?}", self.state.room(room)) {
            match (kept, self.disk.rooms.contains_key(&room)) {
                (false, true) => self.note("made permanent"),
                (true, false) => self.note("made temporary"),
                _ => self.note("settings"),
            }
        }
        let welcome = self.state.room(room).map(|room| room.welcome.clone()).unwrap_or_default();
        assert_eq!(crate::model::sanitise::text(&welcome), welcome, "markup that no client may be sent");
    }

    /// An operator gives a permanent room to somebody else, mostly one who is inside, or to nobody.
    pub(super) fn give_away(&mut self) {
        let permanent = self.state.rooms.values().filter(|room| room.permanent).map(|room| room.id);
        let permanent: Vec<RoomId> = permanent.collect();
        let Some(&room) = self.dice.pick(&permanent) else { return };
        let owner = match self.dice.below(5) {
            0 => None,
            1 => Some(person(self.dice.below(self.people as usize) as u32)),
            _ => self.some_member(room).map(|uid| person(uid.0 - person(0).uid.0)),
        };
        let settings = RoomSettings { owner: Some(owner), ..RoomSettings::default() };
        let action = Action::SetRoom { room, settings: Box::new(settings) };
        let actor = Actor { author: Author::System, standing: Standing::Operator };
        let (mut changes, mut effects) = (Vec::new(), Effects::default());
        self.faults.trace(|| format!("{action:?}"));
        self.state.act(self.now, &actor, action, &mut Via::Desk(&mut changes), &mut effects).unwrap();
        self.perform(effects);
        if let Some(change) = together(changes) {
            self.commit(NOBODY, change);
        }
        self.note("given away");
    }

    /// Enters his own room, or opens a private one with some guests.
    pub(super) fn come_home(&mut self, conn: ConnId) {
        if self.dice.percent(40) {
            self.apply(conn, Command::Directory(DirectoryCommand::JoinOwnRoom { udp_port: 2090 }));
            return;
        }
        let guests = (0..3).map(|_| person(self.dice.below(self.people as usize) as u32).uid).collect();
        let rooms = self.state.rooms.len();
        let open = DirectoryCommand::OpenPrivateRoom { guests, udp_port: 2090 };
        self.apply(conn, Command::Directory(open));
        if self.state.rooms.len() > rooms {
            self.note("private room");
        }
    }

    /// Switches the voice of a room off for himself, or on again.
    pub(super) fn listen(&mut self, conn: ConnId) {
        let Some(room) = self.some_room(conn) else { return };
        let on = self.dice.percent(40);
        self.room(conn, room, RoomCommand::Listen(on));
        let client = self.clients.get_mut(&conn).unwrap();
        let uid = client.uid;
        if let Some(window) = client.windows.get_mut(&room) {
            // He is not told what he has done himself.
            window.users.get_mut(&uid).unwrap().muted = !on;
            self.note("muted");
        }
    }
}
