//! The forms of sanctions, and of what the guard goes by.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use sled::IVec;

use super::super::change::WARNINGS_MAX;
use super::super::codec;
use super::super::error::Corrupt;
use super::super::tables;
use super::super::types::{
    Ban, BanTarget, Filter, FilterAction, FilterConsequence, FilterKind, FilterList, FilterRecord, LinkAllow,
    LinkKind, Mute, MuteKind, OffenceRecord, SETTING_VALUE_MAX, StrikeRecord, Warning,
};
use super::{STRANGE, V1, read_v1};
use crate::model::{Author, Nickname, Timestamp, Uid};

// Variants are only appended.
#[derive(Serialize, Deserialize)]
pub(super) enum AuthorForm {
    Staff { uid: u32, nickname: Nickname, address: IpAddr },
    Operator { name: String, uid: u32, address: Option<IpAddr> },
    System,
}

impl From<&Author> for AuthorForm {
    fn from(author: &Author) -> AuthorForm {
        match author.clone() {
            Author::Staff { uid, nickname, address } => AuthorForm::Staff { uid: uid.0, nickname, address },
            Author::Operator { name, uid, address } => AuthorForm::Operator { name, uid, address },
            Author::System => AuthorForm::System,
        }
    }
}

impl From<AuthorForm> for Author {
    fn from(form: AuthorForm) -> Author {
        match form {
            AuthorForm::Staff { uid, nickname, address } => {
                Author::Staff { uid: Uid(uid), nickname, address }
            }
            AuthorForm::Operator { name, uid, address } => Author::Operator { name, uid, address },
            AuthorForm::System => Author::System,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct BanV1 {
    nickname: Option<Nickname>,
    until: Option<u64>,
    reason: String,
    by: AuthorForm,
    at: u64,
}

pub(in super::super) fn write_ban(ban: &Ban) -> Result<IVec, Corrupt> {
    codec::encode_value(
        V1,
        &BanV1 {
            nickname: ban.nickname,
            until: ban.until.map(|until| until.0),
            reason: ban.reason.clone(),
            by: (&ban.by).into(),
            at: ban.at.0,
        },
    )
}

pub(in super::super) fn read_ban(target: BanTarget, value: &[u8]) -> Result<Ban, Corrupt> {
    let record: BanV1 = read_v1(value)?;
    let ban = Ban {
        target,
        nickname: record.nickname,
        until: record.until.map(Timestamp),
        reason: record.reason,
        by: record.by.into(),
        at: Timestamp(record.at),
    };
    ban.check().map_err(|_| STRANGE)?;
    Ok(ban)
}

/// As [`read_ban`], with the target from the key.
pub(in super::super) fn read_ban_entry(key: &[u8], value: &[u8]) -> Result<Ban, Corrupt> {
    read_ban(tables::ban_target(key).ok_or(Corrupt("a ban has a strange key"))?, value)
}

#[derive(Serialize, Deserialize)]
struct MuteV1 {
    until: Option<u64>,
    reason: String,
    by: AuthorForm,
    at: u64,
}

pub(in super::super) fn write_mute(mute: &Mute) -> Result<IVec, Corrupt> {
    codec::encode_value(
        V1,
        &MuteV1 {
            until: mute.until.map(|until| until.0),
            reason: mute.reason.clone(),
            by: (&mute.by).into(),
            at: mute.at.0,
        },
    )
}

pub(in super::super) fn read_mute(kind: MuteKind, value: &[u8]) -> Result<Mute, Corrupt> {
    let record: MuteV1 = read_v1(value)?;
    let mute = Mute {
        kind,
        until: record.until.map(Timestamp),
        reason: record.reason,
        by: record.by.into(),
        at: Timestamp(record.at),
    };
    mute.check().map_err(|_| STRANGE)?;
    Ok(mute)
}

/// As [`read_mute`], with account and kind from the key.
pub(in super::super) fn read_mute_entry(key: &[u8], value: &[u8]) -> Result<(Uid, Mute), Corrupt> {
    let (uid, kind) = tables::mute_place(key).ok_or(Corrupt("a mute has a strange key"))?;
    Ok((uid, read_mute(kind, value)?))
}

#[derive(Serialize, Deserialize)]
struct WarningForm {
    at: u64,
    by: AuthorForm,
    reason: String,
}

pub(in super::super) fn write_warnings(warnings: &[Warning]) -> Result<IVec, Corrupt> {
    let form = |warning: &Warning| WarningForm {
        at: warning.at.0,
        by: (&warning.by).into(),
        reason: warning.reason.clone(),
    };
    codec::encode_value(V1, &warnings.iter().map(form).collect::<Vec<_>>())
}

pub(in super::super) fn read_warnings(value: &[u8]) -> Result<Vec<Warning>, Corrupt> {
    let record: Vec<WarningForm> = read_v1(value)?;
    if record.len() > WARNINGS_MAX {
        return Err(STRANGE);
    }
    let warning = |form: WarningForm| {
        let warning = Warning { at: Timestamp(form.at), by: form.by.into(), reason: form.reason };
        warning.check().map(|()| warning).map_err(|_| STRANGE)
    };
    record.into_iter().map(warning).collect()
}

#[derive(Serialize, Deserialize)]
struct StrikesV1 {
    strikes: u8,
    stage: u16,
    muted_until: Option<u64>,
    violations: u32,
    last_reason: String,
    last_detail: String,
    last_at: u64,
}

pub(in super::super) fn write_strikes(record: &StrikeRecord) -> Result<IVec, Corrupt> {
    codec::encode_value(
        V1,
        &StrikesV1 {
            strikes: record.strikes,
            stage: record.stage,
            muted_until: record.muted_until.map(|until| until.0),
            violations: record.violations,
            last_reason: record.last_reason.clone(),
            last_detail: record.last_detail.clone(),
            last_at: record.last_at.0,
        },
    )
}

pub(in super::super) fn read_strikes(value: &[u8]) -> Result<StrikeRecord, Corrupt> {
    let form: StrikesV1 = read_v1(value)?;
    let record = StrikeRecord {
        strikes: form.strikes,
        stage: form.stage,
        muted_until: form.muted_until.map(Timestamp),
        violations: form.violations,
        last_reason: form.last_reason,
        last_detail: form.last_detail,
        last_at: Timestamp(form.last_at),
    };
    record.check().map_err(|_| STRANGE)?;
    Ok(record)
}

#[derive(Serialize, Deserialize)]
struct OffencesV1 {
    offences: u32,
    muted_until: Option<u64>,
    last_at: u64,
    exempt: bool,
}

pub(in super::super) fn write_offences(record: &OffenceRecord) -> Result<IVec, Corrupt> {
    codec::encode_value(
        V1,
        &OffencesV1 {
            offences: record.offences,
            muted_until: record.muted_until.map(|until| until.0),
            last_at: record.last_at.0,
            exempt: record.exempt,
        },
    )
}

pub(in super::super) fn read_offences(value: &[u8]) -> Result<OffenceRecord, Corrupt> {
    let form: OffencesV1 = read_v1(value)?;
    Ok(OffenceRecord {
        offences: form.offences,
        muted_until: form.muted_until.map(Timestamp),
        last_at: Timestamp(form.last_at),
        exempt: form.exempt,
    })
}

pub(in super::super) fn write_setting(value: &str) -> Result<IVec, Corrupt> {
    codec::encode_value(V1, &value)
}

pub(in super::super) fn read_setting(value: &[u8]) -> Result<String, Corrupt> {
    read_v1(value)
        .and_then(|text: String| if text.len() <= SETTING_VALUE_MAX { Ok(text) } else { Err(STRANGE) })
}

// Variants are only appended.
#[derive(Serialize, Deserialize)]
enum ConsequenceForm {
    Delete,
    Warn,
    Mute { seconds: u32 },
    Ban { seconds: Option<u32> },
}

#[derive(Serialize, Deserialize)]
struct FilterV1 {
    regex: bool,
    text: String,
    notify: bool,
    severity: u8,
    consequence: ConsequenceForm,
    language: bool,
    active: bool,
    notes: String,
    by: AuthorForm,
    at: u64,
    hits: u64,
}

pub(in super::super) fn write_filter(record: &FilterRecord) -> Result<IVec, Corrupt> {
    let filter = &record.filter;
    codec::encode_value(
        V1,
        &FilterV1 {
            regex: filter.kind == FilterKind::Regex,
            text: filter.text.clone(),
            notify: filter.action == FilterAction::Notify,
            severity: filter.severity,
            consequence: match filter.consequence {
                FilterConsequence::Delete => ConsequenceForm::Delete,
                FilterConsequence::Warn => ConsequenceForm::Warn,
                FilterConsequence::Mute { seconds } => ConsequenceForm::Mute { seconds },
                FilterConsequence::Ban { seconds } => ConsequenceForm::Ban { seconds },
            },
            language: filter.list == FilterList::Language,
            active: filter.active,
            notes: filter.notes.clone(),
            by: (&filter.by).into(),
            at: filter.at.0,
            hits: record.hits,
        },
    )
}

pub(in super::super) fn read_filter(id: u32, value: &[u8]) -> Result<FilterRecord, Corrupt> {
    let form: FilterV1 = read_v1(value)?;
    let filter = Filter {
        kind: if form.regex { FilterKind::Regex } else { FilterKind::Keyword },
        text: form.text,
        action: if form.notify { FilterAction::Notify } else { FilterAction::Block },
        severity: form.severity,
        consequence: match form.consequence {
            ConsequenceForm::Delete => FilterConsequence::Delete,
            ConsequenceForm::Warn => FilterConsequence::Warn,
            ConsequenceForm::Mute { seconds } => FilterConsequence::Mute { seconds },
            ConsequenceForm::Ban { seconds } => FilterConsequence::Ban { seconds },
        },
        list: if form.language { FilterList::Language } else { FilterList::Content },
        active: form.active,
        notes: form.notes,
        by: form.by.into(),
        at: Timestamp(form.at),
    };
    filter.check().map_err(|_| STRANGE)?;
    Ok(FilterRecord { id, filter, hits: form.hits })
}

#[derive(Serialize, Deserialize)]
struct LinkV1 {
    by: AuthorForm,
    at: u64,
}

pub(in super::super) fn write_link(link: &LinkAllow) -> Result<IVec, Corrupt> {
    codec::encode_value(V1, &LinkV1 { by: (&link.by).into(), at: link.at.0 })
}

pub(in super::super) fn read_link(kind: LinkKind, text: &str, value: &[u8]) -> Result<LinkAllow, Corrupt> {
    let form: LinkV1 = read_v1(value)?;
    let link = LinkAllow { kind, text: text.to_owned(), by: form.by.into(), at: Timestamp(form.at) };
    link.check().map_err(|_| STRANGE)?;
    Ok(link)
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
