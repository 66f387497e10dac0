use super::super::audit::{AuditV1, TargetForm, read_audit, write_audit};
use super::*;
use crate::model::{RoomId, RoomName};
use crate::store::types::{AuditEntry, AuditRecord, AuditTarget, REASON_MAX};

fn hex(value: &[u8]) -> String {
    value.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn staff() -> Author {
    Author::Staff {
        uid: Uid(1_000_002),
        nickname: Nickname::from_text("Zoë").unwrap(),
        address: IpAddr::from([192, 0, 2, 7]),
    }
}

fn operator() -> Author {
    Author::Operator { name: "root".to_owned(), uid: 0, address: Some("2001:db8::7".parse().unwrap()) }
}

fn ban(reason: String) -> Ban {
    Ban {
        target: BanTarget::Account(Uid(1_000_003)),
        nickname: Some(Nickname::from_text("Bob").unwrap()),
        until: Some(Timestamp(1_100_003_600_000)),
        reason,
        by: staff(),
        at: Timestamp(1),
    }
}

fn mute(reason: String) -> Mute {
    Mute { kind: MuteKind::Media, until: None, reason, by: Author::System, at: Timestamp(2) }
}

fn strikes(last_reason: String, last_detail: String) -> StrikeRecord {
    StrikeRecord {
        strikes: 2,
        stage: 300,
        muted_until: Some(Timestamp(77)),
        violations: 70_000,
        last_reason,
        last_detail,
        last_at: Timestamp(5),
    }
}

fn filter(text: String, consequence: FilterConsequence) -> FilterRecord {
    FilterRecord {
        id: 9,
        filter: Filter {
            kind: FilterKind::Regex,
            text,
            action: FilterAction::Notify,
            severity: 7,
            consequence,
            list: FilterList::Language,
            active: true,
            notes: "n".to_owned(),
            by: operator(),
            at: Timestamp(3),
        },
        hits: 1 << 33,
    }
}

fn audit(action: &str, target: Option<AuditTarget>, details: String) -> AuditEntry {
    AuditEntry {
        at: Timestamp(4),
        actor: operator(),
        action: action.to_owned(),
        target,
        reason: "r".to_owned(),
        details,
    }
}

#[test]
fn the_bytes_of_every_record_are_what_they_always_were() {
    let mut seen = Vec::new();
    let entry = ban("spam €".to_owned());
    let bytes = write_ban(&entry).unwrap();
    seen.push(hex(&bytes));
    assert_eq!(read_ban_entry(&tables::ban_key(entry.target), &bytes), Ok(entry));

    let entry = mute("loud".to_owned());
    let bytes = write_mute(&entry).unwrap();
    seen.push(hex(&bytes));
    let key = tables::mute_key(Uid(7), MuteKind::Media);
    assert_eq!(read_mute_entry(&key, &bytes), Ok((Uid(7), entry)));

    let warning = |by| Warning { at: Timestamp(6), by, reason: "rude".to_owned() };
    let entries = vec![warning(staff()), warning(operator())];
    let bytes = write_warnings(&entries).unwrap();
    seen.push(hex(&bytes));
    assert_eq!(read_warnings(&bytes), Ok(entries));

    let entry = strikes("COOLDOWN".to_owned(), "delta=432ms min=750ms".to_owned());
    let bytes = write_strikes(&entry).unwrap();
    seen.push(hex(&bytes));
    assert_eq!(read_strikes(&bytes), Ok(entry));

    let entry =
        OffenceRecord { offences: 3, muted_until: None, last_at: Timestamp(1_100_003_600_000), exempt: true };
    let bytes = write_offences(&entry).unwrap();
    seen.push(hex(&bytes));
    assert_eq!(read_offences(&bytes), Ok(entry));

    let bytes = write_setting("on").unwrap();
    seen.push(hex(&bytes));
    assert_eq!(read_setting(&bytes), Ok("on".to_owned()));

    for consequence in [
        FilterConsequence::Delete,
        FilterConsequence::Warn,
        FilterConsequence::Mute { seconds: 900 },
        FilterConsequence::Ban { seconds: None },
        FilterConsequence::Ban { seconds: Some(7) },
    ] {
        let entry = filter("a+b".to_owned(), consequence);
        let bytes = write_filter(&entry).unwrap();
        seen.push(hex(&bytes));
        assert_eq!(read_filter(9, &bytes), Ok(entry));
    }

    let entry = LinkAllow {
        kind: LinkKind::Domain,
        text: "example.org".to_owned(),
        by: Author::System,
        at: Timestamp(8),
    };
    let bytes = write_link(&entry).unwrap();
    seen.push(hex(&bytes));
    assert_eq!(read_link(LinkKind::Domain, "example.org", &bytes), Ok(entry));

    for target in [
        None,
        Some(AuditTarget::User { uid: Uid(7), nickname: Nickname::from_text("Bob").unwrap() }),
        Some(AuditTarget::Room { id: RoomId(450), name: RoomName::new(b"Lobby").unwrap() }),
        Some(AuditTarget::Network("192.0.2.0/24".parse().unwrap())),
        Some(AuditTarget::Other("maintenance".to_owned())),
    ] {
        let entry = audit("room_close", target, "d".to_owned());
        let bytes = write_audit(&entry).unwrap();
        seen.push(hex(&bytes));
        assert_eq!(read_audit(12, &bytes), Ok(AuditRecord { seq: 12, entry }));
    }
    assert_eq!(seen, GOLDEN);
}

#[test]
fn impossible_values_are_noticed() {
    let long = |limit: usize| "é".repeat(limit + 1);
    let fits = |limit: usize| "é".repeat(limit);
    let target = BanTarget::Account(Uid(7));
    let read = |reason| read_ban(target, &write_ban(&ban(reason)).unwrap()).map(|_| ());
    assert_eq!((read(fits(REASON_MAX)), read(long(REASON_MAX))), (Ok(()), Err(STRANGE)));
    let read = |reason| read_mute(MuteKind::Text, &write_mute(&mute(reason)).unwrap()).map(|_| ());
    assert_eq!((read(fits(REASON_MAX)), read(long(REASON_MAX))), (Ok(()), Err(STRANGE)));
    let warning = |reason| Warning { at: Timestamp(6), by: staff(), reason };
    let read = |count: usize, reason: String| {
        read_warnings(&write_warnings(&vec![warning(reason); count]).unwrap()).map(|_| ())
    };
    assert_eq!(read(WARNINGS_MAX, fits(REASON_MAX)), Ok(()));
    assert_eq!(read(WARNINGS_MAX + 1, String::new()), Err(STRANGE));
    assert_eq!(read(1, long(REASON_MAX)), Err(STRANGE));
    let read = |reason, detail| read_strikes(&write_strikes(&strikes(reason, detail)).unwrap()).map(|_| ());
    let (reason, detail) = (StrikeRecord::REASON_MAX, StrikeRecord::DETAIL_MAX);
    assert_eq!(read(fits(reason), fits(detail)), Ok(()));
    assert_eq!(read(long(reason), String::new()), Err(STRANGE));
    assert_eq!(read(String::new(), long(detail)), Err(STRANGE));
    let read = |text: String| read_setting(&write_setting(&text).unwrap()).map(|_| ());
    assert_eq!(read("x".repeat(SETTING_VALUE_MAX)), Ok(()));
    assert_eq!(read("x".repeat(SETTING_VALUE_MAX + 1)), Err(STRANGE));
    let read =
        |text| read_filter(9, &write_filter(&filter(text, FilterConsequence::Warn)).unwrap()).map(|_| ());
    assert_eq!(read(fits(Filter::TEXT_MAX)), Ok(()));
    assert_eq!((read(long(Filter::TEXT_MAX)), read(String::new())), (Err(STRANGE), Err(STRANGE)));
    let read = |action: &str, details| read_audit(1, &write_audit(&audit(action, None, details)).unwrap());
    assert!(read(&"a".repeat(AuditEntry::ACTION_MAX), fits(AuditEntry::DETAILS_MAX)).is_ok());
    for action in ["", "Ban", "two words", &"a".repeat(AuditEntry::ACTION_MAX + 1)] {
        assert_eq!(read(action, String::new()), Err(STRANGE), "{action:?}");
    }
    assert_eq!(read("ban", long(AuditEntry::DETAILS_MAX)), Err(STRANGE));
    let name = Author::Operator { name: long(Author::NAME_MAX), uid: 0, address: None };
    let nameless = Ban { by: name, ..ban(String::new()) };
    assert_eq!(read_ban(target, &write_ban(&nameless).unwrap()), Err(STRANGE));
    // A prefix that no address has.
    let form = AuditV1 {
        at: 1,
        actor: AuthorForm::System,
        action: "ban".to_owned(),
        target: Some(TargetForm::Network { address: IpAddr::from([192, 0, 2, 7]), bits: 33 }),
        reason: String::new(),
        details: String::new(),
    };
    assert_eq!(read_audit(1, &codec::encode_value(V1, &form).unwrap()), Err(STRANGE));
    let unknown = codec::encode_value(9, &form).unwrap();
    assert_eq!(read_audit(1, &unknown), Err(Corrupt("a record has an unknown version")));
}

const GOLDEN: [&str; 17] = [
    "010103426f6201fd80e6521d00010000087370616d20e282ac00fc42420f00035a6feb00c00002070115d7c2eb",
    "0100046c6f75640202bf3b6eae",
    "01020600fc42420f00035a6feb00c00002070472756465060104726f6f7400010120010db800000000000000000000000704727564652a6ebd49",
    "0102fb2c01014dfc7011010008434f4f4c444f574e1564656c74613d3433326d73206d696e3d3735306d730511806e6f",
    "010300fd80e6521d00010000015fd89da7",
    "01026f6e205713d2",
    "010103612b620107000101016e0104726f6f7400010120010db800000000000000000000000703fd000000000200000098a507f3",
    "010103612b620107010101016e0104726f6f7400010120010db800000000000000000000000703fd0000000002000000df37435c",
    "010103612b62010702fb84030101016e0104726f6f7400010120010db800000000000000000000000703fd000000000200000012589de3",
    "010103612b62010703000101016e0104726f6f7400010120010db800000000000000000000000703fd00000000020000009dcf7788",
    "010103612b6201070301070101016e0104726f6f7400010120010db800000000000000000000000703fd00000000020000002c9f0509",
    "01020895596ec2",
    "01040104726f6f7400010120010db80000000000000000000000070a726f6f6d5f636c6f73650001720164908c22eb",
    "01040104726f6f7400010120010db80000000000000000000000070a726f6f6d5f636c6f736501000703426f6201720164c15d53ab",
    "01040104726f6f7400010120010db80000000000000000000000070a726f6f6d5f636c6f73650101fbc201054c6f62627901720164b7f79746",
    "01040104726f6f7400010120010db80000000000000000000000070a726f6f6d5f636c6f7365010200c000020018017201640c834dd1",
    "01040104726f6f7400010120010db80000000000000000000000070a726f6f6d5f636c6f736501030b6d61696e74656e616e636501720164e9b8dbd4",
];
