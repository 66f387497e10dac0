//! What people type after a slash, in a room and to the service user. The first byte of each line says
//! who types it and where; what a command asks the store for is answered with yes, no or a failure, as
//! the last byte says.

use std::collections::VecDeque;
use std::time::Duration;

use paltalkd::hub::lookup::{Finding, Known, Question};
use paltalkd::hub::staff::Subject;
use paltalkd::hub::{
    CategoryEntry, Command, ConnId, DirectoryCommand, Effect, Effects, Person, Room, RoomCommand, SignIn,
    State,
};
use paltalkd::model::{
    CategoryId, MessageText, Nickname, Now, Privacy, Rating, Role, Roles, RoomId, RoomKind, RoomName, Status,
    Timestamp, Uid,
};
use paltalkd::protocol::frame::{MAX_SERVER_PAYLOAD, next_frame};
use paltalkd::protocol::{Dialect, ServerPacket};
use paltalkd::store::{AuditPage, Sanctions};

const ROOM: RoomId = RoomId(50_001);
const PEOPLE: [(&str, &[Role]); 4] =
    [("Zoe", &[Role::Admin]), ("Mod", &[Role::Moderator]), ("Bob Smith", &[]), ("Bobby", &[])];
/// Commands that one input runs, and answers of the store.
const STEPS: usize = 24;

fn person(at: usize) -> Person {
    let nickname = Nickname::new(PEOPLE[at].0.as_bytes()).unwrap();
    Person { uid: Uid(1_000_002 + at as u32), nickname }
}

fn roles(at: usize) -> Roles {
    PEOPLE[at].1.iter().copied().collect()
}

fn conn(at: usize) -> ConnId {
    ConnId { slot: at as u32, generation: 1 }
}

struct House {
    state: State,
    now: Now,
    asked: VecDeque<(ConnId, Command)>,
    answers: u8,
}

impl House {
    fn new(answers: u8) -> House {
        let category = CategoryId(30_018);
        let name = RoomName::new(b"Lobby").unwrap();
        let room = Room {
            permanent: true,
            owner: Some(person(2)),
            ..Room::new(ROOM, name, RoomKind::Voice, category, Rating::General)
        };
        let state = State::new(vec![CategoryEntry { id: category, name: b"Some".to_vec() }], [room]);
        let now = Now { wall: Timestamp(1_700_000_000_000), uptime: Duration::ZERO };
        let mut house = House { state, now, asked: VecDeque::new(), answers };
        for at in 0..PEOPLE.len() {
            let sign_in = SignIn {
                person: person(at),
                dialect: Dialect::ALL[at % Dialect::ALL.len()],
                roles: roles(at),
                privacy: Privacy::All,
                status: Status::Online,
                pals: Vec::new(),
                blocks: Vec::new(),
                age_verified: false,
                nothing_as_of: None,
                peer: [10, 0, 0, at as u8].into(),
                local: [127, 0, 0, 1].into(),
                greeting: vec![ServerPacket::LoginSuccess],
            };
            house.apply(conn(at), Command::SignIn(Box::new(sign_in)));
            let join = RoomCommand::Join { lockword: Vec::new(), invisible: false, udp_port: 2090 };
            house.apply(conn(at), Command::Room(ROOM, join));
        }
        house
    }

    fn apply(&mut self, conn: ConnId, command: Command) {
        self.now.uptime += Duration::from_secs(2);
        self.now.wall = self.now.wall.after(Duration::from_secs(2));
        let mut effects = Effects::default();
        self.state.apply(self.now, conn, command, &mut effects);
        for effect in effects.drain() {
            match effect {
                Effect::Send { packet, .. }
                | Effect::ToRoom { packet, .. }
                | Effect::ToMany { packet, .. }
                | Effect::Close { last: packet, .. } => encodes(&packet),
                Effect::Lookup(lookup) => {
                    let finding = self.answer(&lookup.question);
                    self.asked.push_back((lookup.conn, Command::Found(lookup.typed, Box::new(finding))));
                }
                _ => {}
            }
        }
        self.state.check_invariants().unwrap();
    }

    fn answer(&mut self, question: &Question) -> Finding {
        self.answers = self.answers.rotate_left(1);
        let yes = self.answers & 1 == 1;
        let known = |subject| Known { subject, created: Timestamp(0), sanctions: Sanctions::default() };
        let account = |subject| Finding::Account(yes.then(|| Box::new(known(subject))));
        if self.answers & 0x18 == 0x18 {
            return Finding::Failed;
        }
        match question {
            Question::Turn => Finding::Turn,
            Question::Account(nickname) => account(Subject::new(Uid(1_000_100), *nickname, Roles::default())),
            Question::Uid(uid) => account(Subject::new(*uid, person(3).nickname, roles(3))),
            Question::Audit(_) => Finding::Audit(AuditPage::default()),
            Question::Settings => Finding::Settings(Vec::new()),
            Question::Filters => Finding::Filters(Vec::new()),
            Question::Test(_) => Finding::Tested(Vec::new()),
            Question::Check(_) | Question::CheckLink(..) => {
                Finding::Checked(if yes { Ok(()) } else { Err("no".to_owned()) })
            }
            Question::Links => Finding::Links(Vec::new()),
            Question::Strikes => Finding::Strikes(Vec::new()),
            Question::Offenders => Finding::Offenders(Vec::new()),
        }
    }
}

/// Whatever is said to anybody is a row of whole frames in every dialect.
fn encodes(packet: &ServerPacket) {
    for dialect in Dialect::ALL {
        let mut bytes = Vec::new();
        packet.encode(dialect, &mut bytes);
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (_, used) =
                next_frame(rest, MAX_SERVER_PAYLOAD).expect("no frame is too long").expect("it is whole");
            rest = &rest[used..];
        }
    }
}

pub fn run(data: &[u8]) {
    let Some((&answers, script)) = data.split_last() else { return };
    let mut house = House::new(answers);
    let mut steps = 0;
    for line in script.split(|byte| *byte == b'\n').take(STEPS) {
        let Some((&who, typed)) = line.split_first() else { continue };
        let Ok(text) = MessageText::new(typed) else { continue };
        let conn = conn(usize::from(who & 3));
        let command = match who & 4 {
            0 => Command::Room(ROOM, RoomCommand::Message(text)),
            _ => Command::Directory(DirectoryCommand::InstantMessage { to: Uid::SERVICE, text }),
        };
        house.apply(conn, command);
        while let Some((conn, command)) = house.asked.pop_front() {
            steps += 1;
            if steps > 4 * STEPS {
                break;
            }
            house.apply(conn, command);
        }
    }
}
