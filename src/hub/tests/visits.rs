//! Rooms as a visitor meets them.

use super::*;

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
