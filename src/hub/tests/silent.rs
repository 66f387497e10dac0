//! Ways around a mute that there must not be, and mutes while the calendar is set.

use super::club::*;
use super::guarded::{self, guarded};
use super::office::*;
use super::*;
use crate::hub::doubt::Truth;
use crate::hub::peers::{PeerCommand, PeerRules};
use crate::hub::staff::{Action, Standing};
use crate::store::{MuteKind, Sanctions};

fn mute(office: &mut Office, number: u32, roles: Roles, kind: MuteKind, time: Option<Duration>) {
    let action = Action::Mute { user: subject(number, roles), kind, time, reason: String::new() };
    office.act(Standing::Operator, action).0.unwrap();
}

#[test]
fn a_muted_admin_throws_people_out_without_words() {
    let mut office = Office::new();
    mute(&mut office, ADMIN, Roles::default(), MuteKind::Text, None);
    let (club, uid) = (&mut office.club, person(GUEST).uid);
    club.act(club.admin, RoomCommand::BounceReason { uid, reason: b"you know what".to_vec() });
    let effects = club.act(club.admin, RoomCommand::Bounce(uid));
    let told = sent_to(&effects, club.guest);
    let told = told.iter().find_map(|packet| match packet {
        ServerPacket::RoomClosed(_, _, text) => Some(String::from_utf8_lossy(text).into_owned()),
        _ => None,
    });
    assert_eq!(told.unwrap(), "You have been bounced from this group.");
    assert_eq!(club.room().bounces[&uid].reason, b"");
}

#[test]
fn whoever_is_muted_names_no_room() {
    let mut office = Office::new();
    let guest = office.club.guest;
    mute(&mut office, GUEST, Roles::default(), MuteKind::Text, Some(HOUR));
    let rooms = office.world().state.rooms.len();
    let effects = create(office.world(), guest, wish());
    assert!(guarded::told(&effects, guest)[0].starts_with("You are muted until"), "{effects:?}");
    assert_eq!(office.world().state.rooms.len(), rooms);
    // Nobody has chosen the name of a private one.
    let open = DirectoryCommand::OpenPrivateRoom { guests: Vec::new(), udp_port: 2090 };
    office.world().directory(guest, open);
    assert_eq!(office.world().state.rooms.len(), rooms + 1);
    office.later(HOUR);
    assert!(joined(&create(office.world(), guest, wish()), guest).is_some());
}

#[test]
fn muted_staff_do_not_speak_as_the_server() {
    let mut office = Office::new();
    let (boss, staff) = (office.boss, office.club.staff);
    mute(&mut office, ADMIN_STAFF, admin_roles(), MuteKind::Text, None);
    mute(&mut office, STAFF, moderator(), MuteKind::Text, None);
    for line in ["/broadcast Hear me", "/maintenance on Hear me"] {
        let effects = office.type_as(boss, line);
        assert!(answers(&effects, boss).starts_with("You are muted"), "{line}");
        assert!(sent_to(&effects, staff).is_empty() && commits(&effects).is_empty(), "{line}");
    }
    let effects = office.club.act(staff, say("/notice Hear me"));
    assert!(guarded::told(&effects, staff)[0].starts_with("You are muted"));
    assert!(sent_to(&effects, office.club.guest).is_empty() && commits(&effects).is_empty());
}

#[test]
fn whoever_closes_the_room_he_is_in_reads_that_it_is_closed() {
    let mut office = Office::new();
    let staff = office.club.staff;
    let effects = office.club.act(staff, say(&format!("/close {ROOM} late")));
    assert!(answers(&effects, staff).starts_with("Closed "), "{effects:?}");
}

#[test]
fn a_restriction_ends_the_call_and_the_files_that_there_are() {
    let mut office = Office::new();
    let (guest, owner) = (office.club.guest, office.club.owner);
    let world = office.world();
    world.state = std::mem::take(&mut world.state).with_peer_rules(PeerRules::default());
    let (from, to) = (person(GUEST).uid, person(OWNER).uid);
    world.apply(guest, Command::Peer(PeerCommand::Call { to, port: 2090 }));
    world.apply(owner, Command::Peer(PeerCommand::AcceptCall { from, port: 2090 }));
    world.apply(guest, Command::Peer(PeerCommand::OfferFile { to, name: None }));
    assert!(world.state.peers.call_of(from).is_some());
    let user = subject(GUEST, Roles::default());
    let action = Action::Mute { user, kind: MuteKind::Media, time: None, reason: String::new() };
    let (_, effects, _) = office.act(Standing::Operator, action);
    assert!(office.world().state.peers.call_of(from).is_none());
    for (conn, peer) in [(guest, to), (owner, from)] {
        let over = |packet: &&ServerPacket| **packet == ServerPacket::VoiceCallHungUp(peer);
        assert!(sent_to(&effects, conn).iter().any(over), "{conn:?}: {effects:?}");
    }
    let late = office.world().apply(owner, Command::Peer(PeerCommand::AcceptFile { from, port: 2090 }));
    assert_eq!(guarded::told(&late, owner), ["This file is not offered any more."]);
}

#[test]
fn voices_follow_the_calendar_when_it_is_set() {
    let mut office = Office::new();
    office.world().state.rooms.get_mut(&ROOM).unwrap().kind = RoomKind::Voice;
    mute(&mut office, GUEST, Roles::default(), MuteKind::Media, Some(HOUR));
    let guest = office.club.guest;
    let mut tick = |forward: Duration, back: Duration| {
        let world = office.world();
        world.now.wall = world.now.wall.after(forward).before(back);
        let mut effects = Effects::default();
        world.state.tick(world.now, &mut effects);
        let published = effects.drain().any(|effect| matches!(effect, Effect::VoiceChanged(ROOM)));
        let table = world.state.voice_room(world.now.wall, ROOM);
        (published, table.members.iter().any(|member| member.conn == guest && member.may_speak))
    };
    let now = Duration::ZERO;
    assert_eq!(tick(now, now), (false, false));
    assert_eq!(tick(HOUR, now), (true, true), "it has run out by the clock there is");
    assert_eq!(tick(now, now), (false, true));
    assert_eq!(tick(now, HOUR), (true, false), "the clock was wrong");
}

#[test]
fn an_order_that_finds_no_mute_takes_none_away() {
    let mut office = Office::new();
    mute(&mut office, GUEST, Roles::default(), MuteKind::Text, Some(HOUR));
    let (guest, boss, now) = (office.club.guest, office.boss, office.world().now);
    office.later(HOUR);
    assert!(office.answer(boss, "/unmute User1").contains("is not muted"));
    // The clock was wrong.
    office.world().now.wall = now.wall;
    let effects = office.club.act(guest, say("hello"));
    assert!(guarded::told(&effects, guest)[0].starts_with("You are muted until"), "{effects:?}");
}

#[test]
fn what_was_not_stored_changes_no_mute_that_was() {
    let mut world = guarded();
    let (conn, _) = world.sign_in(1, &[]);
    world.join(conn, ROOM);
    let uid = person(1).uid;
    for text in ["one", "two"] {
        world.room(conn, ROOM, say(text));
    }
    let left = world.state.guard.muted(world.now, uid).unwrap();
    let strikes = world.state.guard.record(world.now, uid);
    // Somebody has set the calendar, and then a warning of his was not stored.
    world.now.wall = world.now.wall.after(HOUR);
    let kept = Sanctions { strikes: strikes.clone(), ..Sanctions::default() };
    world.state.believe(world.now, Truth::Account(uid, Box::new(kept)), &mut Effects::default());
    assert_eq!(world.state.guard.muted(world.now, uid), Some(left));
    // A strike that was not stored did not happen.
    world.state.believe(world.now, Truth::Account(uid, Box::default()), &mut Effects::default());
    assert_eq!(world.state.guard.muted(world.now, uid), None);
}
