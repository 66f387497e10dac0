//! Opening and closing rooms.

use super::club::*;
use super::*;
use crate::model::Role;

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
