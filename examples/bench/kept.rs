//! The profiles of what is kept: messages that wait, and answers that are given when it is on the disk.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use anyhow::ensure;
use paltalkd::model::Uid;

use crate::chat::gather;
use crate::common::frame;
use crate::crowd::{Client, Meter, kind};
use crate::floor::kept as floor;
use crate::report::Figures;
use crate::servers::{Launcher, Server, Stage};

/// Messages to each of those who are away, in the profile of offline messages.
const WAITING: usize = 100;

/// Messages of each sender that are under way at once: all together fit into what waits for the disk, beyond which
/// the daemon refuses.
const AT_ONCE: usize = 10;

/// The packet that answers what is asked behind the messages.
const KEPT: u16 = 0x014b;

/// One half is away and gets messages of the other half; then it comes. The times are those until what one has
/// written at once is kept.
pub(crate) async fn offline(launcher: &Launcher, server: Server, stage: &Stage) -> anyhow::Result<Figures> {
    let running = launcher.start(server, stage)?;
    let (here, away) = stage.uids.split_at(stage.uids.len() / 2);
    let senders = gather(&running, here).await?;
    let ours = server == Server::Ours;
    let sent = Rc::new(RefCell::new(vec![0; here.len()]));
    let (answered, sending) = (Rc::clone(&senders.tally), Rc::clone(&sent));
    senders.listen(move |number, kind, _: &[u8]| {
        if kind == KEPT {
            answered.count();
            let took = answered.now().saturating_sub(sending.borrow()[number]);
            _ = answered.times.borrow_mut().record(took);
        }
    });
    let meter = Meter::start(&running.program);
    for turn in 1..=WAITING / AT_ONCE {
        for (number, (client, to)) in senders.clients.iter().zip(away).enumerate() {
            let mut packets = Vec::new();
            for _ in 0..AT_ONCE {
                packets.extend(frame(0xffec, &[&to.0.to_be_bytes()[..], &[b'x'; 80]].concat()));
            }
            // The answer to what is asked last comes when all before it is safe.
            packets.extend(match ours {
                true => frame(0xfeb6, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
                false => frame(floor::ASK, &[12u16.to_be_bytes(), KEPT.to_be_bytes()].concat()),
            });
            sent.borrow_mut()[number] = senders.tally.now();
            client.send(&packets).await?;
        }
        let expected = (turn * here.len()) as u64;
        senders.settle(expected).await;
        ensure!(senders.tally.deliveries.get() == expected, "not all messages were kept");
    }
    let all = (here.len() * WAITING) as f64;
    let kept = (meter.seconds(), meter.cpu(&running.program), meter.own_percent());
    let meter = Meter::start(&running.program);
    let mut expected = 0;
    let mut crowds = Vec::new();
    for chunk in away.chunks(50) {
        let crowd = gather(&running, chunk).await?;
        let tally = Rc::clone(&crowd.tally);
        crowd.listen(move |_, kind, _: &[u8]| {
            if kind == kind::IM_IN {
                tally.count();
            }
        });
        if !ours {
            for (client, uid) in crowd.clients.iter().zip(chunk) {
                client.send(&frame(floor::FETCH, &uid.0.to_be_bytes())).await?;
            }
        }
        expected += chunk.len() * WAITING;
        crowds.push((crowd, chunk.len() * WAITING));
    }
    let mut delivered = 0;
    for (crowd, count) in &crowds {
        crowd.settle(*count as u64).await;
        delivered += crowd.tally.deliveries.get();
    }
    let (elapsed, cpu) = (meter.seconds(), meter.cpu(&running.program));
    Ok(Figures::default()
        .latency(&senders.tally.times.borrow())
        .with("kept/s", all / kept.0)
        .with("us CPU/message kept", kept.1 / all * 1e6)
        .with("tool, % of a core", kept.2)
        .with("delivered/s", delivered as f64 / elapsed)
        .with("us CPU/delivery", cpu / delivered as f64 * 1e6)
        .with("deliveries lost", expected as f64 - delivered as f64))
}

/// Bytes of an answer, which names the pal.
const ANSWER: u16 = 90;
/// Requests under way of each client in the profile of durable answers.
const UNDER_WAY: usize = 2;

/// Everybody adds pals; each answer is given when it is on the disk.
pub(crate) async fn durable(
    launcher: &Launcher,
    server: Server,
    stage: &Stage,
    seconds: u64,
) -> anyhow::Result<Figures> {
    struct Asker {
        client: Rc<Client>,
        /// When what is under way was asked.
        asked: VecDeque<u64>,
        /// How many pals it has asked for.
        pals: usize,
    }
    let running = launcher.start(server, stage)?;
    let crowd = gather(&running, &stage.uids).await?;
    let askers: Rc<RefCell<Vec<Asker>>> = Rc::new(RefCell::new(
        crowd
            .clients
            .iter()
            .map(|client| Asker { client: Rc::clone(client), asked: VecDeque::new(), pals: 0 })
            .collect(),
    ));
    // Alternately somebody new, who is taken off again, so that no list becomes full.
    let ours = server == Server::Ours;
    let ask = move |asker: &mut Asker, number: usize, uids: &[Uid], now: u64| {
        let pal = uids[(number + 1 + asker.pals % 200.min(uids.len() - 1)) % uids.len()].0.to_be_bytes();
        asker.pals += 1;
        let second = match ours {
            true => frame(0xffbe, &pal),
            false => frame(floor::ASK, &[ANSWER.to_be_bytes(), kind::BUDDY_LIST.to_be_bytes()].concat()),
        };
        let packets = [frame(0xffbd, &pal), second].concat();
        // 20 bytes to a socket that has taken far fewer than it holds.
        if asker.client.stream.try_write(&packets).is_ok() {
            asker.asked.push_back(now);
        }
    };
    let (tally, all, uids) = (Rc::clone(&crowd.tally), Rc::clone(&askers), stage.uids.clone());
    crowd.listen(move |number, kind, _: &[u8]| {
        if kind != kind::BUDDY_LIST {
            return;
        }
        let mut askers = all.borrow_mut();
        let Some(asker) = askers.get_mut(number) else { return };
        let now = tally.now();
        if let Some(asked) = asker.asked.pop_front() {
            tally.count();
            _ = tally.times.borrow_mut().record(now - asked);
        }
        ask(asker, number, &uids, now);
    });
    for (number, asker) in askers.borrow_mut().iter_mut().enumerate() {
        for _ in 0..UNDER_WAY {
            ask(asker, number, &stage.uids, crowd.tally.now());
        }
    }
    tokio::time::sleep(Duration::from_secs(seconds.min(2))).await;
    crowd.tally.times.borrow_mut().reset();
    let before = crowd.tally.deliveries.get();
    let meter = Meter::start(&running.program);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let done = (crowd.tally.deliveries.get() - before) as f64;
    let (elapsed, cpu) = (meter.seconds(), meter.cpu(&running.program));
    Ok(Figures::default()
        .latency(&crowd.tally.times.borrow())
        .with("answers/s", done / elapsed)
        // With each pal that is added, one is taken off.
        .with("changes/s", 2.0 * done / elapsed)
        .with("us CPU/change", cpu / done / 2.0 * 1e6)
        .with("tool, % of a core", meter.own_percent()))
}
