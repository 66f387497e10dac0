//! The control socket of a daemon: made before anything else is, served when everything is there.
//!
//! It is served on a thread of its own: sorting ten thousand users for a console takes milliseconds in
//! which no message would be delivered, and a daemon that has its hands full still answers.

use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use anyhow::Context as _;
use tokio::runtime;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{self, JoinHandle};

use super::health::Health;
use crate::config::Config;
use crate::control::access::Rules;
use crate::control::monitor::Sources;
use crate::control::orders::{Orders, Task};
use crate::control::server;
use crate::control::service::{Parts, Service};
use crate::control::socket::Socket;
use crate::control::wire::Listen;
use crate::hub::Feed;
use crate::hub::actor::WeakHubHandle;
use crate::hub::chronicle::Chronicle;
use crate::metrics::Metrics;
use crate::model::Timestamp;
use crate::net::voice::Voice;
use crate::store::{Change, Store, StoreError};

/// The setting with the number below which all events of the feed are that may have been seen.
const FEED_SETTING: &str = "feed.next";
/// Numbers set aside for one run of the daemon.
const FEED_NUMBERS: u64 = 1_000_000_000;

/// The socket, made but not served yet.
pub(super) struct Bound {
    socket: Socket,
    listener: UnixListener,
    rules: Rules,
}

/// What the control socket needs of the daemon.
pub(super) struct Needs {
    pub(super) hub: WeakHubHandle,
    pub(super) store: Store,
    pub(super) metrics: Arc<Metrics>,
    pub(super) voice: Option<Arc<Voice>>,
    pub(super) chronicle: Chronicle,
    pub(super) listen: Listen,
    pub(super) health: Arc<Health>,
}

/// Takes the socket, or says who has it.
pub(super) async fn bind(config: &Config) -> anyhow::Result<Bound> {
    let control = config.control.clone();
    let path: PathBuf = config.control_socket();
    let (socket, listener, rules) = task::spawn_blocking(move || {
        let rules = Rules::new(&control)?;
        // Listening begins here already; who is early waits until it is served.
        let (socket, listener) = Socket::bind(&path, control.mode, control.group.as_deref())?;
        anyhow::Ok((socket, listener, rules))
    })
    .await??;
    Ok(Bound { socket, listener, rules })
}

impl Bound {
    /// Serves the socket and measures the daemon, until `stop` turns true. Returns what holds the socket,
    /// what only the daemon as a whole can do, and what answers.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub(super) fn serve(
        self,
        config: &Config,
        needs: Needs,
        stop: &watch::Receiver<bool>,
        tasks: &mut Vec<JoinHandle<()>>,
    ) -> anyhow::Result<(Socket, mpsc::Receiver<Task>, Arc<Service>)> {
        let (asked, asks) = mpsc::channel(1);
        let Needs { hub, store, metrics, voice, chronicle, listen, health } = needs;
        let sources = Sources {
            hub: hub.clone(),
            metrics: Arc::clone(&metrics),
            voice: voice.clone(),
            store: store.clone(),
        };
        let service = Service::new(Parts {
            server: config.server.name.clone(),
            // Times differ between two runs, and so do processes at one time.
            epoch: Timestamp::now().0.wrapping_mul(1 << 22) ^ u64::from(std::process::id()),
            feed: Arc::clone(chronicle.feed()),
            orders: Orders::new(hub.clone(), store.clone(), chronicle, asked),
            hub,
            store_path: config.store_path(),
            store,
            metrics,
            voice,
            listen,
            health: Arc::new(move || {
                let report = health.report();
                (report.status.name().to_owned(), report.reasons)
            }),
        });
        tasks.push(tokio::spawn(Arc::clone(&service.monitor).run(sources, stop.clone())));
        tasks.push(serve_apart(Arc::clone(&service), self.rules, self.listener, stop.clone())?);
        Ok((self.socket, asks, service))
    }
}

/// Serves on a thread of its own; what is returned ends when it does.
fn serve_apart(
    service: Arc<Service>,
    rules: Rules,
    listener: UnixListener,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<JoinHandle<()>> {
    let runtime = runtime::Builder::new_current_thread().thread_name("control").enable_all().build();
    let runtime = runtime.context("cannot start the runtime of the control socket")?;
    let listener = {
        let _inside = runtime.enter();
        tokio::net::UnixListener::from_std(listener).context("cannot listen on the control socket")?
    };
    let (ending, ended) = oneshot::channel::<()>();
    let serve = move || {
        runtime.block_on(server::serve(service, rules, listener, stop));
        // A backup that is still being written is not waited for; its file gets its name when it is whole.
        runtime.shutdown_background();
        drop(ending);
    };
    let thread = thread::Builder::new().name("control".to_owned()).spawn(serve);
    thread.context("cannot start the thread of the control socket")?;
    Ok(tokio::spawn(async { _ = ended.await }))
}

/// A feed whose numbers were never used before, even if the clock was set back.
pub(super) async fn feed(store: &Store) -> anyhow::Result<Arc<Feed>> {
    let first = first_number(store, Timestamp::now()).await;
    Ok(Feed::new(first.context("cannot set numbers aside for the activity feed")?))
}

async fn first_number(store: &Store, now: Timestamp) -> Result<u64, StoreError> {
    let settings = store.read(|reader| reader.settings()).await??;
    let kept = settings.iter().find(|(name, _)| name == FEED_SETTING);
    let kept = kept.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let first = now.0.saturating_mul(1000).max(kept);
    let value = first.saturating_add(FEED_NUMBERS).to_string();
    store.commit(Change::SetSetting { name: FEED_SETTING.to_owned(), value }).await?;
    Ok(first)
}

/// Addresses as people read them.
pub(super) fn shown(addresses: &[SocketAddr]) -> Vec<String> {
    addresses.iter().map(SocketAddr::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreOptions;

    #[tokio::test]
    async fn a_number_is_not_used_twice_even_if_the_clock_goes_back() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(StoreOptions::new(dir.path())).unwrap();
        let first = first_number(&store, Timestamp(2_000_000)).await.unwrap();
        let second = first_number(&store, Timestamp(1_000_000)).await.unwrap();
        assert_eq!((first, second), (2_000_000_000, 2_000_000_000 + FEED_NUMBERS));
        let later = first_number(&store, Timestamp(9_000_000_000)).await.unwrap();
        assert_eq!(later, 9_000_000_000_000);
    }
}
