//! The profiles of the chat service.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use paltalkd::model::Uid;
use paltalkd::store::{Change, Store, StoreOptions};

use crate::common::{FIRST_ROOM, frame};
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
    let each = quiet.saturating_sub(before) as f64 / stage.uids.len() as f64;
    Ok(Figures::default()
        .with("KiB/connection", each)
        .with("MiB in all", quiet as f64 / 1024.0)
        .with("% of a core", meter.cpu(&running.program) / meter.seconds() * 100.0)
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

/// Everybody signs in at once, with passwords that cost nothing to check.
pub(crate) async fn sign_ins(launcher: &Launcher, server: Server, stage: &Stage) -> anyhow::Result<Figures> {
    let running = launcher.start(server, stage)?;
    let meter = Meter::start(&running.program);
    let crowd = gather(&running, &stage.uids).await?;
    let count = crowd.clients.len() as f64;
    let (elapsed, cpu, own) = (meter.seconds(), meter.cpu(&running.program), meter.own_percent());
    Ok(Figures::default()
        .with("sign-ins/s", count / elapsed)
        .with("us CPU/sign-in", cpu / count * 1e6)
        .with("tool, % of a core", own))
}

/// People in a circle of this many are all pals of each other.
pub(crate) const CIRCLE: usize = 51;

/// Makes the circles of pals in the store of a stage.
pub(crate) fn befriend(stage: &Stage) -> anyhow::Result<()> {
    let (store, _) = Store::open(StoreOptions::new(stage.path().join("store")))?;
    for circle in stage.uids.chunks(CIRCLE) {
        for uid in circle {
            for pal in circle.iter().filter(|pal| *pal != uid) {
                let at = paltalkd::model::Timestamp::now();
                store.submit(Change::AddPal { uid: *uid, pal: *pal, at }, |_| {});
            }
            // The store's queue is bounded; this waits until it has been worked off.
            store.commit_blocking(Change::Barrier)?;
        }
    }
    store.close()?;
    Ok(())
}

/// Everybody changes his status at once; all his pals are told.
pub(crate) async fn presence(launcher: &Launcher, server: Server, stage: &Stage) -> anyhow::Result<Figures> {
    const AWAY: u32 = 70;
    let running = launcher.start(server, stage)?;
    let crowd = gather(&running, &stage.uids).await?;
    let ours = server == Server::Ours;
    let (tally, counted) = (Rc::clone(&crowd.tally), if ours { kind::STATUS } else { kind::ROOM_MESSAGE_IN });
    crowd.listen(move |_, kind, payload: &[u8]| {
        if kind == counted && (!ours || payload.get(4..8) == Some(&AWAY.to_be_bytes()[..])) {
            tally.count();
        }
    });
    if ours {
        // The news of the sign-ins go first.
        tokio::time::sleep(Duration::from_secs(2)).await;
    } else {
        crowd.enter(|number| number / CIRCLE).await?;
    }
    let mut expected = 0;
    let meter = Meter::start(&running.program);
    for (number, client) in crowd.clients.iter().enumerate() {
        let circle = number / CIRCLE;
        let packet = if ours {
            frame(0xfd94, &AWAY.to_be_bytes())
        } else {
            frame(0xfea2, &(FIRST_ROOM + circle as u32).to_be_bytes())
        };
        client.send(&packet).await?;
        expected += (stage.uids.len() - circle * CIRCLE).min(CIRCLE) as u64 - 1;
    }
    crowd.settle(expected).await;
    let delivered = crowd.tally.deliveries.get() as f64;
    let cpu = meter.cpu(&running.program);
    // Less the second in which nothing came any more, if something was lost.
    let idle = if delivered < expected as f64 { 1.0 } else { 0.0 };
    let elapsed = meter.seconds() - idle;
    Ok(Figures::default()
        .with("deliveries", delivered)
        .with("s until all are told", elapsed)
        .with("deliveries/CPU-s", delivered / cpu)
        .with("us CPU/delivery", cpu / delivered * 1e6)
        .with("deliveries lost", expected as f64 - delivered)
        .with("closed", crowd.tally.closed.get() as f64))
}

/// Everybody enters one room at once, then leaves at once; the lists must be right after both.
pub(crate) async fn joins(launcher: &Launcher, server: Server, stage: &Stage) -> anyhow::Result<Figures> {
    let running = launcher.start(server, stage)?;
    let crowd = gather(&running, &stage.uids).await?;
    let all = crowd.clients.len();
    let lists: Rc<RefCell<Vec<BTreeSet<u32>>>> = Rc::new(RefCell::new(vec![BTreeSet::new(); all]));
    let full = Rc::new(Cell::new(0));
    let (tally, seen, whole) = (Rc::clone(&crowd.tally), Rc::clone(&lists), Rc::clone(&full));
    crowd.listen(move |number, kind, payload: &[u8]| {
        let mut lists = seen.borrow_mut();
        let Some(list) = lists.get_mut(number) else { return };
        let before = list.len();
        match kind {
            kind::ROOM_USER_LIST | kind::ROOM_USER_JOINED => list.extend(uids(payload)),
            kind::ROOM_USER_LEFT => {
                list.remove(&u32::from_be_bytes(payload[4..8].try_into().expect("four bytes")));
            }
            _ => return,
        }
        tally.count();
        if before < all && list.len() == all {
            whole.set(whole.get() + 1);
        }
    });
    let meter = Meter::start(&running.program);
    for client in &crowd.clients {
        client.send(&crowd.entry(0)).await?;
    }
    let waited = Instant::now();
    while full.get() < all && waited.elapsed() < Duration::from_secs(30) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let (entered, cpu) = (meter.seconds(), meter.cpu(&running.program));
    let told = crowd.tally.deliveries.get() as f64;
    let truth: BTreeSet<u32> = stage.uids.iter().map(|uid| uid.0).collect();
    let wrong = lists.borrow().iter().filter(|list| **list != truth).count();
    let meter = Meter::start(&running.program);
    // The last hundred stay, to be told of all the others.
    let staying = 100.min(all / 2);
    for client in &crowd.clients[..all - staying] {
        client.send(&frame(0xfec0, &FIRST_ROOM.to_be_bytes())).await?;
    }
    let rest = || lists.borrow()[all - staying..].iter().all(|list| list.len() == staying);
    let waited = Instant::now();
    while !rest() && waited.elapsed() < Duration::from_secs(30) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    ensure!(rest(), "not everybody was told who left");
    Ok(Figures::default()
        .with("s until all have entered", entered)
        .with("wrong lists", wrong as f64)
        .with("us CPU/delivery", cpu / told * 1e6)
        .with("s until all have left", meter.seconds())
        .with("closed", crowd.tally.closed.get() as f64))
}

/// The uids in the records of a user list.
fn uids(payload: &[u8]) -> impl Iterator<Item = u32> {
    let places = memchr::memmem::find_iter(payload, b"uid=");
    places.filter_map(|at| {
        let digits = payload[at + 4..].iter().take_while(|byte| byte.is_ascii_digit());
        let text: Vec<u8> = digits.copied().collect();
        std::str::from_utf8(&text).ok()?.parse().ok()
    })
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
