//! The messages on the control socket.
//!
//! Each frame is a length (u32, little endian, of what follows) and one message in bincode, a
//! [`ClientMessage`] or a [`ServerMessage`]. Both sides say hello first. Then the client sends requests,
//! each with a number of its choice, and gets exactly one reply with that number; and it may watch views
//! ([`Request::Watch`]), whose updates are numbered from 0 without a gap. The first update of a view, and
//! any that follows where the client was too slow for the one before, holds the whole state again.

mod audit;
mod detail;
mod figures;
mod kept;
mod order;
mod page;
mod reply;
mod request;

use serde::{Deserialize, Serialize};

pub use audit::{AuditAbout, AuditRow, AuditWindow};
pub use detail::{RoomDetail, UserDetail};
pub use figures::{
    Listen, Peaks, Percentiles, Performance, QUEUE_CLASSES, Quality, Sample, Status, StorePerformance,
    TRIP_CLASSES,
};
pub use kept::{AccountDetail, AccountRow, PermanentRoom, PermanentRoomDetail, RoomPerson, RoomSettings};
pub use order::{AccountOrder, Order, RoomChanges};
pub use page::{BanRow, Identified, Mismatch, Page, PageChange, Rows, StrikeRow};
pub use reply::{Refusal, RefusalCode, Reply, Update};
pub use request::{BanTarget, Request, Target, View, Window};

/// The version of these messages. Another one is answered with a hello and the end of the connection.
pub const PROTOCOL: u16 = 4;
/// The longest frame from a client, in bytes.
pub const REQUEST_MAX: usize = 64 * 1024;
/// The longest frame from the daemon, in bytes.
pub const REPLY_MAX: usize = 16 * 1024 * 1024;
/// The most rows of a window.
pub const WINDOW_MAX: u32 = 500;
/// The most accounts in one answer.
pub const ACCOUNTS_MAX: usize = 5000;

/// What somebody may do through the socket; each may do what those before may.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Look.
    Observer,
    /// Look, kick, mute, warn, clear strikes, close, lock and slow down rooms.
    Moderator,
    /// Everything.
    Operator,
}

/// What the daemon says first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ServerHello {
    /// [`PROTOCOL`].
    pub protocol: u16,
    /// The version of the program.
    pub version: String,
    /// A number of this run of the daemon; after a restart it is another.
    pub epoch: u64,
    /// What the peer may do.
    pub access: Access,
    /// The name of the server.
    pub server: String,
}

/// What the client says first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClientHello {
    /// [`PROTOCOL`].
    pub protocol: u16,
    /// The version of the program.
    pub version: String,
    /// Whether the client wants to be able to look only.
    pub read_only: bool,
}

/// Everything that a client sends.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum ClientMessage {
    /// First.
    Hello(ClientHello),
    /// Something to be answered.
    Request {
        /// The client's number for it.
        id: u32,
        /// What.
        request: Request,
    },
}

/// Everything that the daemon sends.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum ServerMessage {
    /// First.
    Hello(ServerHello),
    /// The one answer to a request.
    Reply {
        /// The client's number of the request.
        id: u32,
        /// How it went.
        result: Result<Reply, Refusal>,
    },
    /// How far a long request has come; before its reply.
    Progress {
        /// The client's number of the request.
        id: u32,
        /// Steps done.
        done: u64,
        /// Steps in all; 0 if that is not known.
        of: u64,
    },
    /// News of a view.
    Update {
        /// The client's number of the view.
        view: u32,
        /// 0, then one more each time.
        seq: u64,
        /// What is new.
        update: Update,
    },
    /// The daemon ends the connection, and why.
    Goodbye(String),
}
