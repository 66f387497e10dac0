use proptest::prelude::*;

use super::super::window::tests::{room, user};
use super::*;
use crate::hub::rows::{RoomRow, UserRow};
use crate::model::{Role, RoomId, Status, Uid};

fn zoe() -> UserRow {
    UserRow {
        uid: Uid(1_000_007),
        nickname: "Zoë the 1st".into(),
        status: Status::Away,
        idle_seconds: 700,
        address: "10.1.2.3".parse().unwrap(),
        rooms: vec![RoomId(5), RoomId(9)],
        roles: vec![Role::Moderator],
        strikes: 2,
        bytes_in: 1500,
        rtt_micros: Some(320_000),
        ..user(7)
    }
}

fn passes(filter: &str) -> bool {
    let rooms = RoomNames::from([(RoomId(5), "The Lobby".to_owned()), (RoomId(9), "Jazz".to_owned())]);
    Filter::parse::<UserRow>(filter).unwrap().passes(&zoe(), &rooms)
}

#[test]
fn what_the_language_can_say() {
    for filter in [
        "",
        "  ",
        "zoë",
        "ZOË",
        "\"the 1st\"",
        "10.1",
        "nick:zo",
        "nick=\"zoë the 1st\"",
        "room:lobby",
        "room:9",
        "room=jazz",
        "rooms>1",
        "idle>10m",
        "idle>=700",
        "idle<12m",
        "ip:10.0.0.0/8",
        "ip=10.1.2.3",
        "ip:10.1",
        "strikes>1",
        "rtt>200ms",
        "rtt<=320",
        "!rtt>1s",
        "strikes:2",
        "strikes!=0",
        "role:mod",
        "in>1k",
        "status:away",
        "!bob",
        "!(bob or ann)",
        "bob or zoë",
        "bob or strikes>1 idle>10m",
        "zoë and strikes=2",
        "ZOË AND NOT_A_WORD OR strikes:2",
        "!!zoë",
        "(zoë) (strikes>1)",
        "room:lobby strikes>1 idle>10m ip:10.0.0.0/8",
        "\"or\" or zoë",
    ] {
        assert!(passes(filter), "{filter}");
    }
    let unknown = Filter::parse::<UserRow>("rtt<1s or rtt>=0 or rtt!=7").unwrap();
    assert!(!unknown.passes(&user(7), &RoomNames::new()), "nothing holds for what is not known");
    for filter in [
        "bob",
        "!zoë",
        "zoë bob",
        "nick=zoë",
        "room:5x",
        "room=lobby",
        "rooms>2",
        "idle<10m",
        "ip:11.0.0.0/8",
        "ip:2001:db8::/32",
        "strikes>2",
        "!(zoë or bob)",
        "bob or zoë strikes>2",
        "role:admin",
        "rtt<300",
    ] {
        assert!(!passes(filter), "{filter}");
    }
}

#[test]
fn a_mistake_has_a_place() {
    for (filter, at, part) in [
        ("(zoë", 5, "bracket"),
        ("zoë)", 4, "bracket"),
        ("nick:", 6, "missing"),
        ("strikes>x", 9, "not a number"),
        ("idle>soon", 6, "not a time"),
        ("rtt>far", 5, "not a time"),
        ("nik:zoe", 1, "did you mean \"nick\""),
        ("zoë or", 7, "missing"),
        ("or zoë", 1, "nothing stands before"),
        ("a \"b", 3, "quotes"),
        (":x", 1, "name of a column"),
        ("ip:zoe", 4, "neither an address"),
        ("nick>a", 6, "no more and less"),
        ("()", 2, "closing bracket"),
    ] {
        let error = Filter::parse::<UserRow>(filter).unwrap_err();
        assert_eq!(error.at, at, "{filter}: {error}");
        assert!(error.to_string().contains(part), "{filter}: {error}");
    }
    let deep = "(".repeat(400) + "a" + &")".repeat(400);
    assert!(Filter::parse::<UserRow>(&deep).unwrap_err().message.contains("deeply"));
    assert!(Filter::parse::<UserRow>(&"!".repeat(900)).is_err());
    assert!(Filter::parse::<UserRow>(&"a ".repeat(900)).unwrap_err().message.contains("too long"));
    assert_eq!(Filter::parse::<RoomRow>("lock:maybe").unwrap_err().at, 6);
}

type Holds = fn(&UserRow) -> bool;

/// A filter and what it must say about a row, built side by side.
fn expression() -> impl Strategy<Value = (String, Holds)> {
    let leaf: Vec<(&str, Holds)> = vec![
        ("strikes>1", |row| row.strikes > 1),
        ("idle<=1m", |row| row.idle_seconds <= 60),
        ("uid!=3", |row| row.uid.0 != 3),
        ("status:away", |row| row.status == Status::Away),
        ("user1", |row| row.nickname.contains("user1")),
    ];
    proptest::sample::select(leaf).prop_map(|(text, holds)| (text.to_owned(), holds))
}

proptest! {
    #[test]
    fn logic_is_logic(
        a in expression(), b in expression(), c in expression(),
        uid in 0u32..20, strikes in 0u8..3, idle in 0u64..120, away: bool,
    ) {
        let status = if away { Status::Away } else { Status::Online };
        let row = UserRow { strikes, idle_seconds: idle, status, ..user(uid) };
        let (x, y, z) = ((a.1)(&row), (b.1)(&row), (c.1)(&row));
        for (text, wanted) in [
            (format!("{} {} {}", a.0, b.0, c.0), x && y && z),
            (format!("{} or {} {}", a.0, b.0, c.0), x || (y && z)),
            (format!("({} or {}) {}", a.0, b.0, c.0), (x || y) && z),
            (format!("!({} {}) or {}", a.0, b.0, c.0), !(x && y) || z),
            (format!("!{} and !{}", a.0, b.0), !x && !y),
        ] {
            let filter = Filter::parse::<UserRow>(&text).unwrap();
            prop_assert_eq!(filter.passes(&row, &RoomNames::new()), wanted, "{}", text);
        }
    }

    #[test]
    fn anything_is_read_or_refused(text in "[a-z0-9:<>=!() \"./ë]{0,40}", odd: String) {
        for text in [text, odd] {
            match Filter::parse::<RoomRow>(&text) {
                Ok(filter) => _ = filter.passes(&room(1), &RoomNames::new()),
                Err(error) => prop_assert!(error.at >= 1 && error.at <= text.chars().count() + 1),
            }
        }
    }
}
