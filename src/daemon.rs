//! The daemon put together: build, wire, start, signals, drain.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{self, JoinHandle};
use tracing::{error, info, warn};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::hub::actor::Hub;
use crate::hub::{CategoryEntry, Person, Room, State};
use crate::metrics::Metrics;
use crate::model::{CloseReason, Timestamp, to_cp1252};
use crate::net::http::{
    self, Health, HealthReport, HttpService, Registrar, RegistrationFuture, WebRegistration,
};
use crate::net::listener::{self, Chat};
use crate::net::registry::Registry;
use crate::protocol::{Dialect, ServerPacket};
use crate::session::Context;
use crate::session::accounts::Accounts;
use crate::store::{Change, ExclusionKind, Reader, Store, StoreError, StoreOptions};
use crate::telemetry;

/// How long clients have to read their last words when the daemon goes down.
const DRAIN: Duration = Duration::from_secs(3);
/// How often the daemon looks after itself.
const TICK: Duration = Duration::from_secs(60);

/// A running daemon. Dropping it without [`Daemon::stop`] leaves the store as a crash would.
pub struct Daemon {
    chat_addresses: Vec<SocketAddr>,
    http_addresses: Vec<SocketAddr>,
    store: Store,
    metrics: Arc<Metrics>,
    registry: Arc<Registry>,
    stop: watch::Sender<bool>,
    listeners: Vec<JoinHandle<()>>,
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
        let mut chat_sockets = bind_all(&config.chat.listen, "chat.listen")?;
        let http_sockets = bind_all(&config.http.listen, "http.listen")?;
        let chat_addresses = addresses(&chat_sockets)?;
        let http_addresses = addresses(&http_sockets)?;

        let path = config.store_path();
        let mut options = StoreOptions::new(&path);
        options.cache_bytes = config.store.cache;
        let (store, categories, rooms) = task::spawn_blocking(move || open_store(options)).await??;

        let metrics = Arc::new(Metrics::default());
        let (hub, handle) = Hub::new(
            State::new(categories, rooms),
            store.clone(),
            Arc::clone(&metrics),
            config.store.offline_messages,
        );
        let hub = tokio::spawn(hub.run());
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
        let (stop, stopped) = watch::channel(false);
        let mut listeners = Vec::new();
        let chat = Arc::new(Chat {
            context: Arc::clone(&context),
            registry: Arc::clone(&registry),
            limits: config.limits.clone(),
        });
        for listener in chat_sockets.drain(..) {
            listeners.push(tokio::spawn(Arc::clone(&chat).serve(listener, stopped.clone())));
        }
        let chat_port = chat_addresses.first().map_or(0, SocketAddr::port);
        let service = Arc::new(HttpService {
            location: config.http.location,
            chat_port,
            server_name: config.server.name.clone(),
            registrar: Arc::new(WebRegistrar { context }),
        });
        for listener in http_sockets {
            let mut stopped = stopped.clone();
            let stop = async move { _ = stopped.wait_for(|stop| *stop).await };
            listeners.push(tokio::spawn(http::serve(listener, Arc::clone(&service), stop)));
        }
        Ok(Daemon { chat_addresses, http_addresses, store, metrics, registry, stop, listeners, hub })
    }

    /// Where the chat service listens.
    pub fn chat_addresses(&self) -> &[SocketAddr] {
        &self.chat_addresses
    }

    /// Where the HTTP listener listens.
    pub fn http_addresses(&self) -> &[SocketAddr] {
        &self.http_addresses
    }

    /// The counters.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Stops: no new connections, a word to everybody, what is queued written, the store closed.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        for listener in self.listeners {
            _ = listener.await;
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
        task::spawn_blocking(move || store.close()).await?.context("cannot close the store")
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
    let daemon = Daemon::start(config).await?;
    let mut failed = daemon.store.failed();
    info!(
        version = env!("CARGO_PKG_VERSION"),
        chat = ?daemon.chat_addresses,
        http = ?daemon.http_addresses,
        data = %config.server.data_dir.display(),
        "ready"
    );
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = failed.wait_for(|failed| *failed) => {
                error!("the store cannot write; ending. What was acknowledged is safe");
                return Ok(Ended::StoreFailed);
            }
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
