//! One console or command: reads its requests, writes replies and updates, and never waits for it longer
//! than the rest of the daemon can afford, which is not at all.

mod pipe;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep_until, timeout};

use super::access::Peer;
use super::frame::FrameError;
use super::orders::ProgressSink;
use super::service::Service;
use super::views::{News, Views};
use super::wire::{Access, PROTOCOL, Refusal, RefusalCode, Reply, Request, ServerHello, ServerMessage};
pub(super) use pipe::goodbye;
use pipe::{Written, encoded, greet, read, write};

/// How long a client has for its hello.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long a client may leave bytes unread.
pub(super) const STALL: Duration = Duration::from_secs(30);
/// Requests of one client that are worked on at once; then its next ones wait in the socket.
const AT_ONCE: usize = 8;
/// The pause between two looks at tables.
const LOOK: Duration = Duration::from_millis(500);
/// The longest pause, however much a look costs.
const LONGEST_LOOK: Duration = Duration::from_secs(5);
/// A look may take one part in so many of the time.
const SHARE: u32 = 400;
/// How long the last words to a client may take when the daemon stops.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// The pause between two batches of events.
const BATCH: Duration = Duration::from_millis(100);

/// Why a connection ended, for the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// The client left.
    Left,
    /// It sent what is no message.
    Malformed,
    /// It did not read.
    Stalled,
    /// The daemon stops.
    Stopped,
}

/// What came from a request that is worked on.
enum Work {
    Progress { id: u32, done: u64, of: u64 },
    Reply { id: u32, result: Result<Reply, Refusal> },
}

/// Serves a peer until one side ends it. Only the last words of a client that misbehaves are waited for.
pub(super) async fn serve<R, W>(
    service: Arc<Service>,
    mut peer: Peer,
    mut reader: R,
    mut writer: W,
    mut stop: watch::Receiver<bool>,
) -> End
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let hello = ServerHello {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        epoch: service.parts.epoch,
        access: peer.access,
        server: service.parts.server.clone(),
    };
    let greeted = timeout(HANDSHAKE, greet(&mut reader, &mut writer, hello));
    let greeted = tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => return End::Stopped,
        greeted = greeted => greeted,
    };
    match greeted {
        Ok(Ok(Some(hello))) if hello.protocol == PROTOCOL => {
            if hello.read_only {
                peer.access = Access::Observer;
            }
        }
        Ok(Ok(Some(hello))) => {
            let text = format!(
                "this daemon (version {}) speaks version {PROTOCOL} of the control protocol, and you (version {}) \
                 version {}; use the program of the daemon",
                env!("CARGO_PKG_VERSION"),
                hello.version.chars().take(50).collect::<String>(),
                hello.protocol
            );
            goodbye(&mut writer, &text).await;
            return End::Left;
        }
        Ok(Ok(None)) => return End::Left,
        Ok(Err(_)) => {
            goodbye(&mut writer, "that was no hello").await;
            return End::Malformed;
        }
        Err(_) => {
            goodbye(&mut writer, "no hello came").await;
            return End::Stalled;
        }
    }
    let (requests_to, requests) = mpsc::channel(1);
    let (frames, frames_from) = mpsc::channel(1);
    let reading = tokio::spawn(read(reader, requests_to));
    let writing = tokio::spawn(write(writer, frames_from));
    let mut connection = Connection::new(service, peer, requests, frames);
    let end = tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => End::Stopped,
        end = connection.run() => end,
    };
    if end == End::Stopped {
        // Who does not read by now goes without.
        _ = timeout(LAST_WORDS, connection.say_goodbye()).await;
    }
    reading.abort();
    // What is on its way still leaves, but nobody waits long for it.
    drop(connection);
    match timeout(if end == End::Stopped { LAST_WORDS } else { STALL }, writing).await {
        Ok(Ok(Written::Stalled)) => End::Stalled,
        _ => end,
    }
}

struct Connection {
    service: Arc<Service>,
    peer: Arc<Peer>,
    requests: mpsc::Receiver<Result<(u32, Request), FrameError>>,
    frames: mpsc::Sender<Vec<u8>>,
    views: Views,
    /// Replies that wait for room, oldest first; at most as many as requests are worked on at once.
    replies: VecDeque<Vec<u8>>,
    working: usize,
    work_to: mpsc::UnboundedSender<Work>,
    work: mpsc::UnboundedReceiver<Work>,
    /// When tables are looked at next, and when they were last.
    look_at: Instant,
    looked_at: Instant,
    batch_at: Instant,
}

impl Connection {
    fn new(
        service: Arc<Service>,
        peer: Peer,
        requests: mpsc::Receiver<Result<(u32, Request), FrameError>>,
        frames: mpsc::Sender<Vec<u8>>,
    ) -> Connection {
        // Bounded by what is worked on: each gives one reply, and progress only when it has changed by a
        // hundredth.
        let (work_to, work) = mpsc::unbounded_channel();
        let now = Instant::now();
        Connection {
            service,
            peer: Arc::new(peer),
            requests,
            frames,
            views: Views::default(),
            replies: VecDeque::new(),
            working: 0,
            work_to,
            work,
            look_at: now,
            looked_at: now,
            batch_at: now,
        }
    }

    async fn run(&mut self) -> End {
        let mut measured = self.service.monitor.watch();
        let mut events = self.service.parts.feed.watch();
        let (mut reading, mut grown) = (true, true);
        loop {
            let wants_tables = self.views.want(News::Tables);
            let room = self.frames.clone();
            tokio::select! {
                biased;
                // Replies first: they are never left out.
                place = room.reserve(), if !self.replies.is_empty() => {
                    let (Ok(place), Some(frame)) = (place, self.replies.pop_front()) else { return End::Stalled };
                    place.send(frame);
                }
                () = self.frames.closed() => return End::Stalled,
                Some(work) = self.work.recv() => self.worked(work),
                request = self.requests.recv(), if reading && self.working + self.replies.len() < AT_ONCE => {
                    match request {
                        Some(Ok((id, request))) => self.begin(id, request),
                        Some(Err(error)) => {
                            _ = room.try_send(encoded(&ServerMessage::Goodbye(error.to_string())));
                            return if matches!(error, FrameError::Io(_)) { End::Left } else { End::Malformed };
                        }
                        // It says nothing more, but reads what it has asked for.
                        None => reading = false,
                    }
                }
                place = room.reserve(), if self.replies.is_empty() && self.views.due() => {
                    let Ok(place) = place else { return End::Stalled };
                    if let Some(update) = self.views.next(&self.service).await {
                        place.send(encoded(&update));
                    }
                    // What tables cost puts the next look at them off, and nothing else does: events and
                    // measurements come all the time.
                    let pause = self.views.looking.saturating_mul(SHARE).clamp(LOOK, LONGEST_LOOK);
                    self.look_at = self.looked_at + pause;
                }
                () = sleep_until(self.look_at.into()), if wants_tables => {
                    self.looked_at = Instant::now();
                    self.look_at = self.looked_at + LOOK;
                    self.views.looking = Duration::ZERO;
                    self.views.note(News::Tables);
                }
                Ok(()) = measured.changed(), if self.views.want(News::Measured) => {
                    self.views.note(News::Measured);
                }
                Ok(()) = events.changed(), if grown && self.views.want(News::Events) => {
                    // Events come one by one, but go in batches.
                    grown = false;
                    self.batch_at = self.batch_at.max(Instant::now());
                }
                () = sleep_until(self.batch_at.into()), if !grown => {
                    grown = true;
                    self.batch_at = Instant::now() + BATCH;
                    self.views.note(News::Events);
                }
            }
            if !reading && self.working == 0 && self.replies.is_empty() {
                return End::Left;
            }
        }
    }

    /// What is ready leaves, what is nearly ready too, since who has ordered the stop wants to hear so, and
    /// the last events: why the daemon stops is among them.
    async fn say_goodbye(&mut self) {
        while self.working > 0
            && let Ok(Some(work)) = timeout(LAST_WORDS / 2, self.work.recv()).await
        {
            self.worked(work);
        }
        let frames = self.frames.clone();
        for frame in std::mem::take(&mut self.replies) {
            if frames.send(frame).await.is_err() {
                return;
            }
        }
        self.views.note_only(News::Events);
        while let Some(update) = self.views.next(&self.service).await {
            if frames.send(encoded(&update)).await.is_err() {
                return;
            }
        }
        let goodbye = ServerMessage::Goodbye("the daemon stops".to_owned());
        // Once the client has gone nobody waits any more.
        _ = frames.send(encoded(&goodbye)).await;
    }

    fn begin(&mut self, id: u32, request: Request) {
        let result = match request {
            Request::Watch { view, what } => {
                self.views.watch(&self.service, view, what).map(|()| Reply::Done(String::new()))
            }
            Request::Unwatch(view) if self.views.unwatch(view) => Ok(Reply::Done(String::new())),
            Request::Unwatch(view) => {
                Err(Refusal { code: RefusalCode::NotFound, text: format!("view {view} is not watched") })
            }
            request => {
                self.working += 1;
                let (service, peer) = (Arc::clone(&self.service), Arc::clone(&self.peer));
                let answer = self.work_to.clone();
                let progress = progress(id, self.work_to.clone());
                // A task of its own: what was begun is finished even if the client goes away.
                tokio::spawn(async move {
                    let result = service.answer(&peer, request, progress).await;
                    _ = answer.send(Work::Reply { id, result });
                });
                return;
            }
        };
        self.reply(id, result);
    }

    fn worked(&mut self, work: Work) {
        match work {
            Work::Reply { id, result } => {
                self.working = self.working.saturating_sub(1);
                self.reply(id, result);
            }
            // Left out if there is no room for it: the next one says more.
            Work::Progress { id, done, of } => {
                if self.replies.is_empty() {
                    _ = self.frames.try_send(encoded(&ServerMessage::Progress { id, done, of }));
                }
            }
        }
    }

    fn reply(&mut self, id: u32, result: Result<Reply, Refusal>) {
        self.service.counters.answered.increment();
        self.replies.push_back(encoded(&ServerMessage::Reply { id, result }));
    }
}

/// Tells of each new hundredth.
fn progress(id: u32, to: mpsc::UnboundedSender<Work>) -> ProgressSink {
    let last = std::sync::atomic::AtomicU64::new(u64::MAX);
    Arc::new(move |done, of| {
        let hundredth = done.saturating_mul(100).checked_div(of).unwrap_or(0);
        if last.swap(hundredth, std::sync::atomic::Ordering::Relaxed) != hundredth {
            _ = to.send(Work::Progress { id, done, of });
        }
    })
}

#[cfg(test)]
mod tests;
