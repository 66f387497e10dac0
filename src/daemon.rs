//! The daemon put together: build, wire, start, signals, drain.

mod backups;
mod control;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::{TcpListener, UdpSocket};
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::{self, JoinHandle};
use tracing::{error, info, warn};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::control::orders::Task;
use crate::control::socket::Socket;
use crate::control::wire::Listen;
use crate::hub::actor::Hub;
use crate::hub::peers::{self, PeerRules};
use crate::hub::voice::VoiceAccess;
use crate::hub::{CategoryEntry, Event, EventKind, Feed, Person, Room, State};
use crate::metrics::Metrics;
use crate::model::{CloseReason, Timestamp, to_cp1252};
use crate::net::calls::{self, CallPath, Channel, SharedCalls};
use crate::net::http::{
    self, Health, HealthReport, HttpService, Registrar, RegistrationFuture, WebRegistration,
};
use crate::net::listener::{self, Chat};
use crate::net::registry::Registry;
use crate::net::relays::Relays;
use crate::net::voice::{self, Voice};
use crate::protocol::{Dialect, ServerPacket};
use crate::session::Context;
use crate::session::accounts::Accounts;
use crate::store::{Change, ExclusionKind, Reader, Store, StoreError, StoreOptions};
use crate::telemetry;

/// How long clients have to read their last words when the daemon goes down.
const DRAIN: Duration = Duration::from_secs(3);
/// How often the daemon looks after itself.
const TICK: Duration = Duration::from_secs(60);
/// How often messages that have waited too long are deleted.
const EXPIRY: Duration = Duration::from_secs(60 * 60);
/// Mailboxes looked for at once when messages are deleted.
const EXPIRY_BATCH: usize = 4096;

/// A running daemon. Dropping it without [`Daemon::stop`] leaves the store as a crash would.
pub struct Daemon {
    chat_addresses: Vec<SocketAddr>,
    http_addresses: Vec<SocketAddr>,
    voice_tcp_addresses: Vec<SocketAddr>,
    voice_udp_addresses: Vec<SocketAddr>,
    voice: Option<Arc<Voice>>,
    store: Store,
    metrics: Arc<Metrics>,
    registry: Arc<Registry>,
    stop: watch::Sender<bool>,
    /// Listeners and housekeeping; they end with `stop`.
    tasks: Vec<JoinHandle<()>>,
    /// Held until everything else has ended: then the next daemon may come.
    control_socket: Socket,
    /// What operators ask of the daemon as a whole.
    asks: mpsc::Receiver<Task>,
    feed: Arc<Feed>,
    hub: JoinHandle<()>,
}

/// How the daemon ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// It was told to.
    Stopped,
    /// The store could not write any more. Everything acknowledged before is safe.
    StoreFailed,
}

impl Daemon {
    /// Opens the store, binds every address and starts serving. Errors name what to do.
    pub async fn start(config: &Config) -> anyhow::Result<Daemon> {
        raise_descriptor_limit(config.limits.max_connections);
        let control = control::bind(config).await?;
        let mut chat_sockets = bind_all(&config.chat.listen, "chat.listen")?;
        let http_sockets = bind_all(&config.http.listen, "http.listen")?;
        let voice_tcp = bind_all(&config.voice.listen_tcp, "voice.listen_tcp")?;
        let voice_udp = bind_all_udp(&config.voice.listen_udp, "voice.listen_udp")?;
        let voice_tcp_addresses = addresses(&voice_tcp)?;
        let voice_udp_addresses: Vec<SocketAddr> = voice_udp.iter().map(|(address, _)| *address).collect();
        let chat_addresses = addresses(&chat_sockets)?;
        let http_addresses = addresses(&http_sockets)?;

        let call_control = bind_call_control(config)?;

        let path = config.store_path();
        let mut options = StoreOptions::new(&path);
        options.cache_bytes = config.store.cache;
        let (store, categories, rooms) = task::spawn_blocking(move || open_store(options)).await??;

        let metrics = Arc::new(Metrics::default());
        let mut state = State::new(categories, rooms)
            .with_peer_rules(PeerRules::new(&config.voice))
            .with_idle_timeout(config.limits.idle_timeout);
        if config.voice.is_on() {
            let port = |addresses: &[SocketAddr]| addresses.first().map_or(0, SocketAddr::port);
            state.set_voice(VoiceAccess {
                advertise: config.voice.advertise,
                udp_port: port(&voice_udp_addresses),
                tcp_port: port(&voice_tcp_addresses),
                probe: config.voice.probe_udp && !voice_udp.is_empty(),
            });
        }
        let (mut hub, handle) =
            Hub::new(state, store.clone(), Arc::clone(&metrics), config.store.offline_messages);
        let feed = control::feed(&store).await?;
        hub = hub.with_feed(Arc::clone(&feed));
        let (stop, stopped) = watch::channel(false);
        let mut tasks = Vec::new();
        let carried: SharedCalls = Arc::default();
        let call_path =
            call_control.is_some().then(|| CallPath::new(Arc::clone(&carried), Arc::clone(&metrics)));
        if let (Some(path), Some(socket)) = (call_path.clone(), call_control) {
            tasks.push(tokio::spawn(path.serve_control(socket, stopped.clone())));
        }
        let voice = config.voice.is_on().then(|| {
            let voice = Voice::new(voice_udp, handle.downgrade(), &config.limits, call_path);
            for listener in voice_tcp {
                tasks.push(tokio::spawn(Arc::clone(&voice).serve_tcp(listener, stopped.clone())));
            }
            for index in 0..voice.udp_sockets() {
                tasks.push(tokio::spawn(Arc::clone(&voice).serve_udp(index, stopped.clone())));
            }
            hub.set_voice(Arc::clone(&voice) as Arc<_>);
            voice
        });
        let handle_for_control = handle.downgrade();
        let (relay_orders, orders) = peers::orders();
        let hub = tokio::spawn(hub.with_relays(relay_orders).run());
        let context = Arc::new(Context {
            accounts: Accounts::new(store.clone(), config.limits.exempt.clone()),
            store: store.clone(),
            hub: handle,
            metrics: Arc::clone(&metrics),
        });
        let registry = Registry::new(
            config.limits.max_connections,
            config.limits.connections_per_address,
            config.limits.exempt.clone(),
        );
        if let Some(age) = config.store.offline_messages {
            tasks.push(tokio::spawn(expire_regularly(store.clone(), age, stopped.clone())));
        }
        if let Some(schedule) = backups::Schedule::of(config) {
            tasks.push(tokio::spawn(schedule.run(store.clone(), stopped.clone())));
        }
        let relays = Relays::new(context.hub.clone(), Arc::clone(&metrics), carried, orders);
        tasks.push(tokio::spawn(relays.run(stopped.clone())));
        let chat = Arc::new(Chat {
            context: Arc::clone(&context),
            registry: Arc::clone(&registry),
            limits: config.limits.clone(),
        });
        for listener in chat_sockets.drain(..) {
            tasks.push(tokio::spawn(Arc::clone(&chat).serve(listener, stopped.clone())));
        }
        let chat_port = chat_addresses.first().map_or(0, SocketAddr::port);
        let registrar = Arc::new(WebRegistrar { context });
        let service = Arc::new(HttpService {
            location: config.http.location,
            chat_port,
            server_name: config.server.name.clone(),
            registrar: Arc::clone(&registrar) as Arc<_>,
        });
        for listener in http_sockets {
            let mut stopped = stopped.clone();
            let stop = async move { _ = stopped.wait_for(|stop| *stop).await };
            tasks.push(tokio::spawn(http::serve(listener, Arc::clone(&service), stop)));
        }
        let needs = control::Needs {
            hub: handle_for_control,
            store: store.clone(),
            metrics: Arc::clone(&metrics),
            voice: voice.clone(),
            feed: Arc::clone(&feed),
            listen: Listen {
                chat_tcp: control::shown(&chat_addresses),
                voice_tcp: control::shown(&voice_tcp_addresses),
                voice_udp: control::shown(&voice_udp_addresses),
                http: control::shown(&http_addresses),
            },
            health: Arc::new(move || {
                let report = registrar.healthy();
                (report.status.name().to_owned(), report.reasons)
            }),
        };
        let (control_socket, asks) = control.serve(config, needs, &stopped, &mut tasks);
        feed.push(
            Timestamp::now(),
            Event::new(EventKind::Started).saying(concat!("version ", env!("CARGO_PKG_VERSION"))),
        );
        Ok(Daemon {
            chat_addresses,
            http_addresses,
            voice_tcp_addresses,
            voice_udp_addresses,
            voice,
            store,
            metrics,
            registry,
            stop,
            tasks,
            control_socket,
            asks,
            feed,
            hub,
        })
    }

    /// Where the chat service listens.
    pub fn chat_addresses(&self) -> &[SocketAddr] {
        &self.chat_addresses
    }

    /// Where the HTTP listener listens.
    pub fn http_addresses(&self) -> &[SocketAddr] {
        &self.http_addresses
    }

    /// Where voice connections are taken.
    pub fn voice_tcp_addresses(&self) -> &[SocketAddr] {
        &self.voice_tcp_addresses
    }

    /// Where datagrams of voice are taken.
    pub fn voice_udp_addresses(&self) -> &[SocketAddr] {
        &self.voice_udp_addresses
    }

    /// The voice service, unless it is switched off.
    pub fn voice(&self) -> Option<&Arc<Voice>> {
        self.voice.as_ref()
    }

    /// The counters.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Tells everybody that the daemon will stop.
    fn say_goodbye(&self, grace: Duration, reason: &str) {
        let mut text = if grace.is_zero() {
            "The server is shutting down.".to_owned()
        } else {
            format!("The server shuts down in {}.", humantime::format_duration(grace))
        };
        if !reason.is_empty() {
            text = format!("{text} {reason}");
        }
        let mut frames = Vec::new();
        ServerPacket::Announcement(to_cp1252(&text)).encode(Dialect::V50, &mut frames);
        self.registry.send_all(&frames);
    }

    /// Stops: no new connections, a word to everybody, what is queued written, the store closed.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.feed.push(Timestamp::now(), Event::new(EventKind::Stopping));
        self.stop.send_replace(true);
        for task in self.tasks {
            _ = task.await;
        }
        let mut last = Vec::new();
        ServerPacket::Announcement(b"The server is shutting down. Please come back later.".to_vec())
            .encode(Dialect::V50, &mut last);
        self.registry.close_all(CloseReason::Shutdown, &last);
        // The hub ends with the last connection, because they hold the way to it.
        if tokio::time::timeout(DRAIN, self.hub).await.is_err() {
            warn!(connections = self.registry.len(), "some connections did not end in time");
        }
        let store = self.store;
        let closed = task::spawn_blocking(move || store.close()).await?.context("cannot close the store");
        drop(self.control_socket);
        closed
    }
}

/// Runs the daemon until a signal ends it. The caller has set up logging.
pub fn run(config: &Config, logs: &telemetry::Guard) -> anyhow::Result<Ended> {
    // Few busy threads beat many: with both of two cores as workers a delivery costs a quarter more
    // CPU than with one. The other half is for the store, password hashes and the kernel.
    let workers = thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .thread_name("paltalkd")
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let ended = runtime.block_on(serve(config, logs));
    runtime.shutdown_timeout(Duration::from_millis(100));
    ended
}

async fn serve(config: &Config, logs: &telemetry::Guard) -> anyhow::Result<Ended> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for SIGINT")?;
    let mut daemon = Daemon::start(config).await?;
    let mut failed = daemon.store.failed();
    info!(
        version = env!("CARGO_PKG_VERSION"),
        chat = ?daemon.chat_addresses,
        http = ?daemon.http_addresses,
        voice_tcp = ?daemon.voice_tcp_addresses,
        voice_udp = ?daemon.voice_udp_addresses,
        data = %config.server.data_dir.display(),
        "ready"
    );
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            Some(Task::Shutdown { grace, reason }) = daemon.asks.recv() => {
                info!(?grace, reason, "an operator stops the daemon");
                daemon.say_goodbye(grace, &reason);
                tokio::select! {
                    () = tokio::time::sleep(grace) => {}
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                break;
            }
            _ = failed.wait_for(|failed| *failed) => {
                error!("the store cannot write; ending. What was acknowledged is safe");
                return Ok(Ended::StoreFailed);
            }
            // Nobody could sign in, and nobody would notice: better to end and be started again.
            _ = &mut daemon.hub => anyhow::bail!("the hub ended by itself, which is a fault of the program"),
            _ = tick.tick() => logs.report_dropped_lines(),
        }
    }
    info!(
        connections = daemon.metrics.connections(),
        messages = daemon.metrics.messages.get(),
        deliveries = daemon.metrics.deliveries.get(),
        "stopping; a second signal ends at once"
    );
    tokio::select! {
        stopped = daemon.stop() => stopped?,
        _ = terminate.recv() => warn!("ended at once"),
        _ = interrupt.recv() => warn!("ended at once"),
    }
    info!("stopped");
    Ok(Ended::Stopped)
}

/// Makes the accounts that people ask for on the web page.
struct WebRegistrar {
    context: Arc<Context>,
}

impl Registrar for WebRegistrar {
    fn register(&self, request: WebRegistration) -> RegistrationFuture {
        let context = Arc::clone(&self.context);
        Box::pin(async move {
            let WebRegistration { nickname, password, email, peer } = request;
            let password = Zeroizing::new(to_cp1252(&password));
            let made = context.accounts.register(&to_cp1252(&nickname), password, email, peer).await;
            let (uid, nickname) = made.map_err(|error| error.to_string())?;
            context.metrics.registrations.increment();
            info!(%uid, ?nickname, %peer, "registered on the web page");
            Ok(uid)
        })
    }

    fn healthy(&self) -> HealthReport {
        if *self.context.store.failed().borrow() {
            let reasons = vec!["the store cannot write".to_owned()];
            return HealthReport { status: Health::Degraded, reasons };
        }
        HealthReport { status: Health::Ok, reasons: Vec::new() }
    }
}

/// Deletes what has waited longer than `age`, at once and then every hour, until `stop` turns true.
/// Without it a full mailbox would stay full: messages that are too old are not delivered, either.
async fn expire_regularly(store: Store, age: Duration, mut stop: watch::Receiver<bool>) {
    let mut clock = tokio::time::interval(EXPIRY);
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            result = async {
                clock.tick().await;
                expire(&store, Timestamp::now().before(age), EXPIRY_BATCH).await
            } => match result {
                Ok(0) => {}
                Ok(mailboxes) => info!(mailboxes, "deleted messages that waited too long"),
                Err(error) => warn!(%error, "cannot delete messages that waited too long"),
            },
        }
    }
}

/// Deletes the waiting messages sent before a moment, from `batch` mailboxes at a time, and returns
/// how many mailboxes had some.
async fn expire(store: &Store, before: Timestamp, batch: usize) -> Result<usize, StoreError> {
    let mut mailboxes = 0;
    loop {
        let found = store.read(move |reader| reader.offline_expired(before, batch)).await??;
        for uid in &found {
            store.commit(Change::ExpireOffline { uid: *uid, before }).await?;
        }
        mailboxes += found.len();
        if found.len() < batch {
            return Ok(mailboxes);
        }
    }
}

fn bind_all(listen: &[SocketAddr], key: &str) -> anyhow::Result<Vec<TcpListener>> {
    listen
        .iter()
        .map(|address| {
            listener::bind(*address).with_context(|| {
                format!("cannot listen on {address} ({key}); is another server running there?")
            })
        })
        .collect()
}

fn bind_all_udp(listen: &[SocketAddr], key: &str) -> anyhow::Result<Vec<(SocketAddr, UdpSocket)>> {
    let bind = |address: &SocketAddr| {
        voice::bind_udp(*address).with_context(|| {
            format!("cannot receive on UDP {address} ({key}); is another server or client running here?")
        })
    };
    listen.iter().map(bind).collect()
}

/// The socket for the control datagrams of calls, if the server carries calls: beside room voice, one
/// port up, because the clients insist on it.
fn bind_call_control(config: &Config) -> anyhow::Result<Option<UdpSocket>> {
    let Some(ip) = config.voice.call_address() else { return Ok(None) };
    let socket = calls::bind_control(ip).with_context(|| {
        let port = Channel::Control.port();
        format!("cannot use UDP {ip}:{port}, which voice.calls = \"relay\" needs; is it taken?")
    })?;
    Ok(Some(socket))
}

fn addresses(listeners: &[TcpListener]) -> anyhow::Result<Vec<SocketAddr>> {
    listeners.iter().map(|listener| Ok(listener.local_addr()?)).collect()
}

fn open_store(options: StoreOptions) -> anyhow::Result<(Store, Vec<CategoryEntry>, Vec<Room>)> {
    let path: PathBuf = options.path.clone();
    let (store, report) = Store::open(options)?;
    if report.rebuilt.is_some() || !report.repairs.is_empty() {
        warn!(path = %path.display(), id = %store.id(), "store repaired: {report}");
    } else {
        info!(path = %path.display(), id = %store.id(), "store open: {report}");
    }
    store
        .commit_blocking(Change::Seed { at: Timestamp::now() })
        .context("cannot write the first categories and rooms")?;
    let (categories, rooms) = load_rooms(&store.reader()).context("cannot read the rooms")?;
    Ok((store, categories, rooms))
}

fn load_rooms(reader: &Reader) -> Result<(Vec<CategoryEntry>, Vec<Room>), StoreError> {
    let categories = reader.categories()?.into_iter();
    let categories =
        categories.map(|category| CategoryEntry { id: category.id, name: category.name }).collect();
    let mut rooms = BTreeMap::new();
    for record in reader.rooms()? {
        let owner = match record.owner {
            Some(uid) => reader.account(uid)?.map(|account| Person { uid, nickname: account.nickname }),
            None => None,
        };
        rooms.insert(record.id, Room::permanent(record, owner));
    }
    let now = Timestamp::now();
    for kind in [ExclusionKind::Bounce, ExclusionKind::Ban] {
        for (room, entry) in reader.exclusions(kind)?.into_iter().filter(|(_, entry)| entry.holds(now)) {
            if let Some(room) = rooms.get_mut(&room) {
                room.exclusions_mut(kind).insert(entry.uid, entry);
            }
        }
    }
    Ok((categories, rooms.into_values().collect()))
}

/// Every connection needs a descriptor, the store and the logs a few.
fn raise_descriptor_limit(max_connections: Option<usize>) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        warn!(%error, "cannot raise the limit of open files");
    }
    let available = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let wanted = max_connections.map_or(0, |max| max as u64 + 1000);
    if available < wanted {
        warn!(
            available,
            wanted,
            "the limit of open files is below limits.max_connections; raise it (LimitNOFILE= under systemd)"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{MessageText, Nickname, Roles};
    use crate::store::{Applied, NewAccount, PasswordHash};

    #[tokio::test]
    async fn what_waited_too_long_makes_room() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(StoreOptions::new(dir.path())).unwrap();
        let mut uids = Vec::new();
        for name in 0..6 {
            let account = NewAccount {
                nickname: Nickname::from_text(&format!("user{name}")).unwrap(),
                password: PasswordHash::new("no hash"),
                email: None,
                roles: Roles::default(),
                created: Timestamp(0),
            };
            match store.commit(Change::CreateAccount(account)).await {
                Ok(Applied::Created(uid)) => uids.push(uid),
                other => panic!("{other:?}"),
            }
        }
        let from = uids.pop().unwrap();
        for &to in &uids {
            for at in [100, 200] {
                let text = MessageText::new(b"hello").unwrap();
                store.commit(Change::StoreOffline { to, from, at: Timestamp(at), text }).await.unwrap();
            }
        }
        assert_eq!(expire(&store, Timestamp(100), 2).await, Ok(0));
        assert_eq!(expire(&store, Timestamp(101), 2).await, Ok(uids.len()));
        for uid in uids {
            assert_eq!(store.reader().offline_count(uid), Ok(1));
        }
        assert_eq!(expire(&store, Timestamp(101), 2).await, Ok(0));
    }
}
