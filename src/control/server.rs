//! Listens on the socket and serves who comes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{self, JoinSet};
use tokio::time::{interval, sleep};
use tracing::{debug, info, warn};

use super::access::{Credentials, Peer, Rules};
use super::connection::{self, End};
use super::service::Service;

/// Connections at once; more are told to come later.
const CONNECTIONS: usize = 64;
/// How long to wait when the system has no descriptor left.
const PAUSE: Duration = Duration::from_millis(100);
/// How often what nobody looks at is given back.
const TIDY: Duration = Duration::from_secs(10);

/// Serves until `stop` turns true.
pub async fn serve(
    service: Arc<Service>,
    rules: Rules,
    listener: UnixListener,
    mut stop: watch::Receiver<bool>,
) {
    let rules = Arc::new(rules);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut tidy = interval(TIDY);
    let stopped = stop.clone();
    loop {
        tokio::select! {
            biased;
            () = told_to_stop(&mut stop) => break,
            Some(_) = connections.join_next() => {}
            _ = tidy.tick() => {
                service.tables.tidy();
                service.trips.tidy();
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    service.counters.accepted.increment();
                    let (service, rules, places) = (Arc::clone(&service), Arc::clone(&rules), Arc::clone(&places));
                    let stop = stopped.clone();
                    connections.spawn(async move {
                        match places.try_acquire() {
                            Ok(_place) => one(service, rules, stream, stop).await,
                            Err(_) => {
                                service.counters.too_many.increment();
                                let (_, mut writer) = stream.into_split();
                                let text = "too many consoles and commands at once; try again later";
                                connection::goodbye(&mut writer, text).await;
                            }
                        }
                    });
                }
                Err(error) => {
                    warn!(%error, "cannot accept a connection on the control socket");
                    sleep(PAUSE).await;
                }
            },
        }
    }
    // Each has been told, too, and says goodbye.
    while connections.join_next().await.is_some() {}
}

async fn one(service: Arc<Service>, rules: Arc<Rules>, stream: UnixStream, stop: watch::Receiver<bool>) {
    let peer = identify(&stream, rules).await;
    let (reader, mut writer) = stream.into_split();
    let peer = match peer {
        Ok(Ok(peer)) => peer,
        Ok(Err(who)) => {
            service.counters.refused.increment();
            warn!(name = who.name, uid = who.uid, pid = who.pid, "refused on the control socket");
            let text = format!(
                "the user {} has no rights here; those of root, of the user of the daemon and of the \
                 groups in [control] of its configuration (observers, moderators, operators) have",
                who.name
            );
            connection::goodbye(&mut writer, &text).await;
            return service.parts.orders.refused(&who, "connect", "").await;
        }
        Err(error) => {
            warn!(%error, "cannot find out who is on the control socket");
            return connection::goodbye(&mut writer, "the system does not say who you are").await;
        }
    };
    let (name, pid, access) = (peer.who.name.clone(), peer.who.pid, peer.access);
    debug!(name, pid, ?access, "connected to the control socket");
    match connection::serve(Arc::clone(&service), peer, reader, writer, stop).await {
        End::Malformed => {
            service.counters.malformed.increment();
            warn!(name, pid, "sent what is no message to the control socket");
        }
        End::Stalled => {
            service.counters.stalled.increment();
            info!(name, pid, "did not read from the control socket");
        }
        End::Left | End::Stopped => debug!(name, pid, "left the control socket"),
    }
}

async fn identify(stream: &UnixStream, rules: Arc<Rules>) -> io::Result<Result<Peer, Credentials>> {
    let credentials = stream.peer_cred()?;
    let (uid, gid, pid) = (credentials.uid(), credentials.gid(), credentials.pid());
    task::spawn_blocking(move || rules.peer(uid, gid, pid)).await.map_err(io::Error::other)
}

async fn told_to_stop(stop: &mut watch::Receiver<bool>) {
    _ = stop.wait_for(|stop| *stop).await;
}
