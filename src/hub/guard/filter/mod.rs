//! Filters: what people may not write, as staff put it down.
//!
//! A filter is a keyword or a regular expression. Both see the text without markup and folded
//! ([`fold`](crate::model::fold::fold)): in lower case, each run of blanks as one, without what shows
//! nothing.
//!
//! - **Keywords** match whole words: before and after them stands no letter and no digit, where the
//!   keyword itself begins or ends with one. A `*` at an end lifts that there: `spam*` finds
//!   "spammer". A keyword may hold blanks. All keywords are looked for in one pass.
//! - **Regular expressions** are those of the `regex` crate, which takes linear time whatever the
//!   text, over bytes of Windows-1252: `.` is one character, `\w` and `\b` know letters without accents
//!   only. Capitals do not count.
//!
//! Compiling may take a while and is done off the hub ([`FilterSet::compile`]); a set never changes.
//! Hits are counted by whoever gets the [`Match`]es.

mod keywords;
mod patterns;

use crate::model::Rating;
use crate::store::{FilterAction, FilterConsequence, FilterKind, FilterList, FilterRecord};

use keywords::Keywords;
use patterns::Patterns;

/// The highest severity; of several filters that match, the worst decides.
pub const WORST: u8 = 10;

/// Why filters cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}{reason}", id.map_or(String::new(), |id| format!("filter {id}: ")))]
pub struct FilterError {
    /// Which filter is to blame; `None` if it is all of them together.
    pub id: Option<u32>,
    /// What is wrong, for whoever made it.
    pub reason: String,
}

/// A filter that matched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Match {
    /// Its number.
    pub id: u32,
    /// Whether the text may pass.
    pub action: FilterAction,
    /// How bad it is.
    pub severity: u8,
    /// What it means for the author.
    pub consequence: FilterConsequence,
}

/// All active filters, ready for use.
#[derive(Debug, Default)]
pub struct FilterSet {
    rules: Vec<(Match, FilterList)>,
    keywords: Keywords,
    patterns: Patterns,
}

impl FilterSet {
    /// Compiles the active ones of `filters`. All are checked, the others too. May take some tenths of
    /// a second: not for the hub.
    pub fn compile(filters: &[FilterRecord]) -> Result<FilterSet, FilterError> {
        let mut set = FilterSet::default();
        let (mut keywords, mut patterns) = (Vec::new(), Vec::new());
        for record in filters {
            let filter = &record.filter;
            let blame = |reason| FilterError { id: Some(record.id), reason };
            check(record).map_err(blame)?;
            let rule = set.rules.len();
            match filter.kind {
                FilterKind::Keyword => {
                    let keyword = keywords::read(&filter.text).map_err(blame)?;
                    if filter.active {
                        keywords.push((rule, keyword));
                    }
                }
                FilterKind::Regex => {
                    let pattern = patterns::read(&filter.text).map_err(blame)?;
                    if filter.active {
                        patterns.push((rule, pattern));
                    }
                }
            }
            if filter.active {
                let (severity, action) = (filter.severity, filter.action);
                let found = Match { id: record.id, action, severity, consequence: filter.consequence };
                set.rules.push((found, filter.list));
            }
        }
        let together = |reason| FilterError { id: None, reason };
        set.keywords = Keywords::compile(keywords).map_err(together)?;
        set.patterns = Patterns::compile(patterns).map_err(together)?;
        Ok(set)
    }

    /// The filters that match a folded text, the worst first, each once. `rating` is that of the room;
    /// `None` where there is no room.
    pub fn check(&self, folded: &[u8], rating: Option<Rating>) -> Vec<Match> {
        if self.rules.is_empty() {
            return Vec::new();
        }
        let mut rules = Vec::new();
        self.keywords.find(folded, &mut rules);
        self.patterns.find(folded, &mut rules);
        if rules.is_empty() {
            return Vec::new();
        }
        rules.sort_unstable();
        rules.dedup();
        let applies = |list: FilterList| list == FilterList::Content || rating == Some(Rating::General);
        let found = rules.into_iter().filter_map(|rule| self.rules.get(rule));
        let mut matches: Vec<Match> =
            found.filter(|(_, list)| applies(*list)).map(|(found, _)| *found).collect();
        // Stable, so that of equals the one made first comes first; what blocks before what does not.
        matches
            .sort_by_key(|found| (std::cmp::Reverse(found.severity), found.action == FilterAction::Notify));
        matches
    }
}

/// What the store takes and would make no sense.
fn check(record: &FilterRecord) -> Result<(), String> {
    if !(1..=WORST).contains(&record.filter.severity) {
        return Err(format!("the severity is a number from 1 to {WORST}"));
    }
    match record.filter.consequence {
        FilterConsequence::Mute { seconds: 0 } | FilterConsequence::Ban { seconds: Some(0) } => {
            Err("a mute or ban needs some time".to_owned())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
