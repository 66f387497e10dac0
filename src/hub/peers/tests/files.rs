//! Files.

use super::super::files;
use super::*;

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
    let mut direct = super::world(CallMode::Direct, FileMode::Direct);
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
    let ignoring = enter(&mut world, 7);
    ignores(&mut world, ignoring, a, 1);
    assert_eq!(refused(&mut world, 7), None, "it looks as if he were not there");
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
fn a_late_word_of_being_done_does_not_refuse_the_next_file() {
    let done = || PeerCommand::RejectFile(uid(1));
    let carry = |world: &mut World, seconds, a, b| {
        at(world, seconds, a, PeerCommand::OfferFile { to: uid(2), name: None });
        let effects = at(world, seconds, b, PeerCommand::AcceptFile { from: uid(1), port: 2090 });
        let found = orders(&effects);
        let [RelayOrder::OpenFile(route)] = found.as_slice() else { panic!("{found:?}") };
        at(world, seconds, a, PeerCommand::Relay(route.transfer, READY));
        at(world, seconds, a, PeerCommand::Relay(route.transfer, RelayReport::Complete));
    };
    let refused = S::DccXferRejected(uid(2));

    let mut world = world(CallMode::Direct, FileMode::Relay);
    let (a, b) = (enter(&mut world, 1), enter(&mut world, 2));
    // It comes when the next one is offered already, and when that is being opened already.
    carry(&mut world, 0, a, b);
    offer(&mut world, a, 2);
    assert!(peer(&mut world, b, done()).is_empty(), "this is about the file before");
    assert_eq!(sent_to(&peer(&mut world, b, done()), a), [&refused], "and this is a refusal");
    carry(&mut world, 0, a, b);
    offer(&mut world, a, 2);
    assert_eq!(orders(&take_file(&mut world, b, 1)).len(), 1);
    assert!(peer(&mut world, b, done()).is_empty());
    let effects = peer(&mut world, b, done());
    assert_eq!((orders(&effects).len(), sent_to(&effects, a)), (1, vec![&refused]));
    // It never comes: after a while a refusal is one again.
    carry(&mut world, 0, a, b);
    let later = files::LAST_WORD.as_secs();
    assert!(tick(&mut world, later).is_empty());
    assert_eq!(world.state.due(), None);
    at(&mut world, later, a, PeerCommand::OfferFile { to: uid(2), name: None });
    assert_eq!(sent_to(&at(&mut world, later, b, done()), a), [&refused]);
    // Many files to many people are not too many once they have arrived.
    for _ in 0..2 * files::MAX_PER_USER as u64 {
        carry(&mut world, later + 1000, a, b);
    }
    world.apply(b, Command::Disconnect);
    assert_eq!(world.state.due(), None, "nothing is waited for when he has gone");

    // Straight from one to the other.
    let mut direct = super::world(CallMode::Direct, FileMode::Direct);
    let (a, b) = (enter(&mut direct, 1), enter(&mut direct, 2));
    offer(&mut direct, a, 2);
    take_file(&mut direct, b, 1);
    offer(&mut direct, a, 2);
    assert!(peer(&mut direct, b, done()).is_empty());
    assert_eq!(sent_to(&take_file(&mut direct, b, 1), a).len(), 1);
}

#[test]
fn a_file_that_nobody_can_carry_is_refused_to_both() {
    let mut world = world(CallMode::Direct, FileMode::Relay);
    let newer = |sign_in: &mut SignIn| sign_in.dialect = Dialect::V7;
    let (a, b) = (enter(&mut world, 1), enter_with(&mut world, 2, newer));
    offer(&mut world, a, 2);
    let effects =
        peer(&mut world, b, PeerCommand::AnswerFile { from: uid(1), transfer: TransferId(1), accept: true });
    let order = orders(&effects).remove(0);
    let effects = refuse_order(&mut world, order);
    assert_eq!(sent_to(&effects, a), [&S::DccXferRejected(uid(2))]);
    assert!(matches!(sent_to(&effects, b).as_slice(), [S::FileXferError(_, 1, _)]));
    assert!(orders(&effects).is_empty() && world.state.due().is_none());
}
