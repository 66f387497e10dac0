//! How commands and questions reach the hub.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot, watch};

use crate::link::Outbox;
use crate::metrics::Metrics;
use crate::model::{RoomId, Uid};

use super::super::closed::ClosedRow;
use super::super::renewal::Renewal;
use super::super::rows::{Population, RoomInside, RoomRow, UserRow};
use super::super::settings::Settings;
use super::super::staff::{ActError, Action, Actor};
use super::super::{Command, ConnId, DirectoryCommand, RoomCommand};

/// Commands that wait for the hub at most; a reader that finds it full waits, and TCP pushes back.
pub(super) const INBOX: usize = 8192;

/// A command on its way to the hub.
pub struct Envelope {
    /// Who asks.
    pub conn: ConnId,
    /// What for.
    pub command: Command,
    /// The outbox of the connection; with [`Command::SignIn`] only.
    pub outbox: Option<Arc<Outbox>>,
}

/// A question of those who run the place. They have an inbox of their own, which is looked into first:
/// the server must answer them when it is busiest.
pub enum Query {
    /// Everybody signed in.
    Users(oneshot::Sender<Vec<UserRow>>),
    /// All rooms.
    Rooms(oneshot::Sender<Vec<RoomRow>>),
    /// A room from inside; `None` if there is no such room.
    Room(RoomId, oneshot::Sender<Option<RoomInside>>),
    /// Who has signed out lately, the last first.
    Closed(oneshot::Sender<Vec<ClosedRow>>),
    /// How many users and rooms there are.
    Population(oneshot::Sender<Population>),
    /// Nothing but an answer: a sign of life.
    Pulse(oneshot::Sender<()>),
    /// Other rules from now on.
    Configure(Box<Settings>, oneshot::Sender<()>),
    /// Forgets mutes and bans that have run out.
    ForgetExpired(oneshot::Sender<()>),
    /// Shows a text to everybody signed in; the answer is how many they are.
    Announce(Vec<u8>, oneshot::Sender<u64>),
    /// Brings what has become of an account, in the store already, to who is signed in to it.
    Renew(Uid, Renewal, oneshot::Sender<()>),
    /// Does something. Answered when it is durable, with what happened, for people.
    Act {
        /// Who acts.
        actor: Actor,
        /// What is to be done.
        action: Action,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<String, ActError>>,
    },
}

/// A way to the hub.
#[derive(Clone)]
pub struct HubHandle {
    pub(super) inbox: mpsc::Sender<Queued>,
    pub(super) desk: mpsc::Sender<Query>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) maintenance: watch::Receiver<Option<String>>,
}

/// A command that waits, and since when, if its way is measured.
pub(super) struct Queued {
    pub(super) envelope: Envelope,
    pub(super) stamp: Option<Instant>,
}

impl HubHandle {
    /// Hands over a command, or gives it back if the hub has no room now.
    pub fn try_send(&self, envelope: Envelope) -> Result<(), Envelope> {
        match self.inbox.try_reserve() {
            Ok(place) => {
                place.send(self.stamped(envelope));
                Ok(())
            }
            Err(_) => Err(envelope),
        }
    }

    /// Hands over a command and waits for room if there is none. Once the hub has ended, commands
    /// vanish: the connections are being closed then.
    pub async fn send(&self, envelope: Envelope) {
        _ = self.inbox.send(self.stamped(envelope)).await;
    }

    /// The way of a message now and then is measured, from here to the socket of a recipient.
    fn stamped(&self, envelope: Envelope) -> Queued {
        let stamp = if is_message(&envelope.command) { self.metrics.delivery.stamp() } else { None };
        Queued { envelope, stamp }
    }

    /// The same way, without keeping the hub running.
    pub fn downgrade(&self) -> WeakHubHandle {
        WeakHubHandle {
            inbox: self.inbox.downgrade(),
            desk: self.desk.downgrade(),
            metrics: Arc::clone(&self.metrics),
            maintenance: self.maintenance.clone(),
        }
    }

    /// What those read who are kept out by maintenance, if there is any; changes as soon as that does.
    pub fn maintenance(&self) -> watch::Receiver<Option<String>> {
        self.maintenance.clone()
    }

    /// Asks the hub and waits for the answer; `None` if it has ended.
    pub async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Query) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.desk.send(question(answer)).await.ok()?;
        answered.await.ok()
    }

    /// Commands that wait for the hub.
    pub fn queue_len(&self) -> usize {
        INBOX.saturating_sub(self.inbox.capacity())
    }
}

/// A way to the hub that does not keep it running: the voice service is known to the hub, and the hub
/// ends when nobody can reach it any more.
#[derive(Clone)]
pub struct WeakHubHandle {
    inbox: mpsc::WeakSender<Queued>,
    desk: mpsc::WeakSender<Query>,
    metrics: Arc<Metrics>,
    maintenance: watch::Receiver<Option<String>>,
}

impl WeakHubHandle {
    /// The way to the hub, unless it has ended or is about to.
    pub fn upgrade(&self) -> Option<HubHandle> {
        Some(HubHandle {
            inbox: self.inbox.upgrade()?,
            desk: self.desk.upgrade()?,
            metrics: Arc::clone(&self.metrics),
            maintenance: self.maintenance.clone(),
        })
    }
}

fn is_message(command: &Command) -> bool {
    matches!(
        command,
        Command::Room(_, RoomCommand::Message(_))
            | Command::Directory(DirectoryCommand::InstantMessage { .. })
    )
}
