//! Load for a daemon: signs in many clients, has them chat in rooms, and prints what it cost.
//!
//! The tool makes a store with accounts and rooms of its own, starts the daemon on it, and reads the
//! daemon's CPU time and memory from `/proc`. Run it with `scripts/load`.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use clap::Parser;
use hdrhistogram::Histogram;
use paltalkd::model::{RoomKind, Uid};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use common::{FIRST_ROOM, Program, cpu_of, frame, join, prepare, raise_descriptor_limit, sign_in};

/// Load for a daemon: signs in many clients, has them chat in rooms, prints what it cost.
#[derive(Parser)]
struct Options {
    /// The daemon's program.
    #[arg(long, default_value = "target/release/paltalkd")]
    daemon: PathBuf,
    /// Clients signed in.
    #[arg(long, default_value_t = 5000)]
    clients: usize,
    /// Clients in each room.
    #[arg(long, default_value_t = 100)]
    room: usize,
    /// Room messages sent per second, by all clients together.
    #[arg(long, default_value_t = 20_000)]
    rate: u64,
    /// Seconds of chat that are measured; as many again, at most 3, go before.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Bytes of text in a message.
    #[arg(long, default_value_t = 80)]
    bytes: usize,
}

/// Marks where the time stamp stands in a message.
const STAMP: usize = 16;

#[derive(Default)]
struct Counts {
    deliveries: u64,
    sent: u64,
    skipped: u64,
    closed: u64,
    measuring: bool,
}

struct Shared {
    counts: RefCell<Counts>,
    latency: RefCell<Histogram<u64>>,
    start: Instant,
    scratch: RefCell<Vec<u8>>,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    raise_descriptor_limit();
    let dir = tempfile::tempdir()?;
    let rooms = options.clients.div_ceil(options.room);
    let uids = prepare(dir.path(), options.clients, rooms, RoomKind::Text)?;
    let daemon = Program::daemon(&options.daemon, dir.path(), "listen_tcp = []\nlisten_udp = []")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, run(&options, &daemon, uids))
}

async fn run(options: &Options, daemon: &Program, uids: Vec<Uid>) -> anyhow::Result<()> {
    let shared = Rc::new(Shared {
        counts: RefCell::default(),
        latency: RefCell::new(Histogram::new(3)?),
        start: Instant::now(),
        scratch: RefCell::new(vec![0; 256 * 1024]),
    });
    let rss_before = rss(daemon);
    let cpu_before = daemon.cpu();
    let begin = Instant::now();
    let mut clients = Vec::with_capacity(uids.len());
    for chunk in uids.chunks(50) {
        let tasks: Vec<_> =
            chunk.iter().map(|uid| tokio::task::spawn_local(client(daemon.address, *uid))).collect();
        for task in tasks {
            clients.push(Rc::new(task.await??));
        }
    }
    let sign_in_time = begin.elapsed();
    let sign_in_cpu = daemon.cpu() - cpu_before;
    for client in &clients {
        tokio::task::spawn_local(read(Rc::clone(client), Rc::clone(&shared)));
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (rss_quiet, cpu_quiet) = (rss(daemon), daemon.cpu());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let idle_cpu = (daemon.cpu() - cpu_quiet) / 2.0;
    println!("clients signed in          {:>12}", clients.len());
    println!("  time                     {:>10.2} s", sign_in_time.as_secs_f64());
    println!("  CPU per sign-in          {:>9.0} us", sign_in_cpu / clients.len() as f64 * 1e6);
    println!("  resident before          {:>8} KiB", rss_before);
    println!("  resident, all quiet      {:>8} KiB", rss_quiet);
    let each = (rss_quiet.saturating_sub(rss_before)) as f64 / clients.len() as f64;
    println!("  resident per client      {each:>8.2} KiB");
    println!("  CPU, all quiet           {:>8.2} % of a core", idle_cpu * 100.0);

    for (number, client) in clients.iter().enumerate() {
        let room = FIRST_ROOM + (number / options.room) as u32;
        client.write_all(&join(room, 2090)).await?;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;

    let warm_up = options.seconds.min(3);
    let sender = tokio::task::spawn_local(send(
        clients.clone(),
        Rc::clone(&shared),
        options.rate,
        options.bytes,
        options.room,
        Duration::from_secs(warm_up + options.seconds),
    ));
    tokio::time::sleep(Duration::from_secs(warm_up)).await;
    shared.counts.borrow_mut().measuring = true;
    let (deliveries, cpu, own, begin) =
        (shared.counts.borrow().deliveries, daemon.cpu(), cpu_of("self"), Instant::now());
    tokio::time::sleep(Duration::from_secs(options.seconds)).await;
    shared.counts.borrow_mut().measuring = false;
    let elapsed = begin.elapsed().as_secs_f64();
    let counts = shared.counts.borrow();
    let delivered = (counts.deliveries - deliveries) as f64;
    let used = daemon.cpu() - cpu;
    let latency = shared.latency.borrow();
    println!("rooms of {:<5}", options.room);
    println!("  messages offered         {:>12} /s", options.rate);
    println!("  deliveries               {:>12.0} /s", delivered / elapsed);
    println!("  deliveries per CPU-second{:>12.0}", delivered / used);
    println!("  CPU per million          {:>10.2} s", used / delivered * 1e6);
    println!("  daemon CPU               {:>9.0} % of a core", used / elapsed * 100.0);
    println!("  load tool CPU            {:>9.0} % of a core", (cpu_of("self") - own) / elapsed * 100.0);
    for (name, quantile) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)] {
        println!(
            "  latency {name}              {:>9.2} ms",
            latency.value_at_quantile(quantile) as f64 / 1000.0
        );
    }
    println!("  resident                 {:>8} KiB", rss(daemon));
    println!("  sends skipped, closed    {:>7} {:>6}", counts.skipped, counts.closed);
    drop(counts);
    sender.abort();
    Ok(())
}

/// A client whose socket is used without borrowing it mutably.
struct Client {
    stream: TcpStream,
}

async fn client(chat: SocketAddr, uid: Uid) -> anyhow::Result<Client> {
    Ok(Client { stream: sign_in(chat, uid).await? })
}

impl Client {
    async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.writable().await?;
            match self.stream.try_write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Counts what a client is sent. All clients share one buffer; only the beginning of a packet
/// that has not come whole is kept.
async fn read(client: Rc<Client>, shared: Rc<Shared>) {
    let mut partial: Vec<u8> = Vec::new();
    loop {
        if client.stream.readable().await.is_err() {
            break;
        }
        let mut scratch = shared.scratch.borrow_mut();
        let held = partial.len();
        scratch[..held].copy_from_slice(&partial);
        match client.stream.try_read(&mut scratch[held..]) {
            Ok(0) => break,
            Ok(count) => {
                let used = count_packets(&scratch[..held + count], &shared);
                partial.clear();
                partial.extend_from_slice(&scratch[used..held + count]);
                if partial.is_empty() {
                    partial = Vec::new();
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    shared.counts.borrow_mut().closed += 1;
}

fn count_packets(bytes: &[u8], shared: &Shared) -> usize {
    let mut at = 0;
    let mut messages = 0;
    let now = shared.start.elapsed().as_micros() as u64;
    let measuring = shared.counts.borrow().measuring;
    while let Some(header) = bytes.get(at..at + 6) {
        let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let Some(payload) = bytes.get(at + 6..at + 6 + length) else { break };
        if header[..2] == [0x01, 0x5e] && payload.len() >= 8 + STAMP {
            messages += 1;
            // Every sixteenth is enough for percentiles and costs little.
            if measuring && at.is_multiple_of(16) {
                let stamp =
                    std::str::from_utf8(&payload[8..8 + STAMP]).ok().and_then(|text| text.parse().ok());
                if let Some(stamp) = stamp {
                    _ = shared.latency.borrow_mut().record(now.saturating_sub(stamp));
                }
            }
        }
        at += 6 + length;
    }
    shared.counts.borrow_mut().deliveries += messages;
    at
}

/// Sends room messages at an even rate, each from the next client of the next room.
async fn send(
    clients: Vec<Rc<Client>>,
    shared: Rc<Shared>,
    rate: u64,
    bytes: usize,
    room: usize,
    time: Duration,
) {
    let begin = Instant::now();
    let mut sent = 0u64;
    let rooms = clients.len().div_ceil(room);
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    while begin.elapsed() < time {
        ticks.tick().await;
        let due = (begin.elapsed().as_secs_f64() * rate as f64) as u64;
        // A tool that falls behind must not catch up with a burst nobody asked for.
        sent = sent.max(due.saturating_sub(rate / 10));
        while sent < due {
            let index = sent as usize;
            let number = (index % rooms) * room + (index / rooms) % room;
            sent += 1;
            let Some(client) = clients.get(number) else { continue };
            let mut payload = (FIRST_ROOM + (number / room) as u32).to_be_bytes().to_vec();
            payload.extend(format!("{:0STAMP$}", shared.start.elapsed().as_micros()).bytes());
            payload.resize(4 + bytes.max(STAMP), b'x');
            let message = frame(0xfea2, &payload);
            match client.stream.try_write(&message) {
                Ok(count) if count == message.len() => shared.counts.borrow_mut().sent += 1,
                Ok(count) => {
                    // A packet half written has to be finished, or the stream breaks.
                    _ = client.write_all(&message[count..]).await;
                }
                Err(_) => shared.counts.borrow_mut().skipped += 1,
            }
        }
    }
}

/// Resident memory of the daemon in KiB.
fn rss(daemon: &Program) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.child.id())).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}
