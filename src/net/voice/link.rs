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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Read;
    use std::time::Duration;

    use socket2::SockRef;
    use tokio::net::TcpListener;

    use super::*;

    /// A link, and the listener's end of it.
    async fn pair() -> (Arc<Link>, std::net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        (Link::new(stream), client)
    }

    fn packet(number: u32) -> Packet {
        let mut packet = [number as u8; PACKET_LEN];
        packet[..4].copy_from_slice(&number.to_be_bytes());
        packet
    }

    /// Writes what waits until nothing waits or the link ends.
    async fn flushed(link: &Link) -> Flush {
        poll_fn(|context| match link.poll_flush(context) {
            Flush::Blocked { .. } => Poll::Pending,
            done => Poll::Ready(done),
        })
        .await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_slow_listener_loses_whole_packets_and_others_lose_nothing() {
        let (slow, mut late) = pair().await;
        SockRef::from(slow.stream()).set_send_buffer_size(4096).unwrap();
        SockRef::from(&late).set_recv_buffer_size(4096).unwrap();
        let (quick, mut client) = pair().await;
        const COUNT: u32 = 3000;
        let reader = std::thread::spawn(move || {
            let mut bytes = vec![0; COUNT as usize * PACKET_LEN];
            client.read_exact(&mut bytes).unwrap();
            bytes
        });
        let mut lost = 0;
        for number in 0..COUNT {
            let mut shared = None;
            let packet = packet(number);
            match slow.offer(&packet, &mut shared) {
                Offer::OldestDropped => lost += 1,
                offer => assert_eq!(offer, Offer::Taken),
            }
            assert_eq!(quick.offer(&packet, &mut shared), Offer::Taken);
            assert_eq!(flushed(&quick).await, Flush::Idle);
        }
        assert!(lost > 0, "the socket took everything");
        let bytes = reader.join().unwrap();
        for (number, heard) in bytes.chunks(PACKET_LEN).enumerate() {
            assert_eq!(heard, packet(number as u32));
        }
        // The slow one reads at last: what comes is whole, in order, and ends with the newest.
        let flusher = tokio::spawn({
            let slow = Arc::clone(&slow);
            async move { flushed(&slow).await }
        });
        let expected = COUNT - lost;
        let heard = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; expected as usize * PACKET_LEN];
            late.read_exact(&mut bytes).unwrap();
            bytes
        });
        let heard = heard.await.unwrap();
        assert_eq!(flusher.await.unwrap(), Flush::Idle);
        let numbers: Vec<u32> = heard
            .chunks(PACKET_LEN)
            .map(|heard| {
                let number = u32::from_be_bytes(heard[..4].try_into().unwrap());
                assert_eq!(heard, packet(number));
                number
            })
            .collect();
        assert!(numbers.is_sorted_by(|a, b| a < b));
        assert_eq!(numbers.last(), Some(&(COUNT - 1)));
    }

    #[tokio::test]
    async fn a_listener_that_does_not_read_makes_no_progress() {
        let (link, client) = pair().await;
        SockRef::from(link.stream()).set_send_buffer_size(4096).unwrap();
        SockRef::from(&client).set_recv_buffer_size(4096).unwrap();
        for number in 0..3000 {
            link.offer(&packet(number), &mut None);
        }
        // Twice, because the socket may have taken something meanwhile.
        let states = [
            poll_fn(|context| Poll::Ready(link.poll_flush(context))).await,
            poll_fn(|context| Poll::Ready(link.poll_flush(context))).await,
        ];
        assert!(matches!(states[0], Flush::Blocked { .. }), "{states:?}");
        assert_eq!(states[1], Flush::Blocked { progress: false });
        drop(client);
        assert_eq!(flushed(&link).await, Flush::End(End::Lost));
    }

    #[tokio::test]
    async fn the_first_reason_to_end_counts() {
        let (link, _client) = pair().await;
        link.close(End::Replaced);
        link.close(End::Left);
        assert_eq!(flushed(&link).await, Flush::End(End::Replaced));
        assert_eq!(link.offer(&packet(1), &mut None), Offer::Closed);
    }
}
