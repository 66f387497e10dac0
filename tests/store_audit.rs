//! The audit log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod store_common;

use paltalkd::model::{Author, RoomId, RoomName, Timestamp, Uid};
use paltalkd::store::{
    Applied, AuditActor, AuditEntry, AuditQuery, AuditSubject, AuditTarget, BanTarget, CHANGES_MAX, Change,
    Reader, Rejection, Store, Warning,
};
use store_common::{all, audit, ban, count, create, name, net, options, rejected, staff};

fn open(dir: &tempfile::TempDir) -> Store {
    Store::open(options(dir.path())).unwrap().0
}

#[test]
fn an_action_and_its_entry_in_the_log_are_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let alice = create(&store, "Alice");
    let account = BanTarget::Account(alice);
    let both = |changes: Vec<Change>, entries: Vec<AuditEntry>| {
        store.commit_blocking(Change::WithAudit { changes, entries })
    };
    let put = |target| Change::PutBan(ban(target, None));
    let entry = |at| audit("ban", at, None);
    let logged = || count(&store, "audit");
    let done = both(vec![put(account), put(net("192.0.2.1/32"))], vec![entry(1), entry(2)]);
    assert_eq!(done, Ok(Applied::All(vec![Applied::Done, Applied::Done])));
    assert_eq!((logged(), store.reader().bans().unwrap().len()), (2, 2));
    // Nothing happened, nothing is on record.
    assert_eq!(both(vec![put(account)], vec![entry(3)]), Ok(Applied::Unchanged));
    assert_eq!(both(vec![], vec![entry(3)]), Ok(Applied::Unchanged));
    // One of the parts is refused: neither is any of the others done.
    let refused = both(vec![put(net("192.0.2.2/32")), put(BanTarget::Account(Uid(77)))], vec![entry(4)]);
    assert_eq!(refused, rejected(Rejection::NoSuchAccount));
    let bad = AuditEntry { action: "Not so".to_owned(), ..entry(5) };
    assert_eq!(both(vec![put(net("192.0.2.3/32"))], vec![bad]), rejected(Rejection::Action));
    assert_eq!((logged(), store.reader().bans().unwrap().len()), (2, 2));
    // The parts see each other, and both may count.
    let warning = Warning { at: Timestamp(1), by: staff(), reason: String::new() };
    let twice = vec![Change::AddWarning { uid: alice, warning }; 2];
    let both_warned = Ok(Applied::All(vec![Applied::Warned(1), Applied::Warned(2)]));
    assert_eq!(both(twice, vec![entry(6)]), both_warned);
    let log = vec![Change::Audit(entry(7)), Change::LiftBan { target: account }, put(account)];
    let answers = vec![Applied::Audited(4), Applied::Done, Applied::Done];
    assert_eq!(both(log, vec![entry(8)]), Ok(Applied::All(answers)));
    let nested = Change::WithAudit { changes: vec![put(account)], entries: vec![] };
    assert_eq!(both(vec![nested], vec![]), rejected(Rejection::Nested));
    let limit = CHANGES_MAX;
    assert_eq!(both(vec![Change::Barrier; limit + 1], vec![]), rejected(Rejection::TooManyChanges { limit }));
    let page = store.reader().audit(&AuditQuery::default()).unwrap();
    let found: Vec<_> = page.records.iter().map(|record| (record.seq, record.entry.at.0)).collect();
    assert_eq!(found, [(5, 8), (4, 7), (3, 6), (2, 2), (1, 1)]);
    assert_eq!(page.next, None);
}

/// All entries of a query, and how many pages they took.
fn pages(reader: &Reader, mut query: AuditQuery) -> (Vec<u64>, usize) {
    let mut found = Vec::new();
    for number in 1.. {
        let page = reader.audit(&query).unwrap();
        found.extend(page.records.iter().map(|record| record.seq));
        assert!(page.next.is_none() || page.next < query.before || query.before.is_none());
        match page.next {
            Some(next) => query.before = Some(next),
            None => return (found, number),
        }
    }
    unreachable!()
}

#[test]
fn the_log_is_read_from_its_end_with_filters() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let room = AuditTarget::Room { id: RoomId(450), name: RoomName::new(b"Lobby").unwrap() };
    let user = AuditTarget::User { uid: Uid(7), nickname: name("Zoë") };
    let network = AuditTarget::Network("192.0.2.7/32".parse().unwrap());
    let operator = Author::Operator { name: "Root".to_owned(), uid: 0, address: None };
    let entries = (1..=1200u64).map(|seq| {
        let (action, target) = match seq % 4 {
            0 => ("ban", Some(user.clone())),
            1 => ("close_room", Some(room.clone())),
            2 => ("ban", Some(network.clone())),
            _ => ("start", None),
        };
        let actor = if seq % 3 == 0 { operator.clone() } else { staff() };
        Change::Audit(AuditEntry { actor, ..audit(action, seq * 10, target) })
    });
    let answers = all(&store, entries);
    assert_eq!(answers.last(), Some(&Ok(Applied::Audited(1200))));
    let reader = store.reader();
    let numbers =
        |wanted: &dyn Fn(u64) -> bool| (1..=1200).rev().filter(|seq| wanted(*seq)).collect::<Vec<_>>();
    let query = AuditQuery::default;
    assert_eq!(pages(&reader, query()), (numbers(&|_| true), 6));
    assert_eq!(pages(&reader, AuditQuery { limit: 0, before: Some(3), ..query() }), (vec![2, 1], 2));
    assert_eq!(pages(&reader, AuditQuery { before: Some(1), ..query() }), (vec![], 1));
    assert_eq!(pages(&reader, AuditQuery { before: Some(0), ..query() }), (vec![], 1));
    let limited = AuditQuery { limit: usize::MAX, before: Some(u64::MAX), ..query() };
    assert_eq!(reader.audit(&limited).unwrap().records.len(), AuditQuery::LIMIT_MAX);
    let only = |query, wanted: &dyn Fn(u64) -> bool| assert_eq!(pages(&reader, query).0, numbers(wanted));
    let named = |text: &str| Some(AuditSubject::Named(text.to_owned()));
    only(AuditQuery { action: Some("ban".to_owned()), ..query() }, &|seq| seq % 2 == 0);
    only(AuditQuery { actor: Some(AuditActor::User(Uid(9))), ..query() }, &|seq| seq % 3 != 0);
    only(AuditQuery { actor: Some(AuditActor::Named("rOOT".to_owned())), ..query() }, &|seq| seq % 3 == 0);
    only(AuditQuery { actor: Some(AuditActor::Named("nobody".to_owned())), ..query() }, &|_| false);
    only(AuditQuery { target: Some(AuditSubject::User(Uid(7))), ..query() }, &|seq| seq % 4 == 0);
    only(AuditQuery { target: named("ZOË"), ..query() }, &|seq| seq % 4 == 0);
    only(AuditQuery { target: Some(AuditSubject::Room(RoomId(450))), ..query() }, &|seq| seq % 4 == 1);
    only(AuditQuery { target: named("lobby"), ..query() }, &|seq| seq % 4 == 1);
    only(AuditQuery { target: named("192.0.2.7"), ..query() }, &|seq| seq % 4 == 2);
    let (from, to) = (Some(Timestamp(100)), Some(Timestamp(200)));
    only(AuditQuery { from, to, ..query() }, &|seq| (10..20).contains(&seq));
    let action = Some("ban".to_owned());
    only(AuditQuery { from, action, target: named("zoë"), ..query() }, &|seq| seq >= 10 && seq % 4 == 0);
    // A search looks at so much at a time and then says where it stopped.
    let more = (0..9_500).map(|_| Change::Audit(audit("start", 1, None)));
    for piece in more.collect::<Vec<_>>().chunks(4_000) {
        all(&store, piece.to_vec());
    }
    let rare = AuditQuery { target: Some(AuditSubject::User(Uid(7))), ..query() };
    let page = reader.audit(&rare).unwrap();
    assert_eq!((page.records.len(), page.next), (125, Some(701)));
    assert_eq!(pages(&reader, rare), (numbers(&|seq| seq % 4 == 0), 2));
}
