//! What people do, as the dice fall.

use super::*;

impl Evening {
    pub(super) fn anybody(&mut self) -> Option<ConnId> {
        let conns: Vec<ConnId> = self.clients.keys().copied().collect();
        self.dice.pick(&conns).copied()
    }

    pub(super) fn room(&mut self, conn: ConnId, room: RoomId, command: RoomCommand) -> BTreeSet<ConnId> {
        self.apply(conn, Command::Room(room, command))
    }

    /// A room that somebody is in, or sometimes one that he is not in.
    pub(super) fn some_room(&mut self, conn: ConnId) -> Option<RoomId> {
        let inside: Vec<RoomId> = self.clients[&conn].windows.keys().copied().collect();
        if self.dice.percent(95) {
            return self.dice.pick(&inside).copied();
        }
        let all: Vec<RoomId> = self.state.rooms.keys().copied().collect();
        self.dice.pick(&all).copied()
    }

    pub(super) fn some_member(&mut self, room: RoomId) -> Option<Uid> {
        let members: Vec<Uid> = self.state.room(room)?.members.iter().map(|member| member.uid).collect();
        self.dice.pick(&members).copied()
    }

    fn join(&mut self, conn: ConnId) {
        let rooms: Vec<RoomId> = self.state.rooms.keys().copied().collect();
        let Some(&id) = self.dice.pick(&rooms) else { return };
        let lockword = if self.dice.percent(50) { b"sesame".to_vec() } else { Vec::new() };
        let invisible = self.dice.percent(if is_staff(self.clients[&conn].uid) { 50 } else { 2 });
        match self.dice.below(10) {
            0 => {
                let name = Vec::from(self.state.room(id).unwrap().name.clone());
                let join = DirectoryCommand::JoinByName { name, lockword, invisible, udp_port: 2090 };
                self.apply(conn, Command::Directory(join));
            }
            1 | 2 => {
                let owner = self.state.room(id).unwrap().owner.map_or(Uid(7), |owner| owner.uid);
                let code = if self.dice.percent(70) { CODE.into() } else { 4321 };
                let join = DirectoryCommand::JoinRoomOf { owner, code, udp_port: 2090 };
                self.apply(conn, Command::Directory(join));
            }
            _ => {
                self.room(conn, id, RoomCommand::Join { lockword, invisible, udp_port: 2090 });
            }
        }
    }

    fn create(&mut self, conn: ConnId) {
        let number = self.dice.below(200);
        let locked = self.dice.percent(20);
        let wish = NewRoom {
            kind: [0, 1, 3, 3, 3, 5, 2][self.dice.below(7)],
            category: CategoryId([30_018, 30_003, 30_027, 30_000, 7][self.dice.below(5)]),
            rating: *b"GGRAX".get(self.dice.below(5)).unwrap(),
            name: format!("Room of {number}").into_bytes(),
            lockword: if locked { b"sesame".to_vec() } else { Vec::new() },
            udp_port: 2090,
        };
        let (rooms, silent) = (self.state.rooms.len(), self.ledger.silent(self.now, self.clients[&conn].uid));
        self.apply(conn, Command::Directory(DirectoryCommand::CreateRoom(Box::new(wish))));
        assert!(!silent || self.state.rooms.len() <= rooms, "somebody muted has named a room");
    }

    /// What happens next, as these dice fall.
    pub(super) fn step(&mut self, seed: u64) {
        self.dice = Dice(seed);
        if self.faults.are_on() && self.trouble() {
            return;
        }
        let forward = Duration::from_secs(self.dice.below(120) as u64);
        self.pass(forward);
        self.tick();
        self.somebody_acts();
        if !self.faults.are_on() {
            self.settle();
        }
    }

    fn somebody_acts(&mut self) {
        let what = self.dice.below(150);
        // Most come back soon when everybody was put out.
        let few = self.clients.len() < self.people as usize / 3 && self.dice.percent(50);
        if what < 7 || few || self.clients.len() < self.people as usize / 10 {
            let number = self.dice.below(self.people as usize) as u32;
            return self.arrive(number);
        }
        let Some(conn) = self.anybody() else { return };
        let uid = self.clients[&conn].uid;
        match what {
            // All within a moment: nobody lets it ring for long.
            100..106 => (0..8).for_each(|_| {
                self.ring();
                self.check_peers();
            }),
            106..110 => self.change_room(conn),
            110 => self.come_home(conn),
            111 => self.listen(conn),
            112 => self.give_away(),
            113..127 => self.keep_order(),
            127..138 => self.write(conn),
            138..145 => self.change_lists(conn),
            145..148 => {
                let Some(room) = self.some_room(conn) else { return self.join(conn) };
                self.rant(conn, room);
            }
            148.. => self.run_rooms(),
            7..9 => self.hang_up(conn),
            9..29 => self.join(conn),
            29..33 => self.create(conn),
            33..53 => self.administrate(),
            _ => {
                let Some(room) = self.some_room(conn) else { return self.join(conn) };
                let other = self.some_member(room).unwrap_or(uid);
                let inside = self.clients[&conn].windows.contains_key(&room);
                let nickname = person(other.0 - person(0).uid.0).nickname;
                match what {
                    53..60 => {
                        let told = self.room(conn, room, RoomCommand::Leave);
                        assert!(inside || told.is_empty());
                        if let Some(client) = self.clients.get_mut(&conn) {
                            client.windows.remove(&room);
                        }
                    }
                    60..72 => self.talk(conn, room),
                    72..77 => {
                        let line = match self.dice.below(6) {
                            0 => format!("/w {nickname}: psst {:x}", self.dice.roll()),
                            1 => format!("/o {nickname}"),
                            2 => format!("/o {nickname} off"),
                            3 => "/t Tonight".to_owned(),
                            4 => format!("/c {CODE}"),
                            _ => "/help".to_owned(),
                        };
                        self.room(conn, room, RoomCommand::Message(message(&line)));
                    }
                    77..87 => {
                        let up = self.dice.percent(60);
                        self.room(conn, room, RoomCommand::Hand(up));
                        let Some(client) = self.clients.get_mut(&conn) else { return };
                        let window = client.windows.get_mut(&room);
                        if let (Dialect::V7, false, Some(window)) = (client.dialect, up, window) {
                            // It is not told what it has done itself.
                            window.users.get_mut(&uid).unwrap().hand = false;
                        }
                    }
                    87..91 => {
                        let number = self.dice.below(self.people as usize) as u32;
                        self.room(conn, room, RoomCommand::Invite(person(number).uid));
                    }
                    91..94 => {
                        let on = self.dice.percent(60);
                        self.room(conn, room, RoomCommand::Ignore { uid: other, on });
                        let ignores = self.state.session(conn).unwrap().ignores.iter().copied().collect();
                        let client = self.clients.get_mut(&conn).unwrap();
                        client.ignores = ignores;
                        assert!(inside || !client.ignores.contains(&other) || other != uid);
                    }
                    94..96 => {
                        let on = self.dice.percent(60);
                        self.block(conn, other, on);
                    }
                    96 => {
                        let report = RoomCommand::Report { uid: other, text: message("spam") };
                        self.room(conn, room, report);
                    }
                    97 => {
                        self.room(conn, room, RoomCommand::Members);
                    }
                    _ => self.list(conn),
                }
            }
        }
    }

    fn list(&mut self, conn: ConnId) {
        let category = CategoryId(CATEGORIES[self.dice.below(3)]);
        self.apply(conn, Command::Directory(DirectoryCommand::ListCategory(category)));
        let shown = self.clients.get_mut(&conn).unwrap().list.take();
        let rooms = self.state.rooms.values().filter(|room| !room.kind.is_private());
        let there: Vec<(RoomId, u32)> = rooms
            .filter(|room| room.category == category)
            .map(|room| (room.id, room.members.iter().filter(|member| !member.invisible).count() as u32))
            .collect();
        assert_eq!(shown, Some((category, there)));
    }
}
