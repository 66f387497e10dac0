//! Carries files from one client to another (REAL-CLIENT, File transfer). Nothing is kept: what the
//! sender writes goes straight to the receiver, no faster than he reads.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, info};

use crate::hub::Command;
use crate::hub::actor::{Envelope, HubHandle};
use crate::hub::peers::{FileRoute, PeerCommand, RelayReport};
use crate::metrics::Metrics;

use super::listener;

/// Bytes moved at once; each transfer owns a buffer of this size.
const CHUNK: usize = 16 * 1024;
/// The longest file name that is taken.
const LONGEST_NAME: usize = 255;
/// What a file is called whose name has nothing in it that can stay.
const NAMELESS: &[u8] = b"file";

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
pub(super) async fn carry(route: FileRoute, limits: Limits, hub: HubHandle, metrics: Arc<Metrics>) {
    let (transfer, conn) = (route.transfer, route.conn);
    let report = async |report| {
        let command = Command::Peer(PeerCommand::Relay(transfer, report));
        hub.send(Envelope { conn, command, outbox: None }).await;
    };
    let opened = listener::bind(SocketAddr::new(IpAddr::V4(route.listen), 0))
        .and_then(|listener| Ok((listener.local_addr()?.port(), listener)));
    let result = match opened {
        Ok((port, listener)) => {
            report(RelayReport::Ready(port)).await;
            let work = transport(listener, route.sender, route.receiver, &limits, &metrics);
            timeout(limits.total, work).await.unwrap_or_else(|_| Err(late("the whole transfer")))
        }
        Err(error) => Err(error),
    };
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

/// Takes the file from whoever comes from `from` and brings it to `to`. Returns its size.
async fn transport(
    listener: TcpListener,
    from: IpAddr,
    to: SocketAddr,
    limits: &Limits,
    metrics: &Metrics,
) -> io::Result<u32> {
    let mut sender = within(limits.connect, "the sender", accept(listener, from)).await?;
    let (header, size) = within(limits.idle, "the file's name", read_header(&mut sender)).await?;
    if size > limits.size {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("{size} bytes are too many")));
    }
    let receiver = within(limits.connect, "the receiver", TcpStream::connect(to)).await?;
    receiver.set_nodelay(true)?;
    let (mut heard, mut told) = receiver.into_split();
    let work = async {
        within(limits.idle, "the receiver", told.write_all(&header)).await?;
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

async fn accept(listener: TcpListener, from: IpAddr) -> io::Result<TcpStream> {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) if peer.ip().to_canonical() == from => return Ok(stream),
            Ok((_, peer)) => debug!(%peer, "somebody else wanted to send a file"),
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Reads what precedes the data, and returns it as the receiver is to have it, with the size.
async fn read_header(sender: &mut TcpStream) -> io::Result<(Vec<u8>, u32)> {
    let length = usize::from(sender.read_u16_le().await?);
    if length > LONGEST_NAME {
        return Err(io::Error::new(io::ErrorKind::InvalidFilename, "the file's name is too long"));
    }
    let mut name = vec![0; length];
    sender.read_exact(&mut name).await?;
    let size = sender.read_u32_le().await?;
    let name = plain_name(&name);
    let mut header = Vec::with_capacity(name.len() + 6);
    // A plain name is never longer than LONGEST_NAME.
    header.extend(u16::try_from(name.len()).unwrap_or_default().to_le_bytes());
    header.extend(name);
    header.extend(size.to_le_bytes());
    Ok((header, size))
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

/// The file's own name without any directories, and without what Windows takes for something else.
fn plain_name(name: &[u8]) -> Vec<u8> {
    let last = name.rsplit(|byte| b"/\\:".contains(byte)).next().unwrap_or_default();
    let shown = |byte: &u8| if b"<>\"|?*".contains(byte) { b'_' } else { *byte };
    let mut plain: Vec<u8> = last.iter().filter(|byte| !byte.is_ascii_control()).map(shown).collect();
    while matches!(plain.last(), Some(b'.' | b' ')) {
        plain.pop();
    }
    if plain.is_empty() {
        plain.extend(NAMELESS);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_paths() {
        for (name, plain) in [
            ("labfile.txt", "labfile.txt"),
            ("C:\\My Files\\a b.txt", "a b.txt"),
            ("../../etc/passwd", "passwd"),
            ("a\\..\\b", "b"),
            ("file.txt:stream", "stream"),
            ("..", "file"),
            ("C:\\", "file"),
            ("", "file"),
            ("a\r\n\0b?.exe. ", "ab_.exe"),
        ] {
            assert_eq!(plain_name(name.as_bytes()), plain.as_bytes(), "{name}");
        }
    }

    struct Way {
        sender: TcpStream,
        receiver: TcpListener,
        task: tokio::task::JoinHandle<io::Result<u32>>,
    }

    /// A transfer with a connected sender, who may be somebody else than the expected one.
    async fn way(from: &str, limits: Limits) -> Way {
        let local = || listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (entrance, receiver) = (local(), local());
        let sender = TcpStream::connect(entrance.local_addr().unwrap()).await.unwrap();
        let (from, to) = (from.parse().unwrap(), receiver.local_addr().unwrap());
        let metrics = Metrics::default();
        let task = tokio::spawn(async move { transport(entrance, from, to, &limits, &metrics).await });
        Way { sender, receiver, task }
    }

    fn header(name: &str, size: u32) -> Vec<u8> {
        [&(name.len() as u16).to_le_bytes()[..], name.as_bytes(), &size.to_le_bytes()].concat()
    }

    #[tokio::test]
    async fn a_file_arrives_whole_and_with_a_plain_name() {
        let mut way = way("127.0.0.1", Limits::default()).await;
        let data: Vec<u8> = (0..300_000u32).map(|at| (at * 7 / 3) as u8).collect();
        // The header and the first data in one write.
        let sent = [header("C:\\x\\a.bin", 300_000), data.clone()].concat();
        let (mut receiver, _) = {
            let (accepted, written) = tokio::join!(way.receiver.accept(), way.sender.write_all(&sent));
            written.unwrap();
            accepted.unwrap()
        };
        let mut got = Vec::new();
        receiver.read_to_end(&mut got).await.unwrap();
        drop(receiver);
        assert!(got == [header("a.bin", 300_000), data].concat());
        assert_eq!(way.task.await.unwrap().unwrap(), 300_000);
    }

    #[tokio::test]
    async fn an_empty_file_is_a_file() {
        let mut way = way("127.0.0.1", Limits::default()).await;
        way.sender.write_all(&header("a", 0)).await.unwrap();
        let (mut receiver, _) = way.receiver.accept().await.unwrap();
        let mut got = Vec::new();
        receiver.read_to_end(&mut got).await.unwrap();
        drop(receiver);
        assert_eq!(got, header("a", 0));
        assert_eq!(way.task.await.unwrap().unwrap(), 0);
    }

    #[tokio::test]
    async fn what_is_too_much_ends_before_the_receiver_is_asked() {
        let mut too_large = way("127.0.0.1", Limits { size: 999, ..Limits::default() }).await;
        too_large.sender.write_all(&header("a", 1000)).await.unwrap();
        assert_eq!(too_large.task.await.unwrap().unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        let mut long_name = way("127.0.0.1", Limits::default()).await;
        long_name.sender.write_all(&header(&"x".repeat(256), 1)).await.unwrap();
        assert_eq!(long_name.task.await.unwrap().unwrap_err().kind(), io::ErrorKind::InvalidFilename);
    }

    #[tokio::test]
    async fn nobody_else_is_let_in_and_nobody_is_waited_for_too_long() {
        let limits = Limits { connect: Duration::from_millis(50), ..Limits::default() };
        let mut stranger = way("127.0.0.9", limits).await;
        assert_eq!(stranger.sender.read(&mut [0]).await.unwrap_or(0), 0, "closed");
        assert_eq!(stranger.task.await.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
        let limits = Limits { idle: Duration::from_millis(50), ..Limits::default() };
        let silent = way("127.0.0.1", limits).await;
        assert_eq!(silent.task.await.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn either_side_ending_ends_both() {
        for receiver_ends in [true, false] {
            let mut way = way("127.0.0.1", Limits::default()).await;
            way.sender.write_all(&header("a", 1000)).await.unwrap();
            way.sender.write_all(b"the beginning").await.unwrap();
            let (mut receiver, _) = way.receiver.accept().await.unwrap();
            let mut got = vec![0; header("a", 0).len() + 13];
            receiver.read_exact(&mut got).await.unwrap();
            if receiver_ends {
                drop(receiver);
                assert_eq!(way.sender.read(&mut [0]).await.unwrap_or(0), 0);
            } else {
                drop(way.sender);
                assert_eq!(receiver.read(&mut [0]).await.unwrap_or(0), 0);
            }
            way.task.await.unwrap().unwrap_err();
        }
    }

    #[tokio::test]
    async fn no_faster_than_allowed() {
        let rate = 100_000;
        let mut way = way("127.0.0.1", Limits { rate, ..Limits::default() }).await;
        let start = Instant::now();
        let sent = [header("a", rate * 3 / 2), vec![5; rate as usize * 3 / 2]].concat();
        way.sender.write_all(&sent).await.unwrap();
        let (mut receiver, _) = way.receiver.accept().await.unwrap();
        receiver.read_to_end(&mut Vec::new()).await.unwrap();
        assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
    }
}
