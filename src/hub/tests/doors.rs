//! The doors of rooms: who comes in, who has to go.

use super::club::*;
use super::*;

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
