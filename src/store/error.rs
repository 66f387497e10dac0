//! What can go wrong: with a change, with the store as a whole, and when it is opened.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::model::Nickname;

/// A record that is not what it should be; the text says how.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Corrupt(pub(super) &'static str);

/// Why the store did not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StoreError {
    /// As many requests are waiting as may wait. Nothing was changed; the user is told to try again.
    #[error("the store is busy")]
    Busy,
    /// The store has been closed. Nothing was changed.
    #[error("the store is closed")]
    Closed,
    /// The store could not write, and accepts nothing any more. The change may or may not be there
    /// after a restart; it was not acknowledged.
    #[error("the store has failed; see the log")]
    Failed,
    /// A rule of the service forbids the change. Nothing was changed.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// A record in the index is damaged, or a change is too large to be recorded. The next start reads
    /// every record and builds the index again if it must.
    #[error("the store holds a damaged record: {0}")]
    Damaged(#[from] Corrupt),
}

/// A rule that forbids a change.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Rejection {
    /// Another account has this name, perhaps in other case.
    #[error("the nickname is taken; \"{suggestion}\" is free")]
    NicknameTaken {
        /// A free name that resembles the wanted one.
        suggestion: Nickname,
    },
    /// No account has this uid.
    #[error("no such account")]
    NoSuchAccount,
    /// The list of pals or blocks has its most entries.
    #[error("the list is full ({limit} entries)")]
    ListFull {
        /// The most entries.
        limit: usize,
    },
    /// As many messages wait for the recipient as may wait.
    #[error("the recipient's mailbox is full ({limit} messages)")]
    MailboxFull {
        /// The most messages.
        limit: usize,
    },
    /// The recipient accepts messages from pals only.
    #[error("the recipient accepts messages only from pals")]
    PalsOnly,
    /// The service user has no password and cannot be deleted.
    #[error("the service user cannot be changed")]
    ServiceUser,
    /// An account needs a password.
    #[error("an account needs a password")]
    NoPassword,
    /// Nobody is his own pal or blocks himself.
    #[error("an account cannot be in its own lists")]
    Oneself,
    /// No room has this number.
    #[error("no such room")]
    NoSuchRoom,
    /// No category has this number.
    #[error("no such category")]
    NoSuchCategory,
    /// Rooms are still in the category.
    #[error("the category still has rooms")]
    CategoryInUse,
    /// A text is longer than its field may be.
    #[error("{field} is longer than {limit} bytes")]
    TooLong {
        /// The field.
        field: &'static str,
        /// The most bytes.
        limit: usize,
    },
    /// A text has more characters than its field may have.
    #[error("{field} is longer than {limit} characters")]
    TooManyCharacters {
        /// The field.
        field: &'static str,
        /// The most characters.
        limit: usize,
    },
    /// A field that must say something is empty.
    #[error("{field} is empty")]
    Empty {
        /// The field.
        field: &'static str,
    },
    /// The name of an action in the audit log is not one.
    #[error("the name of an action consists of 1 to 32 small letters, digits and _")]
    Action,
    /// The name of a setting is not one.
    #[error("the name of a setting consists of 1 to 100 letters, digits, dots, _ and -")]
    SettingName,
    /// No filter has this number.
    #[error("no such filter")]
    NoSuchFilter,
    /// A change that consists of changes cannot be part of one.
    #[error("changes cannot be nested")]
    Nested,
    /// Too many changes at once.
    #[error("at most {limit} changes can be made at once")]
    TooManyChanges {
        /// The most changes.
        limit: usize,
    },
    /// Every uid has been given out.
    #[error("no uid is left")]
    NoUidLeft,
    /// Every number for filters has been given out.
    #[error("no number for a filter is left")]
    NoFilterLeft,
}

/// Why a store could not be opened. Each says what is wrong and what the operator can do; nothing
/// was lost by the attempt.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another handle in this one, has the store.
    #[error(
        "the store in {} is in use by another process; stop that one first (a running daemon \
         answers the same commands through its control socket)",
        .path.display()
    )]
    Locked {
        /// The directory of the store.
        path: PathBuf,
    },
    /// The operating system refused something.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried, as in "read".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The store was written by a newer version of the program.
    #[error(
        "the store in {} has schema {found}, this program knows schemas up to {known}; run the newer \
         program, or restore a backup made by this one",
        .path.display()
    )]
    NewerSchema {
        /// The directory of the store.
        path: PathBuf,
        /// The schema in the store.
        found: u32,
        /// The newest schema this program knows.
        known: u32,
    },
    /// A part of the store is missing or damaged and the rest cannot make up for it.
    #[error("the store in {} cannot be opened: {problem}. {REMEDY}", .path.display())]
    Refused {
        /// The directory of the store.
        path: PathBuf,
        /// What is missing or damaged, naming the file.
        problem: String,
    },
}

const REMEDY: &str = "Nothing was deleted. Put the missing or damaged file back from a copy, or restore \
                      the latest backup with `paltalkd restore <FILE>`";

impl OpenError {
    pub(super) fn refused(path: &Path, problem: impl Into<String>) -> OpenError {
        OpenError::Refused { path: path.to_owned(), problem: problem.into() }
    }

    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
        let path = path.to_owned();
        move |source| OpenError::Io { action, path, source }
    }
}

/// What opening the store did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OpenReport {
    /// The store did not exist and was made: the caller seeds it.
    pub fresh: bool,
    /// The store had been closed properly.
    pub clean: bool,
    /// Every record of the index was read and its checksum compared.
    pub checked: bool,
    /// Journal records that the index did not have yet.
    pub replayed: u64,
    /// Why the index was put aside and rebuilt from snapshot and journal, and where it is now.
    pub rebuilt: Option<Rebuilt>,
    /// Bytes of the index before and after it was built anew because it was mostly waste.
    pub compacted: Option<(u64, u64)>,
    /// Repairs in plain words, for the log: a torn tail cut off, a damaged journal replaced by a
    /// new snapshot, a missing mark written again.
    pub repairs: Vec<String>,
    /// Entries in all tables.
    pub records: u64,
}

impl fmt::Display for OpenReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.fresh {
            return f.write_str("new");
        }
        let end = if self.clean { "closed properly" } else { "not closed properly" };
        write!(f, "{end}, {} records, {} replayed", self.records, self.replayed)?;
        if let Some(rebuilt) = &self.rebuilt {
            write!(f, ", index rebuilt because {}", rebuilt.reason)?;
        }
        if let Some((before, after)) = self.compacted {
            write!(f, ", index of {} KiB built anew with {} KiB", before >> 10, after >> 10)?;
        }
        self.repairs.iter().try_for_each(|repair| write!(f, "; {repair}"))
    }
}

/// An index that was rebuilt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rebuilt {
    /// What was wrong with the old one.
    pub reason: String,
    /// The directory it was moved to; `None` if there was none.
    pub aside: Option<PathBuf>,
}
