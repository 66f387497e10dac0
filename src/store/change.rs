//! The changes that the store can make.

use crate::model::{CategoryId, MessageText, Privacy, Roles, RoomId, Timestamp, Uid};

use super::types::{
    AuditEntry, Ban, BanTarget, Category, Exclusion, ExclusionKind, Filter, Hint, LinkAllow, LinkKind, Mute,
    MuteKind, NewAccount, OffenceRecord, OfflineMessage, PasswordHash, RoomRecord, StrikeRecord, Warning,
};

/// The most pals of one account.
pub const PALS_MAX: usize = 500;
/// The most people one account blocks.
pub const BLOCKS_MAX: usize = 500;
/// The most users bounced, and the most banned, from one room.
pub const EXCLUSIONS_MAX: usize = 1000;
/// The most messages that wait for one account.
pub const MAILBOX_MAX: usize = 200;

/// The most bans, of accounts and networks together.
pub const BANS_MAX: usize = 100_000;
/// The most warnings that are kept of one account.
pub const WARNINGS_MAX: usize = 20;
/// The most settings that are changed at run time.
pub const SETTINGS_MAX: usize = 200;
/// The most filters.
pub const FILTERS_MAX: usize = 1000;
/// The most links that are allowed.
pub const LINKS_MAX: usize = 1000;
/// The most bans and mutes that one [`Change::ExpireSanctions`] deletes.
pub const EXPIRE_MAX: usize = 500;
/// The most changes, and the most entries for the audit log, in one [`Change::WithAudit`].
pub const CHANGES_MAX: usize = 16;

/// One change. Each is done completely or not at all, in the order of submission.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// Makes an account: [`Applied::Created`], or
    /// [`Rejection::NicknameTaken`](super::Rejection::NicknameTaken).
    CreateAccount(NewAccount),
    /// Replaces the password.
    SetPassword {
        /// Whose.
        uid: Uid,
        /// The new hash.
        hash: PasswordHash,
    },
    /// Sets or removes the secret question.
    SetHint {
        /// Whose.
        uid: Uid,
        /// The new one.
        hint: Option<Hint>,
    },
    /// Sets who may contact the account.
    SetPrivacy {
        /// Whose.
        uid: Uid,
        /// The new setting.
        privacy: Privacy,
    },
    /// Replaces the roles.
    SetRoles {
        /// Whose.
        uid: Uid,
        /// All roles from now on.
        roles: Roles,
    },
    /// Sets whether staff have seen that the owner is of age.
    SetAgeVerified {
        /// Whose.
        uid: Uid,
        /// The new setting.
        verified: bool,
    },
    /// Sets or removes the email address.
    SetEmail {
        /// Whose.
        uid: Uid,
        /// The new one.
        email: Option<String>,
    },
    /// Deletes the account, its name, its lists, its waiting messages, its entries in the lists
    /// of others and of rooms, and what is held against it: its ban, mutes, warnings, strikes and
    /// offences, since the uid is never given again. Messages it sent stay with their recipients;
    /// rooms it owned stay; bans of networks stay; the audit log stays as it is.
    DeleteAccount {
        /// Whose.
        uid: Uid,
    },
    /// Does as [`Change::DeleteAccount`], and deletes the messages it sent that still wait.
    EraseAccount {
        /// Whose.
        uid: Uid,
    },
    /// Puts somebody into a pal list, of at most [`PALS_MAX`].
    AddPal {
        /// Whose list.
        uid: Uid,
        /// The pal; must have an account.
        pal: Uid,
        /// When.
        at: Timestamp,
    },
    /// Takes somebody out of a pal list.
    RemovePal {
        /// Whose list.
        uid: Uid,
        /// The pal.
        pal: Uid,
    },
    /// Blocks somebody; at most [`BLOCKS_MAX`].
    Block {
        /// Who blocks.
        uid: Uid,
        /// Who is blocked; must have an account.
        blocked: Uid,
        /// When.
        at: Timestamp,
    },
    /// Ends a block.
    Unblock {
        /// Who blocks.
        uid: Uid,
        /// Who was blocked.
        blocked: Uid,
    },
    /// Keeps a message until its recipient signs in: [`Applied::Stored`]. At most [`MAILBOX_MAX`]
    /// wait for one account. The sender is an account or [`Uid::SERVICE`]. Dropped without a word
    /// ([`Applied::Unchanged`]) if the recipient blocks the sender, refused if he accepts messages
    /// from pals only and the sender is none.
    StoreOffline {
        /// The recipient.
        to: Uid,
        /// The sender.
        from: Uid,
        /// When it was sent.
        at: Timestamp,
        /// What it says.
        text: MessageText,
    },
    /// Reads the waiting messages sent after a moment: [`Applied::Offline`]. As a change it sees
    /// every message submitted before it, and none submitted after.
    LoadOffline {
        /// Whose.
        uid: Uid,
        /// Only messages sent later than this.
        newer_than: Timestamp,
    },
    /// Deletes the waiting messages with ids up to `through`.
    DropOffline {
        /// Whose.
        uid: Uid,
        /// The last id to delete.
        through: u64,
    },
    /// Fills a new store with the service user, categories and permanent rooms, all at once.
    /// Unchanged if that was done before.
    Seed {
        /// When.
        at: Timestamp,
    },
    /// Deletes the waiting messages that were sent before a moment: housekeeping, for the uids from
    /// [`Reader::offline_expired`](super::Reader::offline_expired).
    ExpireOffline {
        /// Whose.
        uid: Uid,
        /// Only messages sent earlier than this.
        before: Timestamp,
    },
    /// Changes nothing. It is answered when all changes submitted before are visible to readers.
    Barrier,
    /// Makes or replaces a category.
    PutCategory(Category),
    /// Deletes a category that no room is in.
    DeleteCategory(CategoryId),
    /// Makes or replaces a permanent room; its category must exist.
    PutRoom(RoomRecord),
    /// Deletes a permanent room and the lists of those who are kept out of it.
    DeleteRoom(RoomId),
    /// Keeps somebody out of a permanent room, or replaces the entry; at most [`EXCLUSIONS_MAX`].
    /// Entries of the room that have run out by then are deleted.
    Exclude {
        /// From which room; must exist.
        room: RoomId,
        /// In which way.
        kind: ExclusionKind,
        /// Whom.
        entry: Exclusion,
    },
    /// Lets somebody in again, or everybody.
    LetIn {
        /// Into which room.
        room: RoomId,
        /// From which list he is taken.
        kind: ExclusionKind,
        /// Whom; everybody if `None`.
        uid: Option<Uid>,
    },
    /// Bans an account, which must exist, or a network, or replaces the ban; at most [`BANS_MAX`].
    PutBan(Ban),
    /// Ends a ban.
    LiftBan {
        /// Of whom.
        target: BanTarget,
    },
    /// Mutes an account, or replaces its mute of the same kind.
    PutMute {
        /// Whom.
        uid: Uid,
        /// The mute.
        mute: Mute,
    },
    /// Ends a mute.
    LiftMute {
        /// Whose.
        uid: Uid,
        /// Which.
        kind: MuteKind,
    },
    /// Deletes up to [`EXPIRE_MAX`] bans and mutes that have run out, those first that ran out first:
    /// [`Applied::Expired`]. Housekeeping, to be repeated until it answers [`Applied::Unchanged`].
    ExpireSanctions {
        /// Those that no longer hold at this moment.
        now: Timestamp,
    },
    /// Warns an account: [`Applied::Warned`]. The last [`WARNINGS_MAX`] are kept.
    AddWarning {
        /// Whom.
        uid: Uid,
        /// The warning.
        warning: Warning,
    },
    /// Deletes all warnings of an account.
    ClearWarnings {
        /// Whose.
        uid: Uid,
    },
    /// Replaces what the limits on sending hold against an account.
    PutStrikes {
        /// Whom.
        uid: Uid,
        /// All of it from now on.
        record: StrikeRecord,
    },
    /// Deletes what the limits on sending hold against an account.
    ClearStrikes {
        /// Whose.
        uid: Uid,
    },
    /// Replaces what the detectors hold against an account, and whether they pass it over.
    PutOffences {
        /// Whom.
        uid: Uid,
        /// All of it from now on.
        record: OffenceRecord,
    },
    /// Deletes what the detectors hold against an account, or against everybody. Who is passed over
    /// remains so.
    ClearOffences {
        /// Whose; everybody's if `None`.
        uid: Option<Uid>,
    },
    /// Changes a setting at run time; at most [`SETTINGS_MAX`]. What names and values mean is for
    /// those who read them.
    SetSetting {
        /// The name, of letters, digits, `.`, `_` and `-`.
        name: String,
        /// The value.
        value: String,
    },
    /// Takes the change of a setting back.
    ClearSetting {
        /// Its name.
        name: String,
    },
    /// Makes a filter, [`Applied::Filter`], or replaces one, whose hits stay; at most [`FILTERS_MAX`].
    PutFilter {
        /// Which; a new one if `None`.
        id: Option<u32>,
        /// The filter.
        filter: Filter,
    },
    /// Deletes a filter.
    DeleteFilter {
        /// Which.
        id: u32,
    },
    /// Counts matches of filters: their numbers, each with how many more. Those of filters that are
    /// gone are dropped; at most [`FILTERS_MAX`].
    AddFilterHits(Vec<(u32, u64)>),
    /// Allows links, or replaces who allowed them; at most [`LINKS_MAX`].
    PutLink(LinkAllow),
    /// Allows links no longer.
    DeleteLink {
        /// Their kind.
        kind: LinkKind,
        /// Their text.
        text: String,
    },
    /// Appends to the audit log: [`Applied::Audited`].
    Audit(AuditEntry),
    /// Makes changes, each seeing what those before it did, and appends to the audit log what that
    /// was, all of it or nothing: [`Applied::All`]. If no change changes anything, nothing is
    /// appended, and the answer is [`Applied::Unchanged`]. At most [`CHANGES_MAX`] of either; none of
    /// the changes may be one of these.
    WithAudit {
        /// What to do.
        changes: Vec<Change>,
        /// What the audit log will say.
        entries: Vec<AuditEntry>,
    },
}

impl Change {
    /// Whether it never changes anything, and only waits its turn among those that do.
    pub(super) fn is_question(&self) -> bool {
        matches!(self, Change::Barrier | Change::LoadOffline { .. })
    }
}

/// What a change did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Applied {
    /// It is done and durable.
    Done,
    /// It was so already; nothing was written.
    Unchanged,
    /// The account has this uid.
    Created(Uid),
    /// The message has this id.
    Stored(u64),
    /// The waiting messages, oldest first.
    Offline(Vec<OfflineMessage>),
    /// The account has this many warnings now.
    Warned(usize),
    /// The new filter has this number.
    Filter(u32),
    /// The entry in the audit log has this number.
    Audited(u64),
    /// So many bans and mutes were deleted.
    Expired(usize),
    /// What each of several changes did.
    All(Vec<Applied>),
}
