//! What passes the guard, kind by kind, and what its refusals bring.

use super::*;
use crate::hub::guard::ActKind;
use crate::hub::peers::{PeerCommand, PeerRules};
use crate::model::{Author, LinkRight, Obstacle};
use crate::protocol::markup;
use crate::store::{Mute, MuteKind};

/// A world with the limits as they are shipped.
pub(super) fn guarded() -> World {
    let mut world = World::new();
    world.state.guard = super::super::guard::Guard::default();
    world.state = std::mem::take(&mut world.state).with_peer_rules(PeerRules::default());
    world
}

/// What user `from` sends to do such a thing to user `to`.
pub(super) fn command(kind: ActKind, to: Uid, text: &str) -> Command {
    let message = |text: &str| MessageText::new(text.as_bytes()).unwrap();
    match kind {
        ActKind::RoomMessage => Command::Room(ROOM, RoomCommand::Message(message(text))),
        ActKind::Whisper => Command::Room(ROOM, RoomCommand::Message(message(&format!("/w User2: {text}")))),
        ActKind::Im => Command::Directory(DirectoryCommand::InstantMessage { to, text: message(text) }),
        ActKind::Invitation => Command::Room(ROOM, RoomCommand::Invite(to)),
        ActKind::FileOffer => Command::Peer(PeerCommand::OfferFile { to, name: None }),
        ActKind::Call => Command::Peer(PeerCommand::Call { to, port: 2090 }),
    }
}

/// What the server itself says to `conn`: notices, instant messages, refusals.
pub(super) fn told(effects: &[Effect], conn: ConnId) -> Vec<String> {
    let mine = effects.iter().filter_map(|effect| match effect {
        Effect::Send { to, packet } if *to == conn => Some(packet),
        _ => None,
    });
    let words = mine.filter_map(|packet| match packet {
        ServerPacket::RoomMessageIn(_, Uid::SYSTEM, text)
        | ServerPacket::ImIn { sender: Uid::SERVICE, text, .. } => {
            Some(String::from_utf8_lossy(&markup::strip(text.as_bytes())).into_owned())
        }
        ServerPacket::ReturnCode { data, .. } => Some(String::from_utf8_lossy(data).into_owned()),
        _ => None,
    });
    words.collect()
}

pub(super) fn refusals(effects: &[Effect]) -> Vec<Obstacle> {
    let links = effects.iter().filter_map(|effect| match effect {
        Effect::Refused(obstacle) => Some(*obstacle),
        _ => None,
    });
    links.collect()
}

pub(super) fn changes(effects: &[Effect]) -> Vec<&Change> {
    let changes = effects.iter().filter_map(|effect| match effect {
        Effect::Commit { change, .. } | Effect::Keep(change) => Some(change),
        _ => None,
    });
    changes.collect()
}

pub(super) fn reached(effects: &[Effect], conn: ConnId) -> bool {
    effects.iter().any(|effect| match effect {
        Effect::Send { to, .. } => *to == conn,
        Effect::ToMany { to, .. } => to.contains(&conn),
        Effect::ToRoom { except, .. } => *except != Some(conn),
        _ => false,
    })
}

const THIRD_SECOND: Duration = Duration::from_millis(300);

#[test]
fn acts_of_every_kind_are_held_back_and_told_where_they_were_done() {
    for kind in ActKind::ALL {
        let mut world = guarded();
        let (alice, _) = world.sign_in(1, &[]);
        let (bob, _) = world.sign_in(2, &[]);
        world.join(alice, ROOM);
        // Who is inside cannot be invited.
        if kind != ActKind::Invitation {
            world.join(bob, ROOM);
        }
        let to = person(2).uid;
        let first = world.apply(alice, command(kind, to, "hello"));
        assert!(reached(&first, bob) && refusals(&first).is_empty(), "{kind:?} {first:?}");
        if kind == ActKind::Call {
            world.apply(bob, Command::Peer(PeerCommand::DeclineCall(person(1).uid)));
        }
        let second = world.apply_at(THIRD_SECOND, alice, command(kind, to, "again"));
        assert!(!reached(&second, bob), "{kind:?} {second:?}");
        assert_eq!(refusals(&second), [Obstacle::Cooldown], "{kind:?}");
        let text = "Not so fast: leave at least 0.75 seconds between two messages. \
                    You cannot send anything for 15 seconds (strike 1 of 3).";
        assert_eq!(told(&second, alice), [text], "{kind:?}");
        let kept = changes(&second);
        let [Change::WithAudit { changes: kept, entries }] = kept[..] else { panic!("{kept:?}") };
        assert!(matches!(&kept[..], [Change::PutStrikes { record, .. }] if record.strikes == 1), "{kept:?}");
        let line = "rate-limit violation: COOLDOWN delta=300ms min=750ms strike=1/3 mute=15s";
        assert_eq!((entries[0].action.as_str(), entries[0].details.as_str()), ("strike", line));
        assert_eq!(entries[0].actor, Author::System);
        let logged = second.iter().any(|effect| match effect {
            Effect::Event(event) => event.kind == EventKind::Strike && event.text == line,
            _ => false,
        });
        assert!(logged, "{second:?}");
        // Nothing of any kind passes until the mute is over, and nothing escalates.
        let last = Duration::from_millis(15_299);
        let kinds = ActKind::ALL.into_iter();
        for other in kinds.filter(|other| kind != ActKind::Invitation || *other != ActKind::Whisper) {
            let effects = world.apply_at(last, alice, command(other, to, "now?"));
            assert_eq!(refusals(&effects), [Obstacle::Strike], "{kind:?} then {other:?}");
            assert!(!reached(&effects, bob) && changes(&effects).is_empty());
        }
        let after = world.apply_at(Duration::from_millis(15_300), alice, command(kind, to, "sorry"));
        assert_eq!(refusals(&after), []);
        assert_eq!(world.state.user_row(world.now, alice).unwrap().strikes, 1);
    }
}

#[test]
fn a_refused_call_stops_ringing_and_a_refused_file_is_over() {
    let mut world = guarded();
    let (alice, _) = world.sign_in(1, &[]);
    world.sign_in(2, &[]);
    world.apply(alice, command(ActKind::Im, person(2).uid, "hello"));
    let to = person(2).uid;
    let packets = |effects: &[Effect]| -> Vec<PacketType> {
        sent_to(effects, alice).iter().map(|packet| packet.packet_type()).collect()
    };
    let effects = world.apply_at(THIRD_SECOND, alice, command(ActKind::Call, to, ""));
    assert_eq!(packets(&effects), [PacketType::RETURN_CODE, PacketType::VOICE_CALL_REJECTED]);
    let effects = world.apply_at(THIRD_SECOND, alice, command(ActKind::FileOffer, to, ""));
    assert_eq!(packets(&effects), [PacketType::RETURN_CODE, PacketType::DCC_XFER_REJECTED]);
}

#[test]
fn a_refusal_does_not_tell_whether_the_other_is_there() {
    for kind in [ActKind::Im, ActKind::Invitation, ActKind::FileOffer, ActKind::Call] {
        let answer = |there: bool| {
            let mut world = guarded();
            let (alice, _) = world.sign_in(1, &[]);
            world.join(alice, ROOM);
            if there {
                world.sign_in_with(2, &[], |sign_in| sign_in.blocks = vec![person(1)]);
            }
            world.apply(alice, command(kind, person(2).uid, "hello"));
            told(&world.apply_at(THIRD_SECOND, alice, command(kind, person(2).uid, "again")), alice)
        };
        assert_eq!(answer(true), answer(false), "{kind:?}");
        assert_eq!(answer(true).len(), 1);
    }
}

#[test]
fn commands_lists_and_automatic_answers_bring_no_strike() {
    let mut world = guarded();
    let (alice, _) = world.sign_in(1, &[]);
    world.sign_in(2, &[]);
    world.join(alice, ROOM);
    for _ in 0..100 {
        let help = MessageText::new(b"/help").unwrap();
        world.apply(alice, Command::Room(ROOM, RoomCommand::Message(help.clone())));
        world.directory(alice, DirectoryCommand::InstantMessage { to: Uid::SERVICE, text: help });
        world.directory(alice, DirectoryCommand::SetStatus(Status::Away));
        world.directory(alice, DirectoryCommand::ListCategory(CategoryId(30_018)));
        world.room(alice, ROOM, RoomCommand::Hand(true));
        world.room(alice, ROOM, RoomCommand::Hand(false));
    }
    for _ in 0..10 {
        let effects = world.apply(alice, command(ActKind::Im, person(2).uid, "[Auto-Response] I am away"));
        assert!(changes(&effects).is_empty() && told(&effects, alice).is_empty(), "{effects:?}");
    }
    assert_eq!(world.state.guard.record(world.now, person(1).uid), None);
    assert_eq!(world.state.user_row(world.now, alice).unwrap().messages, 1, "only what was accepted");
}

#[test]
fn what_the_guard_refuses_uses_up_no_invitations() {
    let mute = |now: Now| {
        let (kind, by) = (MuteKind::Text, Author::System);
        (person(1).uid, Mute { kind, until: None, reason: "spam".to_owned(), by, at: now.wall })
    };
    let guests = || vec![person(2).uid];
    let one = || Command::Room(ROOM, RoomCommand::Invite(person(2).uid));
    let room = || Command::Directory(DirectoryCommand::OpenPrivateRoom { guests: guests(), udp_port: 2090 });
    for invite in [&one as &dyn Fn() -> Command, &room] {
        let mut world = World::new();
        let (alice, _) = world.sign_in(1, &[]);
        let (bob, _) = world.sign_in(2, &[]);
        world.join(alice, ROOM);
        world.state.sanctions.load([mute(world.now)], [], []);
        for _ in 0..100 {
            let effects = world.apply(alice, invite());
            assert_eq!(refusals(&effects), [Obstacle::Mute], "the same answer every time");
            assert!(!reached(&effects, bob));
        }
        world.state.sanctions.lift_mute(world.now.wall, person(1).uid, MuteKind::Text);
        assert!(reached(&world.apply(alice, invite()), bob), "nothing was used up");
    }
}

#[test]
fn one_invitation_of_many_is_one_act() {
    let mut world = guarded();
    let (alice, _) = world.sign_in_with(1, &[], |sign_in| sign_in.dialect = Dialect::V7);
    let guests: Vec<_> = (2..12).map(|number| world.sign_in(number, &[]).0).collect();
    let uids: Vec<Uid> = (2..12).map(|number| person(number).uid).collect();
    let open = |guests| DirectoryCommand::OpenPrivateRoom { guests, udp_port: 2090 };
    let effects = world.directory(alice, open(uids.clone()));
    assert!(guests.iter().all(|guest| reached(&effects, *guest)), "{effects:?}");
    let effects = world.directory(alice, open(uids));
    assert_eq!(refusals(&effects), [Obstacle::Cooldown]);
    assert!(!guests.iter().any(|guest| reached(&effects, *guest)));
}

#[test]
fn a_rooms_slowmode_holds_for_members_and_not_for_its_admins() {
    let mut world = guarded();
    let owner = person(1);
    world.state.rooms.get_mut(&ROOM).unwrap().owner = Some(owner);
    let (alice, _) = world.sign_in(1, &[]);
    let (bob, _) = world.sign_in(2, &[]);
    world.join(alice, ROOM);
    world.join(bob, ROOM);
    let set = |seconds: &str| {
        let text = MessageText::new(format!("/slowmode {seconds}").as_bytes()).unwrap();
        Command::Room(ROOM, RoomCommand::Message(text))
    };
    world.apply(alice, set("60"));
    let say = |world: &mut World, conn, second: u64, text: &str| {
        let at = Duration::from_secs(second);
        let effects = world.apply_at(at, conn, command(ActKind::RoomMessage, owner.uid, text));
        (refusals(&effects), told(&effects, conn))
    };
    for (second, text) in [(0, "one"), (10, "another")] {
        assert_eq!(say(&mut world, alice, second, text).0, []);
    }
    assert_eq!(say(&mut world, bob, 10, "mine").0, []);
    let (links, told) = say(&mut world, bob, 40, "more of it");
    assert_eq!(links, [Obstacle::Slowmode]);
    assert_eq!(
        told,
        ["This room is in slowmode: one message every 1 minute. You can send again in 30 seconds."]
    );
    world.apply(alice, set("off"));
    assert_eq!(say(&mut world, bob, 41, "at last").0, []);
}

#[test]
fn who_may_post_links_is_for_the_room_to_say() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[]);
    let (bob, _) = world.sign_in(2, &[]);
    world.state.rooms.get_mut(&ROOM).unwrap().owner = Some(person(1));
    for conn in [alice, bob] {
        world.join(conn, ROOM);
    }
    for (right, linker, passes) in [
        (LinkRight::Everybody, false, true),
        (LinkRight::Members, false, false),
        (LinkRight::Members, true, true),
        (LinkRight::Admins, true, false),
    ] {
        let room = world.state.rooms.get_mut(&ROOM).unwrap();
        room.links = right;
        room.linkers = linker.then_some(person(2).uid).into_iter().collect();
        for (conn, passes) in [(alice, true), (bob, passes)] {
            let message = command(ActKind::RoomMessage, Uid(0), "look at www.example.com");
            let effects = world.apply(conn, message);
            assert_eq!(refusals(&effects).is_empty(), passes, "{right:?} {linker}");
            assert!(passes || told(&effects, conn)[0].contains("may post links in this room"));
        }
        let plain = command(ActKind::RoomMessage, Uid(0), "no link");
        assert_eq!(refusals(&world.apply(bob, plain)), []);
    }
}

#[test]
fn complaints_are_limited_and_the_limit_is_told() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[]);
    world.join(alice, ROOM);
    let report = || RoomCommand::Report { uid: person(2).uid, text: MessageText::new(b"rude").unwrap() };
    let mut complain = |uptime| {
        let effects = world.apply_at(Duration::from_secs(uptime), alice, Command::Room(ROOM, report()));
        let passed = effects.iter().any(
            |effect| matches!(effect, Effect::Event(event) if event.kind == EventKind::Report && event.text == "rude"),
        );
        (passed, told(&effects, alice))
    };
    for _ in 0..10 {
        assert_eq!(complain(0), (true, vec![]));
    }
    assert_eq!(complain(0), (false, vec!["You are asking too often. Wait a moment.".to_owned()]));
    assert_eq!(complain(3), (true, vec![]), "the next after a while");
}

#[test]
fn rooms_for_adults_can_ask_for_verified_accounts() {
    let mut world = World::new();
    world.state.rooms.get_mut(&ROOM).unwrap().rating = Rating::Adult;
    let (alice, _) = world.sign_in(1, &[]);
    let (bob, _) = world.sign_in_with(2, &[], |sign_in| sign_in.age_verified = true);
    world.state.require_verified_adults(true);
    let effects = world.join(alice, ROOM);
    assert_eq!(
        told(&effects, alice),
        ["This room is for adults. Staff have to verify your age before you can enter."]
    );
    world.join(bob, ROOM);
    assert!(world.state.room(ROOM).unwrap().is_member(bob));
    world.state.require_verified_adults(false);
    world.join(alice, ROOM);
    assert!(world.state.room(ROOM).unwrap().is_member(alice));
}
