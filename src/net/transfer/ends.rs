//! The two ends of a transfer until the data flows: who connects to whom, and what is said first.
//!
//! 5.x: the sender connects to the server and writes name and size in binary; the receiver is
//! connected to and reads the same. 7 and later: both connect to the server and speak in lines
//! (PROTOCOL 13.2).

use std::io;
use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tracing::debug;

use crate::hub::peers::{CLIENT_PORT, FileEnd, FileRoute};

use super::heading::{Heading, read_line};
use super::{Limits, within};

/// Those who speak in lines take each read for one line, so lines must not arrive together.
const BETWEEN_LINES: Duration = Duration::from_millis(200);

/// Lets the sender in and hears what he sends.
pub(super) async fn sender(
    entrance: TcpListener,
    route: &FileRoute,
    limits: &Limits,
) -> io::Result<(TcpStream, Heading)> {
    let end = &route.sender;
    let mut stream = within(limits.connect, "the sender", accept(entrance, end.at)).await?;
    stream.set_nodelay(true)?;
    let work = async {
        if !end.lines {
            return Heading::read(&mut stream).await;
        }
        introduce(&mut stream, end, route.transfer.0).await?;
        sleep(BETWEEN_LINES).await;
        stream.write_all(b"SEND\tOK\n").await?;
        Heading::parse_line(&read_line(&mut stream).await?)
    };
    let heading = within(limits.idle, "the file's name", work).await?;
    if heading.size() > limits.size {
        let text = format!("{} bytes are too many", heading.size());
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok((stream, heading))
}

/// Lets a receiver in who speaks in lines.
pub(super) async fn visiting_receiver(
    entrance: TcpListener,
    route: &FileRoute,
    limits: &Limits,
) -> io::Result<TcpStream> {
    let end = &route.receiver;
    let mut stream = within(limits.connect, "the receiver", accept(entrance, end.at)).await?;
    stream.set_nodelay(true)?;
    let work = introduce(&mut stream, end, route.transfer.0);
    within(limits.idle, "the receiver", work).await?;
    Ok(stream)
}

/// The port at which a receiver is connected to. It is the one that he names, unless his address is one
/// of this machine: then he has come through a proxy here, or is on it himself, and a port of his
/// choice would let him reach whatever service of this machine he likes. At such an address only the
/// port that clients have from the start is used.
pub(super) fn receiver_port(at: IpAddr, named: u16) -> u16 {
    if is_own(at) { CLIENT_PORT } else { named }
}

/// Whether an address is one of this machine: nobody can listen at another's.
fn is_own(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_loopback() || UdpSocket::bind((address, 0)).is_ok()
}

/// Connects to a receiver who listens. His address is that of his chat connection.
pub(super) async fn listening_receiver(route: &FileRoute, limits: &Limits) -> io::Result<TcpStream> {
    let connect = TcpStream::connect((route.receiver.at, route.port));
    let stream = within(limits.connect, "the receiver", connect).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Tells the receiver what comes.
pub(super) async fn announce(
    receiver: &mut (impl AsyncWriteExt + Unpin),
    route: &FileRoute,
    heading: &Heading,
) -> io::Result<()> {
    let bytes = if route.receiver.lines {
        heading.line(route.sender.uid, route.receiver.uid, &route.nickname)
    } else {
        heading.bytes()
    };
    receiver.write_all(&bytes).await?;
    if route.receiver.lines {
        sleep(BETWEEN_LINES).await;
    }
    Ok(())
}

/// Waits for somebody from `address`; nobody can connect any more afterwards.
async fn accept(entrance: TcpListener, address: IpAddr) -> io::Result<TcpStream> {
    loop {
        match entrance.accept().await {
            Ok((stream, peer)) if peer.ip().to_canonical() == address => return Ok(stream),
            Ok((_, peer)) => debug!(%peer, "somebody else came for a file"),
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Greets somebody who speaks in lines, and hears whether it is he who was expected.
async fn introduce(stream: &mut TcpStream, end: &FileEnd, transfer: u32) -> io::Result<()> {
    stream.write_all(b"CONNECT\tOK\n").await?;
    let line = read_line(stream).await?;
    if line != format!("INTRO\t{}\t{transfer}", end.uid).as_bytes() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "this is somebody else"));
    }
    stream.write_all(b"AUTH\tOK\n").await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_of_this_machine_can_be_chosen() {
        for own in ["127.0.0.1", "127.77.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::"] {
            let own: IpAddr = own.parse().unwrap();
            assert_eq!(receiver_port(own, 6379), 2090, "{own}");
        }
        // Addresses that are set aside for documentation are nobody's.
        for other in ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"] {
            let other: IpAddr = other.parse().unwrap();
            assert_eq!(receiver_port(other, 6379), 6379, "{other}");
        }
        // The address by which this machine would go out; connecting a datagram socket sends nothing.
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        if socket.connect("192.0.2.1:9").is_ok() {
            let own = socket.local_addr().unwrap().ip();
            assert_eq!(receiver_port(own, 6379), 2090, "{own}");
        }
    }
}
