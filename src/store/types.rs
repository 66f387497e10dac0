//! What the store keeps, as the rest of the program sees it.

mod audit;
mod guard;
mod sanctions;

use std::collections::BTreeSet;
use std::fmt;

pub(super) use audit::AuditMatcher;
pub use audit::{AuditActor, AuditEntry, AuditPage, AuditQuery, AuditRecord, AuditSubject, AuditTarget};
pub(super) use guard::is_setting_name;
pub use guard::{
    Filter, FilterAction, FilterConsequence, FilterKind, FilterList, FilterRecord, LinkAllow, LinkKind,
    SETTING_NAME_MAX, SETTING_VALUE_MAX,
};
pub use sanctions::{Ban, BanTarget, Mute, MuteKind, OffenceRecord, Sanctions, StrikeRecord, Warning};

use super::error::Rejection;
use crate::model::{
    Author, CategoryId, LinkRight, MessageText, Nickname, Privacy, Rating, Roles, RoomId, RoomKind, RoomName,
    SlowMode, Speakers, Timestamp, Uid,
};

/// The longest reason of a ban, mute, warning or entry in the audit log, in characters.
pub const REASON_MAX: usize = 200;

/// Refuses a text of more than `limit` characters.
fn short(field: &'static str, text: &str, limit: usize) -> Result<(), Rejection> {
    // A text of so few bytes need not be counted.
    if text.len() <= limit || text.chars().nth(limit).is_none() {
        Ok(())
    } else {
        Err(Rejection::TooManyCharacters { field, limit })
    }
}

fn check_author(author: &Author) -> Result<(), Rejection> {
    match author {
        Author::Operator { name, .. } => short("the operator's name", name, Author::NAME_MAX),
        Author::Staff { .. } | Author::System => Ok(()),
    }
}

/// A password hash in PHC form (`$argon2id$...`). `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// The longest hash, in bytes.
    pub const MAX: usize = 512;

    /// Takes a PHC string as it is; whether it is one is for the verifier to say.
    pub fn new(phc: impl Into<String>) -> PasswordHash {
        PasswordHash(phc.into())
    }

    /// The PHC string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// The secret question of an account and its answer. `Debug` hides the answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Hint {
    /// The number of the question in the client's list.
    pub question: u16,
    /// The answer as the client sent it, Windows-1252, at most [`Hint::MAX`] bytes.
    pub text: Vec<u8>,
}

impl Hint {
    /// The longest answer, in bytes.
    pub const MAX: usize = 256;
}

impl fmt::Debug for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hint({}, ..)", self.question)
    }
}

/// An account to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewAccount {
    /// The name; must not be taken in any case.
    pub nickname: Nickname,
    /// The hash of the password.
    pub password: PasswordHash,
    /// The email address, if given; at most [`EMAIL_MAX`](crate::model::EMAIL_MAX) bytes.
    pub email: Option<String>,
    /// The roles it begins with.
    pub roles: Roles,
    /// When it was made.
    pub created: Timestamp,
}

/// An account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// Its uid, never given to anybody else.
    pub uid: Uid,
    /// Its name.
    pub nickname: Nickname,
    /// The hash of its password.
    pub password: PasswordHash,
    /// Its email address.
    pub email: Option<String>,
    /// Its roles.
    pub roles: Roles,
    /// Who may contact it.
    pub privacy: Privacy,
    /// When it was made.
    pub created: Timestamp,
    /// The secret question, if one was set.
    pub hint: Option<Hint>,
    /// Whether staff have seen that its owner is of age.
    pub age_verified: bool,
}

/// A message that waits for its recipient.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OfflineMessage {
    /// Its number; later messages have higher ones, never reused.
    pub id: u64,
    /// Who sent it.
    pub from: Uid,
    /// The sender's name when it was sent.
    pub from_nickname: Nickname,
    /// When it was sent.
    pub at: Timestamp,
    /// What it says.
    pub text: MessageText,
}

/// A category of rooms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Category {
    /// Its number.
    pub id: CategoryId,
    /// Its name, Windows-1252, at most [`Category::NAME_MAX`] bytes.
    pub name: Vec<u8>,
    /// Its place in the list, ascending.
    pub position: u16,
}

impl Category {
    /// The longest name, in bytes.
    pub const NAME_MAX: usize = 100;
}

/// A permanent room. Byte strings are Windows-1252 and have at most [`RoomRecord::TEXT_MAX`] bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct RoomRecord {
    /// Its number.
    pub id: RoomId,
    /// Its name.
    pub name: RoomName,
    /// Its kind.
    pub kind: RoomKind,
    /// The category it is listed in.
    pub category: CategoryId,
    /// Whom it is for.
    pub rating: Rating,
    /// Its topic; may be empty.
    pub topic: Vec<u8>,
    /// What newcomers are told; may be empty.
    pub welcome: Vec<u8>,
    /// What one must know to come in.
    pub lockword: Option<Vec<u8>>,
    /// Who owns it; the account may be gone.
    pub owner: Option<Uid>,
    /// The code that makes one an admin, 1 to 9999.
    pub admin_code: Option<u16>,
    /// Whether newcomers may speak.
    pub new_user_mic: bool,
    /// Whether a red dot takes away text, too.
    pub reddot_text: bool,
    /// Whether a red dot takes away video, too.
    pub reddot_video: bool,
    /// How many may speak at once.
    pub speakers: Speakers,
    /// How long people have to wait between two messages.
    pub slowmode: SlowMode,
    /// Who may post links.
    pub links: LinkRight,
    /// Whom admins gave the right to post links; at most [`LinkRight::LINKERS_MAX`].
    pub linkers: BTreeSet<Uid>,
    /// When it was made.
    pub created: Timestamp,
}

impl RoomRecord {
    /// The longest topic, welcome message or lockword, in bytes.
    pub const TEXT_MAX: usize = 4096;

    /// A room without owner, lock and texts, in which everybody may do what users may.
    pub fn new(
        id: RoomId,
        name: RoomName,
        kind: RoomKind,
        category: CategoryId,
        rating: Rating,
        created: Timestamp,
    ) -> RoomRecord {
        RoomRecord {
            id,
            name,
            kind,
            category,
            rating,
            topic: Vec::new(),
            welcome: Vec::new(),
            lockword: None,
            owner: None,
            admin_code: None,
            new_user_mic: true,
            reddot_text: false,
            reddot_video: false,
            speakers: Speakers::ONE,
            slowmode: SlowMode::OFF,
            links: LinkRight::Everybody,
            linkers: BTreeSet::new(),
            created,
        }
    }
}

impl fmt::Debug for RoomRecord {
    // Without lockword and admin code, which are secrets of the room.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomRecord")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("category", &self.category)
            .field("rating", &self.rating)
            .field("locked", &self.lockword.is_some())
            .field("owner", &self.owner)
            .field("new_user_mic", &self.new_user_mic)
            .field("reddot_text", &self.reddot_text)
            .field("reddot_video", &self.reddot_video)
            .field("speakers", &self.speakers)
            .field("slowmode", &self.slowmode)
            .field("links", &self.links)
            .field("created", &self.created)
            .finish_non_exhaustive()
    }
}

/// How a user is kept out of a room.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ExclusionKind {
    /// Thrown out, for a while.
    Bounce,
    /// Kept out until somebody lets him in again.
    Ban,
}

/// A user who is kept out of a permanent room. `Debug` hides the reason, which are somebody's words.
#[derive(Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// Who.
    pub uid: Uid,
    /// His name when it was done.
    pub nickname: Nickname,
    /// When it ends; never if `None`.
    pub until: Option<Timestamp>,
    /// Who did it.
    pub by: Uid,
    /// When.
    pub at: Timestamp,
    /// Why, Windows-1252, at most [`Exclusion::REASON_MAX`] bytes; may be empty.
    pub reason: Vec<u8>,
}

impl Exclusion {
    /// The longest reason, in bytes.
    pub const REASON_MAX: usize = 500;

    /// Whether it holds at `now`.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl fmt::Debug for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exclusion")
            .field("uid", &self.uid)
            .field("until", &self.until)
            .field("by", &self.by)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// Everything that a sign-in needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignIn {
    /// The account.
    pub account: Account,
    /// Its pals, by uid. Entries whose account is gone are left out.
    pub pals: Vec<(Uid, Nickname)>,
    /// Whom it blocks, by uid. Entries whose account is gone are left out.
    pub blocks: Vec<(Uid, Nickname)>,
    /// How many messages wait for it.
    pub offline: usize,
    /// As of when all this is; `None` if changes were on their way when it was read.
    pub as_of: Option<AsOf>,
}

/// A state of the store in which every change submitted so far was durable and visible to readers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AsOf(pub(super) u64);
