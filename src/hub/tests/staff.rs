//! What staff can do: who may, to whom, and what becomes of it.

use super::club::*;
use super::office::*;
use super::*;
use crate::hub::staff::{ActError, Action, BanWhom, MAINTENANCE_GRACE, Standing, Subject, Via};
use crate::model::Author;
use crate::store::{Filter, FilterKind, LinkKind, MuteKind};

#[test]
fn every_action_needs_its_permission() {
    let guest = subject(GUEST, Roles::default());
    let network = BanWhom::Network("192.0.2.0/24".parse().unwrap());
    let filter = || Box::new(Filter::new(FilterKind::Keyword, "x"));
    let why = || "why".to_owned();
    let text = || "x.example".to_owned();
    let all = [
        (Action::Kick { user: guest, reason: why() }, Standing::Moderator),
        (Action::Ban { whom: BanWhom::User(guest), time: None, reason: why() }, Standing::Admin),
        (Action::Unban { whom: BanWhom::User(guest), reason: why() }, Standing::Admin),
        (Action::Ban { whom: network.clone(), time: None, reason: why() }, Standing::Admin),
        (Action::Unban { whom: network, reason: why() }, Standing::Admin),
        (Action::Mute { user: guest, kind: MuteKind::Text, time: None, reason: why() }, Standing::Moderator),
        (Action::Unmute { user: guest, kind: MuteKind::Text, reason: why() }, Standing::Moderator),
        (Action::Warn { user: guest, reason: why() }, Standing::Moderator),
        (Action::ClearWarnings(guest), Standing::Moderator),
        (Action::ClearStrikes { user: guest, reason: why() }, Standing::Moderator),
        (Action::Exempt { user: guest, on: true }, Standing::Admin),
        (Action::CloseRoom { room: ROOM, reason: why() }, Standing::Moderator),
        (
            Action::LockRoom { room: ROOM, lockword: Some(b"word".to_vec()), reason: String::new() },
            Standing::Admin,
        ),
        (Action::Slowmode { room: Some(ROOM), seconds: 5, reason: why() }, Standing::Moderator),
        (Action::Slowmode { room: None, seconds: 5, reason: why() }, Standing::Admin),
        (Action::Broadcast { room: Some(ROOM), text: why() }, Standing::Moderator),
        (Action::Broadcast { room: None, text: why() }, Standing::Admin),
        (Action::Maintenance { on: true, message: why() }, Standing::Admin),
        (Action::Antispam { name: "flood".to_owned(), value: Some("off".to_owned()) }, Standing::Admin),
        (Action::PutFilter { id: None, filter: filter() }, Standing::Admin),
        (Action::DeleteFilter { id: 1, text: text() }, Standing::Admin),
        (Action::Link { kind: LinkKind::Domain, text: text(), allow: true }, Standing::Admin),
        (Action::SetRoom { room: ROOM, settings: Box::default() }, Standing::Operator),
        (Action::DeleteRoom { room: ROOM, reason: why() }, Standing::Operator),
    ];
    for (action, needs) in all {
        for standing in [Standing::Moderator, Standing::Admin, Standing::Operator] {
            let (result, effects, changes) = Office::new().act(standing, action.clone());
            let refused = matches!(result, Err(ActError::Forbidden(_)));
            assert_eq!(refused, standing < needs, "{standing:?} {action:?}: {result:?}");
            let audited = entries(&changes);
            match result {
                Ok(_) => assert!(!audited.is_empty() && audited[0].action != "refused", "{action:?}"),
                Err(ActError::Forbidden(_)) => {
                    assert_eq!(audited[0].action, "refused");
                    assert_eq!(audited[0].details, action.permission().name());
                    assert!(closed(&effects).is_empty());
                }
                Err(ActError::NotFound(_)) => assert!(audited.is_empty(), "{action:?}"),
                Err(other) => panic!("{action:?}: {other}"),
            }
        }
    }
}

#[test]
fn staff_act_on_nobody_of_their_own_standing_or_above() {
    let all = |user| {
        let why = || "why".to_owned();
        [
            Action::Kick { user, reason: why() },
            Action::Ban { whom: BanWhom::User(user), time: None, reason: why() },
            Action::Mute { user, kind: MuteKind::Media, time: None, reason: why() },
            Action::Warn { user, reason: why() },
        ]
    };
    for action in all(subject(STAFF, moderator())) {
        let mut office = Office::new();
        for standing in [Standing::Moderator, Standing::Admin] {
            let allowed = standing == Standing::Admin;
            let (result, ..) = office.act(standing, action.clone());
            assert_eq!(result.is_ok(), allowed, "{action:?}");
        }
    }
    for action in all(subject(ADMIN_STAFF, admin_roles())) {
        assert!(matches!(Office::new().act(Standing::Admin, action.clone()).0, Err(ActError::Forbidden(_))));
        assert!(Office::new().act(Standing::Operator, action).0.is_ok());
    }
    let mut office = Office::new();
    let staff = office.club.staff;
    assert!(office.answer(staff, "/kick User4").contains("does not stand below you"), "himself");
    let boss = office.boss;
    assert!(office.answer(boss, "/kick User4 out").contains("Kicked User4"));
    for action in all(Subject { person: crate::hub::directory::service_user(), roles: Roles::default() }) {
        assert!(matches!(office.act(Standing::Operator, action).0, Err(ActError::Invalid(_))));
    }
}

#[test]
fn who_has_no_right_is_refused_and_recorded_now_and_then() {
    let mut office = Office::new();
    let [guest, staff] = [office.club.guest, office.club.staff];
    let effects = office.type_as(guest, "/kick User2");
    assert_eq!(answers(&effects, guest), "Only moderators can do that.");
    assert_eq!(actions(&effects), ["refused"]);
    let entry = entries(commits(&effects))[0];
    assert_eq!((entry.actor.uid(), entry.details.as_str()), (Some(person(GUEST).uid), "kick"));
    assert!(
        effects
            .iter()
            .any(|effect| { matches!(effect, Effect::Event(event) if event.kind == EventKind::Refused) })
    );
    for (line, conn) in [
        ("/ban User2", guest),
        ("/users", guest),
        ("/link allow x.example", guest),
        ("/slowmode server 5", guest),
    ] {
        let effects = office.type_as(conn, line);
        assert!(answers(&effects, conn).starts_with("Only "), "{line}");
        assert!(commits(&effects).is_empty(), "recorded a moment ago");
    }
    office.later(10 * MINUTE);
    assert_eq!(actions(&office.type_as(guest, "/mute User2")), ["refused"]);
    for line in
        ["/ban User1", "/maintenance on", "/broadcast x", "/auditlog", "/filter list", "/antispam list"]
    {
        assert_eq!(office.answer(staff, line), "Only admins can do that.", "{line}");
    }
    // In a room the answer comes there.
    let effects = office.club.act(guest, say("/kick User2"));
    assert!(
        sent_to(&effects, guest).iter().any(|packet| packet.packet_type() == PacketType::ROOM_MESSAGE_IN)
    );
}

#[test]
fn a_kick_leaves_all_rooms_and_is_told() {
    let mut office = Office::new();
    let [guest, staff] = [office.club.guest, office.club.staff];
    office.world().join(guest, LOCKED);
    let effects = office.type_as(staff, "/kick User1 being rude");
    let text = "You have been disconnected by those who run the place. Reason: being rude";
    assert_eq!(closed(&effects), [(guest, CloseReason::Kicked, text.to_owned())]);
    assert_eq!(answers(&effects, staff), format!("Kicked User1 (uid {}), left 1 room.", person(GUEST).uid));
    assert!(office.world().state.session(guest).is_none() && office.club.member(GUEST).is_none());
    assert!(to_room(&effects).iter().any(|packet| packet.packet_type() == PacketType::ROOM_USER_LEFT));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::VoiceChanged(ROOM))));
    assert_eq!(actions(&effects), ["kick"]);
    let commit = effects.iter().position(|effect| matches!(effect, Effect::Commit { .. })).unwrap();
    let said = effects.iter().rposition(|effect| matches!(effect, Effect::Send { to, .. } if *to == staff));
    assert!(commit < said.unwrap(), "the answer waits for the commit");
}

#[test]
fn mutes_hold_until_their_time_or_are_lifted() {
    let mut office = Office::new();
    let [guest, staff] = [office.club.guest, office.club.staff];
    let holds = |office: &mut Office, kind| {
        let world = office.world();
        world.state.sanctions.mute(world.now.wall, person(GUEST).uid, kind).is_some()
    };
    let effects = office.type_as(staff, "/mute user1 30m too loud");
    assert!(answers(&effects, guest).contains("(30 minutes left). Reason: too loud"));
    assert!(answers(&effects, staff).ends_with("for 30 minutes."));
    assert_eq!(actions(&effects), ["mute"]);
    let entry = entries(commits(&effects))[0];
    assert_eq!((entry.reason.as_str(), entry.details.as_str()), ("too loud", "for 30 minutes"));
    assert!(holds(&mut office, MuteKind::Text) && !holds(&mut office, MuteKind::Media));
    office.later(30 * MINUTE);
    assert!(!holds(&mut office, MuteKind::Text));
    assert!(office.answer(staff, "/unmute User1").contains("is not muted"));
    let effects = office.type_as(staff, "/restrict User1");
    assert!(effects.iter().any(|effect| matches!(effect, Effect::VoiceChanged(ROOM))));
    assert_eq!(actions(&effects), ["mute_media"]);
    assert!(holds(&mut office, MuteKind::Media));
    let effects = office.type_as(staff, "/unrestrict User1");
    assert_eq!(actions(&effects), ["unmute_media"]);
    assert!(answers(&effects, guest).contains("again"));
    assert!(!holds(&mut office, MuteKind::Media));
}

#[test]
fn cleared_offences_take_the_mute_with_them_that_they_brought() {
    let mut office = Office::new();
    let [guest, staff] = [office.club.guest, office.club.staff];
    let muted = |office: &mut Office| {
        let world = office.world();
        world.state.sanctions.mute(world.now.wall, person(GUEST).uid, MuteKind::Text).is_some()
    };
    let links = || message("a.com b.com c.com d.com");
    let offend = DirectoryCommand::InstantMessage { to: person(OWNER).uid, text: links() };
    office.world().directory(guest, offend);
    assert!(muted(&mut office));
    let effects = office.type_as(staff, "/clear strikes User1");
    let lifted = Change::LiftMute { uid: person(GUEST).uid, kind: MuteKind::Text };
    assert!(
        matches!(commits(&effects)[..], [Change::WithAudit { changes, .. }] if changes.contains(&lifted))
    );
    assert!(answers(&effects, guest).contains("not muted any more"));
    assert!(!muted(&mut office));
    // What somebody has imposed stays.
    office.type_as(staff, "/mute User1 5m");
    let effects = office.type_as(staff, "/clear strikes User1");
    assert!(muted(&mut office) && answers(&effects, guest).is_empty());
}

#[test]
fn impositions_of_the_machine_reach_whom_they_concern_after_they_are_durable() {
    use crate::hub::sanctions::Sanction;
    let mut office = Office::new();
    let guest = office.club.guest;
    let sanction = || Sanction {
        by: Author::System,
        target: person(GUEST),
        time: Some(MINUTE),
        reason: "filter 3".to_owned(),
        details: "details".to_owned(),
    };
    let world = office.world();
    let (now, mut effects) = (world.now, Effects::default());
    let via = &mut Via::Chat(guest);
    world.state.mute(now, via, MuteKind::Text, sanction(), &mut effects);
    world.state.warn(now, via, sanction(), &mut effects);
    world.state.ban_account(now, via, sanction(), &mut effects);
    let effects: Vec<Effect> = effects.drain().collect();
    assert_eq!(actions(&effects), ["mute", "warn", "ban"]);
    assert!(entries(commits(&effects)).iter().all(|entry| entry.actor == Author::System));
    let first = |what: fn(&Effect) -> bool| effects.iter().position(what).unwrap();
    assert!(
        first(|effect| matches!(effect, Effect::Commit { .. }))
            < first(|effect| matches!(effect, Effect::Send { .. }))
    );
    assert_eq!(closed(&effects)[0].1, CloseReason::Banned);
}

#[test]
fn maintenance_keeps_everybody_but_staff_out() {
    let mut office = Office::new();
    let [guest, staff, boss] = [office.club.guest, office.club.staff, office.boss];
    assert!(office.answer(boss, "/maintenance").contains("no maintenance"));
    assert!(office.answer(boss, "/maintenance off").contains("off already"));
    let effects = office.type_as(boss, "/maintenance on New disks.");
    assert_eq!(actions(&effects), ["maintenance_on"]);
    let announced = sent_to(&effects, guest).into_iter().any(
        |packet| matches!(packet, ServerPacket::Announcement(text) if text.starts_with(b"New disks.\n")),
    );
    assert!(announced);
    let (conn, effects) = office.world().sign_in(8, &[]);
    assert_eq!(closed(&effects), [(conn, CloseReason::Maintenance, "New disks.".to_owned())]);
    let (late, _) = office.world().sign_in_with(9, &[], |sign_in| sign_in.roles = moderator());
    assert!(office.world().state.session(late).is_some());
    let due = office.world().state.due().unwrap();
    assert_eq!(due, office.world().now.uptime + MAINTENANCE_GRACE);
    let tick = |office: &mut Office| {
        let world = office.world();
        let mut effects = Effects::default();
        world.state.tick(world.now, &mut effects);
        world.state.check_invariants().unwrap();
        effects.drain().collect::<Vec<_>>()
    };
    office.later(MAINTENANCE_GRACE - Duration::from_millis(1));
    assert!(closed(&tick(&mut office)).is_empty());
    office.later(Duration::from_millis(1));
    let out = closed(&tick(&mut office));
    assert_eq!(out.len(), 3, "guest, owner, room admin: {out:?}");
    assert!(out.iter().all(|(_, reason, _)| *reason == CloseReason::Maintenance));
    assert!(office.world().state.session(staff).is_some() && office.world().state.session(guest).is_none());
    assert_eq!(office.world().state.due(), None);
    assert!(office.answer(boss, "/stats").contains("Maintenance: New disks."));
    assert_eq!(actions(&office.type_as(boss, "/maintenance off")), ["maintenance_off"]);
    let (conn, _) = office.world().sign_in(8, &[]);
    assert!(office.world().state.session(conn).is_some());
}
