//! Bans of accounts and networks, and what leads to them.

use super::club::*;
use super::office::*;
use super::*;
use crate::hub::lookup::Question;

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
