//! What few people do: saying what a room is like, opening private ones, switching the voice off.

use super::*;
use crate::hub::staff::{Action, RoomSettings};

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
            .filter(|client| !staff_only || is_staff(client.uid))
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
        let nickname = person(number_of(other)).nickname;
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
        let is_staff = is_staff(me.uid);
        let entitled = is_admin
            && match whose {
                For::Admins => true,
                For::Owner => is_owner || is_staff,
                For::Staff => is_staff,
            };
        let silent = self.ledger.silent(self.now, me.uid) && line.starts_with("/welcome");
        let before = format!("{:?}", self.state.room(room));
        let kept = self.is_permanent(room);
        let told = self.room(conn, room, RoomCommand::Message(message(&line)));
        if !entitled || silent {
            assert!(told.is_empty(), "{line} was shown to others");
            assert_eq!(format!("{:?}", self.state.room(room)), before, "{line} without right");
        } else if before != format!("{:?}", self.state.room(room)) {
            match (kept, self.is_permanent(room)) {
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
            _ => self.some_member(room).map(|uid| person(number_of(uid))),
        };
        let settings = RoomSettings { owner: Some(owner), ..RoomSettings::default() };
        let action = Action::SetRoom { room, settings: Box::new(settings) };
        self.act(action).unwrap();
        self.note("given away");
    }

    fn is_permanent(&self, room: RoomId) -> bool {
        self.state.room(room).is_some_and(|room| room.permanent)
    }

    /// An operator locks a room or opens it, or makes and deletes permanent ones.
    pub(super) fn run_rooms(&mut self) {
        self.tick();
        let rooms: Vec<RoomId> = self.state.rooms.keys().copied().collect();
        let Some(&room) = self.dice.pick(&rooms) else { return };
        let reason = String::new();
        let permanent = self.state.rooms.values().filter(|room| room.permanent).count();
        let deleted = self.is_permanent(room);
        match self.dice.below(4) {
            0 => {
                let lockword = Some(b"sesame".to_vec());
                self.act(Action::LockRoom { room, lockword, reason }).unwrap();
                self.note("locked");
            }
            1 => {
                self.act(Action::LockRoom { room, lockword: None, reason }).unwrap();
                self.note("unlocked");
            }
            2 if permanent > PERMANENT as usize / 2 => {
                let result = self.act(Action::DeleteRoom { room, reason });
                assert_eq!(result.is_ok(), deleted, "{result:?}");
                if deleted {
                    let inside = self.clients.values().find(|client| client.windows.contains_key(&room));
                    assert!(inside.is_none() && self.state.room(room).is_none(), "{room} is deleted");
                    self.note("deleted");
                }
            }
            _ => {
                let Some(wish) = doors::rooms().nth(self.dice.below(PERMANENT as usize)) else { return };
                let taken =
                    self.state.rooms.values().any(|room| room.id == wish.id || room.name == wish.name);
                let record = Box::new(wish.record());
                let result = self.act(Action::CreateRoom { record, owner: wish.owner });
                assert_eq!(result.is_ok(), !taken, "{result:?}");
                if !taken {
                    self.note("made");
                }
            }
        }
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
