//! The hub: all shared live state, changed by one task.
//!
//! [`State::apply`] takes one [`Command`] and the time, changes the state and says in [`Effect`]s
//! what has to happen outside: packets, durable changes, closed connections. It does no I/O, looks
//! at no clock and reads no store, so every rule of the service is tested in microseconds, and the
//! same commands always give the same effects. [`actor`] runs it.
//!
//! [`directory`](State) commands concern users; room commands concern what happens in a room. They
//! are kept apart so that rooms can one day be spread over several hubs by room id. What those do who
//! run the place goes through [`staff`], whether they type commands or sit at the machine.

pub mod actor;
mod acts;
pub mod chronicle;
pub mod closed;
mod command;
pub mod contacts;
mod directory;
pub mod doubt;
mod effect;
pub mod feed;
pub mod guard;
mod idle;
pub mod lookup;
pub mod peers;
pub mod renewal;
mod rooms;
pub mod rows;
pub mod rules;
pub mod sanctions;
pub mod settings;
pub mod staff;
mod state;
#[cfg(test)]
mod tests;
mod upkeep;
pub mod voice;

pub use acts::GuardRecords;
pub use effect::{Effect, Effects};
pub use feed::{Event, EventKind, Feed, FeedEntry};
pub use rooms::{Entry, Member, NewRoom, Power, Rank, Room};
pub use state::{CategoryEntry, Session, State};

use std::net::{IpAddr, Ipv4Addr};

use crate::model::{CategoryId, MessageText, Nickname, Privacy, Roles, RoomId, Status, Uid};
use crate::protocol::{Dialect, ServerPacket};
use crate::store::{AsOf, ExclusionKind};

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
    /// Whether staff have seen that he is of age.
    pub age_verified: bool,
    /// Where his client is.
    pub peer: IpAddr,
    /// The address by which his client reached the server.
    pub local: Ipv4Addr,
    /// When it is known that no message waited for him, if it is.
    pub nothing_as_of: Option<AsOf>,
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
    /// What the store has answered to the question of a command; from the hub's own task.
    Found(command::Typed, Box<lookup::Finding>),
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
    /// Open a room.
    CreateRoom(Box<NewRoom>),
    /// Open a private voice room and invite people to it.
    OpenPrivateRoom {
        /// Whom.
        guests: Vec<Uid>,
        /// The UDP port on which the client hears voice.
        udp_port: u16,
    },
    /// Enter one's own room.
    JoinOwnRoom {
        /// The UDP port on which the client hears voice.
        udp_port: u16,
    },
    /// Enter the room of somebody as its admin.
    JoinRoomOf {
        /// Whose room.
        owner: Uid,
        /// The admin code; 0 for none.
        code: u32,
        /// The UDP port on which the client hears voice.
        udp_port: u16,
    },
    /// Enter the room with this name.
    JoinByName {
        /// The name, unchecked.
        name: Vec<u8>,
        /// The lockword typed by the user; empty if none.
        lockword: Vec<u8>,
        /// Whether he wants to come unseen.
        invisible: bool,
        /// The UDP port on which the client hears voice.
        udp_port: u16,
    },
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
    /// Enter as an admin.
    JoinWithCode {
        /// The admin code; 0 for none.
        code: u32,
        /// The UDP port on which the client hears voice.
        udp_port: u16,
    },
    /// Invite somebody.
    Invite(Uid),
    /// Close the room.
    Close,
    /// Set the topic.
    SetTopic(Vec<u8>),
    /// Raise or lower one's own hand.
    Hand(bool),
    /// Listen to the room's voice, or switch it off for oneself.
    Listen(bool),
    /// Lower everybody's hand.
    LowerAllHands,
    /// Give or take everybody's microphone.
    SetAllMics(bool),
    /// Say whether newcomers may speak.
    NewUserMic(bool),
    /// Set or lift a red dot.
    RedDot {
        /// Whose; [`Uid::EVERYBODY`] for all.
        uid: Uid,
        /// Set or lift.
        on: bool,
    },
    /// Say whether a red dot takes away text, too.
    RedDotTakesText(bool),
    /// Say whether a red dot takes away video, too.
    RedDotTakesVideo(bool),
    /// Say why somebody is about to be bounced.
    BounceReason {
        /// Who.
        uid: Uid,
        /// Why.
        reason: Vec<u8>,
    },
    /// Throw somebody out for a day.
    Bounce(Uid),
    /// Keep somebody out for good.
    Ban {
        /// Whom.
        target: Person,
        /// Whether he belongs to the staff, which cannot be banned.
        staff: bool,
    },
    /// Let somebody in again who was bounced or banned.
    LetIn {
        /// From which list he is taken.
        kind: ExclusionKind,
        /// Whom; everybody if `None`.
        uid: Option<Uid>,
    },
    /// Send what the admin console shows.
    AdminInfo,
    /// Make somebody an admin for this visit, or no longer.
    SetAdmin {
        /// Whom.
        uid: Uid,
        /// Make or unmake.
        on: bool,
    },
    /// Complain about somebody.
    Report {
        /// About whom.
        uid: Uid,
        /// What is said.
        text: MessageText,
    },
    /// Ignore what somebody says, or no longer.
    Ignore {
        /// Whom.
        uid: Uid,
        /// Ignore or not.
        on: bool,
    },
}
