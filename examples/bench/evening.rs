//! A mixed evening: talk, comings and goings, status changes, instant messages, and rooms in which one
//! speaks and the others listen, all at once.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use paltalkd::model::Uid;

use crate::common::{FIRST_ROOM, frame, join};
use crate::crowd::{Client, Crowd, IM_TEXT, Meter, ROOM_TEXT, STAMP, Tally, kind, numbers, resident};
use crate::dice::Dice;
use crate::lines::{Listener, Speaker};
use crate::report::Figures;
use crate::servers::{Launcher, Server, Stage};
use crate::voice::{self, Scene, Transport};

/// What happens a second, for each user.
const LINES: f64 = 1.0 / 30.0;
const MESSAGES: f64 = 1.0 / 120.0;
const MOVES: f64 = 1.0 / 300.0;
const STATUS_CHANGES: f64 = 1.0 / 600.0;

/// Members of a room when the evening begins.
pub(crate) const ROOM: usize = 20;
/// Who listens in a room where somebody speaks.
const LISTENERS: usize = 9;
/// Members of such a room.
pub(crate) const VOICE_ROOM: usize = LISTENERS + 1;
/// Packets of a speaker a second: four frames of GSM in each.
const SPEECH_RATE: f64 = 12.5;

/// The evening, with memory looked at each second.
pub(crate) async fn evening(
    launcher: &Launcher,
    server: Server,
    stage: &Stage,
    voice_rooms: usize,
    seconds: u64,
) -> anyhow::Result<Figures> {
    let running = launcher.start_with(server, stage, voice::VOICE)?;
    let (uids, speaking) = stage.uids.split_at(stage.uids.len() - voice_rooms * VOICE_ROOM);
    let crowd = Crowd::gather(running.program.address, running.server.wire(), uids).await?;
    let rooms = uids.len().div_ceil(ROOM);
    // One half by UDP, the other by TCP.
    let (by_udp, by_tcp) = speaking.split_at(voice_rooms / 2 * VOICE_ROOM);
    let first = FIRST_ROOM + rooms as u32;
    let mut udp = voice::at_daemon(&running, by_udp, first, Transport::Udp, LISTENERS).await?;
    let first = first + (voice_rooms / 2) as u32;
    let mut tcp = voice::at_daemon(&running, by_tcp, first, Transport::Tcp, LISTENERS).await?;
    let mut places: Vec<usize> = (0..uids.len()).map(|number| number / ROOM).collect();
    let mut speakers = vec![Speaker::default(); uids.len()];
    let known: HashMap<u32, usize> = uids.iter().enumerate().map(|(number, uid)| (uid.0, number)).collect();
    let heard = Rc::new(Heard::new(uids.len()));
    let (tally, hearing) = (Rc::clone(&crowd.tally), Rc::clone(&heard));
    crowd.listen(move |number, kind, payload: &[u8]| hearing.packet(&tally, number, kind, payload));
    crowd.enter(|number| number / ROOM).await?;
    heard.silence(uids, &places);
    crowd.tally.times.borrow_mut().reset();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let people = uids.len();
    let rates = [LINES, MESSAGES, MOVES, STATUS_CHANGES].map(|rate| rate * people as f64);
    let (mut due, mut written) = ([0.0; 4], 0);
    let mut memory: Vec<u64> = Vec::new();
    let meter = Meter::start(&running.program);
    let before = crowd.tally.deliveries.get();
    let mut last = 0.0;
    let mut ticks = tokio::time::interval(Duration::from_millis(2));
    let begin = Instant::now();
    let talk = async {
        while begin.elapsed() < Duration::from_secs(seconds) {
            ticks.tick().await;
            let now = begin.elapsed().as_secs_f64();
            if memory.len() as u64 <= begin.elapsed().as_secs() {
                memory.push(resident(&running.program));
            }
            for (event, rate) in rates.iter().enumerate() {
                due[event] += (now - last) * rate;
                while due[event] >= 1.0 {
                    due[event] -= 1.0;
                    let number = dice.below(people);
                    let client = Rc::clone(&crowd.clients[number]);
                    match event {
                        0 => {
                            let room = (FIRST_ROOM + places[number] as u32).to_be_bytes();
                            let text = speakers[number].line(crowd.tally.stamp(), 80);
                            if client.offer(&frame(0xfea2, &[&room[..], &text].concat())).await {
                                speakers[number].said();
                            }
                        }
                        1 => {
                            let to = uids[(number + 1 + dice.below(people - 1)) % people];
                            written += u64::from(client.offer(&message(&crowd, to.0)).await);
                        }
                        2 => {
                            // To another one than his own.
                            let to = (places[number] + 1 + dice.below(rooms - 1)) % rooms;
                            if travel(&client, places[number], to).await {
                                places[number] = to;
                                speakers[number].moves();
                            }
                        }
                        _ => {
                            let status = [30u32, 70][dice.below(2)];
                            client.offer(&frame(0xfd94, &status.to_be_bytes())).await;
                        }
                    }
                }
            }
            last = now;
        }
        anyhow::Ok(())
    };
    let (_, by_udp, by_tcp) = tokio::try_join!(
        talk,
        voice::talk(&mut udp, &running, SPEECH_RATE, seconds),
        voice::talk(&mut tcp, &running, SPEECH_RATE, seconds),
    )?;
    let (elapsed, cpu, own) = (meter.seconds(), meter.cpu(&running.program), meter.own_percent());
    let delivered = (crowd.tally.deliveries.get() - before) as f64;
    // Past a fifth of the evening, in ten minutes past the second one, nothing should grow any more.
    let settled = memory.get(memory.len() / 5).copied().unwrap_or_default();
    let end = memory.last().copied().unwrap_or_default();
    // Until nothing comes any more.
    crowd.settle(u64::MAX).await;
    let lost = heard.lost(&known, &places, &speakers);
    let status = launcher.ask(&running, "status")?;
    let closed: f64 = crowd.tally.closed.get() as f64;
    let mut figures = Figures::default()
        .latency(&crowd.tally.times.borrow())
        .with("deliveries/s", delivered / elapsed)
        .with("us CPU/delivery", cpu / delivered * 1e6)
        .with("% of a core", cpu / elapsed * 100.0)
        .with("tool, % of a core", own)
        .with("MiB after a fifth", settled as f64 / 1024.0)
        .with("MiB at the end", end as f64 / 1024.0)
        .with("speech heard/s", (by_udp.heard + by_tcp.heard) as f64 / elapsed)
        .with("speech lost", (by_udp.lost + by_tcp.lost) as f64)
        .with("speech p99 ms, UDP", p99(&udp))
        .with("speech p99 ms, TCP", p99(&tcp))
        .with("lines lost", lost as f64)
        .with("instant messages lost", written as f64 - heard.messages.get() as f64)
        .with("refusals", heard.refusals.get() as f64)
        .with("closed", closed);
    if let Some(slow) = status.pointer("/counters/slow_readers").and_then(serde_json::Value::as_f64) {
        figures = figures.with("slow readers", slow);
    }
    Ok(figures)
}

fn p99(scene: &Scene) -> f64 {
    scene.shared.times.borrow().value_at_quantile(0.99) as f64 / 1000.0
}

fn message(crowd: &Crowd, to: u32) -> Vec<u8> {
    let mut text = crowd.tally.stamp().into_bytes();
    text.resize(80, b'x');
    frame(0xffec, &[&to.to_be_bytes()[..], &text].concat())
}

/// Leaves one room and enters another; whether that could be sent.
async fn travel(client: &Client, from: usize, to: usize) -> bool {
    let room = |number: usize| FIRST_ROOM + number as u32;
    let packets = [frame(0xfec0, &room(from).to_be_bytes()), join(room(to), 2090)].concat();
    client.offer(&packets).await
}

/// What all of them have been sent.
struct Heard {
    listeners: RefCell<Vec<Listener>>,
    /// Lines that were missed before others that came.
    missed: Cell<u64>,
    messages: Cell<u64>,
    refusals: Cell<u64>,
}

impl Heard {
    fn new(people: usize) -> Heard {
        let listeners = RefCell::new((0..people).map(|_| Listener::default()).collect());
        Heard { listeners, missed: Cell::default(), messages: Cell::default(), refusals: Cell::default() }
    }

    fn packet(&self, tally: &Tally, number: usize, kind: u16, payload: &[u8]) {
        let word = |at: usize| Some(u32::from_be_bytes(payload.get(at..at + 4)?.try_into().ok()?));
        let mut listeners = self.listeners.borrow_mut();
        let Some(listener) = listeners.get_mut(number) else { return };
        match kind {
            kind::ROOM_USER_LIST => {
                if let Some(room) = numbers(payload, b"group_id=").next() {
                    listener.enters(room);
                }
            }
            kind::ROOM_USER_JOINED => {
                let room = numbers(payload, b"group_id=").next();
                if let (Some(room), Some(uid)) = (room, numbers(payload, b"\nuid=").next()) {
                    listener.is_joined(room, uid);
                }
            }
            kind::ROOM_MESSAGE_IN => {
                if tally.count().is_multiple_of(16) {
                    tally.time(payload.get(ROOM_TEXT..ROOM_TEXT + STAMP));
                }
                if let (Some(room), Some(speaker), Some(text)) = (word(0), word(4), payload.get(ROOM_TEXT..))
                {
                    self.missed.set(self.missed.get() + u64::from(listener.hears(room, speaker, text)));
                }
            }
            kind::IM_IN => {
                self.messages.set(self.messages.get() + 1);
                if tally.count().is_multiple_of(16) {
                    tally.time(payload.get(IM_TEXT..IM_TEXT + STAMP));
                }
            }
            0x0064 => self.refusals.set(self.refusals.get() + 1),
            _ => {}
        }
    }

    /// Nobody has said anything yet.
    fn silence(&self, uids: &[Uid], places: &[usize]) {
        let mut listeners = self.listeners.borrow_mut();
        for (number, listener) in listeners.iter_mut().enumerate() {
            let room = FIRST_ROOM + places[number] as u32;
            let others = (0..uids.len()).filter(|other| places[*other] == places[number] && *other != number);
            others.for_each(|other| listener.is_joined(room, uids[other].0));
        }
    }

    /// Lines that did not reach somebody, when all are where `places` says and have said what `speakers` says.
    fn lost(&self, known: &HashMap<u32, usize>, places: &[usize], speakers: &[Speaker]) -> u64 {
        let listeners = self.listeners.borrow();
        let at_last = listeners.iter().enumerate().map(|(number, listener)| {
            listener.missing(|other| {
                let other = *known.get(&other)?;
                (places[other] == places[number]).then(|| speakers[other])
            })
        });
        self.missed.get() + at_last.map(u64::from).sum::<u64>()
    }
}
