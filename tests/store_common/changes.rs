//! Changes at random, for tests that hold for any of them.

use paltalkd::model::{
    Author, CategoryId, MessageText, Privacy, Rating, Role, Roles, RoomId, RoomKind, RoomName, Timestamp, Uid,
};
use paltalkd::store::{
    Ban, BanTarget, Category, Change, Exclusion, ExclusionKind, Hint, LinkAllow, LinkKind, Mute, MuteKind,
    OffenceRecord, PasswordHash, RoomRecord, StrikeRecord, Warning,
};
use proptest::prelude::*;

use super::{audit, filter, name, new_account, staff};

/// Few people, few values: so that changes meet.
fn uid() -> impl Strategy<Value = Uid> {
    (0..4u32).prop_map(|n| Uid(Uid::FIRST_PERSON.0 + n))
}

fn until() -> impl Strategy<Value = Option<Timestamp>> {
    prop::option::of((0..4u64).prop_map(|n| Timestamp(n * 10)))
}

fn target() -> impl Strategy<Value = BanTarget> {
    const NETS: [&str; 3] = ["192.0.2.0/24", "192.0.2.7/32", "2001:db8::/64"];
    prop_oneof![
        uid().prop_map(BanTarget::Account),
        prop::sample::select(&NETS[..]).prop_map(|net| BanTarget::Network(net.parse().unwrap())),
    ]
}

/// Something that staff or the guard do; what a rule forbids, too.
pub(crate) fn guard_change() -> impl Strategy<Value = Change> {
    let kind = || prop::sample::select(&MuteKind::ALL[..]);
    let setting = || (0..3u8).prop_map(|n| format!("name.{n}"));
    let ban = |(target, until)| Ban {
        target,
        nickname: None,
        until,
        reason: "r".to_owned(),
        by: Author::System,
        at: Timestamp(1),
    };
    let mute = |(uid, kind, until)| {
        let mute = Mute { kind, until, reason: String::new(), by: Author::System, at: Timestamp(1) };
        Change::PutMute { uid, mute }
    };
    let warning = |(uid, at)| {
        let warning = Warning { at: Timestamp(at), by: Author::System, reason: String::new() };
        Change::AddWarning { uid, warning }
    };
    let strikes = |(uid, strikes, muted_until)| {
        let record = StrikeRecord {
            strikes,
            stage: 1,
            muted_until,
            violations: 7,
            last_reason: "WINDOW".to_owned(),
            last_detail: String::new(),
            last_at: Timestamp(2),
        };
        Change::PutStrikes { uid, record }
    };
    let offences = |(uid, offences, exempt, muted_until)| {
        let record = OffenceRecord { offences, muted_until, last_at: Timestamp(2), exempt };
        Change::PutOffences { uid, record }
    };
    prop_oneof![
        1 => uid().prop_map(|uid| Change::DeleteAccount { uid }),
        8 => (target(), until()).prop_map(move |parts| Change::PutBan(ban(parts))),
        4 => target().prop_map(|target| Change::LiftBan { target }),
        6 => (uid(), kind(), until()).prop_map(mute),
        3 => (uid(), kind()).prop_map(|(uid, kind)| Change::LiftMute { uid, kind }),
        4 => (0..40u64).prop_map(|now| Change::ExpireSanctions { now: Timestamp(now) }),
        6 => (uid(), 0..9u64).prop_map(warning),
        1 => uid().prop_map(|uid| Change::ClearWarnings { uid }),
        3 => (uid(), 0..3u8, until()).prop_map(strikes),
        2 => uid().prop_map(|uid| Change::ClearStrikes { uid }),
        4 => (uid(), 0..3u32, any::<bool>(), until()).prop_map(offences),
        2 => prop::option::of(uid()).prop_map(|uid| Change::ClearOffences { uid }),
        3 => (setting(), 0..2u8).prop_map(|(name, n)| Change::SetSetting { name, value: n.to_string() }),
        2 => setting().prop_map(|name| Change::ClearSetting { name }),
        4 => (prop::option::of(1..5u32), 0..3u64)
            .prop_map(|(id, at)| Change::PutFilter { id, filter: filter("word", at) }),
        2 => (1..5u32).prop_map(|id| Change::DeleteFilter { id }),
        2 => prop::collection::vec((1..5u32, 0..9u64), 0..4).prop_map(Change::AddFilterHits),
        2 => (0..100u64).prop_map(|at| Change::Audit(audit("start", at, None))),
    ]
}

/// Something that people do with their accounts and lists.
fn contact_change() -> impl Strategy<Value = Change> {
    let at = || (0..5u64).prop_map(Timestamp);
    let text = || prop::collection::vec(32u8..127, 1..200).prop_map(|text| MessageText::new(&text).unwrap());
    let answer = || prop::collection::vec(any::<u8>(), 0..40);
    let hint = |(question, text)| Hint { question, text };
    prop_oneof![
        4 => (0..30u8).prop_map(|n| Change::CreateAccount(new_account(&format!("p{n}")))),
        4 => (uid(), uid(), at()).prop_map(|(uid, pal, at)| Change::AddPal { uid, pal, at }),
        1 => (uid(), uid()).prop_map(|(uid, pal)| Change::RemovePal { uid, pal }),
        2 => (uid(), uid(), at()).prop_map(|(uid, blocked, at)| Change::Block { uid, blocked, at }),
        1 => (uid(), uid()).prop_map(|(uid, blocked)| Change::Unblock { uid, blocked }),
        4 => (uid(), uid(), at(), text())
            .prop_map(|(to, from, at, text)| Change::StoreOffline { to, from, at, text }),
        1 => (uid(), 0..9u64).prop_map(|(uid, through)| Change::DropOffline { uid, through }),
        1 => (uid(), at()).prop_map(|(uid, before)| Change::ExpireOffline { uid, before }),
        1 => (uid(), prop::option::of("[a-z]{1,20}@[a-z]{1,20}\\.org"))
            .prop_map(|(uid, email)| Change::SetEmail { uid, email }),
        1 => (uid(), "[a-z0-9]{1,40}")
            .prop_map(|(uid, text)| Change::SetPassword { uid, hash: PasswordHash::new(text) }),
        1 => (uid(), prop::option::of((any::<u16>(), answer()).prop_map(hint)))
            .prop_map(|(uid, hint)| Change::SetHint { uid, hint }),
        1 => (uid(), prop::sample::select(&[Privacy::All, Privacy::Transfers, Privacy::Pals][..]))
            .prop_map(|(uid, privacy)| Change::SetPrivacy { uid, privacy }),
        1 => (uid(), prop::sample::select(&Role::ALL[..]))
            .prop_map(|(uid, role)| Change::SetRoles { uid, roles: Roles::default().with(role) }),
        1 => (uid(), any::<bool>()).prop_map(|(uid, verified)| Change::SetAgeVerified { uid, verified }),
        1 => uid().prop_map(|uid| Change::EraseAccount { uid }),
    ]
}

/// Something that is done with categories, rooms and their doors.
fn room_change() -> impl Strategy<Value = Change> {
    let category = || (30..33u16).prop_map(CategoryId);
    let id = || (450..453u32).prop_map(RoomId);
    let kind = || prop::sample::select(&[ExclusionKind::Bounce, ExclusionKind::Ban][..]);
    let text = || prop::collection::vec(any::<u8>(), 0..100);
    let room = |(id, category, topic, welcome, lockword, admin_code): (RoomId, _, _, _, _, _)| {
        let name = RoomName::new(format!("Room {id}").as_bytes()).unwrap();
        let owner = Some(Uid::FIRST_PERSON);
        let made = RoomRecord::new(id, name, RoomKind::Voice, category, Rating::General, Timestamp(3));
        Change::PutRoom(RoomRecord { topic, welcome, lockword, admin_code, owner, ..made })
    };
    let exclude = |(room, kind, uid, until)| {
        let (nickname, by, reason) = (name("Someone"), Uid::FIRST_PERSON, b"loud".to_vec());
        Change::Exclude {
            room,
            kind,
            entry: Exclusion { uid, nickname, until, by, at: Timestamp(0), reason },
        }
    };
    let link = || prop::sample::select(&[LinkKind::Domain, LinkKind::Url][..]);
    let host = || (0..4u8).prop_map(|n| format!("h{n}.example.org"));
    prop_oneof![
        4 => (category(), 0..3u8).prop_map(|(id, n)| {
            let (name, position) = (format!("Category {n}").into_bytes(), n.into());
            Change::PutCategory(Category { id, name, position })
        }),
        1 => category().prop_map(Change::DeleteCategory),
        4 => (id(), category(), text(), text(), prop::option::of(text()), prop::option::of(1..9999u16))
            .prop_map(room),
        1 => id().prop_map(Change::DeleteRoom),
        4 => (id(), kind(), uid(), until()).prop_map(exclude),
        1 => (id(), kind(), prop::option::of(uid()))
            .prop_map(|(room, kind, uid)| Change::LetIn { room, kind, uid }),
        2 => (link(), host())
            .prop_map(|(kind, text)| Change::PutLink(LinkAllow { kind, text, by: staff(), at: Timestamp(4) })),
        1 => (link(), host()).prop_map(|(kind, text)| Change::DeleteLink { kind, text }),
    ]
}

/// Anything that can be done with a store; what a rule forbids, too.
pub(crate) fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![2 => guard_change(), 3 => contact_change(), 2 => room_change()]
}
