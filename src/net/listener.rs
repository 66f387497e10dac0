//! The chat listener: accepts connections and starts their tasks.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tracing::{debug, warn};

use crate::config::Limits;
use crate::link::{Ends, Outbox};
use crate::model::{CloseReason, Timestamp};
use crate::protocol::{Dialect, PacketType, ServerPacket};
use crate::session::{Context, Session};

use super::connection::Connection;
use super::registry::Registry;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;
/// What the kernel may keep for one client; it doubles the number. By itself it would take megabytes for each
/// who does not read, and a crowd of them could take all that the machine has for TCP.
const SEND_BUFFER: usize = 128 * 1024;
/// The code of a refused sign-in (PROTOCOL 6.12).
const SIGN_IN_REFUSED: u16 = 0x63;
/// How long somebody who is turned away may take to read why and to close.
const FAREWELL: Duration = Duration::from_secs(1);
/// How many may do so at once; beyond that they are turned away without a word, so that a limit of
/// connections stays one.
static FAREWELLS: Semaphore = Semaphore::const_new(64);

/// How long to leave the waiting connections alone when none can be accepted: usually the process has no
/// descriptor left, and whoever tried again at once would be busy with nothing else.
#[derive(Default)]
pub(super) struct AcceptPause(Duration);

impl AcceptPause {
    const FIRST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(1);

    /// A connection was accepted: all is well.
    pub(super) fn end(&mut self) {
        self.0 = Duration::ZERO;
    }

    /// How long to wait after this error of `accept`: twice as long as after the one before, within
    /// limits. Not at all if only the connection that was to be accepted is concerned.
    pub(super) fn after(&mut self, error: &io::Error) -> Option<Duration> {
        if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
            return None;
        }
        self.0 = (self.0 * 2).clamp(Self::FIRST, Self::LONGEST);
        Some(self.0)
    }
}

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
        let mut pause = AcceptPause::default();
        if let Err(error) = bound_buffers(&listener) {
            warn!(%error, "cannot bound what the system keeps for clients that do not read");
        }
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    pause.end();
                    self.admit(stream, peer);
                }
                Err(error) => match pause.after(&error) {
                    None => debug!(%error, "a connection ended before it was accepted"),
                    Some(pause) => {
                        self.context.metrics.not_accepted.increment();
                        warn!(%error, "cannot accept connections; trying again");
                        tokio::time::sleep(pause).await;
                    }
                },
            }
        }
    }

    fn admit(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let metrics = Arc::clone(&self.context.metrics);
        metrics.connections_accepted.increment();
        let limits = self.limits.load();
        let local = stream.local_addr().ok();
        let ends = local.map(|local| Ends { local, peer });
        let peer = peer.ip();
        let outbox = Outbox::between(ends, limits.outbox.unwrap_or(usize::MAX));
        let ticket = match self.registry.admit(Timestamp::now(), peer, &outbox) {
            Ok(ticket) => ticket,
            Err(reason) => {
                metrics.closed(reason);
                // Counted above; a line each at a higher level would let anybody fill the disk.
                debug!(%peer, %reason, "connection refused");
                return turn_away(stream, reason);
            }
        };
        if let Err(error) = tune(&stream, limits.unresponsive_timeout) {
            debug!(%peer, %error, "cannot set socket options");
        }
        let local = local.map_or(Ipv4Addr::UNSPECIFIED, |address| ipv4(address.ip()));
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
            debug!(conn = ?ticket.id(), %peer, %reason, "disconnected");
            // Whoever is counted as gone has left his place.
            drop(ticket);
            metrics.closed(reason);
        });
    }
}

/// Bounds what the kernel keeps for each connection that comes from now on: they take over the options of the
/// listener. Not for files, which have to fill long lines.
fn bound_buffers(listener: &TcpListener) -> io::Result<()> {
    SockRef::from(listener).set_send_buffer_size(SEND_BUFFER)
}

/// Tells a client that a limit keeps it out, as a refused sign-in: the one refusal before sign-in whose
/// text 5.x was seen to show (REAL-CLIENT, Login). Who is banned from his address is told nothing.
fn turn_away(stream: TcpStream, reason: CloseReason) {
    let text: &[u8] = match reason {
        CloseReason::ServerFull => b"The server is full. Please try again later.",
        CloseReason::AddressFull => b"There are too many connections from your address.",
        _ => return,
    };
    let Ok(place) = FAREWELLS.try_acquire() else { return };
    let packet =
        ServerPacket::ReturnCode { request: PacketType::LOGIN, code: SIGN_IN_REFUSED, data: text.into() };
    let mut bytes = Vec::new();
    packet.encode(Dialect::V50, &mut bytes);
    tokio::spawn(async move {
        if let Ok(Err(error)) = timeout(FAREWELL, farewell(stream, &bytes)).await {
            debug!(%error, "somebody who was turned away did not read why");
        }
        drop(place);
    });
}

/// Writes the last words and reads to the end: closed with bytes unread, the connection would be reset,
/// and the words lost.
async fn farewell(mut stream: TcpStream, words: &[u8]) -> io::Result<()> {
    stream.write_all(words).await?;
    stream.shutdown().await?;
    let mut discarded = [0; 256];
    while stream.read(&mut discarded).await? > 0 {}
    Ok(())
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

/// The IPv4 address in `address`, if there is one.
fn ipv4(address: IpAddr) -> Ipv4Addr {
    match address.to_canonical() {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_kernel_keeps_little_for_whoever_does_not_read() {
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        bound_buffers(&listener).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        assert_eq!(SockRef::from(&accepted).send_buffer_size().unwrap(), 2 * SEND_BUFFER);
    }

    #[tokio::test]
    async fn a_client_whose_machine_is_gone_is_noticed_in_time() {
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let socket = SockRef::from(&client);
        let seconds = Duration::from_secs;
        // The default, the shortest, one of which the quarter is less than a second, and one that is not
        // whole.
        for (timeout, interval) in [
            (seconds(300), seconds(75)),
            (seconds(1), seconds(1)),
            (seconds(3), seconds(1)),
            (Duration::from_millis(10_500), seconds(2)),
        ] {
            tune(&client, Some(timeout)).unwrap();
            assert!(client.nodelay().unwrap() && socket.keepalive().unwrap(), "{timeout:?}");
            assert_eq!(socket.tcp_keepalive_time().unwrap(), interval, "{timeout:?}");
            assert_eq!(socket.tcp_keepalive_interval().unwrap(), interval, "{timeout:?}");
            assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3, "{timeout:?}");
            // What was sent and not acknowledged ends it, too; and a silent client is gone after the first
            // question and three more.
            assert_eq!(socket.tcp_user_timeout().unwrap(), Some(timeout));
            assert!(interval * 4 <= timeout.max(seconds(4)), "{timeout:?}");
        }
        let other = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        tune(&other, None).unwrap();
        let socket = SockRef::from(&other);
        assert!(other.nodelay().unwrap() && !socket.keepalive().unwrap());
        assert_eq!(socket.tcp_user_timeout().unwrap(), None);
    }

    #[test]
    fn without_descriptors_the_pauses_grow_until_a_connection_is_accepted() {
        // As Linux numbers them.
        let (none_left, none_in_the_system, no_memory, aborted) = (24, 23, 12, 103);
        let mut pause = AcceptPause::default();
        let mut after = |number| {
            let waited = pause.after(&io::Error::from_raw_os_error(number));
            waited.map(|time| time.as_millis())
        };
        assert_eq!([none_left; 7].map(&mut after), [50, 100, 200, 400, 800, 1000, 1000].map(Some));
        assert_eq!(after(aborted), None);
        assert_eq!([none_in_the_system, no_memory].map(&mut after), [Some(1000); 2]);
        pause.end();
        assert_eq!(pause.after(&io::Error::from_raw_os_error(none_left)), Some(AcceptPause::FIRST));
    }
}
