//! The writing half of a connection: from the outbox to the socket, up to the last words.

use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::link::{Outbox, Taken};
use crate::metrics::Metrics;
use crate::model::CloseReason;

/// How long the client may take to read its last words and to close (PROTOCOL 17).
const LINGER: Duration = Duration::from_secs(1);
/// Bytes read at once of what a closing client still sends, and thrown away.
const DISCARD: usize = 1024;

/// The socket and what is on its way into it.
pub(super) struct Output {
    pub(super) stream: TcpStream,
    pub(super) outbox: Arc<Outbox>,
    metrics: Arc<Metrics>,
    writing: Vec<u8>,
    written: usize,
    closing: Option<Closing>,
    ended_writing: bool,
}

struct Closing {
    reason: CloseReason,
    until: Pin<Box<Sleep>>,
}

impl Output {
    pub(super) fn new(stream: TcpStream, outbox: Arc<Outbox>, metrics: Arc<Metrics>) -> Output {
        Output {
            stream,
            outbox,
            metrics,
            writing: Vec::new(),
            written: 0,
            closing: None,
            ended_writing: false,
        }
    }

    /// Whether only the client's own closing is waited for.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// Writes what the outbox has. Ready if the connection ended while writing.
    pub(super) fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<CloseReason> {
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
            self.closing = Some(Closing { reason, until: Box::pin(sleep_until(Instant::now() + LINGER)) });
        }
    }

    /// Ends the server's half of the connection, so that the client need not wait for the end. Not
    /// after last words that it shows: it is to close by itself then (PROTOCOL 17).
    fn end_writing(&mut self, reason: CloseReason) {
        let shown = matches!(
            reason,
            CloseReason::Replaced
                | CloseReason::Kicked
                | CloseReason::Banned
                | CloseReason::Maintenance
                | CloseReason::Idle
                | CloseReason::Shutdown
        );
        if !shown && !std::mem::replace(&mut self.ended_writing, true) {
            // If it fails, the connection is gone already; lingering finds out.
            _ = SockRef::from(&self.stream).shutdown(Shutdown::Write);
        }
    }

    fn linger_over(&mut self, context: &mut Context<'_>) -> bool {
        self.closing.as_mut().is_some_and(|closing| closing.until.as_mut().poll(context).is_ready())
    }

    /// Everything is written: gives the client a moment to close, so that it reads its last words
    /// before the connection is reset.
    pub(super) fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<CloseReason> {
        let Some(reason) = self.closing.as_ref().map(|closing| closing.reason) else { return Poll::Pending };
        if reason == CloseReason::ClientLeft || reason == CloseReason::SlowReader || self.linger_over(context)
        {
            return Poll::Ready(reason);
        }
        loop {
            let mut discarded = [0; DISCARD];
            let mut read = ReadBuf::new(&mut discarded);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut read)) {
                Ok(()) if !read.filled().is_empty() => {}
                _ => return Poll::Ready(reason),
            }
        }
    }
}
