//! What the hub has to ask the store for: people who are not signed in, the audit log, filters.
//!
//! The hub never waits for the store. A command that needs something says so with a [`Question`]; it is
//! asked off the hub, and the command is run again when the [`Finding`] is there. One question is asked
//! at a time, each after all changes that were made before it, so that staff read what they did.

use crate::model::{Author, Nickname, Rating, Timestamp, Uid, fold};
use crate::store::{
    AuditPage, AuditQuery, FILTERS_MAX, Filter, FilterRecord, LINKS_MAX, LinkAllow, LinkKind, OffenceRecord,
    Reader, Sanctions, StoreError, StrikeRecord,
};

use super::command::Typed;
use super::guard::FilterSet;
use super::guard::detect::Whitelist;
use super::staff::Subject;
use super::{ConnId, rules};

/// Records of strikes that are read at a time.
const PAGE: usize = 1000;
/// How many are named of those with the most strikes or offences.
const TOP: usize = 10;

/// Something that a command needs from the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Question {
    /// Nothing but its turn: an earlier command of the same connection still waits.
    Turn,
    /// The account with this name.
    Account(Nickname),
    /// The account with this uid.
    Uid(Uid),
    /// A page of the audit log.
    Audit(Box<AuditQuery>),
    /// The settings that were changed at run time.
    Settings,
    /// All filters.
    Filters,
    /// Whether a new filter can be used together with the others.
    Check(Box<Filter>),
    /// Which filters match this text.
    Test(Vec<u8>),
    /// Links that may always be posted.
    Links,
    /// Whether links of this kind and text can be allowed.
    CheckLink(LinkKind, String),
    /// Those with the most strikes.
    Strikes,
    /// Those with the most offences.
    Offenders,
}

/// An account with everything that the store has against it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    /// Who.
    pub subject: Subject,
    /// When the account was made.
    pub created: Timestamp,
    /// What is held against it.
    pub sanctions: Sanctions,
}

/// The answer to a [`Question`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// It is its turn.
    Turn,
    /// The account, if there is one.
    Account(Option<Box<Known>>),
    /// The page of the audit log.
    Audit(AuditPage),
    /// The settings.
    Settings(Vec<(String, String)>),
    /// The filters.
    Filters(Vec<FilterRecord>),
    /// Whether the filter or link can be used; if not, why.
    Checked(Result<(), String>),
    /// The filters that match.
    Tested(Vec<FilterRecord>),
    /// The links.
    Links(Vec<LinkAllow>),
    /// The strikes.
    Strikes(Vec<(Option<Nickname>, Uid, StrikeRecord)>),
    /// The offenders.
    Offenders(Vec<(Option<Nickname>, Uid, OffenceRecord)>),
    /// The store could not be asked.
    Failed,
}

/// A question with the command that waits for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lookup {
    /// Whose command.
    pub conn: ConnId,
    /// The command.
    pub typed: Typed,
    /// The question.
    pub question: Question,
}

impl Question {
    /// Asks. Reads the store and may compile filters: not for the hub.
    pub fn ask(self, reader: &Reader) -> Finding {
        self.found(reader).unwrap_or(Finding::Failed)
    }

    fn found(self, reader: &Reader) -> Result<Finding, StoreError> {
        let known = |account: Option<crate::store::Account>| {
            let Some(account) = account else { return Ok(Finding::Account(None)) };
            let sanctions = reader.sanctions(account.uid)?;
            let subject = Subject::new(account.uid, account.nickname, account.roles);
            let known = Known { subject, created: account.created, sanctions };
            Ok(Finding::Account(Some(Box::new(known))))
        };
        Ok(match self {
            Question::Turn => Finding::Turn,
            Question::Account(nickname) => return known(reader.account_by_name(&nickname.key())?),
            Question::Uid(uid) => return known(reader.account(uid)?),
            Question::Audit(query) => Finding::Audit(reader.audit(&query)?),
            Question::Settings => Finding::Settings(reader.settings()?),
            Question::Filters => Finding::Filters(reader.filters()?),
            Question::Check(filter) => Finding::Checked(check(reader.filters()?, *filter)),
            Question::Test(text) => Finding::Tested(test(reader.filters()?, &text)),
            Question::CheckLink(kind, text) => Finding::Checked(check_link(&reader.links()?, kind, text)),
            Question::Links => Finding::Links(reader.links()?),
            Question::Strikes => {
                let found = most_struck(PAGE, |after| reader.strikes_after(after, PAGE))?;
                Finding::Strikes(named(reader, found)?)
            }
            Question::Offenders => Finding::Offenders(named(reader, reader.top_offenders(TOP)?)?),
        })
    }
}

/// The [`TOP`] accounts with the most strikes, the most first, of records that are read in pages.
fn most_struck(
    page: usize,
    read: impl Fn(Option<Uid>) -> Result<Vec<(Uid, StrikeRecord)>, StoreError>,
) -> Result<Vec<(Uid, StrikeRecord)>, StoreError> {
    let mut most = Vec::new();
    let mut after = None;
    loop {
        let found = read(after)?;
        let last = found.len() < page;
        after = found.last().map(|(uid, _)| *uid);
        most.extend(found);
        most.sort_by_key(|(_, record)| std::cmp::Reverse((record.stage, record.strikes)));
        most.truncate(TOP);
        if last {
            return Ok(most);
        }
    }
}

fn named<T>(reader: &Reader, found: Vec<(Uid, T)>) -> Result<Vec<(Option<Nickname>, Uid, T)>, StoreError> {
    let named = found.into_iter().map(|(uid, record)| {
        let nickname = reader.account(uid)?.map(|account| account.nickname);
        Ok((nickname, uid, record))
    });
    named.collect()
}

/// Whether a new filter can be used beside those there are. What the store would refuse is told here, while
/// nothing has been done yet.
fn check(mut filters: Vec<FilterRecord>, filter: Filter) -> Result<(), String> {
    if filters.len() >= FILTERS_MAX {
        return Err(format!("there are {FILTERS_MAX} already; remove one first"));
    }
    let id = filters.last().map_or(0, |last| last.id.saturating_add(1));
    // What is not in force anyway is nothing against the new one.
    rules::usable(&mut filters);
    filters.push(FilterRecord { id, filter, hits: 0 });
    FilterSet::compile(&filters).map(drop).map_err(|error| error.reason)
}

/// As [`check`], for a link that is to be allowed.
fn check_link(links: &[LinkAllow], kind: LinkKind, text: String) -> Result<(), String> {
    let known = links.iter().any(|link| link.kind == kind && link.text == text);
    if !known && links.len() >= LINKS_MAX {
        return Err(format!("there are {LINKS_MAX} already; deny one first"));
    }
    let link = LinkAllow { kind, text, by: Author::System, at: Timestamp(0) };
    Whitelist::compile([&link]).map(drop)
}

fn test(mut filters: Vec<FilterRecord>, text: &[u8]) -> Vec<FilterRecord> {
    let (set, _) = rules::usable(&mut filters);
    // A room for everybody, where every list applies.
    let matches = set.check(&fold::fold(text), Some(Rating::General));
    filters.into_iter().filter(|record| matches.iter().any(|found| found.id == record.id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::FilterKind;

    #[test]
    fn the_most_struck_of_all_are_found_however_many_there_are() {
        let all: Vec<_> = (0..25u32)
            .map(|number| (Uid(number), StrikeRecord { stage: number as u16 / 2, ..StrikeRecord::default() }))
            .collect();
        let read = |after: Option<Uid>| {
            let later = all.iter().filter(|(uid, _)| after.is_none_or(|after| *uid > after));
            Ok(later.take(5).cloned().collect())
        };
        let found: Vec<u32> = most_struck(5, read).unwrap().into_iter().map(|(uid, _)| uid.0).collect();
        assert_eq!(found, [24, 22, 23, 20, 21, 18, 19, 16, 17, 14]);
    }

    #[test]
    fn a_filter_that_cannot_be_used_does_not_hide_the_others() {
        let broken = Filter::new(FilterKind::Regex, "(");
        let texts = [
            broken.clone(),
            Filter::new(FilterKind::Keyword, "spam"),
            Filter::new(FilterKind::Regex, "b[u]y"),
        ];
        let filters = || {
            let records = (1..).zip(texts.clone());
            records.map(|(id, filter)| FilterRecord { id, filter, hits: 0 }).collect::<Vec<_>>()
        };
        let found = |text: &[u8]| test(filters(), text).iter().map(|filter| filter.id).collect::<Vec<_>>();
        assert_eq!(found(b"Buy my SPAM"), [2, 3]);
        assert!(found(b"nothing").is_empty());
        assert_eq!(check(filters(), Filter::new(FilterKind::Keyword, "new")), Ok(()));
        assert!(check(filters(), broken).is_err(), "a new one has to be usable");
    }
}
