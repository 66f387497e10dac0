//! The hub: all shared live state, changed by one task.
//!
//! [`State::apply`] takes one [`Command`] and the time, changes the state and says in [`Effect`]s
//! what has to happen outside: packets, durable changes, closed connections. It does no I/O, looks
//! at no clock and reads no store, so every rule of the service is tested in microseconds, and the
//! same commands always give the same effects. [`actor`] runs it.
//!
//! [`directory`](State) commands concern users; room commands concern what happens in a room. They
//! are kept apart so that rooms can one day be spread over several hubs by room id.

pub mod actor;
mod command;
mod directory;
mod effect;
pub mod peers;
mod rooms;
mod state;
#[cfg(test)]
mod tests;
pub mod voice;

pub use effect::{Effect, Effects};
pub use state::{CategoryEntry, Member, Room, Session, State};

use std::net::{IpAddr, Ipv4Addr};

use crate::model::{CategoryId, MessageText, Nickname, Privacy, Roles, RoomId, Status, Uid};
use crate::protocol::{Dialect, ServerPacket};

use peers::PeerCommand;

/// A connection, unique for the life of the daemon: slots are used again, generations are not.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ConnId {
    /// Index into tables of connections; dense.
    pub slot: u32,
    /// Tells the holders of one slot apart.
    pub generation: u32,
}

/// A user as others refer to him.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Person {
    /// Who.
    pub uid: Uid,
    /// How he spells himself.
    pub nickname: Nickname,
}

/// Everything the hub needs to know of a user who has just proved who he is.
#[derive(Debug)]
pub struct SignIn {
    /// The user.
    pub person: Person,
    /// How his client speaks.
    pub dialect: Dialect,
    /// What he may do.
    pub roles: Roles,
    /// Who may contact him.
    pub privacy: Privacy,
    /// The status he wants to begin with.
    pub status: Status,
    /// His pals.
    pub pals: Vec<Person>,
    /// Those whom he blocks.
    pub blocks: Vec<Person>,
    /// Where his client is.
    pub peer: IpAddr,
    /// The address by which his client reached the server.
    pub local: Ipv4Addr,
    /// Packets that open the session, sent after any older session of the user has been ended.
    pub greeting: Vec<ServerPacket>,
}

/// What a connection asks of the hub.
#[derive(Debug)]
pub enum Command {
    /// The user has proved who he is.
    SignIn(Box<SignIn>),
    /// The connection is gone.
    Disconnect,
    /// Something about users.
    Directory(DirectoryCommand),
    /// Something about a room.
    Room(RoomId, RoomCommand),
    /// Something about a call or a file.
    Peer(PeerCommand),
}

/// Requests about users: pals, presence, messages between two people, lists.
#[derive(Debug)]
pub enum DirectoryCommand {
    /// Change one's status.
    SetStatus(Status),
    /// Put somebody on the pal list.
    AddPal {
        /// The new pal.
        pal: Person,
        /// The names of everybody who may be on the list, for clients that get the whole list in
        /// answer; who is not on it is left out. Empty for 5.0, whose lists add.
        current: Vec<Person>,
    },
    /// Take somebody off the pal list.
    RemovePal(Uid),
    /// Block somebody.
    Block {
        /// Whom.
        target: Person,
        /// Whether he belongs to the staff, which cannot be blocked.
        staff: bool,
        /// The names of everybody who may be blocked, as for [`DirectoryCommand::AddPal`].
        current: Vec<Person>,
    },
    /// Stop blocking somebody.
    Unblock {
        /// Whom.
        target: Uid,
        /// The names of everybody who may be blocked, as for [`DirectoryCommand::AddPal`].
        current: Vec<Person>,
    },
    /// Say who may contact one.
    SetPrivacy(Privacy),
    /// An instant message.
    InstantMessage {
        /// The recipient.
        to: Uid,
        /// What is said.
        text: MessageText,
    },
    /// Tell the client about a user it does not know.
    UserInfo(Person),
    /// Count the rooms of each category.
    CountCategories,
    /// List the rooms of a category.
    ListCategory(CategoryId),
}

/// Requests about one room.
#[derive(Debug)]
pub enum RoomCommand {
    /// Enter.
    Join {
        /// The lockword typed by the user; empty if none.
        lockword: Vec<u8>,
        /// Whether he wants to come unseen.
        invisible: bool,
        /// The UDP port on which his client hears voice.
        udp_port: u16,
    },
    /// Leave.
    Leave,
    /// Say something, or a command if it begins with `/`.
    Message(MessageText),
    /// Send the user list again.
    Members,
    /// The voice connection was lost; from the voice service, in the name of the user.
    VoiceLost,
}
