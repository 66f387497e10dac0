//! Carries files from one client to another. Nothing is kept: what the sender writes goes straight
//! to the receiver, no faster than he reads.

mod ends;
pub mod heading;

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::info;

use crate::hub::Command;
use crate::hub::actor::{Envelope, HubHandle};
use crate::hub::peers::{FileRoute, PeerCommand, RelayReport};
use crate::metrics::Metrics;

use super::listener;

/// Bytes moved at once; each transfer owns a buffer of this size.
const CHUNK: usize = 16 * 1024;

/// What one transfer may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a file.
    pub size: u32,
    /// Bytes per second.
    pub rate: u32,
    /// How long to wait for the sender to connect, and for the receiver to let us.
    pub connect: Duration,
    /// How long either side may keep the other waiting.
    pub idle: Duration,
    /// How long everything together may take.
    pub total: Duration,
    /// How long the receiver may take to close once he has everything.
    pub close: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            size: 100 << 20,
            rate: 4 << 20,
            connect: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            total: Duration::from_secs(4 * 60 * 60),
            close: Duration::from_secs(5),
        }
    }
}

/// Carries one file and reports to the hub. Dropping the future closes both connections.
pub(super) async fn carry(mut route: FileRoute, limits: Limits, hub: HubHandle, metrics: Arc<Metrics>) {
    let (transfer, conn) = (route.transfer, route.conn);
    route.port = ends::receiver_port(route.receiver.at, route.port);
    let report = async |report| {
        let command = Command::Peer(PeerCommand::Relay(transfer, report));
        hub.send(Envelope { conn, command, outbox: None }).await;
    };
    let work = async {
        let (port, entrance) = open(route.sender.listen)?;
        let back = route.receiver.lines.then(|| open(route.receiver.listen)).transpose()?;
        report(RelayReport::Ready { sender: port, receiver: back.as_ref().map(|(port, _)| *port) }).await;
        let back = back.map(|(_, entrance)| entrance);
        transport(entrance, back, &route, &limits, &metrics).await
    };
    let result = timeout(limits.total, work).await.unwrap_or_else(|_| Err(late("the whole transfer")));
    match result {
        Ok(size) => {
            info!(?conn, transfer = transfer.0, size, "file carried");
            report(RelayReport::Complete).await;
            metrics.files_carried.increment();
        }
        Err(error) => {
            info!(?conn, transfer = transfer.0, %error, "file not carried");
            report(RelayReport::Failed).await;
            metrics.files_failed.increment();
        }
    }
}

/// A listener on a free port.
fn open(address: Ipv4Addr) -> io::Result<(u16, TcpListener)> {
    let listener = listener::bind((IpAddr::V4(address), 0).into())?;
    Ok((listener.local_addr()?.port(), listener))
}

/// Takes the file from one who comes to `entrance` and brings it to the receiver, who comes to `back`
/// or is connected to. Returns the size.
async fn transport(
    entrance: TcpListener,
    back: Option<TcpListener>,
    route: &FileRoute,
    limits: &Limits,
    metrics: &Metrics,
) -> io::Result<u32> {
    let sender = ends::sender(entrance, route, limits);
    let ((mut sender, heading), receiver) = match back {
        Some(back) => tokio::try_join!(sender, ends::visiting_receiver(back, route, limits))?,
        None => (sender.await?, ends::listening_receiver(route, limits).await?),
    };
    let size = heading.size();
    let (mut heard, mut told) = receiver.into_split();
    let work = async {
        within(limits.idle, "the receiver", ends::announce(&mut told, route, &heading)).await?;
        pump(&mut sender, &mut told, size, limits, metrics).await?;
        within(limits.idle, "the receiver", told.shutdown()).await
    };
    tokio::select! {
        biased;
        done = work => done?,
        // A receiver says nothing, so whatever happens here is his end.
        () = end_of(&mut heard) => return Err(io::ErrorKind::ConnectionReset.into()),
    }
    // Were the connection closed under a receiver that is still reading, he could lose the rest.
    _ = timeout(limits.close, end_of(&mut heard)).await;
    Ok(size)
}

async fn pump(
    sender: &mut TcpStream,
    receiver: &mut OwnedWriteHalf,
    size: u32,
    limits: &Limits,
    metrics: &Metrics,
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    let start = Instant::now();
    let mut moved = 0u32;
    while moved < size {
        // A second's worth may go at once; after that each byte has its time.
        let due = Duration::from_secs_f64(f64::from(moved) / f64::from(limits.rate.max(1)));
        if due > Duration::from_secs(1) {
            sleep_until(start + due - Duration::from_secs(1)).await;
        }
        let wanted = usize::try_from(size - moved).unwrap_or(CHUNK).min(CHUNK);
        let room = buffer.get_mut(..wanted).unwrap_or_default();
        let count = within(limits.idle, "the sender", sender.read(room)).await?;
        let data = buffer.get(..count).filter(|data| !data.is_empty());
        let data = data.ok_or(io::ErrorKind::UnexpectedEof)?;
        within(limits.idle, "the receiver", receiver.write_all(data)).await?;
        moved += u32::try_from(count).unwrap_or_default();
        metrics.file_bytes.add(count as u64);
    }
    Ok(())
}

async fn end_of(stream: &mut OwnedReadHalf) {
    let mut scrap = [0; 64];
    while let Ok(1..) = stream.read(&mut scrap).await {}
}

async fn within<T>(
    time: Duration,
    what: &'static str,
    work: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    timeout(time, work).await.unwrap_or_else(|_| Err(late(what)))
}

fn late(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("waited too long for {what}"))
}

#[cfg(test)]
mod tests;
