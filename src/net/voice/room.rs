//! One voice room: who sits there, how each listens, who speaks.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::hub::ConnId;
use crate::hub::voice::{VoiceMember, VoiceRoom};
use crate::model::{RoomId, Uid};

use super::floor::Floor;
use super::limits::{Order, Rate};
use super::link::{End, Link};
use super::stats::{Dropped, VoiceActivity, VoiceCounters};

/// How long a probed client has to open a voice connection before it is taken to use UDP.
const PROBE_WAIT: Duration = Duration::from_secs(4);
/// How long a speaker's UDP port must be silent before another port may speak for him: clients keep
/// theirs, and who forges a source does not see it.
const PORT_HOLD: Duration = Duration::from_secs(2);

/// A voice room. Its lock is held for lookups only, never while something is sent.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) id: RoomId,
    pub(super) counters: VoiceCounters,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    table: Arc<VoiceRoom>,
    /// One for each member of the table, in the same order.
    seats: Vec<Seat>,
    floor: Floor,
    fanout: Option<Arc<Fanout>>,
    /// When the fan-out is to be made anew, because somebody's time to open a connection is over.
    fanout_until: Option<Instant>,
}

/// What the voice service knows of a member beside what the hub published.
#[derive(Debug)]
struct Seat {
    since: Instant,
    link: Option<Arc<Link>>,
    /// Whether he ever had a voice connection here: then he does not use UDP.
    had_link: bool,
    /// The port from which he spoke over UDP, and when.
    port: Option<(u16, Instant)>,
    /// Whether his client is about to be asked to bring back its connection.
    reconnecting: bool,
    rate: Rate,
    order: Order,
}

/// To whom a room's speech goes. Never changed; made anew when something has changed.
#[derive(Debug)]
pub(super) struct Fanout {
    pub(super) tcp: Box<[(Uid, Arc<Link>)]>,
    pub(super) udp: Box<[(Uid, SocketAddr)]>,
}

/// Where a packet came from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    Tcp(&'a Arc<Link>),
    Udp(SocketAddr),
}

/// A packet that may be passed on.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) fanout: Arc<Fanout>,
    /// Where the speaker himself listens over UDP.
    pub(super) own: Option<SocketAddr>,
}

/// Who came and went with a new table.
#[derive(Default, Debug)]
pub(super) struct Changes {
    pub(super) came: Vec<Uid>,
    pub(super) left: Vec<Uid>,
}

impl Room {
    pub(super) fn new(id: RoomId) -> Arc<Room> {
        let table = Arc::new(VoiceRoom { id, members: Box::default(), speakers: 0 });
        let inner =
            Inner { table, seats: Vec::new(), floor: Floor::default(), fanout: None, fanout_until: None };
        Arc::new(Room { id, counters: VoiceCounters::default(), inner: Mutex::new(inner) })
    }

    /// Takes over a new table. Connections of those who are gone are closed.
    pub(super) fn publish(&self, now: Instant, table: &Arc<VoiceRoom>) -> Changes {
        let mut changes = Changes::default();
        let mut closed = Vec::new();
        let mut inner = self.lock();
        let before = std::mem::replace(&mut inner.table, Arc::clone(table));
        let mut old = before.members.iter().zip(std::mem::take(&mut inner.seats)).peekable();
        let mut seats = Vec::with_capacity(table.members.len());
        // Both lists are ordered by uid.
        for member in &table.members {
            while let Some((gone, seat)) = old.next_if(|(other, _)| other.uid < member.uid) {
                changes.left.push(gone.uid);
                closed.extend(seat.link);
            }
            match old.next_if(|(other, _)| other.uid == member.uid) {
                Some((other, seat)) if other.conn == member.conn => seats.push(seat),
                // He signed in anew: what belonged to his old session ends with it.
                Some((_, seat)) => {
                    closed.extend(seat.link);
                    seats.push(Seat::new(now));
                }
                None => {
                    changes.came.push(member.uid);
                    seats.push(Seat::new(now));
                }
            }
        }
        for (gone, seat) in old {
            changes.left.push(gone.uid);
            closed.extend(seat.link);
        }
        inner.seats = seats;
        inner.floor.retain(|uid| find(table, uid).is_some_and(|(_, member)| member.may_speak));
        inner.fanout = None;
        drop(inner);
        for link in closed {
            link.close(End::Left);
        }
        changes
    }

    /// Gives the member `uid`, whose client must be at `address`, his voice connection; the one it
    /// replaces is closed. False if there is no such member.
    pub(super) fn admit(&self, uid: Uid, address: IpAddr, link: &Arc<Link>) -> Admission {
        let mut inner = self.lock();
        let Some((seat, member)) = inner.seat(uid) else { return Admission::Refused };
        if member.address != address {
            return Admission::Refused;
        }
        seat.had_link = true;
        seat.order = Order::default();
        let replaced = seat.link.replace(Arc::clone(link));
        inner.fanout = None;
        drop(inner);
        match replaced {
            Some(replaced) => {
                replaced.close(End::Replaced);
                Admission::Replaced
            }
            None => Admission::Admitted,
        }
    }

    /// Takes the voice connection away again, if it still is the member's.
    pub(super) fn dismiss(&self, uid: Uid, link: &Arc<Link>) {
        let mut inner = self.lock();
        if let Some((seat, _)) = inner.seat(uid)
            && seat.link.as_ref().is_some_and(|current| Arc::ptr_eq(current, link))
        {
            seat.link = None;
            inner.fanout = None;
        }
    }

    /// Whether the client of `uid` should be asked to open a voice connection again: he is here
    /// without one, and it has not been decided already. His chat connection.
    pub(super) fn begin_reconnect(&self, uid: Uid) -> Option<ConnId> {
        let mut inner = self.lock();
        let (seat, member) = inner.seat(uid)?;
        let wanted = seat.link.is_none() && !seat.reconnecting;
        seat.reconnecting |= wanted;
        wanted.then_some(member.conn)
    }

    /// Whether it still should be asked.
    pub(super) fn finish_reconnect(&self, uid: Uid, conn: ConnId) -> bool {
        let mut inner = self.lock();
        let Some((seat, member)) = inner.seat(uid) else { return false };
        if member.conn != conn {
            return false;
        }
        seat.reconnecting = false;
        seat.link.is_none()
    }

    /// Whether the packet number `sequence` of `uid` may be passed on, and to whom.
    pub(super) fn speak(
        &self,
        now: Instant,
        uid: Uid,
        source: Source<'_>,
        sequence: u16,
    ) -> Result<Granted, Dropped> {
        let mut inner = self.lock();
        let speakers = inner.table.speakers;
        let (seat, member) = inner.seat(uid).ok_or(Dropped::NotInRoom)?;
        let new_to_udp = seat.hear(now, source, &member)?;
        if !seat.rate.take(now) {
            return Err(Dropped::Flood);
        }
        let in_order = seat.order.advances(sequence);
        if new_to_udp {
            inner.fanout = None;
        }
        if !in_order {
            return Err(Dropped::OutOfOrder);
        }
        if !member.may_speak {
            return Err(Dropped::Silenced);
        }
        if !inner.floor.take(now, uid, speakers) {
            return Err(Dropped::FloorTaken);
        }
        let own = matches!(source, Source::Udp(_)).then_some(udp_address(&member));
        Ok(Granted { fanout: inner.fanout(now), own })
    }

    /// The voice connection of a member.
    #[cfg(test)]
    pub(super) fn link_of(&self, uid: Uid) -> Option<Arc<Link>> {
        self.lock().seat(uid)?.0.link.clone()
    }

    /// What is going on at `now`.
    pub(super) fn activity(&self, now: Instant) -> VoiceActivity {
        let mut inner = self.lock();
        let fanout = inner.fanout(now);
        VoiceActivity {
            streams: inner.floor.speaking(now),
            tcp_listeners: fanout.tcp.len(),
            udp_listeners: fanout.udp.len(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of a voice connection that wanted in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Admission {
    Admitted,
    /// It took the place of an older one.
    Replaced,
    Refused,
}

impl Inner {
    fn seat(&mut self, uid: Uid) -> Option<(&mut Seat, VoiceMember)> {
        let (index, member) = find(&self.table, uid)?;
        Some((self.seats.get_mut(index)?, member))
    }

    fn fanout(&mut self, now: Instant) -> Arc<Fanout> {
        if self.fanout_until.is_some_and(|until| now >= until) {
            self.fanout = None;
        }
        if let Some(fanout) = &self.fanout {
            return Arc::clone(fanout);
        }
        let mut tcp = Vec::new();
        let mut udp = Vec::new();
        self.fanout_until = None;
        let seats = self.table.members.iter().zip(&self.seats);
        for (member, seat) in seats.filter(|(member, _)| member.listens) {
            if let Some(link) = &seat.link {
                tcp.push((member.uid, Arc::clone(link)));
                continue;
            }
            let decided = seat.since + PROBE_WAIT;
            let silent = member.probed && !seat.had_link;
            if silent && now < decided {
                self.fanout_until = Some(self.fanout_until.map_or(decided, |until| until.min(decided)));
            }
            if member.udp_port != 0 && (seat.port.is_some() || silent && now >= decided) {
                udp.push((member.uid, udp_address(member)));
            }
        }
        // Behind one address only one client can have the port; it must not hear everything twice.
        udp.sort_unstable_by_key(|(_, address)| *address);
        udp.dedup_by_key(|(_, address)| *address);
        let fanout = Arc::new(Fanout { tcp: tcp.into(), udp: udp.into() });
        self.fanout = Some(Arc::clone(&fanout));
        fanout
    }
}

impl Seat {
    fn new(now: Instant) -> Seat {
        Seat {
            since: now,
            link: None,
            had_link: false,
            port: None,
            reconnecting: false,
            rate: Rate::of_speech(now),
            order: Order::default(),
        }
    }

    /// Whether `source` is one from which the member may speak now. `Ok(true)`: it shows that he
    /// uses UDP, which was not known.
    fn hear(&mut self, now: Instant, source: Source<'_>, member: &VoiceMember) -> Result<bool, Dropped> {
        match source {
            Source::Tcp(link) => match &self.link {
                Some(own) if Arc::ptr_eq(own, link) => Ok(false),
                _ => Err(Dropped::NotInRoom),
            },
            Source::Udp(from) => {
                if from.ip().to_canonical() != member.address {
                    return Err(Dropped::Stranger);
                }
                // A client that has a voice connection speaks over it; this is somebody else.
                if self.link.is_some() {
                    return Err(Dropped::OtherSource);
                }
                let new = self.port.is_none();
                if self.port.is_some_and(|(port, last)| {
                    port != from.port() && now.saturating_duration_since(last) < PORT_HOLD
                }) {
                    return Err(Dropped::OtherSource);
                }
                if self.port.is_some_and(|(port, _)| port != from.port()) {
                    self.order = Order::default();
                }
                self.port = Some((from.port(), now));
                Ok(new)
            }
        }
    }
}

fn find(table: &VoiceRoom, uid: Uid) -> Option<(usize, VoiceMember)> {
    let index = table.members.binary_search_by_key(&uid, |member| member.uid).ok()?;
    table.members.get(index).map(|member| (index, *member))
}

fn udp_address(member: &VoiceMember) -> SocketAddr {
    SocketAddr::new(member.address, member.udp_port)
}

#[cfg(test)]
#[path = "room_tests.rs"]
mod tests;
