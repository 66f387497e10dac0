//! Ways around a mute that there must not be.

use super::club::*;
use super::office::*;
use super::*;
use crate::hub::staff::{Action, Standing};
use crate::store::MuteKind;

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
