//! What passes the guard, kind by kind, and what its refusals bring.

use super::*;
use crate::hub::guard::{ActKind, FilterSet};
use crate::hub::peers::{PeerCommand, PeerRules};
use crate::hub::rules::Rules;
use crate::hub::sanctions::Sanction;
use crate::hub::staff::Via;
use crate::model::{Author, LinkRight, Obstacle, Role, SlowMode};
use crate::protocol::markup;
use crate::store::{
    Filter, FilterAction, FilterConsequence, FilterKind, FilterList, FilterRecord, Mute, MuteKind,
};

/// A world with the limits as they are shipped.
fn guarded() -> World {
    let mut world = World::new();
    world.state.guard = super::super::guard::Guard::default();
    world.state = std::mem::take(&mut world.state).with_peer_rules(PeerRules::default());
    world
}

/// What user `from` sends to do such a thing to user `to`.
fn command(kind: ActKind, to: Uid, text: &str) -> Command {
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
fn told(effects: &[Effect], conn: ConnId) -> Vec<String> {
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

fn refusals(effects: &[Effect]) -> Vec<Obstacle> {
    let links = effects.iter().filter_map(|effect| match effect {
        Effect::Refused(obstacle) => Some(*obstacle),
        _ => None,
    });
    links.collect()
}

fn changes(effects: &[Effect]) -> Vec<&Change> {
    let changes = effects.iter().filter_map(|effect| match effect {
        Effect::Commit { change, .. } | Effect::Keep(change) => Some(change),
        _ => None,
    });
    changes.collect()
}

fn reached(effects: &[Effect], conn: ConnId) -> bool {
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

fn filter(text: &str, action: FilterAction, consequence: FilterConsequence, list: FilterList) -> Filter {
    Filter { action, consequence, list, ..Filter::new(FilterKind::Keyword, text) }
}

fn with_filters(world: &mut World, filters: Vec<Filter>) {
    let numbered = filters.into_iter().zip(1..).map(|(filter, id)| FilterRecord { id, filter, hits: 0 });
    let filters = FilterSet::compile(&numbered.collect::<Vec<_>>()).unwrap();
    world.state.install_rules(Rules { filters, ..Rules::default() });
}

#[test]
fn the_language_list_holds_in_rooms_for_everybody_and_nowhere_else() {
    let mut world = World::new();
    with_filters(
        &mut world,
        vec![filter("darn", FilterAction::Block, FilterConsequence::Delete, FilterList::Language)],
    );
    let (alice, _) = world.sign_in(1, &[]);
    world.sign_in(2, &[]);
    world.join(alice, ROOM);
    let to = person(2).uid;
    for (rating, refused) in [(Rating::General, 1), (Rating::Restricted, 0), (Rating::Adult, 0)] {
        world.state.rooms.get_mut(&ROOM).unwrap().rating = rating;
        let effects = world.apply(alice, command(ActKind::RoomMessage, to, "Oh <pb>D</pb>arn it"));
        assert_eq!(refusals(&effects).len(), refused, "{rating:?}");
    }
    assert_eq!(refusals(&world.apply(alice, command(ActKind::Im, to, "darn"))), []);
}

#[test]
fn filters_warn_mute_ban_and_tell_staff_and_are_counted() {
    let mut world = World::new();
    let block = |text, consequence| filter(text, FilterAction::Block, consequence, FilterList::Content);
    let notify = filter("bet", FilterAction::Notify, FilterConsequence::Delete, FilterList::Content);
    with_filters(
        &mut world,
        vec![
            block("warnme", FilterConsequence::Warn),
            block("muteme", FilterConsequence::Mute { seconds: 600 }),
            block("banme", FilterConsequence::Ban { seconds: None }),
            notify,
        ],
    );
    let (staff, _) =
        world.sign_in_with(9, &[], |sign_in| sign_in.roles = Roles::default().with(Role::Moderator));
    let to = person(9).uid;
    let mut say = |number: u32, text: &str| {
        let (conn, _) = world.sign_in(number, &[]);
        let effects = world.apply(conn, command(ActKind::Im, to, text));
        let made: Vec<String> = changes(&effects).into_iter().map(|change| format!("{change:?}")).collect();
        (made.concat(), told(&effects, staff), refusals(&effects).len())
    };
    let (made, ..) = say(1, "warnme");
    assert!(made.contains("AddWarning") && made.contains("System") && made.contains("filter 1"), "{made}");
    let (made, ..) = say(2, "muteme");
    assert!(made.contains("PutMute"), "{made}");
    let (made, ..) = say(3, "banme");
    assert!(made.contains("PutBan"), "{made}");
    let (made, _, refused) = say(4, "I bet");
    assert_eq!((made.as_str(), refused), ("", 0));
    let (conn, _) = world.sign_in(5, &[]);
    let effects = world.apply(conn, command(ActKind::Im, to, "I bet"));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::ToMany { to, .. } if *to == [staff])));
    assert!(world.state.sanctions.mute(world.now.wall, person(2).uid, MuteKind::Text).is_some());
    // After a minute the hits are kept.
    let due = world.state.due().unwrap();
    let effects = world.apply_at(due, conn, Command::Directory(DirectoryCommand::CountCategories));
    let hits = Change::AddFilterHits(vec![(1, 1), (2, 1), (3, 1), (4, 2)]);
    assert_eq!(changes(&effects), [&hits]);
    assert_eq!(world.state.due(), None);
}

#[test]
fn offences_are_kept_and_mute_by_the_record() {
    let mut world = guarded();
    let (alice, _) = world.sign_in(1, &[]);
    world.sign_in(2, &[]);
    let to = person(2).uid;
    let text = "a.com b.com c.com d.com";
    let effects = world.apply(alice, command(ActKind::Im, to, text));
    assert_eq!(
        told(&effects, alice),
        ["There are 4 links in your message; 3 are allowed. You are muted for 5 minutes."]
    );
    let [Change::PutOffences { record, .. }, Change::WithAudit { changes: made, entries }] =
        changes(&effects)[..]
    else {
        panic!("{effects:?}");
    };
    assert_eq!((record.offences, entries[0].action.as_str()), (1, "mute"));
    assert!(matches!(made[..], [Change::PutMute { .. }]));
    world.now.wall = world.now.wall.after(Duration::from_secs(299));
    let later = Duration::from_secs(299);
    let effects = world.apply_at(later, alice, command(ActKind::Im, to, "hello"));
    assert_eq!(refusals(&effects), [Obstacle::Mute]);
    assert_eq!(world.state.user_row(world.now, alice).unwrap().muted_seconds, 1);
    world.now.wall = world.now.wall.after(Duration::from_secs(1));
    let effects = world.apply_at(Duration::from_secs(300), alice, command(ActKind::Im, to, "hello"));
    assert_eq!(refusals(&effects), []);
}

#[test]
fn settings_of_the_detectors_change_at_run_time_and_come_back() {
    let mut world = guarded();
    let change = world.state.set_antispam("links.per_message", "0").unwrap();
    let Change::SetSetting { name, value } = change else { panic!("{change:?}") };
    assert!(world.state.set_antispam("links.per_message", "99").unwrap_err().contains("0 to 50"));
    let slow = world.state.set_server_slowmode(SlowMode::new(30).unwrap());
    let Change::SetSetting { name: slow, value: seconds } = slow else { panic!("{slow:?}") };

    let mut later = guarded();
    let foreign = [("antispam.nothing", "1"), ("feed.next", "9"), ("maintenance", "Back soon.")];
    let foreign = foreign.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let settings = [(name, value), (slow, seconds)].into_iter().chain(foreign).collect();
    let records = GuardRecords { settings, ..GuardRecords::default() };
    let wrong = later.state.guard_with(later.now, Spam::default(), records);
    assert_eq!(wrong.len(), 1, "only what is like one of the detectors' is theirs: {wrong:?}");
    let (alice, _) = later.sign_in(1, &[]);
    later.sign_in(2, &[]);
    let to = person(2).uid;
    let effects = later.apply(alice, command(ActKind::Im, to, "hello"));
    assert_eq!(refusals(&effects), []);
    let effects = later.apply_at(Duration::from_secs(10), alice, command(ActKind::Im, to, "more"));
    assert_eq!(refusals(&effects), [Obstacle::Slowmode]);
    let effects = later.apply_at(Duration::from_secs(30), alice, command(ActKind::Im, to, "see a.com"));
    assert_eq!(refusals(&effects), [Obstacle::Detector]);
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
