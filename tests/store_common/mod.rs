//! What the tests of the store share.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::path::Path;

use paltalkd::model::{
    CategoryId, MessageText, Nickname, Rating, Roles, RoomId, RoomKind, RoomName, Timestamp, Uid,
};
use paltalkd::store::{
    Applied, Category, Change, Exclusion, ExclusionKind, NewAccount, PasswordHash, RoomRecord, Store,
    StoreOptions,
};

/// Settings for small stores.
pub(crate) fn options(path: &Path) -> StoreOptions {
    StoreOptions { cache_bytes: 4 << 20, reader_threads: 1, ..StoreOptions::new(path) }
}

pub(crate) fn name(text: &str) -> Nickname {
    Nickname::from_text(text).unwrap()
}

pub(crate) fn new_account(text: &str) -> NewAccount {
    NewAccount {
        nickname: name(text),
        password: PasswordHash::new("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo"),
        email: None,
        roles: Roles::default(),
        created: Timestamp(1_100_003_600_000),
    }
}

pub(crate) fn create(store: &Store, text: &str) -> Uid {
    match store.commit_blocking(Change::CreateAccount(new_account(text))) {
        Ok(Applied::Created(uid)) => uid,
        other => panic!("{text}: {other:?}"),
    }
}

/// A little of everything: a category, a room, `count` accounts with pals, blocks and messages. Each
/// change is acknowledged before the next one is made.
pub(crate) fn fill(store: &Store, count: u32) {
    fill_range(store, 0..count);
}

/// As [`fill`], with the names numbered as given.
pub(crate) fn fill_range(store: &Store, numbers: std::ops::Range<u32>) {
    let done = |change| store.commit_blocking(change).unwrap();
    let at = Timestamp(1_100_003_600_000);
    done(Change::PutCategory(Category { id: CategoryId(30), name: b"Music".to_vec(), position: 1 }));
    let lobby = RoomName::new(b"Lobby").unwrap();
    let (id, category) = (RoomId(450), CategoryId(30));
    done(Change::PutRoom(RoomRecord {
        topic: b"anything".to_vec(),
        welcome: b"hello".to_vec(),
        admin_code: Some(7),
        ..RoomRecord::new(id, lobby, RoomKind::Voice, category, Rating::General, at)
    }));
    let mut people: Vec<Uid> = Vec::new();
    for number in numbers {
        let uid = create(store, &format!("person{number}"));
        if let Some(&other) = people.last() {
            done(Change::AddPal { uid, pal: other, at });
            if number % 3 == 0 {
                done(Change::Block { uid: other, blocked: uid, at });
                let text = MessageText::new(format!("hello {number}").as_bytes()).unwrap();
                done(Change::StoreOffline { to: uid, from: other, at, text });
            }
            if number % 4 == 0 {
                let entry = Exclusion {
                    uid,
                    nickname: name("Someone"),
                    until: None,
                    by: other,
                    at,
                    reason: b"loud".to_vec(),
                };
                done(Change::Exclude { room: RoomId(450), kind: ExclusionKind::Ban, entry });
            }
            if number % 7 == 0 {
                done(Change::DeleteAccount { uid: other });
            }
        }
        people.push(uid);
    }
}

/// Everything that readers can see, as text.
pub(crate) fn content(store: &Store) -> BTreeMap<String, String> {
    let reader = store.reader();
    let mut all = BTreeMap::new();
    for account in reader.accounts() {
        let account = account.unwrap();
        let uid = account.uid;
        let offline: Vec<_> = reader
            .offline(uid)
            .unwrap()
            .into_iter()
            .map(|message| (message.id, message.from, message.at, message.text.as_bytes().to_vec()))
            .collect();
        let by_name = reader.uid_by_name(&account.nickname.key()).unwrap();
        let lists = (reader.pals(uid).unwrap(), reader.blocks(uid).unwrap());
        let reverse = (reader.pal_of(uid).unwrap(), reader.blocked_by(uid).unwrap());
        let text = format!("{account:?} {by_name:?} {lists:?} {reverse:?} {offline:?}");
        all.insert(format!("account {uid}"), text);
    }
    all.insert("rooms".to_owned(), format!("{:?}", reader.rooms().unwrap()));
    for kind in [ExclusionKind::Bounce, ExclusionKind::Ban] {
        all.insert(format!("{kind:?}"), format!("{:?}", reader.exclusions(kind).unwrap()));
    }
    all.insert("categories".to_owned(), format!("{:?}", reader.categories().unwrap()));
    all.insert("counts".to_owned(), format!("{:?}", store.counts()));
    all
}

/// Copies a directory with everything below it, also while a store in it is open.
pub(crate) fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
