//! Users: signing in, presence, pals, blocks, instant messages.

use super::*;

#[test]
fn the_session_begins_with_everything_a_client_waits_for() {
    let mut world = World::new();
    world.sign_in(2, &[]);
    let (conn, effects) = world.sign_in(1, &[2, 3]);
    let kinds: Vec<PacketType> = sent_to(&effects, conn).iter().map(|packet| packet.packet_type()).collect();
    assert_eq!(
        kinds,
        [
            PacketType::LOGIN_SUCCESS,
            PacketType::CATEGORY_LIST,
            PacketType::BUDDY_LIST,
            PacketType::BUDDY_STATUS_CHANGE,
            PacketType::BUDDY_STATUS_CHANGE,
            PacketType::OWN_STATUS,
            PacketType::BUDDY_STATUS_CHANGE,
        ],
        "greeting, lists, the service user, the pal who is there, oneself"
    );
    assert!(effects.iter().any(|effect| matches!(effect, Effect::LoadOffline { .. })));
}

#[test]
fn presence_goes_both_ways_and_follows_every_change() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[2]);
    let (bob, effects) = world.sign_in(2, &[1]);
    assert_eq!(statuses(&effects, alice), [(2, 30)]);
    assert!(statuses(&effects, bob).contains(&(1, 30)));
    for (status, shown) in
        [(Status::Away, 70), (Status::Dnd, 90), (Status::Invisible, 0), (Status::Online, 30)]
    {
        let effects = world.directory(bob, DirectoryCommand::SetStatus(status));
        assert_eq!(statuses(&effects, alice), [(2, shown)], "{status:?}");
        assert_eq!(statuses(&effects, bob), [(2, status.wire())]);
    }
    let effects = world.directory(bob, DirectoryCommand::SetStatus(Status::Online));
    assert_eq!(statuses(&effects, alice), [], "nothing changed for others");
    assert_eq!(statuses(&world.apply(bob, Command::Disconnect), alice), [(2, 0)]);
}

#[test]
fn nobody_is_told_of_what_an_invisible_user_does() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[2]);
    let (bob, effects) = world.sign_in_with(2, &[], |sign_in| sign_in.status = Status::Invisible);
    assert_eq!(statuses(&effects, alice), []);
    let block = DirectoryCommand::Block { target: person(1), staff: false, current: Vec::new() };
    assert_eq!(statuses(&world.directory(bob, block), alice), []);
    let unblock = DirectoryCommand::Unblock { target: person(1).uid, current: Vec::new() };
    assert_eq!(statuses(&world.directory(bob, unblock), alice), []);
    assert_eq!(statuses(&world.apply(bob, Command::Disconnect), alice), []);
}

#[test]
fn a_second_sign_in_ends_the_first_with_its_reason() {
    let mut world = World::new();
    let (first, _) = world.sign_in(1, &[]);
    world.join(first, ROOM);
    let (second, effects) = world.sign_in(1, &[]);
    let close = effects.iter().position(|effect| {
        matches!(effect, Effect::Close { conn, reason: CloseReason::Replaced, last: ServerPacket::ServerDisconnect(_) } if *conn == first)
    });
    let success = effects.iter().position(
        |effect| matches!(effect, Effect::Send { to, packet: ServerPacket::LoginSuccess } if *to == second),
    );
    assert!(close.unwrap() < success.unwrap());
    assert!(world.state.room(ROOM).unwrap().members.is_empty());
    // The first connection's end, when it comes, is nobody's business any more.
    assert!(world.apply(first, Command::Disconnect).is_empty());
    assert_eq!(world.state.users_online(), 1);
}

#[test]
fn a_pal_is_stored_before_the_client_is_told() {
    let mut world = World::new();
    let (bob, _) = world.sign_in(2, &[]);
    let (alice, _) = world.sign_in(1, &[]);
    let add = || DirectoryCommand::AddPal { pal: person(2), current: Vec::new() };
    let effects = world.directory(alice, add());
    assert!(
        matches!(&effects[0], Effect::Commit { change: Change::AddPal { .. }, conn, .. } if *conn == alice)
    );
    assert!(matches!(sent_to(&effects, alice)[0], ServerPacket::BuddyList(list) if list.len() == 1));
    assert_eq!(statuses(&effects, alice), [(2, 30)]);
    // A second time nothing is stored; the answer is the same.
    let again = world.directory(alice, add());
    assert!(!again.iter().any(|effect| matches!(effect, Effect::Commit { .. })));
    assert_eq!(sent_to(&again, alice).len(), 2);
    let effects = world.directory(bob, DirectoryCommand::SetStatus(Status::Away));
    assert_eq!(statuses(&effects, alice), [(2, 70)], "presence begins at once");
    let effects = world.directory(alice, DirectoryCommand::RemovePal(person(2).uid));
    assert!(matches!(&effects[0], Effect::Commit { change: Change::RemovePal { .. }, .. }));
    let effects = world.directory(bob, DirectoryCommand::SetStatus(Status::Online));
    assert_eq!(statuses(&effects, alice), [], "and ends at once");
}

#[test]
fn later_clients_get_the_whole_list() {
    let mut world = World::new();
    let (alice, _) = world.sign_in_with(1, &[3], |sign_in| sign_in.dialect = Dialect::V51);
    let add = DirectoryCommand::AddPal { pal: person(2), current: vec![person(3), person(4)] };
    let effects = world.directory(alice, add);
    let ServerPacket::BuddyList(list) = sent_to(&effects, alice)[0] else { panic!() };
    let uids: Vec<Uid> = list.iter().map(|record| record.uid).collect();
    assert_eq!(uids, [Uid::SERVICE, person(3).uid, person(2).uid]);
}

#[test]
fn a_block_hides_both_from_each_other() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[2]);
    let (bob, _) = world.sign_in(2, &[1]);
    let block = DirectoryCommand::Block { target: person(2), staff: false, current: Vec::new() };
    let effects = world.directory(alice, block);
    assert!(matches!(&effects[0], Effect::Commit { change: Change::Block { .. }, .. }));
    assert_eq!(statuses(&effects, alice), [(2, 0)], "5.0 was never shown a blocked pal otherwise");
    assert_eq!(statuses(&effects, bob), [(1, 0)]);
    let away = world.directory(alice, DirectoryCommand::SetStatus(Status::Away));
    assert_eq!(statuses(&away, bob), [], "he must not even hear that something has changed");
    assert_eq!(statuses(&world.directory(bob, DirectoryCommand::SetStatus(Status::Away)), alice), []);
    // What the blocked one writes goes nowhere, and he does not notice.
    let hello = DirectoryCommand::InstantMessage { to: person(1).uid, text: message("hello") };
    assert!(world.directory(bob, hello).is_empty());
    let unblock = DirectoryCommand::Unblock { target: person(2).uid, current: Vec::new() };
    let effects = world.directory(alice, unblock);
    assert_eq!(statuses(&effects, alice), [(2, 70)]);
    assert_eq!(statuses(&effects, bob), [(1, 70)]);
}

#[test]
fn staff_and_the_service_user_cannot_be_blocked() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[]);
    for (target, staff) in [(person(2), true), (directory::service_user(), false), (person(1), false)] {
        let effects = world.directory(alice, DirectoryCommand::Block { target, staff, current: Vec::new() });
        assert!(matches!(sent_to(&effects, alice)[..], [ServerPacket::ReturnCode { code: 0x78, .. }]));
    }
}

#[test]
fn who_is_on_a_full_list_already_is_confirmed_again() {
    let mut world = World::new();
    let full = || (2..=contacts::MAX_PALS as u32 + 1).map(person);
    let (alice, _) = world.sign_in_with(1, &[], |sign_in| {
        (sign_in.pals, sign_in.blocks) = (full().skip(1).chain([person(900)]).collect(), full().collect());
    });
    let block = |target| DirectoryCommand::Block { target, staff: false, current: Vec::new() };
    let add = |pal| DirectoryCommand::AddPal { pal, current: Vec::new() };
    for (command, wanted) in [
        (block(person(2)), true),
        (block(person(901)), false),
        (add(person(900)), true),
        (add(person(901)), false),
    ] {
        let effects = world.directory(alice, command);
        let refused = matches!(sent_to(&effects, alice)[..], [ServerPacket::ReturnCode { code: 0x78, .. }]);
        assert_eq!(refused, !wanted, "{effects:?}");
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::Commit { .. })));
    }
}

#[test]
fn instant_messages_reach_those_who_want_them() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[]);
    let (bob, _) = world.sign_in(2, &[]);
    let hello = |to: u32| DirectoryCommand::InstantMessage { to: person(to).uid, text: message("hello") };
    let effects = world.directory(alice, hello(2));
    assert!(
        matches!(sent_to(&effects, bob)[..], [ServerPacket::ImIn { sender, .. }] if *sender == person(1).uid)
    );
    assert!(sent_to(&effects, alice).is_empty(), "the client shows its own words itself");
    world.directory(bob, DirectoryCommand::SetPrivacy(Privacy::Pals));
    let effects = world.directory(alice, hello(2));
    assert!(sent_to(&effects, bob).is_empty());
    assert!(matches!(sent_to(&effects, alice)[..], [ServerPacket::ReturnCode { code: 0x78, .. }]));
    world.directory(bob, DirectoryCommand::AddPal { pal: person(1), current: Vec::new() });
    assert_eq!(sent_to(&world.directory(alice, hello(2)), bob).len(), 1);
    assert!(world.directory(alice, hello(1)).is_empty(), "nobody writes to himself");
}

#[test]
fn what_is_so_already_is_not_stored_again() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[]);
    for stored in [1, 0] {
        let effects = world.directory(alice, DirectoryCommand::SetPrivacy(Privacy::Pals));
        let commits = effects.iter().filter(|effect| matches!(effect, Effect::Commit { .. }));
        assert_eq!(commits.count(), stored);
        assert!(matches!(sent_to(&effects, alice)[..], [ServerPacket::PrivacyVerify(Privacy::Pals)]));
    }
}

#[test]
fn who_is_away_gets_his_messages_later_but_no_automatic_answers() {
    let mut world = World::new();
    let (alice, _) = world.sign_in(1, &[]);
    let to_bob = |text| DirectoryCommand::InstantMessage { to: person(2).uid, text: message(text) };
    let effects = world.directory(alice, to_bob("hello"));
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Commit { change: Change::StoreOffline { .. }, .. }))
    );
    assert!(world.directory(alice, to_bob("<pb>[Auto-Response] I am away")).is_empty());
}
