//! What the daemon answers to those who ask it.

mod detail;
mod figures;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use crate::hub::Feed;
use crate::hub::actor::{Query as HubQuery, WeakHubHandle};
use crate::metrics::{Counter, Metrics};
use crate::model::{RoomId, Timestamp};
use crate::net::voice::Voice;
use crate::store::Store;

use super::access::Peer;
use super::fields::{RoomNames, Row};
use super::monitor::Monitor;
use super::orders::{Orders, ProgressSink};
use super::round_trips::RoundTrips;
use super::tables::{NOW, Tables, ask, store_refusal};
use super::window::Query;
use super::wire::{Listen, Quality, Refusal, RefusalCode, Reply, Request, Rows, Window};
use super::{accounts, audit, rooms};
use detail::all_bans;

/// The most events in one answer.
const EVENTS_MAX: u32 = 10_000;

/// How the daemon is, in a word, with reasons if it is not well.
pub type Health = Arc<dyn Fn() -> (String, Vec<String>) + Send + Sync>;

/// What is counted at the socket itself.
#[derive(Default, Debug)]
pub struct SocketCounters {
    /// Connections accepted.
    pub accepted: Counter,
    /// Peers without rights.
    pub refused: Counter,
    /// Connections turned away because there were too many.
    pub too_many: Counter,
    /// Connections that sent what is no message.
    pub malformed: Counter,
    /// Connections that did not read for too long.
    pub stalled: Counter,
    /// Requests answered.
    pub answered: Counter,
}

impl SocketCounters {
    fn named(&self) -> [(&'static str, u64); 6] {
        [
            ("accepted", self.accepted.get()),
            ("refused", self.refused.get()),
            ("too_many", self.too_many.get()),
            ("malformed", self.malformed.get()),
            ("stalled", self.stalled.get()),
            ("answered", self.answered.get()),
        ]
    }
}

/// Everything that answers are made of.
pub struct Service {
    /// What the daemon gave it.
    pub parts: Parts,
    /// What is measured.
    pub monitor: Arc<Monitor>,
    /// When it was started.
    pub started: Instant,
    /// The rows of tables.
    pub(super) tables: Tables,
    /// How far away clients are.
    pub(super) trips: RoundTrips,
    /// Counters of the socket.
    pub counters: SocketCounters,
    /// Bytes of the store's files, as they were last looked at.
    store_bytes: AtomicU64,
}

/// What a [`Service`] has of the daemon.
pub struct Parts {
    /// The name of the server.
    pub server: String,
    /// A number of this run of the daemon.
    pub epoch: u64,
    /// The hub.
    pub hub: WeakHubHandle,
    /// The store.
    pub store: Store,
    /// Its directory.
    pub store_path: PathBuf,
    /// The counters of the daemon.
    pub metrics: Arc<Metrics>,
    /// The voice service, if there is one.
    pub voice: Option<Arc<Voice>>,
    /// What happens.
    pub feed: Arc<Feed>,
    /// Where the daemon listens.
    pub listen: Listen,
    /// How it is.
    pub health: Health,
    /// What carries out orders.
    pub orders: Orders,
}

impl Service {
    /// A service of these parts.
    pub fn new(parts: Parts) -> Arc<Service> {
        let tables = Tables::new(parts.hub.clone(), parts.store.clone(), parts.voice.clone());
        Arc::new(Service {
            parts,
            monitor: Arc::default(),
            started: Instant::now(),
            tables,
            trips: RoundTrips::default(),
            counters: SocketCounters::default(),
            store_bytes: AtomicU64::new(0),
        })
    }

    /// The answer to a request of `peer`.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] says for programs and people why there is none.
    pub async fn answer(
        &self,
        peer: &Peer,
        request: Request,
        progress: ProgressSink,
    ) -> Result<Reply, Refusal> {
        if peer.access < request.needs() {
            let text = format!("the user {} may not do that", peer.who.name);
            let (what, about) = request.named();
            self.parts.orders.refused(&peer.who, what, &about).await;
            return Err(Refusal { code: RefusalCode::Forbidden, text });
        }
        match request {
            Request::Status => Ok(Reply::Status(Box::new(self.status()))),
            Request::Performance => Ok(Reply::Performance(Box::new(self.performance().await))),
            Request::Users(window) => {
                let query = query::<crate::hub::rows::UserRow>(&window, false)?;
                let rooms = self.room_names(&query, NOW).await?;
                let rows = self.tables.users(NOW).await?;
                let cut = self.trips.cut(&query, rows, &rooms).await;
                Ok(Reply::Page(cut.page(Rows::Users)))
            }
            Request::Rooms(window) => {
                let query = query::<crate::hub::rows::RoomRow>(&window, false)?;
                let rows = self.tables.rooms(NOW).await?;
                Ok(Reply::Page(query.cut(&rows, &RoomNames::new()).page(Rows::Rooms)))
            }
            Request::Strikes(window) => {
                let query = query::<super::wire::StrikeRow>(&window, false)?;
                let rows = self.tables.strikes(NOW).await?;
                Ok(Reply::Page(query.cut(&rows, &RoomNames::new()).page(Rows::Strikes)))
            }
            Request::Bans => {
                let now = Timestamp::now();
                let rows = self.parts.store.read(move |reader| all_bans(reader, now)).await.flatten();
                Ok(Reply::Bans(rows.map_err(store_refusal)?))
            }
            Request::Closed => Ok(Reply::Closed(ask(&self.parts.hub, HubQuery::Closed).await?)),
            Request::Quality => {
                let mut rows = self.tables.users(NOW).await?;
                self.trips.fill(Arc::<Vec<_>>::make_mut(&mut rows)).await;
                let mut quality = Quality::default();
                rows.iter().for_each(|row| quality.count(row.rtt_micros, row.pending_bytes));
                Ok(Reply::Quality(Box::new(quality)))
            }
            Request::Activity { from, limit } => {
                let limit = limit.min(EVENTS_MAX);
                let last = self.parts.feed.next().saturating_sub(u64::from(limit));
                let slice =
                    self.parts.feed.since(from.unwrap_or(last), usize::try_from(limit).unwrap_or(usize::MAX));
                let entries = slice.entries.iter().map(|entry| (**entry).clone()).collect();
                // Who asks for the last ones misses none, however few there are.
                let missed = if from.is_some() { slice.missed } else { 0 };
                Ok(Reply::Activity { entries, missed, next: slice.next })
            }
            Request::User(target) => Ok(Reply::User(Box::new(self.user(target, NOW).await?))),
            Request::Room(room) => Ok(Reply::Room(Box::new(self.room(room).await?))),
            Request::Act(order) => self.parts.orders.act(order, peer, progress).await,
            Request::Accounts { after } => {
                let rows = self.parts.store.read(move |reader| accounts::rows(reader, after)).await.flatten();
                Ok(Reply::Accounts(rows.map_err(store_refusal)?))
            }
            Request::Account(target) => {
                let now = Timestamp::now();
                let found = self.parts.store.read(move |reader| accounts::detail(reader, &target, now)).await;
                let found = found.flatten().map_err(store_refusal)?;
                found.map(|found| Reply::Account(Box::new(found))).ok_or_else(no_such_user)
            }
            Request::Export(uid) => {
                let found =
                    self.parts.store.read(move |reader| accounts::export(reader, uid)).await.flatten();
                let found = found.map_err(store_refusal)?.ok_or_else(no_such_user)?;
                Ok(Reply::Export(found.to_string()))
            }
            Request::PermanentRooms => {
                let found = self.parts.store.read(rooms::rows).await.flatten();
                Ok(Reply::PermanentRooms(found.map_err(store_refusal)?))
            }
            Request::PermanentRoom(id) => {
                let found = self.parts.store.read(move |reader| rooms::detail(reader, id)).await.flatten();
                let found = found.map_err(store_refusal)?.ok_or_else(|| no_such_room(id))?;
                Ok(Reply::PermanentRoom(Box::new(found)))
            }
            Request::Audit(window) => {
                let found = self.parts.store.read(move |reader| audit::page(reader, window)).await.flatten();
                let (rows, next) = found.map_err(store_refusal)?;
                Ok(Reply::Audit { rows, next })
            }
            Request::Watch { .. } | Request::Unwatch(_) => {
                Err(invalid("views belong to a connection".to_owned()))
            }
        }
    }

    /// The names of rooms, if the query needs them.
    pub(super) async fn room_names(&self, query: &Query, age: Duration) -> Result<RoomNames, Refusal> {
        if !query.needs_rooms() {
            return Ok(RoomNames::new());
        }
        Ok(self.tables.rooms(age).await?.iter().map(|room| (room.id, room.name.clone())).collect())
    }
}

/// Understands a window.
pub(super) fn query<R: Row>(window: &Window, view: bool) -> Result<Query, Refusal> {
    Query::new::<R>(window, view).map_err(invalid)
}

fn no_such_room(id: RoomId) -> Refusal {
    Refusal { code: RefusalCode::NotFound, text: format!("there is no room {id}") }
}

fn no_such_user() -> Refusal {
    Refusal { code: RefusalCode::NotFound, text: "there is no such user".to_owned() }
}

fn invalid(text: String) -> Refusal {
    Refusal { code: RefusalCode::Invalid, text }
}
