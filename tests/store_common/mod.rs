//! What the tests of the store share.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

pub(crate) mod backups;
pub(crate) mod changes;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::sync::mpsc;

use paltalkd::model::{
    Author, CategoryId, MessageText, Nickname, Rating, Roles, RoomId, RoomKind, RoomName, Timestamp, Uid,
};
use paltalkd::store::{
    Applied, AuditEntry, AuditQuery, AuditTarget, Ban, BanTarget, Category, Change, Exclusion, ExclusionKind,
    Filter, FilterAction, FilterConsequence, FilterKind, FilterList, LinkAllow, LinkKind, Mute, MuteKind,
    NewAccount, OffenceRecord, PasswordHash, Rejection, RoomRecord, Store, StoreError, StoreOptions,
    StrikeRecord, Warning,
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
            hold_against(store, number, other);
            if number % 7 == 0 {
                done(Change::DeleteAccount { uid: other });
            }
        }
        people.push(uid);
    }
}

/// Whoever does things in these tests.
pub(crate) fn staff() -> Author {
    Author::Staff { uid: Uid(9), nickname: name("Keeper"), address: IpAddr::from([192, 0, 2, 1]) }
}

/// An entry for the audit log.
pub(crate) fn audit(action: &str, at: u64, target: Option<AuditTarget>) -> AuditEntry {
    AuditEntry {
        at: Timestamp(at),
        actor: staff(),
        action: action.to_owned(),
        target,
        reason: "because".to_owned(),
        details: String::new(),
    }
}

pub(crate) fn filter(text: &str, at: u64) -> Filter {
    Filter {
        kind: FilterKind::Keyword,
        text: text.to_owned(),
        action: FilterAction::Block,
        severity: 3,
        consequence: FilterConsequence::Mute { seconds: 60 },
        list: FilterList::Content,
        active: true,
        notes: String::new(),
        by: staff(),
        at: Timestamp(at),
    }
}

/// A little of everything that the guard writes.
fn hold_against(store: &Store, number: u32, uid: Uid) {
    let done = |change| store.commit_blocking(change).unwrap();
    let at = Timestamp(u64::from(number));
    let until = (number.is_multiple_of(2)).then_some(Timestamp(u64::from(number) + 20));
    let reason = "loud".to_owned();
    if number.is_multiple_of(2) {
        let target = AuditTarget::User { uid, nickname: name("Someone") };
        let ban = Ban {
            target: BanTarget::Account(uid),
            nickname: Some(name("Someone")),
            until,
            reason: reason.clone(),
            by: staff(),
            at,
        };
        let entry = audit("ban", u64::from(number), Some(target));
        done(Change::WithAudit { changes: vec![Change::PutBan(ban)], entries: vec![entry] });
    }
    if number.is_multiple_of(3) {
        let net = format!("198.51.{number}.0/24").parse().unwrap();
        let target = BanTarget::Network(net);
        done(Change::PutBan(Ban { target, nickname: None, until, reason: reason.clone(), by: staff(), at }));
        let kind = if number.is_multiple_of(2) { MuteKind::Text } else { MuteKind::Media };
        done(Change::PutMute { uid, mute: Mute { kind, until, reason: reason.clone(), by: staff(), at } });
        done(Change::AddWarning { uid, warning: Warning { at, by: Author::System, reason } });
    }
    if number.is_multiple_of(5) {
        let record = StrikeRecord {
            strikes: 2,
            stage: 1,
            muted_until: until,
            violations: number,
            last_reason: "COOLDOWN".to_owned(),
            last_detail: "delta=432ms min=750ms".to_owned(),
            last_at: at,
        };
        done(Change::PutStrikes { uid, record });
        let record = OffenceRecord { offences: number, muted_until: until, last_at: at, exempt: false };
        done(Change::PutOffences { uid, record });
        done(Change::SetSetting { name: format!("setting.{number}"), value: "on".to_owned() });
        done(Change::PutFilter { id: None, filter: filter("word", u64::from(number)) });
        let text = format!("n{number}.example.org");
        done(Change::PutLink(LinkAllow { kind: LinkKind::Domain, text, by: staff(), at }));
        done(Change::ExpireSanctions { now: at });
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
    let sanctions: Vec<_> =
        reader.accounts().map(|account| reader.sanctions(account.unwrap().uid).unwrap()).collect();
    all.insert("sanctions".to_owned(), format!("{sanctions:?} {:?}", reader.bans().unwrap()));
    let guard = (reader.settings().unwrap(), reader.filters().unwrap(), reader.links().unwrap());
    all.insert("guard".to_owned(), format!("{guard:?}"));
    let audit = reader.audit(&AuditQuery::default()).unwrap();
    all.insert("audit".to_owned(), format!("{audit:?}"));
    all.insert("counts".to_owned(), format!("{:?}", store.counts()));
    all
}

/// Whatever names something else names something that is there: lists, mailboxes and what is held against
/// people belong to accounts, rooms to categories, those who are kept out to rooms; and both directions of
/// a list agree.
pub(crate) fn check_references(store: &Store) {
    let reader = store.reader();
    let accounts: Vec<_> = reader.accounts().map(Result::unwrap).collect();
    let uids: BTreeSet<Uid> = accounts.iter().map(|account| account.uid).collect();
    let mut found: BTreeMap<&str, u64> = BTreeMap::new();
    let mut add = |table, rows: usize| *found.entry(table).or_default() += rows as u64;
    for account in &accounts {
        let uid = account.uid;
        assert_eq!(reader.uid_by_name(&account.nickname.key()), Ok(Some(uid)));
        add("nicknames", 1);
        let (pals, blocks) = (reader.pals(uid).unwrap(), reader.blocks(uid).unwrap());
        add("pals", pals.len());
        add("blocks", blocks.len());
        for (pal, _) in pals {
            assert!(uids.contains(&pal) && reader.pal_of(pal).unwrap().contains(&uid), "{pal} of {uid}");
        }
        for (blocked, _) in blocks {
            let known = reader.blocked_by(blocked).unwrap().contains(&uid);
            assert!(uids.contains(&blocked) && known, "{blocked}, blocked by {uid}");
        }
        add("pal_of", reader.pal_of(uid).unwrap().len());
        add("blocked_by", reader.blocked_by(uid).unwrap().len());
        add("offline", reader.offline(uid).unwrap().len());
        let held = reader.sanctions(uid).unwrap();
        add("account_bans", held.ban.iter().count());
        add("mutes", held.mutes.len());
        add("warnings", usize::from(!held.warnings.is_empty()));
        add("strikes", held.strikes.iter().count());
        add("offences", held.offences.iter().count());
    }
    let categories: BTreeSet<_> = reader.categories().unwrap().iter().map(|category| category.id).collect();
    let rooms = reader.rooms().unwrap();
    for room in &rooms {
        assert!(categories.contains(&room.category), "{} is in a category that is not there", room.id);
    }
    for (kind, table) in [(ExclusionKind::Bounce, "bounces"), (ExclusionKind::Ban, "bans")] {
        for (room, entry) in reader.exclusions(kind).unwrap() {
            let there = rooms.iter().any(|found| found.id == room);
            assert!(there, "{} is kept out of {room}, which is not there", entry.uid);
            add(table, 1);
        }
    }
    let timed = reader.bans().unwrap().iter().filter(|ban| ban.until.is_some()).count()
        + reader.mutes().unwrap().iter().filter(|(_, mute)| mute.until.is_some()).count();
    add("expiries", timed);
    // What belongs to nobody was not found above.
    for (table, rows) in found {
        assert_eq!(count(store, table), rows, "{table} has rows that belong to nothing");
    }
}

/// Copies a directory with everything below it.
pub(crate) fn copy_dir(from: &Path, to: &Path) {
    try_copy_dir(from, to).unwrap();
}

/// As [`copy_dir`], where files may go meanwhile.
pub(crate) fn try_copy_dir(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            try_copy_dir(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

pub(crate) fn rejected(rejection: Rejection) -> Result<Applied, StoreError> {
    Err(StoreError::Rejected(rejection))
}

pub(crate) fn ban(target: BanTarget, until: Option<u64>) -> Ban {
    Ban {
        target,
        nickname: None,
        until: until.map(Timestamp),
        reason: "spam".to_owned(),
        by: staff(),
        at: Timestamp(1),
    }
}

pub(crate) fn net(text: &str) -> BanTarget {
    BanTarget::Network(text.parse().unwrap())
}

pub(crate) fn count(store: &Store, table: &str) -> u64 {
    store.counts().into_iter().find(|(name, _)| *name == table).unwrap().1
}

/// Submits all of them at once, so that they share groups, and returns the answers.
pub(crate) fn all(
    store: &Store,
    changes: impl IntoIterator<Item = Change>,
) -> Vec<Result<Applied, StoreError>> {
    let (sender, answers) = mpsc::channel();
    for change in changes {
        let sender = sender.clone();
        store.submit(change, move |result| sender.send(result).unwrap());
    }
    drop(sender);
    answers.into_iter().collect()
}
