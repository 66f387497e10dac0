//! Commands of staff as they are typed.

use proptest::prelude::*;

use super::club::*;
use super::office::*;
use super::*;
use crate::hub::lookup::{Finding, Question};
use crate::model::Author;
use crate::store::{AuditEntry, Filter, FilterKind};

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
    // Whoever has come meanwhile is known, whatever the store says.
    let effects = office.type_as(staff, "/warn Dave rude");
    named(&mut office, 24, "Dave");
    assert!(answers(&office.find(&effects, Finding::Failed), staff).starts_with("Warned Dave (uid"));
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
