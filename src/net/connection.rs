//! One chat connection: a task that moves bytes between the socket, the session and the outbox.
//!
//! A connection that has nothing to do owns no buffers: it waits for readiness, reads into a
//! scratch buffer of its thread, and keeps only the beginning of a packet that has not come whole.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tracing::debug;

use crate::link::Outbox;
use crate::metrics::Metrics;
use crate::model::CloseReason;
use crate::protocol::frame::{MAX_CLIENT_PAYLOAD, next_frame};
use crate::session::{Session, Step, Work, table};

use super::output::Output;
use super::rate::PacketRate;

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

thread_local! {
    static READ_BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into());
}

/// A chat connection. [`Connection::run`] lives as long as it does.
pub(super) struct Connection {
    session: Session,
    output: Output,
    metrics: Arc<Metrics>,
    /// The beginning of a packet, or packets that wait for work in front of them.
    unread: Vec<u8>,
    timer: Option<Timer>,
    login_timeout: Option<Duration>,
    rate: Option<PacketRate>,
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
            session,
            output: Output::new(stream, outbox, Arc::clone(&metrics)),
            metrics,
            unread: Vec::new(),
            timer: Some(Timer { sleep: Box::pin(sleep(HELLO_AFTER)), purpose: Purpose::Hello }),
            login_timeout,
            rate: packets_per_second.map(PacketRate::new),
        }
    }

    /// Serves the connection until it ends; returns why.
    pub(super) async fn run(mut self) -> CloseReason {
        let accepted = Instant::now();
        let reason = loop {
            match poll_fn(|context| self.poll(context, accepted)).await {
                Event::Gone(reason) => break reason,
                Event::Work(work) => {
                    let Connection { session, output, .. } = &mut self;
                    // Boxed, so that an idle connection does not hold room for the largest work.
                    let mut work = Box::pin(session.perform(work));
                    // Writing goes on: work may wait for its turn among many.
                    let done = poll_fn(|context| match output.poll_write(context) {
                        Poll::Ready(reason) => Poll::Ready(Err(reason)),
                        Poll::Pending => work.as_mut().poll(context).map(Ok),
                    });
                    match done.await {
                        Ok(None) => {}
                        Ok(Some(reason)) => output.outbox.close(reason, &[]),
                        Err(reason) => break reason,
                    }
                }
            }
        };
        // Whoever asks the outbox why learns it; if it knew before, that stays.
        self.output.outbox.close(reason, &[]);
        Box::pin(self.session.end()).await;
        reason
    }

    fn poll(&mut self, context: &mut Context<'_>, accepted: Instant) -> Poll<Event> {
        if let Some(reason) = self.poll_timer(context, accepted) {
            self.output.outbox.close(reason, &[]);
        }
        if let Poll::Ready(reason) = self.output.poll_write(context) {
            return Poll::Ready(Event::Gone(reason));
        }
        if self.output.is_closing() {
            return self.output.poll_linger(context).map(Event::Gone);
        }
        if self.timer_is(Purpose::Throttle) {
            return Poll::Pending;
        }
        match self.poll_read(context) {
            Poll::Ready(Ok(Step::Work(work))) => Poll::Ready(Event::Work(work)),
            Poll::Ready(Ok(Step::Close(reason))) => {
                self.output.outbox.close(reason, &[]);
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
            }
        }
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
                match ready!(Pin::new(&mut self.output.stream).poll_read(context, &mut free)) {
                    Ok(()) if free.filled().is_empty() => return Poll::Ready(Err(CloseReason::ClientLeft)),
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                        return Poll::Ready(Err(CloseReason::ClientLeft));
                    }
                    Err(_) => return Poll::Ready(Err(CloseReason::NetworkError)),
                }
                let count = free.filled().len();
                self.metrics.bytes_in.add(count as u64);
                self.output.outbox.heard(count);
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
            if let Some(wait) =
                self.rate.as_mut().and_then(|rate| rate.take(Instant::now(), table::cost(frame.packet_type)))
            {
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
