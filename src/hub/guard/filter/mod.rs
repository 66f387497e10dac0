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

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Rating, fold};

use keywords::Keywords;
use patterns::Patterns;

/// The number of a filter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct FilterId(pub u32);

/// What a filter looks for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Pattern {
    /// A word or words.
    Keyword(String),
    /// A regular expression.
    Regex(String),
}

/// Whether a match keeps a text from passing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Action {
    /// It does not pass.
    Block,
    /// It passes, and staff are told.
    Notify,
}

/// What a match means for its author.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Consequence {
    /// The text is not delivered, and nothing else.
    Delete,
    /// A warning.
    Warn,
    /// He is muted for this time.
    Mute(Duration),
    /// He is banned for this time, or for good.
    Ban(Option<Duration>),
}

/// Where a filter applies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum List {
    /// Everywhere.
    Content,
    /// In rooms for everybody (G), and nowhere else.
    Language,
}

/// A filter as staff made it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Filter {
    /// Its number.
    pub id: FilterId,
    /// What it looks for.
    pub pattern: Pattern,
    /// Whether a match keeps a text from passing.
    pub action: Action,
    /// How bad a match is, 1 to [`Filter::WORST`]; of several, the worst decides.
    pub severity: u8,
    /// What a match means for its author.
    pub consequence: Consequence,
    /// Where it applies.
    pub list: List,
    /// Whether it applies at all.
    pub active: bool,
    /// What staff want to remember about it, at most [`Filter::NOTES_MAX`] bytes.
    pub notes: String,
    /// How often it matched.
    pub hits: u64,
}

impl Filter {
    /// The highest severity.
    pub const WORST: u8 = 10;
    /// The longest pattern, in bytes of UTF-8.
    pub const PATTERN_MAX: usize = 256;
    /// The longest notes, in bytes of UTF-8.
    pub const NOTES_MAX: usize = 1000;
    /// Filters at most.
    pub const MAX: usize = 1000;
}

/// Why filters cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}{reason}", id.map_or(String::new(), |id| format!("filter {}: ", id.0)))]
pub struct FilterError {
    /// Which filter is to blame; `None` if it is all of them together.
    pub id: Option<FilterId>,
    /// What is wrong, for whoever made it.
    pub reason: String,
}

/// A filter that matched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Match {
    /// Its number.
    pub id: FilterId,
    /// Whether the text may pass.
    pub action: Action,
    /// How bad it is.
    pub severity: u8,
    /// What it means for the author.
    pub consequence: Consequence,
}

/// All active filters, ready for use.
#[derive(Debug, Default)]
pub struct FilterSet {
    rules: Vec<(Match, List)>,
    keywords: Keywords,
    patterns: Patterns,
}

impl FilterSet {
    /// Compiles the active ones of `filters`. All are checked, the others too. May take some tenths of
    /// a second: not for the hub.
    pub fn compile(filters: &[Filter]) -> Result<FilterSet, FilterError> {
        if filters.len() > Filter::MAX {
            let reason = format!("there can be at most {} filters", Filter::MAX);
            return Err(FilterError { id: None, reason });
        }
        let mut set = FilterSet::default();
        let (mut keywords, mut patterns) = (Vec::new(), Vec::new());
        for filter in filters {
            let blame = |reason| FilterError { id: Some(filter.id), reason };
            check(filter).map_err(blame)?;
            let Filter { id, action, severity, consequence, .. } = *filter;
            let rule = set.rules.len();
            match &filter.pattern {
                Pattern::Keyword(text) => {
                    let keyword = keywords::read(text).map_err(blame)?;
                    if filter.active {
                        keywords.push((rule, keyword));
                    }
                }
                Pattern::Regex(text) => {
                    let pattern = patterns::read(text).map_err(blame)?;
                    if filter.active {
                        patterns.push((rule, pattern));
                    }
                }
            }
            if filter.active {
                set.rules.push((Match { id, action, severity, consequence }, filter.list));
            }
        }
        let together = |reason| FilterError { id: None, reason };
        set.keywords = Keywords::compile(keywords).map_err(together)?;
        set.patterns = Patterns::compile(patterns).map_err(together)?;
        Ok(set)
    }

    /// The filters that match a text without markup, the worst first, each once. `rating` is that of
    /// the room; `None` where there is no room.
    pub fn check(&self, text: &[u8], rating: Option<Rating>) -> Vec<Match> {
        if self.rules.is_empty() {
            return Vec::new();
        }
        let folded = fold::fold(text);
        let mut rules = Vec::new();
        self.keywords.find(&folded, &mut rules);
        self.patterns.find(&folded, &mut rules);
        if rules.is_empty() {
            return Vec::new();
        }
        rules.sort_unstable();
        rules.dedup();
        let applies = |list: List| list == List::Content || rating == Some(Rating::General);
        let found = rules.into_iter().filter_map(|rule| self.rules.get(rule));
        let mut matches: Vec<Match> =
            found.filter(|(_, list)| applies(*list)).map(|(found, _)| *found).collect();
        // Stable, so that of equals the one made first comes first; what blocks before what does not.
        matches.sort_by_key(|found| (std::cmp::Reverse(found.severity), found.action == Action::Notify));
        matches
    }
}

fn check(filter: &Filter) -> Result<(), String> {
    let (Pattern::Keyword(text) | Pattern::Regex(text)) = &filter.pattern;
    if text.len() > Filter::PATTERN_MAX {
        return Err(format!("the pattern is longer than {} bytes", Filter::PATTERN_MAX));
    }
    if filter.notes.len() > Filter::NOTES_MAX {
        return Err(format!("the notes are longer than {} bytes", Filter::NOTES_MAX));
    }
    if !(1..=Filter::WORST).contains(&filter.severity) {
        return Err(format!("the severity is a number from 1 to {}", Filter::WORST));
    }
    if let Consequence::Mute(time) | Consequence::Ban(Some(time)) = filter.consequence
        && time.is_zero()
    {
        return Err("a mute or ban needs some time".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
