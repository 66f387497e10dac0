//! Voice over UDP: speech as it is, without a length, and without any answer to anybody.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tracing::debug;

use super::super::calls::{self, Channel};
use super::framer;
use super::room::Source;
use super::stats::Dropped;
use super::{Voice, read};
use crate::model::Uid;
use crate::protocol::rtp::{self, ROOM_PACKET_LEN};

/// What leads a client to UDP if it hears it while it is in no room (REAL-CLIENT, Voice 5).
pub(super) const PROBE: [u8; 2] = *b"hi";
/// The ports of the client that are probed: voice and control.
pub(super) const PROBED_PORTS: [u16; 2] = [2090, 2091];

/// Datagrams read before others get their turn.
const DATAGRAMS_PER_TURN: usize = 32;
/// What the kernel may hold for the socket: speech for a large room leaves at once.
const BUFFER: usize = 1 << 20;

/// Binds a socket for voice; the address it got comes with it. IPv6 addresses take IPv6 only.
pub fn bind(address: SocketAddr) -> io::Result<(SocketAddr, UdpSocket)> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    for outcome in [socket.set_send_buffer_size(BUFFER), socket.set_recv_buffer_size(BUFFER)] {
        if let Err(error) = outcome {
            debug!(%error, "cannot enlarge the buffers of a voice socket");
        }
    }
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    let socket = UdpSocket::from_std(socket.into())?;
    Ok((socket.local_addr()?, socket))
}

impl Voice {
    /// Receives datagrams on every socket until `stop` turns true.
    pub async fn serve_udp(self: Arc<Self>, index: usize, mut stop: watch::Receiver<bool>) {
        let Some((_, socket)) = self.sockets.get(index) else { return };
        // One byte more than speech has, to tell longer datagrams from it.
        let mut buffer = [0; ROOM_PACKET_LEN + 1];
        loop {
            tokio::select! {
                _ = socket.readable() => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            let mut received = 0;
            loop {
                match socket.try_recv_from(&mut buffer) {
                    Ok((count, from)) => {
                        let datagram = buffer.get(..count).unwrap_or_default();
                        match &self.calls {
                            Some(calls) if calls::is_call_voice(datagram) => {
                                calls.pass_on(Channel::Voice, socket, datagram, from.ip());
                            }
                            _ => self.datagram(datagram, from).await,
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // What an earlier datagram met on its way comes back here; it is nobody's fault.
                    Err(error) => debug!(%error, "error on a voice socket"),
                }
                received += 1;
                if received == DATAGRAMS_PER_TURN {
                    tokio::task::yield_now().await;
                    break;
                }
            }
        }
    }

    /// How many sockets there are for [`Voice::serve_udp`].
    pub fn udp_sockets(&self) -> usize {
        self.sockets.len()
    }

    async fn datagram(&self, datagram: &[u8], from: SocketAddr) {
        self.counters.packets_in.increment();
        self.counters.bytes_in.add(datagram.len() as u64);
        if let Err(reason) = self.try_datagram(datagram, from).await {
            self.counters.drop(reason, 1);
            if reason.is_suspicious() {
                self.complain(from.ip(), &reason);
            }
        }
    }

    /// Passes a datagram on, or says why not. Drops in a room are counted there.
    async fn try_datagram(&self, datagram: &[u8], from: SocketAddr) -> Result<(), Dropped> {
        let speech: &[u8; ROOM_PACKET_LEN] = datagram.try_into().map_err(|_| Dropped::Length)?;
        let [_, _, _, _, _, _, _, _, a, b, c, d, ..] = *speech;
        let uid = Uid(u32::from_be_bytes([a, b, c, d]));
        rtp::check_room_speech(speech, uid)?;
        let rooms = read(&self.users).get(&uid).cloned();
        let mut refused = Dropped::Stranger;
        // The packet does not say for which room it is: he speaks where he has no voice connection,
        // and of these rooms in the one that he entered last.
        for room in rooms.iter().flat_map(|rooms| rooms.iter()) {
            let granted = self.grant(room, uid, Source::Udp(from), speech);
            match granted {
                Ok(granted) => {
                    room.counters.packets_in.increment();
                    room.counters.bytes_in.add(datagram.len() as u64);
                    self.deliver(room, uid, &framer::with_length(speech), &granted).await;
                    return Ok(());
                }
                Err(reason @ (Dropped::Stranger | Dropped::OtherSource | Dropped::NotInRoom)) => {
                    refused = reason;
                }
                Err(reason) => {
                    room.counters.packets_in.increment();
                    room.counters.bytes_in.add(datagram.len() as u64);
                    room.counters.drop(reason, 1);
                    return Err(reason);
                }
            }
        }
        Err(refused)
    }
}
