//! What the guard of messages goes by: filters, links that may always be posted.

use super::super::error::Rejection;
use super::{check_author, short};
use crate::model::{Author, Timestamp};

/// How a filter's text is to be read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FilterKind {
    /// As a word or words, in any case.
    Keyword,
    /// As a regular expression.
    Regex,
}

/// What becomes of a message that a filter matches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FilterAction {
    /// It is refused.
    Block,
    /// It passes, and staff are told.
    Notify,
}

/// What becomes of the sender of a message that a filter blocks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FilterConsequence {
    /// Nothing more than that the message is gone.
    Delete,
    /// A warning.
    Warn,
    /// A mute.
    Mute {
        /// For how long, in seconds.
        seconds: u32,
    },
    /// A ban.
    Ban {
        /// For how long, in seconds; for ever if `None`.
        seconds: Option<u32>,
    },
}

/// Where a filter applies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FilterList {
    /// Everywhere.
    Content,
    /// Where bad language is out of place: in rooms for everybody.
    Language,
}

/// A filter of messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filter {
    /// How the text is to be read.
    pub kind: FilterKind,
    /// What it looks for, 1 to [`Filter::TEXT_MAX`] characters. Whether a regular expression is one is
    /// not for the store to say.
    pub text: String,
    /// What becomes of the message.
    pub action: FilterAction,
    /// How bad a match is; the higher the worse.
    pub severity: u8,
    /// What becomes of the sender.
    pub consequence: FilterConsequence,
    /// Where it applies.
    pub list: FilterList,
    /// Whether it is in use.
    pub active: bool,
    /// What staff noted about it, at most [`Filter::NOTES_MAX`] characters; may be empty.
    pub notes: String,
    /// Who wrote it last.
    pub by: Author,
    /// When.
    pub at: Timestamp,
}

impl Filter {
    /// The longest text, in characters.
    pub const TEXT_MAX: usize = 500;
    /// The longest notes, in characters.
    pub const NOTES_MAX: usize = 500;
    /// The severity of a filter for which none was said.
    pub const SEVERITY: u8 = 5;

    /// A filter as it is if nothing else is said: in use, of [`Filter::SEVERITY`], for what is said
    /// everywhere, it blocks the message and does nothing to the sender. Nobody has written it yet.
    pub fn new(kind: FilterKind, text: impl Into<String>) -> Filter {
        Filter {
            kind,
            text: text.into(),
            action: FilterAction::Block,
            severity: Filter::SEVERITY,
            consequence: FilterConsequence::Delete,
            list: FilterList::Content,
            active: true,
            notes: String::new(),
            by: Author::System,
            at: Timestamp(0),
        }
    }

    pub(in super::super) fn check(&self) -> Result<(), Rejection> {
        if self.text.is_empty() {
            return Err(Rejection::Empty { field: "the text" });
        }
        short("the text", &self.text, Self::TEXT_MAX)?;
        short("the notes", &self.notes, Self::NOTES_MAX)?;
        check_author(&self.by)
    }
}

/// A filter with its number and what it has done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FilterRecord {
    /// Its number, never given to another.
    pub id: u32,
    /// What it is.
    pub filter: Filter,
    /// How many messages it has matched.
    pub hits: u64,
}

/// How the text of an allowed link is to be read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LinkKind {
    /// As a domain; its subdomains are meant, too.
    Domain,
    /// As the beginning of an address.
    Url,
    /// As a regular expression.
    Regex,
}

/// Links that do not count as links. Kind and text together tell one from another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkAllow {
    /// How the text is to be read.
    pub kind: LinkKind,
    /// Which links, 1 to [`LinkAllow::TEXT_MAX`] characters.
    pub text: String,
    /// Who allowed them.
    pub by: Author,
    /// When.
    pub at: Timestamp,
}

impl LinkAllow {
    /// The longest text, in characters.
    pub const TEXT_MAX: usize = 200;

    pub(in super::super) fn check(&self) -> Result<(), Rejection> {
        if self.text.is_empty() {
            return Err(Rejection::Empty { field: "the text" });
        }
        short("the text", &self.text, Self::TEXT_MAX)?;
        check_author(&self.by)
    }
}

/// The longest name of a setting, in bytes.
pub const SETTING_NAME_MAX: usize = 100;
/// The longest value of a setting, in bytes.
pub const SETTING_VALUE_MAX: usize = 1000;

/// Whether this can be the name of a setting: 1 to [`SETTING_NAME_MAX`] letters, digits, `.`, `_`
/// and `-`.
pub(in super::super) fn is_setting_name(name: &str) -> bool {
    (1..=SETTING_NAME_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}
