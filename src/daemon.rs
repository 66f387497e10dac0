//! The daemon put together: build, wire, start, watch, reload, stop.
//!
//! | module | what it is for |
//! |---|---|
//! | `start`, `web` | sockets, the store, the registration page |
//! | [`health`], `checks`, `pulse` | how the daemon is, and how it finds out |
//! | [`housekeeping`], `backups` | what is done by itself now and then |
//! | `reload` | a changed configuration |
//! | `run`, `service` | signals, orders, the service manager |

mod backups;
mod checks;
mod control;
pub mod health;
pub mod housekeeping;
mod pulse;
mod reload;
mod run;
mod service;
mod start;
mod web;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};
use tokio::task::{self, JoinHandle};
use tracing::warn;

use crate::config::{Changes, Config};
use crate::control::orders::Task;
use crate::control::socket::Socket;
use crate::control::wire::Listen;
use crate::hub::actor::{Hub, HubHandle, Query};
use crate::hub::peers;
use crate::hub::{Event, EventKind, Feed};
use crate::metrics::Metrics;
use crate::model::{CloseReason, Timestamp};
use crate::net::calls::{CallPath, SharedCalls};
use crate::net::http::{self, HttpService};
use crate::net::listener::Chat;
use crate::net::registry::Registry;
use crate::net::relays::Relays;
use crate::net::voice::Voice;
use crate::protocol::{Dialect, ServerPacket};
use crate::session::Context;
use crate::session::accounts::Accounts;
use crate::store::{Store, StoreOptions};
use crate::telemetry::LogFiles;
use health::{Cause, Health, Problem};
use housekeeping::Housekeeper;
use reload::Live;
pub use run::{Ended, run};
use start::{Addresses, Sockets};

/// How long clients have to read their last words when the daemon goes down.
const DRAIN: Duration = Duration::from_secs(3);
/// The longest reason of a stop that is shown, in bytes.
const REASON_MAX: usize = 500;

/// A running daemon. Dropping it without [`Daemon::stop`] leaves the store as a crash would.
pub struct Daemon {
    addresses: Addresses,
    store: Store,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    housekeeper: Housekeeper,
    live: Live,
    /// Ends the chat listeners.
    doors: watch::Sender<bool>,
    /// Ends everything else.
    stop: watch::Sender<bool>,
    listeners: Vec<JoinHandle<()>>,
    tasks: Vec<JoinHandle<()>>,
    /// Held until everything else has ended: then the next daemon may come.
    control_socket: Socket,
    /// What operators ask of the daemon as a whole.
    asks: mpsc::Receiver<Task>,
    feed: Arc<Feed>,
    hub: JoinHandle<()>,
}

/// How to stop.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stop {
    /// How long users have between the notice and the end.
    pub grace: Duration,
    /// Why; shown to users.
    pub reason: Option<String>,
    /// Whether the activity feed tells of it already, with who has ordered it.
    pub told: bool,
}

/// How a stop went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Farewell {
    /// Connections that there were when the daemon was told to stop.
    pub connections: usize,
    /// Connections that did not end in time.
    pub cut_off: usize,
}

impl Stop {
    /// The notice to users.
    fn notice(&self) -> Vec<u8> {
        let when = match self.grace.as_secs() {
            0 => "now".to_owned(),
            1 => "in 1 second".to_owned(),
            seconds @ 2..=119 => format!("in {seconds} seconds"),
            seconds => format!("in {} minutes", seconds.div_ceil(60)),
        };
        let mut text = format!("The server is shutting down {when}. Please come back later.").into_bytes();
        if let Some(reason) = &self.reason {
            // What clients show ends at a line end or NUL, and is not read as markup by them.
            let plain: String = reason.chars().filter(|c| !c.is_control()).collect();
            let mut plain = crate::model::to_cp1252(plain.trim()).to_vec();
            plain.truncate(REASON_MAX);
            if !plain.is_empty() {
                text.extend_from_slice(b" Reason: ");
                text.append(&mut plain);
            }
        }
        text
    }
}

impl Daemon {
    /// Opens the store, binds every address and starts serving. Errors name what to do.
    pub async fn start(config: &Config) -> anyhow::Result<Daemon> {
        Daemon::start_with(config, None).await
    }

    /// As [`Daemon::start`]; housekeeping looks after these log files, too.
    pub async fn start_with(config: &Config, logs: Option<Arc<LogFiles>>) -> anyhow::Result<Daemon> {
        let health = Arc::new(Health::default());
        checks::raise_descriptor_limit(config.limits.max_connections, &health);
        checks::data_directory(&config.server.data_dir, &health)?;
        let control = control::bind(config).await?;
        let (sockets, addresses) = Sockets::bind(config)?;

        let path = config.store_path();
        let newest = checks::check_clock(&path, &health);
        let mut options = StoreOptions::new(&path);
        options.cache_bytes = config.store.cache;
        let (store, found) = task::spawn_blocking(move || start::open_store(options)).await??;

        let metrics = Arc::new(Metrics::default());
        let state = start::state(config, found, &addresses);
        let bans = Arc::clone(state.sanctions.bans());
        let (mut hub, handle) =
            Hub::new(state, store.clone(), Arc::clone(&metrics), config.store.offline_messages);
        let (doors, closing) = watch::channel(false);
        let feed = control::feed(&store).await?;
        hub = hub.with_feed(Arc::clone(&feed));
        let (stop, stopped) = watch::channel(false);
        let (mut listeners, mut tasks) = (Vec::new(), Vec::new());
        let carried: SharedCalls = Arc::default();
        let call_path =
            sockets.call_control.is_some().then(|| CallPath::new(Arc::clone(&carried), Arc::clone(&metrics)));
        if let (Some(path), Some(socket)) = (call_path.clone(), sockets.call_control) {
            tasks.push(tokio::spawn(path.serve_control(socket, stopped.clone())));
        }
        let voice = config.voice.is_on().then(|| {
            let voice = Voice::new(sockets.voice_udp, handle.downgrade(), &config.limits, call_path);
            for listener in sockets.voice_tcp {
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
        let weak_hub = handle.downgrade();
        health.watch_maintenance(handle.maintenance());
        let context = Arc::new(Context {
            accounts: Accounts::new(store.clone(), config.limits.exempt.clone(), Arc::clone(&feed)),
            store: store.clone(),
            hub: handle,
            metrics: Arc::clone(&metrics),
        });
        let limits = &config.limits;
        let registry = Registry::new(
            limits.max_connections,
            limits.connections_per_address,
            limits.exempt.clone(),
            Arc::clone(&bans),
        );
        let (current, watched) = watch::channel(Arc::new(config.clone()));
        let housekeeper =
            Housekeeper::new(store.clone(), weak_hub.clone(), Arc::clone(&feed), watched.clone(), logs);
        tasks.push(tokio::spawn(housekeeper.clone().run(stopped.clone())));
        let backups = backups::run(watched.clone(), store.clone(), Arc::clone(&health), stopped.clone());
        tasks.push(tokio::spawn(backups));
        let rounds = checks::Rounds::new(watched, Arc::clone(&registry), Arc::clone(&health), newest);
        tasks.push(tokio::spawn(rounds.run(stopped.clone())));
        tasks.push(tokio::spawn(pulse::feel(
            weak_hub.clone(),
            store.clone(),
            Arc::clone(&health),
            service::watchdog(),
            stopped.clone(),
        )));
        let relays = Relays::new(context.hub.clone(), Arc::clone(&metrics), carried, orders);
        tasks.push(tokio::spawn(relays.run(stopped.clone())));
        let chat = Arc::new(Chat {
            context: Arc::clone(&context),
            registry: Arc::clone(&registry),
            limits: ArcSwap::from_pointee(config.limits.clone()),
        });
        for listener in sockets.chat {
            listeners.push(tokio::spawn(Arc::clone(&chat).serve(listener, closing.clone())));
        }
        let registrar =
            Arc::new(web::WebRegistrar { context, health: Arc::clone(&health), bans: Arc::clone(&bans) });
        let service = Arc::new(HttpService {
            location: ArcSwap::from_pointee(config.http.location),
            chat_port: start::port(&addresses.chat),
            server_name: ArcSwap::from_pointee(config.server.name.clone()),
            registrar: Arc::clone(&registrar) as Arc<_>,
        });
        for listener in sockets.http {
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
                chat_tcp: control::shown(&addresses.chat),
                voice_tcp: control::shown(&addresses.voice_tcp),
                voice_udp: control::shown(&addresses.voice_udp),
                http: control::shown(&addresses.http),
            },
            health: Arc::new(move || {
                let report = http::Registrar::healthy(&*registrar);
                (report.status.name().to_owned(), report.reasons)
            }),
        };
        let (control_socket, asks) = control.serve(config, needs, &stopped, &mut tasks);
        feed.push(
            Timestamp::now(),
            Event::new(EventKind::Started).saying(concat!("version ", env!("CARGO_PKG_VERSION"))),
        );
        Ok(Daemon {
            addresses,
            store,
            metrics,
            health,
            housekeeper,
            live: Live { config: current, hub: weak_hub, chat, registry, http: service, voice },
            doors,
            stop,
            listeners,
            tasks,
            control_socket,
            asks,
            feed,
            hub,
        })
    }

    /// Where the chat service listens.
    pub fn chat_addresses(&self) -> &[SocketAddr] {
        &self.addresses.chat
    }

    /// Where the HTTP listener listens.
    pub fn http_addresses(&self) -> &[SocketAddr] {
        &self.addresses.http
    }

    /// Where voice connections are taken.
    pub fn voice_tcp_addresses(&self) -> &[SocketAddr] {
        &self.addresses.voice_tcp
    }

    /// Where datagrams of voice are taken.
    pub fn voice_udp_addresses(&self) -> &[SocketAddr] {
        &self.addresses.voice_udp
    }

    /// The voice service, unless it is switched off.
    pub fn voice(&self) -> Option<&Arc<Voice>> {
        self.live.voice.as_ref()
    }

    /// The counters.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// How the daemon is.
    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Who keeps house, also on request.
    pub fn housekeeper(&self) -> &Housekeeper {
        &self.housekeeper
    }

    /// The configuration in effect, now and whenever it changes.
    pub fn config(&self) -> watch::Receiver<Arc<Config>> {
        self.live.config.subscribe()
    }

    /// Has what of `new` can be changed take effect, without dropping anybody.
    pub async fn reload(&self, new: &Config) -> Changes {
        self.live.apply(new).await
    }

    /// Stops at once: as [`Daemon::stop_with`] without grace or reason.
    ///
    /// # Errors
    ///
    /// See there.
    pub async fn stop(self) -> anyhow::Result<Farewell> {
        self.stop_with(&Stop::default()).await
    }

    /// Stops: no new connections, a word to everybody, the grace, what is queued written, the store
    /// closed.
    ///
    /// # Errors
    ///
    /// The store could not be closed properly. What was acknowledged is safe even then.
    pub async fn stop_with(self, stop: &Stop) -> anyhow::Result<Farewell> {
        self.health.set(Cause::Stopping, Some(Problem::degraded("the server is shutting down")));
        self.doors.send_replace(true);
        for listener in self.listeners {
            _ = listener.await;
        }
        if !stop.told {
            self.feed.push(Timestamp::now(), Event::new(EventKind::Stopping));
        }
        let Live { hub, chat, registry, http, .. } = self.live;
        // Both hold a way to the hub, which would never end.
        drop((chat, http));
        let connections = registry.len();
        if !stop.grace.is_zero() {
            if let Some(hub) = hub.upgrade() {
                announce(&hub, stop.notice()).await;
            }
            wait_until_empty(&registry, stop.grace).await;
        }
        self.stop.send_replace(true);
        for task in self.tasks {
            _ = task.await;
        }
        let mut last = Vec::new();
        let notice = Stop { grace: Duration::ZERO, ..stop.clone() }.notice();
        ServerPacket::Announcement(notice).encode(Dialect::V50, &mut last);
        registry.close_all(CloseReason::Shutdown, &last);
        // The hub ends with the last connection, because they hold the way to it.
        let mut cut_off = 0;
        if tokio::time::timeout(DRAIN, self.hub).await.is_err() {
            cut_off = registry.len();
            warn!(connections = cut_off, "some connections did not end in time");
        }
        let store = self.store;
        let closed = task::spawn_blocking(move || store.close()).await?;
        drop(self.control_socket);
        closed.context("cannot close the store")?;
        Ok(Farewell { connections, cut_off })
    }
}

async fn announce(hub: &HubHandle, text: Vec<u8>) {
    hub.ask(|done| Query::Announce(text, done)).await;
}

/// Waits until nobody is connected any more, but no longer than `grace`.
async fn wait_until_empty(registry: &Registry, grace: Duration) {
    const LOOK: Duration = Duration::from_millis(50);
    let empty = async {
        while !registry.is_empty() {
            tokio::time::sleep(LOOK).await;
        }
    };
    _ = tokio::time::timeout(grace, empty).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notice_says_when_and_why() {
        let notice = |seconds, reason: Option<&str>| {
            let reason = reason.map(str::to_owned);
            let stop = Stop { grace: Duration::from_secs(seconds), reason, told: false };
            String::from_utf8(stop.notice()).unwrap()
        };
        assert_eq!(notice(0, None), "The server is shutting down now. Please come back later.");
        assert!(notice(30, None).contains("in 30 seconds."));
        assert!(notice(1, None).contains("in 1 second."));
        assert!(notice(301, None).contains("in 6 minutes."));
        assert!(notice(0, Some(" new\r\ndisks ")).ends_with("later. Reason: newdisks"));
        assert!(notice(0, Some("\n")).ends_with("later."));
        assert!(notice(0, Some(&"x".repeat(5000))).len() < 600);
    }
}
