//! Rules of calls and files, with invented time.

mod files;
mod whole;

use std::net::Ipv4Addr;
use std::time::Duration;

use super::super::tests::{World, person, sent_to};
use super::super::{Command, DirectoryCommand, Effect, RoomCommand, SignIn};
use super::*;
use crate::config::{CallMode, FileMode};
use crate::model::{Privacy, RoomId, Timestamp};
use crate::protocol::ServerPacket as S;
use crate::protocol::{Dialect, PeerAddress};

const READY: RelayReport = RelayReport::Ready { sender: 4000, receiver: None };

fn uid(number: u32) -> Uid {
    person(number).uid
}

fn world(calls: CallMode, files: FileMode) -> World {
    let mut world = World::new();
    world.state =
        std::mem::take(&mut world.state).with_peer_rules(PeerRules { calls, files, advertise: None });
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

/// The user of `conn` meets user `number`, of `other`, in a room and ignores what he says.
fn ignores(world: &mut World, conn: ConnId, other: ConnId, number: u32) -> Vec<Effect> {
    let room = RoomId(50_001);
    for conn in [conn, other] {
        let join = RoomCommand::Join { lockword: Vec::new(), invisible: false, udp_port: 2090 };
        world.apply(conn, Command::Room(room, join));
    }
    let effects = world.apply(conn, Command::Room(room, RoomCommand::Ignore { uid: uid(number), on: true }));
    assert!(world.state.session(conn).unwrap().ignores_user(uid(number)));
    effects
}

fn refuse_order(world: &mut World, order: RelayOrder) -> Vec<Effect> {
    let mut effects = Effects::default();
    world.state.order_refused(world.now, order, &mut effects);
    world.state.check_invariants().unwrap();
    effects.drain().collect()
}

#[test]
fn an_ignored_user_cannot_ring() {
    let mut world = world(CallMode::Direct, FileMode::Relay);
    let (a, b) = (enter(&mut world, 1), enter(&mut world, 2));
    // What rings and what is offered ends with it, as with a block.
    call(&mut world, a, 2);
    offer(&mut world, a, 2);
    let effects = ignores(&mut world, b, a, 1);
    assert_eq!(sent_to(&effects, a), [&S::VoiceCallRejected(uid(2)), &S::DccXferRejected(uid(2))]);
    assert_eq!(sent_to(&effects, b), [&S::VoiceCallHungUp(uid(1))]);
    assert_eq!(world.state.due(), None);
    // From now on it looks as if he were not there, in no words that would give him away.
    assert_eq!(refusal(&call(&mut world, a, 2), a, &S::VoiceCallRejected(uid(2))), None);
    assert_eq!(refusal(&offer(&mut world, a, 2), a, &S::DccXferRejected(uid(2))), None);
    // He himself may call whom he likes, and it is taken.
    assert_eq!(sent_to(&call(&mut world, b, 1), a).len(), 1);
    assert_eq!(sent_to(&take(&mut world, a, 2), b).len(), 1);
    peer(&mut world, b, PeerCommand::HangUp(uid(1)));
    let again = RoomCommand::Ignore { uid: uid(1), on: false };
    world.apply(b, Command::Room(RoomId(50_001), again));
    assert_eq!(sent_to(&call(&mut world, a, 2), b).len(), 1);
}

#[test]
fn a_call_that_nobody_can_carry_ends_for_both() {
    let mut world = world(CallMode::Relay, FileMode::Direct);
    let (a, b) = (enter(&mut world, 1), enter(&mut world, 2));
    call(&mut world, a, 2);
    let order = orders(&take(&mut world, b, 1)).remove(0);
    let effects = refuse_order(&mut world, order.clone());
    assert!(orders(&effects).is_empty());
    for (conn, peer) in [(a, 2), (b, 1)] {
        let packets = sent_to(&effects, conn);
        let [S::ReturnCode { .. }, end] = packets.as_slice() else { panic!("{packets:?}") };
        assert_eq!(**end, S::VoiceCallHungUp(uid(peer)));
    }
    // It ended before the refusal came: nothing more is said.
    assert!(refuse_order(&mut world, order).is_empty());
    assert_eq!(sent_to(&call(&mut world, b, 1), a).len(), 1, "and they may try again");
}

fn offer(world: &mut World, conn: ConnId, to: u32) -> Vec<Effect> {
    peer(world, conn, PeerCommand::OfferFile { to: uid(to), name: None })
}

fn take_file(world: &mut World, conn: ConnId, from: u32) -> Vec<Effect> {
    peer(world, conn, PeerCommand::AcceptFile { from: uid(from), port: 2090 })
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
    let again = enter(&mut world, 1);
    assert!(
        sent_to(&at(&mut world, 2000, again, PeerCommand::Call { to: uid(2), port: 2090 }), b).is_empty()
    );
}
