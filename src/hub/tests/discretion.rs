//! What rooms keep to themselves: codes, who is there unseen, who is banned.

use super::club::*;
use super::*;
use crate::model::RoomKind;

const UNSEEN: u32 = 20;

/// Signs somebody in whom others are to see offline.
fn sign_in_unseen(world: &mut World) -> ConnId {
    world.sign_in_with(UNSEEN, &[], |sign_in| sign_in.status = Status::Invisible).0
}

#[test]
fn a_visit_elsewhere_gives_no_new_tries_of_a_code() {
    let mut club = Club::new();
    club.act(club.owner, say("/c 1234"));
    let (dan, _) = club.world.sign_in(10, &[]);
    let own = joined(&create(&mut club.world, dan, wish()), dan).unwrap().room;
    let code = |code| RoomCommand::JoinWithCode { code, udp_port: 0 };
    for _ in 0..5 {
        assert_eq!(refused(&club.act(dan, code(1)), dan).unwrap(), "Wrong admin code.");
        assert!(joined(&club.world.room(dan, own, code(0)), dan).unwrap().admin, "his own room");
    }
    assert!(refused(&club.act(dan, code(1234)), dan).unwrap().contains("Too many"));
    assert!(club.member(10).is_none());
}

#[test]
fn who_is_invited_is_not_asked_for_the_password() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[]);
    let (bob, _) = world.sign_in(2, &[]);
    let id = joined(&create(&mut world, alice, wish()), alice).unwrap().room;
    assert!(world.state.room(id).unwrap().lockword.is_some());
    let effects = world.room(alice, id, RoomCommand::Invite(person(2).uid));
    assert!(matches!(sent_to(&effects, bob)[..], [ServerPacket::RoomInviteIn(invite)] if !invite.locked));
    assert!(joined(&world.join(bob, id), bob).is_some_and(|joined| joined.locked));
    // Once more than can be remembered are invited, the password is what opens.
    world.room(bob, id, RoomCommand::Leave);
    let room = world.state.rooms.get_mut(&id).unwrap();
    room.invited = (0..1000).map(|number| Uid(3_000_000 + number)).collect();
    let effects = world.room(alice, id, RoomCommand::Invite(person(2).uid));
    assert!(matches!(sent_to(&effects, bob)[..], [ServerPacket::RoomInviteIn(invite)] if invite.locked));
    assert!(refused(&world.join(bob, id), bob).unwrap().contains("password"));
    assert_eq!(world.state.room(id).unwrap().invited.len(), 1000);
}

#[test]
fn no_answer_tells_who_is_online_unseen() {
    let mut club = Club::new();
    let uid = person(UNSEEN).uid;
    let ban = || RoomCommand::Ban { target: person(UNSEEN), staff: false };
    let all = |club: &mut Club| {
        let (owner, guest) = (club.owner, club.guest);
        let bounced = refused(&club.act(owner, RoomCommand::Bounce(uid)), owner);
        let invited = refused(&club.act(guest, RoomCommand::Invite(uid)), guest);
        club.act(owner, ban());
        let banned = refused(&club.act(guest, RoomCommand::Invite(uid)), guest);
        club.act(owner, RoomCommand::LetIn { kind: ExclusionKind::Ban, uid: None });
        (bounced, invited, banned)
    };
    let absent = all(&mut club);
    let unseen = sign_in_unseen(&mut club.world);
    assert_eq!(all(&mut club), absent);
    // In the room he shows himself, whatever his status is.
    club.world.join(unseen, ROOM);
    let effects = club.act(club.owner, RoomCommand::Bounce(uid));
    assert!(matches!(sent_to(&effects, unseen)[..], [ServerPacket::RoomClosed(..)]));
}

#[test]
fn who_is_in_a_room_unseen_is_not_heard_there() {
    let mut club = Club::new();
    club.world.state.rooms.get_mut(&ROOM).unwrap().kind = RoomKind::Voice;
    let may_speak = |club: &Club| {
        let table = club.world.state.voice_room(club.world.now.wall, ROOM);
        table.members.iter().find(|member| member.uid == person(STAFF).uid).map(|member| member.may_speak)
    };
    assert_eq!(may_speak(&club), Some(true));
    club.act(club.staff, RoomCommand::Leave);
    club.act(club.staff, RoomCommand::Join { lockword: Vec::new(), invisible: true, udp_port: 2090 });
    assert_eq!(may_speak(&club), Some(false), "his voice would say that he is there");
    // Nothing that an admin does gives him a voice, or away.
    let uid = person(STAFF).uid;
    for command in [
        RoomCommand::SetAllMics(true),
        RoomCommand::RedDot { uid, on: true },
        RoomCommand::RedDot { uid, on: false },
        RoomCommand::RedDot { uid: Uid::EVERYBODY, on: false },
    ] {
        let effects = club.act(club.owner, command);
        let named = |packet: &&ServerPacket| matches!(packet, ServerPacket::RoomUserReddotOn(_, who) | ServerPacket::RoomUserReddotOff(_, who) if *who == uid);
        assert!(!to_room(&effects).iter().any(named), "{effects:?}");
    }
    assert_eq!(may_speak(&club), Some(false));
}

#[test]
fn nobody_is_covered_with_invitations() {
    let mut world = World::new();
    let (alice, _) = world.sign_in_with(1, &[], |sign_in| sign_in.dialect = Dialect::V7);
    let (bob, _) = world.sign_in(2, &[]);
    world.join(alice, ROOM);
    let windows = |effects: &[Effect]| sent_to(effects, bob).len();
    let invite = |world: &mut World| windows(&world.room(alice, ROOM, RoomCommand::Invite(person(2).uid)));
    let rang: usize = (0..100).map(|_| invite(&mut world)).sum();
    assert_eq!(rang, 10);
    let effects = world.room(alice, ROOM, RoomCommand::Invite(person(2).uid));
    let absent = world.room(alice, ROOM, RoomCommand::Invite(person(3).uid));
    assert!(refused(&effects, alice).unwrap().contains("too often"));
    assert_eq!(refused(&effects, alice), refused(&absent, alice), "it says nothing of the guest");
    let open = || DirectoryCommand::OpenPrivateRoom { guests: vec![person(2).uid], udp_port: 0 };
    let effects = world.directory(alice, open());
    assert_eq!((windows(&effects), world.state.rooms.len()), (0, 2), "another way is no way round");
    world.now.uptime += Duration::from_secs(60);
    let rang: usize = (0..100)
        .map(|_| {
            let effects = world.directory(alice, open());
            if let Some(room) = joined(&effects, alice).map(|joined| joined.room) {
                world.room(alice, room, RoomCommand::Leave);
            }
            windows(&effects)
        })
        .sum();
    assert_eq!(rang, 10);
}
