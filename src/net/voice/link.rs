//! One voice connection as the speakers see it.
//!
//! Whoever speaks writes to the sockets of the listeners himself: nobody has to be woken for a
//! packet that the socket takes at once, and that is nearly every one. Only when a socket is full
//! does speech wait in the link's queue, and the connection's own task writes it when there is room.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::net::TcpStream;

use super::framer::{PACKET_LEN, Packet};
use super::queue::{CAPACITY, SpeechQueue};

/// Why a voice connection ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// The client closed it, or the network did.
    Lost,
    /// The client did not read for a long time.
    Stalled,
    /// The user left the room or went.
    Left,
    /// The user opened another one for the same room.
    Replaced,
    /// The client sent what no client sends, again and again.
    Violations,
}

/// What became of a packet for one listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Offer {
    /// It was written or waits for the socket.
    Taken,
    /// It waits, and the oldest waiting one had to go.
    OldestDropped,
    /// The connection has ended.
    Closed,
}

/// What the connection's task finds to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flush {
    /// Nothing waits.
    Idle,
    /// Speech waits for the socket; whether some was written since it was asked last.
    Blocked { progress: bool },
    /// The connection has to end.
    End(End),
}

/// A voice connection.
#[derive(Debug)]
pub(super) struct Link {
    stream: TcpStream,
    inner: Mutex<Inner>,
}

#[derive(Default, Debug)]
struct Inner {
    queue: SpeechQueue,
    end: Option<End>,
    waker: Option<Waker>,
}

impl Link {
    pub(super) fn new(stream: TcpStream) -> Arc<Link> {
        Arc::new(Link { stream, inner: Mutex::default() })
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Writes a packet, or has it wait. `shared` is the packet for all who have it wait.
    pub(super) fn offer(&self, packet: &Packet, shared: &mut Option<Arc<Packet>>) -> Offer {
        let mut inner = self.lock();
        if inner.end.is_some() {
            return Offer::Closed;
        }
        let share = || Arc::new(*packet);
        if !inner.queue.is_empty() {
            let dropped = inner.queue.push(Arc::clone(shared.get_or_insert_with(share)));
            return if dropped { Offer::OldestDropped } else { Offer::Taken };
        }
        let written = match self.stream.try_write(packet) {
            Ok(PACKET_LEN) => return Offer::Taken,
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(_) => {
                inner.end = Some(End::Lost);
                wake(inner);
                return Offer::Closed;
            }
        };
        inner.queue.begin(Arc::clone(shared.get_or_insert_with(share)), written);
        wake(inner);
        Offer::Taken
    }

    /// Ends the connection; the first reason counts.
    pub(super) fn close(&self, end: End) {
        let mut inner = self.lock();
        inner.end.get_or_insert(end);
        wake(inner);
    }

    /// Writes what waits, as far as the socket takes it. For the connection's own task, which is
    /// woken when there is more to do.
    pub(super) fn poll_flush(&self, context: &mut Context<'_>) -> Flush {
        let mut progress = false;
        loop {
            let mut inner = self.lock();
            if let Some(end) = inner.end {
                return Flush::End(end);
            }
            match &mut inner.waker {
                Some(waker) => waker.clone_from(context.waker()),
                none => *none = Some(context.waker().clone()),
            }
            if inner.queue.is_empty() {
                return Flush::Idle;
            }
            drop(inner);
            match self.stream.poll_write_ready(context) {
                Poll::Pending => return Flush::Blocked { progress },
                Poll::Ready(Err(_)) => return Flush::End(End::Lost),
                Poll::Ready(Ok(())) => {}
            }
            let mut inner = self.lock();
            let mut bytes = [0; CAPACITY * PACKET_LEN];
            let count = inner.queue.gather(&mut bytes);
            match self.stream.try_write(bytes.get(..count).unwrap_or_default()) {
                Ok(written) => {
                    inner.queue.advance(written);
                    progress = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Flush::End(End::Lost),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the connection's task after the lock is given back: it needs it at once.
fn wake(mut inner: MutexGuard<'_, Inner>) {
    let waker = inner.waker.take();
    drop(inner);
    if let Some(waker) = waker {
        waker.wake();
    }
}
