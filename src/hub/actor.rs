//! The task that owns the [`State`], and how commands reach it.

mod ask;
mod commit;
mod deliver;
mod desk;
mod doubts;
mod handle;
mod log;
mod offline;
mod perform;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tracing::debug;

use crate::link::Outbox;
use crate::metrics::Metrics;
use crate::model::{Now, RoomId, Timestamp};
use crate::protocol::Dialect;
use crate::store::Store;

use super::closed::Closed;
use super::feed::Feed;
use super::lookup::Lookup;
use super::peers::{Orders, RelayOrder};
use super::rules::Rules;
use super::voice::VoicePlane;
use super::{Command, ConnId, Effects, State};

use doubts::Doubts;
pub use handle::{Envelope, HubHandle, Query, WeakHubHandle};
use handle::{INBOX, Queued};

/// Commands applied before the connections they concern are woken. Large enough that under load one
/// wake-up and one write carry many frames, small enough that a turn stays in the low milliseconds.
const TURN: usize = 512;
/// Questions of those who run the place that wait at most.
const DESK: usize = 64;

/// What the hub works with besides its state.
pub struct Hub {
    state: State,
    links: Vec<Option<Link>>,
    store: Store,
    metrics: Arc<Metrics>,
    /// Messages kept before this age are not delivered any more.
    offline_age: Option<Duration>,
    started: Instant,
    inbox: mpsc::Receiver<Queued>,
    desk: mpsc::Receiver<Query>,
    /// When the message that is being served was read, if its way is measured.
    stamp: Option<Instant>,
    maintenance: watch::Sender<Option<String>>,
    feed: Arc<Feed>,
    closed: Closed,
    wakers: Vec<Waker>,
    /// Questions for the store, in their order; one is asked at a time.
    lookups: VecDeque<Lookup>,
    /// Whether one is being asked.
    looking: bool,
    /// Whether a command is being run again; what it asks is asked next.
    resuming: bool,
    found: mpsc::UnboundedReceiver<Envelope>,
    finder: mpsc::UnboundedSender<Envelope>,
    voice: Option<Arc<dyn VoicePlane>>,
    /// Rooms to publish to the voice service at the end of the turn.
    voice_changed: Vec<RoomId>,
    relays: Option<Orders>,
    /// Filters and links that were compiled, with the number of the order, and the way for more.
    rules_done: mpsc::UnboundedReceiver<(u64, Rules)>,
    rules_sender: mpsc::UnboundedSender<(u64, Rules)>,
    /// Whether filters or links were changed in this turn.
    rules_stale: bool,
    /// How often they were to be compiled: only the newest are put in force.
    rules_wanted: u64,
    doubts: Doubts,
    /// Orders that found no place; what they were for is ended at the end of the command.
    refused: Vec<RelayOrder>,
}

struct Link {
    conn: ConnId,
    dialect: Dialect,
    outbox: Arc<Outbox>,
    /// How much the client had sent when that was last looked at, and when it was first so much.
    last_sent: (u64, Duration),
}

impl Hub {
    /// A hub over `state`, and the handle to it.
    pub fn new(
        state: State,
        store: Store,
        metrics: Arc<Metrics>,
        offline_age: Option<Duration>,
    ) -> (Hub, HubHandle) {
        let (sender, inbox) = mpsc::channel(INBOX);
        let (desk_sender, desk) = mpsc::channel(DESK);
        let (finder, found) = mpsc::unbounded_channel();
        let (rules_sender, rules_done) = mpsc::unbounded_channel();
        let (maintenance, kept_out) = watch::channel(state.maintenance().map(str::to_owned));
        let handle = HubHandle {
            inbox: sender,
            desk: desk_sender,
            metrics: Arc::clone(&metrics),
            maintenance: kept_out,
        };
        let hub = Hub {
            state,
            links: Vec::new(),
            store,
            metrics,
            offline_age,
            started: Instant::now(),
            inbox,
            desk,
            stamp: None,
            maintenance,
            feed: Feed::new(1),
            closed: Closed::default(),
            wakers: Vec::new(),
            lookups: VecDeque::new(),
            looking: false,
            resuming: false,
            found,
            finder,
            voice: None,
            voice_changed: Vec::new(),
            relays: None,
            rules_done,
            rules_sender,
            rules_stale: false,
            rules_wanted: 0,
            doubts: Doubts::new(),
            refused: Vec::new(),
        };
        (hub, handle)
    }

    /// Has the hub publish to this voice service.
    pub fn set_voice(&mut self, plane: Arc<dyn VoicePlane>) {
        self.voice = Some(plane);
    }

    /// Gives what files and calls need carried to whoever reads from the other end of `relays`.
    #[must_use]
    pub fn with_relays(mut self, relays: Orders) -> Hub {
        self.relays = Some(relays);
        self
    }

    /// The next command that was sent, which is not followed.
    #[cfg(test)]
    pub(crate) async fn received(&mut self) -> Envelope {
        self.inbox.recv().await.expect("somebody can send").envelope
    }

    /// Whether no command waits.
    #[cfg(test)]
    pub(crate) fn nothing_received(&mut self) -> bool {
        self.inbox.is_empty()
    }

    /// Writes what happens into this feed.
    #[must_use]
    pub fn with_feed(mut self, feed: Arc<Feed>) -> Hub {
        self.feed = feed;
        self
    }

    /// Runs until every handle is gone.
    pub async fn run(mut self) {
        let mut batch = Vec::with_capacity(TURN);
        let mut effects = Effects::default();
        while self.receive(&mut batch).await {
            let began = Instant::now();
            let now = Now { wall: Timestamp::now(), uptime: self.started.elapsed() };
            self.state.tick(now, &mut effects);
            let links = &self.links;
            self.state.sweep_idle(
                now,
                |conn| {
                    let link = links.get(conn.slot as usize).and_then(Option::as_ref);
                    link.is_none_or(|link| link.conn != conn || link.outbox.take_stirred())
                },
                &mut effects,
            );
            self.perform_all(now, &mut effects);
            for Queued { envelope, stamp } in batch.drain(..) {
                self.stamp = stamp;
                self.turn(now, envelope, &mut effects);
            }
            self.publish_voice(now.wall);
            self.renew_rules();
            self.stamp = None;
            for waker in self.wakers.drain(..) {
                waker.wake();
            }
            self.metrics.hub_busy(began.elapsed());
        }
        if let Some(hits) = self.state.take_hits() {
            self.store.submit(hits, |_| {});
        }
        debug!("hub ended");
    }

    /// Waits for commands, but no longer than until the state has something to do by itself.
    /// Returns whether the hub goes on.
    async fn receive(&mut self, batch: &mut Vec<Queued>) -> bool {
        loop {
            // Answers may change it.
            let due = self.state.due().into_iter().chain(self.state.idle_due()).min();
            let due = due.map(|due| due.saturating_sub(self.started.elapsed()));
            let commands = self.inbox.recv_many(batch, TURN);
            tokio::select! {
                biased;
                Some(query) = self.desk.recv() => self.answer(query),
                Some(envelope) = self.found.recv() => self.resume(envelope),
                Some(done) = self.rules_done.recv() => self.rules_compiled(done),
                Some(word) = self.doubts.words.recv() => self.hear(word),
                count = commands => return count > 0,
                () = sleep(due.unwrap_or_default()), if due.is_some() => return true,
            }
        }
    }

    /// Does something between two turns.
    fn aside<T>(&mut self, act: impl FnOnce(&mut State, Now, &mut Effects) -> T) -> T {
        let now = Now { wall: Timestamp::now(), uptime: self.started.elapsed() };
        let mut effects = Effects::default();
        let result = act(&mut self.state, now, &mut effects);
        self.perform_all(now, &mut effects);
        self.publish_voice(now.wall);
        for waker in self.wakers.drain(..) {
            waker.wake();
        }
        result
    }

    fn turn(&mut self, now: Now, envelope: Envelope, effects: &mut Effects) {
        let Envelope { conn, command, outbox } = envelope;
        if let (Command::SignIn(sign_in), Some(outbox)) = (&command, outbox) {
            let last_sent = (outbox.traffic().0, now.uptime);
            self.attach(Link { conn, dialect: sign_in.dialect, outbox, last_sent });
        }
        let gone = matches!(command, Command::Disconnect);
        let signs_in = matches!(command, Command::SignIn(_));
        self.state.apply(now, conn, command, effects);
        if signs_in {
            let metrics = &self.metrics;
            let signed_in = self.state.session(conn).is_some();
            if signed_in { &metrics.sign_ins } else { &metrics.sign_ins_refused }.increment();
        }
        self.perform_all(now, effects);
        if gone
            && let Some(entry) = self.links.get_mut(conn.slot as usize)
            && entry.as_ref().is_some_and(|link| link.conn == conn)
        {
            *entry = None;
        }
    }

    fn attach(&mut self, link: Link) {
        let slot = link.conn.slot as usize;
        if self.links.len() <= slot {
            self.links.resize_with(slot + 1, || None);
        }
        if let Some(entry) = self.links.get_mut(slot) {
            *entry = Some(link);
        }
    }

    fn link(&self, conn: ConnId) -> Option<&Link> {
        self.links.get(conn.slot as usize)?.as_ref().filter(|link| link.conn == conn)
    }
}
