//! Voice over TCP: one connection for each user and room.

use std::future::{Future as _, poll_fn};
use std::io;
use std::net::{IpAddr, Shutdown};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Sleep, sleep, timeout};
use tracing::{debug, warn};

use super::framer::{self, Framer, Incoming, PACKET_LEN, Packet};
use super::limits::Rate;
use super::link::{End, Flush, Link};
use super::room::{Admission, Room, Source};
use super::stats::Dropped;
use super::{Voice, lock};
use crate::model::Uid;
use crate::net::listener::{self, AcceptPause};
use crate::protocol::rtp::{self, Opening};

/// How long a voice connection may take to say whose it is.
const OPENING_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client that was told where the voice is may be ahead of the tables.
const TABLE_WAIT: Duration = Duration::from_secs(1);
/// How long a listener may take nothing of what waits for him.
const STALL: Duration = Duration::from_secs(30);
/// What the kernel may hold for a listener: the queue here is short, and the kernel's must not make
/// up for that. The kernel doubles the number, and a small packet takes some 800 bytes there.
const SEND_BUFFER: usize = 16 * 1024;
/// Bytes read at once: half a second of speech.
const READ: usize = 8 * PACKET_LEN;

impl Voice {
    /// Accepts voice connections until `stop` turns true.
    pub async fn serve_tcp(self: Arc<Self>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        let mut pause = AcceptPause::default();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    pause.end();
                    self.accept(stream, peer.ip().to_canonical());
                }
                Err(error) => match pause.after(&error) {
                    None => debug!(%error, "a voice connection ended before it was accepted"),
                    Some(pause) => {
                        self.connections.not_accepted.increment();
                        warn!(%error, "cannot accept voice connections; trying again");
                        sleep(pause).await;
                    }
                },
            }
        }
    }

    fn accept(self: &Arc<Self>, stream: TcpStream, peer: IpAddr) {
        let exempt = self.limits.load().exempt.iter().any(|network| network.contains(&peer));
        if !lock(&self.links).enter(peer, exempt) {
            self.connections.too_many.increment();
            return self.complain(peer, &"too many voice connections");
        }
        self.connections.accepted.increment();
        let place = Place { voice: Arc::clone(self), peer };
        tokio::spawn(async move { place.voice.connection(stream, peer).await });
    }

    async fn connection(self: &Arc<Self>, mut stream: TcpStream, peer: IpAddr) {
        let tuned = listener::tune(&stream, self.limits.load().unresponsive_timeout)
            .and_then(|()| SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER));
        if let Err(error) = tuned {
            debug!(%peer, %error, "cannot set the options of a voice socket");
        }
        let Ok(Ok(opening)) = timeout(OPENING_TIMEOUT, read_opening(&mut stream)).await else {
            self.connections.silent.increment();
            return self.complain(peer, &"no opening");
        };
        let link = Link::new(stream);
        let Ok(room) = timeout(TABLE_WAIT, self.admit(opening, peer, &link)).await else {
            self.connections.refused.increment();
            return self.complain(peer, &"nobody in the room stands behind this connection");
        };
        let uid = opening.uid;
        debug!(%uid, room = %room.id, %peer, "voice connected");
        let mut connection =
            Connection { voice: self, room: &room, uid, link: &link, framer: Framer::default(), stall: None };
        let seat = Seated { room: &room, uid, link: &link };
        let end = connection.run().await;
        drop(seat);
        debug!(%uid, room = %room.id, %peer, ?end, "voice disconnected");
        match end {
            End::Stalled => self.connections.stalled.increment(),
            End::Violations => {
                self.connections.violations.increment();
                self.complain(peer, &"repeated violations");
            }
            End::Lost | End::Left | End::Replaced => {}
        }
        if matches!(end, End::Lost | End::Stalled) {
            self.lost(&room, uid);
        }
    }

    /// Waits until the tables know the member that `opening` names at `peer`, and gives him the link.
    async fn admit(&self, opening: Opening, peer: IpAddr, link: &Arc<Link>) -> Arc<Room> {
        loop {
            // Listening begins before the look at the tables, or a change between the two is missed.
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(room) = self.room(opening.room) {
                match room.admit(opening.uid, peer, link) {
                    Admission::Refused => {}
                    Admission::Admitted => return room,
                    Admission::Replaced => {
                        self.connections.replaced.increment();
                        return room;
                    }
                }
            }
            changed.await;
        }
    }
}

/// A place among the voice connections, given back however the connection's task ends.
struct Place {
    voice: Arc<Voice>,
    peer: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.voice.links).leave(self.peer);
    }
}

/// A connection that is a member's; it ends however its task ends.
struct Seated<'a> {
    room: &'a Room,
    uid: Uid,
    link: &'a Arc<Link>,
}

impl Drop for Seated<'_> {
    fn drop(&mut self) {
        self.room.dismiss(self.uid, self.link);
        // Others may hold the link for a moment still; the client shall know at once.
        _ = SockRef::from(self.link.stream()).shutdown(Shutdown::Both);
    }
}

/// The first bytes of a voice connection, in one of their two forms.
async fn read_opening(stream: &mut TcpStream) -> io::Result<Opening> {
    let mut bytes = [0; 12];
    let (short, rest) = bytes.split_at_mut(8);
    stream.read_exact(short).await?;
    if let Some((opening, _)) = rtp::opening(short) {
        return Ok(opening);
    }
    stream.read_exact(rest).await?;
    rtp::opening(&bytes).map(|(opening, _)| opening).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// An open voice connection, for its task.
struct Connection<'a> {
    voice: &'a Voice,
    room: &'a Room,
    uid: Uid,
    link: &'a Arc<Link>,
    framer: Framer,
    /// Runs while speech waits and none is taken.
    stall: Option<Pin<Box<Sleep>>>,
}

enum Event {
    Readable,
    End(End),
}

impl Connection<'_> {
    async fn run(&mut self) -> End {
        let mut violations = Rate::of_violations(Instant::now());
        loop {
            match poll_fn(|context| self.poll(context)).await {
                Event::End(end) => return end,
                Event::Readable => {}
            }
            let mut bytes = [0; READ];
            let count = match self.link.stream().try_read(&mut bytes) {
                Ok(0) => return End::Lost,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(_) => return End::Lost,
            };
            let mut input = bytes.get(..count).unwrap_or_default();
            loop {
                let dropped = match self.framer.next(&mut input) {
                    Ok(None) => break,
                    Ok(Some(Incoming::Speech(packet))) => self.speech(&packet).await,
                    // Once is usual; who goes on with it uses up his mistakes.
                    Ok(Some(Incoming::RoomAgain)) if violations.take(Instant::now()) => Ok(()),
                    Ok(Some(Incoming::RoomAgain)) => return End::Violations,
                    Ok(Some(Incoming::Other(_))) => Err(Dropped::Length),
                    // What follows such a word cannot be told from speech.
                    Err(_) => {
                        self.voice.count_drop(self.room, Dropped::Length);
                        return End::Violations;
                    }
                };
                let Err(reason) = dropped else { continue };
                self.voice.count_drop(self.room, reason);
                if reason.is_violation() && !violations.take(Instant::now()) {
                    return End::Violations;
                }
            }
        }
    }

    async fn speech(&self, packet: &Packet) -> Result<(), Dropped> {
        self.voice.count_in(self.room);
        let speech = framer::speech(packet);
        rtp::check_room_speech(speech, self.uid)?;
        let granted = self.voice.grant(self.room, self.uid, Source::Tcp(self.link), speech)?;
        self.voice.deliver(self.room, self.uid, packet, &granted).await;
        Ok(())
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        match self.link.poll_flush(context) {
            Flush::End(end) => return Poll::Ready(Event::End(end)),
            Flush::Idle => self.stall = None,
            Flush::Blocked { progress } => {
                if progress {
                    self.stall = None;
                }
                let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(STALL)));
                if stall.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Event::End(End::Stalled));
                }
            }
        }
        match self.link.stream().poll_read_ready(context) {
            Poll::Ready(Ok(())) => Poll::Ready(Event::Readable),
            Poll::Ready(Err(_)) => Poll::Ready(Event::End(End::Lost)),
            Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(test)]
#[path = "tcp_tests.rs"]
mod tests;
