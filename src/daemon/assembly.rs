//! A daemon put together: who knows whom, and which tasks run.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio::task::{self, JoinHandle};

use super::health::Health;
use super::housekeeping::Housekeeper;
use super::reload::Live;
use super::start::{Addresses, Sockets};
use super::{Daemon, backups, checks, control, descriptors, limits, pulse, service, start, web};
use crate::config::Config;
use crate::control::wire::Listen;
use crate::hub::actor::{Hub, HubHandle};
use crate::hub::chronicle::Chronicle;
use crate::hub::{Event, EventKind, peers};
use crate::metrics::Metrics;
use crate::net::calls::{CallPath, SharedCalls};
use crate::net::http::{self, HttpService};
use crate::net::listener::Chat;
use crate::net::registry::Registry;
use crate::net::relays::Relays;
use crate::net::voice::Voice;
use crate::session::Context;
use crate::session::accounts::Accounts;
use crate::store::StoreOptions;
use crate::telemetry::LogFiles;

/// The tasks of a daemon that end when it is told to stop.
struct Crew {
    stopped: watch::Receiver<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Crew {
    /// Has a task run that watches for the end by what it is given.
    fn run<T: Future<Output = ()> + Send + 'static>(
        &mut self,
        task: impl FnOnce(watch::Receiver<bool>) -> T,
    ) {
        self.tasks.push(tokio::spawn(task(self.stopped.clone())));
    }

    /// Serves voice in rooms on these sockets.
    fn serve_voice(&mut self, voice: &Arc<Voice>, listeners: Vec<TcpListener>) {
        for listener in listeners {
            self.run(|stopped| Arc::clone(voice).serve_tcp(listener, stopped));
        }
        for index in 0..voice.udp_sockets() {
            self.run(|stopped| Arc::clone(voice).serve_udp(index, stopped));
        }
    }

    /// The way of the voice of calls, if the server carries them.
    fn call_path(
        &mut self,
        socket: Option<UdpSocket>,
        carried: &SharedCalls,
        metrics: &Arc<Metrics>,
    ) -> Option<CallPath> {
        let socket = socket?;
        let path = CallPath::new(Arc::clone(carried), Arc::clone(metrics));
        let serving = path.clone();
        self.run(|stopped| serving.serve_control(socket, stopped));
        Some(path)
    }

    /// Serves the pages for clients, new users and those who watch the server.
    fn serve_http(&mut self, service: &Arc<HttpService>, listeners: Vec<TcpListener>) {
        for listener in listeners {
            self.run(|mut stopped| {
                let stop = async move { _ = stopped.wait_for(|stop| *stop).await };
                http::serve(listener, Arc::clone(service), stop)
            });
        }
    }
}

/// Opens the store, binds every address and starts serving; see [`Daemon::start_with`].
pub(super) async fn assemble(config: &Config, logs: Option<Arc<LogFiles>>) -> anyhow::Result<Daemon> {
    let health = Arc::new(Health::default());
    descriptors::raise();
    descriptors::check(config, &health);
    checks::data_directory(&config.server.data_dir, &health)?;
    let control = control::bind(config).await?;
    let (sockets, addresses) = Sockets::bind(config)?;

    let path = config.store_path();
    let newest = checks::check_clock(&path, &health);
    let mut options = StoreOptions::new(&path);
    options.cache_bytes = config.store.cache;
    let (store, found) = task::spawn_blocking(move || start::open_store(options)).await??;

    let metrics = Arc::new(Metrics::default());
    let feed = control::feed(&store).await?;
    let chronicle = Chronicle::new(Arc::clone(&feed), store.clone());
    let limits = &descriptors::fitting(config);
    let (stop, stopped) = watch::channel(false);
    let mut crew = Crew { stopped: stopped.clone(), tasks: Vec::new() };

    let state = start::state(config, found, &addresses);
    let bans = Arc::clone(state.sanctions.bans());
    let (hub, handle) = Hub::new(state, store.clone(), Arc::clone(&metrics), config.store.offline_messages);
    let (relay_orders, orders) = peers::orders();
    let mut hub = hub.with_feed(Arc::clone(&feed)).with_relays(relay_orders);
    health.watch_maintenance(handle.maintenance());
    let carried: SharedCalls = Arc::default();
    let call_path = crew.call_path(sockets.call_control, &carried, &metrics);
    let voice = config.voice.is_on().then(|| {
        let voice = Voice::new(sockets.voice_udp, handle.downgrade(), limits, call_path);
        crew.serve_voice(&voice, sockets.voice_tcp);
        hub.set_voice(Arc::clone(&voice) as Arc<_>);
        voice
    });
    let hub = tokio::spawn(hub.run());
    let weak_hub = handle.downgrade();
    let relays = Relays::new(handle.clone(), Arc::clone(&metrics), carried, orders);
    crew.run(|stopped| relays.run(stopped));

    let registry = Registry::new(
        limits.max_connections,
        limits.connections_per_address,
        limits.exempt.clone(),
        Arc::clone(&bans),
    );
    let (current, watched) = watch::channel(Arc::new(config.clone()));
    let housekeeper =
        Housekeeper::new(store.clone(), weak_hub.clone(), watched.clone(), logs, chronicle.clone());
    crew.run(|stopped| housekeeper.clone().run(stopped));
    crew.run(|stopped| {
        backups::run(watched.clone(), store.clone(), Arc::clone(&health), chronicle.clone(), stopped)
    });
    let rounds = checks::Rounds::new(watched, Arc::clone(&registry), Arc::clone(&health), newest);
    crew.run(|stopped| rounds.run(stopped));
    crew.run(|stopped| {
        let (hub, health) = (weak_hub.clone(), Arc::clone(&health));
        pulse::feel(hub, store.clone(), health, service::watchdog(), stopped)
    });

    let context = context(config, handle, &chronicle, &metrics, store.clone());
    let chat = Arc::new(Chat {
        context: Arc::clone(&context),
        registry: Arc::clone(&registry),
        limits: ArcSwap::from_pointee(limits.clone()),
    });
    let (doors, closing) = watch::channel(false);
    let serve = |listener| tokio::spawn(Arc::clone(&chat).serve(listener, closing.clone()));
    let listeners = sockets.chat.into_iter().map(serve).collect();
    let registrar = web::WebRegistrar { context, health: Arc::clone(&health), bans };
    let http = Arc::new(HttpService {
        location: ArcSwap::from_pointee(config.http.location),
        chat_port: start::port(&addresses.chat),
        server_name: ArcSwap::from_pointee(config.server.name.clone()),
        registrar: Arc::new(registrar) as Arc<_>,
    });
    crew.serve_http(&http, sockets.http);

    let needs = control::Needs {
        hub: weak_hub.clone(),
        store: store.clone(),
        metrics: Arc::clone(&metrics),
        voice: voice.clone(),
        chronicle: chronicle.clone(),
        listen: listen(&addresses),
        health: Arc::clone(&health),
    };
    let (control_socket, asks, control) = control.serve(config, needs, &stopped, &mut crew.tasks)?;
    let counted = limits::Counted { metrics: Arc::clone(&metrics), voice: voice.clone(), control };
    crew.run(|stopped| limits::watch(counted, chronicle.clone(), stopped));
    let version = concat!("version ", env!("CARGO_PKG_VERSION"));
    chronicle.tell(Event::new(EventKind::Started).saying(version));
    health.tell(feed);
    Ok(Daemon {
        addresses,
        store,
        metrics,
        health,
        housekeeper,
        live: Live { config: current, hub: weak_hub, chat, registry, http, voice },
        doors,
        stop,
        listeners,
        tasks: crew.tasks,
        control_socket,
        asks,
        chronicle,
        hub,
    })
}

/// What sessions share.
fn context(
    config: &Config,
    hub: HubHandle,
    chronicle: &Chronicle,
    metrics: &Arc<Metrics>,
    store: crate::store::Store,
) -> Arc<Context> {
    let exempt = config.limits.exempt.clone();
    Arc::new(Context {
        accounts: Accounts::new(store.clone(), exempt, Arc::clone(chronicle.feed())),
        store,
        hub,
        metrics: Arc::clone(metrics),
    })
}

fn listen(addresses: &Addresses) -> Listen {
    Listen {
        chat_tcp: control::shown(&addresses.chat),
        voice_tcp: control::shown(&addresses.voice_tcp),
        voice_udp: control::shown(&addresses.voice_udp),
        http: control::shown(&addresses.http),
    }
}
