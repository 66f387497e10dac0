//! Rules of calls and files, with invented time.

use std::net::Ipv4Addr;
use std::time::Duration;

use proptest::prelude::*;

use super::super::tests::{World, person, sent_to};
use super::super::{Command, DirectoryCommand, Effect, SignIn};
use super::*;
use crate::config::{CallMode, FileMode};
use crate::model::{Privacy, Timestamp};
use crate::protocol::ServerPacket as S;
use crate::protocol::{Dialect, PeerAddress};

const READY: RelayReport = RelayReport::Ready { sender: 4000, receiver: None };

fn uid(number: u32) -> Uid {
    person(number).uid
}

fn world(calls: CallMode, files: FileMode) -> World {
    let mut world = World::new();
    world.state = std::mem::take(&mut world.state).with_peer_rules(Voice { calls, files });
    world
}

/// Signs in user `number` at 10.0.0.`number`.
fn enter(world: &mut World, number: u8) -> ConnId {
    enter_with(world, number, |_| {})
}

fn enter_with(world: &mut World, number: u8, change: impl FnOnce(&mut SignIn)) -> ConnId {
    let place = |sign_in: &mut SignIn| {
        sign_in.peer = [10, 0, 0, number].into();
        sign_in.local = [192, 0, 2, number].into();
        change(sign_in);
    };
    world.sign_in_with(number.into(), &[], place).0
}

fn at(world: &mut World, seconds: u64, conn: ConnId, command: PeerCommand) -> Vec<Effect> {
    world.apply_at(Duration::from_secs(seconds), conn, Command::Peer(command))
}

fn peer(world: &mut World, conn: ConnId, command: PeerCommand) -> Vec<Effect> {
    at(world, 0, conn, command)
}

fn call(world: &mut World, conn: ConnId, to: u32) -> Vec<Effect> {
    peer(world, conn, PeerCommand::Call { to: uid(to), port: 2090 })
}

fn take(world: &mut World, conn: ConnId, from: u32) -> Vec<Effect> {
    peer(world, conn, PeerCommand::AcceptCall { from: uid(from), port: 2090 })
}

fn tick(world: &mut World, seconds: u64) -> Vec<Effect> {
    let now = Now { wall: Timestamp(0), uptime: Duration::from_secs(seconds) };
    let mut effects = Effects::default();
    world.state.tick(now, &mut effects);
    world.state.check_invariants().unwrap();
    effects.drain().collect()
}

fn orders(effects: &[Effect]) -> Vec<RelayOrder> {
    let orders = effects.iter().filter_map(|effect| match effect {
        Effect::Relay(order) => Some(order.clone()),
        _ => None,
    });
    orders.collect()
}

/// What was refused with, and the reason, if one was given.
fn refusal(effects: &[Effect], conn: ConnId, end: &S) -> Option<String> {
    let packets = sent_to(effects, conn);
    assert_eq!(packets.last(), Some(&end), "{packets:?}");
    assert_eq!(effects.len(), packets.len(), "somebody else was told: {effects:?}");
    match packets.as_slice() {
        [S::ReturnCode { data, .. }, _] => Some(crate::model::from_cp1252(data)),
        [_] => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_call_rings_is_taken_and_ends_for_both() {
    for hanging_up in [1, 2] {
        let mut world = world(CallMode::Direct, FileMode::Direct);
        let (a, b) = (enter(&mut world, 1), enter(&mut world, 2));
        let effects = call(&mut world, a, 2);
        let packets = sent_to(&effects, b);
        let [S::VoiceCallRequest(request)] = packets.as_slice() else { panic!("{packets:?}") };
        assert_eq!((request.caller, request.ip, request.port), (uid(1), Ipv4Addr::new(10, 0, 0, 1), 2090));
        assert!(call(&mut world, a, 2).is_empty(), "it rings already");
        let effects = take(&mut world, b, 1);
        let address = PeerAddress { peer: uid(2), ip: Ipv4Addr::new(10, 0, 0, 2), port: 2090 };
        assert_eq!(sent_to(&effects, a), [&S::VoiceCallAccepted(address)]);
        assert!(orders(&effects).is_empty());
        assert!(tick(&mut world, 100_000).is_empty(), "it was taken");
        let (own, other, who) = if hanging_up == 1 { (a, b, 2) } else { (b, a, 1) };
        let effects = peer(&mut world, own, PeerCommand::HangUp(uid(who)));
        assert_eq!(sent_to(&effects, other), [&S::VoiceCallHungUp(uid(hanging_up))]);
        assert!(peer(&mut world, other, PeerCommand::HangUp(uid(hanging_up))).is_empty());
        assert_eq!(call(&mut world, b, 1).len(), 1, "and again, the other way round");
    }
}

#[test]
fn a_call_that_is_not_taken() {
    let mut world = world(CallMode::Direct, FileMode::Direct);
    let (a, b) = (enter(&mut world, 1), enter(&mut world, 2));
    call(&mut world, a, 2);
    let effects = peer(&mut world, b, PeerCommand::DeclineCall(uid(1)));
    assert_eq!(sent_to(&effects, a), [&S::VoiceCallRejected(uid(2))]);

    // The caller gives up; a late Yes does not leave the other waiting.
    call(&mut world, a, 2);
    let effects = peer(&mut world, a, PeerCommand::HangUp(uid(2)));
    assert_eq!(sent_to(&effects, b), [&S::VoiceCallHungUp(uid(1))]);
    let effects = take(&mut world, b, 1);
    let packets = sent_to(&effects, b);
    assert!(matches!(packets.as_slice(), [S::ReturnCode { .. }, S::VoiceCallHungUp(_)]), "{packets:?}");

    // Nobody answers.
    call(&mut world, a, 2);
    assert_eq!(world.state.due(), Some(Duration::from_secs(60)));
    assert!(tick(&mut world, 59).is_empty());
    let effects = tick(&mut world, 60);
    assert_eq!(sent_to(&effects, a), [&S::VoiceCallRejected(uid(2))]);
    assert_eq!(sent_to(&effects, b), [&S::VoiceCallHungUp(uid(1))]);
    assert_eq!(world.state.due(), None);

    // Without anything that ticks, the next command of anybody does it.
    at(&mut world, 100, a, PeerCommand::Call { to: uid(2), port: 0 });
    let effects = at(&mut world, 200, b, PeerCommand::AcceptCall { from: uid(1), port: 0 });
    assert_eq!(sent_to(&effects, a), [&S::VoiceCallRejected(uid(2))]);
}

#[test]
fn a_call_ends_when_one_side_goes() {
    for taken in [false, true] {
        for (leaving, staying) in [(1, 2), (2, 1)] {
            let mut world = world(CallMode::Direct, FileMode::Direct);
            let conns = [enter(&mut world, 1), enter(&mut world, 2)];
            call(&mut world, conns[0], 2);
            if taken {
                take(&mut world, conns[1], 1);
            }
            let effects = world.apply(conns[leaving - 1], Command::Disconnect);
            let gone = uid(leaving as u32);
            let end =
                if taken || leaving == 1 { S::VoiceCallHungUp(gone) } else { S::VoiceCallRejected(gone) };
            assert_eq!(sent_to(&effects, conns[staying - 1]), [&end], "{taken} {leaving}");
            assert_eq!(world.state.due(), None);
        }
    }
}

#[test]
fn whom_one_cannot_call() {
    let mut world = world(CallMode::Direct, FileMode::Direct);
    let a = enter(&mut world, 1);
    let b = enter(&mut world, 2);
    enter_with(&mut world, 3, |sign_in| sign_in.blocks = vec![person(1)]);
    enter_with(&mut world, 4, |sign_in| sign_in.status = Status::Invisible);
    enter_with(&mut world, 5, |sign_in| sign_in.privacy = Privacy::Pals);
    enter_with(&mut world, 6, |sign_in| sign_in.peer = "2001:db8::6".parse().unwrap());
    enter_with(&mut world, 7, |sign_in| sign_in.dialect = Dialect::V7);
    let eight = enter_with(&mut world, 8, |sign_in| sign_in.pals = vec![person(1)]);
    let nine = enter(&mut world, 9);
    let refused = |world: &mut World, to: u32| {
        let effects = call(world, a, to);
        refusal(&effects, a, &S::VoiceCallRejected(uid(to)))
    };
    // Blocked, unseen and absent are one: the call looks declined.
    for to in [3, 4, 77] {
        assert_eq!(refused(&mut world, to), None, "{to}");
    }
    for (to, word) in [(1, "yourself"), (5, "pals"), (6, "IPv4"), (7, "newer")] {
        let text = refused(&mut world, to).unwrap();
        assert!(text.contains(word), "{text}");
    }
    call(&mut world, eight, 9);
    assert!(refused(&mut world, 9).unwrap().contains("another call"));
    assert!(refused(&mut world, 8).unwrap().contains("another call"));
    peer(&mut world, nine, PeerCommand::DeclineCall(uid(8)));
    world.directory(eight, DirectoryCommand::SetPrivacy(Privacy::Pals));
    assert_eq!(sent_to(&call(&mut world, a, 8), eight).len(), 1, "a pal may");

    // Whoever calls another gives up the first call, unless it was taken.
    let effects = call(&mut world, a, 2);
    assert_eq!(sent_to(&effects, eight), [&S::VoiceCallHungUp(uid(1))]);
    assert_eq!(sent_to(&effects, b).len(), 1);
    take(&mut world, b, 1);
    assert!(refused(&mut world, 9).unwrap().contains("already"));
    assert!(refused(&mut world, 2).unwrap().contains("already"));
    // A block ends what is between the two.
    let block = DirectoryCommand::Block { target: person(1), staff: false, current: Vec::new() };
    let effects = world.directory(b, block);
    assert!(sent_to(&effects, a).contains(&&S::VoiceCallHungUp(uid(2))));
    assert_eq!(refused(&mut world, 2), None);

    let mut off = self::world(CallMode::Off, FileMode::Off);
    let (a, _) = (enter(&mut off, 1), enter(&mut off, 2));
    assert!(refusal(&call(&mut off, a, 2), a, &S::VoiceCallRejected(uid(2))).is_some());
}

#[test]
fn ports_that_5_0_could_not_use_are_not_passed_on() {
    for (announced, told) in [(2090, 2090), (0, 2090), (12_718, 12_718), (34_463, 2090), (32_767, 2090)] {
        let mut world = world(CallMode::Direct, FileMode::Direct);
        let (a, b) = (enter(&mut world, 1), enter(&mut world, 2));
        call(&mut world, a, 2);
        let effects = peer(&mut world, b, PeerCommand::AcceptCall { from: uid(1), port: announced });
        let packets = sent_to(&effects, a);
        let [S::VoiceCallAccepted(address)] = packets.as_slice() else { panic!("{packets:?}") };
        assert_eq!(address.port, told);
    }
}

#[test]
fn a_relayed_call_names_the_server_to_both() {
    let mut world = world(CallMode::Relay, FileMode::Direct);
    let (a, b) = (enter(&mut world, 1), enter(&mut world, 2));
    let effects = call(&mut world, a, 2);
    let packets = sent_to(&effects, b);
    let [S::VoiceCallRequest(request)] = packets.as_slice() else { panic!("{packets:?}") };
    assert_eq!(request.ip, Ipv4Addr::new(192, 0, 2, 2), "where the callee reached the server");
    let effects = take(&mut world, b, 1);
    let address = PeerAddress { peer: uid(2), ip: Ipv4Addr::new(192, 0, 2, 1), port: 2090 };
    assert_eq!(sent_to(&effects, a), [&S::VoiceCallAccepted(address)]);
    let parties = [(uid(1), Ipv4Addr::new(10, 0, 0, 1)), (uid(2), Ipv4Addr::new(10, 0, 0, 2))];
    assert_eq!(orders(&effects), [RelayOrder::OpenCall(parties)]);
    let effects = world.apply(b, Command::Disconnect);
    assert_eq!(orders(&effects), [RelayOrder::CloseCall([uid(1), uid(2)])]);
    // Both behind one address.
    enter(&mut world, 2);
    let c = enter_with(&mut world, 3, |sign_in| sign_in.peer = [10, 0, 0, 2].into());
    assert!(refusal(&call(&mut world, c, 2), c, &S::VoiceCallRejected(uid(2))).is_some());
}

fn offer(world: &mut World, conn: ConnId, to: u32) -> Vec<Effect> {
    peer(world, conn, PeerCommand::OfferFile { to: uid(to), name: None })
}

fn take_file(world: &mut World, conn: ConnId, from: u32) -> Vec<Effect> {
    peer(world, conn, PeerCommand::AcceptFile { from: uid(from), port: 2090 })
}

#[test]
fn a_direct_file_is_between_the_two() {
    let mut world = world(CallMode::Direct, FileMode::Direct);
    let (a, b) = (enter(&mut world, 1), enter(&mut world, 2));
    let effects = offer(&mut world, a, 2);
    let packets = sent_to(&effects, b);
    assert!(matches!(packets.as_slice(), [S::DccXferRequest(_)]), "{packets:?}");
    let effects = take_file(&mut world, b, 1);
    let address = PeerAddress { peer: uid(2), ip: Ipv4Addr::new(10, 0, 0, 2), port: 2090 };
    assert_eq!(sent_to(&effects, a), [&S::DccXferAccepted(address)]);
    let effects = peer(&mut world, b, PeerCommand::RejectFile(uid(1)));
    assert!(effects.is_empty(), "this says that he has it");
    offer(&mut world, a, 2);
    let effects = peer(&mut world, b, PeerCommand::RejectFile(uid(1)));
    assert_eq!(sent_to(&effects, a), [&S::DccXferRejected(uid(2))]);
}

#[test]
fn a_relayed_file_is_opened_carried_and_closed() {
    let mut world = world(CallMode::Direct, FileMode::Relay);
    let (a, b) = (enter(&mut world, 1), enter(&mut world, 2));
    let begin = |world: &mut World| {
        offer(world, a, 2);
        let effects = take_file(world, b, 1);
        assert!(sent_to(&effects, a).is_empty(), "not before there is a port");
        let found = orders(&effects);
        let [RelayOrder::OpenFile(route)] = found.as_slice() else { panic!("{found:?}") };
        let end = |number: u8| FileEnd {
            uid: uid(number.into()),
            at: [10, 0, 0, number].into(),
            listen: [192, 0, 2, number].into(),
            lines: false,
        };
        assert_eq!((route.conn, route.port), (a, 2090));
        assert_eq!((route.sender, route.receiver), (end(1), end(2)));
        let id = route.transfer;
        let effects = peer(world, a, PeerCommand::Relay(id, READY));
        let address = PeerAddress { peer: uid(2), ip: Ipv4Addr::new(192, 0, 2, 1), port: 4000 };
        assert_eq!(sent_to(&effects, a), [&S::DccXferAccepted(address)]);
        id
    };
    let done = PeerCommand::RejectFile;
    // All goes well, whoever speaks first.
    let id = begin(&mut world);
    assert!(peer(&mut world, a, PeerCommand::Relay(id, RelayReport::Complete)).is_empty());
    assert!(peer(&mut world, b, done(uid(1))).is_empty());
    let id = begin(&mut world);
    assert!(peer(&mut world, b, done(uid(1))).is_empty());
    assert!(peer(&mut world, a, PeerCommand::Relay(id, RelayReport::Complete)).is_empty());
    assert_eq!(world.state.due(), None);
    // It breaks.
    let id = begin(&mut world);
    assert!(refusal(&offer(&mut world, a, 2), a, &S::DccXferRejected(uid(2))).unwrap().contains("Wait"));
    let effects = peer(&mut world, a, PeerCommand::Relay(id, RelayReport::Failed));
    assert_eq!(sent_to(&effects, a), [&S::DccXferRejected(uid(2))]);
    // The receiver wants no more, and the connection goes on.
    let id = begin(&mut world);
    peer(&mut world, b, done(uid(1)));
    let effects = tick(&mut world, files::CLOSING.as_secs());
    assert_eq!(orders(&effects), [RelayOrder::CloseFile(id)]);
    assert_eq!(sent_to(&effects, a), [&S::DccXferRejected(uid(2))]);
    // No way is opened.
    offer(&mut world, a, 2);
    take_file(&mut world, b, 1);
    let effects = tick(&mut world, 10);
    assert_eq!(sent_to(&effects, a), [&S::DccXferRejected(uid(2))]);
    // One goes.
    let id = begin(&mut world);
    let effects = world.apply(b, Command::Disconnect);
    assert_eq!(orders(&effects), [RelayOrder::CloseFile(id)]);
    assert_eq!(sent_to(&effects, a), [&S::DccXferRejected(uid(2))]);
    assert!(peer(&mut world, a, PeerCommand::Relay(id, RelayReport::Failed)).is_empty());
}

#[test]
fn a_file_between_newer_programs_has_a_number_and_two_ports() {
    let mut world = world(CallMode::Direct, FileMode::Relay);
    let newer = |sign_in: &mut SignIn| sign_in.dialect = Dialect::V7;
    let (a, b) = (enter_with(&mut world, 1, newer), enter_with(&mut world, 2, newer));
    let offer = || PeerCommand::OfferFile { to: uid(2), name: Some(b"C:\\x\\a.txt".to_vec()) };
    let answer = |id, accept| PeerCommand::AnswerFile { from: uid(1), transfer: id, accept };
    let effects = peer(&mut world, a, offer());
    let request = S::FileXferRequest(uid(1), 1, b"a.txt".to_vec(), person(1).nickname);
    assert_eq!(sent_to(&effects, b), [&request]);
    let effects = peer(&mut world, b, answer(TransferId(7), true));
    assert!(matches!(sent_to(&effects, b).as_slice(), [S::FileXferError(_, 7, _)]), "another one");
    let effects = peer(&mut world, b, answer(TransferId(1), true));
    let found = orders(&effects);
    let [RelayOrder::OpenFile(route)] = found.as_slice() else { panic!("{found:?}") };
    assert!(route.sender.lines && route.receiver.lines);
    let ready = RelayReport::Ready { sender: 4000, receiver: Some(4001) };
    let effects = peer(&mut world, a, PeerCommand::Relay(TransferId(1), ready));
    let at = |number: u8, port| PeerAddress {
        peer: uid(3 - u32::from(number)),
        ip: [192, 0, 2, number].into(),
        port,
    };
    assert_eq!(sent_to(&effects, a), [&S::FileXferAccepted(1, true, at(1, 4000))]);
    assert_eq!(sent_to(&effects, b), [&S::FileXferAccepted(1, false, at(2, 4001))]);
    let effects = peer(&mut world, a, PeerCommand::Relay(TransferId(1), RelayReport::Failed));
    assert_eq!(sent_to(&effects, a), [&S::FileXferRejected(uid(2), 1)]);
    assert!(matches!(sent_to(&effects, b).as_slice(), [S::FileXferError(_, 1, _)]));

    peer(&mut world, a, offer());
    let effects = peer(&mut world, b, answer(TransferId(2), false));
    assert_eq!(sent_to(&effects, a), [&S::FileXferRejected(uid(2), 2)]);
    let effects = peer(&mut world, a, PeerCommand::OfferFile { to: uid(9), name: None });
    assert_eq!(sent_to(&effects, a), [&S::FileXferRejected(uid(9), 0)]);
    let effects = peer(&mut world, a, PeerCommand::OfferFile { to: uid(1), name: None });
    assert!(matches!(sent_to(&effects, a).as_slice(), [S::FileXferError(..)]));

    // Neither can go straight from one to the other.
    let mut direct = self::world(CallMode::Direct, FileMode::Direct);
    let a = enter(&mut direct, 1);
    enter_with(&mut direct, 2, newer);
    let effects = peer(&mut direct, a, offer());
    assert!(refusal(&effects, a, &S::DccXferRejected(uid(2))).unwrap().contains("server"));
}

#[test]
fn offers_that_come_to_nothing() {
    let mut world = world(CallMode::Direct, FileMode::Relay);
    let (a, b) = (enter(&mut world, 1), enter(&mut world, 2));
    offer(&mut world, a, 2);
    let effects = tick(&mut world, files::OFFER.as_secs());
    assert_eq!(sent_to(&effects, a), [&S::DccXferRejected(uid(2))]);
    let effects = take_file(&mut world, b, 1);
    assert!(matches!(sent_to(&effects, b).as_slice(), [S::ReturnCode { .. }]), "too late");
    offer(&mut world, a, 2);
    world.apply(a, Command::Disconnect);
    let effects = take_file(&mut world, b, 1);
    assert!(matches!(sent_to(&effects, b).as_slice(), [S::ReturnCode { .. }]), "he is gone");
}

#[test]
fn whom_one_cannot_send_files() {
    let mut world = world(CallMode::Direct, FileMode::Relay);
    let a = enter(&mut world, 1);
    enter_with(&mut world, 3, |sign_in| sign_in.blocks = vec![person(1)]);
    enter_with(&mut world, 4, |sign_in| sign_in.privacy = Privacy::Transfers);
    enter_with(&mut world, 5, |sign_in| sign_in.privacy = Privacy::Pals);
    enter_with(&mut world, 6, |sign_in| {
        sign_in.privacy = Privacy::Transfers;
        sign_in.pals = vec![person(1)];
    });
    let refused = |world: &mut World, to: u32| {
        let effects = offer(world, a, to);
        refusal(&effects, a, &S::DccXferRejected(uid(to)))
    };
    for to in [3, 77] {
        assert_eq!(refused(&mut world, to), None, "{to}");
    }
    for (to, word) in [(1, "yourself"), (4, "pals"), (5, "pals")] {
        assert!(refused(&mut world, to).unwrap().contains(word));
    }
    assert!(offer(&mut world, a, 6).iter().any(|it| matches!(it, Effect::Send { .. })));
    for number in 10..10 + files::MAX_PER_USER as u8 - 1 {
        enter(&mut world, number);
        assert_eq!(offer(&mut world, a, number.into()).len(), 1);
        assert_eq!(offer(&mut world, a, number.into()).len(), 1, "a second one takes its place");
    }
    enter(&mut world, 20);
    assert!(refused(&mut world, 20).unwrap().contains("too many"));
}

#[test]
fn nobody_covers_another_with_windows() {
    let mut world = world(CallMode::Direct, FileMode::Relay);
    let (a, b) = (enter(&mut world, 1), enter(&mut world, 2));
    let ring = |world: &mut World, seconds| {
        let effects = at(world, seconds, a, PeerCommand::Call { to: uid(2), port: 2090 });
        let rang = !sent_to(&effects, b).is_empty();
        at(world, seconds, a, PeerCommand::HangUp(uid(2)));
        rang
    };
    assert_eq!((0..100).filter(|_| ring(&mut world, 1000)).count(), 10);
    assert!(refusal(&offer(&mut world, a, 2), a, &S::DccXferRejected(uid(2))).is_some());
    assert_eq!((0..100).filter(|_| ring(&mut world, 1003)).count(), 1);
    assert_eq!((0..100).filter(|_| ring(&mut world, 2000)).count(), 10);
}

#[derive(Debug, Clone)]
enum Step {
    Enter(u8),
    Leave(u8),
    Block(u8, u32),
    Tick(u64),
    Peer(u8, u8, u32),
}

fn any_step() -> impl Strategy<Value = Step> {
    let user = || 1..5u8;
    prop_oneof![
        2 => user().prop_map(Step::Enter),
        1 => user().prop_map(Step::Leave),
        1 => (user(), 1..5u32).prop_map(|(who, whom)| Step::Block(who, whom)),
        2 => (0..100u64).prop_map(Step::Tick),
        12 => (user(), 0..10u8, 1..6u32).prop_map(|(who, what, whom)| Step::Peer(who, what, whom)),
    ]
}

proptest! {
    /// After every step [`State::check_invariants`] holds, and the orders to carry something are
    /// whole: nothing is closed that is not open, and nothing stays open at the end.
    #[test]
    fn calls_and_files_stay_whole(steps in proptest::collection::vec(any_step(), 0..120), relay: bool) {
        let mut world = if relay {
            world(CallMode::Relay, FileMode::Relay)
        } else {
            world(CallMode::Direct, FileMode::Direct)
        };
        let mut conns = [None; 5];
        let mut open: Vec<[Uid; 2]> = Vec::new();
        let mut files = BTreeSet::new();
        let mut clock = 0;
        for step in steps {
            let effects = match step {
                Step::Enter(who) => {
                    let mut all = Vec::new();
                    conns[who as usize] = Some({
                        let (conn, effects) = world.sign_in_with(who.into(), &[], |sign_in| {
                            sign_in.peer = [10, 0, 0, who].into();
                        });
                        all.extend(effects);
                        conn
                    });
                    all
                }
                Step::Leave(who) => conns[who as usize]
                    .take()
                    .map_or_else(Vec::new, |conn| world.apply(conn, Command::Disconnect)),
                Step::Block(who, whom) => conns[who as usize].map_or_else(Vec::new, |conn| {
                    let target = person(whom);
                    let block = DirectoryCommand::Block { target, staff: false, current: Vec::new() };
                    let mut effects = world.directory(conn, block);
                    effects.extend(world.directory(conn, DirectoryCommand::Unblock {
                        target: target.uid,
                        current: Vec::new(),
                    }));
                    effects
                }),
                Step::Tick(seconds) => {
                    clock += seconds;
                    tick(&mut world, clock)
                }
                Step::Peer(who, what, whom) => conns[who as usize].map_or_else(Vec::new, |conn| {
                    let to = uid(whom);
                    let any_file = files.iter().next().copied().unwrap_or(TransferId(0));
                    let command = match what {
                        0 | 1 => PeerCommand::Call { to, port: 2090 },
                        2 => PeerCommand::AcceptCall { from: to, port: 2090 },
                        3 => PeerCommand::DeclineCall(to),
                        4 => PeerCommand::HangUp(to),
                        5 => PeerCommand::OfferFile { to, name: None },
                        6 => PeerCommand::AcceptFile { from: to, port: 2090 },
                        7 => PeerCommand::RejectFile(to),
                        8 => PeerCommand::Relay(any_file, READY),
                        _ => {
                            files.remove(&any_file);
                            PeerCommand::Relay(any_file, RelayReport::Complete)
                        }
                    };
                    at(&mut world, clock, conn, command)
                }),
            };
            for order in orders(&effects) {
                prop_assert!(relay);
                match order {
                    RelayOrder::OpenCall([(a, _), (b, _)]) => {
                        let free = open.iter().flatten().all(|party| ![a, b].contains(party));
                        prop_assert!(free, "{a} or {b} is in another call");
                        open.push([a, b]);
                    }
                    RelayOrder::CloseCall(call) => {
                        prop_assert!(open.contains(&call));
                        open.retain(|it| *it != call);
                    }
                    RelayOrder::OpenFile(route) => prop_assert!(files.insert(route.transfer)),
                    RelayOrder::CloseFile(id) => prop_assert!(files.remove(&id)),
                }
            }
        }
        for conn in conns.into_iter().flatten() {
            for order in orders(&world.apply(conn, Command::Disconnect)) {
                match order {
                    RelayOrder::CloseCall(call) => open.retain(|it| *it != call),
                    RelayOrder::CloseFile(id) => _ = files.remove(&id),
                    _ => {}
                }
            }
        }
        prop_assert!(open.is_empty() && files.is_empty());
        prop_assert_eq!(world.state.due(), None);
    }
}
