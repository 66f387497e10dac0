//! Voice in rooms: a data plane of its own.
//!
//! Speech does not pass through the hub. The hub publishes who is in which voice room and who may
//! speak ([`VoiceRoom`]); the tasks here forward by these tables. A speaker's packet is checked,
//! gets the floor or does not, and is written to every listener by the task that received it: one
//! system call each, and nothing waits for anybody. Listeners are served over TCP if they have a
//! voice connection, else over UDP if they are known to use it.
//!
//! | file | what |
//! |---|---|
//! | `tcp` | voice connections: opening, reading, their end |
//! | `udp` | datagrams |
//! | `link` | a voice connection as speakers see it; `queue` is what waits in it |
//! | `room` | who sits where and how he listens |
//! | `floor`, `limits`, `framer` | rules, with the time as an argument |
//! | `stats` | counters |
//!
//! # What cannot be known
//!
//! Datagrams carry no secret. Whoever forges the source address of a member who uses UDP, and knows
//! his uid, is heard as that member once the member has been silent for as long as his port is held
//! (two seconds), and as long as the forger goes on the member himself is dropped as another source.
//! Against a member with a voice connection it does not work at all: datagrams in his name are dropped.
//! What is sent for a forged datagram is what is sent for any speech: one of the same length to each
//! place that a signed-in member of the room has announced at the address of his chat connection;
//! nothing goes back to the source. The probe, two bytes, goes to the address of a chat connection.
//!
//! Behind one address several clients announce the same port, which the router gives to one of them.
//! It hears everything once. When one of them speaks over UDP, nothing goes there, because it may be
//! his own port; his neighbours do not hear him. When one with a voice connection speaks, speech does
//! go there: the port belongs to somebody who uses UDP, and who does so by the probe has shown that
//! the router gives the port to him. Only where UDP was chosen by hand and the router gives the port
//! to the neighbour with the voice connection does that one hear the others twice, and himself: to
//! the server this looks the same.

mod floor;
pub mod framer;
mod limits;
mod link;
mod queue;
mod room;
mod stats;
mod tcp;
mod udp;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use arc_swap::ArcSwap;
use tokio::net::UdpSocket;
use tokio::sync::Notify;
use tracing::info;

use crate::config::Limits;
use crate::hub::actor::{Envelope, WeakHubHandle};
use crate::hub::voice::{VoicePlane, VoiceRoom};
use crate::hub::{Command, RoomCommand};
use crate::model::{RoomId, Uid};
use crate::protocol::rtp;

use super::calls::CallPath;

use framer::Packet;
use limits::{Complaints, Connections, Reconnects};
use link::Offer;
use room::{Granted, Room, Source};

pub use stats::{ConnectionCounters, Dropped, VoiceActivity, VoiceCounters};
pub use udp::bind as bind_udp;

/// Voice connections that one address may have for each chat connection it may have: people are in
/// several rooms.
const LINKS_PER_CONNECTION: usize = 4;
/// Listeners served before others get their turn.
const LISTENERS_PER_TURN: usize = 128;

/// The voice service.
pub struct Voice {
    rooms: RwLock<HashMap<RoomId, Arc<Room>>>,
    /// The voice rooms of each user, the one he entered last first.
    users: RwLock<HashMap<Uid, Arc<[Arc<Room>]>>>,
    /// The sockets for datagrams, each with the address that it is bound to.
    sockets: Box<[(SocketAddr, UdpSocket)]>,
    /// The way of the voice of calls, if the server carries them.
    calls: Option<CallPath>,
    hub: WeakHubHandle,
    limits: ArcSwap<Limits>,
    /// Told whenever a table has changed.
    changed: Notify,
    links: Mutex<Connections>,
    reconnects: Mutex<Reconnects>,
    complaints: Mutex<Complaints>,
    counters: VoiceCounters,
    connections: ConnectionCounters,
}

fn links_per_address(limits: &Limits) -> Option<usize> {
    limits.connections_per_address.map(|count| count.saturating_mul(LINKS_PER_CONNECTION))
}

impl Voice {
    /// A service that sends and receives datagrams on `sockets` and reaches the hub by `hub`.
    /// The voice of calls that comes on the same sockets goes by `calls`.
    pub fn new(
        sockets: Vec<(SocketAddr, UdpSocket)>,
        hub: WeakHubHandle,
        limits: &Limits,
        calls: Option<CallPath>,
    ) -> Arc<Voice> {
        Arc::new(Voice {
            rooms: RwLock::default(),
            users: RwLock::default(),
            sockets: sockets.into(),
            calls,
            hub,
            links: Mutex::new(Connections::new(links_per_address(limits), limits.max_connections)),
            limits: ArcSwap::from_pointee(limits.clone()),
            changed: Notify::new(),
            reconnects: Mutex::default(),
            complaints: Mutex::default(),
            counters: VoiceCounters::default(),
            connections: ConnectionCounters::default(),
        })
    }

    /// Has other limits count for the connections that come from now on.
    pub fn set_limits(&self, limits: &Limits) {
        lock(&self.links).set_limits(links_per_address(limits), limits.max_connections);
        self.limits.store(Arc::new(limits.clone()));
    }

    /// The counters of all rooms since the start.
    pub fn counters(&self) -> &VoiceCounters {
        &self.counters
    }

    /// The counters of voice connections and probes.
    pub fn connections(&self) -> &ConnectionCounters {
        &self.connections
    }

    /// What is going on in all rooms.
    pub fn activity(&self) -> VoiceActivity {
        let rooms: Vec<Arc<Room>> = read(&self.rooms).values().cloned().collect();
        let now = Instant::now();
        let mut sum = VoiceActivity::default();
        for room in rooms {
            sum += room.activity(now);
        }
        sum
    }

    /// What is going on in one room; `None` if nobody is in it.
    pub fn room_activity(&self, room: RoomId) -> Option<VoiceActivity> {
        self.room(room).map(|room| room.activity(Instant::now()))
    }

    /// Reads the counters of one room, which begin anew with the first user who enters it.
    pub fn room_counters<T>(&self, room: RoomId, read: impl FnOnce(&VoiceCounters) -> T) -> Option<T> {
        self.room(room).map(|room| read(&room.counters))
    }

    fn room(&self, id: RoomId) -> Option<Arc<Room>> {
        read(&self.rooms).get(&id).cloned()
    }

    /// Whether a packet of `uid`, whose form has been checked, may be passed on in `room`.
    fn grant(
        &self,
        room: &Room,
        uid: Uid,
        source: Source<'_>,
        speech: &[u8; rtp::ROOM_PACKET_LEN],
    ) -> Result<Granted, Dropped> {
        let [_, _, high, low, ..] = *speech;
        room.speak(Instant::now(), uid, source, u16::from_be_bytes([high, low]))
    }

    /// Passes a packet on to everybody who listens but `speaker`.
    async fn deliver(&self, room: &Room, speaker: Uid, packet: &Packet, granted: &Granted) {
        let speech = framer::speech(packet);
        let (mut forwarded, mut slow, mut unsent) = (0, 0, 0);
        let mut shared = None;
        for listeners in granted.fanout.tcp.chunks(LISTENERS_PER_TURN) {
            for (_, link) in listeners.iter().filter(|(listener, _)| *listener != speaker) {
                match link.offer(packet, &mut shared) {
                    Offer::Taken => forwarded += 1,
                    Offer::OldestDropped => (forwarded, slow) = (forwarded + 1, slow + 1),
                    Offer::Closed => {}
                }
            }
            if listeners.len() == LISTENERS_PER_TURN {
                tokio::task::yield_now().await;
            }
        }
        for listeners in granted.fanout.udp.chunks(LISTENERS_PER_TURN) {
            let others = listeners.iter().filter(|(listener, _)| *listener != speaker);
            for (_, address) in others.filter(|(_, address)| granted.own != Some(*address)) {
                if self.send_to(speech, *address) {
                    forwarded += 1;
                } else {
                    unsent += 1;
                }
            }
            if listeners.len() == LISTENERS_PER_TURN {
                tokio::task::yield_now().await;
            }
        }
        for counters in [&self.counters, &room.counters] {
            counters.forwarded.add(forwarded);
            counters.bytes_out.add(forwarded * speech.len() as u64);
            counters.drop(Dropped::SlowListener, slow);
            counters.drop(Dropped::Unsent, unsent);
        }
    }

    /// Sends a datagram by the first socket of the right family. It is lost if the socket is full.
    fn send_to(&self, datagram: &[u8], to: SocketAddr) -> bool {
        let socket = self.sockets.iter().find(|(own, _)| own.is_ipv4() == to.is_ipv4());
        socket.is_some_and(|(_, socket)| socket.try_send_to(datagram, to).is_ok())
    }

    /// Counts a packet of speech that came for `room`.
    fn count_in(&self, room: &Room) {
        for counters in [&self.counters, &room.counters] {
            counters.packets_in.increment();
            counters.bytes_in.add(rtp::ROOM_PACKET_LEN as u64);
        }
    }

    fn count_drop(&self, room: &Room, reason: Dropped) {
        self.counters.drop(reason, 1);
        room.counters.drop(reason, 1);
    }

    /// Has the client of somebody whose voice connection was lost open another.
    fn lost(self: &Arc<Self>, room: &Arc<Room>, uid: Uid) {
        let Some(conn) = room.begin_reconnect(uid) else { return };
        let due = lock(&self.reconnects).due(Instant::now(), uid);
        let (voice, room) = (Arc::clone(self), Arc::clone(room));
        tokio::spawn(async move {
            tokio::time::sleep_until(due.into()).await;
            if room.finish_reconnect(uid, conn)
                && let Some(hub) = voice.hub.upgrade()
            {
                voice.connections.brought_back.increment();
                let command = Command::Room(room.id, RoomCommand::VoiceLost);
                hub.send(Envelope { conn, command, outbox: None }).await;
            }
        });
    }

    /// Logs something about a client or a stranger, at a limited rate.
    fn complain(&self, peer: IpAddr, what: &dyn std::fmt::Display) {
        if let Some(untold) = lock(&self.complaints).admit(Instant::now()) {
            info!(%peer, %what, untold, "voice refused");
        }
    }
}

impl VoicePlane for Voice {
    fn publish(&self, tables: Vec<Arc<VoiceRoom>>) {
        let now = Instant::now();
        for table in tables {
            let known = self.room(table.id);
            let room = match known {
                Some(room) => room,
                None if table.members.is_empty() => continue,
                None => {
                    let room = Room::new(table.id);
                    write(&self.rooms).insert(table.id, Arc::clone(&room));
                    room
                }
            };
            let changes = room.publish(now, &table);
            if table.members.is_empty() {
                write(&self.rooms).remove(&table.id);
            }
            if changes.came.is_empty() && changes.left.is_empty() {
                continue;
            }
            let mut users = write(&self.users);
            for uid in changes.left {
                if let Some(rooms) = users.get(&uid) {
                    let rooms: Arc<[_]> = rooms.iter().filter(|it| it.id != room.id).cloned().collect();
                    match rooms.is_empty() {
                        true => drop(users.remove(&uid)),
                        false => drop(users.insert(uid, rooms)),
                    }
                }
            }
            for uid in changes.came {
                let older = users.get(&uid).map(|rooms| rooms.to_vec()).unwrap_or_default();
                users.insert(uid, std::iter::once(Arc::clone(&room)).chain(older).collect());
            }
        }
        self.changed.notify_waiters();
    }

    fn probe(&self, address: IpAddr) {
        let address = address.to_canonical();
        for port in udp::PROBED_PORTS {
            if self.send_to(&udp::PROBE, SocketAddr::new(address, port)) {
                self.connections.probes.increment();
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
