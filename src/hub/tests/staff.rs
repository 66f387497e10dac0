//! What staff can do: who may, to whom, how it is typed, what becomes of it.

use super::floor::*;
use super::*;
use crate::hub::lookup::{Finding, Known, Lookup, Question};
use crate::hub::renewal::Renewal;
use crate::hub::sanctions::Held;
use crate::hub::staff::{
    ActError, Action, Actor, BanWhom, MAINTENANCE_GRACE, RoomSettings, Standing, Subject, Via,
};
use crate::model::{Author, Role, from_cp1252};
use crate::store::{AuditEntry, Filter, FilterKind, LinkKind, Mute, MuteKind, Sanctions};

const ADMIN_STAFF: u32 = 5;
const MINUTE: Duration = Duration::from_secs(60);

fn admin_roles() -> Roles {
    Roles::default().with(Role::Admin)
}

/// The club with an admin of the whole server outside.
struct Office {
    club: Club,
    boss: ConnId,
}

impl Office {
    fn new() -> Office {
        let mut club = Club::new();
        let boss = club.world.sign_in_with(ADMIN_STAFF, &[], |sign_in| sign_in.roles = admin_roles()).0;
        Office { club, boss }
    }

    fn world(&mut self) -> &mut World {
        &mut self.club.world
    }

    /// Sends the service user a line.
    fn type_as(&mut self, conn: ConnId, line: &str) -> Vec<Effect> {
        let command = DirectoryCommand::InstantMessage { to: Uid::SERVICE, text: message(line) };
        self.world().directory(conn, command)
    }

    fn answer(&mut self, conn: ConnId, line: &str) -> String {
        let effects = self.type_as(conn, line);
        answers(&effects, conn)
    }

    /// Gives the command that waits for it what the store would say.
    fn find(&mut self, effects: &[Effect], finding: Finding) -> Vec<Effect> {
        let Lookup { conn, typed, .. } = lookup(effects).clone();
        self.world().apply(conn, Command::Found(typed, Box::new(finding)))
    }

    fn act(
        &mut self,
        standing: Standing,
        action: Action,
    ) -> (Result<String, ActError>, Vec<Effect>, Vec<Change>) {
        let author = Author::Operator { name: "root".to_owned(), uid: 0, address: None };
        let actor = Actor { author, standing };
        let (mut changes, mut effects) = (Vec::new(), Effects::default());
        let world = self.world();
        let result = world.state.act(world.now, &actor, action, &mut Via::Desk(&mut changes), &mut effects);
        world.state.check_invariants().unwrap();
        (result, effects.drain().collect(), changes)
    }

    fn later(&mut self, time: Duration) {
        let now = &mut self.world().now;
        now.wall = now.wall.after(time);
        now.uptime += time;
    }
}

fn lookup(effects: &[Effect]) -> &Lookup {
    let found = effects.iter().find_map(|effect| match effect {
        Effect::Lookup(lookup) => Some(&**lookup),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("nothing was asked: {effects:?}"))
}

/// What the service user says, without markup.
fn answers(effects: &[Effect], conn: ConnId) -> String {
    let lines = sent_to(effects, conn).into_iter().filter_map(|packet| match packet {
        ServerPacket::ImIn { sender: Uid::SERVICE, text, .. } => {
            Some(from_cp1252(&crate::protocol::markup::strip(text.as_bytes())).trim().to_owned())
        }
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The entries for the audit log among some changes.
fn entries<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Vec<&'a AuditEntry> {
    let mut found = Vec::new();
    for change in changes {
        match change {
            Change::Audit(entry) => found.push(entry),
            Change::WithAudit { changes, entries: direct } => {
                found.extend(direct);
                found.extend(entries(changes));
            }
            _ => {}
        }
    }
    found
}

fn actions(effects: &[Effect]) -> Vec<&str> {
    entries(commits(effects)).into_iter().map(|entry| entry.action.as_str()).collect()
}

fn closed(effects: &[Effect]) -> Vec<(ConnId, CloseReason, String)> {
    let closed = effects.iter().filter_map(|effect| match effect {
        Effect::Close { conn, reason, last } => {
            let text = match last {
                ServerPacket::ServerDisconnect(text) => from_cp1252(text),
                ServerPacket::ReturnCode { request: PacketType::LOGIN, code: 0x63, data } => {
                    from_cp1252(data)
                }
                other => panic!("{other:?}"),
            };
            Some((*conn, *reason, text))
        }
        _ => None,
    });
    closed.collect()
}

fn subject(number: u32, roles: Roles) -> Subject {
    Subject { person: person(number), roles }
}

fn account(number: u32, roles: Roles) -> Finding {
    let (subject, sanctions) = (subject(number, roles), Sanctions::default());
    Finding::Account(Some(Box::new(Known { subject, created: Timestamp(0), sanctions })))
}

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
fn an_account_is_banned_until_its_time() {
    let mut office = Office::new();
    let [guest, boss] = [office.club.guest, office.boss];
    let effects = office.type_as(boss, "/ban User1 2h spam");
    let told = closed(&effects);
    assert_eq!((told[0].0, told[0].1), (guest, CloseReason::Banned));
    assert!(told[0].2.contains("(2 hours left)") && told[0].2.ends_with("Reason: spam"), "{}", told[0].2);
    assert!(answers(&effects, boss).ends_with("for 2 hours."));
    let again = |office: &mut Office| {
        let (conn, effects) = office.world().sign_in(GUEST, &[]);
        (office.world().state.session(conn).is_some(), closed(&effects))
    };
    let (inside, told) = again(&mut office);
    assert!(
        !inside && told[0].1 == CloseReason::Banned && told[0].2.contains("until 2023-11-15"),
        "{told:?}"
    );
    office.later(120 * MINUTE - Duration::from_millis(1));
    assert!(!again(&mut office).0);
    office.later(Duration::from_millis(1));
    assert_eq!(again(&mut office), (true, Vec::new()));
    assert_eq!(
        office.answer(boss, "/unban User1"),
        format!("User1 (uid {}) is not banned.", person(GUEST).uid)
    );
    office.type_as(boss, "/ban User1 permanent spam");
    assert!(office.answer(boss, "/bans").contains("1 ban\nUser1 for good, by User5: spam"));
    let effects = office.type_as(boss, "/unban User1");
    assert!(lookup(&effects).question == Question::Account(person(GUEST).nickname));
    let effects = office.find(&effects, account(GUEST, Roles::default()));
    assert!(answers(&effects, boss).starts_with("Lifted the ban of User1"));
    assert_eq!(actions(&effects), ["unban"]);
    assert!(again(&mut office).0);
}

#[test]
fn a_network_is_banned_with_all_who_are_there() {
    let mut office = Office::new();
    let boss = office.boss;
    let from = |address: &str| address.parse::<std::net::IpAddr>().unwrap();
    let (near, _) = office.world().sign_in_with(7, &[], |sign_in| sign_in.peer = from("198.51.100.7"));
    let (six, _) = office.world().sign_in_with(8, &[], |sign_in| sign_in.peer = from("::ffff:198.51.100.8"));
    let (far, _) = office.world().sign_in_with(9, &[], |sign_in| sign_in.peer = from("198.51.101.7"));
    for (line, text) in [
        ("/ban 0.0.0.0/0", "too large"),
        ("/ban 198.0.0.0/7", "too large"),
        ("/ban 2001::/15", "too large"),
        ("/ban 127.0.0.1", "does not stand below you"),
        ("/ban 198.51.100.0/24 0s", "at least a second"),
        ("/unban 198.51.100.0/24", "is not banned"),
    ] {
        let answer = office.answer(boss, line);
        assert!(answer.contains(text), "{line}: {answer}");
    }
    let effects = office.type_as(boss, "/ban 198.51.100.9/24 30m a nest");
    let mut out: Vec<ConnId> = closed(&effects).iter().map(|(conn, ..)| *conn).collect();
    out.sort_unstable();
    let mut expected = [near, six];
    expected.sort_unstable();
    assert_eq!(out, expected);
    assert!(answers(&effects, boss).contains("Banned 198.51.100.0/24 for 30 minutes, put 2 out"));
    assert!(office.world().state.session(far).is_some());
    let bans = std::sync::Arc::clone(office.world().state.sanctions.bans());
    let now = office.world().now.wall;
    assert!(bans.address(now, from("198.51.100.200")).is_some());
    assert!(bans.address(now.after(30 * MINUTE), from("198.51.100.200")).is_none());
    let (conn, effects) = office.world().sign_in_with(7, &[], |sign_in| sign_in.peer = from("198.51.100.7"));
    assert!(closed(&effects)[0].2.starts_with("Your address is banned"));
    assert!(office.world().state.session(conn).is_none());
    assert!(office.answer(boss, "/unban 198.51.100.0/24").starts_with("Lifted the ban of"));
    assert!(bans.address(now, from("198.51.100.200")).is_none());
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
fn the_third_warning_is_a_ban() {
    let mut office = Office::new();
    let [guest, staff] = [office.club.guest, office.club.staff];
    assert!(office.answer(staff, "/warn User1").contains("Say why"));
    let effects = office.type_as(staff, "/warn User1 first");
    assert!(answers(&effects, guest).contains("This is a warning (1 of 3)"));
    assert!(answers(&effects, staff).contains("has 1 warning now"));
    assert!(office.answer(staff, "/warn User1 second").contains("has 2 warnings now"));
    assert!(office.answer(staff, "/clear warnings User1").starts_with("Cleared the warnings"));
    assert!(office.answer(staff, "/clear warnings User1").contains("has no warnings"));
    office.type_as(staff, "/warn User1 first");
    office.type_as(staff, "/warn User1 second");
    let effects = office.type_as(staff, "/warn User1 third");
    assert_eq!(actions(&effects), ["warn", "ban"]);
    assert_eq!(closed(&effects)[0].1, CloseReason::Banned);
    assert!(closed(&effects)[0].2.contains("3 warnings. The last one: third"));
    assert!(answers(&effects, staff).contains("once too often: banned"));
    let world = office.world();
    let held = world.state.sanctions.of(world.now.wall, person(GUEST).uid);
    assert_eq!(
        (held.warnings, held.ban.unwrap().until),
        (0, Some(world.now.wall.after(7 * 24 * 60 * MINUTE)))
    );
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

#[test]
fn names_are_quoted_completed_or_looked_up() {
    let mut office = Office::new();
    let staff = office.club.staff;
    let named = |office: &mut Office, number, name: &str| {
        let nickname = Nickname::built_in(name.as_bytes()).unwrap();
        office.world().sign_in_with(number, &[], |sign_in| sign_in.person.nickname = nickname)
    };
    for (number, name) in [(20, "Bob"), (21, "Bob Smith"), (22, "Bobby"), (23, "Carol Danvers")] {
        named(&mut office, number, name);
    }
    for (line, whom) in [
        ("/warn Bob Smith is rude", "Bob Smith"),
        ("/warn bob is rude", "Bob"),
        ("/warn \"Bob Smith\" is rude", "Bob Smith"),
        ("/warn \"bob\" smith", "Bob"),
        (&format!("/warn #{} rude", person(22).uid), "Bobby"),
    ] {
        let answer = office.answer(staff, line);
        assert!(answer.starts_with(&format!("Warned {whom} (uid")), "{line}: {answer}");
    }
    // The whole name of somebody who is away goes before the beginning of somebody's who is there.
    let effects = office.type_as(staff, "/warn Car rude");
    assert!(matches!(&lookup(&effects).question, Question::Account(name) if name.to_string() == "Car"));
    let found = office.find(&effects, account(30, Roles::default()));
    assert!(answers(&found, staff).starts_with("Warned User30"));
    let effects = office.type_as(staff, "/warn Car rude");
    let found = office.find(&effects, Finding::Account(None));
    assert!(answers(&found, staff).starts_with("Warned Carol Danvers"));
    let effects = office.type_as(staff, "/warn \"Car\" rude");
    assert_eq!(answers(&office.find(&effects, Finding::Account(None)), staff), "There is no user \"Car\".");
    let effects = office.type_as(staff, "/warn Use rude");
    let text = answers(&office.find(&effects, Finding::Account(None)), staff);
    assert!(text.starts_with("Which one: \"User1\", \"User2\""), "{text}");
    let effects = office.type_as(staff, "/warn Nobody rude");
    assert!(answers(&office.find(&effects, Finding::Failed), staff).contains("busy"));
    // Staff who are away are staff nevertheless.
    let effects = office.type_as(staff, "/warn Away rude");
    let found = office.find(&effects, account(31, admin_roles()));
    assert!(answers(&found, staff).contains("does not stand below you"));
    for line in ["/warn \"Bob", "/warn "] {
        assert!(office.answer(staff, line).starts_with("Write /warn"), "{line}");
    }
}

#[test]
fn what_waits_for_the_store_is_not_overtaken() {
    let mut office = Office::new();
    let boss = office.boss;
    let first = office.type_as(boss, "/mute Away 1h");
    let second = office.type_as(boss, "/unmute User1");
    assert_eq!(lookup(&second).question, Question::Turn);
    let other = office.club.staff;
    assert!(!office.answer(other, "/warn User1 x").is_empty(), "others do not wait");
    let effects = office.find(&first, account(30, Roles::default()));
    assert!(answers(&effects, boss).starts_with("Muted User30"));
    let effects = office.find(&second, Finding::Turn);
    assert!(answers(&effects, boss).contains("User1"));
    assert!(office.world().state.asking.is_empty());
    // Nobody waits for a connection that is gone.
    let effects = office.type_as(boss, "/mute Away 1h");
    office.world().apply(boss, Command::Disconnect);
    assert!(office.find(&effects, account(30, Roles::default())).is_empty());
    assert!(office.world().state.asking.is_empty());
}

#[test]
fn one_connection_cannot_ask_without_end() {
    let mut office = Office::new();
    let boss = office.boss;
    let mut asked = 0;
    for _ in 0..100 {
        let effects = office.type_as(boss, "/info Away");
        asked += effects.iter().filter(|effect| matches!(effect, Effect::Lookup(_))).count();
    }
    assert_eq!(asked, 16);
}

#[test]
fn every_command_explains_itself_and_refuses_what_it_cannot_read() {
    let mut office = Office::new();
    let [guest, staff, boss] = [office.club.guest, office.club.staff, office.boss];
    let all = office.answer(boss, "/help");
    for name in [
        "users",
        "rooms",
        "kick",
        "ban",
        "unban",
        "mute",
        "unmute",
        "warn",
        "warnings",
        "strikes",
        "clear",
        "slowmode",
        "filter",
        "antispam",
        "link",
        "broadcast",
        "maintenance",
        "stats",
        "info",
        "auditlog",
        "help",
        "restrict",
        "unrestrict",
        "bans",
        "notice",
        "close",
    ] {
        assert!(all.contains(&format!("/{name}")), "{name}");
        let own = office.answer(boss, &format!("/help {name}"));
        assert!(own.starts_with(&format!("/{name}")) && own.contains(" - "), "{name}: {own}");
    }
    assert!(!office.answer(guest, "/help").contains("/kick"));
    assert!(
        office.answer(staff, "/help").contains("/kick") && !office.answer(staff, "/help").contains("/ban ")
    );
    assert!(office.answer(guest, "/help kick").contains("no such command"));
    for line in [
        "/kick",
        "/ban",
        "/unban",
        "/mute",
        "/unmute",
        "/restrict",
        "/unrestrict",
        "/warn",
        "/warnings",
        "/info",
        "/clear",
        "/clear all User1",
        "/slowmode server",
        "/slowmode server x",
        "/slowmode server 3601",
        "/filter",
        "/filter add",
        "/filter on x",
        "/filter test",
        "/antispam",
        "/antispam set flood",
        "/antispam reset",
        "/link allow",
        "/link allow -what x",
        "/broadcast",
        "/maintenance maybe",
        "/auditlog since=x",
        "/auditlog x",
        "/bans x",
        "/rooms x",
        "/notice",
        "/notice x",
        "/close",
        "/close x",
        "/users a b",
    ] {
        let effects = office.type_as(boss, line);
        assert!(answers(&effects, boss).starts_with("Write /"), "{line}: {}", answers(&effects, boss));
        assert!(commits(&effects).is_empty(), "{line}");
    }
}

#[test]
fn commands_about_the_server_work() {
    let mut office = Office::new();
    let [guest, boss] = [office.club.guest, office.boss];
    let users = office.answer(boss, "/users");
    assert!(
        users.starts_with("5 users\nUser1 (uid 1000003) from 127.0.0.1, client 5.0, in 50001"),
        "{users}"
    );
    assert!(office.answer(boss, "/users user5").starts_with("1 user\nUser5"));
    assert!(office.answer(boss, "/rooms").contains("50001 Room 50001: 4 inside, G, text, of User2"));
    assert!(office.answer(boss, "/stats").starts_with("5 users signed in"));
    let effects = office.type_as(boss, "/broadcast Tea is ready");
    assert_eq!(answers(&effects, boss), "Told 5 signed in.");
    assert!(sent_to(&effects, guest).iter().any(|packet| packet.packet_type() == PacketType::ANNOUNCEMENT));
    assert_eq!(actions(&effects), ["broadcast"]);
    let effects = office.type_as(boss, "/slowmode server 30");
    assert!(matches!(commits(&effects)[..], [Change::WithAudit { changes, .. }]
        if changes[0] == Change::SetSetting { name: "slowmode".to_owned(), value: "30".to_owned() }));
    let effects = office.type_as(boss, "/close 50001 too late");
    assert!(answers(&effects, boss).contains("put 4 out"));
    assert!(office.club.room().members.is_empty());
    assert_eq!(actions(&effects), ["close_room"]);
    assert_eq!(office.answer(boss, "/close 7"), "There is no room 7.");
}

#[test]
fn commands_about_the_guard_work() {
    let mut office = Office::new();
    let boss = office.boss;
    let effects = office.type_as(boss, "/filter add -regex (free");
    let Question::Check(filter) = lookup(&effects).question.clone() else { panic!() };
    assert_eq!((filter.kind, filter.text.as_str()), (FilterKind::Regex, "(free"));
    let bad = office.find(&effects, Finding::Checked(Err("it is not closed".to_owned())));
    assert!(answers(&bad, boss).contains("cannot be used: it is not closed"));
    let effects = office.type_as(boss, "/filter add free money");
    let good = office.find(&effects, Finding::Checked(Ok(())));
    assert_eq!(actions(&good), ["filter_add"]);
    let effects = office.type_as(boss, "/filter off 7");
    let filter = Filter { by: Author::System, at: Timestamp(0), ..*filter };
    let record = crate::store::FilterRecord { id: 7, filter, hits: 3 };
    let done = office.find(&effects, Finding::Filters(vec![record.clone()]));
    assert_eq!(actions(&done), ["filter_change"]);
    let effects = office.type_as(boss, "/filter remove 8");
    let none = office.find(&effects, Finding::Filters(vec![record]));
    assert_eq!(answers(&none, boss), "There is no filter 8.");
    let effects = office.type_as(boss, "/antispam set flood.seconds 90");
    assert_eq!(actions(&effects), ["antispam_set"]);
    assert_eq!(answers(&effects, boss), "Flood.seconds is 90.");
    assert!(office.answer(boss, "/antispam set flood.seconds 9000").contains("from 5 to 600"));
    assert!(office.answer(boss, "/antispam set nothing on").contains("There is no setting"));
    assert_eq!(office.answer(boss, "/antispam reset flood.seconds"), "Flood.seconds is 60.");
    let effects = office.type_as(boss, "/antispam list");
    let settings = vec![("antispam.links".to_owned(), "off".to_owned())];
    assert!(answers(&office.find(&effects, Finding::Settings(settings)), boss).contains("links = off"));
    let effects = office.type_as(boss, "/antispam exempt User1 on");
    assert_eq!(actions(&effects), ["exempt"]);
    assert_eq!(actions(&office.type_as(boss, "/antispam clear User1")), ["clear_strikes"]);
    let effects = office.type_as(boss, "/link allow Example.com");
    assert_eq!(actions(&office.find(&effects, Finding::Checked(Ok(())))), ["link_allow"]);
    assert_eq!(actions(&office.type_as(boss, "/link deny example.com")), ["link_deny"]);
    // In a room the word after it tells this command from the room's own.
    let staff = office.club.staff;
    let effects = office.club.act(staff, say("/link User1 on"));
    assert_eq!(actions(&effects), ["set_room"]);
}

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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever staff type, whatever the store says to it: no panic, nothing torn, nobody left waiting.
    #[test]
    fn no_line_breaks_anything(
        lines in prop::collection::vec((0usize..30, prop::collection::vec(0usize..24, 0..6), 0usize..8), 1..12),
    ) {
        const NAMES: [&str; 30] = [
            "users", "rooms", "info", "stats", "kick", "mute", "unmute", "restrict", "unrestrict", "warn",
            "warnings", "strikes", "clear", "notice", "close", "ban", "unban", "bans", "slowmode", "broadcast",
            "maintenance", "filter", "antispam", "link", "auditlog", "help", "slowmode server", "filter add",
            "link allow", "antispam exempt",
        ];
        const WORDS: [&str; 24] = [
            "User1", "user", "\"User2\"", "\"", "#1000003", "#", "#99999999999", "Away", "30m", "0s",
            "permanent", "on", "off", "list", "50001", "192.0.2.0/24", "0.0.0.0/0", "-regex", "-mute", "since=1d",
            "by=\"x", "strikes", "warnings", "\u{e9}\u{201c}\u{7f}<b>",
        ];
        let mut office = Office::new();
        let boss = office.boss;
        for (name, words, finding) in lines {
            let words: Vec<&str> = words.into_iter().map(|word| WORDS[word]).collect();
            let mut effects = office.type_as(boss, &format!("/{} {}", NAMES[name], words.join(" ")));
            // The second answer is that of a command that asked again.
            for _ in 0..2 {
                if !effects.iter().any(|effect| matches!(effect, Effect::Lookup(_))) {
                    break;
                }
                let finding = match finding {
                    0 => Finding::Failed,
                    1 => Finding::Account(None),
                    2 => account(30, Roles::default()),
                    3 => account(31, admin_roles()),
                    4 => Finding::Filters(Vec::new()),
                    5 => Finding::Checked(Ok(())),
                    6 => Finding::Checked(Err("no".to_owned())),
                    _ => Finding::Audit(crate::store::AuditPage::default()),
                };
                effects = office.find(&effects, finding);
            }
            prop_assert!(!effects.iter().any(|effect| matches!(effect, Effect::Lookup(_))));
            prop_assert!(office.world().state.asking.is_empty());
            for entry in entries(commits(&effects)) {
                prop_assert!(entry.details.chars().count() <= AuditEntry::DETAILS_MAX);
            }
        }
    }
}
