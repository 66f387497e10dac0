//! Carries the voice of calls between two clients (REAL-CLIENT, Pal-to-pal voice call).
//!
//! A client in a call sends voice to port 2090 and control to port 2091 of whatever address it was
//! told, from ports of its own choice, and hears on its own 2090 and 2091. So two sockets serve all
//! calls: a datagram's source address together with the uid in it says whose it is, and it goes to
//! the other side of his call as it came. Voice of rooms may share the socket on 2090: its datagrams
//! have another length ([`is_call_voice`]).

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket as StdUdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::watch;
use tracing::debug;

use crate::hub::peers::CLIENT_PORT;
use crate::metrics::Metrics;
use crate::model::Uid;

/// Bytes of a voice datagram: an RTP header and four GSM frames, without the tail of room voice.
const VOICE_LEN: usize = 144;
/// Bytes of a control datagram; 44 in every recording.
const CONTROL_LEN: std::ops::RangeInclusive<usize> = 8..=128;
/// Datagrams per second of one party. Voice alone comes 12.5 times a second.
const RATE: u32 = 40;
/// Datagrams of one party that may come at once.
const BURST: u32 = 40;
/// Larger than any datagram that is passed on.
const BUFFER: usize = 512;

/// What a datagram carries, by the port on which it came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Channel {
    /// Port 2090.
    Voice,
    /// Port 2091.
    Control,
}

impl Channel {
    /// The port, the same at the server and at the clients.
    pub fn port(self) -> u16 {
        match self {
            Channel::Voice => CLIENT_PORT,
            Channel::Control => CLIENT_PORT + 1,
        }
    }
}

/// The calls that are carried. Does no I/O: it says where a datagram goes.
#[derive(Default, Debug)]
pub struct CallRelay {
    parties: HashMap<Uid, Party>,
}

#[derive(Debug)]
struct Party {
    at: Ipv4Addr,
    peer: Uid,
    peer_at: Ipv4Addr,
    allowance: u32,
    counted: Option<Instant>,
}

impl CallRelay {
    /// Carries what the two send to each other from now on. Earlier calls of theirs are over.
    pub fn open(&mut self, [a, b]: [(Uid, Ipv4Addr); 2]) {
        for uid in [a.0, b.0] {
            if let Some(earlier) = self.parties.remove(&uid) {
                self.parties.remove(&earlier.peer);
            }
        }
        for ((uid, at), (peer, peer_at)) in [(a, b), (b, a)] {
            self.parties.insert(uid, Party { at, peer, peer_at, allowance: BURST, counted: None });
        }
    }

    /// Carries nothing more between the two.
    pub fn close(&mut self, [a, b]: [Uid; 2]) {
        for (uid, peer) in [(a, b), (b, a)] {
            if self.parties.get(&uid).is_some_and(|party| party.peer == peer) {
                self.parties.remove(&uid);
            }
        }
    }

    /// Whether there is no call.
    pub fn is_empty(&self) -> bool {
        self.parties.is_empty()
    }

    /// Where a datagram goes, unchanged and from the port on which it came; `None` if it belongs to
    /// no call or its sender sends too many.
    pub fn route(
        &mut self,
        now: Instant,
        channel: Channel,
        source: IpAddr,
        datagram: &[u8],
    ) -> Option<SocketAddr> {
        let speaker = match channel {
            Channel::Voice => voice_of(datagram)?,
            Channel::Control => control_of(datagram)?,
        };
        let party = self.parties.get_mut(&speaker)?;
        if source.to_canonical() != IpAddr::V4(party.at) || !party.may_send(now) {
            return None;
        }
        Some((party.peer_at, channel.port()).into())
    }
}

impl Party {
    fn may_send(&mut self, now: Instant) -> bool {
        let since = self.counted.map_or(Duration::ZERO, |counted| now.saturating_duration_since(counted));
        let earned = u32::try_from(since.as_millis()).unwrap_or(u32::MAX).saturating_mul(RATE) / 1000;
        if earned > 0 || self.counted.is_none() {
            self.allowance = self.allowance.saturating_add(earned).min(BURST);
            self.counted = Some(now);
        }
        let left = self.allowance.checked_sub(1);
        self.allowance = left.unwrap_or_default();
        left.is_some()
    }
}

/// Whether a datagram on port 2090 can be voice of a call, and so cannot be voice of a room.
pub fn is_call_voice(datagram: &[u8]) -> bool {
    voice_of(datagram).is_some()
}

/// Who speaks, by a voice datagram's own word.
fn voice_of(datagram: &[u8]) -> Option<Uid> {
    let gsm = datagram.len() == VOICE_LEN && datagram.starts_with(&[0x80, 0x03]);
    gsm.then(|| uid_at(datagram, 8)).flatten()
}

/// Whose control this is: RTCP of version 2, one of its five kinds first.
fn control_of(datagram: &[u8]) -> Option<Uid> {
    let rtcp = matches!(datagram, [0x80..=0xbf, 200..=204, ..]) && CONTROL_LEN.contains(&datagram.len());
    rtcp.then(|| uid_at(datagram, 4)).flatten()
}

fn uid_at(datagram: &[u8], at: usize) -> Option<Uid> {
    datagram.get(at..)?.first_chunk().map(|bytes| Uid(u32::from_be_bytes(*bytes)))
}

/// Calls as the sockets and those who open and close them share them.
pub type SharedCalls = Arc<Mutex<CallRelay>>;

/// Binds the socket for the control datagrams of calls at `address`.
pub fn bind_control(address: Ipv4Addr) -> io::Result<UdpSocket> {
    let socket = StdUdpSocket::bind((address, Channel::Control.port()))?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

/// The way of call datagrams through the server, shared by the sockets on which they come.
#[derive(Clone)]
pub struct CallPath {
    calls: SharedCalls,
    metrics: Arc<Metrics>,
}

impl CallPath {
    /// A way for the datagrams of `calls`.
    pub fn new(calls: SharedCalls, metrics: Arc<Metrics>) -> CallPath {
        CallPath { calls, metrics }
    }

    /// Passes a datagram on that came from `source` on `socket`, if it belongs to a call.
    pub fn pass_on(&self, channel: Channel, socket: &UdpSocket, datagram: &[u8], source: IpAddr) {
        let way = {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            calls.route(Instant::now(), channel, source, datagram)
        };
        let Some(destination) = way else {
            self.metrics.call_datagrams_dropped.increment();
            return;
        };
        // Voice of rooms comes on the same socket: nothing waits here, not even for room to send.
        match socket.try_send_to(datagram, destination) {
            Ok(_) => self.metrics.call_datagrams.increment(),
            Err(error) => {
                self.metrics.call_datagrams_dropped.increment();
                debug!(%error, %destination, "cannot pass on");
            }
        }
    }

    /// Passes on the control datagrams that come on `socket` until `stop` turns true. The voice of
    /// calls comes on the socket of room voice.
    pub async fn serve_control(self, socket: UdpSocket, mut stop: watch::Receiver<bool>) {
        let mut buffer = [0; BUFFER];
        loop {
            let received = tokio::select! {
                received = socket.recv_from(&mut buffer) => received,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match received {
                Ok((length, source)) => {
                    let datagram = buffer.get(..length).unwrap_or_default();
                    self.pass_on(Channel::Control, &socket, datagram, source.ip());
                }
                // Somebody's machine said that nobody listens there.
                Err(error) => debug!(%error, "cannot receive"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: (Uid, Ipv4Addr) = (Uid(1_000_002), Ipv4Addr::new(10, 77, 0, 1));
    const B: (Uid, Ipv4Addr) = (Uid(1_000_003), Ipv4Addr::new(10, 77, 0, 2));
    const C: (Uid, Ipv4Addr) = (Uid(1_000_004), Ipv4Addr::new(10, 77, 0, 3));

    fn voice(uid: Uid) -> Vec<u8> {
        let mut datagram = vec![0xd8; VOICE_LEN];
        datagram[..2].copy_from_slice(&[0x80, 3]);
        datagram[8..12].copy_from_slice(&uid.0.to_be_bytes());
        datagram
    }

    fn control(uid: Uid) -> Vec<u8> {
        let mut datagram = vec![0; 44];
        datagram[..4].copy_from_slice(&[0x80, 0xc9, 0, 1]);
        datagram[4..8].copy_from_slice(&uid.0.to_be_bytes());
        datagram
    }

    fn open(calls: &[[(Uid, Ipv4Addr); 2]]) -> CallRelay {
        let mut relay = CallRelay::default();
        calls.iter().for_each(|call| relay.open(*call));
        relay
    }

    #[test]
    fn what_one_side_sends_reaches_the_other() {
        let mut relay = open(&[[A, B]]);
        let now = Instant::now();
        for (from, to) in [(A, B), (B, A)] {
            let way = relay.route(now, Channel::Voice, from.1.into(), &voice(from.0));
            assert_eq!(way, Some((to.1, 2090).into()));
            let mapped = IpAddr::V6(from.1.to_ipv6_mapped());
            let way = relay.route(now, Channel::Control, mapped, &control(from.0));
            assert_eq!(way, Some((to.1, 2091).into()));
        }
        relay.close([A.0, B.0]);
        assert!(relay.is_empty());
        assert_eq!(relay.route(now, Channel::Voice, A.1.into(), &voice(A.0)), None);
    }

    #[test]
    fn nothing_else_goes_anywhere() {
        let mut relay = open(&[[A, B]]);
        let now = Instant::now();
        let mut to_nobody = |channel, source: Ipv4Addr, datagram: &[u8]| {
            assert_eq!(relay.route(now, channel, source.into(), datagram), None, "{datagram:?}");
        };
        to_nobody(Channel::Voice, C.1, &voice(A.0));
        to_nobody(Channel::Voice, B.1, &voice(A.0));
        to_nobody(Channel::Voice, C.1, &voice(C.0));
        to_nobody(Channel::Voice, A.1, &control(A.0));
        to_nobody(Channel::Control, A.1, &voice(A.0)[..130]);
        to_nobody(Channel::Voice, A.1, &[voice(A.0), A.0.0.to_le_bytes().to_vec()].concat());
        to_nobody(Channel::Voice, A.1, b"hi");
        to_nobody(Channel::Control, A.1, b"");
        let other_codec = [&[0x80, 0x04], &voice(A.0)[2..]].concat();
        to_nobody(Channel::Voice, A.1, &other_codec);
    }

    #[test]
    fn a_new_call_ends_the_earlier_ones_of_both() {
        let mut relay = open(&[[A, B], [B, C]]);
        let now = Instant::now();
        assert_eq!(relay.route(now, Channel::Voice, A.1.into(), &voice(A.0)), None);
        let way = relay.route(now, Channel::Voice, B.1.into(), &voice(B.0));
        assert_eq!(way, Some((C.1, 2090).into()));
        relay.close([A.0, B.0]);
        let way = relay.route(now, Channel::Voice, C.1.into(), &voice(C.0));
        assert_eq!(way, Some((B.1, 2090).into()), "that call was another one");
        // The same call again, and the other way round.
        relay.open([B, C]);
        relay.open([C, B]);
        for (from, to) in [(B, C), (C, B)] {
            let way = relay.route(now, Channel::Voice, from.1.into(), &voice(from.0));
            assert_eq!(way, Some((to.1, 2090).into()));
        }
    }

    #[test]
    fn a_flood_is_cut_and_speech_is_not() {
        let mut relay = open(&[[A, B]]);
        let start = Instant::now();
        let mut passed =
            |at: Duration| relay.route(start + at, Channel::Voice, A.1.into(), &voice(A.0)).is_some();
        for packet in 0..1000 {
            assert!(passed(Duration::from_millis(80) * packet), "{packet}");
        }
        let later = Duration::from_secs(100);
        let flood = (0..10_000).filter(|n| passed(later + Duration::from_millis(*n) / 10)).count();
        assert!((40..=80).contains(&flood), "{flood}");
    }
}
