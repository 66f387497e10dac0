//! One chat connection: a task that moves bytes between the socket, the session and the outbox.
//!
//! A connection that has nothing to do owns no buffers: it waits for readiness, reads into a
//! scratch buffer of its thread, and keeps only the beginning of a packet that has not come whole.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tracing::debug;

use crate::link::{Outbox, Taken};
use crate::metrics::Metrics;
use crate::model::CloseReason;
use crate::protocol::frame::{MAX_CLIENT_PAYLOAD, next_frame};
use crate::session::{Session, Step, Work};

/// Bytes read at once, per thread.
const SCRATCH: usize = 32 * 1024;
/// Reads in one go before others get their turn.
const READS_PER_TURN: usize = 4;
/// How long the client may be silent before the server speaks first (PROTOCOL 5.1): 5.0 has spoken
/// by then, and must not be greeted twice.
const HELLO_AFTER: Duration = Duration::from_millis(500);
/// How long after that the other greeting is tried.
const OTHER_HELLO_AFTER: Duration = Duration::from_secs(2);
/// How long a dialog of the client may stay open before sign-in: a wrong password has to be typed
/// again, a registration form filled in.
const DIALOG_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// How long the client may take to read its last words and to close (PROTOCOL 17).
const LINGER: Duration = Duration::from_secs(1);

thread_local! {
    static READ_BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into());
}

/// A chat connection. [`Connection::run`] lives as long as it does.
pub(super) struct Connection {
    stream: TcpStream,
    session: Session,
    outbox: Arc<Outbox>,
    metrics: Arc<Metrics>,
    /// The beginning of a packet, or packets that wait for work in front of them.
    unread: Vec<u8>,
    writing: Vec<u8>,
    written: usize,
    timer: Option<Timer>,
    login_timeout: Option<Duration>,
    rate: Option<PacketRate>,
    closing: Option<CloseReason>,
    ended_writing: bool,
}

struct Timer {
    sleep: Pin<Box<Sleep>>,
    purpose: Purpose,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Hello,
    OtherHello,
    Login,
    /// Reads again when the client may send again.
    Throttle,
    Linger,
}

/// What the connection has to deal with outside its poll function.
enum Event {
    Work(Work),
    Gone(CloseReason),
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        session: Session,
        outbox: Arc<Outbox>,
        metrics: Arc<Metrics>,
        login_timeout: Option<Duration>,
        packets_per_second: Option<u32>,
    ) -> Connection {
        Connection {
            stream,
            session,
            outbox,
            metrics,
            unread: Vec::new(),
            writing: Vec::new(),
            written: 0,
            timer: Some(Timer { sleep: Box::pin(sleep(HELLO_AFTER)), purpose: Purpose::Hello }),
            login_timeout,
            rate: packets_per_second.map(PacketRate::new),
            closing: None,
            ended_writing: false,
        }
    }

    /// Serves the connection until it ends; returns why.
    pub(super) async fn run(mut self) -> CloseReason {
        let accepted = Instant::now();
        let reason = loop {
            match poll_fn(|context| self.poll(context, accepted)).await {
                Event::Gone(reason) => break reason,
                Event::Work(work) => {
                    // Boxed, so that an idle connection does not hold room for the largest work.
                    if let Some(reason) = Box::pin(self.session.perform(work)).await {
                        self.outbox.close(reason, &[]);
                    }
                }
            }
        };
        Box::pin(self.session.end()).await;
        reason
    }

    fn poll(&mut self, context: &mut Context<'_>, accepted: Instant) -> Poll<Event> {
        if let Some(reason) = self.poll_timer(context, accepted) {
            self.outbox.close(reason, &[]);
        }
        if let Poll::Ready(reason) = self.poll_write(context) {
            return Poll::Ready(Event::Gone(reason));
        }
        if self.closing.is_some() {
            return self.poll_linger(context).map(Event::Gone);
        }
        if self.timer_is(Purpose::Throttle) {
            return Poll::Pending;
        }
        match self.poll_read(context) {
            Poll::Ready(Ok(Step::Work(work))) => Poll::Ready(Event::Work(work)),
            Poll::Ready(Ok(Step::Close(reason))) => {
                self.outbox.close(reason, &[]);
                context.waker().wake_by_ref();
                Poll::Pending
            }
            // More may wait in the socket; others first.
            Poll::Ready(Ok(Step::Continue)) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Ready(Err(reason)) => Poll::Ready(Event::Gone(reason)),
            Poll::Pending => Poll::Pending,
        }
    }

    fn timer_is(&self, purpose: Purpose) -> bool {
        self.timer.as_ref().is_some_and(|timer| timer.purpose == purpose)
    }

    fn set_timer(&mut self, purpose: Purpose, at: Instant) {
        self.timer = Some(Timer { sleep: Box::pin(sleep_until(at)), purpose });
    }

    /// Runs what is due; returns a reason to close.
    fn poll_timer(&mut self, context: &mut Context<'_>, accepted: Instant) -> Option<CloseReason> {
        loop {
            let timer = self.timer.as_mut()?;
            if self.session.is_online()
                && matches!(timer.purpose, Purpose::Hello | Purpose::OtherHello | Purpose::Login)
            {
                self.timer = None;
                return None;
            }
            if timer.sleep.as_mut().poll(context).is_pending() {
                return None;
            }
            let login = self.login_timeout.map(|timeout| accepted + timeout);
            match timer.purpose {
                Purpose::Hello if self.session.is_silent() => {
                    self.session.greet(false);
                    self.set_timer(Purpose::OtherHello, Instant::now() + OTHER_HELLO_AFTER);
                }
                Purpose::Hello | Purpose::OtherHello => {
                    if self.session.is_silent() {
                        self.session.greet(true);
                    }
                    self.timer = None;
                    self.set_timer(Purpose::Login, login?);
                }
                Purpose::Login => {
                    let dialog_ends = accepted + DIALOG_TIMEOUT;
                    if self.session.is_at_dialog() && Instant::now() < dialog_ends {
                        self.set_timer(Purpose::Login, dialog_ends);
                    } else {
                        self.timer = None;
                        return Some(CloseReason::LoginTimeout);
                    }
                }
                Purpose::Throttle => {
                    self.timer = None;
                    if !self.session.is_online() {
                        self.set_timer(Purpose::Login, login?);
                    }
                }
                Purpose::Linger => return None,
            }
        }
    }

    /// Writes what the outbox has. Ready if the connection ended while writing.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<CloseReason> {
        loop {
            if let Some(rest) = self.writing.get(self.written..).filter(|rest| !rest.is_empty()) {
                match Pin::new(&mut self.stream).poll_write(context, rest) {
                    Poll::Ready(Ok(count)) => {
                        self.written += count;
                        self.metrics.bytes_out.add(count as u64);
                    }
                    Poll::Ready(Err(_)) => return Poll::Ready(CloseReason::NetworkError),
                    Poll::Pending => {
                        if let Some(reason) = self.outbox.poll_closing(context) {
                            // Somebody who does not read gets no last words.
                            if reason == CloseReason::SlowReader {
                                return Poll::Ready(reason);
                            }
                            self.begin_linger(reason);
                            if self.linger_over(context) {
                                return Poll::Ready(reason);
                            }
                        }
                        return Poll::Pending;
                    }
                }
                continue;
            }
            (self.writing, self.written) = (Vec::new(), 0);
            match ready!(self.outbox.poll_take(context)) {
                Taken::Bytes(bytes) => self.writing = bytes,
                Taken::Close(reason) => {
                    self.begin_linger(reason);
                    self.end_writing(reason);
                    return Poll::Pending;
                }
            }
        }
    }

    fn begin_linger(&mut self, reason: CloseReason) {
        if self.closing.is_none() {
            self.closing = Some(reason);
            self.set_timer(Purpose::Linger, Instant::now() + LINGER);
        }
    }

    /// Ends the server's half of the connection, so that the client need not wait for the end. Not
    /// after last words that it shows: it is to close by itself then (PROTOCOL 17).
    fn end_writing(&mut self, reason: CloseReason) {
        let shown = matches!(reason, CloseReason::Replaced | CloseReason::Kicked | CloseReason::Shutdown);
        if !shown && !std::mem::replace(&mut self.ended_writing, true) {
            // If it fails, the connection is gone already; lingering finds out.
            _ = SockRef::from(&self.stream).shutdown(Shutdown::Write);
        }
    }

    fn linger_over(&mut self, context: &mut Context<'_>) -> bool {
        self.timer.as_mut().is_none_or(|timer| timer.sleep.as_mut().poll(context).is_ready())
    }

    /// Everything is written: gives the client a moment to close, so that it reads its last words
    /// before the connection is reset.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<CloseReason> {
        let Some(reason) = self.closing else { return Poll::Pending };
        if reason == CloseReason::ClientLeft || reason == CloseReason::SlowReader || self.linger_over(context)
        {
            return Poll::Ready(reason);
        }
        READ_BUFFER.with_borrow_mut(|buffer| {
            loop {
                let mut read = ReadBuf::new(buffer);
                match ready!(Pin::new(&mut self.stream).poll_read(context, &mut read)) {
                    Ok(()) if !read.filled().is_empty() => {}
                    _ => return Poll::Ready(reason),
                }
            }
        })
    }

    /// Reads and takes packets until there is nothing to read, or something to do first.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<Step, CloseReason>> {
        if !self.unread.is_empty() {
            let bytes = std::mem::take(&mut self.unread);
            match self.take_packets(&bytes) {
                Ok(Step::Continue) if !self.timer_is(Purpose::Throttle) => {}
                other => return Poll::Ready(other),
            }
        }
        READ_BUFFER.with_borrow_mut(|buffer| {
            for _ in 0..READS_PER_TURN {
                let held = self.unread.len();
                let Some((head, free)) = buffer.split_at_mut_checked(held) else {
                    return Poll::Ready(Err(CloseReason::ProtocolError));
                };
                let mut free = ReadBuf::new(free);
                match ready!(Pin::new(&mut self.stream).poll_read(context, &mut free)) {
                    Ok(()) if free.filled().is_empty() => return Poll::Ready(Err(CloseReason::ClientLeft)),
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                        return Poll::Ready(Err(CloseReason::ClientLeft));
                    }
                    Err(_) => return Poll::Ready(Err(CloseReason::NetworkError)),
                }
                let count = free.filled().len();
                self.metrics.bytes_in.add(count as u64);
                head.copy_from_slice(&self.unread);
                self.unread = Vec::new();
                let bytes = buffer.get(..held + count).unwrap_or_default();
                match self.take_packets(bytes) {
                    Ok(Step::Continue) if !self.timer_is(Purpose::Throttle) => {}
                    other => return Poll::Ready(other),
                }
            }
            Poll::Ready(Ok(Step::Continue))
        })
    }

    /// Takes the packets in `bytes`. What is left stays in `unread`.
    fn take_packets(&mut self, bytes: &[u8]) -> Result<Step, CloseReason> {
        let mut rest = bytes;
        let step = loop {
            let (frame, used) = match next_frame(rest, MAX_CLIENT_PAYLOAD) {
                Ok(Some(found)) => found,
                Ok(None) => break Step::Continue,
                Err(error) => {
                    debug!(%error, "not the protocol");
                    break Step::Close(CloseReason::ProtocolError);
                }
            };
            if let Some(wait) = self.rate.as_mut().and_then(|rate| rate.take(Instant::now())) {
                self.metrics.throttled.increment();
                self.set_timer(Purpose::Throttle, Instant::now() + wait);
                break Step::Continue;
            }
            rest = rest.get(used..).unwrap_or_default();
            match self.session.accept(frame) {
                Step::Continue => {}
                step => break step,
            }
        };
        self.unread = rest.to_vec();
        Ok(step)
    }
}

/// Packets per second of one connection. Whoever sends more is not read for a while: TCP pushes
/// back, nothing is lost, nobody else notices.
struct PacketRate {
    per_second: f64,
    tokens: f64,
    at: Instant,
}

impl PacketRate {
    fn new(per_second: u32) -> PacketRate {
        let per_second = f64::from(per_second);
        PacketRate { per_second, tokens: per_second, at: Instant::now() }
    }

    /// Takes one packet, or says how long to wait for it.
    fn take(&mut self, now: Instant) -> Option<Duration> {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second;
        self.tokens = (self.tokens + gained).min(self.per_second);
        self.at = now;
        // Rounding must not cost a packet.
        if self.tokens >= 1.0 - 1e-6 {
            self.tokens -= 1.0;
            return None;
        }
        // A few packets' worth at once: waking for every single one would cost more than it limits.
        let worth = self.per_second.min(4.0);
        Some(Duration::from_secs_f64((worth - self.tokens) / self.per_second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_one_second_then_the_rate() {
        let mut rate = PacketRate::new(30);
        let start = rate.at;
        assert!((0..30).all(|_| rate.take(start).is_none()));
        let wait = rate.take(start).unwrap();
        assert!(wait > Duration::from_millis(100) && wait < Duration::from_millis(140), "{wait:?}");
        let later = start + wait;
        assert_eq!((0..10).filter(|_| rate.take(later).is_none()).count(), 4);
    }

    #[test]
    fn a_low_rate_is_kept_too() {
        for per_second in 1..=5 {
            let mut rate = PacketRate::new(per_second);
            let start = rate.at;
            let mut now = start;
            let mut taken = 0;
            while now < start + Duration::from_secs(60) {
                match rate.take(now) {
                    None => taken += 1,
                    Some(wait) => now += wait,
                }
            }
            let expected = 60 * per_second;
            assert!((expected..=expected + 2 * per_second).contains(&taken), "{per_second}: {taken}");
        }
    }
}
