//! What the store does while nothing is wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod store_common;

use std::sync::mpsc;

use paltalkd::model::{
    CategoryId, LinkRight, MessageText, Privacy, Rating, Role, Roles, RoomId, RoomKind, RoomName, Speakers,
    Timestamp, Uid,
};
use paltalkd::store::{
    Applied, Category, Change, Exclusion, ExclusionKind, Hint, MAILBOX_MAX, PALS_MAX, PasswordHash,
    Rejection, RoomRecord, Store, StoreError,
};
use store_common::{create, name, new_account, options};

#[test]
fn an_account_lives() {
    let dir = tempfile::tempdir().unwrap();
    let (store, report) = Store::open(options(dir.path())).unwrap();
    assert!(report.fresh && report.clean);
    let alice = create(&store, "Alice");
    assert_eq!(alice, Uid::FIRST_PERSON);
    let set = |change| assert_eq!(store.commit_blocking(change), Ok(Applied::Done));
    set(Change::SetPassword { uid: alice, hash: PasswordHash::new("$argon2id$other") });
    set(Change::SetHint { uid: alice, hint: Some(Hint { question: 2, text: b"rex".to_vec() }) });
    set(Change::SetPrivacy { uid: alice, privacy: Privacy::Pals });
    set(Change::SetRoles { uid: alice, roles: Roles::default().with(Role::Moderator) });
    set(Change::SetAgeVerified { uid: alice, verified: true });
    set(Change::SetEmail { uid: alice, email: Some("a@example.org".to_owned()) });
    let again = Change::SetPrivacy { uid: alice, privacy: Privacy::Pals };
    assert_eq!(store.commit_blocking(again), Ok(Applied::Unchanged));

    let account = store.reader().account_by_name(&name("aLICE").key()).unwrap().unwrap();
    assert_eq!(account.uid, alice);
    assert_eq!(account.nickname.to_string(), "Alice");
    assert_eq!(account.password.as_str(), "$argon2id$other");
    assert!(account.age_verified && account.roles.is_staff() && account.privacy == Privacy::Pals);
    let shown = format!("{account:?}");
    assert!(!shown.contains("argon2id") && !shown.contains("rex"), "{shown}");

    assert_eq!(store.commit_blocking(Change::DeleteAccount { uid: alice }), Ok(Applied::Done));
    assert_eq!(store.reader().account(alice), Ok(None));
    let gone = store.commit_blocking(Change::DeleteAccount { uid: alice });
    assert_eq!(gone, Err(StoreError::Rejected(Rejection::NoSuchAccount)));
    assert_eq!(create(&store, "Alice"), Uid(alice.0 + 1), "a uid is never given twice");
}

#[test]
fn a_taken_name_comes_with_a_free_one() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(options(dir.path())).unwrap();
    create(&store, "Alice");
    create(&store, "alice1");
    let taken = store.commit_blocking(Change::CreateAccount(new_account("ALICE")));
    let suggestion = name("ALICE2");
    assert_eq!(taken, Err(StoreError::Rejected(Rejection::NicknameTaken { suggestion })));
}

#[test]
fn names_are_found_by_how_they_begin() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(options(dir.path())).unwrap();
    for text in ["bob", "Bobby", "BOBO", "alice", "boc"] {
        create(&store, text);
    }
    let found = |prefix: &[u8], limit| {
        let accounts = store.reader().accounts_by_prefix(prefix, limit).unwrap();
        accounts.iter().map(|account| account.nickname.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(found(b"BOB", 10), ["bob", "Bobby", "BOBO"]);
    assert_eq!(found(b"b", 2), ["bob", "Bobby"]);
    assert!(found(b"x", 2).is_empty());
    for number in 0..600 {
        create(&store, &format!("n{number}"));
    }
    let uids: Vec<Uid> = store.reader().accounts().map(|account| account.unwrap().uid).collect();
    assert_eq!(uids.len(), 605);
    assert!(uids.is_sorted());
}

#[test]
fn lists_have_limits_and_forget_the_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(options(dir.path())).unwrap();
    let people: Vec<Uid> = (0..PALS_MAX + 2).map(|n| create(&store, &format!("p{n}"))).collect();
    let (uid, at) = (people[0], Timestamp(5));
    let (sender, answers) = mpsc::channel();
    for pal in &people[1..] {
        let sender = sender.clone();
        store.submit(Change::AddPal { uid, pal: *pal, at }, move |result| sender.send(result).unwrap());
    }
    drop(sender);
    let answers: Vec<_> = answers.into_iter().collect();
    assert!(answers[..PALS_MAX].iter().all(|answer| *answer == Ok(Applied::Done)));
    assert_eq!(answers[PALS_MAX], Err(StoreError::Rejected(Rejection::ListFull { limit: PALS_MAX })));
    let add = |uid, pal| store.commit_blocking(Change::AddPal { uid, pal, at });
    assert_eq!(add(uid, people[1]), Ok(Applied::Unchanged));
    assert_eq!(add(uid, uid), Err(StoreError::Rejected(Rejection::Oneself)));
    assert_eq!(add(people[1], Uid(77)), Err(StoreError::Rejected(Rejection::NoSuchAccount)));
    store.commit_blocking(Change::RemovePal { uid, pal: people[1] }).unwrap();
    store.commit_blocking(Change::Block { uid: people[3], blocked: uid, at }).unwrap();
    store.commit_blocking(Change::Block { uid, blocked: people[2], at }).unwrap();
    let reader = store.reader();
    assert_eq!(reader.blocks(uid).unwrap(), [(people[2], name("p2"))]);
    assert_eq!(reader.blocked_by(uid).unwrap(), [people[3]]);
    store.commit_blocking(Change::DeleteAccount { uid: people[2] }).unwrap();
    assert_eq!(reader.pals(uid).unwrap().len(), PALS_MAX - 2);
    assert!(reader.blocks(uid).unwrap().is_empty());
    assert_eq!(reader.pal_of(people[4]).unwrap(), [uid]);
    let sign_in = reader.sign_in(uid).unwrap().unwrap();
    assert_eq!((sign_in.account.uid, sign_in.pals.len(), sign_in.offline), (uid, PALS_MAX - 2, 0));
    store.commit_blocking(Change::DeleteAccount { uid }).unwrap();
    assert_eq!(reader.pal_of(people[4]), Ok(vec![]));
    assert_eq!(reader.blocked_by(uid), Ok(vec![]));
    assert_eq!(reader.sign_in(uid), Ok(None));
}

#[test]
fn messages_wait_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(options(dir.path())).unwrap();
    let (to, from) = (create(&store, "to"), create(&store, "from"));
    let (sender, answers) = mpsc::channel();
    let submit = |change| {
        let sender = sender.clone();
        store.submit(change, move |result| sender.send(result).unwrap());
    };
    let message = |number: u64, from| Change::StoreOffline {
        to,
        from,
        at: Timestamp(number),
        text: MessageText::new(format!("message {number}").as_bytes()).unwrap(),
    };
    for number in 1..=MAILBOX_MAX as u64 + 1 {
        submit(message(number, if number % 2 == 0 { from } else { Uid::SERVICE }));
    }
    submit(Change::LoadOffline { uid: to, newer_than: Timestamp(1) });
    submit(Change::DropOffline { uid: to, through: 150 });
    submit(Change::LoadOffline { uid: to, newer_than: Timestamp(0) });
    drop(sender);
    let answers: Vec<_> = answers.into_iter().collect();
    assert_eq!(answers[0], Ok(Applied::Stored(1)));
    let full = StoreError::Rejected(Rejection::MailboxFull { limit: MAILBOX_MAX });
    assert_eq!(answers[MAILBOX_MAX], Err(full));
    let Ok(Applied::Offline(loaded)) = &answers[MAILBOX_MAX + 1] else { panic!() };
    assert_eq!((loaded.len(), loaded[0].id), (MAILBOX_MAX - 1, 2));
    assert_eq!(loaded[0].from_nickname.to_string(), "from");
    assert_eq!(loaded[1].from_nickname.to_string(), "Paltalk");
    assert_eq!(loaded[1].text.as_bytes(), b"message 3");
    let Ok(Applied::Offline(left)) = &answers[MAILBOX_MAX + 3] else { panic!() };
    assert_eq!((left.len(), left[0].id), (50, 151));
    let reader = store.reader();
    assert_eq!(reader.offline_expired(Timestamp(151), 9), Ok(vec![]));
    assert_eq!(reader.offline_expired(Timestamp(160), 9), Ok(vec![to]));
    let expire = Change::ExpireOffline { uid: to, before: Timestamp(161) };
    assert_eq!(store.commit_blocking(expire.clone()), Ok(Applied::Done));
    assert_eq!(store.commit_blocking(expire), Ok(Applied::Unchanged));
    assert_eq!(reader.offline_count(to), Ok(40));
    assert_eq!(store.commit_blocking(Change::DeleteAccount { uid: from }), Ok(Applied::Done));
    let Ok(Applied::Stored(id)) = store.commit_blocking(message(9, Uid::SERVICE)) else { panic!() };
    assert_eq!(id, MAILBOX_MAX as u64 + 1);
}

#[test]
fn rooms_need_their_category() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(options(dir.path())).unwrap();
    let name = RoomName::new(b"Lobby").unwrap();
    let room = RoomRecord {
        welcome: b"hi".to_vec(),
        speakers: Speakers::new(2).unwrap(),
        links: LinkRight::Members,
        linkers: [Uid(1_000_002)].into(),
        ..RoomRecord::new(RoomId(450), name, RoomKind::Voice, CategoryId(30), Rating::General, Timestamp(1))
    };
    let put = Change::PutRoom(room.clone());
    let refused = store.commit_blocking(put.clone());
    assert_eq!(refused, Err(StoreError::Rejected(Rejection::NoSuchCategory)));
    let category = |id, position| Category { id: CategoryId(id), name: b"Music".to_vec(), position };
    store.commit_blocking(Change::PutCategory(category(30, 2))).unwrap();
    store.commit_blocking(Change::PutCategory(category(40, 1))).unwrap();
    assert_eq!(store.commit_blocking(put.clone()), Ok(Applied::Done));
    assert_eq!(store.commit_blocking(put), Ok(Applied::Unchanged));
    let crowd = (0..=LinkRight::LINKERS_MAX as u32).map(|number| Uid(1_000_002 + number)).collect();
    let crowded = Change::PutRoom(RoomRecord { linkers: crowd, ..room.clone() });
    let refused = store.commit_blocking(crowded);
    assert_eq!(refused, Err(StoreError::Rejected(Rejection::ListFull { limit: LinkRight::LINKERS_MAX })));
    assert_eq!(store.reader().rooms().unwrap(), [room]);
    assert_eq!(store.reader().categories().unwrap(), [category(40, 1), category(30, 2)]);
    let in_use = store.commit_blocking(Change::DeleteCategory(CategoryId(30)));
    assert_eq!(in_use, Err(StoreError::Rejected(Rejection::CategoryInUse)));
    store.commit_blocking(Change::DeleteRoom(RoomId(450))).unwrap();
    assert_eq!(store.commit_blocking(Change::DeleteCategory(CategoryId(30))), Ok(Applied::Done));
}

#[test]
fn who_is_kept_out_of_a_room_is_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(options(dir.path())).unwrap();
    store.commit_blocking(Change::Seed { at: Timestamp(1) }).unwrap();
    let (alice, bob) = (create(&store, "Alice"), create(&store, "Bob"));
    let room = RoomId(450);
    let entry = |uid: Uid, at: u64, until: Option<u64>| Exclusion {
        uid,
        nickname: name("Somebody"),
        until: until.map(Timestamp),
        by: bob,
        at: Timestamp(at),
        reason: b"rude".to_vec(),
    };
    let exclude = |room, kind, entry| store.commit_blocking(Change::Exclude { room, kind, entry });
    use ExclusionKind::{Ban, Bounce};
    let nowhere = exclude(RoomId(7), Bounce, entry(alice, 1, None));
    assert_eq!(nowhere, Err(StoreError::Rejected(Rejection::NoSuchRoom)));
    exclude(room, Bounce, entry(alice, 1, Some(50))).unwrap();
    exclude(room, Ban, entry(alice, 1, None)).unwrap();
    exclude(room, Ban, entry(bob, 2, None)).unwrap();
    exclude(RoomId(451), Ban, entry(bob, 2, None)).unwrap();
    let list = |kind| store.reader().exclusions(kind).unwrap();
    assert_eq!(list(Bounce), [(room, entry(alice, 1, Some(50)))]);
    assert_eq!(list(Ban).len(), 3);
    // What has run out goes when the next entry comes.
    exclude(room, Bounce, entry(bob, 50, Some(90))).unwrap();
    assert_eq!(list(Bounce), [(room, entry(bob, 50, Some(90)))]);
    let let_in = |kind, uid| store.commit_blocking(Change::LetIn { room, kind, uid });
    assert_eq!(let_in(Bounce, Some(alice)), Ok(Applied::Unchanged));
    assert_eq!(let_in(Bounce, Some(bob)), Ok(Applied::Done));
    store.commit_blocking(Change::DeleteAccount { uid: alice }).unwrap();
    assert_eq!(
        list(Ban).iter().map(|(room, entry)| (room.0, entry.uid)).collect::<Vec<_>>(),
        [(450, bob), (451, bob)]
    );
    assert_eq!(let_in(Ban, None), Ok(Applied::Done));
    assert_eq!(list(Ban).len(), 1, "another room's list is its own");
    store.commit_blocking(Change::DeleteRoom(RoomId(451))).unwrap();
    assert_eq!(list(Ban), []);
}
