//! The profiles of the chat service.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use paltalkd::model::Uid;

use crate::common::frame;
use crate::crowd::{Crowd, IM_TEXT, Meter, ROOM_TEXT, STAMP, kind, resident};
use crate::report::Figures;
use crate::servers::{Launcher, Running, Server, Stage};

/// How fast messages are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// So many a second, by all together.
    Rate(f64),
    /// As fast as they arrive, with so many under way.
    Window(u64),
}

/// Nobody says anything.
pub(crate) async fn idle(launcher: &Launcher, server: Server, stage: &Stage) -> anyhow::Result<Figures> {
    let running = launcher.start(server, stage)?;
    let before = resident(&running.program);
    let crowd = gather(&running, &stage.uids).await?;
    crowd.listen(|_, _, _: &[u8]| {});
    // What the sign-ins needed for a moment is given back within this time.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let quiet = resident(&running.program);
    let meter = Meter::start(&running.program);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (cpu, own) = (meter.cpu(&running.program), meter.own_percent());
    let each = quiet.saturating_sub(before) as f64 / stage.uids.len() as f64;
    Ok(Figures::default()
        .with("KiB/connection", each)
        .with("MiB in all", quiet as f64 / 1024.0)
        .with("% of a core", cpu / meter.seconds() * 100.0)
        .with("tool, % of a core", own)
        .with("closed", crowd.tally.closed.get() as f64))
}

/// Rooms of `size` in which everybody speaks in turn.
pub(crate) async fn rooms(
    launcher: &Launcher,
    server: Server,
    stage: &Stage,
    size: usize,
    pace: Pace,
    seconds: u64,
) -> anyhow::Result<Figures> {
    let running = launcher.start(server, stage)?;
    let crowd = gather(&running, &stage.uids).await?;
    let measuring = Rc::new(Cell::new(false));
    let (tally, on) = (Rc::clone(&crowd.tally), Rc::clone(&measuring));
    crowd.listen(move |_, kind, payload: &[u8]| {
        // Every sixteenth time is enough for percentiles and costs little.
        if kind == kind::ROOM_MESSAGE_IN && tally.count().is_multiple_of(16) && on.get() {
            tally.time(payload.get(ROOM_TEXT..ROOM_TEXT + STAMP));
        }
    });
    crowd.enter(|number| number / size).await?;
    // A room greets whoever enters.
    crowd.tally.deliveries.set(0);
    let rooms = stage.uids.len() / size;
    let message = |index: usize| {
        let number = (index % rooms) * size + (index / rooms) % size;
        (number, crowd.message(number / size, 80))
    };
    let warm_up = seconds.min(2);
    let fan = (size - 1) as u64;
    let mut sender = Sender::new(&crowd, pace, fan);
    sender.run(Duration::from_secs(warm_up), &message).await;
    measuring.set(true);
    let before = crowd.tally.deliveries.get();
    let meter = Meter::start(&running.program);
    sender.run(Duration::from_secs(seconds), &message).await;
    let (elapsed, cpu, own) = (meter.seconds(), meter.cpu(&running.program), meter.own_percent());
    let delivered = (crowd.tally.deliveries.get() - before) as f64;
    measuring.set(false);
    let expected = sender.sent * fan;
    crowd.settle(expected).await;
    let lost = expected as f64 - crowd.tally.deliveries.get() as f64;
    Ok(Figures::default()
        .latency(&crowd.tally.times.borrow())
        .with("deliveries/s", delivered / elapsed)
        .with("deliveries/CPU-s", delivered / cpu)
        .with("us CPU/delivery", cpu / delivered * 1e6)
        .with("% of a core", cpu / elapsed * 100.0)
        .with("tool, % of a core", own)
        .with("MiB in all", resident(&running.program) as f64 / 1024.0)
        .with("deliveries lost", lost)
        .with("closed", crowd.tally.closed.get() as f64))
}

/// Ten rooms of 100 with ten thousand deliveries a second, at first in peace, then while one backup of all
/// accounts follows the other.
pub(crate) async fn backups(launcher: &Launcher, stage: &Stage, seconds: u64) -> anyhow::Result<Figures> {
    const SIZE: usize = 100;
    let running = launcher.start(Server::Ours, stage)?;
    let crowd = gather(&running, &stage.uids[..10 * SIZE]).await?;
    let tally = Rc::clone(&crowd.tally);
    crowd.listen(move |_, kind, payload: &[u8]| {
        if kind == kind::ROOM_MESSAGE_IN && tally.count().is_multiple_of(16) {
            tally.time(payload.get(ROOM_TEXT..ROOM_TEXT + STAMP));
        }
    });
    crowd.enter(|number| number / SIZE).await?;
    crowd.tally.deliveries.set(0);
    let message = |index: usize| {
        let number = (index % 10) * SIZE + (index / 10) % SIZE;
        (number, crowd.message(number / SIZE, 80))
    };
    let mut sender = Sender::new(&crowd, Pace::Rate(10_000.0 / (SIZE - 1) as f64), (SIZE - 1) as u64);
    sender.run(Duration::from_secs(1), &message).await;
    crowd.tally.times.borrow_mut().reset();
    sender.run(Duration::from_secs(seconds), &message).await;
    let peace = crowd.tally.times.borrow().value_at_quantile(0.99) as f64 / 1000.0;
    crowd.tally.times.borrow_mut().reset();
    let (begin, mut made) = (Instant::now(), 0);
    while begin.elapsed() < Duration::from_secs(seconds) {
        let mut backup = launcher.back_up(&running)?;
        while backup.try_wait()?.is_none() {
            sender.run(Duration::from_millis(50), &message).await;
        }
        ensure!(backup.wait()?.success(), "a backup failed");
        made += 1;
    }
    let busy = crowd.tally.times.borrow().value_at_quantile(0.99) as f64 / 1000.0;
    Ok(Figures::default()
        .with("p99 ms, in peace", peace)
        .with("p99 ms, backing up", busy)
        .with("times the peace", busy / peace)
        .with("s, a backup", begin.elapsed().as_secs_f64() / f64::from(made)))
}

/// Sends at a pace.
struct Sender<'a> {
    crowd: &'a Crowd,
    pace: Pace,
    /// Deliveries of one message.
    fan: u64,
    /// Messages tried, and those that a socket took.
    tried: usize,
    sent: u64,
}

impl<'a> Sender<'a> {
    fn new(crowd: &'a Crowd, pace: Pace, fan: u64) -> Sender<'a> {
        Sender { crowd, pace, fan, tried: 0, sent: 0 }
    }

    /// Sends for some time what `message` makes for a number: whose it is, and what.
    async fn run(&mut self, time: Duration, message: &impl Fn(usize) -> (usize, Vec<u8>)) {
        let (begin, mut due) = (Instant::now(), 0.0);
        let mut last = 0.0;
        let mut ticks = tokio::time::interval(Duration::from_millis(1));
        while begin.elapsed() < time {
            ticks.tick().await;
            let batch = match self.pace {
                Pace::Rate(rate) => {
                    let now = begin.elapsed().as_secs_f64();
                    // A tool that falls behind must not catch up with a burst nobody asked for.
                    due = f64::min(due + (now - last) * rate, rate / 10.0 + 1.0);
                    last = now;
                    let whole = due.floor();
                    due -= whole;
                    whole as u64
                }
                Pace::Window(window) => {
                    let arrived = self.crowd.tally.deliveries.get() / self.fan;
                    window.saturating_sub(self.sent - arrived.min(self.sent))
                }
            };
            for _ in 0..batch {
                let (number, bytes) = message(self.tried);
                self.tried += 1;
                if self.crowd.clients[number].offer(&bytes).await {
                    self.sent += 1;
                }
            }
        }
    }
}

/// Instant messages, in pairs of people who are not pals.
pub(crate) async fn messages(
    launcher: &Launcher,
    server: Server,
    stage: &Stage,
    pace: Pace,
    seconds: u64,
) -> anyhow::Result<Figures> {
    if server != Server::Ours {
        return rooms(launcher, server, stage, 2, pace, seconds).await;
    }
    let running = launcher.start(server, stage)?;
    let crowd = gather(&running, &stage.uids).await?;
    let tally = Rc::clone(&crowd.tally);
    crowd.listen(move |_, kind, payload: &[u8]| {
        if kind == kind::IM_IN && tally.count().is_multiple_of(16) {
            tally.time(payload.get(IM_TEXT..IM_TEXT + STAMP));
        }
    });
    let message = |index: usize| {
        let number = index % stage.uids.len();
        let to = stage.uids[number ^ 1];
        let mut text = crowd.tally.stamp().into_bytes();
        text.resize(80, b'x');
        (number, frame(0xffec, &[&to.0.to_be_bytes()[..], &text].concat()))
    };
    let mut sender = Sender::new(&crowd, pace, 1);
    sender.run(Duration::from_secs(seconds.min(2)), &message).await;
    crowd.tally.times.borrow_mut().reset();
    let before = crowd.tally.deliveries.get();
    let meter = Meter::start(&running.program);
    sender.run(Duration::from_secs(seconds), &message).await;
    let (elapsed, cpu, own) = (meter.seconds(), meter.cpu(&running.program), meter.own_percent());
    let delivered = (crowd.tally.deliveries.get() - before) as f64;
    crowd.settle(sender.sent).await;
    Ok(Figures::default()
        .latency(&crowd.tally.times.borrow())
        .with("deliveries/s", delivered / elapsed)
        .with("deliveries/CPU-s", delivered / cpu)
        .with("us CPU/delivery", cpu / delivered * 1e6)
        .with("tool, % of a core", own)
        .with("deliveries lost", sender.sent as f64 - crowd.tally.deliveries.get() as f64)
        .with("closed", crowd.tally.closed.get() as f64))
}

pub(crate) async fn gather(running: &Running, uids: &[Uid]) -> anyhow::Result<Crowd> {
    Crowd::gather(running.program.address, running.server.wire(), uids).await
}
