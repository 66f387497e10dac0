//! What a room is like: settings by command, kept rooms, rooms of one's own, listening.

use super::club::*;
use super::*;
use crate::model::{LinkRight, SlowMode, Speakers};

/// The club with voice.
fn voice_club() -> Club {
    let mut club = Club::new();
    club.world.state.rooms.get_mut(&ROOM).unwrap().kind = RoomKind::Voice;
    club
}

/// The last line that `conn` or the room is told by the server.
fn told(effects: &[Effect], conn: ConnId) -> String {
    let to_one = sent_to(effects, conn);
    let mut lines = to_one.into_iter().chain(to_room(effects)).filter_map(|packet| match packet {
        ServerPacket::RoomMessageIn(ROOM, Uid::SYSTEM, text) => Some(text.as_bytes()),
        _ => None,
    });
    String::from_utf8_lossy(lines.next_back().unwrap_or_default()).into_owned()
}

/// The room that is kept, if one is.
fn kept(effects: &[Effect]) -> Option<&crate::store::RoomRecord> {
    fn room(change: &Change) -> Option<&crate::store::RoomRecord> {
        match change {
            Change::PutRoom(room) => Some(room),
            Change::WithAudit { changes, .. } => changes.iter().find_map(room),
            _ => None,
        }
    }
    commits(effects).into_iter().find_map(room)
}

#[test]
fn settings_are_for_those_who_have_the_right() {
    let mut club = voice_club();
    let (outsider, _) = club.world.sign_in(9, &[]);
    let [guest, admin, owner] = [club.guest, club.admin, club.owner];
    for (line, refused_to) in [
        ("/slowmode 5", &[guest][..]),
        ("/link USER3", &[guest]),
        ("/welcome Hi", &[guest, admin]),
        ("/lock sesame", &[guest, admin]),
        ("/unlock", &[guest, admin]),
        ("/rating A", &[guest, admin]),
        ("/speakers 2", &[guest, admin]),
        ("/links admins", &[guest, admin]),
        ("/permanent off", &[guest, admin, owner]),
    ] {
        assert!(club.act(outsider, say(line)).iter().all(|effect| matches!(effect, Effect::Accepted)));
        for conn in refused_to {
            let effects = club.act(*conn, say(line));
            assert!(refused(&effects, *conn).unwrap().starts_with("Only "), "{line}");
            assert!(commits(&effects).is_empty(), "{line}");
        }
    }
    assert_eq!(refused(&club.act(owner, say("/permanent off")), owner).unwrap(), "Only staff can do that.");
    let staff = club.staff;
    for line in ["/slowmode 5", "/welcome Hi", "/lock sesame", "/rating A", "/speakers 2", "/links admins"] {
        let effects = club.act(staff, say(line));
        assert!(refused(&effects, staff).is_none() && kept(&effects).is_some(), "{line}");
    }
}

#[test]
fn the_owner_says_what_the_room_is_like_and_it_stays() {
    let mut club = voice_club();
    let owner = club.owner;
    let long = format!("/welcome {}", "xy".repeat(501));
    for (line, answer) in [
        ("/welcome", "Write /welcome"),
        (long.as_str(), "at most 1000"),
        ("/lock", "Write /lock"),
        ("/lock 123456789012345678901234567890123456789012345678901", "at most 50"),
        ("/rating", "Write /rating"),
        ("/rating X", "Write /rating"),
        ("/speakers 0", "from 1 to 8"),
        ("/speakers 9", "from 1 to 8"),
        ("/speakers many", "from 1 to 8"),
        ("/slowmode", "up to 3600"),
        ("/slowmode 3601", "up to 3600"),
        ("/slowmode -1", "up to 3600"),
        ("/links", "Write /links"),
        ("/links nobody", "Write /links"),
        ("/link", "Write /link"),
        ("/link Nobody on", "Write /link"),
    ] {
        let effects = club.act(owner, say(line));
        assert!(told(&effects, owner).contains(answer), "{line}: {}", told(&effects, owner));
        assert!(commits(&effects).is_empty() && to_room(&effects).is_empty(), "{line}");
    }
    // What everybody in the room should know is told to everybody.
    for (line, answer, public) in [
        ("<pfont color=\"#0\">/welcome Good <b>evening</b></pfont>", "told now: Good <b>evening</b>", false),
        ("/lock open sesame", "is now open sesame", false),
        ("/rating r", "rated R", true),
        ("/SPEAKERS 2", "2 people", true),
        ("/slowmode 30", "every 30 seconds", true),
        ("/links members", "give the right", true),
        ("/link USER1 on", "User1 has the right", false),
    ] {
        let effects = club.act(owner, say(line));
        assert!(told(&effects, owner).contains(answer), "{line}: {}", told(&effects, owner));
        assert_eq!(!to_room(&effects).is_empty(), public, "{line}");
        assert_eq!(kept(&effects), Some(&club.room().record()), "{line}");
        let again = club.act(owner, say(line));
        assert!(told(&again, owner).contains(answer) && commits(&again).is_empty(), "{line}");
        assert!(to_room(&again).is_empty(), "{line}");
    }
    let record = club.room().record();
    assert_eq!(record.welcome, b"Good <b>evening</b>");
    assert_eq!((record.lockword.as_deref(), record.rating), (Some(&b"open sesame"[..]), Rating::Restricted));
    assert_eq!((record.speakers.get(), record.slowmode.seconds()), (2, 30));
    assert_eq!((record.links, record.linkers.clone()), (LinkRight::Members, [person(GUEST).uid].into()));
    let again = Room::permanent(record.clone(), Some(person(OWNER)));
    assert_eq!(again.record(), record);

    let (late, _) = club.world.sign_in(9, &[]);
    assert!(refused(&club.world.join(late, ROOM), late).unwrap().contains("wrong password"));
    for line in ["/unlock", "/welcome off", "/slowmode off", "/links everybody", "/link User1 off"] {
        assert!(kept(&club.act(owner, say(line))).is_some(), "{line}");
    }
    assert_eq!((club.room().lockword.as_ref(), club.room().slowmode), (None, SlowMode::OFF));
    assert!(club.room().welcome.is_empty() && club.room().linkers.is_empty());
    assert!(refused(&club.world.join(late, ROOM), late).is_none());
}

#[test]
fn the_right_to_post_links_has_a_limit() {
    let mut club = voice_club();
    let many = (0..LinkRight::LINKERS_MAX as u32).map(|number| Uid(2_000_000 + number));
    club.world.state.rooms.get_mut(&ROOM).unwrap().linkers = many.collect();
    let effects = club.act(club.admin, say("/link User1 on"));
    assert!(told(&effects, club.admin).contains("200 people"));
    assert!(commits(&effects).is_empty());
    let first = club.room().linkers.first().copied().unwrap();
    club.world.state.rooms.get_mut(&ROOM).unwrap().linkers.remove(&first);
    assert!(kept(&club.act(club.admin, say("/link User1 on"))).is_some());
}

#[test]
fn the_voice_service_hears_of_speakers_at_once() {
    let mut club = voice_club();
    let effects = club.act(club.owner, say("/speakers 3"));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::VoiceChanged(ROOM))));
    assert_eq!(club.world.state.voice_room(Timestamp(0), ROOM).speakers, 3);
    let effects = club.act(club.owner, say("/speakers 3"));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::VoiceChanged(ROOM))));
    club.world.state.rooms.get_mut(&ROOM).unwrap().kind = RoomKind::Text;
    let effects = club.act(club.owner, say("/speakers 4"));
    assert!(told(&effects, club.owner).contains("without voice"));
    assert_eq!(club.room().speakers, Speakers::new(3).unwrap());
}

#[test]
fn staff_keep_a_room_and_let_it_go() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[]);
    let (staff, _) = world.sign_in_with(2, &[], |sign_in| sign_in.roles = moderator());
    let (bob, _) = world.sign_in(3, &[]);
    let effects = create(&mut world, alice, wish());
    let id = joined(&effects, alice).unwrap().room;
    let command = |world: &mut World, conn, text: &str| world.room(conn, id, say(text));
    assert!(commits(&command(&mut world, alice, "/speakers 2")).is_empty(), "temporary");
    let ban = RoomCommand::Ban { target: person(3), staff: false };
    world.room(alice, id, ban);
    world.join(staff, id);
    let effects = command(&mut world, staff, "/permanent on");
    let changes = commits(&effects);
    let [
        Change::WithAudit { changes: made, .. },
        Change::Exclude { room: of, kind: ExclusionKind::Ban, entry },
    ] = changes[..]
    else {
        panic!("{changes:?}");
    };
    let [Change::PutRoom(room), Change::Audit(audited)] = &made[..] else { panic!("{made:?}") };
    assert_eq!((audited.action.as_str(), audited.details.as_str()), ("set_room", "permanent"));
    assert_eq!((room.id, room.owner, room.speakers.get()), (id, Some(person(1).uid), 2));
    assert_eq!((*of, entry.uid), (id, person(3).uid));
    assert!(commits(&command(&mut world, staff, "/permanent on")).is_empty());
    assert!(command(&mut world, staff, "/permanent").len() == 1);
    for conn in [alice, staff] {
        world.room(conn, id, RoomCommand::Leave);
    }
    assert!(world.state.room(id).is_some(), "it stays when everybody has left");
    assert!(refused(&world.join(bob, id), bob).unwrap().contains("banned"));
    world.join(staff, id);
    let effects = command(&mut world, staff, "/permanent off");
    assert!(matches!(commits(&effects)[..], [Change::WithAudit { changes, .. }]
        if matches!(&changes[..], [Change::DeleteRoom(gone), Change::Audit(_)] if *gone == id)));
    assert_eq!(kept(&command(&mut world, staff, "/slowmode 5")), None);
    world.room(staff, id, RoomCommand::Leave);
    assert!(world.state.room(id).is_none());
}

#[test]
fn everybody_finds_his_own_room() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[]);
    let own = || DirectoryCommand::JoinOwnRoom { udp_port: 2090 };
    assert!(refused(&world.directory(alice, own()), alice).unwrap().contains("no room"));
    world.state.rooms.get_mut(&LOCKED).unwrap().owner = Some(person(1));
    let effects = world.directory(alice, own());
    assert!(joined(&effects, alice).is_some_and(|joined| joined.room == LOCKED && joined.admin));
    // Who is inside is shown the room again.
    assert!(joined(&world.directory(alice, own()), alice).is_some());
}

#[test]
fn a_private_room_opens_with_its_guests() {
    let mut world = World::new();
    let (alice, _) = world.sign_in_with(1, &[], |sign_in| sign_in.dialect = Dialect::V7);
    let (bob, _) = world.sign_in(2, &[]);
    let (carl, _) = world.sign_in(3, &[]);
    let open = |guests: Vec<Uid>| DirectoryCommand::OpenPrivateRoom { guests, udp_port: 2090 };
    let uid = |number| person(number).uid;
    let effects = world.directory(alice, open(vec![uid(2), uid(2), uid(1), uid(7)]));
    let ServerPacket::ReturnCode { request: PacketType::ROOM_PRIVATE_INVITE, code: 0, data } =
        sent_to(&effects, alice)[0]
    else {
        panic!("{effects:?}");
    };
    let id = joined(&effects, alice).map(|joined| joined.room).unwrap();
    assert_eq!(data, &[&id.0.to_be_bytes()[..], b"\0\x01User1's room"].concat());
    let invitations = sent_to(&effects, bob).len();
    assert_eq!((invitations, world.state.room(id).unwrap().kind), (1, RoomKind::PrivateVoice));
    assert!(refused(&world.join(carl, id), carl).unwrap().contains("invitation"));
    assert!(refused(&world.join(bob, id), bob).is_none());

    for name in ["a".repeat(26), "Paltalk Fan".to_owned()] {
        let (odd, _) = world.sign_in_with(9, &[], |sign_in| {
            (sign_in.dialect, sign_in.person.nickname) =
                (Dialect::V7, Nickname::built_in(name.as_bytes()).unwrap());
        });
        let effects = world.directory(odd, open(vec![]));
        let joined = joined(&effects, odd).unwrap();
        assert_eq!(joined.name.as_bytes(), b"Private room", "{name}");
    }

    let crowd = (0..51).map(|number| Uid(2_000_000 + number)).collect();
    assert!(refused(&world.directory(alice, open(crowd)), alice).unwrap().contains("At most 50"));
    for _ in 0..2 {
        assert!(refused(&world.directory(alice, open(vec![])), alice).is_none());
    }
    assert!(refused(&world.directory(alice, open(vec![])), alice).unwrap().contains("three rooms"));
}

#[test]
fn who_does_not_listen_is_sent_no_voice_and_shown_so() {
    let mut club = voice_club();
    let guest = club.guest;
    let listens = |club: &Club| {
        let table = club.world.state.voice_room(Timestamp(0), ROOM);
        table.members.iter().filter(|member| member.listens).count()
    };
    assert!(club.act(guest, RoomCommand::Listen(true)).is_empty(), "as it was");
    let effects = club.act(guest, RoomCommand::Listen(false));
    let [Effect::ToRoom { except: Some(except), packet, .. }, Effect::VoiceChanged(ROOM)] = &effects[..]
    else {
        panic!("{effects:?}");
    };
    assert_eq!(*except, guest);
    assert!(matches!(packet, ServerPacket::RoomUserMute(ROOM, uid, false) if *uid == person(GUEST).uid));
    assert_eq!(listens(&club), 3);
    let list = club.act(club.owner, RoomCommand::Members);
    let away = match sent_to(&list, club.owner)[0] {
        ServerPacket::RoomUserList(_, users) => users.iter().filter(|user| user.away).count(),
        other => panic!("{other:?}"),
    };
    assert_eq!(away, 1);
    club.act(guest, RoomCommand::Listen(true));
    assert_eq!(listens(&club), 4);
    let (outsider, _) = club.world.sign_in(9, &[]);
    assert!(club.act(outsider, RoomCommand::Listen(false)).is_empty());
}

#[test]
fn the_voice_service_hears_of_a_room_that_was_never_kept() {
    let mut club = voice_club();
    for conn in [club.guest, club.admin, club.owner, club.staff] {
        club.world.apply(conn, Command::Disconnect);
    }
    assert!(club.world.state.room(ROOM).is_some_and(|room| room.members.is_empty()));
    let mut effects = Effects::default();
    let truth = crate::hub::doubt::Truth::Room(ROOM, None);
    club.world.state.believe(club.world.now, truth, &mut effects);
    assert!(club.world.state.room(ROOM).is_none());
    assert!(matches!(effects.drain().collect::<Vec<_>>()[..], [Effect::VoiceChanged(ROOM)]));
}
