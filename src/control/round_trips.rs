//! How far away clients are: the times that the system has measured on their connections, asked of it by
//! netlink (sock_diag(7)), one connection at a time and only for rows that somebody looks at.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr as NetlinkAddr};
use tokio::task;

use crate::hub::rows::UserRow;
use crate::link::Ends;

use super::fields::RoomNames;
use super::window::{Cut, Query};

/// How long a time counts: it is smoothed by the system and changes slowly.
const LASTS: Duration = Duration::from_secs(10);
/// How long it counts at most where asking for many has taken long.
const LONGEST: Duration = Duration::from_secs(60);
/// Asking may take one part in so many of the time.
const SHARE: u32 = 200;
/// The longest answer: a header, the connection, and its figures; all of them below one kilobyte today.
const ANSWER_MAX: usize = 8 * 1024;
/// Where the smoothed time stands among the figures (`struct tcp_info`, `tcpi_rtt`, linux/tcp.h).
const RTT_AT: usize = 68;

/// What is known of connections, and since when.
#[derive(Default)]
pub(super) struct RoundTrips {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    times: HashMap<Ends, (Instant, Option<u32>)>,
    /// When many were asked for last, and how long that has to do.
    costly: Option<(Instant, Duration)>,
}

impl Known {
    /// How long a time counts now.
    fn lasts(&self, now: Instant) -> Duration {
        let costly = self.costly.filter(|(at, lasts)| now.saturating_duration_since(*at) < *lasts);
        costly.map_or(LASTS, |(_, lasts)| lasts)
    }

    /// Forgets what is too old.
    fn expire(&mut self, now: Instant) {
        let lasts = self.lasts(now);
        self.times.retain(|_, (at, _)| now.saturating_duration_since(*at) < lasts);
    }

    /// Notes that asking has taken so long.
    fn took(&mut self, now: Instant, time: Duration) {
        let lasts = time.saturating_mul(SHARE).min(LONGEST);
        if lasts > self.lasts(now) {
            self.costly = Some((now, lasts));
        }
    }
}

impl RoundTrips {
    /// What `query` shows of `rows`, with the times of those shown. Of all of them only if the query is
    /// about times.
    pub(super) async fn cut(
        &self,
        query: &Query,
        mut rows: Arc<Vec<UserRow>>,
        rooms: &RoomNames,
    ) -> Cut<UserRow> {
        if query.asks::<UserRow>("rtt_micros") {
            self.fill(Arc::<Vec<_>>::make_mut(&mut rows)).await;
        }
        let mut cut = query.cut(&rows, rooms);
        self.fill(&mut cut.rows).await;
        cut
    }

    /// Puts the times into `rows`.
    pub(super) async fn fill(&self, rows: &mut [UserRow]) {
        let now = Instant::now();
        let wanted: Vec<Ends> = {
            let mut known = self.lock();
            known.expire(now);
            rows.iter().filter_map(|row| row.ends).filter(|ends| !known.times.contains_key(ends)).collect()
        };
        if !wanted.is_empty() {
            let asked = task::spawn_blocking(move || {
                let began = Instant::now();
                let found = ask(&wanted);
                (wanted, found, began.elapsed())
            });
            let Ok((wanted, found, time)) = asked.await else { return };
            let mut known = self.lock();
            known.took(now, time);
            let nothing = std::iter::repeat(None);
            let found = wanted.into_iter().zip(found.unwrap_or_default().into_iter().chain(nothing));
            known.times.extend(found.map(|(ends, rtt)| (ends, (now, rtt))));
        }
        let known = self.lock();
        for row in rows {
            row.rtt_micros = row.ends.and_then(|ends| known.times.get(&ends)?.1);
        }
    }

    /// Gives the memory back when nobody has looked for a while.
    pub(super) fn tidy(&self) {
        let mut known = self.lock();
        known.expire(Instant::now());
        if known.times.is_empty() {
            known.times = HashMap::new();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The smoothed times of connections of this machine, in microseconds. Blocks, but for no network: the
/// system has put each answer into the socket when the question has been sent.
fn ask(connections: &[Ends]) -> io::Result<Vec<Option<u32>>> {
    let socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.set_non_blocking(true)?;
    socket.connect(&NetlinkAddr::new(0, 0))?;
    let mut answer = Vec::with_capacity(ANSWER_MAX);
    let mut times = Vec::with_capacity(connections.len());
    for (number, ends) in (1..).zip(connections) {
        socket.send(&question(ends, number), 0)?;
        answer.clear();
        socket.recv(&mut answer, 0)?;
        times.push(time_in(&answer, number));
    }
    Ok(times)
}

fn question(ends: &Ends, number: u32) -> Vec<u8> {
    let scope = match ends.peer {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(peer) => peer.scope_id(),
    };
    let request = InetRequest {
        family: if ends.peer.is_ipv4() { AF_INET } else { AF_INET6 },
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::INFO,
        states: StateFlags::all(),
        socket_id: SocketId {
            source_port: ends.local.port(),
            destination_port: ends.peer.port(),
            source_address: ends.local.ip(),
            destination_address: ends.peer.ip(),
            interface_id: scope,
            // Whichever it is.
            cookie: [0xff; 8],
        },
    };
    let mut header = NetlinkHeader::default();
    (header.flags, header.sequence_number) = (NLM_F_REQUEST, number);
    let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// The time in the answer to the question `number`; `None` if it is no such answer, as when the connection
/// is gone.
fn time_in(answer: &[u8], number: u32) -> Option<u32> {
    let message = NetlinkMessage::<SockDiagMessage>::deserialize(answer).ok()?;
    if message.header.sequence_number != number {
        return None;
    }
    let NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(found)) = message.payload else {
        return None;
    };
    let figures = found.nlas.iter().find_map(|nla| match nla {
        Nla::TcpInfo(figures) => Some(figures),
        _ => None,
    })?;
    let bytes = figures.get(RTT_AT..RTT_AT + 4)?.try_into().ok()?;
    Some(u32::from_ne_bytes(bytes)).filter(|micros| *micros > 0)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::super::window::tests::user;
    use super::super::wire::Window;
    use super::*;

    /// A connection of this machine with itself, as its server sees it.
    fn connection(address: &str) -> Option<(TcpStream, TcpStream, Ends)> {
        let listener = TcpListener::bind(address).ok()?;
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, peer) = listener.accept().unwrap();
        let ends = Ends { local: server.local_addr().unwrap(), peer };
        Some((client, server, ends))
    }

    #[tokio::test]
    async fn the_system_knows_how_far_away_clients_are() {
        if ask(&[]).is_err() {
            return crate::skipped::not_checked("round-trip times", "there is no netlink here");
        }
        let (_client, _server, ends) = connection("127.0.0.1:0").unwrap();
        let six = connection("[::1]:0");
        let gone = Ends { local: "192.0.2.1:1".parse().unwrap(), peer: "192.0.2.2:2".parse().unwrap() };
        let trips = RoundTrips::default();
        let mut rows = [
            UserRow { ends: Some(ends), ..user(1) },
            UserRow { ends: Some(gone), ..user(2) },
            UserRow { ends: six.as_ref().map(|(.., ends)| *ends), ..user(3) },
            user(4),
        ];
        trips.fill(&mut rows).await;
        let near = |time: Option<u32>| time.is_some_and(|micros| micros < 1_000_000);
        let times = rows.each_ref().map(|row| row.rtt_micros);
        assert!(near(times[0]) && times[1].is_none() && times[3].is_none(), "{times:?}");
        assert!(six.is_none() || near(times[2]), "{times:?}");
        // Sorted by it, all are known before they are cut.
        let window = Window { sort: "rtt".into(), descending: true, limit: 1, ..Window::default() };
        let query = Query::new::<UserRow>(&window, true).unwrap();
        let rows = rows.map(|row| UserRow { rtt_micros: None, ..row });
        let cut = trips.cut(&query, Arc::new(rows.to_vec()), &RoomNames::new()).await;
        assert_eq!(cut.matched, 4);
        assert!(near(cut.rows[0].rtt_micros));
        assert_eq!(trips.lock().times.len(), 2 + usize::from(six.is_some()), "each is asked for once");
    }

    #[test]
    fn the_longer_asking_takes_the_rarer_it_is() {
        let (mut known, begin) = (Known::default(), Instant::now());
        let after = |seconds| begin + Duration::from_secs(seconds);
        let ends = Ends { local: "192.0.2.1:1".parse().unwrap(), peer: "192.0.2.2:2".parse().unwrap() };
        known.took(begin, Duration::from_millis(3));
        assert_eq!(known.lasts(after(1)), LASTS);
        known.took(begin, Duration::from_millis(100));
        known.times.insert(ends, (begin, Some(7)));
        known.took(after(10), Duration::from_millis(1));
        known.expire(after(19));
        assert!(
            known.times.contains_key(&ends),
            "those few who came later do not make all be asked for again"
        );
        known.expire(after(20));
        assert!(known.times.is_empty());
        known.took(after(20), Duration::from_secs(9));
        assert_eq!((known.lasts(after(30)), known.lasts(after(90))), (LONGEST, LASTS));
    }

    #[test]
    fn what_is_no_answer_is_none() {
        let ends = Ends { local: "192.0.2.1:1".parse().unwrap(), peer: "[2001:db8::1]:2".parse().unwrap() };
        let question = question(&ends, 7);
        for end in 0..=question.len() {
            assert_eq!(time_in(&question[..end], 7), None);
        }
        for byte in 0..question.len() {
            let mut wrong = question.clone();
            wrong[byte] ^= 0xff;
            assert_eq!(time_in(&wrong, 7), None);
        }
    }
}
