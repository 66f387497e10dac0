//! What the guard goes by that staff change: filters, and links that do not count.
//!
//! Compiling takes a while, so it is done off the hub. A change is first tried out together with all
//! that is in force; only then it is made durable, with its entry in the audit log, and put in force.

use tokio::sync::oneshot;

use crate::store::{Applied, AuditEntry, Change, FilterRecord, LinkAllow, Store, StoreError};

use super::ConnId;
use super::guard::FilterSet;
use super::guard::detect::Whitelist;

/// Filters and links that do not count, ready for use.
#[derive(Debug, Default)]
pub struct Rules {
    /// The filters.
    pub filters: FilterSet,
    /// Links that do not count.
    pub whitelist: Whitelist,
}

/// A change of the rules.
#[derive(Debug)]
pub struct RulesOrder {
    /// [`Change::PutFilter`], [`Change::DeleteFilter`], [`Change::PutLink`] or [`Change::DeleteLink`].
    pub change: Change,
    /// What the audit log will say.
    pub entry: AuditEntry,
    /// Who waits for the answer.
    pub asker: Asker,
}

/// Who wants to know what became of a change of the rules.
#[derive(Debug)]
pub enum Asker {
    /// A user, who is told by the service user.
    User(ConnId),
    /// Somebody at the desk: what the store did, or why it was not done.
    Desk(oneshot::Sender<Result<Applied, String>>),
}

/// A change of the rules that was tried.
#[derive(Debug)]
pub(super) struct RulesDone {
    pub(super) asker: Asker,
    pub(super) result: Result<(Applied, Rules), String>,
}

impl Rules {
    /// Compiles rules; the error names the one that is wrong. Not for the hub.
    pub fn compile(filters: &[FilterRecord], links: &[LinkAllow]) -> Result<Rules, String> {
        let filters = FilterSet::compile(filters).map_err(|error| error.to_string())?;
        Ok(Rules { filters, whitelist: Whitelist::compile(links)? })
    }

    /// Compiles what can be used, and returns with it what is wrong with the rest, for the log. Not for
    /// the hub.
    pub fn compile_usable(mut filters: Vec<FilterRecord>, links: &[LinkAllow]) -> (Rules, Vec<String>) {
        let mut wrong = Vec::new();
        let set = loop {
            match FilterSet::compile(&filters) {
                Ok(set) => break set,
                Err(error) => {
                    wrong.push(error.to_string());
                    match error.id {
                        Some(id) => filters.retain(|filter| filter.id != id),
                        None => filters.clear(),
                    }
                }
            }
        };
        let fit = links.iter().filter(|link| {
            let error = Whitelist::compile([*link]).err();
            wrong.extend(error.clone());
            error.is_none()
        });
        let fit: Vec<&LinkAllow> = fit.collect();
        let whitelist = Whitelist::compile(fit).unwrap_or_default();
        (Rules { filters: set, whitelist }, wrong)
    }
}

/// Makes a change of the rules durable if what comes of it can be used, and compiles it. Blocks.
pub(super) fn carry_out(
    store: &Store,
    change: Change,
    entry: AuditEntry,
) -> Result<(Applied, Rules), String> {
    let read = || -> Result<_, StoreError> { Ok((store.reader().filters()?, store.reader().links()?)) };
    let (mut filters, mut links) = read().map_err(|error| error.to_string())?;
    match &change {
        Change::PutFilter { id: None, filter } => {
            filters.push(FilterRecord { id: 0, filter: filter.clone(), hits: 0 });
        }
        Change::PutFilter { id: Some(id), filter } => {
            let record = filters.iter_mut().find(|record| record.id == *id);
            record.ok_or("There is no such filter.")?.filter = filter.clone();
        }
        Change::DeleteFilter { id } => filters.retain(|record| record.id != *id),
        Change::PutLink(link) => {
            links.retain(|other| (other.kind, &other.text) != (link.kind, &link.text));
            links.push(link.clone());
        }
        Change::DeleteLink { kind, text } => links.retain(|link| (link.kind, &link.text) != (*kind, text)),
        _ => return Err("This is no change of the rules.".to_owned()),
    }
    Rules::compile(&filters, &links)?;
    let change = Change::WithAudit { changes: vec![change], entries: vec![entry] };
    let applied = store.commit_blocking(change).map_err(|error| error.to_string())?;
    let (filters, links) = read().map_err(|error| error.to_string())?;
    Ok((applied, Rules::compile(&filters, &links)?))
}
