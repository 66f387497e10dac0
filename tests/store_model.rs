//! Any sequence of changes leaves the store as a plain model of it says, also after it was opened
//! again and after its index was built anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod store_common;

use std::collections::BTreeMap;

use paltalkd::model::Uid;
use paltalkd::store::{
    Applied, AuditQuery, Ban, BanTarget, Change, FilterRecord, Mute, MuteKind, OffenceRecord, Sanctions,
    Store, StoreOptions, StrikeRecord, WARNINGS_MAX, Warning,
};
use proptest::prelude::*;
use store_common::changes::guard_change;
use store_common::{audit, content, new_account, options};

/// What the store should hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Model {
    accounts: Vec<Uid>,
    bans: BTreeMap<BanTarget, Ban>,
    mutes: BTreeMap<(Uid, MuteKind), Mute>,
    warnings: BTreeMap<Uid, Vec<Warning>>,
    strikes: BTreeMap<Uid, StrikeRecord>,
    offences: BTreeMap<Uid, OffenceRecord>,
    settings: BTreeMap<String, String>,
    filters: BTreeMap<u32, FilterRecord>,
    filters_made: u32,
    audit: Vec<u64>,
}

impl Model {
    /// Does a change; `None` if it is refused.
    fn apply(&mut self, change: &Change) -> Option<Applied> {
        let before = self.clone();
        let has = |uid: &Uid| before.accounts.contains(uid);
        match change.clone() {
            Change::DeleteAccount { uid } => {
                self.accounts.retain(|account| *account != uid);
                has(&uid).then_some(())?;
                self.bans.remove(&BanTarget::Account(uid));
                self.mutes.retain(|(owner, _), _| *owner != uid);
                self.warnings.remove(&uid);
                self.strikes.remove(&uid);
                self.offences.remove(&uid);
            }
            Change::PutBan(ban) => {
                if let BanTarget::Account(uid) = ban.target {
                    has(&uid).then_some(())?;
                }
                self.bans.insert(ban.target, ban);
            }
            Change::LiftBan { target } => drop(self.bans.remove(&target)),
            Change::PutMute { uid, mute } => {
                has(&uid).then_some(())?;
                self.mutes.insert((uid, mute.kind), mute);
            }
            Change::LiftMute { uid, kind } => drop(self.mutes.remove(&(uid, kind))),
            Change::ExpireSanctions { now } => {
                self.bans.retain(|_, ban| ban.holds(now));
                self.mutes.retain(|_, mute| mute.holds(now));
                let sanctions = |model: &Model| model.bans.len() + model.mutes.len();
                let expired = sanctions(&before) - sanctions(self);
                return Some(if expired > 0 { Applied::Expired(expired) } else { Applied::Unchanged });
            }
            Change::AddWarning { uid, warning } => {
                has(&uid).then_some(())?;
                let warnings = self.warnings.entry(uid).or_default();
                warnings.push(warning);
                if warnings.len() > WARNINGS_MAX {
                    warnings.remove(0);
                }
                return Some(Applied::Warned(warnings.len()));
            }
            Change::ClearWarnings { uid } => drop(self.warnings.remove(&uid)),
            Change::PutStrikes { uid, record } => {
                has(&uid).then_some(())?;
                self.strikes.insert(uid, record);
            }
            Change::ClearStrikes { uid } => drop(self.strikes.remove(&uid)),
            Change::PutOffences { uid, record } => {
                has(&uid).then_some(())?;
                self.offences.insert(uid, record);
            }
            Change::ClearOffences { uid } => {
                self.offences.retain(|owner, record| uid.is_some_and(|uid| uid != *owner) || record.exempt);
                for (owner, record) in &mut self.offences {
                    if uid.is_none_or(|uid| uid == *owner) {
                        (record.offences, record.muted_until) = (0, None);
                    }
                }
            }
            Change::SetSetting { name, value } => drop(self.settings.insert(name, value)),
            Change::ClearSetting { name } => drop(self.settings.remove(&name)),
            Change::PutFilter { id: None, filter } => {
                self.filters_made += 1;
                let id = self.filters_made;
                self.filters.insert(id, FilterRecord { id, filter, hits: 0 });
                return Some(Applied::Filter(id));
            }
            Change::PutFilter { id: Some(id), filter } => self.filters.get_mut(&id)?.filter = filter,
            Change::DeleteFilter { id } => drop(self.filters.remove(&id)),
            Change::AddFilterHits(hits) => {
                for (id, more) in hits {
                    if let Some(record) = self.filters.get_mut(&id) {
                        record.hits += more;
                    }
                }
            }
            Change::Audit(entry) => {
                self.audit.push(entry.at.0);
                return Some(Applied::Audited(self.audit.len() as u64));
            }
            Change::WithAudit { changes, entries } => {
                let answers: Option<Vec<_>> = changes.iter().map(|change| self.apply(change)).collect();
                let Some(answers) = answers else {
                    *self = before;
                    return None;
                };
                // Something may have been written and taken back in the same change.
                if answers.iter().all(|answer| *answer == Applied::Unchanged) {
                    return Some(Applied::Unchanged);
                }
                self.audit.extend(entries.iter().map(|entry| entry.at.0));
                return Some(Applied::All(answers));
            }
            other => panic!("{other:?}"),
        }
        Some(if *self == before { Applied::Unchanged } else { Applied::Done })
    }

    /// Compares everything that readers see with this.
    fn check(&self, store: &Store, everybody: &[Uid]) {
        let reader = store.reader();
        assert_eq!(reader.bans().unwrap(), self.bans.values().cloned().collect::<Vec<_>>());
        let mutes: Vec<_> = self.mutes.iter().map(|((uid, _), mute)| (*uid, mute.clone())).collect();
        assert_eq!(reader.mutes().unwrap(), mutes);
        for uid in everybody {
            let held = Sanctions {
                ban: self.bans.get(&BanTarget::Account(*uid)).cloned(),
                mutes: mutes.iter().filter(|(owner, _)| owner == uid).map(|(_, mute)| mute.clone()).collect(),
                warnings: self.warnings.get(uid).cloned().unwrap_or_default(),
                strikes: self.strikes.get(uid).cloned(),
                offences: self.offences.get(uid).copied(),
            };
            assert_eq!(reader.sanctions(*uid).unwrap(), held);
        }
        assert_eq!(reader.settings().unwrap(), self.settings.clone().into_iter().collect::<Vec<_>>());
        assert_eq!(reader.filters().unwrap(), self.filters.values().cloned().collect::<Vec<_>>());
        let page = reader.audit(&AuditQuery::default()).unwrap();
        let logged: Vec<u64> = page.records.iter().rev().map(|record| record.entry.at.0).collect();
        assert_eq!(logged, self.audit);
        let timed = self.bans.values().filter(|ban| ban.until.is_some()).count()
            + self.mutes.values().filter(|mute| mute.until.is_some()).count();
        let expiries = store.counts().into_iter().find(|(name, _)| *name == "expiries").unwrap().1;
        assert_eq!(expiries, timed as u64, "one entry for each that runs out");
    }
}

fn change() -> impl Strategy<Value = Change> {
    let together = (prop::collection::vec(guard_change(), 0..4), prop::collection::vec(0..100u64, 0..3));
    prop_oneof![
        3 => guard_change(),
        1 => together.prop_map(|(changes, at)| Change::WithAudit {
            changes,
            entries: at.into_iter().map(|at| audit("act", at, None)).collect(),
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_store_is_what_its_model_says(changes in prop::collection::vec(change(), 1..90)) {
        let dir = tempfile::tempdir().unwrap();
        let settings = StoreOptions { snapshot_bytes: 2_000, segment_bytes: 1_000, ..options(dir.path()) };
        let (store, _) = Store::open(settings.clone()).unwrap();
        let mut model = Model::default();
        for name in ["Alice", "Bob", "Carol"] {
            match store.commit_blocking(Change::CreateAccount(new_account(name))) {
                Ok(Applied::Created(uid)) => model.accounts.push(uid),
                other => panic!("{other:?}"),
            }
        }
        let everybody: Vec<Uid> = (0..4).map(|n| Uid(Uid::FIRST_PERSON.0 + n)).collect();
        // All at once: most share a group, and then each sees the others before they are in the index.
        let (sender, answers) = std::sync::mpsc::channel();
        for change in &changes {
            let sender = sender.clone();
            store.submit(change.clone(), move |answer| sender.send(answer).unwrap());
        }
        for change in &changes {
            let answer = answers.recv().unwrap();
            prop_assert_eq!(answer.ok(), model.apply(change), "{:?}", change);
        }
        model.check(&store, &everybody);
        let before = content(&store);
        store.close().unwrap();
        let (store, report) = Store::open(StoreOptions { full_check: true, ..settings.clone() }).unwrap();
        prop_assert!(report.checked && report.rebuilt.is_none(), "{:?}", report);
        model.check(&store, &everybody);
        store.close().unwrap();
        std::fs::remove_dir_all(dir.path().join("sled")).unwrap();
        let (store, report) = Store::open(settings).unwrap();
        prop_assert!(report.rebuilt.is_some(), "{:?}", report);
        model.check(&store, &everybody);
        prop_assert_eq!(content(&store), before);
    }
}
