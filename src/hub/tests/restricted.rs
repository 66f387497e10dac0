//! What is taken from whom by a mute.

use super::guarded::*;
use super::*;
use crate::hub::guard::ActKind;
use crate::hub::peers::{PeerCommand, PeerRules};
use crate::hub::sanctions::Sanction;
use crate::hub::staff::Via;
use crate::model::{Author, Obstacle};
use crate::store::{Mute, MuteKind};

#[test]
fn a_media_restriction_takes_voice_files_and_calls_and_leaves_words() {
    let mut world = World::new();
    world.state = std::mem::take(&mut world.state).with_peer_rules(PeerRules::default());
    world.state.rooms.get_mut(&ROOM).unwrap().kind = RoomKind::Voice;
    let (alice, _) = world.sign_in(1, &[]);
    let (bob, _) = world.sign_in(2, &[]);
    let sanction = Sanction {
        by: Author::System,
        target: person(1),
        time: Some(Duration::from_secs(60)),
        reason: "noise".to_owned(),
        details: String::new(),
    };
    let mut effects = Effects::default();
    world.state.mute(world.now, &mut Via::Chat(alice), MuteKind::Media, sanction, &mut effects);
    let why = "You cannot use voice, files or calls until 2023-11-14 22:14:20 UTC: noise.";
    let joined = world.join(alice, ROOM);
    assert!(told(&joined, alice).contains(&why.to_owned()), "{joined:?}");
    let speaks = |world: &World| world.state.voice_room(world.now.wall, ROOM).members[0].may_speak;
    assert!(!speaks(&world));
    let to = person(2).uid;
    for kind in [ActKind::Call, ActKind::FileOffer] {
        let effects = world.apply(alice, command(kind, to, ""));
        assert_eq!((refusals(&effects), told(&effects, alice)), (vec![Obstacle::Mute], vec![why.to_owned()]));
        assert!(!reached(&effects, bob));
    }
    for kind in [ActKind::RoomMessage, ActKind::Im] {
        assert_eq!(refusals(&world.apply(alice, command(kind, to, "words"))), []);
    }
    // Nor does he take any.
    let call = world.apply(bob, command(ActKind::Call, person(1).uid, ""));
    assert!(reached(&call, alice));
    let effects =
        world.apply(alice, Command::Peer(PeerCommand::AcceptCall { from: person(2).uid, port: 2090 }));
    assert_eq!(told(&effects, alice), [why]);
    assert!(sent_to(&effects, bob).iter().any(|it| it.packet_type() == PacketType::VOICE_CALL_REJECTED));
    // Coming again and again does not fill the list of who waits for his voice.
    for millis in 1..20 {
        world.room(alice, ROOM, RoomCommand::Leave);
        world.now.uptime = Duration::from_micros(millis);
        world.join(alice, ROOM);
        world.now.uptime = Duration::ZERO;
        world.state.renew_voice(world.now, person(1).uid, &mut Effects::default());
        assert_eq!(world.state.voices_awaited(), 1);
    }
    // When it is over the room is published again.
    let due = world.state.due().unwrap();
    assert_eq!(due, Duration::from_secs(60));
    world.now.wall = world.now.wall.after(due);
    let effects = world.apply_at(due, bob, Command::Directory(DirectoryCommand::CountCategories));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::VoiceChanged(ROOM))));
    assert!(speaks(&world));
}

#[test]
fn a_restriction_stops_a_voice_in_the_middle_and_gives_it_back() {
    let mut world = World::new();
    world.state.rooms.get_mut(&ROOM).unwrap().kind = RoomKind::Voice;
    let (alice, _) = world.sign_in(1, &[]);
    world.join(alice, ROOM);
    let published =
        |effects: &[Effect]| effects.iter().any(|effect| matches!(effect, Effect::VoiceChanged(ROOM)));
    let speaks = |world: &World| world.state.voice_room(world.now.wall, ROOM).members[0].may_speak;
    let impose = |world: &mut World, time| {
        let (by, target, reason) = (Author::System, person(1), String::new());
        let sanction = Sanction { by, target, time, reason, details: String::new() };
        let mut effects = Effects::default();
        world.state.mute(world.now, &mut Via::Chat(alice), MuteKind::Media, sanction, &mut effects);
        effects.drain().collect::<Vec<_>>()
    };
    assert!(speaks(&world));
    assert!(published(&impose(&mut world, Some(Duration::from_secs(10)))) && !speaks(&world));
    // A longer one takes the place of the first, whose end changes nothing then.
    assert!(published(&impose(&mut world, Some(Duration::from_secs(60)))));
    assert_eq!(world.state.due(), Some(Duration::from_secs(60)));
    world.now.wall = world.now.wall.after(Duration::from_secs(60));
    let effects =
        world.apply_at(Duration::from_secs(60), alice, Command::Directory(DirectoryCommand::CountCategories));
    assert!(published(&effects) && speaks(&world));
    assert!(published(&impose(&mut world, None)) && !speaks(&world));
    assert_eq!(world.state.due(), None, "for good");
}

#[test]
fn who_is_muted_writes_no_topic_and_no_welcome_either() {
    let line = |text: &str| RoomCommand::Message(MessageText::new(text.as_bytes()).unwrap());
    let topic = |text: &str| RoomCommand::SetTopic(text.into());
    for struck in [false, true] {
        let mut world = guarded();
        world.state.rooms.get_mut(&ROOM).unwrap().owner = Some(person(1));
        let (alice, _) = world.sign_in(1, &[]);
        let (bob, _) = world.sign_in(2, &[]);
        world.join(alice, ROOM);
        world.join(bob, ROOM);
        let met = if struck { Obstacle::Strike } else { Obstacle::Mute };
        if struck {
            for text in ["too", "fast"] {
                world.apply(alice, command(ActKind::Im, person(2).uid, text));
            }
        } else {
            let (kind, by, at) = (MuteKind::Text, Author::System, world.now.wall);
            let mute = Mute { kind, until: None, reason: "spam".to_owned(), by, at };
            world.state.sanctions.load([(person(1).uid, mute)], [], []);
        }
        let before = world.state.room(ROOM).unwrap().record();
        for command in [topic("Buy now"), line("/t Buy now"), line("/welcome Buy now")] {
            let effects = world.room(alice, ROOM, command);
            assert_eq!((refusals(&effects), told(&effects, alice).len()), (vec![met], 1), "{effects:?}");
            assert!(!reached(&effects, bob));
        }
        assert_eq!(world.state.room(ROOM).unwrap().record(), before);
        // Taking words away is no writing.
        for command in [topic(""), line("/welcome off")] {
            assert_eq!(refusals(&world.room(alice, ROOM, command)), []);
        }
        world.state.sanctions.lift_mute(world.now.wall, person(1).uid, MuteKind::Text);
        world.now.uptime += Duration::from_secs(60);
        assert!(reached(&world.room(alice, ROOM, topic("Buy now")), bob));
    }
}

#[test]
fn a_mute_of_an_account_covers_every_kind() {
    let mut world = guarded();
    let (alice, _) = world.sign_in(1, &[]);
    let (bob, _) = world.sign_in(2, &[]);
    world.join(alice, ROOM);
    world.join(bob, ROOM);
    let (kind, by, at) = (MuteKind::Text, Author::System, world.now.wall);
    let mute = Mute { kind, until: None, reason: "spam".to_owned(), by, at };
    world.state.sanctions.load([(person(1).uid, mute)], [], []);
    for kind in ActKind::ALL {
        let effects = world.apply(alice, command(kind, person(2).uid, "hello"));
        assert_eq!(refusals(&effects), [Obstacle::Mute], "{kind:?}");
        assert!(told(&effects, alice).contains(&"You are muted until staff lift it: spam.".to_owned()));
        assert!(!reached(&effects, bob));
    }
}
