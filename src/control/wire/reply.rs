//! What it is answered, and the news of what it watches.

use serde::{Deserialize, Serialize};

use crate::hub::FeedEntry;
use crate::hub::closed::ClosedRow;
use crate::model::RoomId;

use super::{
    AccountDetail, AccountRow, AuditRow, BanRow, Page, PageChange, Performance, PermanentRoom,
    PermanentRoomDetail, Quality, RoomDetail, Sample, Status, UserDetail,
};

/// The answer to a request.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// To [`Request::Status`](super::Request::Status).
    Status(Box<Status>),
    /// To [`Request::Performance`](super::Request::Performance).
    Performance(Box<Performance>),
    /// To [`Request::Users`](super::Request::Users), [`Request::Rooms`](super::Request::Rooms) and [`Request::Strikes`](super::Request::Strikes).
    Page(Page),
    /// To [`Request::Bans`](super::Request::Bans).
    Bans(Vec<BanRow>),
    /// To [`Request::Closed`](super::Request::Closed), the last first.
    Closed(Vec<ClosedRow>),
    /// To [`Request::Quality`](super::Request::Quality).
    Quality(Box<Quality>),
    /// To [`Request::Activity`](super::Request::Activity).
    Activity {
        /// The events, oldest first.
        entries: Vec<FeedEntry>,
        /// Events that were asked for and are not kept any more.
        missed: u64,
        /// The number to go on with.
        next: u64,
    },
    /// To [`Request::User`](super::Request::User).
    User(Box<UserDetail>),
    /// To [`Request::Room`](super::Request::Room).
    Room(Box<RoomDetail>),
    /// To what changes something, after it has: what happened, for people.
    Done(String),
    /// To [`Request::Accounts`](super::Request::Accounts).
    Accounts(Vec<AccountRow>),
    /// To [`Request::Account`](super::Request::Account).
    Account(Box<AccountDetail>),
    /// To [`Request::Export`](super::Request::Export): a JSON object.
    Export(String),
    /// To [`Request::PermanentRooms`](super::Request::PermanentRooms).
    PermanentRooms(Vec<PermanentRoom>),
    /// To [`Request::PermanentRoom`](super::Request::PermanentRoom).
    PermanentRoom(Box<PermanentRoomDetail>),
    /// To [`Order::CreateRoom`](super::Order::CreateRoom): the number of the new room.
    RoomCreated(RoomId),
    /// To [`Request::Audit`](super::Request::Audit).
    Audit {
        /// The entries, newest first.
        rows: Vec<AuditRow>,
        /// What to ask for as [`AuditWindow::before`](super::AuditWindow::before) to go on; `None` at the
        /// end of the log.
        next: Option<u64>,
    },
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
