//! Reading sanctions, what the guard goes by, and the audit log.

use std::cmp::Reverse;

use sled::IVec;

use super::super::error::{Corrupt, StoreError};
use super::super::index::View;
use super::super::records;
use super::super::tables::{
    self, ACCOUNT_BANS, AUDIT, FILTERS, LINKS, MUTES, NETWORK_BANS, NEXT_AUDIT, OFFENCES, SETTINGS, STRIKES,
    WARNINGS,
};
use super::super::types::{
    AuditMatcher, AuditPage, AuditQuery, AuditRecord, Ban, BanTarget, FilterRecord, LinkAllow, Mute,
    MuteKind, OffenceRecord, Sanctions, StrikeRecord, Warning,
};
use super::Reader;
use crate::model::Uid;

/// The most entries that one query of the audit log looks at.
const AUDIT_WORK: u64 = 10_000;
/// How many of them are read at a time.
const AUDIT_PIECE: u64 = 500;

/// What one reads of a table of people, a page at a time.
type Page<T> = Result<Vec<(Uid, T)>, StoreError>;

impl Reader {
    /// The ban of exactly this target, whether or not it has run out.
    pub fn ban(&self, target: BanTarget) -> Result<Option<Ban>, StoreError> {
        let target = target.canonical();
        self.shared.view(|view| {
            let value = view.get(&tables::ban_key(target))?;
            Ok(value.map(|value| records::read_ban(target, &value)).transpose()?)
        })
    }

    /// Up to `limit` bans that come after `after`: those of accounts by uid, then those of networks by
    /// address. Bans that have run out may be among them.
    pub fn bans_after(&self, after: Option<BanTarget>, limit: usize) -> Result<Vec<Ban>, StoreError> {
        let after = after.map(|target| tables::ban_key(target.canonical()));
        self.shared.view(|view| {
            let mut found = Vec::new();
            for table in [ACCOUNT_BANS, NETWORK_BANS] {
                let rest = limit.saturating_sub(found.len());
                match after.as_deref() {
                    Some(key) if key.first() > Some(&table) => {}
                    Some(key) if key.first() == Some(&table) => {
                        found.extend(view.scan(&[table], Some(key), rest)?);
                    }
                    _ => found.extend(view.scan(&[table], None, rest)?),
                }
            }
            found.iter().map(|(key, value)| Ok(records::read_ban_entry(key, value)?)).collect()
        })
    }

    /// All bans, in the order of [`Reader::bans_after`].
    pub fn bans(&self) -> Result<Vec<Ban>, StoreError> {
        const PAGE: usize = 1000;
        let mut all: Vec<Ban> = Vec::new();
        loop {
            let page = self.bans_after(all.last().map(|ban| ban.target), PAGE)?;
            let last = page.len() < PAGE;
            all.extend(page);
            if last {
                return Ok(all);
            }
        }
    }

    /// Everything that is held against an account.
    pub fn sanctions(&self, uid: Uid) -> Result<Sanctions, StoreError> {
        self.shared.view(|view| {
            let target = BanTarget::Account(uid);
            let ban = view.get(&tables::ban_key(target))?;
            let mut mutes = Vec::new();
            for kind in MuteKind::ALL {
                if let Some(value) = view.get(&tables::mute_key(uid, kind))? {
                    mutes.push(records::read_mute(kind, &value)?);
                }
            }
            let personal = |table| view.get(&tables::personal_key(table, uid));
            Ok(Sanctions {
                ban: ban.map(|value| records::read_ban(target, &value)).transpose()?,
                mutes,
                warnings: match personal(WARNINGS)? {
                    Some(value) => records::read_warnings(&value)?,
                    None => Vec::new(),
                },
                strikes: personal(STRIKES)?.map(|value| records::read_strikes(&value)).transpose()?,
                offences: personal(OFFENCES)?.map(|value| records::read_offences(&value)).transpose()?,
            })
        })
    }

    /// All mutes, by uid and kind. Those that have run out may be among them.
    pub fn mutes(&self) -> Page<Mute> {
        self.shared.view(|view| {
            let found = view.scan(&[MUTES], None, usize::MAX)?;
            found.iter().map(|(key, value)| Ok(records::read_mute_entry(key, value)?)).collect()
        })
    }

    /// Up to `limit` accounts with uids above `after` that have warnings, with these, oldest first.
    pub fn warnings_after(&self, after: Option<Uid>, limit: usize) -> Page<Vec<Warning>> {
        self.personal(WARNINGS, after, limit, records::read_warnings)
    }

    /// Up to `limit` accounts with uids above `after` against which the limits on sending hold something.
    pub fn strikes_after(&self, after: Option<Uid>, limit: usize) -> Page<StrikeRecord> {
        self.personal(STRIKES, after, limit, records::read_strikes)
    }

    /// Up to `limit` accounts with uids above `after` that the detectors remember.
    pub fn offences_after(&self, after: Option<Uid>, limit: usize) -> Page<OffenceRecord> {
        self.personal(OFFENCES, after, limit, records::read_offences)
    }

    /// The `limit` accounts with the most offences, most first. Reads the records of everybody, a page
    /// at a time.
    pub fn top_offenders(&self, limit: usize) -> Page<OffenceRecord> {
        const PAGE: usize = 1000;
        let mut top: Vec<(Uid, OffenceRecord)> = Vec::new();
        let mut after = None;
        loop {
            let page = self.offences_after(after, PAGE)?;
            let last = page.len() < PAGE;
            after = page.last().map(|(uid, _)| *uid);
            top.extend(page.into_iter().filter(|(_, record)| record.offences > 0));
            top.sort_by_key(|(uid, record)| (Reverse(record.offences), *uid));
            top.truncate(limit);
            if last {
                return Ok(top);
            }
        }
    }

    fn personal<T>(
        &self,
        table: u8,
        after: Option<Uid>,
        limit: usize,
        read: impl Fn(&[u8]) -> Result<T, Corrupt>,
    ) -> Page<T> {
        let after = after.map(|uid| tables::personal_key(table, uid));
        self.shared.view(|view| {
            let found = view.scan(&[table], after.as_deref(), limit)?;
            found
                .iter()
                .map(|(key, value)| {
                    let uid = tables::account_uid(key).ok_or(Corrupt("a sanction has a strange key"))?;
                    Ok((uid, read(value)?))
                })
                .collect()
        })
    }

    /// All settings that were changed at run time, with their values, by name.
    pub fn settings(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.whole(SETTINGS, |key, value| {
            let name = tables::setting_name(key).ok_or(Corrupt("a setting has a strange key"))?;
            Ok((name.to_owned(), records::read_setting(value)?))
        })
    }

    /// All filters, by number.
    pub fn filters(&self) -> Result<Vec<FilterRecord>, StoreError> {
        self.whole(FILTERS, |key, value| {
            let id = tables::filter_id(key).ok_or(Corrupt("a filter has a strange key"))?;
            records::read_filter(id, value)
        })
    }

    /// All links that are allowed, by kind and text.
    pub fn links(&self) -> Result<Vec<LinkAllow>, StoreError> {
        self.whole(LINKS, |key, value| {
            let (kind, text) = tables::link_parts(key).ok_or(Corrupt("an allowed link has a strange key"))?;
            records::read_link(kind, text, value)
        })
    }

    fn whole<T>(
        &self,
        table: u8,
        read: impl Fn(&[u8], &[u8]) -> Result<T, Corrupt>,
    ) -> Result<Vec<T>, StoreError> {
        self.shared.view(|view| {
            let found = view.scan(&[table], None, usize::MAX)?;
            found.iter().map(|(key, value)| Ok(read(key, value)?)).collect()
        })
    }

    /// A page of the audit log, newest first. Looks at no more than ten thousand entries; what
    /// [`AuditPage::next`] says leads on from there.
    pub fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        let matcher = AuditMatcher::new(query);
        let limit = query.limit.clamp(1, AuditQuery::LIMIT_MAX);
        self.shared.view(|view| {
            let mut before = next_audit(view)?.min(query.before.unwrap_or(u64::MAX));
            let mut records = Vec::new();
            let mut left = AUDIT_WORK;
            while before > 1 && left > 0 {
                let piece = audit_piece(view, before, AUDIT_PIECE.min(left))?;
                left = left.saturating_sub(AUDIT_PIECE);
                for (key, value) in piece.iter().rev() {
                    let record = audit_record(key, value)?;
                    before = record.seq;
                    if matcher.matches(&record.entry) {
                        records.push(record);
                        if records.len() == limit {
                            return Ok(AuditPage { records, next: (before > 1).then_some(before) });
                        }
                    }
                }
            }
            Ok(AuditPage { records, next: (before > 1).then_some(before) })
        })
    }
}

fn next_audit(view: View<'_>) -> Result<u64, StoreError> {
    let next = view.get(&tables::counter_key(NEXT_AUDIT))?;
    Ok(next.map(|value| records::read_number(&value)).transpose()?.unwrap_or(1))
}

/// The last `count` entries of the audit log before number `before`, oldest first. Since the numbers
/// have no gaps they are found by counting.
fn audit_piece(view: View<'_>, before: u64, count: u64) -> Result<Vec<(IVec, IVec)>, StoreError> {
    let first = before.saturating_sub(count).max(1);
    let wanted = usize::try_from(before.saturating_sub(first)).unwrap_or(usize::MAX);
    let after = tables::audit_key(first.saturating_sub(1));
    let found = view.scan(&[AUDIT], Some(&after), wanted)?;
    if found.len() == wanted && found.first().and_then(|(key, _)| tables::audit_seq(key)) == Some(first) {
        Ok(found)
    } else {
        Err(Corrupt("an entry of the audit log is missing").into())
    }
}

fn audit_record(key: &[u8], value: &[u8]) -> Result<AuditRecord, Corrupt> {
    let seq = tables::audit_seq(key).ok_or(Corrupt("an entry of the audit log has a strange key"))?;
    records::read_audit(seq, value)
}
