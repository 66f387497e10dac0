//! The outbox of one connection: what waits to be written to its socket.
//!
//! The hub and the session append frames, the connection task takes everything at once and writes
//! it with one call. Frames are copied: for frames of this size that is as cheap as counting
//! references, and an idle outbox owns no memory at all.
//!
//! Three things make it more than a buffer. It is **bounded in bytes**: a client that does not read
//! is closed with [`CloseReason::SlowReader`]. A place in it can be **held** ([`Outbox::hold`])
//! until a change is durable, and nothing behind that place leaves before: this is how an
//! acknowledgement, and everything after it, waits for its commit. And a frame can carry a
//! **receipt** that runs once its bytes have been handed to the socket.
//!
//! Waking is separate from pushing: [`Outbox::push`] returns the waker of a sleeping connection, and
//! the hub wakes all of them at the end of its turn, so that one wake-up and one write serve many
//! frames.

use std::collections::VecDeque;
use std::mem;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::model::CloseReason;

/// The most bytes that room is made for before they come.
const BURST_MAX: u16 = 4096;

/// Runs once the bytes before it have been handed to the socket.
pub type Receipt = Box<dyn FnOnce() + Send>;

/// The addresses of both ends of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ends {
    /// Here.
    pub local: SocketAddr,
    /// Where the client is.
    pub peer: SocketAddr,
}

/// The queue of outgoing bytes of one connection. See the module's text.
pub struct Outbox {
    limit: usize,
    ends: Option<Ends>,
    /// Whether anything waits for a sign of life, so that most packets need not look.
    awaits_sign: AtomicBool,
    /// Whether the client has sent something since somebody last asked.
    stirred: AtomicBool,
    /// Bytes that the client has sent.
    received: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// Bytes that may leave now.
    ready: Vec<u8>,
    /// Held places in order, each with the bytes that came after it.
    held: VecDeque<Held>,
    /// Sum of the bytes behind held places.
    held_bytes: usize,
    /// Bytes the connection took and has not reported as written.
    in_flight: usize,
    /// How many bytes were taken the last time, up to [`BURST_MAX`].
    burst: u16,
    /// Bytes that ever became ready; positions for receipts.
    ready_total: u64,
    /// Position up to which bytes were taken.
    taken_total: u64,
    receipts: VecDeque<(u64, Receipt)>,
    next_hold: u64,
    /// Run when the client shows that it is alive.
    heard: Vec<Receipt>,
    closing: Option<CloseReason>,
    waker: Option<Waker>,
    /// The connection waits for its socket: more bytes are no reason to wake it, closing is.
    blocked: bool,
}

struct Held {
    id: u64,
    released: bool,
    bytes: Vec<u8>,
    /// Where in `bytes` the receipt stands, and the receipt.
    receipt: Option<(usize, Receipt)>,
}

/// What the connection finds when it looks into its outbox.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// Bytes to write now.
    Bytes(Vec<u8>),
    /// Nothing more will come and nothing is left: close the connection for this reason.
    Close(CloseReason),
}

/// A held place in an outbox. Dropping it without [`Hold::release`] leaves the place held: the
/// bytes behind it never leave, which is right when the change they wait for never became durable.
#[must_use]
pub struct Hold {
    outbox: Arc<Outbox>,
    id: u64,
}

impl Outbox {
    /// An empty outbox that closes its connection when something is pushed while more than `limit`
    /// bytes wait in it already.
    pub fn new(limit: usize) -> Arc<Outbox> {
        Outbox::between(None, limit)
    }

    /// As [`Outbox::new`], of a connection whose ends are known.
    pub fn between(ends: Option<Ends>, limit: usize) -> Arc<Outbox> {
        Arc::new(Outbox {
            limit,
            ends,
            awaits_sign: AtomicBool::new(false),
            stirred: AtomicBool::new(true),
            received: AtomicU64::new(0),
            inner: Mutex::default(),
        })
    }

    /// Appends `frames`. Returns the connection's waker if it sleeps; the caller must wake it, at
    /// once or at the end of its turn. Bytes for a closing connection are dropped.
    #[must_use]
    pub fn push(&self, frames: &[u8]) -> Option<Waker> {
        let mut inner = self.lock();
        if inner.closing.is_some() || frames.is_empty() {
            return None;
        }
        // Judged by what the client left unread, not by the size of what comes now: the user list of a
        // great room may be longer than the bound, and its reader reads well.
        if inner.waiting() > self.limit {
            inner.discard();
            inner.closing = Some(CloseReason::SlowReader);
            return inner.waker.take();
        }
        inner.append(frames);
        inner.waker_for_bytes()
    }

    /// Appends `frames` and wakes the connection.
    pub fn send(&self, frames: &[u8]) {
        if let Some(waker) = self.push(frames) {
            waker.wake();
        }
    }

    /// Holds everything pushed from now on until the returned place is released.
    pub fn hold(self: &Arc<Self>) -> Hold {
        let mut inner = self.lock();
        let id = inner.next_hold;
        inner.next_hold += 1;
        inner.held.push_back(Held { id, released: false, bytes: Vec::new(), receipt: None });
        Hold { outbox: Arc::clone(self), id }
    }

    /// Closes the connection once what is ready has been written, `last` included, which may
    /// exceed the bound. Bytes behind a held place are dropped: they speak of changes that are not
    /// durable. The first reason wins.
    pub fn close(&self, reason: CloseReason, last: &[u8]) {
        let waker = {
            let mut inner = self.lock();
            if inner.closing.is_none() {
                inner.closing = Some(reason);
                inner.held.clear();
                inner.held_bytes = 0;
                inner.append(last);
            }
            inner.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Keeps `receipt` until the client sends something. What was handed to the socket before is not
    /// proof that it arrived; a packet that comes afterwards is the best there is.
    pub fn when_heard(&self, receipt: Receipt) {
        self.lock().heard.push(receipt);
        self.awaits_sign.store(true, Ordering::Release);
    }

    /// For the connection task: the client has sent `count` bytes.
    pub fn heard(&self, count: usize) {
        self.received.fetch_add(count as u64, Ordering::Relaxed);
        // A plain store: a clock for each packet would cost more than all else here.
        self.stirred.store(true, Ordering::Relaxed);
        if self.awaits_sign.swap(false, Ordering::AcqRel) {
            let due = mem::take(&mut self.lock().heard);
            due.into_iter().for_each(|receipt| receipt());
        }
    }

    /// Whether the client has sent anything since this was last asked; true the first time.
    pub fn take_stirred(&self) -> bool {
        self.stirred.swap(false, Ordering::Relaxed)
    }

    /// Runs `receipt` when everything that may leave now has been handed to the socket. Dropped unrun
    /// if a held place stands before that, or the connection ends.
    pub fn when_written(&self, receipt: Receipt) {
        let mut inner = self.lock();
        if inner.closing.is_none() && inner.held.is_empty() {
            let position = inner.ready_total;
            inner.receipts.push_back((position, receipt));
        }
    }

    /// Why the connection is closing, if it is.
    pub fn closing(&self) -> Option<CloseReason> {
        self.lock().closing
    }

    /// Both ends of the connection, if it has a socket.
    pub fn ends(&self) -> Option<Ends> {
        self.ends
    }

    /// Bytes that the client has sent, and bytes that it was sent or is about to be.
    pub fn traffic(&self) -> (u64, u64) {
        (self.received.load(Ordering::Relaxed), self.lock().ready_total)
    }

    /// Bytes that wait in the outbox or are being written.
    pub fn len(&self) -> usize {
        self.lock().waiting()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// For the connection task: takes everything that may leave, or registers the task to be woken.
    /// Calling it means that the bytes taken before have been written; their receipts run here.
    pub fn poll_take(&self, context: &mut Context<'_>) -> Poll<Taken> {
        let mut due = Vec::new();
        let result = {
            let mut inner = self.lock();
            inner.in_flight = 0;
            while inner.receipts.front().is_some_and(|(position, _)| *position <= inner.taken_total) {
                due.extend(inner.receipts.pop_front().map(|(_, receipt)| receipt));
            }
            if !inner.ready.is_empty() {
                let bytes = mem::take(&mut inner.ready);
                inner.in_flight = bytes.len();
                inner.burst = u16::try_from(bytes.len()).unwrap_or(BURST_MAX).min(BURST_MAX);
                inner.taken_total = inner.ready_total;
                Poll::Ready(Taken::Bytes(bytes))
            } else if let Some(reason) = inner.closing {
                Poll::Ready(Taken::Close(reason))
            } else {
                inner.register(context, false);
                Poll::Pending
            }
        };
        due.into_iter().for_each(|receipt| receipt());
        result
    }

    /// For the connection task while its socket takes no more bytes: the reason if the outbox is
    /// closing. Otherwise registers the task to be woken for that alone.
    pub fn poll_closing(&self, context: &mut Context<'_>) -> Option<CloseReason> {
        let mut inner = self.lock();
        if inner.closing.is_none() {
            inner.register(context, true);
        }
        inner.closing
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here can panic half way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn waiting(&self) -> usize {
        self.ready.len() + self.held_bytes + self.in_flight
    }

    fn register(&mut self, context: &Context<'_>, blocked: bool) {
        self.blocked = blocked;
        match &mut self.waker {
            Some(waker) => waker.clone_from(context.waker()),
            empty => *empty = Some(context.waker().clone()),
        }
    }

    fn waker_for_bytes(&mut self) -> Option<Waker> {
        if self.blocked || self.ready.is_empty() { None } else { self.waker.take() }
    }

    fn append(&mut self, bytes: &[u8]) {
        match self.held.back_mut() {
            Some(held) => {
                held.bytes.extend_from_slice(bytes);
                self.held_bytes += bytes.len();
            }
            None => self.append_ready(bytes),
        }
    }

    fn append_ready(&mut self, bytes: &[u8]) {
        if self.ready.is_empty() {
            // One piece of memory for as much as the last time, instead of ever larger ones.
            self.ready.reserve_exact(bytes.len().max(self.burst.into()));
        }
        self.ready.extend_from_slice(bytes);
        self.ready_total += bytes.len() as u64;
    }

    fn discard(&mut self) {
        self.ready = Vec::new();
        self.held.clear();
        self.held_bytes = 0;
        self.receipts.clear();
    }

    /// Moves what stands behind released places at the front to the ready bytes.
    fn advance(&mut self) {
        while let Some(held) = self.held.pop_front_if(|held| held.released) {
            self.held_bytes -= held.bytes.len();
            if let Some((offset, receipt)) = held.receipt {
                self.receipts.push_back((self.ready_total + offset as u64, receipt));
            }
            self.append_ready(&held.bytes);
        }
    }
}

impl Hold {
    /// Releases the place: `frames` leave in it, then whatever was pushed after it was held.
    /// `receipt` runs when `frames` have been handed to the socket; it is dropped unrun if the
    /// connection ends before. `frames` may exceed the bound: the caller keeps them small.
    pub fn release(self, frames: &[u8], receipt: Option<Receipt>) {
        let waker = {
            let mut inner = self.outbox.lock();
            let Some(held) = inner.held.iter_mut().find(|held| held.id == self.id) else { return };
            held.released = true;
            held.bytes.splice(0..0, frames.iter().copied());
            held.receipt = receipt.map(|receipt| (frames.len(), receipt));
            inner.held_bytes += frames.len();
            inner.advance();
            inner.waker_for_bytes()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests;
