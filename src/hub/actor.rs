//! The task that owns the [`State`], and how commands reach it.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep;
use tracing::{debug, info, warn};

use crate::link::{Hold, Outbox};
use crate::metrics::Metrics;
use crate::model::{CloseReason, Now, RoomId, Timestamp, Uid};
use crate::protocol::{Dialect, PacketType, ServerPacket};
use crate::store::{Applied, Change, OfflineMessage, Rejection, Store, StoreError};

use super::directory::PALS_ONLY;
use super::feed::{Event, EventKind, Feed, Level, Named};
use super::lookup::{Finding, Lookup, Question};
use super::peers::{Orders, RelayOrder};
use super::renewal::Renewal;
use super::rows::{Population, RoomInside, RoomRow, UserRow};
use super::rules::{self, Rules};
use super::settings::Settings;
use super::staff::{ActError, Action, Actor, Via, together};
use super::voice::VoicePlane;
use super::{Command, ConnId, DirectoryCommand, Effect, Effects, RoomCommand, State};

#[cfg(test)]
mod tests;

/// Commands that wait for the hub at most; a reader that finds it full waits, and TCP pushes back.
const INBOX: usize = 8192;
/// Commands applied before the connections they concern are woken. Large enough that under load one
/// wake-up and one write carry many frames, small enough that a turn stays in the low milliseconds.
const TURN: usize = 512;
/// Questions of those who run the place that wait at most.
const DESK: usize = 64;
/// Whose client has sent nothing for so long counts as idle.
const IDLE_AFTER: Duration = Duration::from_secs(5 * 60);
/// Bytes of kept messages delivered at once; the rest follows when these have been written.
const OFFLINE_CHUNK: usize = 64 * 1024;

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
    inbox: mpsc::Sender<Queued>,
    desk: mpsc::Sender<Query>,
    metrics: Arc<Metrics>,
    maintenance: watch::Receiver<Option<String>>,
}

/// A command that waits, and since when, if its way is measured.
struct Queued {
    envelope: Envelope,
    stamp: Option<Instant>,
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

/// What the hub works with besides its state.
pub struct Hub {
    state: State,
    links: Vec<Option<Link>>,
    store: Store,
    metrics: Arc<Metrics>,
    /// Messages kept before this age are not delivered any more.
    offline_age: Option<std::time::Duration>,
    started: Instant,
    inbox: mpsc::Receiver<Queued>,
    desk: mpsc::Receiver<Query>,
    /// When the message that is being served was read, if its way is measured.
    stamp: Option<Instant>,
    maintenance: watch::Sender<Option<String>>,
    feed: Arc<Feed>,
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
        offline_age: Option<std::time::Duration>,
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
                count = commands => return count > 0,
                () = sleep(due.unwrap_or_default()), if due.is_some() => return true,
            }
        }
    }

    fn answer(&mut self, query: Query) {
        let now = Now { wall: Timestamp::now(), uptime: self.started.elapsed() };
        // Who has gone away does not want the answer any more.
        match query {
            Query::Users(to) => drop(to.send(self.user_rows(now))),
            Query::Rooms(to) => drop(to.send(self.state.room_rows())),
            Query::Room(room, to) => drop(to.send(self.state.room_inside(now, room))),
            Query::Population(to) => drop(to.send(self.population(now))),
            Query::Pulse(to) => drop(to.send(())),
            Query::Configure(settings, to) => {
                self.offline_age = settings.offline_messages;
                self.state.configure(*settings);
                _ = to.send(());
            }
            Query::ForgetExpired(to) => {
                self.state.sanctions.expire(now.wall);
                _ = to.send(());
            }
            Query::Announce(text, to) => {
                let everybody: Vec<ConnId> = self.state.connections().collect();
                let count = everybody.len() as u64;
                self.deliver(everybody, None, &ServerPacket::Announcement(text));
                self.wakers.drain(..).for_each(Waker::wake);
                _ = to.send(count);
            }
            Query::Renew(uid, renewal, to) => {
                self.aside(|state, now, effects| state.renew(now, uid, renewal, effects));
                _ = to.send(());
            }
            Query::Act { actor, action, answer } => self.act(&actor, action, answer),
        }
    }

    /// Does something for somebody at the desk, who is answered when it is durable.
    fn act(&mut self, actor: &Actor, action: Action, answer: oneshot::Sender<Result<String, ActError>>) {
        let mut changes = Vec::new();
        let result = self.aside(|state, now, effects| {
            state.act(now, actor, action, &mut Via::Desk(&mut changes), effects)
        });
        match together(changes) {
            Some(change) => self.store.submit(change, move |stored| {
                let result = match stored {
                    Ok(_) => result,
                    Err(error) => Err(ActError::Busy(refusal(&error).to_owned())),
                };
                drop(answer.send(result));
            }),
            None => drop(answer.send(result)),
        }
        self.renew_rules();
    }

    /// Runs a command again whose question was answered, and asks the next.
    fn resume(&mut self, envelope: Envelope) {
        let Envelope { conn, command, .. } = envelope;
        self.looking = false;
        self.resuming = true;
        self.aside(|state, now, effects| state.apply(now, conn, command, effects));
        self.resuming = false;
        self.renew_rules();
        self.look_up();
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

    /// Asks the store the next question, unless one is being asked.
    fn look_up(&mut self) {
        if self.looking {
            return;
        }
        let Some(Lookup { conn, typed, question }) = self.lookups.pop_front() else { return };
        self.looking = true;
        let (store, finder) = (self.store.clone(), self.finder.clone());
        tokio::spawn(async move {
            let finding = match question {
                Question::Turn => Finding::Turn,
                question => match store.commit(Change::Barrier).await {
                    Ok(_) => store.read(move |reader| question.ask(reader)).await.unwrap_or(Finding::Failed),
                    Err(_) => Finding::Failed,
                },
            };
            let command = Command::Found(typed, Box::new(finding));
            // Once the hub has ended nobody waits any more.
            _ = finder.send(Envelope { conn, command, outbox: None });
        });
    }

    fn population(&mut self, now: Now) -> Population {
        self.look_who_sends(now);
        let mut population = self.state.population();
        for link in self.links.iter().flatten() {
            population.outbox_bytes += link.outbox.len() as u64;
            if now.uptime.saturating_sub(link.last_sent.1) >= IDLE_AFTER {
                population.idle += 1;
            } else if self.state.session(link.conn).is_some_and(|session| !session.status.is_away()) {
                population.active += 1;
            }
        }
        population
    }

    /// Notes who has sent anything since the last look. A clock read at each packet would cost more
    /// than this does, once a second.
    fn look_who_sends(&mut self, now: Now) {
        for link in self.links.iter_mut().flatten() {
            let (sent, _) = link.outbox.traffic();
            if sent != link.last_sent.0 {
                link.last_sent = (sent, now.uptime);
            }
        }
    }

    fn user_rows(&mut self, now: Now) -> Vec<UserRow> {
        self.look_who_sends(now);
        let rows = self.state.connections().filter_map(|conn| {
            let mut row = self.state.user_row(now, conn)?;
            if let Some(link) = self.link(conn) {
                (row.bytes_in, row.bytes_out) = link.outbox.traffic();
                row.pending_bytes = link.outbox.len() as u64;
                row.idle_seconds = now.uptime.saturating_sub(link.last_sent.1).as_secs();
            }
            Some(row)
        });
        rows.collect()
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

    /// Publishes the voice rooms that changed in this turn, each once.
    fn publish_voice(&mut self, now: Timestamp) {
        let Some(voice) = self.voice.as_ref().filter(|_| !self.voice_changed.is_empty()) else { return };
        self.voice_changed.sort_unstable();
        self.voice_changed.dedup();
        let rooms = self.voice_changed.drain(..).map(|room| Arc::new(self.state.voice_room(now, room)));
        voice.publish(rooms.collect());
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

    fn perform_all(&mut self, now: Now, effects: &mut Effects) {
        loop {
            for effect in effects.drain() {
                self.perform(now, effect);
            }
            // After what was said in good faith, so that the clients see it in this order.
            let Some(order) = self.refused.pop() else { break };
            self.state.order_refused(now, order, effects);
        }
        let message = self.state.maintenance();
        self.maintenance.send_if_modified(|known| {
            let changed = known.as_deref() != message;
            if changed {
                *known = message.map(str::to_owned);
            }
            changed
        });
    }

    fn perform(&mut self, now: Now, effect: Effect) {
        match effect {
            Effect::Send { to, packet } => self.deliver([to], None, &packet),
            Effect::ToMany { to, packet } => self.deliver(to, None, &packet),
            Effect::ToRoom { room, except, packet } => {
                // The members are lent out for the loop, which needs the hub itself.
                let Some(members) = self.state.take_members(room) else { return };
                self.deliver(members.iter().map(|member| member.conn), except, &packet);
                self.state.return_members(room, members);
            }
            Effect::Commit { conn, request, change } => self.commit(conn, request, change),
            Effect::LoadOffline { conn, uid } => self.load_offline(now, conn, uid),
            Effect::Close { conn, reason, last } => {
                if let Some(link) = self.link(conn) {
                    let mut bytes = Vec::new();
                    last.encode(link.dialect, &mut bytes);
                    link.outbox.close(reason, &bytes);
                }
            }
            Effect::VoiceChanged(room) => {
                if self.voice.is_some() {
                    self.voice_changed.push(room);
                }
            }
            Effect::ProbeVoice(address) => {
                if let Some(voice) = &self.voice {
                    voice.probe(address);
                }
            }
            Effect::Relay(order) => self.relay(order),
            Effect::Lookup(lookup) => {
                if self.resuming {
                    self.lookups.push_front(*lookup);
                } else {
                    self.lookups.push_back(*lookup);
                    self.look_up();
                }
            }
            Effect::Keep(change) => self.store.submit(change, |result| {
                if let Err(error) = result {
                    warn!(%error, "something that was counted is not kept");
                }
            }),
            Effect::Accepted => self.metrics.messages.increment(),
            Effect::Refused(link) => self.metrics.refused(link),
            Effect::RenewRules => self.rules_stale = true,
            Effect::Event(event) => {
                log_event(&event);
                self.feed.push(now.wall, *event);
            }
        }
    }

    /// If what the guard goes by has changed, has it compiled anew from what is in the store once
    /// everything that was submitted so far is.
    fn renew_rules(&mut self) {
        if !std::mem::take(&mut self.rules_stale) {
            return;
        }
        self.rules_wanted += 1;
        let (wanted, store, done) = (self.rules_wanted, self.store.clone(), self.rules_sender.clone());
        tokio::spawn(async move {
            let rules = match store.commit(Change::Barrier).await {
                Ok(_) => store.read(rules::read).await,
                Err(error) => Err(error),
            };
            match rules.and_then(|rules| rules) {
                // Once the hub has ended nobody waits any more.
                Ok(rules) => drop(done.send((wanted, rules))),
                Err(error) => warn!(%error, "changed filters are not in force"),
            }
        });
    }

    /// Puts compiled rules in force, unless newer ones are on their way.
    fn rules_compiled(&mut self, (wanted, rules): (u64, Rules)) {
        if wanted == self.rules_wanted {
            self.state.install_rules(rules);
        }
    }

    fn relay(&mut self, order: RelayOrder) {
        let Some(relays) = &self.relays else { return };
        if let Err(order) = relays.give(order) {
            warn!("too many files and calls wait to be carried; one is refused");
            self.refused.push(order);
        }
    }

    /// Puts a packet into the outboxes of `to`, encoding it once for each dialect among them.
    fn deliver(
        &mut self,
        to: impl IntoIterator<Item = ConnId>,
        except: Option<ConnId>,
        packet: &ServerPacket,
    ) {
        let mut encoded = Encoded::new(packet);
        let mut delivered = 0;
        let mut last = None;
        let mut wakers = mem::take(&mut self.wakers);
        for conn in to {
            if Some(conn) == except {
                continue;
            }
            let Some(link) = self.link(conn) else { continue };
            wakers.extend(link.outbox.push(encoded.bytes(link.dialect)));
            delivered += 1;
            if self.stamp.is_some() {
                last = Some(Arc::clone(&link.outbox));
            }
        }
        if let Some(outbox) = last
            && let Some(stamp) = self.stamp.take()
        {
            let metrics = Arc::clone(&self.metrics);
            outbox.when_written(Box::new(move || metrics.delivery.add_since(stamp)));
        }
        self.wakers = wakers;
        self.metrics.deliveries.add(delivered);
    }

    /// Holds the asking connection's outbox until the change is durable.
    fn commit(&self, conn: ConnId, request: PacketType, change: Change) {
        let link = self.link(conn);
        let hold = link.map(|link| (link.outbox.hold(), link.dialect, Arc::clone(&link.outbox)));
        let metrics = Arc::clone(&self.metrics);
        // Lists have been changed here already; a message for later changes nothing here.
        let changed_here = !matches!(change, Change::StoreOffline { .. });
        self.store.submit(change, move |result| {
            let mut frames = Vec::new();
            if let Ok(Applied::Stored(_)) = &result {
                metrics.offline_stored.increment();
            }
            let Some((hold, dialect, outbox)) = hold else { return };
            let Err(error) = result else { return hold.release(&[], None) };
            if error == StoreError::Failed {
                // The process is about to end; what was not stored must not be acknowledged.
                return;
            }
            let packet = ServerPacket::ReturnCode { request, code: 0x78, data: refusal(&error).into() };
            packet.encode(dialect, &mut frames);
            if changed_here {
                // What this session shows is not what the store has. The next sign-in sets it right;
                // the answers behind the held place never leave.
                warn!(?conn, %error, "a change was not stored; ending the session");
                outbox.close(CloseReason::StoreBusy, &frames);
            } else {
                hold.release(&frames, None);
            }
        });
    }

    fn load_offline(&self, now: Now, conn: ConnId, uid: Uid) {
        if let Some(link) = self.link(conn) {
            let newer_than = self.offline_age.map_or(Timestamp(0), |age| now.wall.before(age));
            deliver_offline(self.store.clone(), Arc::clone(&link.outbox), link.dialect, uid, newer_than);
        }
    }
}

/// Loads the messages that were kept for a user and puts them into a held place of the outbox, in
/// pieces: each follows when the one before has been written.
fn deliver_offline(store: Store, outbox: Arc<Outbox>, dialect: Dialect, uid: Uid, newer_than: Timestamp) {
    let hold = outbox.hold();
    let kept = store.clone();
    store.submit(Change::LoadOffline { uid, newer_than }, move |result| match result {
        Ok(Applied::Offline(messages)) if !messages.is_empty() => {
            OfflineDelivery { store: kept, outbox, dialect, uid, messages: messages.into() }.deliver(hold);
        }
        Err(StoreError::Failed) => {}
        _ => hold.release(&[], None),
    });
}

/// Kept messages on their way to a client.
struct OfflineDelivery {
    store: Store,
    outbox: Arc<Outbox>,
    dialect: Dialect,
    uid: Uid,
    messages: VecDeque<OfflineMessage>,
}

impl OfflineDelivery {
    /// Puts the next piece into the held place. Its messages are dropped from the store when they
    /// have been written and the client has sent something after that; until then they stay, and are
    /// delivered again at the next sign-in: twice is better than never.
    fn deliver(mut self, hold: Hold) {
        let mut frames = Vec::new();
        let mut through = 0;
        while frames.len() < OFFLINE_CHUNK
            && let Some(message) = self.messages.pop_front()
        {
            through = message.id;
            offline_packet(&message).encode(self.dialect, &mut frames);
        }
        let written = move || {
            let (store, uid) = (self.store.clone(), self.uid);
            self.outbox.when_heard(Box::new(move || {
                store.submit(Change::DropOffline { uid, through }, |_| {});
            }));
            if !self.messages.is_empty() {
                let hold = self.outbox.hold();
                self.deliver(hold);
            }
        };
        hold.release(&frames, Some(Box::new(written)));
    }
}

fn is_message(command: &Command) -> bool {
    matches!(
        command,
        Command::Room(_, RoomCommand::Message(_))
            | Command::Directory(DirectoryCommand::InstantMessage { .. })
    )
}

fn log_event(event: &Event) {
    let name = |named: &Option<Named>| named.as_ref().map(|named| named.name.clone());
    let (kind, actor, target) = (event.kind.name(), name(&event.actor), name(&event.target));
    let room = event.room.as_ref().map(|(id, _)| id.0);
    match (event.kind, event.kind.level()) {
        // Every step of everybody would drown the rest.
        (EventKind::Join | EventKind::Leave, _) => debug!(kind, ?actor, room),
        // People's words are kept out of all but the most talkative logs.
        (EventKind::Report, _) => {
            warn!(kind, ?actor, ?target, room);
            debug!(kind, text = ?event.text);
        }
        // The form of this line is for tools that read logs.
        (EventKind::Strike, _) => {
            let uid = event.actor.as_ref().and_then(|actor| actor.uid).map(|uid| uid.0);
            info!(uid, nickname = ?actor.unwrap_or_default(), room, "{}", event.text);
        }
        (_, Level::Warning) => warn!(kind, ?actor, ?target, room, text = ?event.text),
        _ => info!(kind, ?actor, ?target, room, text = ?event.text),
    }
}

fn offline_packet(message: &OfflineMessage) -> ServerPacket {
    ServerPacket::ImIn {
        sender: message.from,
        stamp: Some(message.at.offline_stamp()),
        text: (&message.text).into(),
    }
}

fn refusal(error: &StoreError) -> &'static str {
    match error {
        StoreError::Rejected(Rejection::NoSuchAccount) => "There is no such user.",
        StoreError::Rejected(Rejection::MailboxFull { .. }) => "This user's mailbox is full.",
        StoreError::Rejected(Rejection::PalsOnly) => PALS_ONLY,
        StoreError::Rejected(_) => "This cannot be done.",
        _ => "The server is busy. Please try again in a moment.",
    }
}

/// One packet in the bytes of each dialect that was asked for.
struct Encoded<'a> {
    packet: &'a ServerPacket,
    same: bool,
    bytes: [Option<Vec<u8>>; Dialect::ALL.len()],
}

impl<'a> Encoded<'a> {
    fn new(packet: &'a ServerPacket) -> Encoded<'a> {
        Encoded { packet, same: packet.same_for_all_dialects(), bytes: Default::default() }
    }

    fn bytes(&mut self, dialect: Dialect) -> &[u8] {
        let index = if self.same { 0 } else { dialect.index() };
        let Some(entry) = self.bytes.get_mut(index) else { return &[] };
        entry.get_or_insert_with(|| {
            let mut bytes = Vec::new();
            self.packet.encode(dialect, &mut bytes);
            bytes
        })
    }
}
