//! Rules of the hub, with invented time and without sockets.

mod discretion;
mod evening;
mod floor;
mod guarded;
mod settings;
mod staff;

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::Spam;
use crate::model::{CategoryId, CloseReason, Now, Rating, RoomKind, RoomName, Timestamp};
use crate::protocol::PacketType;
use crate::store::Change;

pub(super) const ROOM: RoomId = RoomId(50_001);
const LOCKED: RoomId = RoomId(50_008);

pub(super) struct World {
    pub(super) state: State,
    pub(super) now: Now,
    generation: u32,
}

pub(super) fn person(number: u32) -> Person {
    let nickname = Nickname::built_in(format!("User{number}").as_bytes()).unwrap();
    Person { uid: Uid(1_000_002 + number), nickname }
}

fn room(id: RoomId, lockword: Option<&[u8]>) -> Room {
    let name = RoomName::new(format!("Room {id}").as_bytes()).unwrap();
    Room {
        topic: b"Tonight".to_vec(),
        welcome: b"Come in".to_vec(),
        lockword: lockword.map(<[u8]>::to_vec),
        permanent: true,
        ..Room::new(id, name, RoomKind::Text, CategoryId(30_018), Rating::General)
    }
}

/// Takes the limits on speed and repetition away: these tests do in a moment what takes people hours.
pub(super) fn unguarded(state: &mut State) {
    state.guard.set_limits(Spam::off());
    state.guard.detectors.settings.set("flood", "off").unwrap();
}

impl World {
    pub(super) fn new() -> World {
        let categories = vec![CategoryEntry { id: CategoryId(30_018), name: b"Young".to_vec() }];
        let rooms = [room(ROOM, None), room(LOCKED, Some(b"support"))];
        let now = Now { wall: Timestamp(1_700_000_000_000), uptime: Duration::ZERO };
        let mut state = State::new(categories, rooms);
        unguarded(&mut state);
        World { state, now, generation: 0 }
    }

    pub(super) fn apply_at(&mut self, uptime: Duration, conn: ConnId, command: Command) -> Vec<Effect> {
        self.now.uptime = uptime;
        self.apply(conn, command)
    }

    pub(super) fn apply(&mut self, conn: ConnId, command: Command) -> Vec<Effect> {
        let mut effects = Effects::default();
        self.state.apply(self.now, conn, command, &mut effects);
        self.state.check_invariants().unwrap();
        effects.drain().collect()
    }

    fn sign_in(&mut self, number: u32, pals: &[u32]) -> (ConnId, Vec<Effect>) {
        self.sign_in_with(number, pals, |_| {})
    }

    pub(super) fn sign_in_with(
        &mut self,
        number: u32,
        pals: &[u32],
        change: impl FnOnce(&mut SignIn),
    ) -> (ConnId, Vec<Effect>) {
        self.generation += 1;
        let conn = ConnId { slot: self.generation % 50, generation: self.generation };
        let mut sign_in = sign_in(number, pals);
        change(&mut sign_in);
        let effects = self.apply(conn, Command::SignIn(Box::new(sign_in)));
        (conn, effects)
    }

    pub(super) fn directory(&mut self, conn: ConnId, command: DirectoryCommand) -> Vec<Effect> {
        self.apply(conn, Command::Directory(command))
    }

    fn room(&mut self, conn: ConnId, room: RoomId, command: RoomCommand) -> Vec<Effect> {
        self.apply(conn, Command::Room(room, command))
    }

    fn join(&mut self, conn: ConnId, room: RoomId) -> Vec<Effect> {
        self.room(conn, room, RoomCommand::Join { lockword: Vec::new(), invisible: false, udp_port: 2090 })
    }
}

/// What somebody comes with who signs in, with these pals.
pub(super) fn sign_in(number: u32, pals: &[u32]) -> SignIn {
    SignIn {
        person: person(number),
        dialect: Dialect::V50,
        roles: Roles::default(),
        privacy: Privacy::All,
        status: Status::Online,
        pals: pals.iter().copied().map(person).collect(),
        blocks: Vec::new(),
        age_verified: false,
        nothing_waits: None,
        peer: [127, 0, 0, 1].into(),
        local: [127, 0, 0, 1].into(),
        greeting: vec![ServerPacket::LoginSuccess],
    }
}

fn message(text: &str) -> MessageText {
    MessageText::new(text.as_bytes()).unwrap()
}

/// What `conn` gets, directly or as one of many.
pub(super) fn sent_to(effects: &[Effect], conn: ConnId) -> Vec<&ServerPacket> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send { to, packet } if *to == conn => Some(packet),
            Effect::ToMany { to, packet } if to.contains(&conn) => Some(packet),
            Effect::Close { conn: closed, last, .. } if *closed == conn => Some(last),
            _ => None,
        })
        .collect()
}

fn statuses(effects: &[Effect], conn: ConnId) -> Vec<(u32, u32)> {
    let packets = sent_to(effects, conn);
    let statuses = packets.iter().filter_map(|packet| match packet {
        ServerPacket::BuddyStatusChange(uid, status) => {
            (*uid != Uid::SERVICE).then(|| (uid.0.wrapping_sub(1_000_002), *status))
        }
        _ => None,
    });
    statuses.collect()
}

#[test]
fn the_session_begins_with_everything_a_client_waits_for() {
    let mut world = World::new();
    world.sign_in(2, &[]);
    let (conn, effects) = world.sign_in(1, &[2, 3]);
    let kinds: Vec<PacketType> = sent_to(&effects, conn).iter().map(|packet| packet.packet_type()).collect();
    assert_eq!(
        kinds,
        [
            PacketType::LOGIN_SUCCESS,
            PacketType::CATEGORY_LIST,
            PacketType::BUDDY_LIST,
            PacketType::BUDDY_STATUS_CHANGE,
            PacketType::BUDDY_STATUS_CHANGE,
            PacketType::OWN_STATUS,
            PacketType::BUDDY_STATUS_CHANGE,
        ],
        "greeting, lists, the service user, the pal who is there, oneself"
    );
    assert!(effects.iter().any(|effect| matches!(effect, Effect::LoadOffline { .. })));
}

#[test]
fn presence_goes_both_ways_and_follows_every_change() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[2]);
    let (bob, effects) = world.sign_in(2, &[1]);
    assert_eq!(statuses(&effects, alice), [(2, 30)]);
    assert!(statuses(&effects, bob).contains(&(1, 30)));
    for (status, shown) in
        [(Status::Away, 70), (Status::Dnd, 90), (Status::Invisible, 0), (Status::Online, 30)]
    {
        let effects = world.directory(bob, DirectoryCommand::SetStatus(status));
        assert_eq!(statuses(&effects, alice), [(2, shown)], "{status:?}");
        assert_eq!(statuses(&effects, bob), [(2, status.wire())]);
    }
    let effects = world.directory(bob, DirectoryCommand::SetStatus(Status::Online));
    assert_eq!(statuses(&effects, alice), [], "nothing changed for others");
    assert_eq!(statuses(&world.apply(bob, Command::Disconnect), alice), [(2, 0)]);
}

#[test]
fn nobody_is_told_of_what_an_invisible_user_does() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[2]);
    let (bob, effects) = world.sign_in_with(2, &[], |sign_in| sign_in.status = Status::Invisible);
    assert_eq!(statuses(&effects, alice), []);
    let block = DirectoryCommand::Block { target: person(1), staff: false, current: Vec::new() };
    assert_eq!(statuses(&world.directory(bob, block), alice), []);
    let unblock = DirectoryCommand::Unblock { target: person(1).uid, current: Vec::new() };
    assert_eq!(statuses(&world.directory(bob, unblock), alice), []);
    assert_eq!(statuses(&world.apply(bob, Command::Disconnect), alice), []);
}

#[test]
fn a_second_sign_in_ends_the_first_with_its_reason() {
    let mut world = World::new();
    let (first, _) = world.sign_in(1, &[]);
    world.join(first, ROOM);
    let (second, effects) = world.sign_in(1, &[]);
    let close = effects.iter().position(|effect| {
        matches!(effect, Effect::Close { conn, reason: CloseReason::Replaced, last: ServerPacket::ServerDisconnect(_) } if *conn == first)
    });
    let success = effects.iter().position(
        |effect| matches!(effect, Effect::Send { to, packet: ServerPacket::LoginSuccess } if *to == second),
    );
    assert!(close.unwrap() < success.unwrap());
    assert!(world.state.room(ROOM).unwrap().members.is_empty());
    // The first connection's end, when it comes, is nobody's business any more.
    assert!(world.apply(first, Command::Disconnect).is_empty());
    assert_eq!(world.state.users_online(), 1);
}

#[test]
fn a_pal_is_stored_before_the_client_is_told() {
    let mut world = World::new();
    let (bob, _) = world.sign_in(2, &[]);
    let (alice, _) = world.sign_in(1, &[]);
    let add = || DirectoryCommand::AddPal { pal: person(2), current: Vec::new() };
    let effects = world.directory(alice, add());
    assert!(
        matches!(&effects[0], Effect::Commit { change: Change::AddPal { .. }, conn, .. } if *conn == alice)
    );
    assert!(matches!(sent_to(&effects, alice)[0], ServerPacket::BuddyList(list) if list.len() == 1));
    assert_eq!(statuses(&effects, alice), [(2, 30)]);
    // A second time nothing is stored; the answer is the same.
    let again = world.directory(alice, add());
    assert!(!again.iter().any(|effect| matches!(effect, Effect::Commit { .. })));
    assert_eq!(sent_to(&again, alice).len(), 2);
    let effects = world.directory(bob, DirectoryCommand::SetStatus(Status::Away));
    assert_eq!(statuses(&effects, alice), [(2, 70)], "presence begins at once");
    let effects = world.directory(alice, DirectoryCommand::RemovePal(person(2).uid));
    assert!(matches!(&effects[0], Effect::Commit { change: Change::RemovePal { .. }, .. }));
    let effects = world.directory(bob, DirectoryCommand::SetStatus(Status::Online));
    assert_eq!(statuses(&effects, alice), [], "and ends at once");
}

#[test]
fn later_clients_get_the_whole_list() {
    let mut world = World::new();
    let (alice, _) = world.sign_in_with(1, &[3], |sign_in| sign_in.dialect = Dialect::V51);
    let add = DirectoryCommand::AddPal { pal: person(2), current: vec![person(3), person(4)] };
    let effects = world.directory(alice, add);
    let ServerPacket::BuddyList(list) = sent_to(&effects, alice)[0] else { panic!() };
    let uids: Vec<Uid> = list.iter().map(|record| record.uid).collect();
    assert_eq!(uids, [Uid::SERVICE, person(3).uid, person(2).uid]);
}

#[test]
fn a_block_hides_both_from_each_other() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[2]);
    let (bob, _) = world.sign_in(2, &[1]);
    let block = DirectoryCommand::Block { target: person(2), staff: false, current: Vec::new() };
    let effects = world.directory(alice, block);
    assert!(matches!(&effects[0], Effect::Commit { change: Change::Block { .. }, .. }));
    assert_eq!(statuses(&effects, alice), [(2, 0)], "5.0 was never shown a blocked pal otherwise");
    assert_eq!(statuses(&effects, bob), [(1, 0)]);
    let away = world.directory(alice, DirectoryCommand::SetStatus(Status::Away));
    assert_eq!(statuses(&away, bob), [], "he must not even hear that something has changed");
    assert_eq!(statuses(&world.directory(bob, DirectoryCommand::SetStatus(Status::Away)), alice), []);
    // What the blocked one writes goes nowhere, and he does not notice.
    let hello = DirectoryCommand::InstantMessage { to: person(1).uid, text: message("hello") };
    assert!(world.directory(bob, hello).is_empty());
    let unblock = DirectoryCommand::Unblock { target: person(2).uid, current: Vec::new() };
    let effects = world.directory(alice, unblock);
    assert_eq!(statuses(&effects, alice), [(2, 70)]);
    assert_eq!(statuses(&effects, bob), [(1, 70)]);
}

#[test]
fn staff_and_the_service_user_cannot_be_blocked() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[]);
    for (target, staff) in [(person(2), true), (directory::service_user(), false), (person(1), false)] {
        let effects = world.directory(alice, DirectoryCommand::Block { target, staff, current: Vec::new() });
        assert!(matches!(sent_to(&effects, alice)[..], [ServerPacket::ReturnCode { code: 0x78, .. }]));
    }
}

#[test]
fn who_is_on_a_full_list_already_is_confirmed_again() {
    let mut world = World::new();
    let full = || (2..=contacts::MAX_PALS as u32 + 1).map(person);
    let (alice, _) = world.sign_in_with(1, &[], |sign_in| {
        (sign_in.pals, sign_in.blocks) = (full().skip(1).chain([person(900)]).collect(), full().collect());
    });
    let block = |target| DirectoryCommand::Block { target, staff: false, current: Vec::new() };
    let add = |pal| DirectoryCommand::AddPal { pal, current: Vec::new() };
    for (command, wanted) in [
        (block(person(2)), true),
        (block(person(901)), false),
        (add(person(900)), true),
        (add(person(901)), false),
    ] {
        let effects = world.directory(alice, command);
        let refused = matches!(sent_to(&effects, alice)[..], [ServerPacket::ReturnCode { code: 0x78, .. }]);
        assert_eq!(refused, !wanted, "{effects:?}");
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::Commit { .. })));
    }
}

#[test]
fn instant_messages_reach_those_who_want_them() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[]);
    let (bob, _) = world.sign_in(2, &[]);
    let hello = |to: u32| DirectoryCommand::InstantMessage { to: person(to).uid, text: message("hello") };
    let effects = world.directory(alice, hello(2));
    assert!(
        matches!(sent_to(&effects, bob)[..], [ServerPacket::ImIn { sender, .. }] if *sender == person(1).uid)
    );
    assert!(sent_to(&effects, alice).is_empty(), "the client shows its own words itself");
    world.directory(bob, DirectoryCommand::SetPrivacy(Privacy::Pals));
    let effects = world.directory(alice, hello(2));
    assert!(sent_to(&effects, bob).is_empty());
    assert!(matches!(sent_to(&effects, alice)[..], [ServerPacket::ReturnCode { code: 0x78, .. }]));
    world.directory(bob, DirectoryCommand::AddPal { pal: person(1), current: Vec::new() });
    assert_eq!(sent_to(&world.directory(alice, hello(2)), bob).len(), 1);
    assert!(world.directory(alice, hello(1)).is_empty(), "nobody writes to himself");
}

#[test]
fn who_is_away_gets_his_messages_later_but_no_automatic_answers() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[]);
    let to_bob = |text| DirectoryCommand::InstantMessage { to: person(2).uid, text: message(text) };
    let effects = world.directory(alice, to_bob("hello"));
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Commit { change: Change::StoreOffline { .. }, .. }))
    );
    assert!(world.directory(alice, to_bob("<pb>[Auto-Response] I am away")).is_empty());
}

#[test]
fn entering_a_room_shows_it_and_announces_the_newcomer_once() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[]);
    let (bob, _) = world.sign_in(2, &[]);
    let effects = world.join(alice, ROOM);
    let kinds: Vec<PacketType> = sent_to(&effects, alice).iter().map(|packet| packet.packet_type()).collect();
    assert_eq!(
        kinds,
        [
            PacketType::ROOM_JOINED,
            PacketType::ROOM_MESSAGE_IN,
            PacketType::ROOM_MESSAGE_IN,
            PacketType::ROOM_TOPIC,
            PacketType::ROOM_USER_LIST
        ]
    );
    let effects = world.join(bob, ROOM);
    let announced = |effects: &[Effect]| {
        effects
            .iter()
            .filter(|effect| {
                matches!(effect, Effect::ToRoom { packet: ServerPacket::RoomUserJoined(..), .. })
            })
            .count()
    };
    assert_eq!(announced(&effects), 1);
    assert!(
        sent_to(&effects, bob)
            .iter()
            .any(|packet| matches!(packet, ServerPacket::RoomUserList(_, users) if users.len() == 2))
    );
    // A client that asks again is shown the room again; nobody else notices.
    let again = world.join(bob, ROOM);
    assert_eq!((announced(&again), sent_to(&again, bob).len()), (0, 5));
    let effects = world.room(bob, ROOM, RoomCommand::Leave);
    assert!(
        matches!(&effects[..], [Effect::Event(_), Effect::ToRoom { packet: ServerPacket::RoomUserLeft(_, uid), .. }, Effect::VoiceChanged(_)] if *uid == person(2).uid)
    );
    assert!(world.room(bob, ROOM, RoomCommand::Leave).is_empty());
}

#[test]
fn a_locked_room_wants_its_word() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[]);
    for (word, enters) in [(&b""[..], false), (b"Support", false), (b"support", true)] {
        let join = RoomCommand::Join { lockword: word.to_vec(), invisible: false, udp_port: 2090 };
        let effects = world.room(alice, LOCKED, join);
        let first = sent_to(&effects, alice)[0];
        assert_eq!(matches!(first, ServerPacket::RoomJoined(_)), enters);
        assert_eq!(matches!(first, ServerPacket::ReturnCode { code: 1, .. }), !enters);
    }
    let nowhere = world.join(alice, RoomId(7));
    assert!(matches!(sent_to(&nowhere, alice)[..], [ServerPacket::ReturnCode { .. }]));
}

#[test]
fn room_messages_go_to_the_others_and_only_from_members() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[]);
    let say = || RoomCommand::Message(message("hi all"));
    assert!(world.room(alice, ROOM, say()).is_empty());
    world.join(alice, ROOM);
    let effects = world.room(alice, ROOM, say());
    assert!(
        matches!(&effects[..], [Effect::Accepted, Effect::ToRoom { except: Some(conn), .. }] if *conn == alice)
    );
}

#[test]
fn whispers_and_commands_stay_between_two() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[]);
    let (bob, _) = world.sign_in(2, &[]);
    world.join(alice, ROOM);
    world.join(bob, ROOM);
    let say = |text: &str| RoomCommand::Message(message(text));
    let effects = world.room(alice, ROOM, say("<pfont color=\"#0\">/w USER2: psst</pfont>"));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::ToRoom { .. })));
    assert!(
        matches!(sent_to(&effects, bob)[..], [ServerPacket::RoomMessageIn(_, sender, _)] if *sender == person(1).uid)
    );
    assert_eq!(sent_to(&effects, alice).len(), 1);
    for text in ["/w Nobody: psst", "/w", "/nonsense", "/help", "/HELP"] {
        let effects = world.room(alice, ROOM, say(text));
        assert!(sent_to(&effects, bob).is_empty(), "{text}");
        assert!(!sent_to(&effects, alice).is_empty(), "{text}");
    }
    let help = DirectoryCommand::InstantMessage { to: Uid::SERVICE, text: message("<pb>/help</pb>") };
    let effects = world.directory(alice, help);
    assert!(matches!(sent_to(&effects, alice)[0], ServerPacket::ImIn { sender: Uid::SERVICE, .. }));
}

#[test]
fn lists_show_what_is_open() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[]);
    let effects = world.directory(alice, DirectoryCommand::CountCategories);
    assert!(
        matches!(sent_to(&effects, alice)[0], ServerPacket::CategoryCounts(counts) if counts[0].rooms == 2)
    );
    let effects = world.directory(alice, DirectoryCommand::ListCategory(CategoryId(30_018)));
    assert!(matches!(sent_to(&effects, alice)[0], ServerPacket::RoomList(_, rooms) if rooms[1].locked));
    let effects = world.directory(alice, DirectoryCommand::ListCategory(CategoryId(1)));
    assert!(matches!(sent_to(&effects, alice)[0], ServerPacket::RoomList(_, rooms) if rooms.is_empty()));
}

#[derive(Clone, Debug)]
enum Act {
    SignIn(u32, Vec<u32>, Vec<u32>),
    Disconnect(u32),
    Status(u32, u8),
    AddPal(u32, u32),
    RemovePal(u32, u32),
    Block(u32, u32),
    Unblock(u32, u32),
    Im(u32, u32),
    Join(u32, bool),
    Leave(u32, bool),
    Say(u32, bool),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let who = || 0u32..6;
    let act = prop_oneof![
        (who(), prop::collection::vec(who(), 0..4), prop::collection::vec(who(), 0..2))
            .prop_map(|(who, pals, blocks)| Act::SignIn(who, pals, blocks)),
        who().prop_map(Act::Disconnect),
        (who(), 0u8..4).prop_map(|(who, status)| Act::Status(who, status)),
        (who(), who()).prop_map(|(who, pal)| Act::AddPal(who, pal)),
        (who(), who()).prop_map(|(who, pal)| Act::RemovePal(who, pal)),
        (who(), who()).prop_map(|(who, pal)| Act::Block(who, pal)),
        (who(), who()).prop_map(|(who, pal)| Act::Unblock(who, pal)),
        (who(), who()).prop_map(|(who, to)| Act::Im(who, to)),
        (who(), any::<bool>()).prop_map(|(who, room)| Act::Join(who, room)),
        (who(), any::<bool>()).prop_map(|(who, room)| Act::Leave(who, room)),
        (who(), any::<bool>()).prop_map(|(who, room)| Act::Say(who, room)),
    ];
    prop::collection::vec(act, 0..80)
}

proptest! {
    /// Whatever happens in whatever order, the state stays whole, and what a user was last told of
    /// a pal is what he would be told now.
    #[test]
    fn the_state_stays_whole(acts in acts()) {
        let mut world = World::new();
        let mut conns: Vec<Option<ConnId>> = vec![None; 6];
        let mut seen = std::collections::HashMap::new();
        for act in acts {
            let room = |first: bool| if first { ROOM } else { LOCKED };
            let index = |who: u32| who as usize;
            let (who, command) = match act {
                Act::SignIn(who, mut pals, blocks) => {
                    pals.retain(|pal| *pal != who);
                    seen.retain(|(viewer, _), _| *viewer != who);
                    let (conn, effects) = world.sign_in_with(who, &pals, |sign_in| {
                        sign_in.blocks = blocks.into_iter().map(person).collect();
                    });
                    conns[index(who)] = Some(conn);
                    note(&conns, &effects, &mut seen);
                    continue;
                }
                Act::Disconnect(who) => (who, Command::Disconnect),
                Act::Status(who, status) => {
                    let statuses = [Status::Online, Status::Away, Status::Dnd, Status::Invisible];
                    (who, Command::Directory(DirectoryCommand::SetStatus(statuses[usize::from(status)])))
                }
                Act::AddPal(who, pal) => {
                    (who, Command::Directory(DirectoryCommand::AddPal { pal: person(pal), current: vec![] }))
                }
                Act::RemovePal(who, pal) => {
                    seen.remove(&(who, pal));
                    (who, Command::Directory(DirectoryCommand::RemovePal(person(pal).uid)))
                }
                Act::Block(who, target) => {
                    let target = person(target);
                    (who, Command::Directory(DirectoryCommand::Block { target, staff: false, current: vec![] }))
                }
                Act::Unblock(who, target) => {
                    let target = person(target).uid;
                    (who, Command::Directory(DirectoryCommand::Unblock { target, current: vec![] }))
                }
                Act::Im(who, to) => {
                    let to = person(to).uid;
                    (who, Command::Directory(DirectoryCommand::InstantMessage { to, text: message("x") }))
                }
                Act::Join(who, first) => {
                    let lockword = if first { vec![] } else { b"support".to_vec() };
                    (who, Command::Room(room(first), RoomCommand::Join { lockword, invisible: false, udp_port: 2090 }))
                }
                Act::Leave(who, first) => (who, Command::Room(room(first), RoomCommand::Leave)),
                Act::Say(who, first) => (who, Command::Room(room(first), RoomCommand::Message(message("x")))),
            };
            let Some(conn) = conns[index(who)] else { continue };
            let gone = matches!(command, Command::Disconnect);
            let effects = world.apply(conn, command);
            if gone {
                conns[index(who)] = None;
                seen.retain(|(viewer, _), _| *viewer != who);
            }
            note(&conns, &effects, &mut seen);
            for (viewer, conn) in conns.iter().enumerate() {
                let Some(session) = conn.and_then(|conn| world.state.session(conn)) else { continue };
                for pal in &session.pals {
                    let pal = pal.0 - 1_000_002;
                    let told = seen.get(&(viewer as u32, pal)).copied().unwrap_or(0);
                    let now = world.state.shown_status(session, person(pal).uid);
                    prop_assert_eq!(told, now, "{} about {}", viewer, pal);
                }
            }
        }
    }
}

fn note(conns: &[Option<ConnId>], effects: &[Effect], seen: &mut std::collections::HashMap<(u32, u32), u32>) {
    for (viewer, conn) in conns.iter().enumerate() {
        let Some(conn) = conn else { continue };
        for (uid, status) in statuses(effects, *conn) {
            if uid != viewer as u32 {
                seen.insert((viewer as u32, uid), status);
            }
        }
    }
}

/// A state in which these users are signed in.
pub(super) fn world_of(users: &[u32]) -> State {
    let mut world = World::new();
    for user in users {
        world.sign_in(*user, &[]);
    }
    world.state
}
