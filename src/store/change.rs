//! The changes that the store can make.

use crate::model::{CategoryId, MessageText, Privacy, Roles, RoomId, Timestamp, Uid};

use super::types::{
    Category, Exclusion, ExclusionKind, Hint, NewAccount, OfflineMessage, PasswordHash, RoomRecord,
};

/// The most pals of one account.
pub const PALS_MAX: usize = 500;
/// The most people one account blocks.
pub const BLOCKS_MAX: usize = 500;
/// The most users bounced, and the most banned, from one room.
pub const EXCLUSIONS_MAX: usize = 1000;
/// The most messages that wait for one account.
pub const MAILBOX_MAX: usize = 200;

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
    /// Deletes the account, its name, its lists, its waiting messages, and its entries in the lists
    /// of others and of rooms. Messages it sent stay with their recipients; rooms it owned stay.
    DeleteAccount {
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
}
