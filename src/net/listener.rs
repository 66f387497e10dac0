//! The chat listener: accepts connections and starts their tasks.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tracing::{debug, warn};

use crate::config::Limits;
use crate::link::Outbox;
use crate::model::Timestamp;
use crate::session::{Context, Session};

use super::connection::Connection;
use super::registry::Registry;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;
/// How long to wait when the process has no descriptor left for another connection.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Binds a listener. IPv6 addresses take IPv6 only, so that both families can be listed.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

/// What every chat connection needs.
pub struct Chat {
    /// What sessions share.
    pub context: Arc<Context>,
    /// Who is connected.
    pub registry: Arc<Registry>,
    /// What one client may use, which may change; it counts for the connections that come then.
    pub limits: ArcSwap<Limits>,
}

impl Chat {
    /// Accepts connections until `stop` turns true.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer.ip()),
                Err(error) if is_about_one_connection(&error) => {
                    debug!(%error, "a connection ended before it was accepted");
                }
                Err(error) => {
                    warn!(%error, "cannot accept connections; trying again");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn admit(self: &Arc<Self>, stream: TcpStream, peer: IpAddr) {
        let metrics = Arc::clone(&self.context.metrics);
        metrics.connections_accepted.increment();
        let limits = self.limits.load();
        let outbox = Outbox::new(limits.outbox.unwrap_or(usize::MAX));
        let ticket = match self.registry.admit(Timestamp::now(), peer, &outbox) {
            Ok(ticket) => ticket,
            Err(reason) => {
                metrics.closed(reason);
                // Counted above; a line each at a higher level would let anybody fill the disk.
                debug!(%peer, %reason, "connection refused");
                return;
            }
        };
        if let Err(error) = tune(&stream, limits.unresponsive_timeout) {
            debug!(%peer, %error, "cannot set socket options");
        }
        let local = stream.local_addr().map_or(Ipv4Addr::UNSPECIFIED, |address| ipv4(address.ip()));
        let session = Session::new(Arc::clone(&self.context), ticket.id(), Arc::clone(&outbox), peer, local);
        let connection = Connection::new(
            stream,
            session,
            outbox,
            Arc::clone(&metrics),
            limits.login_timeout,
            limits.packets_per_second,
        );
        debug!(conn = ?ticket.id(), %peer, "connected");
        tokio::spawn(async move {
            let reason = connection.run().await;
            metrics.closed(reason);
            debug!(conn = ?ticket.id(), %peer, %reason, "disconnected");
        });
    }
}

/// Sets the options of a client's socket: no delays, and an end if its machine is gone for
/// `unresponsive`.
pub(super) fn tune(stream: &TcpStream, unresponsive: Option<Duration>) -> io::Result<()> {
    // Without it, the kernel holds small packets back for up to 40 ms.
    stream.set_nodelay(true)?;
    if let Some(timeout) = unresponsive {
        // A quiet 5.x client sends nothing at all (PROTOCOL 5.9), so the kernel has to ask.
        let interval = (timeout / 4).max(Duration::from_secs(1));
        let keepalive = TcpKeepalive::new().with_time(interval).with_interval(interval).with_retries(3);
        let socket = SockRef::from(stream);
        socket.set_tcp_keepalive(&keepalive)?;
        socket.set_tcp_user_timeout(Some(timeout))?;
    }
    Ok(())
}

/// Whether an error of `accept` concerns the connection that was to be accepted, not the listener.
pub(super) fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

/// The IPv4 address in `address`, if there is one.
fn ipv4(address: IpAddr) -> Ipv4Addr {
    match address.to_canonical() {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    }
}
