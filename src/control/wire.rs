//! The messages on the control socket.
//!
//! Each frame is a length (u32, little endian, of what follows) and one message in bincode, a
//! [`ClientMessage`] or a [`ServerMessage`]. Both sides say hello first. Then the client sends requests,
//! each with a number of its choice, and gets exactly one reply with that number; and it may watch views
//! ([`Request::Watch`]), whose updates are numbered from 0 without a gap. The first update of a view, and
//! any that follows where the client was too slow for the one before, holds the whole state again.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::hub::FeedEntry;
use crate::hub::rows::{MemberRow, RoomRow, RoomUsage, Talker, UserRow};
use crate::model::{LinkRight, Rating, Role, RoomId, RoomKind, Timestamp, Uid};

/// The version of these messages. Another one is answered with a hello and the end of the connection.
pub const PROTOCOL: u16 = 2;
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

/// Something asked of the daemon.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Request {
    /// How the daemon is.
    Status,
    /// How fast it is.
    Performance,
    /// All users that match.
    Users(Window),
    /// All rooms that match.
    Rooms(Window),
    /// Everybody with strikes, a stage or a mute.
    Strikes(Window),
    /// All bans: of accounts, addresses and, with a nickname's sake, from rooms.
    Bans,
    /// The last events, or those from a number on.
    Activity {
        /// The number of the first; `None`: the last `limit`.
        from: Option<u64>,
        /// How many at most.
        limit: u32,
    },
    /// One user in detail.
    User(Target),
    /// One room in detail.
    Room(RoomId),
    /// Begins to watch a view under a number of the client's choice, in place of what was watched
    /// under it before.
    Watch {
        /// The number.
        view: u32,
        /// What.
        what: View,
    },
    /// Stops watching.
    Unwatch(u32),
    /// Does something.
    Act(Order),
    /// Accounts in the order of their uids, [`ACCOUNTS_MAX`] at most: the first ones, or those after one.
    Accounts {
        /// That one.
        after: Option<Uid>,
    },
    /// One account with what goes with it.
    Account(Target),
    /// Everything that is kept about an account.
    Export(Uid),
    /// All permanent rooms, as they are kept.
    PermanentRooms,
    /// All settings of a permanent room.
    PermanentRoom(RoomId),
}

impl Request {
    /// What one has to be allowed to ask it.
    pub fn needs(&self) -> Access {
        match self {
            Request::Act(order) => order.needs(),
            Request::Accounts { .. } | Request::Account(_) => Access::Moderator,
            // Its password and admin code are among it.
            Request::Export(_) | Request::PermanentRoom(_) => Access::Operator,
            Request::Status
            | Request::Performance
            | Request::Users(_)
            | Request::Rooms(_)
            | Request::Strikes(_)
            | Request::Bans
            | Request::Activity { .. }
            | Request::User(_)
            | Request::Room(_)
            | Request::PermanentRooms
            | Request::Watch { .. }
            | Request::Unwatch(_) => Access::Observer,
        }
    }
}

/// Whom an order concerns, as people type it. The daemon looks them up, signed in or not.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Target {
    /// By uid.
    Uid(Uid),
    /// By nickname; capitals do not count.
    Nickname(String),
}

/// Whom or what a ban concerns.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum BanTarget {
    /// An account.
    User(Target),
    /// An address or network, as in `192.0.2.0/24`.
    Network(String),
}

/// Something that changes something. Every order is written to the audit log.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Order {
    /// Disconnect a user.
    Kick {
        /// Whom.
        user: Target,
        /// Why; he reads it.
        reason: String,
    },
    /// Keep an account or network out.
    Ban {
        /// Whom.
        target: BanTarget,
        /// How long; for good if `None`.
        time: Option<Duration>,
        /// Why.
        reason: String,
    },
    /// Lift a ban.
    Unban {
        /// Whose.
        target: BanTarget,
        /// Why.
        reason: String,
    },
    /// Let nothing of a user through.
    Mute {
        /// Whom.
        user: Target,
        /// Voice, calls and files instead of texts.
        media: bool,
        /// How long; until it is lifted if `None`.
        time: Option<Duration>,
        /// Why.
        reason: String,
    },
    /// Lift a mute.
    Unmute {
        /// Whose.
        user: Target,
        /// That of voice, calls and files.
        media: bool,
        /// Why.
        reason: String,
    },
    /// Warn a user.
    Warn {
        /// Whom.
        user: Target,
        /// Why; he reads it.
        reason: String,
    },
    /// Forget somebody's strikes, stage and offences.
    ClearStrikes {
        /// Whose.
        user: Target,
        /// Why.
        reason: String,
    },
    /// Put everybody out of a room.
    CloseRoom {
        /// Which.
        room: RoomId,
        /// Why.
        reason: String,
    },
    /// Lock a room with a word, or open it.
    LockRoom {
        /// Which.
        room: RoomId,
        /// The word; open if `None`.
        lockword: Option<String>,
    },
    /// Set how long one has to wait between two messages.
    Slowmode {
        /// In which room; on the whole server if `None`.
        room: Option<RoomId>,
        /// Seconds; 0 is off.
        seconds: u16,
        /// Why.
        reason: String,
    },
    /// Say something to everybody.
    Broadcast {
        /// In which room only.
        room: Option<RoomId>,
        /// What.
        text: String,
    },
    /// Keep everybody but staff out, or let them in again.
    Maintenance {
        /// On or off.
        on: bool,
        /// What those read who are kept out; why, if it ends.
        message: String,
    },
    /// Do the housekeeping now.
    RunMaintenance {
        /// Why.
        reason: String,
    },
    /// Read the configuration again.
    Reload {
        /// Why.
        reason: String,
    },
    /// Write a backup to a file or directory on the daemon's machine.
    Backup {
        /// Where; absolute.
        path: String,
        /// How many of those in the directory are kept; all if `None`.
        keep: Option<u32>,
    },
    /// Stop the daemon.
    Shutdown {
        /// How long users have to say goodbye.
        grace: Duration,
        /// Why; they read it.
        reason: String,
    },
    /// Make, change or delete an account.
    Account(AccountOrder),
    /// Make a permanent room; answered with [`Reply::RoomCreated`].
    CreateRoom {
        /// Its name.
        name: String,
        /// Its kind.
        kind: RoomKind,
        /// What else it is like; a category has to be among it.
        changes: Box<RoomChanges>,
    },
    /// Change what a permanent room is like.
    SetRoom {
        /// Which.
        room: RoomId,
        /// What is changed.
        changes: Box<RoomChanges>,
    },
    /// Put everybody out of a permanent room and delete it.
    DeleteRoom {
        /// Which.
        room: RoomId,
        /// Why; those inside read it.
        reason: String,
    },
}

/// What is changed about a permanent room, as people type it. What is `None` stays as it was; an inner
/// `None` takes something away.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RoomChanges {
    /// The name.
    pub name: Option<String>,
    /// The line at the top of the window.
    pub topic: Option<String>,
    /// What newcomers are told.
    pub welcome: Option<String>,
    /// Whom it is for.
    pub rating: Option<Rating>,
    /// The word that opens it.
    pub lockword: Option<Option<String>>,
    /// Whose it is.
    pub owner: Option<Option<Uid>>,
    /// The number that makes people admins, 1 to 9999.
    pub admin_code: Option<Option<u16>>,
    /// The category, by name or number.
    pub category: Option<String>,
    /// How many may speak at once.
    pub speakers: Option<u16>,
    /// Seconds between two messages; 0 is off.
    pub slowmode: Option<u16>,
    /// Who may post links.
    pub links: Option<LinkRight>,
    /// Takes the right to post links from everybody who was given it.
    pub no_linkers: bool,
    /// Whether newcomers may speak.
    pub new_user_mic: Option<bool>,
    /// Whether a red dot takes away text, too.
    pub reddot_text: Option<bool>,
    /// Whether a red dot takes away video, too.
    pub reddot_video: Option<bool>,
}

/// What can be done with accounts. Passwords come as hashes, made where they were typed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum AccountOrder {
    /// Make one.
    Create {
        /// Its nickname.
        nickname: String,
        /// The hash of its password, a PHC string of Argon2.
        hash: String,
        /// Its email address.
        email: Option<String>,
        /// Its roles.
        roles: Vec<Role>,
    },
    /// Replace the password.
    SetPassword {
        /// Whose.
        uid: Uid,
        /// The hash of the new one, as in [`AccountOrder::Create`].
        hash: String,
    },
    /// Change settings.
    Set {
        /// Whose.
        uid: Uid,
        /// Roles to give.
        give: Vec<Role>,
        /// Roles to take.
        take: Vec<Role>,
        /// Whether staff have seen that the owner is of age; as it was if `None`.
        age_verified: Option<bool>,
        /// The email address, `Some(None)` for none; as it was if `None`.
        email: Option<Option<String>>,
    },
    /// Delete it, its lists, the messages that wait for it and what is held against it.
    Delete(Uid),
    /// Delete it and what it has said, too: messages that still wait for others.
    Erase(Uid),
}

impl Order {
    /// What one has to be allowed to give it.
    pub fn needs(&self) -> Access {
        match self {
            Order::Kick { .. }
            | Order::Mute { .. }
            | Order::Unmute { .. }
            | Order::Warn { .. }
            | Order::ClearStrikes { .. }
            | Order::CloseRoom { .. }
            | Order::LockRoom { .. }
            | Order::Slowmode { room: Some(_), .. } => Access::Moderator,
            Order::Ban { .. }
            | Order::Unban { .. }
            | Order::Slowmode { room: None, .. }
            | Order::Broadcast { .. }
            | Order::Maintenance { .. }
            | Order::RunMaintenance { .. }
            | Order::Reload { .. }
            | Order::Backup { .. }
            | Order::Shutdown { .. }
            | Order::Account(_)
            | Order::CreateRoom { .. }
            | Order::SetRoom { .. }
            | Order::DeleteRoom { .. } => Access::Operator,
        }
    }
}

/// The answer to a request.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// To [`Request::Status`].
    Status(Box<Status>),
    /// To [`Request::Performance`].
    Performance(Box<Performance>),
    /// To [`Request::Users`], [`Request::Rooms`] and [`Request::Strikes`].
    Page(Page),
    /// To [`Request::Bans`].
    Bans(Vec<BanRow>),
    /// To [`Request::Activity`].
    Activity {
        /// The events, oldest first.
        entries: Vec<FeedEntry>,
        /// Events that were asked for and are not kept any more.
        missed: u64,
        /// The number to go on with.
        next: u64,
    },
    /// To [`Request::User`].
    User(Box<UserDetail>),
    /// To [`Request::Room`].
    Room(Box<RoomDetail>),
    /// To what changes something, after it has: what happened, for people.
    Done(String),
    /// To [`Request::Accounts`].
    Accounts(Vec<AccountRow>),
    /// To [`Request::Account`].
    Account(Box<AccountDetail>),
    /// To [`Request::Export`]: a JSON object.
    Export(String),
    /// To [`Request::PermanentRooms`].
    PermanentRooms(Vec<PermanentRoom>),
    /// To [`Request::PermanentRoom`].
    PermanentRoom(Box<PermanentRoomDetail>),
    /// To [`Order::CreateRoom`]: the number of the new room.
    RoomCreated(RoomId),
}

/// An account that has to do with a room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RoomPerson {
    /// Its uid.
    pub uid: Uid,
    /// Its nickname; `None` if the account is gone.
    pub nickname: Option<String>,
}

/// A permanent room in a list, as it is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PermanentRoom {
    /// Its number.
    pub id: RoomId,
    /// Its name.
    pub name: String,
    /// The number of its category.
    pub category: u16,
    /// `G`, `R` or `A`.
    pub rating: char,
    /// Whether people can talk with their voices.
    pub voice: bool,
    /// Whether it is left out of lists.
    pub private: bool,
    /// Whether a lockword opens it.
    pub locked: bool,
    /// True.
    pub permanent: bool,
    /// How many may speak at once.
    pub speakers: u16,
    /// The line at the top of its window.
    pub topic: String,
    /// Whose it is.
    pub owner: Option<RoomPerson>,
}

/// All settings of a permanent room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PermanentRoomDetail {
    /// What stands in lists.
    pub room: PermanentRoom,
    /// The rest.
    pub settings: RoomSettings,
}

/// What a list of permanent rooms leaves out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RoomSettings {
    /// The name of its category; `None` if there is none of that number.
    pub category_name: Option<String>,
    /// What newcomers are told.
    pub welcome: String,
    /// The word that opens it.
    pub lockword: Option<String>,
    /// The number that makes people admins.
    pub admin_code: Option<u16>,
    /// Whether newcomers may speak.
    pub new_user_mic: bool,
    /// Whether a red dot takes away text, too.
    pub reddot_text: bool,
    /// Whether a red dot takes away video, too.
    pub reddot_video: bool,
    /// Seconds between two messages; 0 is off.
    pub slowmode: u16,
    /// Who may post links.
    pub links: LinkRight,
    /// Who was given the right to post links.
    pub linkers: Vec<RoomPerson>,
    /// How many are kept out for a day.
    pub bounces: u32,
    /// How many are kept out for good.
    pub bans: u32,
    /// When it was made, RFC 3339 in UTC.
    pub created: String,
}

/// An account in a list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AccountRow {
    /// Its uid.
    pub uid: Uid,
    /// Its nickname.
    pub nickname: String,
    /// Its roles, highest first.
    pub roles: Vec<Role>,
    /// The email address.
    pub email: Option<String>,
    /// Whether staff have seen that the owner is of age.
    pub age_verified: bool,
    /// When it was made, RFC 3339 in UTC.
    pub created: String,
}

/// An account with what goes with it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AccountDetail {
    /// The account itself.
    pub row: AccountRow,
    /// Who may contact it: `all`, `transfers` or `pals`.
    pub privacy: String,
    /// How many pals are on its list.
    pub pals: u32,
    /// How many it blocks.
    pub blocks: u32,
    /// How many messages wait for it.
    pub offline_messages: u32,
    /// Until when it is banned, in words, and why; `None` if it is not.
    pub banned: Option<String>,
}

/// Why a request was not done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// For programs.
    pub code: RefusalCode,
    /// For people.
    pub text: String,
}

/// The kinds of refusals.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// The peer may not do that.
    Forbidden,
    /// There is no such user, room or ban.
    NotFound,
    /// What was asked makes no sense, as a filter that cannot be read.
    Invalid,
    /// It was tried and failed.
    Failed,
    /// The daemon has too much to do.
    Busy,
}

/// Which rows of a table, and in which order. Sorting and filtering are the daemon's.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Window {
    /// A filter as in the console: `room:lobby strikes>1 idle>10m ip:10.0.0.0/8`; empty for all.
    pub filter: String,
    /// The column to sort by; empty for the usual one. Equals are in order of their ids.
    pub sort: String,
    /// The largest first.
    pub descending: bool,
    /// Rows to leave out at the beginning.
    pub offset: u32,
    /// Rows at most, up to [`WINDOW_MAX`] in a view; 0 in a request is all.
    pub limit: u32,
    /// In a view: moves the window so that the row with this id is in it, if there is one.
    pub follow: Option<u32>,
}

/// Something to be watched.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum View {
    /// Users.
    Users(Window),
    /// Rooms.
    Rooms(Window),
    /// Strikes.
    Strikes(Window),
    /// Events, beginning with as many of the last ones.
    Activity(u32),
    /// [`Status`], every second.
    Status,
    /// [`Performance`], every second, beginning with what was measured before.
    Metrics,
    /// One user; ends with [`Update::User`]`(None)` when he signs out.
    User(Uid),
    /// One room.
    Room(RoomId),
}

/// News of a view.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Update {
    /// The whole window.
    Page(Page),
    /// What has changed in it since the update before.
    Change(PageChange),
    /// Events, oldest first.
    Activity {
        /// The events.
        entries: Vec<FeedEntry>,
        /// Events that came before these and were left out.
        missed: u64,
    },
    /// How the daemon is.
    Status(Box<Status>),
    /// What was measured before: every second of the last minutes, and every minute of the last day.
    History {
        /// One a second, oldest first.
        seconds: Vec<Sample>,
        /// One a minute, oldest first.
        minutes: Vec<Sample>,
    },
    /// What was measured now, with everything else about speed.
    Metrics(Sample, Box<Performance>),
    /// A user; `None` when he has signed out.
    User(Option<Box<UserDetail>>),
    /// A room; `None` when it is gone.
    Room(Option<Box<RoomDetail>>),
}

/// A window into a table.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Page {
    /// How many rows there are without the filter.
    pub total: u32,
    /// How many match.
    pub matched: u32,
    /// Where the window begins among those.
    pub offset: u32,
    /// The rows.
    pub rows: Rows,
}

/// What has changed in a window.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PageChange {
    /// As in [`Page`].
    pub total: u32,
    /// As in [`Page`].
    pub matched: u32,
    /// As in [`Page`].
    pub offset: u32,
    /// The ids in the window, in their order.
    pub order: Vec<u32>,
    /// The rows that are new or different.
    pub rows: Rows,
}

impl Page {
    /// Brings a window up to date. An error means that the change does not belong to this window: the
    /// view has to be watched anew.
    pub fn apply(&mut self, change: PageChange) -> Result<(), Mismatch> {
        let PageChange { total, matched, offset, order, rows } = change;
        let rows = match (&mut self.rows, rows) {
            (Rows::Users(old), Rows::Users(new)) => Rows::Users(merge(old, new, &order)?),
            (Rows::Rooms(old), Rows::Rooms(new)) => Rows::Rooms(merge(old, new, &order)?),
            (Rows::Strikes(old), Rows::Strikes(new)) => Rows::Strikes(merge(old, new, &order)?),
            _ => return Err(Mismatch),
        };
        *self = Page { total, matched, offset, rows };
        Ok(())
    }
}

/// A change of another window than the one at hand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an update does not belong to what is shown")]
pub struct Mismatch;

/// A row with an id that stays the same as long as what it describes does.
pub trait Identified {
    /// The id.
    fn id(&self) -> u32;
}

impl Identified for UserRow {
    fn id(&self) -> u32 {
        self.uid.0
    }
}

impl Identified for RoomRow {
    fn id(&self) -> u32 {
        self.id.0
    }
}

impl Identified for StrikeRow {
    fn id(&self) -> u32 {
        self.uid.0
    }
}

fn merge<R: Identified + Clone>(old: &[R], new: Vec<R>, order: &[u32]) -> Result<Vec<R>, Mismatch> {
    let mut known: HashMap<u32, R> = old.iter().map(|row| (row.id(), row.clone())).collect();
    known.extend(new.into_iter().map(|row| (row.id(), row)));
    order.iter().map(|id| known.remove(id).ok_or(Mismatch)).collect()
}

/// Rows of one table.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Rows {
    /// Users.
    Users(Vec<UserRow>),
    /// Rooms.
    Rooms(Vec<RoomRow>),
    /// Strikes.
    Strikes(Vec<StrikeRow>),
}

/// Somebody whom the limits have caught.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StrikeRow {
    /// His uid.
    pub uid: Uid,
    /// His nickname.
    pub nickname: String,
    /// His strikes, 0 to 2.
    pub strikes: u8,
    /// His stage, 0 for none.
    pub stage: u16,
    /// Seconds for which he is still muted.
    pub muted_seconds: u64,
    /// All violations there were.
    pub violations: u32,
    /// The limit that was broken last: `COOLDOWN`, `WINDOW` or the name of a detector.
    pub last_reason: String,
    /// The figures of it.
    pub last_detail: String,
    /// When, RFC 3339 in UTC.
    pub last_at: Option<String>,
}

/// A ban in force.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BanRow {
    /// The nickname, or the address or network.
    pub target: String,
    /// `account`, `address` or `room`.
    pub scope: String,
    /// The room, if it is a ban from one.
    pub room: Option<RoomId>,
    /// When it ends, RFC 3339 in UTC; `None` if it does not.
    pub until: Option<String>,
    /// Why.
    pub reason: String,
    /// Who has given it.
    pub by: String,
    /// When, RFC 3339 in UTC.
    pub at: String,
}

/// How the daemon is.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are the documentation, and a contract")]
pub struct Status {
    pub version: String,
    pub pid: u32,
    pub uptime_seconds: u64,
    /// `ok`, `degraded` or `maintenance`.
    pub health: String,
    pub health_reasons: Vec<String>,
    pub connections: u64,
    pub users_online: u64,
    pub users_idle: u64,
    pub users_away: u64,
    /// Neither idle nor away.
    pub users_active: u64,
    pub peak_users: u64,
    /// The most since the start of what else rises and falls.
    pub peaks: Peaks,
    pub rooms_open: u64,
    pub messages_total: u64,
    pub messages_per_second: f64,
    pub deliveries_total: u64,
    pub offline_messages_pending: u64,
    pub voice_streams: u64,
    pub voice_listeners: u64,
    pub voice_packets_in: u64,
    pub voice_packets_out: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub memory_bytes: u64,
    pub cpu_percent: f64,
    pub listen: Listen,
    /// Connections that ended, by reason.
    #[serde(with = "by_name")]
    pub closed: Vec<(String, u64)>,
    /// Messages that the guard refused, by link.
    #[serde(with = "by_name")]
    pub refused: Vec<(String, u64)>,
    /// What else is counted since the start.
    #[serde(with = "by_name")]
    pub counters: Vec<(String, u64)>,
    /// What is counted at the control socket.
    #[serde(with = "by_name")]
    pub control: Vec<(String, u64)>,
    /// Who of those signed in has said most since he came, the first the most.
    pub top_talkers: Vec<Talker>,
    /// In which rooms most is said, in the same way.
    pub busiest_rooms: Vec<RoomUsage>,
}

/// The most of something at once since the start of the daemon, looked at every second.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are the documentation, and a contract")]
pub struct Peaks {
    pub connections: u64,
    pub rooms_open: u64,
    pub messages_per_second: f64,
    pub voice_streams: u64,
}

/// Counters with their names: an object where people and scripts read, a list on the control socket.
mod by_name {
    use serde::ser::{SerializeMap, Serializer};
    use serde::{Deserialize, Deserializer, Serialize};

    pub(super) fn serialize<S: Serializer>(
        counters: &[(String, u64)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return counters.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(counters.len()))?;
        for (name, count) in counters {
            map.serialize_entry(name, count)?;
        }
        map.end()
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(String, u64)>, D::Error> {
        if !deserializer.is_human_readable() {
            return Vec::deserialize(deserializer);
        }
        let map = std::collections::BTreeMap::<String, u64>::deserialize(deserializer)?;
        Ok(map.into_iter().collect())
    }
}

/// Where the daemon listens, as `ip:port`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Listen {
    /// The chat service.
    pub chat_tcp: Vec<String>,
    /// Voice over TCP.
    pub voice_tcp: Vec<String>,
    /// Voice over UDP.
    pub voice_udp: Vec<String>,
    /// The HTTP listener.
    pub http: Vec<String>,
}

/// How fast the daemon is.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are the documentation, and a contract")]
pub struct Performance {
    pub cpu_percent: f64,
    pub memory_bytes: u64,
    pub threads: u64,
    pub open_files: u64,
    pub hub_queue: u64,
    pub hub_busy_percent: f64,
    pub outbox_bytes: u64,
    pub slow_consumers_dropped: u64,
    pub store: StorePerformance,
    pub delivery_micros: Percentiles,
}

/// How fast the store is.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are the documentation, and a contract")]
pub struct StorePerformance {
    pub queries_total: u64,
    pub errors_total: u64,
    pub avg_query_micros: u64,
    pub p99_query_micros: u64,
    /// The last 100, oldest first.
    pub recent: Vec<u64>,
    pub commit_avg_micros: u64,
    pub size_bytes: u64,
}

/// How long something takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are the documentation, and a contract")]
pub struct Percentiles {
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub max: u64,
}

/// One measurement. Rates are per second.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Sample {
    /// When it was taken, in milliseconds since 1970.
    pub at: u64,
    /// Of one core.
    pub cpu_percent: f32,
    /// Resident memory.
    pub memory_bytes: u64,
    /// Chat connections.
    pub connections: u32,
    /// Users signed in.
    pub users: u32,
    /// Messages accepted.
    pub messages: f32,
    /// Packets put into outboxes.
    pub deliveries: f32,
    /// Bytes read and written on chat connections.
    pub bytes_in: f32,
    /// See [`Sample::bytes_in`].
    pub bytes_out: f32,
    /// Commands that wait for the hub.
    pub hub_queue: u32,
    /// Share of its time that the hub works.
    pub hub_busy_percent: f32,
    /// Bytes in all outboxes.
    pub outbox_bytes: u64,
    /// Clients dropped because they did not read.
    pub slow_dropped: f32,
    /// People who speak.
    pub voice_streams: u32,
    /// Packets of speech that came.
    pub voice_in: f32,
    /// Packets of speech that were passed on.
    pub voice_out: f32,
    /// Queries to the store.
    pub queries: f32,
    /// Mean time of a commit, in microseconds.
    pub commit_micros: u32,
    /// The time from reading a message to writing it, in microseconds: median.
    pub delivery_p50: u32,
    /// The same: of a hundred, the slowest but one.
    pub delivery_p99: u32,
}

/// A user in detail.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct UserDetail {
    /// The row, if he is signed in.
    pub row: Option<UserRow>,
    /// His uid.
    pub uid: Uid,
    /// His nickname.
    pub nickname: String,
    /// His roles.
    pub roles: Vec<Role>,
    /// His rooms with their names.
    pub rooms: Vec<(RoomId, String)>,
    /// His strikes, if any.
    pub strikes: Option<StrikeRow>,
    /// His warnings: when, by whom, why.
    pub warnings: Vec<(Timestamp, String, String)>,
    /// The ban and mutes of his account, in words.
    pub sanctions: Vec<String>,
    /// When the account was made.
    pub created: Timestamp,
    /// Where he is connected from, if he is.
    pub address: Option<IpAddr>,
    /// The last events about him, oldest first.
    pub events: Vec<FeedEntry>,
}

/// A room in detail.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RoomDetail {
    /// The row.
    pub row: RoomRow,
    /// Who is inside, in order of arrival.
    pub members: Vec<MemberRow>,
    /// The welcome text.
    pub welcome: String,
    /// Seconds of slowmode; 0 is off.
    pub slowmode: u16,
    /// Who is bounced or banned: nickname, until when, why.
    pub kept_out: Vec<(String, Option<Timestamp>, String)>,
    /// Listeners over TCP and UDP.
    pub listeners: (u32, u32),
    /// The last events in it, oldest first.
    pub events: Vec<FeedEntry>,
}
