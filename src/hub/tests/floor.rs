//! Rules of rooms: opening, doors, floor, order.

use super::*;
use crate::model::Role;
use crate::protocol::RoomJoined;

const HOUR: Duration = Duration::from_secs(3600);

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

    fn later(&mut self, time: Duration) {
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

fn refusal_of_join(world: &mut World, conn: ConnId, room: RoomId) -> String {
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

#[test]
fn a_new_room_is_its_makers_until_the_last_one_leaves() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[]);
    let (bob, _) = world.sign_in(2, &[]);
    let effects = create(&mut world, alice, wish());
    let kinds: Vec<PacketType> = sent_to(&effects, alice).iter().map(|packet| packet.packet_type()).collect();
    let expected = [PacketType::ROOM_JOINED, PacketType::ROOM_MESSAGE_IN, PacketType::ROOM_USER_LIST];
    assert_eq!(kinds, expected);
    let id = joined(&effects, alice).map(|joined| (joined.admin, joined.locked, joined.room)).unwrap();
    assert_eq!((id.0, id.1), (true, true));
    let id = id.2;
    assert!(id.0 > LOCKED.0);
    assert!(
        sent_to(&effects, alice)
            .iter()
            .any(|packet| matches!(packet, ServerPacket::RoomUserList(_, users) if users[0].admin))
    );
    assert!(commits(&effects).is_empty(), "temporary rooms are not kept");
    let list = world.directory(bob, DirectoryCommand::ListCategory(CategoryId(30_018)));
    assert!(
        matches!(sent_to(&list, bob)[0], ServerPacket::RoomList(_, rooms) if rooms.iter().any(|room| room.room == id))
    );
    assert_eq!(refusal_of_join(&mut world, bob, id), "Sorry, wrong password.");
    let sesame = RoomCommand::Join { lockword: b"sesame".to_vec(), invisible: false, udp_port: 2090 };
    world.room(bob, id, sesame);
    world.room(alice, id, RoomCommand::Leave);
    assert!(world.state.room(id).is_some());
    world.apply(bob, Command::Disconnect);
    assert!(world.state.room(id).is_none());
    world.room(alice, id, RoomCommand::Leave);
    assert_eq!(refusal_of_join(&mut world, alice, id), "This room is closed.");
    // The next one has another number.
    assert!(joined(&create(&mut world, alice, wish()), alice).unwrap().room > id);
}

#[test]
fn impossible_rooms_are_refused_with_the_reason() {
    let mut world = World::new();
    world.state.categories.push(CategoryEntry { id: CategoryId(30_000), name: b"Top".to_vec() });
    let (alice, _) = world.sign_in(1, &[]);
    let mut refuse = |change: fn(&mut NewRoom), reason: &str| {
        let mut wish = wish();
        change(&mut wish);
        let effects = create(&mut world, alice, wish);
        let text = refused(&effects, alice).unwrap_or_default();
        assert!(text.contains(reason), "{text:?} for {reason}");
        assert_eq!(effects.len(), 1);
    };
    refuse(|wish| wish.kind = 2, "kind");
    refuse(|wish| wish.rating = b'X', "rating");
    refuse(|wish| wish.category = CategoryId(30_000), "category");
    refuse(|wish| wish.category = CategoryId(30_100), "category");
    refuse(|wish| wish.category = CategoryId(7), "category");
    refuse(|wish| wish.name = b"".to_vec(), "name");
    refuse(|wish| wish.name = b"a\xc8b".to_vec(), "name");
    refuse(|wish| wish.name = vec![b'x'; 51], "name");
    refuse(|wish| wish.name = b"ROOM 50001".to_vec(), "name already");
    refuse(|wish| wish.lockword = vec![b'x'; 51], "password");
    for number in 0..3 {
        let name = format!("Room {number}").into_bytes();
        assert!(joined(&create(&mut world, alice, NewRoom { name, ..wish() }), alice).is_some());
    }
    let text = refused(&create(&mut world, alice, wish()), alice).unwrap();
    assert!(text.contains("three rooms"), "{text}");
}

#[test]
fn only_staff_open_rooms_that_pass_for_the_service() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[]);
    let (staff, _) =
        world.sign_in_with(2, &[], |sign_in| sign_in.roles = Roles::default().with(Role::Moderator));
    for name in ["PaItalk Help", "Administrators", "Pa1ta1k Staff"] {
        let named = || NewRoom { name: name.into(), ..wish() };
        let effects = create(&mut world, alice, named());
        assert!(
            refused(&effects, alice).is_some_and(|text| text.contains("taken for the service")),
            "{name}"
        );
        assert!(joined(&create(&mut world, staff, named()), staff).is_some(), "{name}");
    }
    let decorated = NewRoom { name: b"  *** The  Royal Oak *** ".to_vec(), ..wish() };
    let room = joined(&create(&mut world, alice, decorated), alice).unwrap().room;
    assert_eq!(world.state.room(room).unwrap().name.as_bytes(), b"*** The Royal Oak ***");
}

#[test]
fn private_rooms_are_for_those_who_are_invited() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[]);
    let (bob, _) = world.sign_in(2, &[]);
    let effects = create(&mut world, alice, NewRoom { kind: 1, lockword: Vec::new(), ..wish() });
    let id = joined(&effects, alice).unwrap().room;
    let list = world.directory(bob, DirectoryCommand::ListCategory(CategoryId(30_018)));
    assert!(
        matches!(sent_to(&list, bob)[0], ServerPacket::RoomList(_, rooms) if rooms.iter().all(|room| room.room != id))
    );
    assert!(refusal_of_join(&mut world, bob, id).contains("private"));
    let by_name = || DirectoryCommand::JoinByName {
        name: b"lab room".to_vec(),
        lockword: Vec::new(),
        invisible: false,
        udp_port: 0,
    };
    assert!(refused(&world.directory(bob, by_name()), bob).is_some());
    let effects = world.room(alice, id, RoomCommand::Invite(person(2).uid));
    let [ServerPacket::RoomInviteIn(invite)] = sent_to(&effects, bob)[..] else { panic!("{effects:?}") };
    assert_eq!((invite.uid, invite.room, invite.locked), (person(1).uid, id, false));
    assert!(joined(&world.directory(bob, by_name()), bob).is_some());
}

#[test]
fn invitations_respect_what_people_want() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[]);
    let (bob, _) = world.sign_in(2, &[]);
    let invite = |to: u32| RoomCommand::Invite(person(to).uid);
    assert!(world.room(alice, ROOM, invite(2)).is_empty(), "from outside");
    world.join(alice, ROOM);
    assert!(world.room(alice, ROOM, invite(1)).is_empty());
    assert!(world.room(alice, ROOM, invite(9)).is_empty(), "to nobody");
    world.directory(bob, DirectoryCommand::SetPrivacy(Privacy::Pals));
    assert!(refused(&world.room(alice, ROOM, invite(2)), alice).unwrap().contains("only from pals"));
    world.directory(bob, DirectoryCommand::SetStatus(Status::Invisible));
    assert!(world.room(alice, ROOM, invite(2)).is_empty(), "who is unseen is not given away");
    world.directory(bob, DirectoryCommand::SetStatus(Status::Online));
    world.directory(bob, DirectoryCommand::SetPrivacy(Privacy::All));
    let block = |target| DirectoryCommand::Block { target: person(target), staff: false, current: vec![] };
    world.directory(bob, block(1));
    assert!(world.room(alice, ROOM, invite(2)).is_empty(), "a block is not to be noticed");
    world.directory(bob, DirectoryCommand::Unblock { target: person(1).uid, current: vec![] });
    world.join(bob, ROOM);
    assert!(refused(&world.room(alice, ROOM, invite(2)), alice).unwrap().contains("already"));
    world.directory(alice, block(2));
    assert!(refused(&world.room(alice, ROOM, invite(2)), alice).unwrap().contains("blocked"));
}

#[test]
fn the_code_makes_admins_and_cannot_be_guessed() {
    let mut club = Club::new();
    let (carl, _) = club.world.sign_in(9, &[]);
    let enter = |code| DirectoryCommand::JoinRoomOf { owner: person(OWNER).uid, code, udp_port: 0 };
    assert_eq!(refused(&club.world.directory(carl, enter(0)), carl).unwrap(), "Wrong admin code.");
    let effects = club.act(club.owner, say("/c 1234"));
    assert!(matches!(commits(&effects)[..], [Change::PutRoom(room)] if room.admin_code == Some(1234)));
    let effects = club.world.directory(carl, enter(1233));
    assert_eq!(refused(&effects, carl).unwrap(), "Wrong admin code.");
    assert_eq!(sent_to(&effects, club.owner).len(), 1, "the owner is told");
    assert!(joined(&club.world.directory(carl, enter(1234)), carl).unwrap().admin);
    // Who is inside already becomes an admin.
    let code = RoomCommand::JoinWithCode { code: 1234, udp_port: 0 };
    assert!(joined(&club.act(club.guest, code), club.guest).unwrap().admin);
    assert!(club.member(GUEST).unwrap().admin);

    let (dan, _) = club.world.sign_in(10, &[]);
    for _ in 0..5 {
        assert_eq!(refused(&club.world.directory(dan, enter(1)), dan).unwrap(), "Wrong admin code.");
    }
    assert!(refused(&club.world.directory(dan, enter(1234)), dan).unwrap().contains("Too many"));
    club.later(Duration::from_secs(601));
    assert!(joined(&club.world.directory(dan, enter(1234)), dan).is_some());
    let nobody = DirectoryCommand::JoinRoomOf { owner: Uid(77), code: 0, udp_port: 0 };
    assert!(refused(&club.world.directory(dan, nobody), dan).unwrap().contains("no room"));
    // The owner needs no code.
    club.act(club.owner, RoomCommand::Leave);
    assert!(joined(&club.world.directory(club.owner, enter(0)), club.owner).unwrap().admin);
    club.act(club.owner, say("/code 0"));
    assert_eq!(club.room().admin_code, None);
}

#[test]
fn staff_can_be_there_unseen() {
    let mut club = Club::new();
    club.act(club.staff, RoomCommand::Leave);
    let unseen = || RoomCommand::Join { lockword: Vec::new(), invisible: true, udp_port: 0 };
    assert!(refused(&club.world.room(club.guest, LOCKED, unseen()), club.guest).unwrap().contains("unseen"));
    let effects = club.act(club.staff, unseen());
    assert!(joined(&effects, club.staff).unwrap().invisible);
    assert!(sent_to(&effects, club.guest).is_empty() && to_room(&effects).is_empty());
    for admin in [club.owner, club.admin] {
        assert!(matches!(sent_to(&effects, admin)[..], [ServerPacket::RoomUserJoined(..)]));
    }
    let count = |club: &mut Club, conn| {
        let effects = club.act(conn, RoomCommand::Members);
        let [ServerPacket::RoomUserList(_, users)] = sent_to(&effects, conn)[..] else { panic!() };
        users.len()
    };
    let (guest, admin) = (club.guest, club.admin);
    assert_eq!((count(&mut club, guest), count(&mut club, admin)), (3, 4));
    let effects = club.act(club.guest, say("/w User4: are you there?"));
    assert!(sent_to(&effects, club.staff).is_empty());
    assert!(to_room(&club.act(club.staff, say("hello"))).is_empty());
    assert!(club.act(club.staff, RoomCommand::Hand(true)).is_empty());
    // A new admin learns who is there, and forgets it when he is none any more.
    let grant = |on| RoomCommand::SetAdmin { uid: person(GUEST).uid, on };
    let effects = club.act(club.owner, grant(true));
    assert!(sent_to(&effects, club.guest).iter().any(
        |packet| matches!(packet, ServerPacket::RoomUserJoined(_, user) if user.uid == person(STAFF).uid)
    ));
    let effects = club.act(club.owner, grant(false));
    assert!(
        sent_to(&effects, club.guest)
            .iter()
            .any(|packet| matches!(packet, ServerPacket::RoomUserLeft(_, uid) if *uid == person(STAFF).uid))
    );
    let effects = club.act(club.staff, RoomCommand::Leave);
    assert!(sent_to(&effects, club.guest).is_empty() && to_room(&effects).is_empty());
    assert_eq!(sent_to(&effects, club.admin).len(), 1);
}

#[test]
fn only_those_with_the_right_may_do_it() {
    let mut club = Club::new();
    let uid = person(GUEST).uid;
    let admin_commands: [fn(Uid) -> RoomCommand; 14] = [
        |_| RoomCommand::LowerAllHands,
        |_| RoomCommand::SetAllMics(true),
        |_| RoomCommand::NewUserMic(false),
        |uid| RoomCommand::RedDot { uid, on: true },
        |uid| RoomCommand::RedDot { uid, on: false },
        |_| RoomCommand::RedDotTakesText(true),
        |_| RoomCommand::RedDotTakesVideo(true),
        |_| RoomCommand::SetTopic(b"New".to_vec()),
        |_| RoomCommand::LetIn { kind: ExclusionKind::Ban, uid: None },
        |_| RoomCommand::AdminInfo,
        |uid| RoomCommand::Ban { target: Person { uid, ..person(GUEST) }, staff: false },
        RoomCommand::Bounce,
        |uid| RoomCommand::SetAdmin { uid, on: true },
        |_| RoomCommand::Close,
    ];
    let (outsider, _) = club.world.sign_in(9, &[]);
    for command in admin_commands {
        assert!(club.act(outsider, command(uid)).is_empty(), "{:?}", command(uid));
        let effects = club.act(club.guest, command(uid));
        assert_eq!(effects.len(), 1, "{:?}", command(uid));
        assert!(refused(&effects, club.guest).unwrap().starts_with("Only "), "{:?}", command(uid));
    }
    let effects = club.act(club.admin, RoomCommand::SetAdmin { uid, on: true });
    assert!(refused(&effects, club.admin).unwrap().contains("owner"));
    let effects = club.act(club.admin, say("/c 1"));
    assert!(refused(&effects, club.admin).unwrap().contains("owner"));
}

#[test]
fn nobody_acts_against_his_like_or_those_above() {
    let people = |club: &Club| [club.guest, club.admin, club.owner, club.staff];
    let numbers = [GUEST, ADMIN, OWNER, STAFF];
    for (actor, &by) in numbers.iter().enumerate().skip(1) {
        for (target, &whom) in numbers.iter().enumerate() {
            let uid = person(whom).uid;
            let mut club = Club::new();
            let conn = people(&club)[actor];
            club.act(conn, RoomCommand::RedDot { uid, on: true });
            assert_eq!(club.member(whom).unwrap().red_dot, actor > target, "{by} against {whom}");
            for ban in [false, true] {
                let mut club = Club::new();
                let conn = people(&club)[actor];
                let command = if ban {
                    RoomCommand::Ban { target: person(whom), staff: whom == STAFF }
                } else {
                    RoomCommand::Bounce(uid)
                };
                let effects = club.act(conn, command);
                assert_eq!(club.member(whom).is_none(), actor > target, "{by} against {whom}");
                assert_eq!(refused(&effects, conn).is_none(), actor > target);
            }
        }
    }
}

#[test]
fn hands_go_up_and_down_for_all_to_see() {
    let mut club = Club::new();
    let uid = person(GUEST).uid;
    let effects = club.act(club.guest, RoomCommand::Hand(true));
    assert!(
        matches!(effects[..], [Effect::ToRoom { except: None, packet: ServerPacket::RoomUserHandUp(ROOM, who), .. }] if who == uid)
    );
    assert!(club.act(club.guest, RoomCommand::Hand(true)).is_empty(), "it is up already");
    let effects = club.act(club.owner, RoomCommand::Members);
    assert!(
        matches!(sent_to(&effects, club.owner)[0], ServerPacket::RoomUserList(_, users) if users[0].hand)
    );
    let effects = club.act(club.guest, RoomCommand::Hand(false));
    assert!(matches!(effects[..], [Effect::ToRoom { except: None, .. }]));
    club.act(club.guest, RoomCommand::Hand(true));
    let effects = club.act(club.admin, RoomCommand::LowerAllHands);
    assert!(matches!(to_room(&effects)[..], [ServerPacket::RoomUserHandDown(ROOM, Uid::EVERYBODY)]));
    assert!(!club.member(GUEST).unwrap().hand);
    // 7.0 would answer for ever.
    let (seven, _) = club.world.sign_in_with(7, &[], |sign_in| sign_in.dialect = Dialect::V7);
    club.world.join(seven, ROOM);
    club.act(seven, RoomCommand::Hand(true));
    let effects = club.act(seven, RoomCommand::Hand(false));
    assert!(matches!(effects[..], [Effect::ToRoom { except: Some(conn), .. }] if conn == seven));
}

#[test]
fn microphones_and_red_dots_agree_with_the_brick_wall() {
    let mut club = Club::new();
    let uid = person(GUEST).uid;
    let effects = club.act(club.admin, RoomCommand::RedDot { uid, on: true });
    assert!(matches!(to_room(&effects)[..], [ServerPacket::RoomUserReddotOn(ROOM, who)] if *who == uid));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::VoiceChanged(ROOM))));
    assert!(!club.member(GUEST).unwrap().may_speak());
    // All microphones on: the client takes the wall away, so he is told again.
    let effects = club.act(club.admin, RoomCommand::SetAllMics(true));
    assert!(
        matches!(to_room(&effects)[..], [ServerPacket::RoomMicsChanged(ROOM, true, by), ServerPacket::RoomUserReddotOn(_, who)] if *who == uid && *by == person(ADMIN).uid)
    );
    let effects = club.act(club.admin, RoomCommand::SetAllMics(false));
    assert!(matches!(to_room(&effects)[..], [ServerPacket::RoomMicsChanged(ROOM, false, _)]));
    assert!(club.member(ADMIN).unwrap().may_speak(), "admins keep theirs");
    // Taking the dot off gives the microphone, too: that is how one is let speak.
    let effects = club.act(club.admin, RoomCommand::RedDot { uid, on: false });
    assert!(matches!(to_room(&effects)[..], [ServerPacket::RoomUserReddotOff(..)]));
    assert!(club.member(GUEST).unwrap().may_speak());
    // Everybody: one for each who is no admin.
    let (other, _) = club.world.sign_in(8, &[]);
    club.world.join(other, ROOM);
    let effects = club.act(club.owner, RoomCommand::RedDot { uid: Uid::EVERYBODY, on: true });
    assert_eq!(to_room(&effects).len(), 2);
    let effects = club.act(club.owner, RoomCommand::RedDot { uid: Uid::EVERYBODY, on: false });
    assert_eq!(to_room(&effects).len(), 2);
}

#[test]
fn a_red_dot_is_not_lost_by_leaving_and_newcomers_begin_as_the_room_says() {
    let mut club = Club::new();
    club.act(club.admin, RoomCommand::RedDot { uid: person(GUEST).uid, on: true });
    club.act(club.guest, RoomCommand::Leave);
    let effects = club.world.join(club.guest, ROOM);
    assert!(
        matches!(&to_room(&effects)[..], [ServerPacket::RoomUserJoined(_, user)] if !user.mic),
        "{effects:?}"
    );
    let effects = club.act(club.admin, RoomCommand::NewUserMic(false));
    assert!(matches!(commits(&effects)[..], [Change::PutRoom(room)] if !room.new_user_mic));
    assert!(commits(&club.act(club.admin, RoomCommand::NewUserMic(false))).is_empty());
    let (other, _) = club.world.sign_in(8, &[]);
    club.world.join(other, ROOM);
    assert!(!club.member(8).unwrap().may_speak());
    let grant = RoomCommand::SetAdmin { uid: person(8).uid, on: true };
    let effects = club.act(club.owner, grant);
    assert!(matches!(to_room(&effects)[..], [ServerPacket::RoomUserReddotOff(..)]));
    assert!(club.member(8).unwrap().may_speak());
}

#[test]
fn a_red_dot_can_take_away_text() {
    let mut club = Club::new();
    club.act(club.admin, RoomCommand::RedDot { uid: person(GUEST).uid, on: true });
    assert_eq!(to_room(&club.act(club.guest, say("hello"))).len(), 1, "voice only");
    let effects = club.act(club.admin, RoomCommand::RedDotTakesText(true));
    assert!(matches!(commits(&effects)[..], [Change::PutRoom(room)] if room.reddot_text));
    for text in ["hello", "/w User2: hello", "<pb>hello</pb>"] {
        let effects = club.act(club.guest, say(text));
        assert!(to_room(&effects).is_empty() && sent_to(&effects, club.owner).is_empty(), "{text}");
        assert!(matches!(
            sent_to(&effects, club.guest)[..],
            [ServerPacket::RoomMessageIn(_, Uid::SYSTEM, _)]
        ));
    }
    assert_eq!(to_room(&club.act(club.owner, say("hello"))).len(), 1);
}

#[test]
fn who_was_bounced_stays_out_for_a_day() {
    let mut club = Club::new();
    let uid = person(GUEST).uid;
    assert!(
        club.act(club.admin, RoomCommand::BounceReason { uid, reason: b"rude <pb>words".to_vec() })
            .is_empty()
    );
    let effects = club.act(club.admin, RoomCommand::Bounce(uid));
    let [Change::Exclude { kind: ExclusionKind::Bounce, entry, .. }] = commits(&effects)[..] else {
        panic!()
    };
    assert_eq!((entry.uid, entry.by, &entry.reason[..]), (uid, person(ADMIN).uid, &b"rude words"[..]));
    assert!(matches!(effects[0], Effect::Commit { .. }), "stored before anybody is told");
    let [ServerPacket::RoomClosed(ROOM, by, text)] = sent_to(&effects, club.guest)[..] else { panic!() };
    assert_eq!(*by, person(ADMIN).uid);
    assert_eq!(&text[..], b"You have been bounced from this group. Reason: rude words");
    assert!(matches!(to_room(&effects)[..], [ServerPacket::RoomUserLeft(ROOM, who)] if *who == uid));
    assert!(refusal_of_join(&mut club.world, club.guest, ROOM).contains("24 hours"));
    assert!(refused(&club.act(club.owner, RoomCommand::Invite(uid)), club.owner).is_some());
    club.later(HOUR * 23 + HOUR / 2);
    assert!(refusal_of_join(&mut club.world, club.guest, ROOM).contains("1 hour."));
    let info = |club: &mut Club| {
        let effects = club.act(club.admin, RoomCommand::AdminInfo);
        let [ServerPacket::RoomAdminInfo(info)] = sent_to(&effects, club.admin)[..] else { panic!() };
        (info.bounced.len(), info.banned.len())
    };
    assert_eq!(info(&mut club), (1, 0));
    club.later(HOUR / 2);
    assert_eq!(info(&mut club), (0, 0));
    assert!(joined(&club.world.join(club.guest, ROOM), club.guest).is_some());
    // A reason that comes after the bounce belongs to nothing.
    club.act(club.admin, RoomCommand::Bounce(uid));
    club.act(club.admin, RoomCommand::BounceReason { uid, reason: b"late".to_vec() });
    assert!(club.world.state.session(club.admin).unwrap().bounce_reason.is_none());
    let effects = club.act(club.admin, RoomCommand::LetIn { kind: ExclusionKind::Bounce, uid: Some(uid) });
    assert!(matches!(commits(&effects)[..], [Change::LetIn { uid: Some(_), .. }]));
    assert!(joined(&club.world.join(club.guest, ROOM), club.guest).is_some());
}

#[test]
fn a_ban_lasts_until_it_is_lifted() {
    let mut club = Club::new();
    let ban = |number| RoomCommand::Ban { target: person(number), staff: false };
    let effects = club.act(club.admin, ban(GUEST));
    assert!(matches!(sent_to(&effects, club.guest)[..], [ServerPacket::RoomClosed(..)]));
    let effects = club.act(club.admin, ban(20));
    assert!(
        matches!(commits(&effects)[..], [Change::Exclude { kind: ExclusionKind::Ban, .. }]),
        "in absence"
    );
    club.later(HOUR * 1000);
    assert!(refusal_of_join(&mut club.world, club.guest, ROOM).contains("banned"));
    let effects = club.act(club.admin, RoomCommand::LetIn { kind: ExclusionKind::Ban, uid: None });
    assert!(matches!(commits(&effects)[..], [Change::LetIn { uid: None, .. }]));
    assert!(joined(&club.world.join(club.guest, ROOM), club.guest).is_some());
    let nothing = club.act(club.admin, RoomCommand::LetIn { kind: ExclusionKind::Ban, uid: None });
    assert!(nothing.is_empty());
}

#[test]
fn closing_puts_everybody_out() {
    let mut club = Club::new();
    let effects = club.act(club.admin, RoomCommand::Close);
    for conn in [club.guest, club.owner, club.admin, club.staff] {
        assert!(
            matches!(sent_to(&effects, conn)[..], [ServerPacket::RoomClosed(ROOM, by, _)] if *by == person(ADMIN).uid)
        );
    }
    assert!(effects.iter().any(|effect| matches!(effect, Effect::VoiceChanged(ROOM))));
    assert!(club.room().members.is_empty(), "a permanent room stays");
    assert!(club.act(club.guest, RoomCommand::Leave).is_empty(), "the client says that it leaves");
    assert!(joined(&club.world.join(club.guest, ROOM), club.guest).is_some());
    let effects = create(&mut club.world, club.guest, wish());
    let id = joined(&effects, club.guest).unwrap().room;
    club.world.room(club.guest, id, RoomCommand::Close);
    assert!(club.world.state.room(id).is_none());
}

#[test]
fn admins_come_and_go_in_the_form_each_client_knows() {
    let mut club = Club::new();
    let uid = person(GUEST).uid;
    let (later, _) = club.world.sign_in_with(8, &[], |sign_in| sign_in.dialect = Dialect::V8);
    club.world.join(later, ROOM);
    let effects = club.act(club.owner, RoomCommand::SetAdmin { uid, on: true });
    let own: Vec<PacketType> =
        sent_to(&effects, club.guest).iter().map(|packet| packet.packet_type()).collect();
    assert_eq!(own, [PacketType::ROOM_ADMIN_GRANTED, PacketType::ROOM_ADMIN_STATUS]);
    assert!(
        matches!(sent_to(&effects, club.admin)[..], [ServerPacket::RoomAdminStatus(ROOM, who, true)] if *who == uid)
    );
    assert!(
        matches!(sent_to(&effects, later)[..], [ServerPacket::RoomUserList(_, users)] if users.len() == 1 && users[0].admin)
    );
    assert!(club.act(club.owner, RoomCommand::SetAdmin { uid, on: true }).is_empty());
    let effects = club.act(club.owner, say("/operator user1 off"));
    assert!(matches!(sent_to(&effects, club.guest)[..], [ServerPacket::RoomAdminStatus(_, _, false)]));
    assert!(!club.member(GUEST).unwrap().admin);
    let effects = club.act(club.staff, say("/o User2 off"));
    assert!(refused(&effects, club.staff).is_some(), "owners remain admins");
    // For this visit only.
    club.act(club.admin, RoomCommand::Leave);
    club.world.join(club.admin, ROOM);
    assert!(!club.member(ADMIN).unwrap().admin);
}

#[test]
fn topics_are_one_line_and_stay() {
    let mut club = Club::new();
    let effects = club.act(club.admin, RoomCommand::SetTopic(b"Hello\nthere \x01 ".to_vec()));
    assert!(matches!(commits(&effects)[..], [Change::PutRoom(room)] if room.topic == b"Hello there"));
    assert!(
        matches!(to_room(&effects)[..], [ServerPacket::RoomTopic(ROOM, by, topic)] if *by == person(ADMIN).uid && topic == b"Hello there")
    );
    let effects = club.act(club.admin, say("<pfont color=\"#0\">/topic The <b>end</pfont>"));
    assert!(
        matches!(to_room(&effects)[..], [ServerPacket::RoomTopic(_, _, topic)] if topic == b"The <b>end")
    );
    assert!(refused(&club.act(club.guest, say("/t mine")), club.guest).is_some());
    let effects = club.act(club.admin, RoomCommand::SetTopic(b"x-".repeat(2000)));
    assert!(matches!(to_room(&effects)[..], [ServerPacket::RoomTopic(_, _, topic)] if topic.len() == 255));
}

#[test]
fn whom_one_ignores_or_blocks_one_does_not_hear() {
    let mut club = Club::new();
    let hears = |club: &mut Club| {
        let effects = club.act(club.guest, say("hello"));
        effects.iter().any(|effect| match effect {
            Effect::ToRoom { .. } => true,
            Effect::ToMany { to, .. } => to.contains(&club.admin),
            _ => false,
        })
    };
    assert!(hears(&mut club));
    for (ignore, listen) in [("/i User1", "/i user1 off"), ("/ignore USER1 on", "/ignore User1 off")] {
        club.act(club.admin, say(ignore));
        assert!(!hears(&mut club));
        let whisper = club.act(club.guest, say("/whisper User3: psst"));
        assert!(sent_to(&whisper, club.admin).is_empty());
        assert_eq!(sent_to(&whisper, club.guest).len(), 1, "he does not notice");
        club.act(club.admin, say(listen));
        assert!(hears(&mut club));
    }
    let block = DirectoryCommand::Block { target: person(GUEST), staff: false, current: vec![] };
    club.world.directory(club.admin, block);
    assert!(!hears(&mut club));
    club.world
        .directory(club.admin, DirectoryCommand::Unblock { target: person(GUEST).uid, current: vec![] });
    let effects = club.act(club.guest, RoomCommand::Ignore { uid: person(STAFF).uid, on: true });
    assert!(effects.is_empty() && club.world.state.session(club.guest).unwrap().ignores.is_empty());
    // Later clients wait for a word.
    let (later, _) = club.world.sign_in_with(8, &[], |sign_in| sign_in.dialect = Dialect::V7);
    club.world.join(later, ROOM);
    let effects = club.act(later, RoomCommand::Ignore { uid: person(GUEST).uid, on: true });
    assert!(matches!(sent_to(&effects, later)[..], [ServerPacket::RoomIgnoreAck(ROOM, _, true)]));
}

#[test]
fn complaints_reach_the_log_and_nobody_else() {
    let mut club = Club::new();
    let report = || RoomCommand::Report { uid: person(ADMIN).uid, text: message("he swears") };
    let effects = club.act(club.guest, report());
    let [Effect::Event(event)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((event.kind, event.text.as_str()), (EventKind::Report, "he swears"));
    assert_eq!(event.target.as_ref().and_then(|target| target.uid), Some(person(ADMIN).uid));
    let (outsider, _) = club.world.sign_in(9, &[]);
    assert!(club.act(outsider, report()).is_empty());
}

#[test]
fn help_lists_every_command() {
    let mut club = Club::new();
    let commands = |club: &mut Club, conn| {
        let effects = club.act(conn, say("/help"));
        sent_to(&effects, conn).len()
    };
    let ranks = [club.guest, club.admin, club.owner, club.staff].map(|conn| commands(&mut club, conn));
    assert_eq!(ranks, [3, 6, 14, 30], "each sees what he can use");
    for line in ["/o", "/i Nobody", "/c 10000", "/c x", "/o Nobody off"] {
        let conn = club.owner;
        let effects = club.act(conn, say(line));
        assert!(
            matches!(sent_to(&effects, conn)[..], [ServerPacket::RoomMessageIn(_, Uid::SYSTEM, _)]),
            "{line}"
        );
        assert_eq!(club.room().admin_code, None);
    }
}
