//! What those who run the place can do: staff in the chat, operators at the machine.
//!
//! Every such act is an [`Action`] and goes through [`State::act`](super::State::act), wherever it comes
//! from: there it is checked who may do it to whom ([`Permission`], [`Standing`]), there it is done, and
//! there its entry for the audit log is made. Change and entry are one change of the store, and who
//! asked reads the answer when that is durable: in the chat through the held outbox, elsewhere when the
//! commit answers ([`Via`]).

mod act;
mod action;
mod ban;
mod bans;
mod guard;
mod permission;
mod rooms;
mod server;

use std::fmt;

use crate::model::{Author, Nickname, Roles, Uid};
use crate::protocol::PacketType;
use crate::store::Change;

use super::feed::Named;
use super::{ConnId, Effect, Effects, Person, Session};

pub(super) use act::with_entry;
pub use action::{Action, BanWhom};
pub use bans::BanList;
pub use permission::{Permission, Standing};
pub use rooms::RoomSettings;
pub(super) use server::Maintenance;
pub use server::{MAINTENANCE_GRACE, MAINTENANCE_SETTING};

/// Who acts, and how high he stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Actor {
    /// Who, and from where.
    pub author: Author,
    /// How high.
    pub standing: Standing,
}

impl Actor {
    /// Somebody who is signed in, if he belongs to the staff.
    pub(super) fn in_chat(session: &Session) -> Option<Actor> {
        let standing = Standing::of(session.roles)?;
        Some(Actor { author: author(session), standing })
    }
}

/// A signed-in user as the author of something.
pub(super) fn author(session: &Session) -> Author {
    let Person { uid, nickname } = session.person;
    Author::Staff { uid, nickname, address: session.peer.to_canonical() }
}

impl From<&Author> for Named {
    fn from(author: &Author) -> Named {
        Named { uid: author.uid(), name: author.name().into() }
    }
}

/// Somebody who tried what he may not.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Trier {
    /// By his account.
    Account(Uid),
    /// By the number that the system has for him.
    Operator(u32),
}

/// Whom an action concerns: an account that was looked up, signed in or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subject {
    /// The account.
    pub person: Person,
    /// What the account may do.
    pub roles: Roles,
}

impl Subject {
    /// An account.
    pub fn new(uid: Uid, nickname: Nickname, roles: Roles) -> Subject {
        Subject { person: Person { uid, nickname }, roles }
    }

    pub(super) fn of(session: &Session) -> Subject {
        Subject { person: session.person, roles: session.roles }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (uid {})", self.person.nickname, self.person.uid)
    }
}

/// Why something was not done.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ActError {
    /// What it was about is not there.
    #[error("{0}")]
    NotFound(String),
    /// The actor may not do that.
    #[error("{0}")]
    Forbidden(String),
    /// It makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// Something else stands in the way.
    #[error("{0}")]
    Failed(String),
    /// The store has too much to do, or cannot write.
    #[error("{0}")]
    Busy(String),
}

/// Where the answer to an action goes, and by which way its change becomes durable.
pub enum Via<'a> {
    /// To a connection, whose outbox waits for the commit.
    Chat(ConnId),
    /// To somebody who commits the changes himself, in their order, and answers then.
    Desk(&'a mut Vec<Change>),
}

/// Changes as one, all or nothing: those in [`Change::WithAudit`] are taken out and put together.
pub(super) fn together(changes: Vec<Change>) -> Option<Change> {
    let mut changes = changes;
    if changes.len() <= 1 {
        return changes.pop();
    }
    let (mut all, mut audited) = (Vec::new(), Vec::new());
    for change in changes {
        match change {
            Change::WithAudit { changes, entries } => {
                all.extend(changes);
                audited.extend(entries);
            }
            change => all.push(change),
        }
    }
    Some(Change::WithAudit { changes: all, entries: audited })
}

impl Via<'_> {
    pub(super) fn commit(&mut self, change: Change, effects: &mut Effects) {
        match self {
            Via::Chat(conn) => {
                let request = PacketType::ROOM_MESSAGE_OUT;
                effects.push(Effect::Commit { conn: *conn, request, change });
            }
            Via::Desk(changes) => changes.push(change),
        }
    }
}
