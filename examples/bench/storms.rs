//! Storms: everybody signs in, changes his status, enters a room or leaves it at once.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use paltalkd::store::{Change, Store, StoreOptions};

use crate::chat::gather;
use crate::common::{FIRST_ROOM, frame};
use crate::crowd::{Meter, kind, numbers};
use crate::floor::frames;
use crate::report::Figures;
use crate::servers::{Launcher, Server, Stage};

/// Everybody signs in at once, with passwords that cost nothing to check.
pub(crate) async fn sign_ins(launcher: &Launcher, server: Server, stage: &Stage) -> anyhow::Result<Figures> {
    let running = launcher.start(server, stage)?;
    let meter = Meter::start(&running.program);
    let crowd = gather(&running, &stage.uids).await?;
    let count = crowd.clients.len() as f64;
    let (elapsed, cpu, own) = (meter.seconds(), meter.cpu(&running.program), meter.own_percent());
    Ok(Figures::default()
        .latency(&crowd.tally.sign_ins.borrow())
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
    // When each change was sent: ours names who has changed, the floor the number of his connection.
    let places: HashMap<u32, usize> = match ours {
        true => stage.uids.iter().enumerate().map(|(number, uid)| (uid.0, number)).collect(),
        false => (0..stage.uids.len()).map(|number| (number as u32, number)).collect(),
    };
    let sent = Rc::new(RefCell::new(vec![0; stage.uids.len()]));
    let (who, sending) = (if ours { 0 } else { 4 }, Rc::clone(&sent));
    crowd.listen(move |own, kind, payload: &[u8]| {
        if kind != counted || ours && payload.get(4..8) != Some(&AWAY.to_be_bytes()[..]) {
            return;
        }
        let Some(bytes) = payload.get(who..who + 4) else { return };
        let number = places.get(&u32::from_be_bytes(bytes.try_into().expect("four bytes")));
        // Ours confirms the change to whoever has made it.
        if let Some(number) = number.filter(|number| !ours || **number != own)
            && tally.count().is_multiple_of(16)
        {
            _ = tally.times.borrow_mut().record(tally.now().saturating_sub(sending.borrow()[*number]));
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
        sent.borrow_mut()[number] = crowd.tally.now();
        client.send(&packet).await?;
        expected += (stage.uids.len() - circle * CIRCLE).min(CIRCLE) as u64 - 1;
    }
    crowd.settle(expected).await;
    let delivered = crowd.tally.deliveries.get() as f64;
    let (cpu, own) = (meter.cpu(&running.program), meter.own_percent());
    // Less the second in which nothing came any more, if something was lost.
    let idle = if delivered < expected as f64 { 1.0 } else { 0.0 };
    let elapsed = meter.seconds() - idle;
    Ok(Figures::default()
        .latency(&crowd.tally.times.borrow())
        .with("deliveries", delivered)
        .with("s until all are told", elapsed)
        .with("deliveries/CPU-s", delivered / cpu)
        .with("us CPU/delivery", cpu / delivered * 1e6)
        .with("tool, % of a core", own)
        .with("deliveries lost", expected as f64 - delivered)
        .with("closed", crowd.tally.closed.get() as f64))
}

/// Bytes of what a user list says of one who has nothing but a name.
const RECORD: usize = 100;

/// Everybody enters one room at once, then leaves at once; the lists must be right after both. The times are
/// those from entering until the own list is whole.
pub(crate) async fn joins(launcher: &Launcher, server: Server, stage: &Stage) -> anyhow::Result<Figures> {
    let running = launcher.start(server, stage)?;
    let crowd = gather(&running, &stage.uids).await?;
    let all = crowd.clients.len();
    let lists: Rc<RefCell<Vec<BTreeSet<u32>>>> = Rc::new(RefCell::new(vec![BTreeSet::new(); all]));
    let full = Rc::new(Cell::new(0));
    let sent = Rc::new(RefCell::new(vec![0; all]));
    let sending = Rc::clone(&sent);
    let (tally, seen, whole) = (Rc::clone(&crowd.tally), Rc::clone(&lists), Rc::clone(&full));
    crowd.listen(move |number, kind, payload: &[u8]| {
        let mut lists = seen.borrow_mut();
        let Some(list) = lists.get_mut(number) else { return };
        let before = list.len();
        match kind {
            kind::ROOM_USER_LIST | kind::ROOM_USER_JOINED => list.extend(numbers(payload, b"uid=")),
            kind::ROOM_USER_LEFT => {
                list.remove(&u32::from_be_bytes(payload[4..8].try_into().expect("four bytes")));
            }
            _ => return,
        }
        tally.count();
        if before < all && list.len() == all {
            whole.set(whole.get() + 1);
            _ = tally.times.borrow_mut().record(tally.now().saturating_sub(sending.borrow()[number]));
        }
    });
    let meter = Meter::start(&running.program);
    for (number, client) in crowd.clients.iter().enumerate() {
        let entry = match server {
            Server::Ours => crowd.entry(0),
            _ => {
                let mut record = format!("uid={}\n", stage.uids[number].0).into_bytes();
                record.resize(RECORD, b'x');
                frame(frames::ARRIVE, &[&FIRST_ROOM.to_be_bytes()[..], &record].concat())
            }
        };
        sent.borrow_mut()[number] = crowd.tally.now();
        client.send(&entry).await?;
    }
    let waited = Instant::now();
    while full.get() < all && waited.elapsed() < Duration::from_secs(30) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let (entered, cpu, own) = (meter.seconds(), meter.cpu(&running.program), meter.own_percent());
    let told = crowd.tally.deliveries.get() as f64;
    let truth: BTreeSet<u32> = stage.uids.iter().map(|uid| uid.0).collect();
    let wrong = lists.borrow().iter().filter(|list| **list != truth).count();
    let meter = Meter::start(&running.program);
    // The last hundred stay, to be told of all the others.
    let staying = 100.min(all / 2);
    for (client, uid) in crowd.clients.iter().zip(&stage.uids).take(all - staying) {
        let packet = match server {
            Server::Ours => frame(0xfec0, &FIRST_ROOM.to_be_bytes()),
            _ => frame(frames::LEAVE, &[FIRST_ROOM.to_be_bytes(), uid.0.to_be_bytes()].concat()),
        };
        client.send(&packet).await?;
    }
    let rest = || lists.borrow()[all - staying..].iter().all(|list| list.len() == staying);
    let waited = Instant::now();
    while !rest() && waited.elapsed() < Duration::from_secs(30) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    ensure!(rest(), "not everybody was told who left");
    Ok(Figures::default()
        .latency(&crowd.tally.times.borrow())
        .with("s until all have entered", entered)
        .with("wrong lists", wrong as f64)
        .with("us CPU/delivery", cpu / told * 1e6)
        .with("tool, % of a core", own)
        .with("s until all have left", meter.seconds())
        .with("closed", crowd.tally.closed.get() as f64))
}
