//! What staff do to people, over real sockets: bans at every door, what survives a restart.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::net::Ipv4Addr;

use paltalkd::model::{Author, CloseReason, Role, RoomKind, Timestamp, Uid};
use paltalkd::store::{AuditQuery, AuditRecord, Ban, BanTarget, Change, MuteKind, RoomRecord, Store};
use support::*;

const LOBBY: u32 = 50_001;
const CLUB: u32 = 50_200;

/// Sends the service user a command; the lines of the answer.
fn order(client: &mut Client, line: &str) -> String {
    client.im(Uid::SERVICE, line);
    let mut lines = Vec::new();
    // What waits for the store is answered after what comes later and waits for nothing.
    while lines.is_empty() {
        for packet in client.sync() {
            if packet.kind == 0x0014 && packet.u32(0) == Uid::SERVICE.0 {
                lines.push(plain(&packet.text(4)));
            }
        }
    }
    lines.join("\n")
}

/// A text without tags.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut tag = false;
    for letter in text.chars() {
        match letter {
            '<' => tag = true,
            '>' => tag = false,
            letter if !tag => plain.push(letter),
            _ => {}
        }
    }
    plain.trim().to_owned()
}

/// The last words of a closed connection.
fn last_words(client: &mut Client) -> String {
    let packets = client.rest();
    let last = packets.last().unwrap_or_else(|| panic!("closed without a word"));
    match last.kind {
        0x044c => last.text(0),
        0x0064 => {
            let (request, code, text) = return_code(last);
            assert_eq!((request, code), (0xfb84, 0x63));
            text
        }
        _ => panic!("{last:?}"),
    }
}

/// Tries to sign in, and is refused; what the user reads.
fn refused(server: &Server, uid: Uid) -> String {
    let mut client = server.connect();
    let challenge = client.challenge(uid);
    client.login(challenge, PASSWORD);
    last_words(&mut client)
}

fn audited(server: &Server) -> Vec<String> {
    let page = server.store().reader().audit(&AuditQuery::default()).unwrap();
    page.records.into_iter().rev().map(|record| record.entry.action).collect()
}

#[test]
fn an_account_is_banned_while_online_and_at_sign_in_until_it_is_unbanned() {
    let server = Server::start();
    let boss = server.account_with("Boss", &[Role::Admin]);
    let bob = server.account("Bob Smith");
    let (mut boss, mut guest) = (server.sign_in(boss), server.sign_in(bob));
    assert!(order(&mut boss, "/ban Bob Smith 2h spam and more").starts_with("Banned Bob Smith"));
    let words = last_words(&mut guest);
    assert!(words.starts_with("You are banned from this server until"), "{words}");
    assert!(words.ends_with("Reason: spam and more"), "{words}");
    assert!(refused(&server, bob).contains("Reason: spam and more"));
    server.wait_for("both ends", |server| server.metrics().closed_for(CloseReason::Banned) == 2);
    // He is not there, so the store has to know him.
    assert!(order(&mut boss, "/unban \"bob smith\"").starts_with("Lifted the ban of Bob Smith"));
    let _guest = server.sign_in(bob);
    assert_eq!(audited(&server), ["ban", "unban"]);
    let log = order(&mut boss, "/auditlog about=\"Bob Smith\" by=Boss since=1h");
    assert!(log.contains("Boss (127.0.0.1) unban Bob Smith: was banned by Boss: spam and more"), "{log}");
    assert!(order(&mut boss, "/auditlog action=kick").contains("Nothing was found"));
    let info = order(&mut boss, "/info Bob Smith");
    assert!(info.contains("Signed in for") && info.contains("from 127.0.0.1"), "{info}");
}

#[test]
fn a_network_is_banned_at_the_door_and_inside() {
    let server = Server::start();
    let (boss, near) = (server.account_with("Boss", &[Role::Admin]), server.account("Near"));
    let far = server.account("Far");
    let mut boss = server.sign_in(boss);
    let mut inside = server.sign_in_from(near, Ipv4Addr::new(127, 9, 9, 9));
    let mut other = server.sign_in_from(far, Ipv4Addr::new(127, 9, 10, 9));
    assert!(order(&mut boss, "/ban 127.9.9.0/24 1h nest").contains("put 1 out"));
    assert!(last_words(&mut inside).starts_with("Your address is banned"));
    other.sync();
    let mut again = Client::connect_from(server.chat, Ipv4Addr::new(127, 9, 9, 77));
    assert_eq!(again.rest(), []);
    Client::connect_from(server.chat, Ipv4Addr::new(127, 9, 8, 1)).challenge(near);
    assert!(order(&mut boss, "/unban 127.9.9.0/24").starts_with("Lifted the ban of 127.9.9.0/24"));
    server.sign_in_from(near, Ipv4Addr::new(127, 9, 9, 9));
}

#[test]
fn a_kick_takes_somebody_out_of_his_room_for_all_to_see() {
    let server = Server::start();
    let staff = server.account_with("Warden", &[Role::Moderator]);
    let (alice, bob) = (server.account("Alice"), server.account("Bob"));
    let mut staff = server.sign_in(staff);
    let (mut watcher, mut guest) = (server.sign_in(alice), server.sign_in(bob));
    watcher.join(LOBBY);
    guest.join(LOBBY);
    watcher.sync();
    assert!(order(&mut staff, "/kick Bob loud").ends_with("left 1 room."));
    assert_eq!(last_words(&mut guest), "You have been disconnected by those who run the place. Reason: loud");
    assert_eq!(watcher.expect(0x0140), packet(0x0140, &[LOBBY, bob.0]));
    assert_eq!(audited(&server), ["kick"]);
    server.wait_for("the end", |server| server.metrics().closed_for(CloseReason::Kicked) == 1);
    // An ordinary user is refused, and that is on record, too.
    assert_eq!(order(&mut watcher, "/kick Warden"), "Only moderators can do that.");
    assert_eq!(audited(&server), ["kick", "refused"]);
    assert!(order(&mut staff, "/kick Nobody").contains("There is no user"));
}

#[test]
fn bans_mutes_warnings_and_maintenance_survive_a_restart() {
    let server = Server::start();
    let boss_uid = server.account_with("Boss", &[Role::Admin]);
    let [bob, _, dave] = ["Bob", "Carol", "Dave"].map(|name| server.account(name));
    let mut boss = server.sign_in(boss_uid);
    let orders =
        ["/ban Bob permanent spam", "/ban 127.7.0.0/16 7d", "/mute Carol 3h", "/warn Dave x", "/warn Dave y"];
    for line in orders {
        assert!(!order(&mut boss, line).contains("no user"), "{line}");
    }
    assert!(order(&mut boss, "/maintenance on New disks").starts_with("Maintenance is on"));
    assert!(refused(&server, dave).contains("New disks"));
    let server = Server::start_in(server.stop(), |_| {});
    assert_eq!(refused(&server, bob), "You are banned from this server for good. Reason: spam");
    assert_eq!(refused(&server, dave), "New disks");
    assert_eq!(Client::connect_from(server.chat, Ipv4Addr::new(127, 7, 1, 1)).rest(), []);
    let mut boss = server.sign_in(boss_uid);
    assert!(order(&mut boss, "/maintenance off").starts_with("Maintenance is over"));
    let mut dave_client = server.sign_in(dave);
    assert!(order(&mut boss, "/bans").starts_with("2 bans"));
    assert!(order(&mut boss, "/info Carol").contains("You are muted"));
    assert!(order(&mut boss, "/unmute Carol").contains("is not muted any more"));
    assert!(server.store().reader().mutes().unwrap().iter().all(|(_, mute)| mute.kind != MuteKind::Text));
    let warnings = order(&mut boss, "/warnings Dave");
    assert!(warnings.starts_with("2 warnings of Dave"), "{warnings}");
    assert!(order(&mut boss, "/warn Dave z").contains("once too often"));
    assert!(last_words(&mut dave_client).contains("3 warnings"));
}

#[test]
fn what_has_run_out_keeps_nobody_out() {
    let server = Server::start();
    let bob = server.account("Bob");
    let ban = |target| Ban {
        target,
        nickname: None,
        until: Some(Timestamp(Timestamp::now().0 - 1)),
        reason: String::new(),
        by: Author::System,
        at: Timestamp(0),
    };
    for target in [BanTarget::Account(bob), BanTarget::Network("127.0.0.1/32".parse().unwrap())] {
        server.store().commit_blocking(Change::PutBan(ban(target))).unwrap();
    }
    let server = Server::start_in(server.stop(), |_| {});
    server.sign_in(bob);
}

#[test]
fn filters_and_links_are_kept_once_they_can_be_used() {
    let server = Server::start();
    let boss = server.account_with("Boss", &[Role::Admin]);
    let mut boss = server.sign_in(boss);
    assert!(order(&mut boss, "/filter add -regex (open").contains("cannot be used"));
    assert!(order(&mut boss, "/filter add -mute 1h free money").contains("is on: free money"));
    assert!(order(&mut boss, "/filter list").contains("1: keyword free money (block, mute 3600 s"));
    assert!(order(&mut boss, "/filter test get FREE  money now").starts_with("1 matching filter"));
    assert!(order(&mut boss, "/filter off 1").contains("is off"));
    assert!(order(&mut boss, "/filter test free money").starts_with("0 matching"));
    assert!(order(&mut boss, "/filter remove 1").starts_with("Deleted filter 1"));
    assert!(order(&mut boss, "/filter list").starts_with("0 filters"));
    assert!(order(&mut boss, "/link allow example.com").starts_with("Example.com can always"));
    assert!(order(&mut boss, "/link allow -regex (open").contains("cannot be allowed"));
    assert!(order(&mut boss, "/link list").contains("domain example.com by Boss"));
    assert!(order(&mut boss, "/antispam set flood off").starts_with("Flood is off"));
    assert!(order(&mut boss, "/antispam list").contains("flood = off"));
    assert!(order(&mut boss, "/antispam top").starts_with("0 offenders"));
    assert!(order(&mut boss, "/strikes").starts_with("0 records of strikes"));
    assert!(order(&mut boss, "/strikes Boss").contains("has no strikes"));
    let settings = server.store().reader().settings().unwrap();
    assert!(settings.contains(&("antispam.flood".to_owned(), "off".to_owned())), "{settings:?}");
    let expected = ["filter_add", "filter_change", "filter_delete", "link_allow", "antispam_set"];
    assert_eq!(audited(&server), expected);
}

/// A voice room of Olga's that stays.
fn club(store: &Store) -> Uid {
    let olga = make_account(store, "Olga", Default::default());
    let club = RoomRecord { owner: Some(olga), ..room(CLUB, RoomKind::Voice, 30_003, "The Club", None) };
    store.commit_blocking(Change::PutRoom(club)).unwrap();
    olga
}

/// Everything that can be done in the club by its menus and commands, to Bob, who is put out by some of it.
fn keep_order(client: &mut Client, bob: &mut Client) {
    let uid = bob.uid.0;
    client.send_u32(0xfe83, &[CLUB, uid]);
    client.send_u32(0xfe73, &[CLUB, uid]);
    client.send_u32(0xfe82, &[CLUB]);
    client.send(0xfe9d, &with_text(&[CLUB], &[0, 0]));
    let topic = format!("The room of {}", client.uid);
    client.send(0xfea1, &with_text(&[CLUB], topic.as_bytes()));
    client.send_u32(0xfe8e, &[CLUB, uid]);
    client.sync();
    client.say(CLUB, "/o Bob off");
    client.say(CLUB, "/slowmode 5");
    client.say(CLUB, "/slowmode off");
    client.send(0xfe7a, &with_text(&[CLUB, uid], b"too loud"));
    client.send_u32(0xfe84, &[CLUB, uid]);
    client.send_u32(0xfc71, &[CLUB, uid]);
    client.send_u32(0xfc68, &[CLUB, uid]);
    client.send_u32(0xfc67, &[CLUB, uid]);
    client.sync();
    bob.sync();
}

#[test]
fn what_staff_do_in_rooms_of_others_is_on_record() {
    let mut olga = Uid(0);
    let server = Server::start_prepared(|store| olga = club(store));
    let (bob, warden) = (server.account("Bob"), server.account_with("Warden", &[Role::Moderator]));
    let (mut olga, mut bob) = (server.sign_in(olga), server.sign_in(bob));
    for client in [&mut olga, &mut bob] {
        client.join(CLUB);
    }
    keep_order(&mut olga, &mut bob);
    olga.send_u32(0xfc54, &[CLUB]);
    olga.sync();
    assert_eq!(audited(&server), Vec::<String>::new(), "what an owner does in his room is his affair");

    let mut warden = server.sign_in(warden);
    for client in [&mut warden, &mut bob] {
        client.join(CLUB);
    }
    assert_eq!(audited(&server), Vec::<String>::new(), "the room is open to everybody");
    keep_order(&mut warden, &mut bob);
    warden.say(CLUB, "/permanent off");
    warden.say(CLUB, "/permanent on");
    warden.send_u32(0xfc54, &[CLUB]);
    warden.sync();
    olga.join(CLUB);
    olga.say(CLUB, "/lock sesame");
    olga.sync();
    warden.join(CLUB);
    warden.send_u32(0xfec0, &[CLUB]);
    warden.send(0xfeca, &with_text(&[CLUB], b"\x00\x01\x00\x00\x08\x2asesame"));
    warden.sync();
    let page = server.store().reader().audit(&AuditQuery::default()).unwrap();
    let told: Vec<String> = page
        .records
        .iter()
        .rev()
        .map(|AuditRecord { entry, .. }| {
            assert_eq!(entry.actor.name(), "Warden");
            let target = entry.target.as_ref().unwrap().name();
            [entry.action.as_str(), &target, &entry.reason, &entry.details].join("|")
        })
        .collect();
    let here = "in The Club (room 50200)";
    let expected = [
        format!("red_dot|Bob||on, {here}"),
        format!("red_dot|Bob||off, {here}"),
        "lower_hands|The Club||".to_owned(),
        "all_mics|The Club||off".to_owned(),
        "set_room|The Club||topic".to_owned(),
        format!("room_admin|Bob||on, {here}"),
        format!("room_admin|Bob||off, {here}"),
        "set_room|The Club||slowmode".to_owned(),
        "set_room|The Club||slowmode".to_owned(),
        format!("bounce|Bob|too loud|{here}"),
        format!("unbounce|Bob||{here}"),
        format!("room_ban|Bob||{here}"),
        format!("room_unban|Bob||{here}"),
        "set_room|The Club||temporary".to_owned(),
        "set_room|The Club||permanent".to_owned(),
        "close_room|The Club||".to_owned(),
        "enter_room|The Club||in spite of: Sorry, wrong password.".to_owned(),
        "enter_room|The Club||unseen".to_owned(),
    ];
    assert_eq!(told, expected);
}
