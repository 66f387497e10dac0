//! What becomes of those who are signed in when their account, or a room of theirs, is changed elsewhere.

use super::club::*;
use super::office::*;
use super::*;
use crate::hub::renewal::Renewal;
use crate::hub::sanctions::Held;
use crate::hub::staff::{Action, RoomSettings, Standing};
use crate::model::{Author, Role};
use crate::store::{Mute, MuteKind};

#[test]
fn roles_change_at_once() {
    let mut office = Office::new();
    let [guest, staff] = [office.club.guest, office.club.staff];
    let set = |office: &mut Office, number, roles| {
        let world = office.world();
        let mut effects = Effects::default();
        world.state.set_roles(world.now, person(number).uid, roles, &mut effects);
        world.state.check_invariants().unwrap();
        effects.drain().collect::<Vec<_>>()
    };
    let effects = set(&mut office, GUEST, moderator());
    assert!(answers(&effects, guest).contains("moderator"));
    assert!(office.club.member(GUEST).unwrap().admin);
    assert!(office.answer(guest, "/kick User3").starts_with("Kicked"));
    set(&mut office, GUEST, Roles::default());
    assert!(!office.club.member(GUEST).unwrap().admin);
    assert_eq!(office.answer(guest, "/kick User2"), "Only moderators can do that.");
    set(&mut office, STAFF, Roles::default().with(Role::Trusted));
    assert!(!office.club.member(STAFF).unwrap().admin);
    assert!(office.answer(staff, "/users").starts_with("Only"));
    // Who was unseen by right of his role cannot stay.
    let (unseen, _) = office.world().sign_in_with(9, &[], |sign_in| sign_in.roles = moderator());
    let join = RoomCommand::Join { lockword: Vec::new(), invisible: true, udp_port: 2090 };
    office.club.act(unseen, join);
    assert!(office.club.member(9).unwrap().invisible);
    let effects = set(&mut office, 9, Roles::default());
    assert!(office.club.member(9).is_none());
    assert!(sent_to(&effects, unseen).iter().any(|packet| packet.packet_type() == PacketType::ROOM_CLOSED));
    assert!(set(&mut office, 40, moderator()).is_empty(), "not signed in");
}

#[test]
fn who_becomes_the_owner_of_a_room_is_its_admin_at_once() {
    let mut office = Office::new();
    let [guest, owner, staff] = [office.club.guest, office.club.owner, office.club.staff];
    let give = |office: &mut Office, owner: Option<u32>| {
        let settings = RoomSettings { owner: Some(owner.map(person)), ..RoomSettings::default() };
        office.act(Standing::Operator, Action::SetRoom { room: ROOM, settings: Box::new(settings) }).1
    };
    let told = |effects: &[Effect], conn| {
        let packets = sent_to(effects, conn).into_iter();
        let own = packets.filter(|packet| packet.packet_type() == PacketType::ROOM_ADMIN_GRANTED);
        own.count()
    };
    let admins =
        |office: &Office| [GUEST, OWNER, STAFF].map(|number| office.club.member(number).unwrap().admin);
    let effects = give(&mut office, Some(GUEST));
    assert_eq!((told(&effects, guest), told(&effects, owner)), (1, 0));
    assert_eq!(admins(&office), [true, false, true]);
    assert!(refused(&office.club.act(owner, say("/welcome Hi")), owner).is_some());
    assert!(refused(&office.club.act(guest, say("/welcome Hi")), guest).is_none());
    // Staff are admins anyway, and who was given the right by somebody stays one.
    give(&mut office, Some(STAFF));
    assert_eq!(admins(&office), [false, false, true]);
    give(&mut office, Some(ADMIN));
    assert_eq!(admins(&office), [false, false, true]);
    assert!(office.club.member(ADMIN).unwrap().admin);
    give(&mut office, None);
    assert!(!office.club.member(ADMIN).unwrap().admin);
    assert!(refused(&office.club.act(staff, say("/welcome Hi")), staff).is_none());
    // What the store did not take is as it was.
    let record = crate::store::RoomRecord { owner: Some(person(OWNER).uid), ..office.club.room().record() };
    let kept = Room::permanent(record, Some(person(OWNER)));
    let world = office.world();
    let truth = crate::hub::doubt::Truth::Room(ROOM, Some(Box::new(kept)));
    world.state.believe(world.now, truth, &mut Effects::default());
    world.state.check_invariants().unwrap();
    assert_eq!(admins(&office), [false, true, true]);
}

#[test]
fn a_sign_in_under_way_ends_with_what_the_account_has_become() {
    let mut office = Office::new();
    let renew = |office: &mut Office, number, renewal| {
        let world = office.world();
        let mut effects = Effects::default();
        world.state.renew(world.now, person(number).uid, renewal, &mut effects);
        world.state.check_invariants().unwrap();
    };
    // The account was read before the change, and the sign-in arrives after it.
    renew(&mut office, 9, Renewal::Roles(Roles::default().with(Role::Trusted)));
    renew(&mut office, 9, Renewal::Roles(moderator()));
    renew(&mut office, 9, Renewal::AgeVerified(true));
    let (conn, _) = office.world().sign_in_with(9, &[], |_| {});
    let session = office.world().state.session(conn).unwrap();
    assert_eq!((session.roles, session.age_verified), (moderator(), true));
    // Who reads it later reads the same, and is not told of a change.
    let (conn, effects) = office.world().sign_in_with(9, &[], |sign_in| sign_in.roles = moderator());
    assert_eq!(answers(&effects, conn), "");
    // A change back counts as well.
    renew(&mut office, 9, Renewal::Roles(Roles::default()));
    let (conn, _) = office.world().sign_in_with(9, &[], |sign_in| sign_in.roles = moderator());
    assert_eq!(office.world().state.session(conn).unwrap().roles, Roles::default());
    let mute = Mute {
        kind: MuteKind::Text,
        until: None,
        reason: String::new(),
        by: Author::System,
        at: Timestamp(0),
    };
    let uid = person(8).uid;
    office.world().state.sanctions.load([(uid, mute)], [], [(uid, 2)]);
    renew(&mut office, 8, Renewal::Gone);
    assert_eq!(office.world().state.sanctions.of(Timestamp(1), uid), Held::default(), "nothing is left");
    let (_, effects) = office.world().sign_in_with(8, &[], |_| {});
    assert!(!closed(&effects).is_empty(), "the account is deleted");
}
