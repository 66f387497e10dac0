//! Bans, mutes, warnings, strikes, offences, filters, links and settings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod store_common;

use paltalkd::model::{Author, Timestamp, Uid};
use paltalkd::store::{
    Applied, AuditQuery, AuditSubject, AuditTarget, Ban, BanTarget, Change, EXPIRE_MAX, FILTERS_MAX,
    FilterRecord, LINKS_MAX, LinkAllow, LinkKind, Mute, MuteKind, OffenceRecord, REASON_MAX, Rejection,
    SETTING_VALUE_MAX, SETTINGS_MAX, Sanctions, Store, StrikeRecord, WARNINGS_MAX, Warning,
};
use store_common::{all, audit, ban, count, create, filter, name, net, options, rejected, staff};

fn open(dir: &tempfile::TempDir) -> Store {
    Store::open(options(dir.path())).unwrap().0
}

fn mute(kind: MuteKind, until: Option<u64>) -> Mute {
    Mute { kind, until: until.map(Timestamp), reason: String::new(), by: Author::System, at: Timestamp(1) }
}

#[test]
fn bans_are_put_replaced_and_lifted() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store.commit_blocking(Change::Seed { at: Timestamp(1) }).unwrap();
    let alice = create(&store, "Alice");
    let put = |ban: Ban| store.commit_blocking(Change::PutBan(ban));
    let lift = |target| store.commit_blocking(Change::LiftBan { target });
    let account = BanTarget::Account(alice);
    assert_eq!(put(ban(BanTarget::Account(Uid(77)), None)), rejected(Rejection::NoSuchAccount));
    assert_eq!(put(ban(BanTarget::Account(Uid::SERVICE), None)), rejected(Rejection::ServiceUser));
    let wordy = Ban { reason: "é".repeat(REASON_MAX + 1), ..ban(account, None) };
    let limit = REASON_MAX;
    assert_eq!(put(wordy), rejected(Rejection::TooManyCharacters { field: "the reason", limit }));
    let by = Author::Operator { name: "x".repeat(Author::NAME_MAX + 1), uid: 0, address: None };
    assert!(put(Ban { by, ..ban(account, None) }).is_err());
    assert_eq!(put(Ban { reason: "é".repeat(REASON_MAX), ..ban(account, Some(50)) }), Ok(Applied::Done));
    assert_eq!(put(ban(account, Some(60))), Ok(Applied::Done));
    assert_eq!(put(ban(account, Some(60))), Ok(Applied::Unchanged));
    assert_eq!(count(&store, "expiries"), 1);
    // However a network is written, it is one.
    assert_eq!(put(ban(net("192.0.2.9/24"), None)), Ok(Applied::Done));
    assert_eq!(put(ban(net("::ffff:192.0.2.200/120"), None)), Ok(Applied::Unchanged));
    assert_eq!(put(ban(net("2001:db8::1/64"), None)), Ok(Applied::Done));
    let reader = store.reader();
    let bans = [ban(account, Some(60)), ban(net("192.0.2.0/24"), None), ban(net("2001:db8::/64"), None)];
    assert_eq!(reader.bans().unwrap(), bans);
    for after in 0..3 {
        let rest = reader.bans_after(Some(bans[after].target), 10).unwrap();
        assert_eq!(rest, bans[after + 1..]);
        assert_eq!(reader.bans_after(None, after).unwrap(), bans[..after]);
    }
    assert_eq!(reader.ban(net("192.0.2.77/24")).unwrap().as_ref(), Some(&bans[1]));
    assert_eq!(reader.ban(net("192.0.2.77/32")).unwrap(), None);
    assert!(bans[0].holds(Timestamp(59)) && !bans[0].holds(Timestamp(60)));
    assert_eq!(lift(net("192.0.2.1/24")), Ok(Applied::Done));
    assert_eq!(lift(net("192.0.2.1/24")), Ok(Applied::Unchanged));
    assert_eq!(lift(account), Ok(Applied::Done));
    assert_eq!(count(&store, "expiries"), 0);
    assert_eq!(reader.bans().unwrap(), bans[2..]);
}

#[test]
fn what_is_held_against_an_account_goes_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let (alice, bob) = (create(&store, "Alice"), create(&store, "Bob"));
    let strikes = StrikeRecord {
        strikes: 1,
        stage: 0,
        muted_until: Some(Timestamp(16)),
        violations: 1,
        last_reason: "WINDOW".to_owned(),
        last_detail: "count=6/5".to_owned(),
        last_at: Timestamp(1),
    };
    let offences = OffenceRecord { offences: 2, muted_until: None, last_at: Timestamp(3), exempt: false };
    let warning = |at| Warning { at: Timestamp(at), by: staff(), reason: "rude".to_owned() };
    let done = |change| store.commit_blocking(change).unwrap();
    for uid in [alice, bob] {
        done(Change::PutBan(ban(BanTarget::Account(uid), Some(60))));
        done(Change::PutMute { uid, mute: mute(MuteKind::Text, Some(70)) });
        done(Change::PutMute { uid, mute: mute(MuteKind::Media, None) });
        done(Change::PutStrikes { uid, record: strikes.clone() });
        done(Change::PutOffences { uid, record: offences });
        assert_eq!(done(Change::AddWarning { uid, warning: warning(1) }), Applied::Warned(1));
    }
    done(Change::PutBan(ban(net("192.0.2.0/24"), Some(60))));
    done(Change::Audit(audit("warn", 1, Some(AuditTarget::User { uid: alice, nickname: name("Alice") }))));
    let held = Sanctions {
        ban: Some(ban(BanTarget::Account(bob), Some(60))),
        mutes: vec![mute(MuteKind::Text, Some(70)), mute(MuteKind::Media, None)],
        warnings: vec![warning(1)],
        strikes: Some(strikes.clone()),
        offences: Some(offences),
    };
    let reader = store.reader();
    assert_eq!(reader.sanctions(bob).unwrap(), held);
    assert_eq!(reader.mutes().unwrap().len(), 4);
    done(Change::DeleteAccount { uid: alice });
    assert_eq!(reader.sanctions(alice).unwrap(), Sanctions::default());
    assert_eq!(reader.sanctions(bob).unwrap(), held);
    assert_eq!(reader.bans().unwrap().len(), 2);
    assert_eq!(count(&store, "expiries"), 3);
    let query = AuditQuery { target: Some(AuditSubject::User(alice)), ..AuditQuery::default() };
    assert_eq!(reader.audit(&query).unwrap().records.len(), 1, "the log stays");
    for change in [
        Change::PutMute { uid: alice, mute: mute(MuteKind::Text, None) },
        Change::AddWarning { uid: alice, warning: warning(1) },
        Change::PutStrikes { uid: alice, record: strikes },
        Change::PutOffences { uid: alice, record: offences },
    ] {
        assert_eq!(store.commit_blocking(change), rejected(Rejection::NoSuchAccount));
    }
    for change in [
        Change::LiftBan { target: BanTarget::Account(bob) },
        Change::LiftMute { uid: bob, kind: MuteKind::Text },
        Change::LiftMute { uid: bob, kind: MuteKind::Media },
        Change::ClearWarnings { uid: bob },
        Change::ClearStrikes { uid: bob },
        Change::ClearOffences { uid: Some(bob) },
    ] {
        assert_eq!(store.commit_blocking(change.clone()), Ok(Applied::Done));
        assert_eq!(store.commit_blocking(change), Ok(Applied::Unchanged));
    }
    assert_eq!(reader.sanctions(bob).unwrap(), Sanctions::default());
    assert_eq!(count(&store, "expiries"), 1);
}

#[test]
fn the_last_warnings_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let uid = create(&store, "Alice");
    for number in 1..=WARNINGS_MAX + 3 {
        let warning = Warning { at: Timestamp(number as u64), by: Author::System, reason: String::new() };
        let answer = store.commit_blocking(Change::AddWarning { uid, warning });
        assert_eq!(answer, Ok(Applied::Warned(number.min(WARNINGS_MAX))));
    }
    let (_, kept) = store.reader().warnings_after(None, 9).unwrap().pop().unwrap();
    assert_eq!((kept.len(), kept[0].at, kept[19].at), (WARNINGS_MAX, Timestamp(4), Timestamp(23)));
}

#[test]
fn what_has_run_out_is_deleted_a_piece_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let alice = create(&store, "Alice");
    let many = (0..EXPIRE_MAX as u32 + 20).map(|number| {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + number);
        Change::PutBan(ban(net(&format!("{address}/32")), Some(100 + u64::from(number % 7))))
    });
    assert!(all(&store, many).iter().all(|answer| *answer == Ok(Applied::Done)));
    store.commit_blocking(Change::PutBan(ban(net("192.0.2.1/32"), None))).unwrap();
    store.commit_blocking(Change::PutBan(ban(BanTarget::Account(alice), Some(108)))).unwrap();
    store.commit_blocking(Change::PutMute { uid: alice, mute: mute(MuteKind::Text, Some(100)) }).unwrap();
    store.commit_blocking(Change::PutMute { uid: alice, mute: mute(MuteKind::Media, Some(50)) }).unwrap();
    // A longer one in its place: the old end no longer counts.
    store.commit_blocking(Change::PutMute { uid: alice, mute: mute(MuteKind::Media, Some(108)) }).unwrap();
    let expire = |now| store.commit_blocking(Change::ExpireSanctions { now: Timestamp(now) });
    assert_eq!(expire(99), Ok(Applied::Unchanged));
    // The mute and every seventh ban; the mute that a longer one replaced counts for nothing.
    assert_eq!(expire(100), Ok(Applied::Expired(1 + (EXPIRE_MAX + 20).div_ceil(7))));
    assert_eq!(expire(100), Ok(Applied::Unchanged));
    assert_eq!(store.reader().sanctions(alice).unwrap().mutes, [mute(MuteKind::Media, Some(108))]);
    let mut rounds = 0;
    while matches!(expire(107), Ok(Applied::Expired(_))) {
        rounds += 1;
    }
    assert_eq!((rounds, store.reader().bans().unwrap().len()), (1, 2));
    // In one group, too, each sees what those before it did.
    let again = (0..EXPIRE_MAX as u32 + 1)
        .map(|number| {
            let address = std::net::Ipv4Addr::from(0x0a00_0000 + number);
            Change::PutBan(ban(net(&format!("{address}/32")), Some(107)))
        })
        .chain(vec![Change::ExpireSanctions { now: Timestamp(107) }; 3]);
    let answers = all(&store, again);
    let last = &answers[answers.len() - 3..];
    assert_eq!(last, [Ok(Applied::Expired(EXPIRE_MAX)), Ok(Applied::Expired(1)), Ok(Applied::Unchanged)]);
    assert_eq!(
        store.reader().bans().unwrap(),
        [ban(BanTarget::Account(alice), Some(108)), ban(net("192.0.2.1/32"), None)]
    );
    assert_eq!(count(&store, "expiries"), 2);
}

#[test]
fn offences_are_cleared_but_exemptions_stay() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let people: Vec<Uid> = (0..6).map(|n| create(&store, &format!("p{n}"))).collect();
    let record = |offences, exempt| OffenceRecord {
        offences,
        muted_until: Some(Timestamp(9)),
        last_at: Timestamp(3),
        exempt,
    };
    for (uid, offences) in people.iter().zip([3, 9, 0, 9, 1, 4]) {
        let record = record(offences, offences == 4);
        store.commit_blocking(Change::PutOffences { uid: *uid, record }).unwrap();
    }
    let reader = store.reader();
    let top = |limit| {
        let top = reader.top_offenders(limit).unwrap();
        top.into_iter().map(|(uid, record)| (uid.0 - people[0].0, record.offences)).collect::<Vec<_>>()
    };
    assert_eq!(top(3), [(1, 9), (3, 9), (5, 4)]);
    assert_eq!(top(10).len(), 5);
    assert_eq!(store.commit_blocking(Change::ClearOffences { uid: None }), Ok(Applied::Done));
    let left = OffenceRecord { muted_until: None, ..record(0, true) };
    assert_eq!(reader.offences_after(None, 9).unwrap(), [(people[5], left)]);
    assert_eq!(store.commit_blocking(Change::ClearOffences { uid: None }), Ok(Applied::Unchanged));
    assert_eq!(reader.strikes_after(None, 9).unwrap(), []);
}

#[test]
fn settings_have_names_and_limits() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let set = |name: &str, value: &str| Change::SetSetting { name: name.to_owned(), value: value.to_owned() };
    let one = |name: &str, value: &str| store.commit_blocking(set(name, value));
    for bad in ["", "two words", "é", "a\0", &"x".repeat(101)] {
        assert_eq!(one(bad, "1"), rejected(Rejection::SettingName), "{bad:?}");
    }
    assert!(one("a", &"x".repeat(SETTING_VALUE_MAX + 1)).is_err());
    let answers = all(&store, (0..=SETTINGS_MAX).map(|number| set(&format!("s-{number:03}"), "1")));
    assert!(answers[..SETTINGS_MAX].iter().all(|answer| *answer == Ok(Applied::Done)));
    assert_eq!(answers[SETTINGS_MAX], rejected(Rejection::ListFull { limit: SETTINGS_MAX }));
    assert_eq!(one("s-007", "2"), Ok(Applied::Done));
    assert_eq!(one("s-007", "2"), Ok(Applied::Unchanged));
    let clear = Change::ClearSetting { name: "s-006".to_owned() };
    assert_eq!(store.commit_blocking(clear.clone()), Ok(Applied::Done));
    assert_eq!(store.commit_blocking(clear), Ok(Applied::Unchanged));
    let settings = store.reader().settings().unwrap();
    assert_eq!(
        (settings.len(), settings[6].clone()),
        (SETTINGS_MAX - 1, ("s-007".to_owned(), "2".to_owned()))
    );
}

#[test]
fn filters_keep_their_numbers_and_hits() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let put = |id, text: &str| Change::PutFilter { id, filter: filter(text, 1) };
    let one = |change| store.commit_blocking(change);
    assert_eq!(one(put(None, "one")), Ok(Applied::Filter(1)));
    assert_eq!(one(put(None, "two")), Ok(Applied::Filter(2)));
    assert_eq!(one(put(None, "")), rejected(Rejection::Empty { field: "the text" }));
    assert_eq!(one(put(Some(3), "three")), rejected(Rejection::NoSuchFilter));
    let hits = Change::AddFilterHits(vec![(1, 4), (9, 1), (1, u64::MAX), (2, 5)]);
    assert_eq!(one(hits), Ok(Applied::Done));
    assert_eq!(one(Change::AddFilterHits(vec![(9, 1), (2, 0)])), Ok(Applied::Unchanged));
    assert!(one(Change::AddFilterHits(vec![(1, 1); FILTERS_MAX + 1])).is_err());
    assert_eq!(one(put(Some(2), "second")), Ok(Applied::Done));
    assert_eq!(one(put(Some(2), "second")), Ok(Applied::Unchanged));
    let record = |id, text: &str, hits| FilterRecord { id, filter: filter(text, 1), hits };
    assert_eq!(store.reader().filters().unwrap(), [record(1, "one", u64::MAX), record(2, "second", 5)]);
    assert_eq!(one(Change::DeleteFilter { id: 2 }), Ok(Applied::Done));
    assert_eq!(one(Change::DeleteFilter { id: 2 }), Ok(Applied::Unchanged));
    let answers = all(&store, (0..FILTERS_MAX).map(|number| put(None, &format!("f{number}"))));
    assert_eq!(answers[0], Ok(Applied::Filter(3)), "a number is never given twice");
    assert_eq!(answers[FILTERS_MAX - 1], rejected(Rejection::ListFull { limit: FILTERS_MAX }));
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), FILTERS_MAX - 1);
}

#[test]
fn links_are_allowed_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let link =
        |kind, text: &str, at| LinkAllow { kind, text: text.to_owned(), by: staff(), at: Timestamp(at) };
    let one = |change| store.commit_blocking(change);
    assert_eq!(
        one(Change::PutLink(link(LinkKind::Url, "", 1))),
        rejected(Rejection::Empty { field: "the text" })
    );
    assert!(one(Change::PutLink(link(LinkKind::Url, &"x".repeat(201), 1))).is_err());
    assert_eq!(one(Change::PutLink(link(LinkKind::Url, "example.org", 1))), Ok(Applied::Done));
    assert_eq!(one(Change::PutLink(link(LinkKind::Domain, "example.org", 1))), Ok(Applied::Done));
    assert_eq!(one(Change::PutLink(link(LinkKind::Domain, "example.org", 1))), Ok(Applied::Unchanged));
    assert_eq!(one(Change::PutLink(link(LinkKind::Domain, "example.org", 2))), Ok(Applied::Done));
    let links = store.reader().links().unwrap();
    assert_eq!(links, [link(LinkKind::Domain, "example.org", 2), link(LinkKind::Url, "example.org", 1)]);
    let delete = Change::DeleteLink { kind: LinkKind::Url, text: "example.org".to_owned() };
    assert_eq!(one(delete.clone()), Ok(Applied::Done));
    assert_eq!(one(delete), Ok(Applied::Unchanged));
    let answers =
        all(&store, (0..LINKS_MAX).map(|n| Change::PutLink(link(LinkKind::Regex, &format!("x{n}"), 1))));
    assert_eq!(answers[LINKS_MAX - 1], rejected(Rejection::ListFull { limit: LINKS_MAX }));
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), LINKS_MAX - 1);
}
