//! The daemon put together: build, wire, start, watch, reload, stop.
//!
//! | module | what it is for |
//! |---|---|
//! | `assembly` | who knows whom, and which tasks run |
//! | `start`, `web` | sockets, the store, the registration page |
//! | [`health`], `checks`, `pulse` | how the daemon is, and how it finds out |
//! | `limits` | telling of limits that are reached |
//! | [`housekeeping`], `backups` | what is done by itself now and then |
//! | `reload` | a changed configuration |
//! | `run`, `service` | signals, orders, the service manager |

mod assembly;
mod backups;
mod checks;
mod control;
mod descriptors;
pub mod health;
pub mod housekeeping;
mod limits;
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
use tokio::sync::{mpsc, watch};
use tokio::task::{self, JoinHandle};
use tracing::warn;

use crate::config::{Changes, Config};
use crate::control::orders::Task;
use crate::control::socket::Socket;
use crate::hub::actor::{HubHandle, Query};
use crate::hub::chronicle::Chronicle;
use crate::hub::{Event, EventKind};
use crate::metrics::Metrics;
use crate::model::CloseReason;
use crate::net::registry::Registry;
use crate::net::voice::Voice;
use crate::protocol::{Dialect, ServerPacket};
use crate::store::Store;
use crate::telemetry::LogFiles;
use health::{Cause, Health, Problem};
use housekeeping::Housekeeper;
use reload::Live;
pub use run::{Ended, run};
use start::Addresses;

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
    chronicle: Chronicle,
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
        assembly::assemble(config, logs).await
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
            self.chronicle.tell(Event::new(EventKind::Stopping));
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
