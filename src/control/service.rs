//! What the daemon answers to those who ask it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task;

use crate::hub::actor::{Query as HubQuery, WeakHubHandle};
use crate::hub::{Feed, FeedEntry};
use crate::metrics::times::Spread;
use crate::metrics::{Counter, Metrics};
use crate::model::{CloseReason, Link, Nickname, RoomId, Timestamp, Uid, to_cp1252};
use crate::net::voice::Voice;
use crate::store::{Account, BanTarget, Reader, Sanctions, Store, StoreError};

use super::access::Peer;
use super::accounts;
use super::fields::{RoomNames, Row};
use super::monitor::Monitor;
use super::orders::{Orders, ProgressSink};
use super::process;
use super::tables::{NOW, Tables, ask, store_refusal, strike_row};
use super::window::Query;
use super::wire::{
    BanRow, Listen, Percentiles, Performance, Refusal, RefusalCode, Reply, Request, RoomDetail, Rows, Status,
    StorePerformance, Target, UserDetail, Window,
};

/// The most events in one answer.
const EVENTS_MAX: u32 = 10_000;
/// Events shown with a user or room.
const EVENTS_OF_ONE: usize = 50;

/// How the daemon is, in a word, with reasons if it is not well.
pub type Health = Arc<dyn Fn() -> (String, Vec<String>) + Send + Sync>;

/// What is counted at the socket itself.
#[derive(Default, Debug)]
pub struct SocketCounters {
    /// Connections accepted.
    pub accepted: Counter,
    /// Peers without rights.
    pub refused: Counter,
    /// Connections that sent what is no message.
    pub malformed: Counter,
    /// Connections that did not read for too long.
    pub stalled: Counter,
    /// Requests answered.
    pub answered: Counter,
}

/// Everything that answers are made of.
pub struct Service {
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
    /// What is measured.
    pub monitor: Arc<Monitor>,
    /// Where the daemon listens.
    pub listen: Listen,
    /// When it was started.
    pub started: Instant,
    /// How it is.
    pub health: Health,
    /// What carries out orders.
    pub orders: Orders,
    /// The rows of tables.
    pub(super) tables: Tables,
    /// Counters of the socket.
    pub counters: SocketCounters,
    /// Bytes of the store's files, as they were last looked at.
    store_bytes: AtomicU64,
}

/// What a [`Service`] is made of.
pub struct Parts {
    /// As in [`Service`].
    pub server: String,
    /// As in [`Service`].
    pub epoch: u64,
    /// As in [`Service`].
    pub hub: WeakHubHandle,
    /// As in [`Service`].
    pub store: Store,
    /// As in [`Service`].
    pub store_path: PathBuf,
    /// As in [`Service`].
    pub metrics: Arc<Metrics>,
    /// As in [`Service`].
    pub voice: Option<Arc<Voice>>,
    /// As in [`Service`].
    pub feed: Arc<Feed>,
    /// As in [`Service`].
    pub listen: Listen,
    /// As in [`Service`].
    pub health: Health,
    /// As in [`Service`].
    pub orders: Orders,
}

impl Service {
    /// A service of these parts.
    pub fn new(parts: Parts) -> Arc<Service> {
        let Parts { server, epoch, hub, store, store_path, metrics, voice, feed, listen, health, orders } =
            parts;
        let tables = Tables::new(hub.clone(), store.clone(), voice.clone());
        Arc::new(Service {
            server,
            epoch,
            hub,
            store,
            store_path,
            metrics,
            voice,
            feed,
            monitor: Arc::default(),
            listen,
            started: Instant::now(),
            health,
            orders,
            tables,
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
            let text = format!("{} may not do that", peer.name);
            return Err(Refusal { code: RefusalCode::Forbidden, text });
        }
        match request {
            Request::Status => Ok(Reply::Status(Box::new(self.status()))),
            Request::Performance => Ok(Reply::Performance(Box::new(self.performance().await))),
            Request::Users(window) => {
                let query = query::<crate::hub::rows::UserRow>(&window, false)?;
                let rooms = self.room_names(&query, NOW).await?;
                let rows = self.tables.users(NOW).await?;
                Ok(Reply::Page(query.cut(&rows, &rooms).page(Rows::Users)))
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
                let rows = self.store.read(move |reader| all_bans(reader, now)).await.flatten();
                Ok(Reply::Bans(rows.map_err(store_refusal)?))
            }
            Request::Activity { from, limit } => {
                let limit = limit.min(EVENTS_MAX);
                let last = self.feed.next().saturating_sub(u64::from(limit));
                let slice =
                    self.feed.since(from.unwrap_or(last), usize::try_from(limit).unwrap_or(usize::MAX));
                let entries = slice.entries.iter().map(|entry| (**entry).clone()).collect();
                // Who asks for the last ones misses none, however few there are.
                let missed = if from.is_some() { slice.missed } else { 0 };
                Ok(Reply::Activity { entries, missed, next: slice.next })
            }
            Request::User(target) => Ok(Reply::User(Box::new(self.user(target, NOW).await?))),
            Request::Room(room) => Ok(Reply::Room(Box::new(self.room(room).await?))),
            Request::Act(order) => self.orders.act(order, peer, progress).await.map(Reply::Done),
            Request::Accounts { after } => {
                let rows = self.store.read(move |reader| accounts::rows(reader, after)).await.flatten();
                Ok(Reply::Accounts(rows.map_err(store_refusal)?))
            }
            Request::Account(target) => {
                let now = Timestamp::now();
                let found = self.store.read(move |reader| accounts::detail(reader, &target, now)).await;
                let found = found.flatten().map_err(store_refusal)?;
                found.map(|found| Reply::Account(Box::new(found))).ok_or_else(no_such_user)
            }
            Request::Export(uid) => {
                let found = self.store.read(move |reader| accounts::export(reader, uid)).await.flatten();
                let found = found.map_err(store_refusal)?.ok_or_else(no_such_user)?;
                Ok(Reply::Export(found.to_string()))
            }
            Request::Watch { .. } | Request::Unwatch(_) => {
                Err(invalid("views belong to a connection".to_owned()))
            }
        }
    }

    /// How the daemon is.
    pub fn status(&self) -> Status {
        let measured = self.monitor.last();
        let (health, health_reasons) = (self.health)();
        let voice = self.voice.as_ref().map(|voice| (voice.activity(), voice.counters()));
        let (activity, counters) =
            voice.map_or((None, None), |(activity, counters)| (Some(activity), Some(counters)));
        let metrics = &self.metrics;
        let closed =
            CloseReason::ALL.into_iter().map(|reason| (reason.to_string(), metrics.closed_for(reason)));
        let refused = Link::ALL.into_iter().map(|link| (link.name().to_owned(), metrics.refused_by(link)));
        let waiting = self.store.counts().into_iter().find(|(table, _)| *table == OFFLINE_TABLE);
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_seconds: self.started.elapsed().as_secs(),
            health,
            health_reasons,
            connections: metrics.connections(),
            users_online: measured.population.online,
            users_idle: measured.population.idle,
            users_away: measured.population.away,
            peak_users: measured.population.peak,
            rooms_open: measured.population.rooms_open,
            messages_total: metrics.messages.get(),
            messages_per_second: rounded(f64::from(measured.sample.messages)),
            deliveries_total: metrics.deliveries.get(),
            offline_messages_pending: waiting.map_or(0, |(_, count)| count),
            voice_streams: activity.map_or(0, |activity| activity.streams as u64),
            voice_listeners: activity
                .map_or(0, |activity| (activity.tcp_listeners + activity.udp_listeners) as u64),
            voice_packets_in: counters.map_or(0, |counters| counters.packets_in.get()),
            voice_packets_out: counters.map_or(0, |counters| counters.forwarded.get()),
            bytes_in: metrics.bytes_in.get(),
            bytes_out: metrics.bytes_out.get(),
            memory_bytes: measured.process.memory_bytes,
            cpu_percent: rounded(measured.process.cpu_percent),
            listen: self.listen.clone(),
            closed: closed.filter(|(_, count)| *count > 0).collect(),
            refused: refused.filter(|(_, count)| *count > 0).collect(),
        }
    }

    /// How fast it is.
    pub async fn performance(&self) -> Performance {
        let path = self.store_path.clone();
        let looked =
            task::spawn_blocking(move || (process::open_files(), process::directory_bytes(&path))).await;
        let (open_files, bytes) = looked.unwrap_or_default();
        self.store_bytes.store(bytes, Ordering::Relaxed);
        self.performance_now(open_files)
    }

    /// As [`Service::performance`], but without looking at the disk.
    pub(super) fn performance_now(&self, open_files: u64) -> Performance {
        let measured = self.monitor.last();
        let times = self.store.times();
        let recent = times.queries.last();
        let queries = Spread::of(recent.clone());
        let Spread { p50, p90, p99, max, .. } = measured.delivery;
        Performance {
            cpu_percent: rounded(measured.process.cpu_percent),
            memory_bytes: measured.process.memory_bytes,
            threads: measured.process.threads,
            open_files,
            hub_queue: self.hub.upgrade().map_or(0, |hub| hub.queue_len() as u64),
            hub_busy_percent: rounded(f64::from(measured.sample.hub_busy_percent)),
            outbox_bytes: measured.population.outbox_bytes,
            slow_consumers_dropped: self.metrics.closed_for(CloseReason::SlowReader),
            store: StorePerformance {
                queries_total: times.queries.count(),
                errors_total: times.errors.get(),
                avg_query_micros: queries.mean,
                p99_query_micros: queries.p99,
                recent,
                commit_avg_micros: Spread::of(times.commits.last()).mean,
                size_bytes: self.store_bytes.load(Ordering::Relaxed),
            },
            delivery_micros: Percentiles { p50, p90, p99, max },
        }
    }

    /// The names of rooms, if the query needs them.
    pub(super) async fn room_names(&self, query: &Query, age: Duration) -> Result<RoomNames, Refusal> {
        if !query.needs_rooms() {
            return Ok(RoomNames::new());
        }
        Ok(self.tables.rooms(age).await?.iter().map(|room| (room.id, room.name.clone())).collect())
    }

    /// A user in detail.
    pub(super) async fn user(&self, target: Target, age: Duration) -> Result<UserDetail, Refusal> {
        let now = Timestamp::now();
        let found = self.store.read(move |reader| account(reader, &target)).await.flatten();
        let Some((account, sanctions)) = found.map_err(store_refusal)? else {
            return Err(no_such_user());
        };
        let uid = account.uid;
        let row = self.tables.users(age).await?.iter().find(|row| row.uid == uid).cloned();
        let inside = row.as_ref().map(|row| row.rooms.clone()).unwrap_or_default();
        let mut rooms = Vec::new();
        if !inside.is_empty() {
            let all = self.tables.rooms(age).await?;
            rooms.extend(
                all.iter().filter(|room| inside.contains(&room.id)).map(|room| (room.id, room.name.clone())),
            );
        }
        let nickname = account.nickname.to_string();
        let strikes = sanctions.strikes.as_ref();
        Ok(UserDetail {
            address: row.as_ref().map(|row| row.address),
            row,
            uid,
            roles: account.roles.iter().collect(),
            rooms,
            strikes: strikes.map(|record| strike_row(uid, nickname.clone(), record, now)),
            nickname,
            warnings: sanctions
                .warnings
                .iter()
                .map(|warning| (warning.at, warning.by.name(), warning.reason.clone()))
                .collect(),
            sanctions: in_words(&sanctions, now),
            created: account.created,
            events: self.events(|entry| entry.actor_uid == Some(uid) || entry.target_uid == Some(uid)),
        })
    }

    /// A room in detail.
    pub(super) async fn room(&self, id: RoomId) -> Result<RoomDetail, Refusal> {
        let inside = ask(&self.hub, |to| HubQuery::Room(id, to)).await?;
        let Some(mut inside) = inside else {
            return Err(Refusal { code: RefusalCode::NotFound, text: format!("there is no room {id}") });
        };
        inside.row.speakers = self.tables.speakers(id);
        let activity = self.voice.as_ref().and_then(|voice| voice.room_activity(id)).unwrap_or_default();
        let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(RoomDetail {
            row: inside.row,
            members: inside.members,
            welcome: inside.welcome,
            slowmode: inside.slowmode,
            kept_out: inside.kept_out,
            listeners: (small(activity.tcp_listeners), small(activity.udp_listeners)),
            events: self.events(|entry| entry.room == Some(id)),
        })
    }

    fn events(&self, concerns: impl Fn(&FeedEntry) -> bool) -> Vec<FeedEntry> {
        let all = self.feed.since(0, usize::MAX).entries;
        let mut found: Vec<_> = all
            .iter()
            .rev()
            .filter(|entry| concerns(entry))
            .take(EVENTS_OF_ONE)
            .map(|it| (**it).clone())
            .collect();
        found.reverse();
        found
    }
}

/// The table in which messages wait.
const OFFLINE_TABLE: &str = "offline";

/// Understands a window.
pub(super) fn query<R: Row>(window: &Window, view: bool) -> Result<Query, Refusal> {
    Query::new::<R>(window, view).map_err(invalid)
}

fn no_such_user() -> Refusal {
    Refusal { code: RefusalCode::NotFound, text: "there is no such user".to_owned() }
}

fn invalid(text: String) -> Refusal {
    Refusal { code: RefusalCode::Invalid, text }
}

/// With two digits behind the point.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn uid_of(reader: &Reader, target: &Target) -> Result<Option<Uid>, StoreError> {
    match target {
        Target::Uid(uid) => Ok(Some(*uid)),
        Target::Nickname(name) => match Nickname::built_in(&to_cp1252(name)) {
            Ok(nickname) => reader.uid_by_name(&nickname.key()),
            Err(_) => Ok(None),
        },
    }
}

fn account(reader: &Reader, target: &Target) -> Result<Option<(Account, Sanctions)>, StoreError> {
    let Some(uid) = uid_of(reader, target)? else { return Ok(None) };
    let Some(account) = reader.account(uid)? else { return Ok(None) };
    Ok(Some((account, reader.sanctions(uid)?)))
}

fn in_words(sanctions: &Sanctions, now: Timestamp) -> Vec<String> {
    let until =
        |until: Option<Timestamp>| until.map_or("for good".to_owned(), |at| format!("until {}", at.utc()));
    let because = |reason: &str| if reason.is_empty() { String::new() } else { format!(": {reason}") };
    let mut words = Vec::new();
    if let Some(ban) = sanctions.ban.as_ref().filter(|ban| ban.holds(now)) {
        words.push(format!("banned {} by {}{}", until(ban.until), ban.by, because(&ban.reason)));
    }
    for mute in sanctions.mutes.iter().filter(|mute| mute.holds(now)) {
        let what = match mute.kind {
            crate::store::MuteKind::Text => "muted",
            crate::store::MuteKind::Media => "without voice, calls and files",
        };
        words.push(format!("{what} {} by {}{}", until(mute.until), mute.by, because(&mute.reason)));
    }
    words
}

fn all_bans(reader: &Reader, now: Timestamp) -> Result<Vec<BanRow>, StoreError> {
    let mut rows = Vec::new();
    for ban in reader.bans()?.into_iter().filter(|ban| ban.holds(now)) {
        let (target, scope) = match ban.target {
            BanTarget::Account(uid) => {
                let name = reader.account(uid)?.map(|account| account.nickname).or(ban.nickname);
                (name.map_or_else(|| uid.to_string(), |name| name.to_string()), "account")
            }
            BanTarget::Network(net) if net.prefix_len() == net.max_prefix_len() => {
                (net.addr().to_string(), "address")
            }
            BanTarget::Network(net) => (net.to_string(), "address"),
        };
        rows.push(BanRow {
            target,
            scope: scope.to_owned(),
            room: None,
            until: ban.until.map(Timestamp::rfc3339),
            reason: ban.reason,
            by: ban.by.name(),
            at: ban.at.rfc3339(),
        });
    }
    for (room, entry) in reader.exclusions(crate::store::ExclusionKind::Ban)? {
        if !entry.holds(now) {
            continue;
        }
        let by = reader.account(entry.by)?.map_or_else(|| entry.by.to_string(), |it| it.nickname.to_string());
        rows.push(BanRow {
            target: entry.nickname.to_string(),
            scope: "room".to_owned(),
            room: Some(room),
            until: entry.until.map(Timestamp::rfc3339),
            reason: crate::model::from_cp1252(&entry.reason),
            by,
            at: entry.at.rfc3339(),
        });
    }
    Ok(rows)
}
