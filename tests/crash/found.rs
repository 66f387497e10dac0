//! What is in a store, all of it, in the words in which [`Ledger`](super::ledger::Ledger)s know it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use paltalkd::model::{
    Author, LinkRight, Nickname, Privacy, Rating, Role, Roles, Timestamp, Uid, from_cp1252,
};
use paltalkd::store::{
    Account, AuditEntry, AuditQuery, AuditRecord, AuditTarget, BanTarget, ExclusionKind, Filter, MuteKind,
    OffenceRecord, OfflineMessage, Reader, RoomRecord, Store, StrikeRecord,
};

use super::ledger::{Fact, Facts};
use super::number_of;

/// Who did something: his name, and behind it whatever else is known of him.
pub(super) fn by(author: &Author) -> String {
    let from = |address: &IpAddr| format!(" at {address}");
    match author {
        Author::Staff { uid, nickname, address } => format!("{nickname} (user {uid}{})", from(address)),
        Author::Operator { name, uid, address } => {
            format!("{name} (operator {uid}{})", address.as_ref().map(from).unwrap_or_default())
        }
        Author::System => "system".to_owned(),
    }
}

/// One of the staff who is signed in here.
pub(super) fn staff(nickname: &str, uid: Uid) -> String {
    let nickname = Nickname::from_text(nickname).unwrap();
    by(&Author::Staff { uid, nickname, address: Ipv4Addr::LOCALHOST.into() })
}

/// Something that holds from a moment on: how long, from whom, why.
pub(super) fn imposed(millis: Option<u64>, by: &str, reason: &str) -> String {
    match millis {
        Some(millis) => format!("for {millis} ms by {by}: {reason}"),
        None => format!("for good by {by}: {reason}"),
    }
}

fn held(at: Timestamp, until: Option<Timestamp>, by: &str, reason: &str) -> Fact {
    let time = until.map(|until| until.0.checked_sub(at.0).expect("it ended before it began"));
    Fact::at(at, imposed(time, by, reason))
}

/// Roles by their names.
pub(super) fn roles(roles: Roles) -> String {
    roles.iter().map(Role::name).collect::<Vec<_>>().join(", ")
}

/// What a filter is like, without its text.
pub(super) fn filter(filter: &Filter) -> String {
    let Filter { kind, action, severity, consequence, list, active, notes, by: author, .. } = filter;
    let by = by(author);
    format!("{kind:?} {action:?} {severity} {consequence:?} {list:?} {active} by {by}: {notes}")
}

/// Offences as they are kept.
pub(super) fn offences(record: &OffenceRecord) -> String {
    let muted = record.muted_until.map(|until| until.0 - record.last_at.0);
    format!("{} offences, muted {muted:?} ms, passed over: {}", record.offences, record.exempt)
}

/// Strikes as they are kept.
pub(super) fn strikes(record: &StrikeRecord) -> String {
    let StrikeRecord { strikes, stage, violations, last_reason, last_detail, last_at, muted_until } = record;
    let muted = muted_until.map(|until| until.0 - last_at.0);
    let last = format!("{last_reason} {last_detail}");
    format!("{strikes} strikes, stage {stage}, {violations} violations, {last}, muted {muted:?} ms")
}

/// An entry of the audit log.
pub(super) fn entry(entry: &AuditEntry) -> String {
    let target = entry.target.as_ref().map_or(String::new(), |target| target.name());
    detailed(&entry.action, &target, &by(&entry.actor), &entry.reason, &entry.details)
}

/// The same, as it is foretold.
pub(super) fn detailed(action: &str, target: &str, by: &str, reason: &str, details: &str) -> String {
    let text = format!("{action} {target} by {by}: {reason}");
    if details.is_empty() { text } else { format!("{text} ({details})") }
}

/// The same without details.
pub(super) fn logged(action: &str, target: &str, by: &str, reason: &str) -> String {
    detailed(action, target, by, reason, "")
}

/// For how long something was imposed, in the words of the log; whole days, or for good.
pub(super) fn lasting(time: Option<Duration>) -> String {
    match time.map(|time| time.as_secs() / (24 * 3600)) {
        Some(1) => "for 1 day".to_owned(),
        Some(days) => format!("for {days} days"),
        None => "for good".to_owned(),
    }
}

/// A slowmode, in the words of the log.
pub(super) fn slowmode(seconds: u16) -> String {
    if seconds == 0 { "off".to_owned() } else { format!("{seconds} s") }
}

/// What the log says of a ban that was lifted, by what was known of it.
pub(super) fn lifted(ban: &str) -> String {
    let (_, ban) = ban.split_once(" by ").unwrap();
    let (by, reason) = ban.split_once(": ").unwrap();
    format!("was banned by {}: {reason}", by.split(" (").next().unwrap())
}

/// The number behind these words.
pub(super) fn number_after(text: &str, words: &str) -> Option<usize> {
    let (_, rest) = text.split_once(words)?;
    rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

/// Everything in the store but what nobody is told: waste, hits of filters, the number of the feed.
pub(super) fn read(store: &Store) -> Facts {
    let reader = store.reader();
    let accounts: Vec<Account> = reader.accounts().map(Result::unwrap).collect();
    let names: BTreeMap<Uid, String> =
        accounts.iter().map(|account| (account.uid, account.nickname.to_string())).collect();
    let mut facts = Found(Facts::new());
    for account in &accounts {
        let known = reader.account_by_name(&account.nickname.key()).unwrap();
        assert_eq!(known.as_ref(), Some(account), "name and number lead to the same");
        read_account(&mut facts, account);
        read_lists(&mut facts, &reader, account, &names);
        read_sanctions(&mut facts, &reader, account);
    }
    for ban in reader.bans().unwrap() {
        if let BanTarget::Network(network) = ban.target {
            facts.put(&network.to_string(), "ban", held(ban.at, ban.until, &by(&ban.by), &ban.reason));
        }
    }
    for category in reader.categories().unwrap() {
        let text = format!("{} {}", from_cp1252(&category.name), category.position);
        facts.put(&format!("category {}", category.id), "category", Fact::new(text));
    }
    read_rooms(&mut facts, &reader, &names);
    for (name, value) in reader.settings().unwrap() {
        if name != "feed.next" {
            facts.put(&name, "setting", Fact::new(value));
        }
    }
    for record in reader.filters().unwrap() {
        facts.put(&record.filter.text, "filter", Fact::at(record.filter.at, filter(&record.filter)));
    }
    for link in reader.links().unwrap() {
        facts.put(&link.text, "link", Fact::at(link.at, format!("{:?} by {}", link.kind, by(&link.by))));
    }
    facts.0
}

struct Found(Facts);

impl Found {
    fn put(&mut self, of: &str, what: &str, fact: Fact) {
        let before = self.0.insert((of.to_owned(), what.to_owned()), fact);
        assert_eq!(before, None, "{of}, {what}: it is there twice");
    }

    /// Puts what is not as it is in the beginning.
    fn set(&mut self, of: &str, what: &str, text: impl Into<String>) {
        let text = text.into();
        if !text.is_empty() {
            self.put(of, what, Fact::new(text));
        }
    }
}

fn read_account(facts: &mut Found, account: &Account) {
    let name = account.nickname.to_string();
    facts.put(&name, "account", Fact::at(account.created, ""));
    facts.put(&name, "password", Fact::new(account.password.as_str()));
    facts.set(&name, "roles", roles(account.roles));
    facts.set(&name, "age", if account.age_verified { "yes" } else { "" });
    facts.set(&name, "email", account.email.clone().unwrap_or_default());
    facts.set(&name, "privacy", if account.privacy == Privacy::All { "" } else { privacy(account.privacy) });
    if let Some(hint) = &account.hint {
        facts.set(&name, "hint", format!("{} {}", hint.question, from_cp1252(&hint.text)));
    }
}

/// The letter for a setting.
pub(super) fn privacy(privacy: Privacy) -> &'static str {
    match privacy {
        Privacy::All => "A",
        Privacy::Transfers => "T",
        Privacy::Pals => "P",
    }
}

fn read_lists(facts: &mut Found, reader: &Reader, account: &Account, names: &BTreeMap<Uid, String>) {
    let (uid, name) = (account.uid, account.nickname.to_string());
    let (pals, blocks) = (reader.pals(uid).unwrap(), reader.blocks(uid).unwrap());
    let known = |list: &[(Uid, Nickname)], back: &dyn Fn(Uid) -> Vec<Uid>| {
        assert!(list.iter().all(|(other, _)| back(*other).contains(&uid)), "a list is known from one side");
    };
    known(&pals, &|other| reader.pal_of(other).unwrap());
    known(&blocks, &|other| reader.blocked_by(other).unwrap());
    pals.iter().for_each(|(_, pal)| facts.put(&name, &format!("pal {pal}"), Fact::new("")));
    blocks.iter().for_each(|(_, other)| facts.put(&name, &format!("blocks {other}"), Fact::new("")));
    // What is not told of a pal who was deleted must not be there, either.
    for other in reader.pal_of(uid).unwrap().into_iter().chain(reader.blocked_by(uid).unwrap()) {
        assert!(names.contains_key(&other), "{other} is in a list and nowhere else");
    }
    let mut last: BTreeMap<Uid, usize> = BTreeMap::new();
    for message in reader.offline(uid).unwrap() {
        let text = words(&message);
        let number = number_of(&text);
        let before = last.insert(message.from, number);
        assert!(before.is_none_or(|before| before < number), "{name} has {number} after {before:?}");
        assert!(names.get(&message.from).is_none_or(|name| *name == message.from_nickname.to_string()));
        let from = format!("from {}", message.from_nickname);
        facts.put(&name, &format!("message {text}"), Fact::at(message.at, from));
    }
}

/// What a message says.
pub(super) fn words(message: &OfflineMessage) -> String {
    from_cp1252(message.text.as_bytes())
}

fn read_sanctions(facts: &mut Found, reader: &Reader, account: &Account) {
    let name = account.nickname.to_string();
    let sanctions = reader.sanctions(account.uid).unwrap();
    if let Some(ban) = &sanctions.ban {
        assert_eq!(ban.nickname, Some(account.nickname));
        facts.put(&name, "ban", held(ban.at, ban.until, &by(&ban.by), &ban.reason));
    }
    for mute in &sanctions.mutes {
        let what = if mute.kind == MuteKind::Text { "mute" } else { "mute_media" };
        facts.put(&name, what, held(mute.at, mute.until, &by(&mute.by), &mute.reason));
    }
    for (number, warning) in sanctions.warnings.iter().enumerate() {
        let text = format!("by {}: {}", by(&warning.by), warning.reason);
        facts.put(&name, &format!("warning {number}"), Fact::at(warning.at, text));
    }
    if let Some(record) = &sanctions.strikes {
        facts.put(&name, "strikes", Fact::at(record.last_at, strikes(record)));
    }
    if let Some(record) = &sanctions.offences {
        let text = offences(record);
        let fact = if record.offences == 0 { Fact::new(text) } else { Fact::at(record.last_at, text) };
        facts.put(&name, "offences", fact);
    }
}

/// What a room is from its beginning.
pub(super) fn room_kind(room: &RoomRecord) -> String {
    format!("{:?}", room.kind)
}

fn read_rooms(facts: &mut Found, reader: &Reader, names: &BTreeMap<Uid, String>) {
    let name = |uid: &Uid| names.get(uid).cloned().unwrap_or_else(|| format!("account {uid}, which is gone"));
    let rooms = reader.rooms().unwrap();
    for room in &rooms {
        let of = room.name.to_string();
        facts.put(&of, "room", Fact::at(room.created, room_kind(room)));
        facts.put(&of, "category", Fact::new(room.category.to_string()));
        let text = |bytes: &[u8]| from_cp1252(bytes);
        facts.set(&of, "topic", text(&room.topic));
        facts.set(&of, "welcome", text(&room.welcome));
        let rating = if room.rating == Rating::General { "" } else { &format!("{:?}", room.rating) };
        facts.set(&of, "rating", rating);
        facts.set(&of, "lockword", room.lockword.as_deref().map(text).unwrap_or_default());
        facts.set(&of, "owner", room.owner.as_ref().map(name).unwrap_or_default());
        facts.set(&of, "admin code", room.admin_code.map(|code| code.to_string()).unwrap_or_default());
        let unlike = |usual: bool, text: String| if usual { String::new() } else { text };
        let speakers = room.speakers.get();
        facts.set(&of, "speakers", unlike(speakers == 1, speakers.to_string()));
        let slowmode = room.slowmode.seconds();
        facts.set(&of, "slowmode", unlike(slowmode == 0, slowmode.to_string()));
        facts.set(&of, "links", unlike(room.links == LinkRight::Everybody, format!("{:?}", room.links)));
        facts.set(&of, "new user mic", unlike(room.new_user_mic, "no".to_owned()));
        facts.set(&of, "reddot text", unlike(!room.reddot_text, "yes".to_owned()));
        facts.set(&of, "reddot video", unlike(!room.reddot_video, "yes".to_owned()));
        facts.set(&of, "linkers", room.linkers.iter().map(name).collect::<Vec<_>>().join(", "));
    }
    for (kind, what) in [(ExclusionKind::Bounce, "bounce"), (ExclusionKind::Ban, "room ban")] {
        for (id, entry) in reader.exclusions(kind).unwrap() {
            let room = rooms.iter().find(|room| room.id == id).expect("somebody is kept out of no room");
            let fact = held(entry.at, entry.until, &name(&entry.by), &from_cp1252(&entry.reason));
            assert!(names.get(&entry.uid).is_none_or(|name| *name == entry.nickname.to_string()));
            facts.put(&room.name.to_string(), &format!("{what} {}", entry.nickname), fact);
        }
    }
}

/// The entries of the audit log after number `seen`, oldest first and without a gap.
pub(super) fn records(store: &Store, seen: u64) -> Vec<AuditRecord> {
    let mut query = AuditQuery::default();
    let mut records = Vec::new();
    loop {
        let page = store.reader().audit(&query).unwrap();
        let new = page.records.into_iter().take_while(|record| record.seq > seen);
        let before = records.len();
        records.extend(new);
        query.before = page.next;
        if query.before.is_none() || records.len() == before {
            break;
        }
    }
    records.reverse();
    let numbers: BTreeSet<u64> = records.iter().map(|record| record.seq).collect();
    assert!(numbers.iter().copied().eq(seen + 1..=seen + records.len() as u64), "an entry is missing");
    for record in &records {
        // The name is compared; the number has to be that of who has it.
        if let Some(AuditTarget::User { uid, nickname }) = &record.entry.target {
            let account = store.reader().account(*uid).unwrap();
            assert!(account.is_none_or(|account| account.nickname == *nickname), "{record:?}");
        }
    }
    records
}
